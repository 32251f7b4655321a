//! How much a relay keeps, for whoever plans its disk. It only reads, and a relay may run meanwhile.

use std::path::Path;

use crate::check::{LookError, look};
use crate::log::{EntryRows, Look, OperatorRows, Totals};
use crate::logging::Short;

/// How many of the largest spaces are named.
const LARGEST: usize = 10;

/// How much a relay keeps, at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// All together.
    pub totals: Totals,
    /// The largest spaces, the largest first.
    pub largest: Vec<SpaceSize>,
}

#[cfg(feature = "postgres")]
impl Stats {
    /// With what another database keeps.
    pub(crate) fn add(&mut self, other: Self) {
        let (totals, more) = (&mut self.totals, other.totals);
        totals.spaces += more.spaces;
        totals.entries += more.entries;
        totals.bytes += more.bytes;
        totals.mailboxes += more.mailboxes;
        totals.mail_bytes += more.mail_bytes;
        let first = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
        totals.first_end = first(totals.first_end, more.first_end);
        totals.first_due = first(totals.first_due, more.first_due);
        self.largest.extend(other.largest);
        self.largest
            .sort_by_key(|size| std::cmp::Reverse(size.bytes));
        self.largest.truncate(LARGEST);
    }
}

/// How much is kept of a space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpaceSize {
    /// The first eight digits of its id.
    pub space: String,
    /// Entries on its log, with those of which only the place is kept.
    pub entries: u64,
    /// Bytes of entries and attachments.
    pub bytes: u64,
}

/// How much the relay in a directory keeps.
///
/// # Errors
/// [`LookError`] where there is nothing that can be read.
pub fn stats(data: &Path) -> Result<Stats, LookError> {
    of(&look(data)?)
}

/// How much is kept where this looks.
pub(crate) fn of<L: Look>(look: &L) -> Result<Stats, LookError> {
    let stats = look.at_one_moment(|db| {
        let mut largest = Vec::with_capacity(LARGEST);
        for (space, number) in db.largest(LARGEST)? {
            largest.push(SpaceSize {
                space: Short(&space).to_string(),
                entries: db.head(number, &space)?.seq,
                bytes: db.bytes(number)?,
            });
        }
        let totals = db.totals()?;
        Ok(Stats { totals, largest })
    });
    Ok(stats?)
}

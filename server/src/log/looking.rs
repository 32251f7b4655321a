//! What an operator asks of all that a relay keeps, over a connection of its own that only reads: the
//! relay may run meanwhile.

use std::fmt;

use waymark_wire::ids::SpaceId;

use super::Day;
use super::rows::{Fault, Rows, SpaceNumber};
use crate::logging::Short;

/// A connection that reads, on a thread that may block.
pub(crate) trait Look {
    /// How it reads.
    type Rows: Rows + OperatorRows;

    /// Runs `f` over the rows of one moment.
    fn at_one_moment<T>(&self, f: impl FnOnce(&Self::Rows) -> Result<T, Fault>)
    -> Result<T, Fault>;

    /// What is wrong with how the engine keeps its rows, as far as it can tell.
    fn structure(&self) -> Result<Vec<String>, Fault>;

    /// Whether it is the database that is at fault, and not the way to it.
    fn is_damage(fault: &Fault) -> bool {
        matches!(fault, Fault::Damaged(_))
    }
}

/// An id with several places in one log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Doubled {
    /// The first of them.
    pub(crate) first: u64,
    /// The last of them.
    pub(crate) last: u64,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Spaces.
    pub spaces: u64,
    /// Entries, with those of which only the place is kept.
    pub entries: u64,
    /// Bytes of entries and attachments.
    pub bytes: u64,
    /// Mailboxes.
    pub mailboxes: u64,
    /// Bytes in their slots.
    pub mail_bytes: u64,
    /// When the first mailbox ends, in milliseconds since the Unix epoch. A relay that runs removes
    /// those that have ended.
    pub first_end: Option<i64>,
    /// When the first entries may go that checkpoints cover, in milliseconds since the Unix epoch. A
    /// relay that runs lets go of them within the hour.
    pub first_due: Option<i64>,
}

/// How much there is of what nobody uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unused {
    /// Spaces that were last used before the day in question.
    pub spaces: u64,
    /// Bytes of entries and attachments in them.
    pub bytes: u64,
    /// Spaces of which nobody has noted when they were used: they stay.
    pub unknown: u64,
}

/// Statements on all spaces.
pub(crate) trait OperatorRows {
    /// The spaces after `after` by id, the first `most`.
    fn spaces(
        &self,
        after: Option<&SpaceId>,
        most: usize,
    ) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault>;

    /// Ids that the space's log has several times, the first `most`.
    fn doubled(&self, number: SpaceNumber, most: usize) -> Result<Vec<Doubled>, Fault>;

    /// How much there is of everything.
    fn totals(&self) -> Result<Totals, Fault>;

    /// The spaces that take most, the largest first.
    fn largest(&self, most: usize) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault>;

    /// How many mailboxes have ended `now`, and how many checkpoints let entries go.
    fn due_now(&self, now: i64) -> Result<(u64, u64), Fault>;

    /// How much is kept of spaces that were last used before `since`.
    fn unused_since(&self, since: Day) -> Result<Unused, Fault>;
}

/// Something that is wrong with what a relay keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flaw {
    /// The space, where it is known: the first eight digits of its id.
    pub space: Option<String>,
    /// The place in its log, where it is at one.
    pub seq: Option<u64>,
    /// What is wrong, for whoever looks after the relay; never content or a whole id.
    pub what: String,
}

impl Flaw {
    /// Something that is wrong with a space.
    pub(super) fn of(space: &SpaceId, seq: Option<u64>, what: impl fmt::Display) -> Self {
        Self {
            space: Some(Short(space).to_string()),
            seq,
            what: what.to_string(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.space, self.seq) {
            (Some(space), Some(seq)) => write!(f, "space {space}, entry {seq}: {}", self.what),
            (Some(space), None) => write!(f, "space {space}: {}", self.what),
            (None, _) => write!(f, "database: {}", self.what),
        }
    }
}

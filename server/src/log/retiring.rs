//! Lets go of spaces that nobody has used for long: no entry and no reading that proved a member. First
//! the space's name goes, with all that says what is in it, so that from then on it is one that was
//! never here; then its entries, a little at a time. A device that comes back after all finds no space
//! and gives back what it holds, as to every relay that has lost something.

use ring::rand::{SecureRandom, SystemRandom};
use waymark_wire::ids::SpaceId;

use super::rows::{Fault, Rows};
use super::turn::Changes;
use crate::logging::Short;

/// Entries that go in one transaction, at most.
const ROWS: usize = 1_024;

/// A day, counted from the Unix epoch by the relay's clock: when a space was last used is not known
/// any closer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Day(pub u32);

impl Day {
    /// The day of an instant in seconds since the Unix epoch.
    #[must_use]
    pub fn of(seconds: u64) -> Self {
        Self(u32::try_from(seconds / (24 * 60 * 60)).unwrap_or(u32::MAX))
    }

    /// So many days before.
    #[must_use]
    pub const fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Days on which the relay did not run, as it turns out today: nobody could use a space on them.
pub(crate) const fn lost(ran: Day, today: Day) -> u32 {
    match ran.0 {
        0 => 0,
        ran => today.0.saturating_sub(ran).saturating_sub(1),
    }
}

/// Notes, within the writer's transaction, that the relay runs today.
pub(super) fn runs<R: Rows>(db: &R, today: Day) -> Result<(), Fault> {
    let ran = db.ran()?;
    if ran < today {
        db.set_ran(today, lost(ran, today))?;
    }
    Ok(())
}

/// Lets some of it go, within the writer's transaction: whether there may be more. What was last used
/// before `since` goes; of what nobody has noted that it was used, the time runs from `today` on.
pub(super) fn step<R: Rows>(
    db: &R,
    changes: &mut Changes,
    (today, since): (Day, Day),
) -> Result<bool, Fault> {
    if let Some(number) = db.leaving()? {
        if db.drop_entries(number, ROWS)? < ROWS {
            db.remove_space(number)?;
        }
        return Ok(true);
    }
    if db.begin_counting(today, ROWS)? {
        return Ok(true);
    }
    let Some(space) = db.unused(since)? else {
        return Ok(false);
    };
    let Some(number) = db.lock(&space)? else {
        return Ok(true);
    };
    // Somebody may have come meanwhile.
    if db.used(number)? >= since {
        return Ok(true);
    }
    let mut nobody = [0; 32];
    SystemRandom::new()
        .fill(&mut nobody)
        .map_err(|_| Fault::Engine("the system gives no random bytes".into()))?;
    db.retire(number, &SpaceId(nobody))?;
    tracing::info!(space = %Short(&space), "a space that nobody used was let go");
    changes.retired.push(space);
    Ok(true)
}

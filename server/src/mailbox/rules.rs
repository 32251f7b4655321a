//! What becomes of a put, whatever engine keeps the mailboxes.

use waymark_wire::limits;
use waymark_wire::message::MailboxSlot;

use super::{Put, PutRefused};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// What a put that is taken comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The slot is written.
    Add,
    /// The mailbox is made, to last until this instant, and its first slot written.
    Make {
        /// When it ends, in milliseconds since the Unix epoch.
        ends: i64,
    },
    /// The slot holds the same already.
    Nothing,
}

/// Weighs a put at `now` against what its mailbox holds: `None` where there is none, or its end has
/// come.
pub(crate) fn weigh(held: Option<&[MailboxSlot]>, put: &Put, now: i64) -> Result<Step, PutRefused> {
    let wanted = &put.slot;
    let step = match held {
        None if wanted.slot != 0 => return Err(PutRefused::Unknown),
        None if !put.may_create => return Err(PutRefused::Admission),
        None => Step::Make {
            ends: now.saturating_add(DAY * i64::from(put.days)),
        },
        Some(held) => match held.iter().find(|held| held.slot == wanted.slot) {
            Some(held) if held.bytes == wanted.bytes => return Ok(Step::Nothing),
            Some(_) => return Err(PutRefused::Taken),
            None => Step::Add,
        },
    };
    let held: usize = held.into_iter().flatten().map(|s| s.bytes.0.len()).sum();
    if held + wanted.bytes.0.len() > limits::MAILBOX {
        return Err(PutRefused::Full);
    }
    Ok(step)
}

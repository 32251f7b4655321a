//! Putting something into a mailbox, and removing those that have ended, within a writer's
//! transaction.

use super::rules::{self, Step};
use super::{Put, PutOutcome};
use crate::log::{Fault, MailRows};

/// Mailboxes that are removed at a time.
const SWEPT: usize = 64;

/// Puts something into a slot.
pub(crate) fn put<R: MailRows>(db: &R, put: &Put, now: i64) -> Result<PutOutcome, Fault> {
    sweep(db, now)?;
    let mailbox = &put.mailbox;
    db.lock_mailbox(mailbox)?;
    let mut held = db.held(mailbox, now)?;
    loop {
        let there = Some(&held[..]).filter(|held| !held.is_empty());
        match rules::weigh(there, put, now) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Step::Nothing) => return Ok(Ok(held)),
            Ok(Step::Add) => {}
            Ok(Step::Make { ends }) => {
                // One that ended, and was not swept yet.
                db.remove_mailbox(mailbox)?;
                if !db.insert_mailbox(mailbox, ends)? {
                    // Somebody else has just made it: what was weighed is not so any more.
                    held = db.held(mailbox, now)?;
                    continue;
                }
            }
        }
        db.insert_mail(mailbox, &put.slot)?;
        let at = held.partition_point(|other| other.slot < put.slot.slot);
        held.insert(at, put.slot.clone());
        return Ok(Ok(held));
    }
}

/// Removes mailboxes that have ended: whether there may be more.
pub(crate) fn sweep<R: MailRows>(db: &R, now: i64) -> Result<bool, Fault> {
    let ended = db.ended(now, SWEPT)?;
    for mailbox in &ended {
        db.remove_mailbox(mailbox)?;
    }
    Ok(ended.len() == SWEPT)
}

//! Mailboxes in the log's database.

use rusqlite::{Connection, OptionalExtension, params};
use waymark_wire::codec::Bytes;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::rows::Fault;
use crate::mailbox::rules::{self, Step};
use crate::mailbox::{Put, PutOutcome};

/// Mailboxes that are removed at a time.
const SWEPT: u16 = 64;

/// Puts something into a slot, within the writer's transaction.
pub(super) fn put(db: &Connection, put: &Put, now: i64) -> Result<PutOutcome, Fault> {
    sweep(db, now)?;
    let held = open(db, &put.mailbox, now)?;
    let step = match rules::weigh(held.as_deref(), put, now) {
        Ok(step) => step,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut held = held.unwrap_or_default();
    let number = match step {
        Step::Nothing => return Ok(Ok(held)),
        Step::Add => number(db, &put.mailbox)?,
        Step::Make { ends } => {
            // One that ended, and was not swept yet.
            if let Some(before) = number(db, &put.mailbox)? {
                remove(db, before)?;
            }
            db.prepare_cached("INSERT INTO mailbox (id, ends) VALUES (?1, ?2)")?
                .execute(params![put.mailbox.0, ends])?;
            Some(db.last_insert_rowid())
        }
    };
    let number = number.ok_or(Fault::Damaged("a mailbox is gone"))?;
    db.prepare_cached("INSERT INTO mail (place, bytes) VALUES (?1, ?2)")?
        .execute(params![
            first_place(number) + i64::from(put.slot.slot),
            put.slot.bytes.0
        ])?;
    let at = held.partition_point(|other| other.slot < put.slot.slot);
    held.insert(at, put.slot.clone());
    Ok(Ok(held))
}

/// All that a mailbox holds, in one statement, so that it is one moment's.
pub(super) fn open(
    db: &Connection,
    mailbox: &MailboxId,
    now: i64,
) -> Result<Option<Vec<MailboxSlot>>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT mail.place & 255, mail.bytes FROM mailbox
         JOIN mail ON mail.place BETWEEN mailbox.number << 8 AND (mailbox.number << 8) + 255
         WHERE mailbox.id = ?1 AND mailbox.ends > ?2 ORDER BY mail.place",
    )?;
    let slots = statement.query_map(params![mailbox.0, now], |row| {
        Ok(MailboxSlot {
            slot: row.get(0)?,
            bytes: Bytes(row.get(1)?),
        })
    })?;
    let slots: Vec<_> = slots.collect::<Result<_, _>>()?;
    // The first slot makes a mailbox: none is without.
    Ok(Some(slots).filter(|slots| !slots.is_empty()))
}

/// Removes mailboxes that have ended: whether there may be more.
pub(super) fn sweep(db: &Connection, now: i64) -> Result<bool, Fault> {
    let mut statement =
        db.prepare_cached("SELECT number FROM mailbox WHERE ends <= ?1 ORDER BY ends LIMIT ?2")?;
    let ended = statement.query_map(params![now, SWEPT], |row| row.get(0))?;
    let ended: Vec<i64> = ended.collect::<Result<_, _>>()?;
    for number in &ended {
        remove(db, *number)?;
    }
    Ok(ended.len() == usize::from(SWEPT))
}

fn remove(db: &Connection, number: i64) -> Result<(), Fault> {
    let first = first_place(number);
    db.prepare_cached("DELETE FROM mail WHERE place BETWEEN ?1 AND ?2")?
        .execute([first, first + 255])?;
    db.prepare_cached("DELETE FROM mailbox WHERE number = ?1")?
        .execute([number])?;
    Ok(())
}

fn number(db: &Connection, mailbox: &MailboxId) -> Result<Option<i64>, Fault> {
    Ok(db
        .prepare_cached("SELECT number FROM mailbox WHERE id = ?1")?
        .query_row([mailbox.0], |row| row.get(0))
        .optional()?)
}

const fn first_place(number: i64) -> i64 {
    number << 8
}

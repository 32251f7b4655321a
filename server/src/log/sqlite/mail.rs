//! The statements on mailboxes.

use rusqlite::{Connection, params};
use waymark_wire::codec::Bytes;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::rows::bound;
use crate::log::rows::{Fault, MailRows};

impl MailRows for Connection {
    fn lock_mailbox(&self, _: &MailboxId) -> Result<(), Fault> {
        // Only one writes.
        Ok(())
    }

    fn held(&self, mailbox: &MailboxId, now: i64) -> Result<Vec<MailboxSlot>, Fault> {
        let mut statement = self.prepare_cached(
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
        Ok(slots.collect::<Result<_, _>>()?)
    }

    fn insert_mailbox(&self, mailbox: &MailboxId, ends: i64) -> Result<bool, Fault> {
        self.prepare_cached("INSERT INTO mailbox (id, ends) VALUES (?1, ?2)")?
            .execute(params![mailbox.0, ends])?;
        Ok(true)
    }

    fn insert_mail(&self, mailbox: &MailboxId, slot: &MailboxSlot) -> Result<(), Fault> {
        let added = self
            .prepare_cached(
                "INSERT INTO mail (place, bytes)
                 SELECT (number << 8) + ?2, ?3 FROM mailbox WHERE id = ?1",
            )?
            .execute(params![mailbox.0, slot.slot, slot.bytes.0])?;
        if added == 1 {
            Ok(())
        } else {
            Err(Fault::Damaged("a mailbox is gone"))
        }
    }

    fn ended(&self, now: i64, most: usize) -> Result<Vec<MailboxId>, Fault> {
        let mut statement =
            self.prepare_cached("SELECT id FROM mailbox WHERE ends <= ?1 ORDER BY ends LIMIT ?2")?;
        let ended = statement.query_map([now, bound(most)], |row| row.get(0).map(MailboxId))?;
        Ok(ended.collect::<Result<_, _>>()?)
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Result<(), Fault> {
        for statement in [
            "DELETE FROM mail WHERE place BETWEEN
             (SELECT number << 8 FROM mailbox WHERE id = ?1)
             AND (SELECT (number << 8) + 255 FROM mailbox WHERE id = ?1)",
            "DELETE FROM mailbox WHERE id = ?1",
        ] {
            self.prepare_cached(statement)?.execute([mailbox.0])?;
        }
        Ok(())
    }
}

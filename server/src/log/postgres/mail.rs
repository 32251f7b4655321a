//! The statements on mailboxes.

use waymark_wire::codec::Bytes;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::rows::{bound, fixed};
use super::transaction::PostgresRows;
use crate::log::rows::{Fault, MailRows};

impl MailRows for PostgresRows {
    fn lock_mailbox(&self, mailbox: &MailboxId) -> Result<(), Fault> {
        self.row(
            "SELECT ends FROM mailbox WHERE id = $1 FOR UPDATE",
            &[&&mailbox.0[..]],
        )
        .map(drop)
    }

    fn held(&self, mailbox: &MailboxId, now: i64) -> Result<Vec<MailboxSlot>, Fault> {
        let rows = self.query(
            "SELECT mail.slot, mail.bytes FROM mailbox JOIN mail ON mail.mailbox = mailbox.id
             WHERE mailbox.id = $1 AND mailbox.ends > $2 ORDER BY mail.slot",
            &[&&mailbox.0[..], &now],
        )?;
        let slots = rows.iter().map(|row| {
            let slot = u8::try_from(row.try_get::<_, i64>(0)?);
            Ok(MailboxSlot {
                slot: slot.map_err(|_| Fault::Damaged("a mailbox has no such slot"))?,
                bytes: Bytes(row.try_get(1)?),
            })
        });
        slots.collect()
    }

    fn insert_mailbox(&self, mailbox: &MailboxId, ends: i64) -> Result<bool, Fault> {
        // Waits where somebody else is making it.
        let made = self.execute(
            "INSERT INTO mailbox (id, ends) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            &[&&mailbox.0[..], &ends],
        )?;
        if made == 0 {
            self.lock_mailbox(mailbox)?;
        }
        Ok(made > 0)
    }

    fn insert_mail(&self, mailbox: &MailboxId, slot: &MailboxSlot) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO mail (mailbox, slot, bytes) VALUES ($1, $2, $3)",
            &[&&mailbox.0[..], &i64::from(slot.slot), &&slot.bytes.0[..]],
        )?;
        Ok(())
    }

    fn ended(&self, now: i64, most: usize) -> Result<Vec<MailboxId>, Fault> {
        let rows = self.query(
            "SELECT id FROM mailbox WHERE ends <= $1 ORDER BY ends LIMIT $2
             FOR UPDATE SKIP LOCKED",
            &[&now, &bound(most)],
        )?;
        let ended = rows
            .iter()
            .map(|row| Ok(MailboxId(fixed(row.try_get(0)?)?)));
        ended.collect()
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Result<(), Fault> {
        // What is in it goes with it.
        self.execute("DELETE FROM mailbox WHERE id = $1", &[&&mailbox.0[..]])?;
        Ok(())
    }
}

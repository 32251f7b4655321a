//! A key that has been in force for long is replaced, so that one that was lost without anybody
//! noticing stops being of use. Whoever syncs first afterwards does it; what counts is that device's
//! own calendar, which is no part of what others accept.

use waymark_wire::membership::Rights;

use super::{Space, SpaceError};
use crate::membership::{Book, Wish};
use crate::store::{Store, Transaction};

/// Days after which a key is replaced.
const DAYS: i32 = 30;

impl Space {
    /// Notes since when the key is in force, as far as this device knows, and wishes for another one
    /// after 30 days. `today` is a local date, in days since 1970-01-01. Says whether there is
    /// anything new to send.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn renew_key(&mut self, store: &mut dyn Store, today: i32) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return Ok(false);
        };
        let start = membership.epoch_start();
        let writes = self
            .own_member()
            .is_ok_and(|(_, r)| r.include(Rights::WRITE));
        if !writes || !self.is_ready() || self.is_enrolling() || membership.is_closed() {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        let is_due = match self.state.epoch_seen {
            // A calendar that was set back must not keep a key for ever.
            Some((height, day)) if height == start && day <= today => today - day >= DAYS,
            _ => {
                self.state.epoch_seen = Some((start, today));
                self.save(&mut transaction);
                false
            }
        };
        if is_due && !self.wishes(store)?.contains(&Wish::Renew(start)) {
            self.wish(&mut transaction, &Wish::Renew(start))?;
        }
        if !transaction.is_empty()
            && let Err(error) = store.commit(transaction.into())
        {
            self.distrust();
            return Err(error.into());
        }
        Ok(is_due)
    }
}

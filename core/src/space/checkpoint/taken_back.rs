//! Taking back what this device has sealed of a checkpoint: nobody needs it, so nothing else is to wait
//! for it. What stands behind it takes its counters.
//!
//! The relay may have it all the same, and put it into its log after this. So what was taken back is
//! kept until the log shows something of this device at its counter. If that is what was taken back,
//! it is known, and what had taken the counter takes the next one: it can never count any more.

use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::EntryId;

use crate::crypto::Entropy;
use crate::membership::Book;
use crate::space::{Sealed, Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

impl Space {
    /// Takes back every part of a checkpoint that is on its way. Says whether there was one.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn take_back_checkpoint(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let sealed = self.all_sealed(store)?;
        let is_part = |sealed: &Sealed| is_part(sealed.entry.header());
        let Some(first) = sealed.iter().position(is_part) else {
            return Ok(false);
        };
        let mut transaction = Transaction::new();
        self.forget_outdated(store, &mut transaction)?;
        let mut next = sealed[first].counter;
        for sealed in &sealed[first..] {
            let place = keys::sealed_entry(self.number, sealed.counter);
            transaction.delete(Table::Outbox, place);
            if is_part(sealed) {
                let id = sealed.entry.id(&self.state.id);
                let place = keys::taken_back(self.number, sealed.counter, &id);
                transaction.put(Table::Outbox, place, sealed.entry.bytes());
            } else if matches!(sealed.entry.header().kind, Kind::Batch | Kind::Carry) {
                self.put_again(&mut transaction, sealed, next, entropy)?;
                next += 1;
            }
        }
        let before = std::mem::replace(&mut self.state.counter, next);
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.counter = before;
            return Err(error.into());
        }
        Ok(true)
    }

    /// Whether a part of a checkpoint that is on its way can never count any more: its epoch is over or
    /// about to be, or the log has something else in its place.
    pub(in crate::space) fn has_spent_checkpoint(
        &self,
        store: &dyn Store,
    ) -> Result<bool, SpaceError> {
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return Ok(false);
        };
        let own = self.state.device.map_or(0, |own| usize::from(own.0));
        let next = self.state.counters.get(own).copied().unwrap_or_default();
        let is_over = membership.is_rotation_due() || membership.is_closed();
        let is_spent = |header: &Header| {
            is_over || header.height < membership.epoch_start() || header.counter < next
        };
        let outbox = self.outbox(store)?;
        let mut parts = outbox.iter().map(|sealed| sealed.entry.header());
        Ok(parts.any(|header| is_part(header) && is_spent(header)))
    }

    /// The entry with this id and counter that was taken back, and its place in the store.
    pub(in crate::space) fn taken_back(
        &self,
        store: &dyn Store,
        counter: u32,
        id: &EntryId,
    ) -> Result<Option<(Vec<u8>, Entry)>, SpaceError> {
        let place = keys::taken_back(self.number, counter, id);
        let Some(bytes) = store.get(Table::Outbox, &place)? else {
            return Ok(None);
        };
        let broken = |_| damaged(Table::Outbox, "what was taken back cannot be read");
        Ok(Some((place, Entry::parse(bytes).map_err(broken)?)))
    }

    /// Forgets what was taken back and can never come any more: the log has something of this device at
    /// its counter.
    pub(super) fn forget_outdated(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        let own = self.state.device.map_or(0, |own| usize::from(own.0));
        let next = self.state.counters.get(own).copied().unwrap_or_default();
        let prefix = keys::all_taken_back(self.number);
        for (key, _) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            if keys::number_at(&key, 5, Table::Outbox)? < next {
                transaction.delete(Table::Outbox, key);
            }
        }
        Ok(())
    }
}

const fn is_part(header: &Header) -> bool {
    matches!(header.kind, Kind::Checkpoint | Kind::Snapshot)
}

//! Taking back what this device has sealed of a checkpoint: nobody needs it, so nothing else is to wait
//! for it. What stands behind it takes its counters.
//!
//! The relay may have it all the same, and put it into its log after this. So what was taken back is
//! kept until the log shows something of this device at its counter. If that is what was taken back,
//! it is known, and what had taken the counter takes the next one: it can never count any more.

use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::EntryId;

use crate::crypto::Entropy;
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
        let mut waiting = self.all_sealed(store)?;
        let is_part = |sealed: &Sealed| is_part(sealed.entry.header());
        let Some(first) = waiting.iter().position(is_part) else {
            return Ok(false);
        };
        let behind = waiting.split_off(first);
        let free = behind[0].counter;
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let done = self.forget_outdated(store, &mut transaction);
        let done = done.and_then(|()| {
            self.close_ranks(&mut transaction, &behind, free, entropy)?;
            self.save(&mut transaction);
            Ok(store.commit(transaction.into())?)
        });
        if done.is_err() {
            self.state = before;
        }
        done.map(|()| true)
    }

    /// Whether the entry on its way with this counter is a part of a checkpoint.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn is_of_checkpoint(&self, store: &dyn Store, counter: u32) -> Result<bool, SpaceError> {
        let sealed = self.all_sealed(store)?;
        let mut sealed = sealed.iter().filter(|sealed| sealed.counter == counter);
        Ok(sealed.any(|sealed| is_part(sealed.entry.header())))
    }

    /// Keeps what is taken back until it cannot come any more.
    pub(in crate::space) fn keep_taken_back(&self, transaction: &mut Transaction, part: &Sealed) {
        let id = part.entry.id(&self.state.id);
        let place = keys::taken_back(self.number, part.counter, &id);
        transaction.put(Table::Outbox, place, part.entry.bytes());
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

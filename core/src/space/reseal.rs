//! Sealing again what is on its way. A batch counts only in the epoch that it was sealed in; where
//! another epoch began first, this device has verified that nobody can ever accept the old form,
//! so the new one may take its counter.

use waymark_wire::ack::Ack;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::padding;
use zeroize::Zeroizing;

use super::{Sealed, Space, SpaceError, damaged, keys, outbox};
use crate::crypto::{CryptoError, Entropy, EpochKey, open, seal};
use crate::gate::{Section, decode_batch};
use crate::membership::{Book, BookError};
use crate::store::{Store, Table, Transaction};

impl Space {
    /// Seals anew, under the key in force, the batches that wait and are of an epoch that is over.
    /// Each keeps its counter, unless the log has something else in its place.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn reseal(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        self.renumber(store, entropy)?;
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return Ok(());
        };
        if membership.is_rotation_due() || membership.is_closed() {
            return Ok(());
        }
        // What waits is sealed anew once this device has the key, and has read what that opens.
        if !self.holds_key() || !self.has_opened_all() {
            return Ok(());
        }
        let start = membership.epoch_start();
        let mut transaction = Transaction::new();
        for sealed in self.batches(store)? {
            if sealed.entry.header().height < start {
                self.put_again(&mut transaction, &sealed, sealed.counter, entropy)?;
            }
        }
        if !transaction.is_empty() {
            store.commit(transaction.into())?;
        }
        Ok(())
    }

    /// Makes room for one entry before the batches that wait: its counter.
    pub(super) fn move_back(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        entropy: &mut dyn Entropy,
    ) -> Result<u32, SpaceError> {
        let mut waiting = self.all_sealed(store)?;
        let is_batch = |sealed: &Sealed| is_like_batch(sealed.entry.header().kind);
        let Some(first) = waiting.iter().position(is_batch) else {
            return Ok(self.next_counter());
        };
        let behind = waiting.split_off(first);
        let free = behind[0].counter;
        self.close_ranks(transaction, &behind, free + 1, entropy)?;
        Ok(free)
    }

    /// Gives what is on its way from somewhere on the counters from `next` on. Batches are sealed
    /// again; an ack is said again, and a draft made again, when it is its turn; of a checkpoint
    /// nothing is sealed twice.
    pub(super) fn close_ranks(
        &mut self,
        transaction: &mut Transaction,
        waiting: &[Sealed],
        mut next: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let is_batch = |sealed: &&Sealed| is_like_batch(sealed.entry.header().kind);
        // All places are free before the first is taken: a batch may get that of what is given up.
        for sealed in waiting.iter().filter(is_batch) {
            let place = keys::sealed_entry(self.number, sealed.counter);
            transaction.delete(Table::Outbox, place);
        }
        for sealed in waiting.iter().filter(|sealed| !is_batch(sealed)) {
            self.give_up(transaction, sealed);
        }
        for sealed in waiting.iter().filter(is_batch) {
            self.put_again(transaction, sealed, next, entropy)?;
            next += 1;
        }
        if !self.is_enrolling() {
            self.state.counter = next;
        }
        Ok(())
    }

    /// Gives up an entry on its way. What it is for is done again in its turn.
    pub(super) fn give_up(&mut self, transaction: &mut Transaction, sealed: &Sealed) {
        let place = keys::sealed_entry(self.number, sealed.counter);
        transaction.delete(Table::Outbox, place);
        match sealed.entry.header().kind {
            Kind::Checkpoint | Kind::Snapshot => self.keep_taken_back(transaction, sealed),
            Kind::Membership => self.state.renewed = None,
            Kind::Ack if matches!(Ack::parse(sealed.entry.body()), Some(Ack::KeyRefused(_))) => {
                self.state.refused = None;
            }
            _ => {}
        }
    }

    /// Puts a batch on its way again, sealed where the membership stands now, or where this device
    /// lacks that key as it was before.
    pub(super) fn put_again(
        &self,
        transaction: &mut Transaction,
        sealed: &Sealed,
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let text = self.text_of(&sealed.entry)?;
        let header = sealed.entry.header();
        let entry = if self.holds_key() {
            self.seal_kind(header.kind, text, counter, entropy)?
        } else {
            self.seal_at(header.kind, text, counter, header.height, entropy)?
        };
        outbox::put_batch(transaction, self.number, counter, entry);
        Ok(())
    }

    /// The padded text of a batch that this device has sealed.
    pub(super) fn text_of(&self, entry: &Entry) -> Result<Vec<u8>, SpaceError> {
        let lost = || damaged(Table::Epoch, "the key of a batch on its way is missing");
        let book = self.book.as_ref().ok_or_else(lost)?;
        let header = entry.header();
        let key = book.key_at(header.height).ok_or_else(lost)?;
        let at = book.membership().id_at(header.height).ok_or_else(lost)?;
        Ok(self.open_body(key, &at, entry)?)
    }

    /// The padded text of an entry that was sealed under a key, over a membership entry.
    pub(super) fn open_body(
        &self,
        key: &EpochKey,
        at: &EntryId,
        entry: &Entry,
    ) -> Result<Vec<u8>, CryptoError> {
        let (space, header) = (&self.state.id, entry.header().to_bytes());
        open(key, &space.0, &at.0, &header, entry.body())
    }

    /// What a batch that this device has sealed says.
    pub(super) fn own_sections(&self, entry: &Entry) -> Result<Vec<Section>, SpaceError> {
        let padded = Zeroizing::new(self.text_of(entry)?);
        let broken = || damaged(Table::Outbox, "a batch on its way cannot be read");
        let text = padding::unpad(&padded).ok_or_else(broken)?;
        Ok(decode_batch(self.actor(), text)?)
    }

    /// The entry of a batch with this padded text, under the key in force.
    pub(super) fn seal_batch(
        &self,
        text: Vec<u8>,
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Entry, SpaceError> {
        self.seal_kind(Kind::Batch, text, counter, entropy)
    }

    /// The same for what is sealed like a batch.
    pub(super) fn seal_kind(
        &self,
        kind: Kind,
        text: Vec<u8>,
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Entry, SpaceError> {
        let height = self.book.as_ref().map(|book| book.membership().height());
        self.seal_at(kind, text, counter, height.unwrap_or_default(), entropy)
    }

    /// The same under the key of the epoch at a height.
    fn seal_at(
        &self,
        kind: Kind,
        text: Vec<u8>,
        counter: u32,
        height: Height,
        entropy: &mut dyn Entropy,
    ) -> Result<Entry, SpaceError> {
        self.seal_in(kind, text, counter, height, entropy, Ok)
    }

    /// The same where the sealed text is only a part of the body, which `body` makes of it.
    pub(super) fn seal_in(
        &self,
        kind: Kind,
        text: Vec<u8>,
        counter: u32,
        height: Height,
        entropy: &mut dyn Entropy,
        body: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, SpaceError>,
    ) -> Result<Entry, SpaceError> {
        let refused = || SpaceError::Membership(BookError::KeyRefused);
        let (book, device) = self
            .book
            .as_ref()
            .zip(self.state.device)
            .ok_or_else(refused)?;
        let key = book.key_at(height).ok_or_else(refused)?;
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let header = Header {
            kind,
            device,
            counter,
            height,
            seen: self.state.cursor.position(),
            salt,
        };
        let at = book.membership().id_at(height).ok_or_else(refused)?;
        let space = self.state.id;
        let sealed = seal(key, &space.0, &at.0, &header.to_bytes(), text)?;
        let body = body(sealed)?;
        let signing = &self.signing;
        Ok(Entry::assemble(header, &body, &space, &at, |text| {
            signing.sign(text)
        }))
    }
}

/// Whether entries of this kind are batches, or sealed and sealed again like one.
pub(super) const fn is_like_batch(kind: Kind) -> bool {
    matches!(kind, Kind::Batch | Kind::Carry)
}

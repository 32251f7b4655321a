//! Reading a log again from its start, after a repair: documents that were damaged come back from it.
//!
//! The repair itself is local. Until the first page of the log is here, everything that is sound stays
//! as it is; with that page the place in the log goes back to its start, and own entries count like
//! others' as far as the log had confirmed them before. Nothing is sent before the log was read to its
//! end. Then what had been put aside, because it stood on what was damaged, takes its place again.

use minicbor::{Decode, Encode};
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec;
use waymark_wire::entry::Header;

use super::receive::Page;
use super::{Item, Space, SpaceError, damaged, keys};
use crate::crypto::EpochKey;
use crate::gate::DocumentName;
use crate::store::{Store, Table, Transaction};

/// How a log is read again.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Again {
    /// How far it was read before. It has to come to the same there.
    #[n(0)]
    pub(super) until: Position,
    /// Own entries below this counter were confirmed.
    #[n(1)]
    pub(super) below: u32,
    /// It has not begun yet.
    #[n(2)]
    pub(super) waits: bool,
    /// Documents that are not here until it has ended.
    #[n(3)]
    pub(super) absent: Vec<DocumentName>,
    /// It is read on from behind something that was forgotten and that this device could not read: what
    /// it has to say about that goes, too.
    #[n(4)]
    pub(super) is_behind_cut: Option<bool>,
    /// The space was closed, and never counts as open until the log says so once more.
    #[n(5)]
    pub(super) was_closed: Option<bool>,
}

impl Again {
    pub(super) fn load(store: &dyn Store, number: u32) -> Result<Option<Self>, SpaceError> {
        let row = store.get(Table::Outbox, &keys::again(number))?;
        let again = row.map(|row| codec::decode(&row, usize::MAX)).transpose();
        again.map_err(|_| damaged(Table::Outbox, "how the log is read again cannot be read"))
    }

    pub(super) fn save(&self, transaction: &mut Transaction, number: u32) {
        transaction.put(Table::Outbox, keys::again(number), codec::encode(self));
    }
}

impl Space {
    /// Whether the log is being read again from its start, or is to be.
    #[must_use]
    pub const fn reads_again(&self) -> bool {
        self.again.is_some()
    }

    /// Whether the log that is read again came to an end of the space.
    pub(super) fn was_closed(&self) -> bool {
        let again = self.again.as_ref();
        again.is_some_and(|again| again.was_closed == Some(true))
    }

    /// After which place of the log this device reads on.
    #[must_use]
    pub fn reads_after(&self) -> Position {
        match &self.again {
            Some(again) if again.waits => Cursor::start(&self.state.id).position(),
            _ => self.state.cursor.position(),
        }
    }

    /// Fails where a document is to come with the log or from a checkpoint.
    pub(super) fn is_here(&self, name: DocumentName) -> Result<(), SpaceError> {
        if self.is_shown_as_before(name) {
            return Ok(());
        }
        self.is_sound(name)?;
        if self.is_still_to_come(name) {
            return Err(SpaceError::OnItsWay);
        }
        Ok(())
    }

    /// Whether a document was given up for what is left, where something was forgotten, and is not here
    /// anew.
    pub(super) fn is_given_up(&self, name: DocumentName) -> bool {
        let again = self.again.as_ref();
        again.is_some_and(|again| again.is_behind_cut == Some(true) && again.absent.contains(&name))
    }

    /// Whether such a document is shown as it was, since nothing stands in its place yet.
    fn is_shown_as_before(&self, name: DocumentName) -> bool {
        let again = self.again.as_ref();
        let is_whole = again.is_some_and(|again| again.waits || self.is_on_trial());
        is_whole && self.is_given_up(name) && self.documents.holds_any(name)
    }

    /// Nothing is left of the documents that were given up for what is left, where something was
    /// forgotten, but for what is shown until that is here.
    pub(super) fn empty_given_up(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        let is_given_up = |again: &&Again| again.is_behind_cut == Some(true);
        let again = self.again.as_ref().filter(is_given_up);
        for name in again.map(|again| again.absent.clone()).unwrap_or_default() {
            self.keep_former(store, transaction, name)?;
            self.documents.empty(transaction, name);
        }
        Ok(())
    }

    /// Fails where a document was damaged, or is still to come and can only be read then.
    pub(super) fn may_be_edited(&self, name: DocumentName) -> Result<(), SpaceError> {
        self.is_sound(name)?;
        if self.is_still_to_come(name) && !self.may_be_edited_before() {
            return Err(SpaceError::OnItsWay);
        }
        Ok(())
    }

    fn is_sound(&self, name: DocumentName) -> Result<(), SpaceError> {
        let again = self.again.as_ref();
        let Some(again) = again.filter(|again| again.absent.contains(&name)) else {
            return Ok(());
        };
        if again.is_behind_cut == Some(true) {
            // Nothing is damaged: it comes as it is without what was forgotten.
            return Err(SpaceError::OnItsWay);
        }
        let what = "it was damaged, and comes back with the next sync";
        Err(damaged(Table::Document, what))
    }

    /// Whether an entry is this device's own, and was confirmed before the log was read again, or is
    /// looked at later.
    pub(super) fn is_from_before(&self, header: &Header) -> bool {
        let again = self.again.as_ref();
        let is_known = again.is_some_and(|again| header.counter < again.below);
        self.is_own(header.device) && (is_known || self.is_on_trial())
    }

    /// Whether a document comes back with the log, whatever this device had written in it.
    pub(super) fn comes_back(&self, name: DocumentName) -> bool {
        self.is_sound(name).is_err()
    }

    /// Goes back to the log's start with its first page.
    pub(super) fn begin_again(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        items: &[Item],
    ) -> Result<(), SpaceError> {
        let Some(again) = self.again.as_mut().filter(|again| again.waits) else {
            return Ok(());
        };
        if items.is_empty() {
            return Err(SpaceError::Relay("it shows nothing of a log that it had"));
        }
        again.waits = false;
        again.save(transaction, self.number);
        self.empty_given_up(store, transaction)?;
        self.forget_log(transaction);
        self.state.cursor = Cursor::start(&self.state.id);
        self.state.opened = 0;
        self.state.counters.clear();
        self.state.verified = None;
        self.state.base = None;
        self.book = None;
        Ok(())
    }

    /// Forgets what is kept of the log.
    pub(super) fn forget_log(&mut self, transaction: &mut Transaction) {
        for table in [
            Table::Entry,
            Table::Membership,
            Table::Quarantine,
            Table::Waiting,
        ] {
            transaction.delete_prefix(table, keys::space(self.number));
        }
        self.forget_checkpoints(transaction);
        self.waiting.clear();
    }

    /// The epoch keys that this device has kept, for a membership that is read again.
    pub(super) fn take_kept_keys(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        for (key, value) in store.sift(Table::Epoch, &keys::space(self.number))?.rows {
            book.restore_key(keys::height_of(&key)?, EpochKey::from_slice(&value)?);
        }
        Ok(())
    }

    /// Fails where the log comes to something else than it did.
    pub(super) fn is_the_same_log(&self) -> Result<(), SpaceError> {
        let now = self.state.cursor.position();
        let until = self.again.as_ref().map(|again| again.until);
        match until.filter(|until| until.seq == now.seq) {
            Some(until) if until != now => {
                Err(SpaceError::Relay("it shows another log than it did before"))
            }
            _ => Ok(()),
        }
    }

    /// Puts what was put aside in its place, now that the log was read to its end.
    pub(super) fn end_again(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        if !self.has_opened_all() || self.start.is_some() {
            return Ok(());
        }
        let next = self.state.cursor.seq.saturating_add(1);
        self.end_again_before(store, page, next)
    }

    /// The same before the entry `seq`, the next one to be opened.
    pub(super) fn end_again_before(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
    ) -> Result<(), SpaceError> {
        let again = self
            .again
            .take_if(|again| !again.waits && again.until.seq < seq);
        let Some(again) = again else {
            return Ok(());
        };
        self.say_aside(store, page, again.is_behind_cut == Some(true))?;
        self.forget_formers(store, page)?;
        page.transaction
            .delete(Table::Outbox, keys::again(self.number))
            .delete_prefix(Table::Outbox, keys::all_aside(self.number));
        Ok(())
    }
}

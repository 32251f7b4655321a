//! One document of a checkpoint, whole or not at all: its snapshot is held against every rule and
//! against the digest that the checkpoint states, joins what is here of the document, and is stored in
//! one transaction with what the log says of it behind the checkpoint.

use waymark_wire::codec;

use super::{Behind, StartFault, Wanted};
use crate::gate::{ActorId, Document, DocumentName, GateError, Merged, inspect_snapshot};
use crate::space::documents::first_unsent;
use crate::space::receive::Page;
use crate::space::restored::Unsettled;
use crate::space::{Change, Received, Space, SpaceError, actor, keys};
use crate::store::{Store, Table, Transaction};

/// Times that a snapshot is begun without coming to an end, after which it is held to have ended the
/// app.
const DEATHS: u32 = 2;

impl Space {
    /// Takes a document all of whose snapshot is here.
    ///
    /// # Errors
    /// [`SpaceError::Checkpoint`] names what is wrong with it, [`SpaceError::Restored`] tells that
    /// somebody else has written under this device's keys; nothing of it is kept then. Or the store's.
    pub fn take_document(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
    ) -> Result<Received, SpaceError> {
        self.refresh(store)?;
        let Some(wanted) = self.begin(store, name)? else {
            return Ok(Received::default());
        };
        let mut taken = self.try_take(store, name, &wanted, Page::default());
        if let Err(SpaceError::Gate(GateError::Engine(_) | GateError::Poisoned)) = taken {
            // What breaks is to take nothing else along.
            self.distrust();
            self.refresh(store)?;
            taken = self.try_take(store, name, &wanted, Page::one_by_one());
        }
        if let Err(error) = &taken {
            self.distrust();
            self.refresh(store)?;
            // Whatever it was, it did not kill.
            self.write_wanted(store, name, &Wanted { begun: 0, ..wanted })?;
            if let (SpaceError::Checkpoint { why, .. }, Some(start)) = (error, &mut self.start) {
                tracing::warn!(space = self.number, %why, "a snapshot is refused");
                start.fault = Some(why.clone());
            }
        }
        taken
    }

    fn try_take(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
        wanted: &Wanted,
        mut page: Page,
    ) -> Result<Received, SpaceError> {
        let parts = self.parts(store, &wanted.pieces)?;
        let parts = parts.map_err(|why| self.faulty(why))?;
        let merged = self.join_document(store, &mut page, name, wanted, &parts)?;
        drop(parts);
        let authors = merged
            .as_ref()
            .map(|merged| merged.summary.authors.as_slice());
        let unsent = self.unsent_after(store, name, wanted, authors.unwrap_or_default())?;
        let own = self.actor();
        let document = self.documents.open(store, name, own)?;
        let says_again = unsent.is_some();
        let unsent = match unsent {
            Some(from) => document.changes_from(own, from)?,
            None => Vec::new(),
        };
        if merged.is_some() || says_again {
            let transaction = &mut page.transaction;
            self.documents.save_whole(transaction, name, &unsent)?;
        }
        self.is_taken(&mut page.transaction, name, wanted);
        if let Some(merged) = merged.filter(|merged| merged.new > 0) {
            page.received.changes.push(Change {
                document: name,
                records: merged.records,
                texts: merged.texts,
            });
        }
        self.take_behind(store, &mut page, &wanted.behind)?;
        self.retry_waiting(store, &mut page, name)?;
        self.documents.flush()?;
        self.save(&mut page.transaction);
        store.commit_soon(page.transaction.into())?;
        self.start_is_saved();
        self.documents.reload(store, &page.broken)?;
        self.documents.evict();
        Ok(page.received)
    }

    /// Begins to take a document, as before a death in the middle of it.
    #[cfg(test)]
    pub(in crate::space) fn begin_document(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
    ) -> Result<(), SpaceError> {
        self.begin(store, name).map(drop)
    }

    /// Notes that a document is begun: one that ends the process is known afterwards.
    fn begin(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
    ) -> Result<Option<Wanted>, SpaceError> {
        let Some(start) = &mut self.start else {
            return Ok(None);
        };
        let Some(wanted) = start.wanted.get_mut(&name) else {
            return Ok(None);
        };
        if wanted.begun >= DEATHS {
            return Err(start.faulty(StartFault::Killed));
        }
        wanted.begun += 1;
        let begun = wanted.clone();
        self.write_wanted(store, name, &begun)?;
        Ok(Some(begun))
    }

    fn write_wanted(
        &self,
        store: &mut dyn Store,
        name: DocumentName,
        wanted: &Wanted,
    ) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        let place = keys::wanted(self.number, name);
        transaction.put(Table::Outbox, place, codec::encode(wanted));
        Ok(store.commit_soon(transaction.into())?)
    }

    /// Brings a snapshot into its document; `None` where there is no snapshot.
    fn join_document(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        name: DocumentName,
        wanted: &Wanted,
        parts: &[Vec<u8>],
    ) -> Result<Option<Merged>, SpaceError> {
        if parts.is_empty() {
            return Ok(None);
        }
        let own = self.actor();
        let members = self.actors();
        let is_member = |actor: &ActorId| members.contains(actor);
        let refused = |error: GateError| StartFault::Refused(error.reason());
        let document = self.documents.open(store, name, own)?;
        let written = document.own_seq();
        if document.change_count() > 0 {
            // What is here stays as it is until all of it is known to be right.
            let held = inspect_snapshot(name, &is_member, parts);
            let held = held.map_err(|error| self.faulty(refused(error)))?;
            if held.digest.0 != wanted.changes.0 {
                return Err(self.faulty(StartFault::Digest));
            }
        }
        let document = self.documents.open(store, name, own)?;
        let mut merged = document.accept_snapshot(name, &is_member, parts);
        if let Err(GateError::Forked { .. }) = merged {
            self.part_ways(store, page, name, parts)?;
            let document = self.documents.open(store, name, own)?;
            merged = document.accept_snapshot(name, &is_member, parts);
        }
        let merged = merged.map_err(|error| self.faulty(refused(error)))?;
        if merged.summary.digest.0 != wanted.changes.0 {
            return Err(self.faulty(StartFault::Digest));
        }
        // A document that was damaged comes back with what this device wrote in it.
        let comes_back = self.reads_again() && !wanted.is_here;
        if last_of(own, &merged.summary.authors) > written && !comes_back {
            let seq = self.base_seq();
            return Err(SpaceError::Restored { seq });
        }
        Ok(Some(merged))
    }

    /// A snapshot has another change than this document at some place. Where that is under this
    /// device's own keys, it is one of two; where it is under keys that it has given up, what it wrote
    /// there is written again under its own.
    fn part_ways(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        name: DocumentName,
        parts: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        let members = self.actors();
        let is_member = |actor: &ActorId| members.contains(actor);
        let other = Document::from_snapshot(own, name, &is_member, parts);
        let other = other.map_err(|error| self.faulty(StartFault::Refused(error.reason())))?;
        let at = self.base_seq();
        let document = self.documents.open(store, name, own)?;
        if document.parts_from(&other, own)?.is_some() {
            return Err(SpaceError::Restored { seq: at });
        }
        let before = self.given_up(name);
        let document = self.documents.open(store, name, own)?;
        let Some(from) = document.parts_from(&other, before)? else {
            return Ok(());
        };
        let unsettled = self.unsettled.entry(name).or_default();
        unsettled.leave(before, from);
        unsettled.confirm(before, from);
        match self.settle(store, &mut page.transaction, name) {
            // Others have seen it: it is the snapshot that is wrong.
            Err(SpaceError::Gate(GateError::Damaged(_))) => {
                let forked = GateError::Forked { seq: from };
                Err(self.faulty(StartFault::Refused(forked.reason())))
            }
            settled => settled,
        }
    }

    /// Under whose name this device wrote in a document what it is to write again under its own.
    fn given_up(&self, name: DocumentName) -> ActorId {
        let known = self.unsettled.get(&name).and_then(Unsettled::first);
        known.unwrap_or_else(|| actor(&self.state.id, &self.signing.verifying_key()))
    }

    /// From which own change on nothing of a document is in the log or sealed, now that this is known;
    /// `None` where there is no such change.
    fn unsent_after(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        wanted: &Wanted,
        authors: &[(ActorId, u32)],
    ) -> Result<Option<u32>, SpaceError> {
        let own = self.actor();
        if self.is_enrolling() || self.unsettled.contains_key(&name) {
            self.leave_open(store, name, authors)?;
            // Nothing is sealed under the keys that this device is to have.
            let document = self.documents.open(store, name, own)?;
            return Ok(Some(1).filter(|_| document.own_seq() > 0));
        }
        let number = self.documents.number_of(name);
        let unsent = number.map(|number| first_unsent(store, self.number, number));
        let unsent = unsent.transpose()?.flatten();
        if !wanted.is_here {
            return Ok(unsent);
        }
        let unconfirmed = self.unconfirmed(store)?;
        let open = unconfirmed.iter().find(|(of, _)| *of == name);
        let open = open.map(|(_, from)| *from);
        let open = open.into_iter().chain(wanted.own_from).min();
        let document = self.documents.open(store, name, own)?;
        let shown = last_of(own, authors);
        if shown < document.own_seq() && open.is_none_or(|open| shown + 1 < open) {
            // Others do not have what this device has said: it says it again, with all that follows.
            tracing::warn!(
                space = self.number,
                "a checkpoint lacks what this device wrote"
            );
            return Ok(Some(shown + 1));
        }
        Ok(unsent)
    }

    /// What stands here under keys that were given up, and is not in the snapshot, is open until the log
    /// has shown it or has come to its end.
    fn leave_open(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        authors: &[(ActorId, u32)],
    ) -> Result<(), SpaceError> {
        let before = self.given_up(name);
        let own = self.actor();
        let document = self.documents.open(store, name, own)?;
        let last = document.last_seq_of(before)?;
        let shown = last_of(before, authors).min(last);
        if shown < last || self.unsettled.contains_key(&name) {
            let unsettled = Unsettled::new(before, shown + 1);
            self.unsettled.insert(name, unsettled);
        }
        Ok(())
    }

    /// A document wants nothing any more, and its snapshot is not needed by itself.
    fn is_taken(&mut self, transaction: &mut Transaction, name: DocumentName, wanted: &Wanted) {
        for id in &wanted.pieces {
            transaction.delete(Table::Attachment, keys::piece(self.number, id));
        }
        self.keep_unsettled(transaction, name);
        if let Some(start) = &mut self.start {
            start.wanted.remove(&name);
            start.changed.documents.insert(name);
        }
    }

    /// Offers what the log says behind the checkpoint.
    fn take_behind(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        behind: &[Behind],
    ) -> Result<(), SpaceError> {
        for Behind { seq, section } in behind {
            let entry = self.stored_entry(store, *seq)?;
            let index = usize::try_from(*section).unwrap_or(usize::MAX);
            let sections = self.sections_of(&entry).unwrap_or_default();
            let Some(found) = sections.get(index) else {
                continue;
            };
            let place = (*seq, *section);
            if let Err(reason) = self.apply(store, page, found, place)? {
                let device = entry.header().device;
                self.hold(page, place, device, reason, Some(found.name()));
            }
        }
        Ok(())
    }

    fn faulty(&self, why: StartFault) -> SpaceError {
        let start = self.start.as_ref();
        SpaceError::Checkpoint {
            seq: start.map_or(0, |start| start.row.seq),
            why,
        }
    }
}

/// The number of an actor's last change in a snapshot.
fn last_of(of: ActorId, authors: &[(ActorId, u32)]) -> u32 {
    let mut authors = authors.iter();
    authors
        .find(|(actor, _)| *actor == of)
        .map_or(0, |(_, last)| *last)
}

//! What waits to be sent: changes that are in no entry yet, and entries that the log has not shown.
//!
//! An entry is sealed, stored with its counter in one transaction, and then sent byte for byte
//! until this device has computed the chain through it.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::membership::{Member, Rights};
use waymark_wire::{limits, padding};

use super::documents::Ahead;
use super::standing::Standing;
use super::{Space, SpaceError, damaged, keys};
use crate::crypto::Entropy;
use crate::gate::limits::MAX_BATCH_OPERATIONS;
use crate::gate::{PlainChange, Section, encode_batch};
use crate::membership::{Draft, Wish};
use crate::store::{Store, Table, Transaction};

/// Bytes of changes in one batch before packing. Less than the protocol's limit, so that a batch
/// fits however badly it packs.
const BATCH_BYTES: usize = 200 * 1024;

/// An entry on its way to the relay.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its counter.
    pub counter: u32,
    /// The whole entry.
    pub entry: Entry,
    /// What it names by hash, if it is a membership entry.
    pub attachments: Vec<Vec<u8>>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    entry: Bytes,
    #[n(1)]
    attachments: Vec<Bytes>,
}

/// Puts a membership entry of this device on its way.
pub(super) fn put_membership(
    transaction: &mut Transaction,
    number: u32,
    counter: u32,
    draft: &Draft,
) {
    let row = Row {
        entry: Bytes(draft.entry.bytes().to_vec()),
        attachments: draft.attachments.iter().cloned().map(Bytes).collect(),
    };
    transaction.put(
        Table::Outbox,
        keys::sealed_entry(number, counter),
        codec::encode(&row),
    );
}

/// Puts a batch of this device on its way.
pub(super) fn put_batch(transaction: &mut Transaction, number: u32, counter: u32, entry: Entry) {
    let row = Row {
        entry: Bytes(entry.into_bytes()),
        attachments: Vec::new(),
    };
    let place = keys::sealed_entry(number, counter);
    transaction.put(Table::Outbox, place, codec::encode(&row));
}

impl Space {
    /// Changes that are in no entry yet; counted up to 4,096. A document whose unsent changes are to be
    /// written again under new keys counts for one more, and so do changes of one document that are put
    /// aside until the log is read.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn unsent(&self, store: &dyn Store) -> Result<usize, SpaceError> {
        let marks = keys::unsent(self.number);
        let marks = store.scan(Table::Outbox, &marks, None, limits::CHANGES)?;
        Ok(marks.len() + self.unsettled.len() + self.aside_unsealed(store)?)
    }

    /// Entries that the log has not shown yet, in order of their counters.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn outbox(&self, store: &dyn Store) -> Result<Vec<Sealed>, SpaceError> {
        let prefix = keys::sealed(self.number);
        let rows = store.scan(Table::Outbox, &prefix, None, limits::APPEND_ENTRIES)?;
        rows.iter()
            .map(|(key, row)| sealed(keys::number_at(key, 5, Table::Outbox)?, row))
            .collect()
    }

    /// The same without a limit.
    pub(super) fn all_sealed(&self, store: &dyn Store) -> Result<Vec<Sealed>, SpaceError> {
        let rows = store.scan(Table::Outbox, &keys::sealed(self.number), None, usize::MAX)?;
        rows.iter()
            .map(|(key, row)| sealed(keys::number_at(key, 5, Table::Outbox)?, row))
            .collect()
    }

    /// The batches that the log has not shown yet, in order of their counters, and what is sealed like
    /// them.
    pub(super) fn batches(&self, store: &dyn Store) -> Result<Vec<Sealed>, SpaceError> {
        let mut sealed = self.all_sealed(store)?;
        let is_meant = |kind| matches!(kind, Kind::Batch | Kind::Carry);
        sealed.retain(|sealed| is_meant(sealed.entry.header().kind));
        Ok(sealed)
    }

    /// Whether a batch that is sealed now would count, and stand on what the log says.
    pub(super) fn may_seal(&self) -> bool {
        let Some((book, own)) = self.book.as_ref().zip(self.state.device) else {
            return false;
        };
        let membership = book.membership();
        let writes = |member: &Member| member.rights.include(Rights::WRITE);
        !self.is_enrolling()
            && self.has_opened_all()
            && !self.lacks_what_was_before()
            && membership.member(own).is_some_and(writes)
            && !membership.is_rotation_due()
            && !membership.is_closed()
            && book.key_at(membership.height()).is_some()
    }

    /// Whether the log has everything that this device said, and wants to be in it now.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn is_sent(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        for (table, prefix) in [
            (Table::Outbox, keys::unsent(self.number)),
            (Table::Outbox, keys::sealed(self.number)),
        ] {
            if !store.scan(table, &prefix, None, 1)?.is_empty() {
                return Ok(false);
            }
        }
        let waits = |wish: &Wish| matches!(self.standing(wish), Standing::Waits);
        Ok(!self.has_lost() && self.wishes(store)?.iter().all(waits))
    }

    /// The counter of the first entry that the log has not shown yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn first_on_its_way(&self, store: &dyn Store) -> Result<Option<u32>, SpaceError> {
        let rows = store.scan(Table::Outbox, &keys::sealed(self.number), None, 1)?;
        let first = rows.first();
        first
            .map(|(key, _)| keys::number_at(key, 5, Table::Outbox))
            .transpose()
    }

    /// Seals what is in no entry yet, as much as one batch may hold. Says whether there was
    /// anything, and nothing is sealed where this device cannot write yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn seal(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        if !self.may_seal() {
            return Ok(false);
        }
        let marks = store.scan(
            Table::Outbox,
            &keys::unsent(self.number),
            None,
            limits::CHANGES,
        )?;
        if marks.is_empty() {
            return Ok(false);
        }

        let mut transaction = Transaction::new();
        let mut by_document: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        let mut bytes = 0;
        let mut operations = 0;
        let mut ahead = Ahead::default();
        let mut taken = Vec::with_capacity(marks.len());
        let all = marks.len();
        for (mark, _) in marks {
            let document = keys::number_at(&mark, 5, Table::Outbox)?;
            let row = keys::number_at(&mark, 9, Table::Outbox)?;
            let changes = self.documents.row(store, &mut ahead, document, row)?;
            let length: usize = changes.iter().map(Vec::len).sum();
            let count = operations_of(&changes)?;
            let is_full = bytes + length > BATCH_BYTES || operations + count > MAX_BATCH_OPERATIONS;
            if bytes > 0 && is_full {
                break;
            }
            bytes += length;
            operations += count;
            by_document.entry(document).or_default().extend(changes);
            taken.push(mark);
        }
        if taken.len() == all && all < limits::CHANGES {
            transaction.delete_prefix(Table::Outbox, keys::unsent(self.number));
        } else {
            for mark in taken {
                transaction.delete(Table::Outbox, mark);
            }
        }
        let mut sections = Vec::new();
        for (document, changes) in by_document {
            let name = self
                .documents
                .name_of(document)
                .ok_or_else(|| damaged(Table::Document, "a document's row is missing"))?;
            sections.push(Section::build(name, changes)?);
        }
        let mut text = encode_batch(&sections)?;
        padding::pad(&mut text);

        let counter = self.state.counter;
        let entry = self.seal_batch(text, counter, entropy)?;
        put_batch(&mut transaction, self.number, counter, entry);
        self.state.counter += 1;
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.counter -= 1;
            return Err(error.into());
        }
        Ok(true)
    }

    /// The entry on its way with this id, which probably has this counter.
    pub(super) fn on_its_way(
        &self,
        store: &dyn Store,
        counter: u32,
        id: &EntryId,
    ) -> Result<Option<Sealed>, SpaceError> {
        let space = self.state.id;
        // The entry that founds a space has its id before there is a space.
        let under = if *id == EntryId::from(space) {
            SpaceId::ZERO
        } else {
            space
        };
        let is_it = |sealed: &Sealed| sealed.entry.id(&under) == *id;
        let place = keys::sealed_entry(self.number, counter);
        let row = store.get(Table::Outbox, &place)?;
        match row.map(|row| sealed(counter, &row)).transpose()? {
            Some(sealed) if is_it(&sealed) => return Ok(Some(sealed)),
            _ => {}
        }
        if let Some(sealed) = self.outbox(store)?.into_iter().find(is_it) {
            return Ok(Some(sealed));
        }
        // A relay had lost it.
        Ok(self.own_lost(store, id)?.map(|entry| Sealed {
            counter: entry.header().counter,
            entry,
            attachments: Vec::new(),
        }))
    }
}

/// An entry on its way, from its row.
pub(super) fn sealed(counter: u32, row: &[u8]) -> Result<Sealed, SpaceError> {
    let broken = || damaged(Table::Outbox, "an entry on its way cannot be read");
    let row: Row = codec::decode(row, usize::MAX).map_err(|_| broken())?;
    Ok(Sealed {
        counter,
        entry: Entry::parse(row.entry.0).map_err(|_| broken())?,
        attachments: row.attachments.into_iter().map(|bytes| bytes.0).collect(),
    })
}

/// Operations of the document engine in stored changes: a deleted stretch of text is few bytes and
/// many of them.
fn operations_of(changes: &[Vec<u8>]) -> Result<u64, SpaceError> {
    let mut operations = 0;
    for stored in changes {
        let change = PlainChange::from_stored(stored)?;
        operations += u64::from(change.max_op()?.saturating_sub(change.start_op)) + 1;
    }
    Ok(operations)
}

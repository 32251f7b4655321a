//! The documents of a space on this device: loaded when they are needed, stored as a snapshot and
//! the changes since.

mod heads;

use std::collections::{BTreeMap, VecDeque};

use waymark_wire::codec::{self, Bytes};

use self::rows::{Counted, SnapshotRow, Tally, pack, put_name};
pub(super) use self::rows::{first_unsent, unpack};
use super::{SpaceError, damaged, keys, summary};
use crate::gate::{ActorId, ChangeHash, Document, DocumentName, StoredChange};
use crate::store::{self, Store, Table, Transaction};

mod rows;

/// Rows after which a document is saved whole again.
const ROWS_PER_SNAPSHOT: u32 = 128;
/// Documents kept in memory beside the one in use.
const LOADED: usize = 6;

/// Rows that are read together.
const ROWS_AHEAD: usize = 64;

/// Rows of changes that have been read already, in the order of keys.
#[derive(Default)]
pub(super) struct Ahead(VecDeque<store::Row>);

/// The documents of one space.
pub(super) struct Documents {
    space: u32,
    slots: BTreeMap<DocumentName, Slot>,
    /// The number of the next document.
    next_number: u32,
    /// Grows with every use; the smallest `used` goes first.
    uses: u64,
}

struct Slot {
    number: u32,
    /// Whether the store has the document's row.
    stored: bool,
    /// The store has the rows below this, or a snapshot of them.
    least: u32,
    /// The same with what was written since it was loaded.
    rows: u32,
    loaded: Option<Loaded>,
    /// The heads of a document that was loaded once and is not now.
    heads: Option<Vec<ChangeHash>>,
    /// What the store has of it goes with a transaction that is not committed yet.
    is_emptied: bool,
}

struct Loaded {
    document: Document,
    next_row: u32,
    rows: u32,
    used: u64,
}

impl Documents {
    pub(super) fn load(store: &dyn Store, space: u32) -> Result<Self, SpaceError> {
        let rows = store.scan(Table::Document, &keys::space(space), None, usize::MAX)?;
        let (documents, tally) = Self::of(rows, space)?;
        let is_missing = |counted: &Counted| documents.name_of(counted.number).is_none();
        if tally.documents.iter().any(is_missing) {
            return Err(damaged(Table::Document, "a document is missing"));
        }
        Ok(documents)
    }

    /// What can be told of documents where rows are damaged. Rows that are missing and whose names are
    /// known are written again.
    pub(super) fn salvage(
        store: &dyn Store,
        transaction: &mut Transaction,
        space: u32,
    ) -> Result<Self, SpaceError> {
        summary::outdate(transaction, space);
        let sifted = store.sift(Table::Document, &keys::space(space))?;
        let is_readable = |(key, value): &store::Row| {
            key.len() == keys::space(space).len()
                || codec::decode::<DocumentName>(value, usize::MAX).is_ok()
        };
        let rows = sifted.rows.into_iter().filter(is_readable).collect();
        let (mut documents, tally) = Self::of(rows, space)?;
        for key in sifted.damaged {
            transaction.delete(Table::Document, key);
        }
        for counted in tally.documents {
            let (kind, part) = (counted.kind, counted.part);
            let slot = Slot::stored(counted.number, counted.rows);
            let name = DocumentName { kind, part };
            if documents.name_of(counted.number).is_none() && !documents.slots.contains_key(&name) {
                put_name(transaction, space, counted.number, name);
                documents.slots.insert(name, slot);
            }
            documents.next_number = documents.next_number.max(counted.number + 1);
        }
        Ok(documents)
    }

    fn of(rows: Vec<store::Row>, space: u32) -> Result<(Self, Tally), SpaceError> {
        let mut slots = BTreeMap::new();
        let mut tally = Tally::default();
        for (key, value) in rows {
            if key == keys::space(space) {
                tally = codec::decode(&value, usize::MAX)
                    .map_err(|_| damaged(Table::Document, "the list of documents is damaged"))?;
                continue;
            }
            let name: DocumentName = codec::decode(&value, usize::MAX)
                .map_err(|_| damaged(Table::Document, "a document's row cannot be read"))?;
            let number = keys::number_at(&key, 4, Table::Document)?;
            let mut counted = tally.documents.iter();
            let least = counted.find(|counted| counted.number == number);
            let least = least.map_or(0, |counted| counted.rows);
            slots.insert(name, Slot::stored(number, least));
        }
        let numbers = slots.values().map(|slot: &Slot| slot.number);
        let documents = Self {
            space,
            next_number: numbers.max().map_or(0, |number| number + 1),
            slots,
            uses: 0,
        };
        Ok((documents, tally))
    }

    /// Writes down what there is, with what `transaction` writes of it.
    pub(super) fn note(&self, transaction: &mut Transaction) {
        let stored = self.slots.iter().filter(|(_, slot)| slot.stored);
        let documents = stored.map(|(name, slot)| Counted {
            number: slot.number,
            kind: name.kind,
            part: name.part,
            rows: slot.rows,
        });
        let tally = Tally {
            documents: documents.collect(),
        };
        transaction.put(
            Table::Document,
            keys::space(self.space),
            codec::encode(&tally),
        );
    }

    /// Forgets what is stored of a document: nothing of it counts any more. Once that is committed, what
    /// is here has to be loaded anew.
    pub(super) fn empty(&mut self, transaction: &mut Transaction, name: DocumentName) {
        let Some(slot) = self.slots.get_mut(&name) else {
            return;
        };
        slot.loaded = None;
        slot.heads = None;
        slot.is_emptied = true;
        (slot.least, slot.rows) = (0, 0);
        summary::outdate(transaction, self.space);
        let key = keys::document(self.space, slot.number);
        transaction
            .delete_prefix(Table::Change, key.clone())
            .delete(Table::Snapshot, key)
            .delete_prefix(Table::Outbox, keys::unsent_of(self.space, slot.number));
    }

    /// Whether a document was emptied since this was loaded.
    pub(super) fn has_emptied(&self) -> bool {
        self.slots.values().any(|slot| slot.is_emptied)
    }

    /// Has nothing of a document wait to be sent.
    pub(super) fn forget_unsent(&self, transaction: &mut Transaction, name: DocumentName) {
        if let Some(number) = self.number_of(name) {
            transaction.delete_prefix(Table::Outbox, keys::unsent_of(self.space, number));
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = DocumentName> + '_ {
        self.slots
            .iter()
            .filter(|(_, slot)| slot.stored)
            .map(|(name, _)| *name)
    }

    /// The name of the document with a local number.
    pub(super) fn name_of(&self, number: u32) -> Option<DocumentName> {
        self.slots
            .iter()
            .find(|(_, slot)| slot.number == number)
            .map(|(name, _)| *name)
    }

    /// Whether something of a document is stored.
    pub(super) fn is_stored(&self, name: DocumentName) -> bool {
        self.slots.get(&name).is_some_and(|slot| slot.stored)
    }

    /// Whether anything of a document is stored, as far as its rows tell.
    pub(super) fn holds_any(&self, name: DocumentName) -> bool {
        let slot = self.slots.get(&name);
        slot.is_some_and(|slot| slot.least > 0 || slot.rows > 0)
    }

    /// The local number of a document.
    pub(super) fn number_of(&self, name: DocumentName) -> Option<u32> {
        self.slots.get(&name).map(|slot| slot.number)
    }

    /// Puts another form of a document in its place, with what it is when saved, and after it local
    /// changes that are in no entry yet. `document` has them already.
    pub(super) fn replace(
        &mut self,
        transaction: &mut Transaction,
        name: DocumentName,
        (document, saved): (Document, Vec<u8>),
        changes: &[StoredChange],
    ) -> Option<u32> {
        let slot = self.slots.get_mut(&name)?;
        let loaded = slot.loaded.as_mut()?;
        loaded.document = document;
        loaded.rows = 0;
        let row = SnapshotRow {
            next_row: loaded.next_row,
            document: Bytes(saved),
        };
        let key = keys::document(self.space, slot.number);
        let number = slot.number;
        transaction
            .delete_prefix(Table::Change, key.clone())
            .delete_prefix(Table::Outbox, keys::unsent_of(self.space, number))
            .put(Table::Snapshot, key, codec::encode(&row));
        summary::outdate(transaction, self.space);
        self.write_local(transaction, name, changes);
        Some(number)
    }

    /// Saves a document whole as it is in memory, apart from what is unsent of it, which is written
    /// after it once more.
    pub(super) fn save_whole(
        &mut self,
        transaction: &mut Transaction,
        name: DocumentName,
        unsent: &[StoredChange],
    ) -> Result<(), SpaceError> {
        let Some(slot) = self.slots.get_mut(&name) else {
            return Ok(());
        };
        let Some(loaded) = &mut slot.loaded else {
            return Ok(());
        };
        // A document without rows has nothing in it.
        loaded.next_row = loaded.next_row.max(1);
        loaded.rows = 0;
        slot.rows = loaded.next_row;
        let row = SnapshotRow {
            next_row: loaded.next_row,
            document: Bytes(loaded.document.save()?),
        };
        if !std::mem::replace(&mut slot.stored, true) {
            put_name(transaction, self.space, slot.number, name);
        }
        let key = keys::document(self.space, slot.number);
        transaction
            .delete_prefix(Table::Change, key.clone())
            .delete_prefix(Table::Outbox, keys::unsent_of(self.space, slot.number))
            .put(Table::Snapshot, key, codec::encode(&row));
        summary::outdate(transaction, self.space);
        self.write_local(transaction, name, unsent);
        Ok(())
    }

    /// A document, loaded if it is not.
    pub(super) fn open(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        actor: ActorId,
    ) -> Result<&mut Document, SpaceError> {
        Ok(&mut self.loaded(store, name, actor)?.document)
    }

    /// Looks at each document, of which only a few are in memory at once.
    pub(super) fn each(
        &mut self,
        store: &dyn Store,
        actor: ActorId,
        mut look: impl FnMut(&Document),
    ) -> Result<(), SpaceError> {
        for name in self.names().collect::<Vec<_>>() {
            look(self.open(store, name, actor)?);
            self.evict();
        }
        Ok(())
    }

    /// Brings every document up to what it has accepted.
    pub(super) fn flush(&mut self) -> Result<(), SpaceError> {
        let loaded = self
            .slots
            .values_mut()
            .filter_map(|slot| slot.loaded.as_mut());
        for loaded in loaded {
            loaded.document.flush()?;
        }
        Ok(())
    }

    /// Writes local changes, each with the mark that it is in no entry yet.
    pub(super) fn write_local(
        &mut self,
        transaction: &mut Transaction,
        name: DocumentName,
        changes: &[StoredChange],
    ) {
        for change in changes {
            if let Some((document, row)) =
                self.write(transaction, name, std::slice::from_ref(change))
            {
                let mark = keys::unsent_row(self.space, document, row);
                transaction.put(Table::Outbox, mark, Vec::new());
            }
        }
    }

    /// Writes changes that came from elsewhere, as one row.
    pub(super) fn write_remote(
        &mut self,
        transaction: &mut Transaction,
        name: DocumentName,
        changes: &[StoredChange],
    ) {
        self.write(transaction, name, changes);
    }

    fn write(
        &mut self,
        transaction: &mut Transaction,
        name: DocumentName,
        changes: &[StoredChange],
    ) -> Option<(u32, u32)> {
        let slot = self.slots.get_mut(&name)?;
        let loaded = slot.loaded.as_mut()?;
        if changes.is_empty() {
            return None;
        }
        if !std::mem::replace(&mut slot.stored, true) {
            put_name(transaction, self.space, slot.number, name);
        }
        let row = loaded.next_row;
        let key = keys::change(self.space, slot.number, row);
        transaction.put(Table::Change, key, pack(changes));
        summary::outdate(transaction, self.space);
        loaded.next_row += 1;
        loaded.rows += 1;
        slot.rows = loaded.next_row;
        Some((slot.number, row))
    }

    /// The stored changes of one row. `ahead` has rows that were read together with an earlier one.
    pub(super) fn row(
        &self,
        store: &dyn Store,
        ahead: &mut Ahead,
        document: u32,
        row: u32,
    ) -> Result<Vec<Vec<u8>>, SpaceError> {
        let wanted = keys::change(self.space, document, row);
        while ahead.0.pop_front_if(|(key, _)| *key < wanted).is_some() {}
        if ahead.0.front().is_none_or(|(key, _)| *key != wanted) {
            let prefix = keys::document(self.space, document);
            let before = row.checked_sub(1);
            let before = before.map(|row| keys::change(self.space, document, row));
            let rows = store.scan(Table::Change, &prefix, before.as_deref(), ROWS_AHEAD)?;
            ahead.0 = rows.into();
        }
        let found = ahead.0.pop_front_if(|(key, _)| *key == wanted);
        let (_, bytes) =
            found.ok_or_else(|| damaged(Table::Change, "an unsent change is missing"))?;
        unpack(&bytes)
    }

    /// Forgets what is in memory of some documents, after an edit that did not become durable;
    /// also where the store cannot be read now.
    pub(super) fn reload(
        &mut self,
        store: &dyn Store,
        names: &[DocumentName],
    ) -> Result<(), SpaceError> {
        for name in names {
            if let Some(slot) = self.slots.get_mut(name) {
                slot.loaded = None;
                slot.heads = None;
                slot.rows = slot.least;
                // Writing a document's row twice does no harm; never writing it would.
                slot.stored = false;
            }
        }
        let fresh = Self::load(store, self.space)?;
        for name in names {
            if let Some(slot) = self.slots.get_mut(name) {
                let fresh = fresh.slots.get(name);
                slot.stored = fresh.is_some();
                slot.least = fresh.map_or(0, |fresh| fresh.least);
                slot.rows = slot.least;
            }
        }
        Ok(())
    }

    /// Forgets a document that has nothing in it: others may name as many as they like.
    pub(super) fn forget_empty(&mut self, name: DocumentName) {
        let slot = self.slots.get(&name).filter(|slot| !slot.stored);
        let loaded = slot.and_then(|slot| slot.loaded.as_ref());
        if loaded.is_some_and(|loaded| loaded.next_row == 0) {
            self.slots.remove(&name);
        }
    }

    /// Saves whole the documents that have many rows, except those with changes that are in no
    /// entry yet (`unsent`, by local number), and drops the rows.
    pub(super) fn compact(
        &mut self,
        transaction: &mut Transaction,
        unsent: &dyn Fn(u32) -> bool,
    ) -> Result<(), SpaceError> {
        for slot in self.slots.values_mut() {
            let Some(loaded) = slot.loaded.as_mut() else {
                continue;
            };
            if loaded.rows < ROWS_PER_SNAPSHOT || unsent(slot.number) {
                continue;
            }
            let row = SnapshotRow {
                next_row: loaded.next_row,
                document: Bytes(loaded.document.save()?),
            };
            let key = keys::document(self.space, slot.number);
            transaction.delete_prefix(Table::Change, key.clone()).put(
                Table::Snapshot,
                key,
                codec::encode(&row),
            );
            loaded.rows = 0;
        }
        Ok(())
    }

    /// How many documents are in memory.
    pub(super) fn in_memory(&self) -> usize {
        let loaded = self.slots.values().filter(|slot| slot.loaded.is_some());
        loaded.count()
    }

    /// Drops from memory what was not used for longest.
    pub(super) fn evict(&mut self) {
        self.evict_beyond(LOADED);
    }

    /// The same until so many are left.
    pub(super) fn evict_beyond(&mut self, most: usize) {
        let mut used: Vec<_> = self
            .slots
            .values()
            .filter_map(|slot| Some(slot.loaded.as_ref()?.used))
            .collect();
        if used.len() <= most {
            return;
        }
        used.sort_unstable();
        let oldest = used.get(used.len() - most).copied().unwrap_or(u64::MAX);
        for slot in self.slots.values_mut() {
            if let Some(loaded) = slot.loaded.take_if(|loaded| loaded.used < oldest) {
                slot.heads = Some(loaded.document.heads());
            }
        }
    }

    fn loaded(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        actor: ActorId,
    ) -> Result<&mut Loaded, SpaceError> {
        self.uses += 1;
        let slot = self.slots.entry(name).or_insert_with(|| {
            let number = self.next_number;
            self.next_number += 1;
            Slot {
                stored: false,
                ..Slot::stored(number, 0)
            }
        });
        let loaded = match slot.loaded.take() {
            Some(loaded) => loaded,
            None => read(store, self.space, slot, actor)?,
        };
        slot.rows = slot.rows.max(loaded.next_row);
        let loaded = slot.loaded.insert(loaded);
        loaded.used = self.uses;
        Ok(loaded)
    }
}

impl Slot {
    const fn stored(number: u32, rows: u32) -> Self {
        Self {
            number,
            stored: true,
            least: rows,
            rows,
            loaded: None,
            heads: None,
            is_emptied: false,
        }
    }
}

fn read(store: &dyn Store, space: u32, slot: &Slot, actor: ActorId) -> Result<Loaded, SpaceError> {
    if slot.is_emptied {
        return Ok(Loaded {
            document: Document::load::<Vec<u8>>(actor, None, Vec::new())?,
            next_row: 0,
            rows: 0,
            used: 0,
        });
    }
    let prefix = keys::document(space, slot.number);
    let snapshot = store
        .get(Table::Snapshot, &prefix)?
        .map(|bytes| codec::decode::<SnapshotRow>(&bytes, usize::MAX))
        .transpose()
        .map_err(|_| damaged(Table::Snapshot, "a saved document cannot be read"))?;
    let rows = store.scan(Table::Change, &prefix, None, usize::MAX)?;
    let mut next_row = snapshot.as_ref().map_or(0, |snapshot| snapshot.next_row);
    for (key, _) in &rows {
        if keys::number_at(key, 8, Table::Change)? != next_row {
            return Err(damaged(Table::Change, "changes of a document are missing"));
        }
        next_row += 1;
    }
    if next_row < slot.least {
        return Err(damaged(
            Table::Change,
            "a document's last changes are missing",
        ));
    }
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let mut changes = Vec::new();
    for (_, bytes) in rows {
        changes.extend(unpack(&bytes)?);
    }
    let saved = snapshot
        .as_ref()
        .map(|snapshot| snapshot.document.0.as_slice());
    let document = Document::load(actor, saved, changes)?;
    Ok(Loaded {
        document,
        next_row,
        rows: count,
        used: 0,
    })
}

//! The records of one document: read, checked, with what does not count set aside.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::document::DocumentKey;
use crate::model::ids::RecordId;
use crate::model::kinds::provenance::Copies;
use crate::model::kinds::withdrawal::{Withdrawal, withdrawn};
use crate::model::kinds::{Kind, Record};
use crate::model::left_out::{LeftOut, Reason};
use crate::model::record::{Author, RecordKind, SourceRecord, kind_number, read};

/// The records of one document that count, by id, and those that do not.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    document: DocumentKey,
    counted: BTreeMap<RecordId, Counted>,
    left_out: BTreeMap<RecordId, LeftOut>,
    withdrawn: BTreeSet<RecordId>,
    /// Whether something that was here is forgotten.
    has_forgotten: bool,
}

/// A record that counts.
#[derive(Clone, Debug)]
struct Counted {
    /// Those of its authors whose role lets it count.
    authors: Vec<Author>,
    record: Record,
}

/// A record of a known kind with its id and authors.
pub(crate) struct Entry<'a, T> {
    pub(crate) id: RecordId,
    pub(crate) authors: &'a [Author],
    pub(crate) record: &'a T,
}

impl<T> Clone for Entry<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Entry<'_, T> {}

impl Records {
    /// Reads the records of a document, in any order.
    pub(crate) fn read<'a>(
        document: DocumentKey,
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
    ) -> Self {
        let mut records = Self {
            document,
            counted: BTreeMap::new(),
            left_out: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            has_forgotten: false,
        };
        // Twins, the same bytes from several authors, become one record first.
        let mut twins: BTreeMap<RecordId, (&[u8], BTreeSet<Author>)> = BTreeMap::new();
        for source in sources {
            if source.document != document {
                records.leave_out(source.id, source.bytes, Reason::Misplaced);
                continue;
            }
            let twin = twins
                .entry(source.id)
                .or_insert((source.bytes, BTreeSet::new()));
            twin.1.extend(source.authors);
        }
        let mut copies = Copies::default();
        for (bytes, authors) in twins.values().filter(|(bytes, _)| is_provenance(bytes)) {
            if let Ok(Record::Provenance(stated)) = read(bytes) {
                copies.state(&stated, authors);
            }
        }
        for (id, (bytes, mut authors)) in twins {
            if matches!(read(bytes), Ok(Record::Forgotten(_))) {
                records.has_forgotten = true;
                continue;
            }
            if !is_provenance(bytes) {
                authors = copies.authors(id, authors);
            }
            match records.admit(bytes, authors) {
                Ok(counted) => {
                    records.left_out.remove(&id);
                    records.counted.insert(id, counted);
                }
                Err(reason) => records.leave_out(id, bytes, reason),
            }
        }
        // In the order of the list, so that what others speak of is settled before them.
        for kind in Kind::ALL {
            records.refer(*kind);
        }
        records.withdrawn = withdrawn(records.of::<Withdrawal>());
        records
    }

    /// The document.
    pub(crate) fn document(&self) -> DocumentKey {
        self.document
    }

    /// The records of a kind, by id.
    pub(crate) fn of<T: RecordKind>(&self) -> impl Iterator<Item = Entry<'_, T>> {
        self.counted
            .iter()
            .filter_map(|(id, counted)| entry(*id, counted))
    }

    /// One record, if it counts and is of that kind.
    pub(crate) fn get<T: RecordKind>(&self, id: RecordId) -> Option<Entry<'_, T>> {
        entry(id, self.counted.get(&id)?)
    }

    /// One record of whatever kind, with its authors.
    pub(crate) fn find(&self, id: RecordId) -> Option<(&Record, &[Author])> {
        self.counted
            .get(&id)
            .map(|counted| (&counted.record, counted.authors.as_slice()))
    }

    /// Every record that counts, by id, with its authors.
    pub(crate) fn all(&self) -> impl Iterator<Item = (RecordId, &Record, &[Author])> {
        let all = self.counted.iter();
        all.map(|(id, counted)| (*id, &counted.record, counted.authors.as_slice()))
    }

    /// Whether a record is here, counted or not.
    pub(crate) fn knows(&self, id: RecordId) -> bool {
        self.counted.contains_key(&id) || self.left_out.contains_key(&id)
    }

    /// Whether a record is not here and may have been forgotten.
    pub(crate) fn may_have_forgotten(&self, id: RecordId) -> bool {
        self.has_forgotten && !self.knows(id)
    }

    /// Whether a record was withdrawn, and the withdrawal not.
    pub(crate) fn is_withdrawn(&self, id: RecordId) -> bool {
        self.withdrawn.contains(&id)
    }

    /// Whether there is nothing, not even something that does not count.
    pub(crate) fn is_empty(&self) -> bool {
        self.counted.is_empty() && self.left_out.is_empty()
    }

    /// A short sum of the ids of all records, counted or not.
    pub(crate) fn sum(&self) -> RecordId {
        let ids: BTreeSet<_> = self.counted.keys().chain(self.left_out.keys()).collect();
        let bytes: Vec<u8> = ids.into_iter().flat_map(|id| id.0).collect();
        RecordId::of(&bytes)
    }

    /// The records that were withdrawn.
    pub(crate) fn withdrawn(&self) -> &BTreeSet<RecordId> {
        &self.withdrawn
    }

    /// What does not count, by id.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.values()
    }

    fn admit(&self, bytes: &[u8], authors: BTreeSet<Author>) -> Result<Counted, Reason> {
        let record = read(bytes)?;
        if !record.home()?.is_in(self.document) {
            return Err(Reason::Misplaced);
        }
        let authors: Vec<_> = authors
            .into_iter()
            .filter(|author| record.may_write(author.role))
            .collect();
        match authors.is_empty() {
            true => Err(Reason::OutOfRole),
            false => Ok(Counted { authors, record }),
        }
    }

    /// Sets aside the records of a kind that do not fit beside the others.
    fn refer(&mut self, kind: Kind) {
        let of_kind = self
            .counted
            .iter()
            .filter(|(_, counted)| counted.record.kind() == kind);
        let misfits: Vec<_> = of_kind
            .filter_map(|(id, counted)| {
                let reason = counted.record.refer(*id, &counted.authors, self).err()?;
                Some(LeftOut {
                    id: *id,
                    kind: Some(kind.number()),
                    reason,
                })
            })
            .collect();
        for misfit in misfits {
            self.counted.remove(&misfit.id);
            self.left_out.insert(misfit.id, misfit);
        }
    }

    fn leave_out(&mut self, id: RecordId, bytes: &[u8], reason: Reason) {
        if !self.counted.contains_key(&id) {
            self.left_out.insert(
                id,
                LeftOut {
                    id,
                    kind: kind_number(bytes),
                    reason,
                },
            );
        }
    }
}

fn is_provenance(bytes: &[u8]) -> bool {
    kind_number(bytes) == Some(Kind::Provenance.number())
}

fn entry<T: RecordKind>(id: RecordId, counted: &Counted) -> Option<Entry<'_, T>> {
    let record = T::of(&counted.record)?;
    Some(Entry {
        id,
        authors: &counted.authors,
        record,
    })
}

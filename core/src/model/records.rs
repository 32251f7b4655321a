//! The records of one document: read, checked, with what does not count set aside.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::document::DocumentKey;
use crate::model::ids::RecordId;
use crate::model::kinds::provenance::Copies;
use crate::model::kinds::void::holding;
use crate::model::kinds::withdrawal::{Withdrawal, withdrawn};
use crate::model::kinds::{Kind, Record};
use crate::model::left_out::{LeftOut, Reason};
use crate::model::record::{Author, Put, RecordKind, SourceRecord, kind_number, read};
use crate::model::undone::Undone;

/// The records of one document that count, by id, and those that do not.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    document: DocumentKey,
    counted: BTreeMap<RecordId, Counted>,
    /// Those that would count if their devices were not undone.
    undone: BTreeMap<RecordId, Counted>,
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

/// The records of one document as they came. Twins, the same bytes from several authors, are one.
struct Twins<'a> {
    document: DocumentKey,
    here: BTreeMap<RecordId, (&'a [u8], BTreeSet<Put>)>,
    /// Given as of this document, and found in another.
    misplaced: Vec<(RecordId, &'a [u8])>,
}

impl<'a> Twins<'a> {
    fn of(document: DocumentKey, sources: impl IntoIterator<Item = SourceRecord<'a>>) -> Self {
        let mut twins = Self {
            document,
            here: BTreeMap::new(),
            misplaced: Vec::new(),
        };
        for source in sources {
            if source.document != document {
                twins.misplaced.push((source.id, source.bytes));
                continue;
            }
            let puts = (source.bytes, BTreeSet::new());
            twins
                .here
                .entry(source.id)
                .or_insert(puts)
                .1
                .extend(source.puts);
        }
        twins
    }

    /// What the voids among them undo.
    fn undone(&self) -> Undone {
        let voids = self
            .here
            .iter()
            .filter(|(_, (bytes, _))| is_of(Kind::Void, bytes));
        let voids = voids.filter_map(|(id, (bytes, puts))| match read(bytes) {
            Ok(Record::Void(void)) => Some((*id, (void, puts.clone()))),
            _ => None,
        });
        holding(&voids.collect())
    }
}

impl Records {
    /// Reads the records of a plan, in any order, and what they undo.
    pub(crate) fn of_plan<'a>(
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
    ) -> (Self, Undone) {
        let twins = Twins::of(DocumentKey::PLAN, sources);
        let undone = twins.undone();
        (Self::settle(twins, &undone), undone)
    }

    /// Reads the records of another document, in any order, beside what its plan undoes.
    pub(crate) fn read<'a>(
        document: DocumentKey,
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
        undone: &Undone,
    ) -> Self {
        Self::settle(Twins::of(document, sources), undone)
    }

    fn settle(twins: Twins<'_>, undone: &Undone) -> Self {
        let document = twins.document;
        let mut records = Self {
            document,
            counted: BTreeMap::new(),
            undone: BTreeMap::new(),
            left_out: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            has_forgotten: false,
        };
        for (id, bytes) in twins.misplaced {
            records.leave_out(id, bytes, Reason::Misplaced);
        }
        let voids = |bytes: &[u8], put: &Put| match is_of(Kind::Void, bytes) {
            true => undone.by_newer(document, &put.op),
            false => undone.by(document, &put.op),
        };
        let mut copies = Copies::default();
        for (bytes, puts) in twins
            .here
            .values()
            .filter(|(bytes, _)| is_provenance(bytes))
        {
            let lives = |put: &&Put| voids(bytes, put).is_empty();
            if let Ok(Record::Provenance(stated)) = read(bytes) {
                copies.state(&stated, &authors(puts.iter().filter(lives)));
            }
        }
        for (id, (bytes, puts)) in twins.here {
            if is_of(Kind::Forgotten, bytes) {
                records.has_forgotten = true;
                continue;
            }
            let whose = |authors| match is_nobodys_copy(bytes) {
                true => authors,
                false => copies.authors(id, authors),
            };
            let by: BTreeSet<_> = puts.iter().flat_map(|put| voids(bytes, put)).collect();
            let lives = |put: &&Put| voids(bytes, put).is_empty();
            let live = whose(authors(puts.iter().filter(lives)));
            match records.admit(bytes, &live) {
                Ok(counted) => {
                    records.left_out.remove(&id);
                    records.counted.insert(id, counted);
                }
                // Perhaps one who may has written it, and is undone.
                Err(Reason::OutOfRole) if !by.is_empty() => {
                    let all = whose(authors(&puts));
                    let Ok(undone) = records.admit(bytes, &all) else {
                        records.leave_out(id, bytes, Reason::OutOfRole);
                        continue;
                    };
                    records.undone.insert(id, undone);
                    records.leave_out(id, bytes, Reason::Voided);
                    records.tell_why(id, by);
                }
                Err(reason) => records.leave_out(id, bytes, reason),
            }
        }
        // In the order of the list, so that what others speak of is settled before them.
        for kind in records.kinds() {
            records.refer(kind);
        }
        let live = records.of::<Withdrawal>();
        let live = live.map(|entry| (entry.id, entry.record.records.clone()));
        records.withdrawn = withdrawn(live.chain(records.still_withdrawn()).collect());
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

    /// The records of a kind that would count if their devices were not undone, by id.
    pub(crate) fn undone<T: RecordKind>(&self) -> impl Iterator<Item = Entry<'_, T>> {
        let undone = self.undone.iter();
        undone.filter_map(|(id, counted)| entry(*id, counted))
    }

    /// What a link of a chain replaces, as far as it counts: where a link is undone, what that one
    /// replaced in its place.
    pub(crate) fn through(&self, replaces: &[RecordId]) -> Vec<RecordId> {
        if self.undone.is_empty() {
            return replaces.to_vec();
        }
        let (mut through, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut waiting = replaces.to_vec();
        while let Some(id) = waiting.pop() {
            match self.undone.get(&id) {
                Some(undone) if seen.insert(id) => waiting.extend(undone.record.replaces()),
                Some(_) => {}
                None => {
                    through.insert(id);
                }
            }
        }
        through.into_iter().collect()
    }

    /// One record, whether or not its device is undone, with its authors.
    pub(crate) fn find_or_undone(&self, id: RecordId) -> Option<(&Record, &[Author])> {
        let undone = || self.undone.get(&id);
        let counted = self.counted.get(&id).or_else(undone)?;
        Some((&counted.record, counted.authors.as_slice()))
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

    fn admit(&self, bytes: &[u8], authors: &BTreeSet<Author>) -> Result<Counted, Reason> {
        let record = read(bytes)?;
        if !record.home()?.is_in(self.document) {
            return Err(Reason::Misplaced);
        }
        let authors: Vec<_> = authors
            .iter()
            .filter(|author| record.may_write(author.role))
            .copied()
            .collect();
        match authors.is_empty() {
            true => Err(Reason::OutOfRole),
            false => Ok(Counted { authors, record }),
        }
    }

    /// The kinds of what counts, in the order of the list.
    fn kinds(&self) -> BTreeSet<Kind> {
        let counted = self.counted.values();
        counted.map(|counted| counted.record.kind()).collect()
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
                Some(LeftOut::of(*id, kind, reason))
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
                    undone_by: Vec::new(),
                },
            );
        }
    }

    fn tell_why(&mut self, id: RecordId, undone_by: BTreeSet<RecordId>) {
        if let Some(left_out) = self.left_out.get_mut(&id) {
            left_out.undone_by = undone_by.into_iter().collect();
        }
    }

    /// What undone withdrawals take back all the same: grants. Nobody is let in again by undoing what
    /// a device wrote.
    fn still_withdrawn(&self) -> impl Iterator<Item = (RecordId, Vec<RecordId>)> {
        let stands = |entry: &Entry<'_, Withdrawal>| Withdrawal::refer(*entry, self).is_ok();
        let is_grant = |id: &RecordId| {
            let found = self.find_or_undone(*id);
            found.is_some_and(|(record, _)| record.kind() == Kind::Grant)
        };
        let undone = self.undone::<Withdrawal>().filter(stands);
        undone.map(move |entry| {
            let grants = entry.record.records.iter().copied().filter(is_grant);
            (entry.id, grants.collect())
        })
    }
}

fn is_of(kind: Kind, bytes: &[u8]) -> bool {
    kind_number(bytes) == Some(kind.number())
}

fn is_provenance(bytes: &[u8]) -> bool {
    is_of(Kind::Provenance, bytes)
}

/// Whether a record is always its signer's word.
fn is_nobodys_copy(bytes: &[u8]) -> bool {
    is_provenance(bytes) || is_of(Kind::Void, bytes)
}

fn authors<'p>(puts: impl IntoIterator<Item = &'p Put>) -> BTreeSet<Author> {
    puts.into_iter().map(|put| put.author).collect()
}

fn entry<T: RecordKind>(id: RecordId, counted: &Counted) -> Option<Entry<'_, T>> {
    let record = T::of(&counted.record)?;
    Some(Entry {
        id,
        authors: &counted.authors,
        record,
    })
}

//! Copying from one space into another: what is taken, and how it is put there.
//!
//! A copy is the very same record, so that it keeps its id and everything that names it still
//! finds it. It is signed by whoever copies; whose it was is said beside it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;

use super::WaymarkError;
use super::cache::{People, care, name_of};
use super::write::Edit;
use crate::engine::Engine;
use crate::gate::{Document, DocumentName, GateError};
use crate::model::{
    Author, Chosen, DocumentKey, DocumentKind, NewProvenance, NewRecord, Plan, RecordId, Stamp,
    TextId, Undone, copies_in, spoken_of,
};
use crate::role::Role;

/// Bytes of one change at most: some of them fit a batch.
const CHANGE: usize = 32 * 1024;
/// Characters that are put into a text at once.
const RUN: usize = 8_000;

/// What is copied.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) parts: BTreeMap<DocumentKey, Part>,
    /// When a therapist had a say where it comes from.
    pub(super) says: BTreeSet<(NaiveDate, NaiveDate)>,
}

/// What is copied of one document.
#[derive(Default)]
pub(super) struct Part {
    pub(super) records: Vec<(RecordId, Vec<u8>, Vec<Author>)>,
    pub(super) texts: Vec<(TextId, String)>,
}

impl Taken {
    /// Takes records of one document of a space, and texts without what is `undone` there.
    pub(super) fn take(
        &mut self,
        engine: &mut Engine,
        space: SpaceId,
        key: DocumentKey,
        chosen: Chosen,
        texts: &BTreeSet<TextId>,
        undone: &Undone,
    ) -> Result<(), WaymarkError> {
        let (space, store, _) = care(engine, space)?;
        let document = space.document(store, name_of(key))?;
        let part = self.parts.entry(key).or_default();
        for (id, authors) in chosen {
            if let Some(record) = document.record(&id) {
                part.records.push((id, record.bytes.into_owned(), authors));
            }
        }
        for id in texts {
            let text = document.text_without(id, &|op| undone.covers(key, op));
            part.texts.extend(text.map(|text| (*id, text)));
        }
        Ok(())
    }

    /// Takes what is to be told of therapists: when one had a say, up to today.
    pub(super) fn take_says(
        &mut self,
        engine: &mut Engine,
        space: SpaceId,
        plan: &Plan,
        today: NaiveDate,
    ) -> Result<(), WaymarkError> {
        self.says = plan.earlier_says();
        let (space, _, _) = care(engine, space)?;
        let since = People::of(space).therapist_since;
        let say = since.filter(|since| *since < today);
        self.says.extend(say.map(|since| (since, today)));
        Ok(())
    }

    /// Leaves out what a space holds already where it is to be put.
    pub(super) fn leave_out_known(
        &mut self,
        engine: &mut Engine,
        space: SpaceId,
        purpose: Purpose,
    ) -> Result<(), WaymarkError> {
        let (space, store, _) = care(engine, space)?;
        for (key, part) in &mut self.parts {
            let document = space.document(store, name_of(purpose.place(*key)))?;
            part.records.retain(|(id, _, _)| !document.has_record(id));
            part.texts.retain(|(id, _)| document.text(id).is_none());
        }
        let is_new = |part: &Part| !part.records.is_empty() || !part.texts.is_empty();
        self.parts.retain(|_, part| is_new(part));
        Ok(())
    }

    /// Leaves out what speaks of something that is a space's own: nobody gives a copy of what was
    /// never in another plan, and what it says would be the client's word.
    pub(super) fn leave_out_claims(
        &mut self,
        engine: &mut Engine,
        space: SpaceId,
    ) -> Result<(), WaymarkError> {
        let (space, store, _) = care(engine, space)?;
        let names: Vec<DocumentName> = space.document_names().collect();
        let offered = u16::from(DocumentKind::Offered.code());
        let mut own = BTreeSet::new();
        for name in names.into_iter().filter(|name| name.kind != offered) {
            let records: Vec<_> = space.document(store, name)?.records().collect();
            let copied = records.iter().flat_map(|record| copies_in(&record.bytes));
            let copied: BTreeSet<RecordId> = copied.collect();
            let here = records.iter().map(|record| record.id);
            own.extend(here.filter(|id| !copied.contains(id)));
        }
        for part in self.parts.values_mut() {
            part.records.retain(|(_, bytes, _)| {
                let links = spoken_of(bytes).map(|(links, _)| links);
                links.is_some_and(|links| links.iter().all(|link| !own.contains(link)))
            });
        }
        Ok(())
    }

    /// The first days of the months with check-ins, in order.
    pub(super) fn months(&self) -> Vec<NaiveDate> {
        self.parts.keys().filter_map(|key| key.month()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many records.
    pub(super) fn records(&self) -> usize {
        self.parts.values().map(|part| part.records.len()).sum()
    }

    /// The edits that put all of it into the documents of a space, with whose it was in `source`.
    pub(super) fn edits(
        self,
        source: SpaceId,
        stamp: &Stamp,
        purpose: Purpose,
    ) -> Result<Vec<(DocumentName, Edit)>, WaymarkError> {
        let own = Author {
            person: stamp.person,
            role: stamp.role,
        };
        let mut edits = Vec::new();
        let mut says = self.says.into_iter().map(|(from, until)| from..until);
        for (key, part) in self.parts {
            let place = purpose.place(key);
            let mut whose: BTreeMap<Author, Vec<RecordId>> = BTreeMap::new();
            for (id, _, authors) in &part.records {
                for author in authors {
                    whose.entry(*author).or_default().push(*id);
                }
            }
            let mut stated = Vec::new();
            for (author, ids) in whose {
                for ids in ids.chunks(NewProvenance::RECORDS) {
                    stated.push(new(source, author, ids.to_vec()));
                }
            }
            if key == DocumentKey::PLAN {
                let client = Author {
                    role: Role::Client,
                    ..own
                };
                stated.extend(says.by_ref().map(|say| NewProvenance {
                    say: Some(say),
                    ..new(source, client, Vec::new())
                }));
            }
            let stated = stated.into_iter().map(|new| match purpose {
                Purpose::Offer => new.offered(place, stamp),
                Purpose::Take => new.record(place, stamp),
            });
            let stated = stated.collect::<Result<Vec<NewRecord>, _>>()?;
            edits.push((name_of(place), edit(part, stated)));
        }
        Ok(edits)
    }
}

/// What the copies are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Somebody offers them.
    Offer,
    /// The client takes them.
    Take,
}

impl Purpose {
    /// The document in which copies of this one stand.
    fn place(self, key: DocumentKey) -> DocumentKey {
        match self {
            Self::Offer => key.offered().unwrap_or(key),
            Self::Take => key,
        }
    }
}

fn new(source: SpaceId, author: Author, records: Vec<RecordId>) -> NewProvenance {
    NewProvenance {
        source,
        person: author.person,
        role: author.role,
        records,
        say: None,
    }
}

/// Puts one document's copies there, in changes that are small enough to travel.
fn edit(part: Part, stated: Vec<NewRecord>) -> Edit {
    Box::new(move |document: &mut Document| {
        let mut changes = Vec::new();
        let copies = part.records.into_iter().map(|(_, bytes, _)| bytes);
        let stated = stated.into_iter().map(|record| record.bytes);
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        // Whose they are comes first: nothing shows for a moment as somebody else's.
        for bytes in stated.chain(copies) {
            let size: usize = waiting.iter().map(Vec::len).sum();
            if size + bytes.len() > CHANGE {
                put(document, &mut waiting, &mut changes)?;
            }
            waiting.push(bytes);
        }
        put(document, &mut waiting, &mut changes)?;
        for (id, text) in part.texts {
            changes.push(document.make_text(id)?);
            let characters: Vec<char> = text.chars().collect();
            for (run, index) in characters.chunks(RUN).zip(0..) {
                let run: String = run.iter().collect();
                changes.extend(document.splice_text(id, index * RUN, 0, &run)?);
            }
        }
        Ok(changes)
    })
}

fn put(
    document: &mut Document,
    waiting: &mut Vec<Vec<u8>>,
    changes: &mut Vec<crate::gate::StoredChange>,
) -> Result<(), GateError> {
    let records: Vec<&[u8]> = waiting.iter().map(Vec::as_slice).collect();
    changes.extend(document.put_records(&records)?);
    waiting.clear();
    Ok(())
}

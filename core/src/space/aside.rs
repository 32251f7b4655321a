//! Unsent changes that are put aside, because the documents that they stand on come anew: from the log
//! after a repair, or from what is left where something was forgotten. They take their places again
//! where all that they depend on is there; otherwise what they say is said again.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::Kind;
use waymark_wire::ids::Height;

use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::forgotten::Forgotten;
use crate::gate::{Accepted, ActorId, DocumentName, GateError, Op, OpId, Record, Section};
use crate::model::forgetting::about_nothing;
use crate::store::{Store, Table, Transaction};

/// Unsent changes that stand on what was damaged.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Aside {
    #[n(0)]
    author: Bytes,
    #[n(1)]
    section: Bytes,
    /// They are in an entry that is on its way.
    #[n(2)]
    sealed: bool,
    /// That entry can count no more, since something was forgotten behind it: what the log has of
    /// them, it has under other hashes.
    #[n(3)]
    is_over: Option<bool>,
}

impl Aside {
    pub(super) fn new(section: &Section, sealed: bool) -> Self {
        Self {
            author: Bytes(section.author().0.to_vec()),
            section: Bytes(section.raw().to_vec()),
            sealed,
            is_over: None,
        }
    }

    fn section(&self) -> Result<Section, SpaceError> {
        let broken = || damaged(Table::Outbox, "what was put aside cannot be read");
        let author = self.author.0.as_slice().try_into();
        let author = ActorId(author.map_err(|_| broken())?);
        Section::parse(author, &self.section.0).map_err(|_| broken())
    }

    fn read(row: &[u8]) -> Result<Self, SpaceError> {
        let broken = |_| damaged(Table::Outbox, "what was put aside cannot be read");
        codec::decode(row, usize::MAX).map_err(broken)
    }
}

/// What is to become of what was put aside.
#[derive(Default)]
struct Sorted {
    /// What the documents do not have, and whether it is in an entry on its way.
    unsaid: Vec<(Section, bool)>,
    /// What of all of it was forgotten after it was said.
    forgotten: Forgotten,
    parted: Parted,
}

/// Where copies of this device have gone on under a name that both had: by document and author, the
/// counter of the first operation there that is none of this device's.
#[derive(Default)]
pub(super) struct Parted(BTreeMap<(DocumentName, ActorId), u32>);

impl Parted {
    /// Whether an operation of a document is of a copy.
    pub(super) fn holds(&self, name: DocumentName, id: OpId) -> bool {
        let from = self.0.get(&(name, id.actor));
        from.is_some_and(|from| id.counter >= *from)
    }
}

impl Space {
    /// How many rows are put aside until the log is read, of what is in no entry yet.
    pub(super) fn aside_unsealed(&self, store: &dyn Store) -> Result<usize, SpaceError> {
        let asides = self.asides(store)?.into_iter();
        Ok(asides.filter(|(_, aside)| !aside.sealed).count())
    }

    /// What is put aside, with the number under which each is kept, in the order of those.
    fn asides(&self, store: &dyn Store) -> Result<Vec<(u32, Aside)>, SpaceError> {
        let prefix = keys::all_aside(self.number);
        let rows = store.scan(Table::Outbox, &prefix, None, usize::MAX)?;
        let read = |(place, row): (Vec<u8>, Vec<u8>)| {
            let index = keys::number_at(&place, 5, Table::Outbox)?;
            Ok((index, Aside::read(&row)?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Says again what was put aside, where it is not said by now. Where it `is_behind_cut`, what is about
    /// something that is here no more goes, and the person is told.
    pub(super) fn say_aside(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        is_behind_cut: bool,
    ) -> Result<(), SpaceError> {
        let sorted = self.sort_aside(store, is_behind_cut)?;
        let (mut gone, mut given_up) = (Forgotten::default(), Vec::new());
        if is_behind_cut {
            (gone, given_up) = self.about_nothing_here(store, &sorted)?;
        }
        let mut unfit = Vec::new();
        for (section, sealed) in sorted.unsaid {
            let is_gone = puts_any(&section, &gone);
            if is_gone || !self.take_aside(store, page, &section, sealed)? {
                unfit.push(section);
            }
        }
        for section in unfit {
            self.put_records_of(store, page, &section, &gone)?;
        }
        let texts = self.say_words_again(store, page, &gone.texts, &sorted.parted)?;
        self.note_given_up(store, page, given_up, texts)
    }

    /// Holds what was put aside against the documents. Behind something that was forgotten, what a copy of
    /// this device had sent of it is there as that has left it.
    fn sort_aside(&mut self, store: &dyn Store, is_behind_cut: bool) -> Result<Sorted, SpaceError> {
        let own = self.actor();
        let mut sorted = Sorted::default();
        for (_, aside) in self.asides(store)? {
            let section = aside.section()?;
            let (name, author) = (section.name(), section.author());
            let has_parted = sorted.parted.0.contains_key(&(name, author));
            // Under keys that were given up a copy of this device may have sent something else by then.
            let is_told = aside.is_over == Some(true) && author == own;
            if is_told && self.has_shown(store, &section)? {
                continue;
            }
            if is_behind_cut && author != own && !has_parted {
                let left = self.documents.open(store, name, own)?.left_of(&section)?;
                sorted.forgotten.extend(left.forgotten);
                if let Some(at) = left.parts_at {
                    sorted.parted.0.insert((name, author), at);
                }
                if left.until > section.last_seq() {
                    continue;
                }
            }
            sorted.unsaid.push((section, aside.sealed));
        }
        Ok(sorted)
    }

    /// Whether a document has changes of an author up to the number of these.
    fn has_shown(&mut self, store: &dyn Store, section: &Section) -> Result<bool, SpaceError> {
        let own = self.actor();
        let document = self.documents.open(store, section.name(), own)?;
        Ok(document.last_seq_of(section.author())? >= section.last_seq())
    }

    /// Puts aside what this device has sealed before something was forgotten that it cannot read: the
    /// entries can count no more, and its documents will be given up.
    pub(super) fn put_sealed_aside(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        cut: Height,
    ) -> Result<(), SpaceError> {
        let mut index = self.asides(store)?.last().map_or(0, |(last, _)| last + 1);
        for sealed in self.all_sealed(store)? {
            let header = sealed.entry.header();
            if header.kind != Kind::Batch || header.height >= cut {
                continue;
            }
            for section in self.own_sections(&sealed.entry)? {
                let aside = Aside {
                    is_over: Some(true),
                    ..Aside::new(&section, false)
                };
                let place = keys::aside(self.number, index);
                transaction.put(Table::Outbox, place, codec::encode(&aside));
                index += 1;
            }
        }
        Ok(())
    }

    /// The first change of each document that this device has put aside.
    pub(super) fn first_aside(
        &self,
        store: &dyn Store,
    ) -> Result<BTreeMap<DocumentName, u32>, SpaceError> {
        let mut first = BTreeMap::new();
        for (_, aside) in self.asides(store)? {
            let section = aside.section()?;
            if section.author() == self.actor() {
                let from = first.entry(section.name()).or_insert(u32::MAX);
                *from = section.first_seq().min(*from);
            }
        }
        Ok(first)
    }

    /// Has what was put aside wait for an entry of its own: those that it was in can count no more.
    pub(super) fn take_aside_out_of_entries(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        for (index, aside) in self.asides(store)? {
            if aside.sealed {
                let aside = Aside {
                    sealed: false,
                    is_over: Some(true),
                    ..aside
                };
                let place = keys::aside(self.number, index);
                transaction.put(Table::Outbox, place, codec::encode(&aside));
            }
        }
        Ok(())
    }

    /// Offers unsent changes to their document; says whether they fit.
    fn take_aside(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        section: &Section,
        sealed: bool,
    ) -> Result<bool, SpaceError> {
        let (own, name, author) = (self.actor(), section.name(), section.author());
        let document = self.documents.open(store, name, own)?;
        let from = document.last_seq_of(author)?.saturating_add(1);
        match document.accept(&|_| true, section) {
            Ok(Accepted::Applied { changes, .. }) => {
                if author == own && !sealed {
                    self.write_own(page, name, &changes);
                } else {
                    self.documents
                        .write_remote(&mut page.transaction, name, &changes);
                }
                if author != own {
                    let unsettled = self.unsettled.entry(name).or_default();
                    unsettled.leave(author, from);
                    // It may be a while until this device is a member under its own keys.
                    self.keep_unsettled(&mut page.transaction, name);
                }
                Ok(true)
            }
            Ok(Accepted::Known) => Ok(true),
            Ok(Accepted::Waiting { .. }) => Ok(false),
            Err(error @ (GateError::Engine(_) | GateError::Poisoned)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "an unsent change does not fit what the log has");
                Ok(false)
            }
        }
    }

    /// What of this is forgotten or about something that is here no more, with the bytes of records that go
    /// with it.
    fn about_nothing_here(
        &mut self,
        store: &dyn Store,
        sorted: &Sorted,
    ) -> Result<(Forgotten, Vec<Vec<u8>>), SpaceError> {
        let own = self.actor();
        let mut known = BTreeSet::new();
        self.documents.each(store, own, |document| {
            known.extend(document.records().map(|record| record.id));
        })?;
        let unsaid = sorted.unsaid.iter();
        let records = unsaid.flat_map(|(section, _)| records_of(section));
        let records: Vec<_> = records
            .map(|record| (record.id(), record.bytes()))
            .filter(|(id, _)| !sorted.forgotten.records.contains(id))
            .collect();
        let is_known = |id| known.contains(&id);
        let gone = about_nothing(&records, &is_known, &sorted.forgotten);
        let given_up = records.iter().filter(|(id, _)| gone.records.contains(id));
        let given_up = given_up.map(|(_, bytes)| bytes.to_vec()).collect();
        Ok((gone, given_up))
    }

    /// Writes the records of changes anew that stood on something that is lost: a record stands for
    /// itself.
    fn put_records_of(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        section: &Section,
        gone: &Forgotten,
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        let name = section.name();
        let document = self.documents.open(store, name, own)?;
        let records = records_of(section).filter(|record| !gone.records.contains(&record.id()));
        let records: Vec<&[u8]> = records.map(Record::bytes).collect();
        if records.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> = document.put_records(&records)?.into_iter().collect();
        self.write_own(page, name, &changes);
        Ok(())
    }
}

/// Whether changes put or make any of it.
fn puts_any(section: &Section, gone: &Forgotten) -> bool {
    let mut ops = section.changes().iter().flat_map(|change| &change.ops);
    ops.any(|op| match op {
        Op::Record(record) => gone.records.contains(&record.id()),
        Op::MakeText { id } => gone.texts.contains(id),
        _ => false,
    })
}

/// The records that changes put.
fn records_of(section: &Section) -> impl Iterator<Item = &Record> {
    let ops = section.changes().iter().flat_map(|change| &change.ops);
    ops.filter_map(|op| match op {
        Op::Record(record) => Some(record),
        _ => None,
    })
}

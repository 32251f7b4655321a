//! Reading a log again from its start, after a repair: documents that were damaged come back from it.
//!
//! The repair itself is local. Until the first page of the log is here, everything that is sound stays
//! as it is; with that page the place in the log goes back to its start, and own entries count like
//! others' as far as the log had confirmed them before. Nothing is sent before the log was read to its
//! end. Then what had been put aside, because it stood on what was damaged, takes its place again.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Header, Kind};
use waymark_wire::ids::Height;
use waymark_wire::padding;

use super::receive::Page;
use super::{Item, Space, SpaceError, damaged, keys};
use crate::crypto::EpochKey;
use crate::gate::{
    Accepted, ActorId, DocumentName, GateError, Op, Record, RecordId, Section, decode_batch,
};
use crate::model::forgetting::about_nothing;
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
    pub(super) absent: Vec<Absent>,
    /// It is read on from behind something that was forgotten and that this device could not read: what
    /// it has to say about that goes, too.
    #[n(4)]
    pub(super) is_behind_cut: Option<bool>,
}

/// A document that is not here.
#[derive(Clone, Copy, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Absent {
    #[n(0)]
    kind: u16,
    #[n(1)]
    part: u32,
}

impl From<DocumentName> for Absent {
    fn from(name: DocumentName) -> Self {
        Self {
            kind: name.kind,
            part: name.part,
        }
    }
}

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

    /// How many rows are put aside until the log is read, of what is in no entry yet.
    pub(super) fn aside_unsealed(&self, store: &dyn Store) -> Result<usize, SpaceError> {
        let prefix = keys::all_aside(self.number);
        let mut unsealed = 0;
        for (_, row) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            unsealed += usize::from(!Aside::read(&row)?.sealed);
        }
        Ok(unsealed)
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
        self.is_sound(name)?;
        if self.is_still_to_come(name) {
            return Err(SpaceError::OnItsWay);
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
        let mut absent = self.again.iter().flat_map(|again| &again.absent);
        if absent.any(|absent| (absent.kind, absent.part) == (name.kind, name.part)) {
            let again = self.again.as_ref();
            if again.is_some_and(|again| again.is_behind_cut == Some(true)) {
                // Nothing is damaged: it comes as it is without what was forgotten.
                return Err(SpaceError::OnItsWay);
            }
            let what = "it was damaged, and comes back with the next sync";
            return Err(damaged(Table::Document, what));
        }
        Ok(())
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
        let cursor = self.state.cursor.seq;
        if self.state.opened < cursor || self.start.is_some() {
            return Ok(());
        }
        self.end_again_before(store, page, cursor.saturating_add(1))
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
        let mut asides = Vec::new();
        let rows = store.scan(
            Table::Outbox,
            &keys::all_aside(self.number),
            None,
            usize::MAX,
        )?;
        for (_, row) in rows {
            let aside = Aside::read(&row)?;
            let section = aside.section()?;
            if aside.is_over != Some(true) || !self.has_shown(store, &section)? {
                asides.push((section, aside.sealed));
            }
        }
        let (mut gone, mut given_up) = (BTreeSet::new(), Vec::new());
        if again.is_behind_cut == Some(true) {
            (gone, given_up) = self.about_nothing_here(store, &asides)?;
        }
        let mut unfit = Vec::new();
        for (section, sealed) in asides {
            let is_gone = records_of(&section).any(|record| gone.contains(&record.id()));
            if is_gone || !self.take_aside(store, page, &section, sealed)? {
                unfit.push(section);
            }
        }
        for section in unfit {
            self.put_records_of(store, page, &section, &gone)?;
        }
        let texts = self.say_words_again(store, page)?;
        self.note_given_up(store, page, given_up, texts)?;
        page.transaction
            .delete(Table::Outbox, keys::again(self.number))
            .delete_prefix(Table::Outbox, keys::all_aside(self.number));
        Ok(())
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
        let rows = store.scan(
            Table::Outbox,
            &keys::all_aside(self.number),
            None,
            usize::MAX,
        )?;
        let last = rows
            .last()
            .map(|(key, _)| keys::number_at(key, 5, Table::Outbox));
        let mut index = last.transpose()?.map_or(0, |last| last + 1);
        for sealed in self.all_sealed(store)? {
            let header = sealed.entry.header();
            if header.kind != Kind::Batch || header.height >= cut {
                continue;
            }
            let padded = self.text_of(&sealed.entry)?;
            let broken = || damaged(Table::Outbox, "a batch on its way cannot be read");
            let text = padding::unpad(&padded).ok_or_else(broken)?;
            for section in decode_batch(self.actor(), text)? {
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
        let prefix = keys::all_aside(self.number);
        for (_, row) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            let section = Aside::read(&row)?.section()?;
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
        let prefix = keys::all_aside(self.number);
        for (place, row) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            let aside = Aside::read(&row)?;
            if aside.sealed {
                let aside = Aside {
                    sealed: false,
                    is_over: Some(true),
                    ..aside
                };
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
                    page.note_local(name, from);
                    self.documents
                        .write_local(&mut page.transaction, name, &changes);
                } else {
                    self.documents
                        .write_remote(&mut page.transaction, name, &changes);
                }
                if author != own {
                    let unsettled = self.unsettled.entry(name).or_default();
                    unsettled.leave(author, from);
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

    /// What of this is about something that is here no more, with its bytes.
    fn about_nothing_here(
        &mut self,
        store: &dyn Store,
        asides: &[(Section, bool)],
    ) -> Result<(BTreeSet<RecordId>, Vec<Vec<u8>>), SpaceError> {
        let own = self.actor();
        let mut known = BTreeSet::new();
        for name in self.documents.names().collect::<Vec<_>>() {
            let document = self.documents.open(store, name, own)?;
            known.extend(document.records().map(|record| record.id));
            self.documents.evict();
        }
        let records = asides.iter().flat_map(|(section, _)| records_of(section));
        let records: Vec<_> = records
            .map(|record| (record.id(), record.bytes()))
            .collect();
        let gone = about_nothing(&records, &|id| known.contains(&id));
        let given_up = records.iter().filter(|(id, _)| gone.contains(id));
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
        gone: &BTreeSet<RecordId>,
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        let name = section.name();
        let document = self.documents.open(store, name, own)?;
        let records = records_of(section).filter(|record| !gone.contains(&record.id()));
        let records: Vec<&[u8]> = records.map(Record::bytes).collect();
        if records.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> = document.put_records(&records)?.into_iter().collect();
        for change in &changes {
            page.note_local(name, change.seq);
        }
        self.documents
            .write_local(&mut page.transaction, name, &changes);
        Ok(())
    }
}

/// The records that changes put.
fn records_of(section: &Section) -> impl Iterator<Item = &Record> {
    let ops = section.changes().iter().flat_map(|change| &change.ops);
    ops.filter_map(|op| match op {
        Op::Record(record) => Some(record),
        _ => None,
    })
}

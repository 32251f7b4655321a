//! What is held back: kept with its reason, shown, not applied. A person may have it offered to the
//! gate again, or discard it.
//!
//! A row says where in the log something stands and why it is held; its bytes are those of the
//! stored entry, so that whoever floods a space costs no more than the entries do.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, Height};

use super::open::Offer;
use super::receive::Page;
use super::{Change, Space, SpaceError, actor, damaged, keys};
use crate::gate::{DocumentName, Section};
use crate::store::{Store, Table};

/// Stands for the whole entry where a section's place in it is meant.
pub(super) const WHOLE: u32 = u32::MAX;
/// The reason of what stands at a number at which its device has another change.
pub(super) const FORKED: &str = "forked";
/// The reason of what came behind something of the same device that was discarded.
pub(super) const BEHIND_DISCARDED: &str = "behind_discarded";

/// Something that was held back: kept, shown, and not applied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quarantined {
    /// The entry's place in the log.
    pub seq: u64,
    /// The section's place in the entry; nothing where it is the whole entry.
    pub section: Option<u32>,
    /// Who signed it.
    pub device: DeviceNumber,
    /// Why, as a stable name.
    pub reason: String,
    /// The document that it is for, where that is known.
    pub document: Option<DocumentName>,
}

/// What became of something that was released.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Released {
    /// Whether all of it is part of the documents now.
    pub applied: bool,
    /// Whether it waits for what it builds on, and is applied when that has come.
    pub waits: bool,
    /// What changed by it.
    pub changes: Vec<Change>,
}

/// What is held, for whoever has to look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inspected {
    /// The section as it travelled, or the entry as it stands in the log.
    pub bytes: Vec<u8>,
    /// The section, where the bytes are one.
    pub section: Option<Section>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    seq: u64,
    #[n(1)]
    device: DeviceNumber,
    #[n(2)]
    reason: String,
    /// The section, where an earlier version kept it here.
    #[n(3)]
    section: Bytes,
    #[n(4)]
    kind: Option<u16>,
    #[n(5)]
    part: Option<u32>,
    /// It was discarded: what is left says only that it is not to be opened.
    #[n(6)]
    discarded: Option<bool>,
}

impl Space {
    /// What is held back in this space, in the order of the log.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn quarantined(&self, store: &dyn Store) -> Result<Vec<Quarantined>, SpaceError> {
        let rows = self.held_rows(store)?.into_iter();
        let kept = rows.filter(|(_, row)| row.discarded != Some(true));
        Ok(kept.map(|(index, row)| self.shown(index, &row)).collect())
    }

    /// Something that is held, with its bytes; nothing where nothing is held there.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where the log's entry is not kept any more, or the store's.
    pub fn inspect_held(
        &self,
        store: &dyn Store,
        (seq, section): (u64, Option<u32>),
    ) -> Result<Option<Inspected>, SpaceError> {
        let Some(row) = self.held_row(store, seq, section)? else {
            return Ok(None);
        };
        let Some(index) = section else {
            let bytes = self.held_entry(store, seq)?.bytes().to_vec();
            let section = None;
            return Ok(Some(Inspected { bytes, section }));
        };
        let section = self.held_section(store, &row, index)?;
        let raw = section.as_ref().map(|section| section.raw().to_vec());
        Ok(Some(Inspected {
            bytes: raw.unwrap_or(row.section.0),
            section,
        }))
    }

    /// Offers what is held to the gate again, for instance after an update, and after it what waits
    /// or is held behind it. What the gate still refuses stays held, with the newest reason.
    /// Nothing comes back where nothing is held there.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where the log's entry is not kept any more, or the store's;
    /// nothing has changed then.
    pub fn release(
        &mut self,
        store: &mut dyn Store,
        place: (u64, Option<u32>),
    ) -> Result<Option<Released>, SpaceError> {
        self.refresh(store)?;
        let mut page = Page::one_by_one();
        let released = self.try_release(store, &mut page, place);
        self.commit_held(store, page, released)
    }

    /// Gives up what is held. Nothing of it is ever opened here again; what waits behind it is held,
    /// with a reason of its own. Other devices are not affected. Says whether something was held
    /// there.
    ///
    /// # Errors
    /// The store's; nothing has changed then.
    pub fn discard(
        &mut self,
        store: &mut dyn Store,
        place: (u64, Option<u32>),
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let mut page = Page::one_by_one();
        let discarded = self.try_discard(store, &mut page, place);
        self.commit_held(store, page, discarded)
    }

    pub(super) fn hold_entry(&self, page: &mut Page, seq: u64, entry: &Entry, reason: &str) {
        let device = entry.header().device;
        self.hold(page, (seq, WHOLE), device, reason, None);
    }

    pub(super) fn hold(
        &self,
        page: &mut Page,
        (seq, index): (u64, u32),
        device: DeviceNumber,
        reason: &str,
        document: Option<DocumentName>,
    ) {
        tracing::warn!(seq, %device, reason, "held back");
        let row = Row {
            seq,
            device,
            reason: reason.into(),
            section: Bytes(Vec::new()),
            kind: document.map(|document| document.kind),
            part: document.map(|document| document.part),
            discarded: None,
        };
        let key = keys::held(self.number, seq, index);
        page.transaction
            .put(Table::Quarantine, key, codec::encode(&row));
        page.received.quarantined.push(self.shown(index, &row));
    }

    /// Whether the entry was held back as a whole: it does not count at its place in the log, or was
    /// discarded.
    pub(super) fn is_refused(
        &self,
        store: &dyn Store,
        page: &Page,
        seq: u64,
    ) -> Result<bool, SpaceError> {
        let key = keys::held(self.number, seq, WHOLE);
        let mut now = page.received.quarantined.iter();
        Ok(now.any(|held| held.seq == seq && held.section.is_none())
            || store.get(Table::Quarantine, &key)?.is_some())
    }

    /// Of whom, and for which documents, something was discarded.
    pub(super) fn load_discarded(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let rows = self.held_rows(store)?.into_iter();
        let gone = rows.filter(|(_, row)| row.discarded == Some(true));
        let named = gone.filter_map(|(_, row)| Some((row.device, row.document()?)));
        self.discarded = named.collect();
        Ok(())
    }

    fn commit_held<T>(
        &mut self,
        store: &mut dyn Store,
        page: Page,
        outcome: Result<T, SpaceError>,
    ) -> Result<T, SpaceError> {
        let done = outcome.and_then(|outcome| {
            store.commit(page.transaction.into())?;
            Ok(outcome)
        });
        if done.is_err() {
            self.distrust();
            self.refresh(store)?;
        } else {
            self.documents.reload(store, &page.broken)?;
            self.compare_again();
        }
        done
    }

    fn try_release(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        (seq, section): (u64, Option<u32>),
    ) -> Result<Option<Released>, SpaceError> {
        let Some(row) = self.held_row(store, seq, section)? else {
            return Ok(None);
        };
        let key = keys::held(self.number, seq, section.unwrap_or(WHOLE));
        page.transaction.delete(Table::Quarantine, key);
        match section {
            Some(index) => {
                let section = self.held_section(store, &row, index)?;
                let Some(section) = section else {
                    page.transaction = super::Transaction::new();
                    return Ok(Some(Released::held()));
                };
                self.offer_held(store, page, row.device, &section, (seq, index))?;
                self.retry_held(store, page, row.device, section.name())?;
            }
            None => self.release_entry(store, page, &row)?,
        }
        let index = section.unwrap_or(WHOLE);
        let place =
            |held: &Quarantined| held.seq == seq && (index == WHOLE || held.is_at((seq, index)));
        let is_held = page.received.quarantined.iter().any(place);
        let waits = self
            .waiting
            .iter()
            .any(|((at, index), _)| *at == seq && section.is_none_or(|section| section == *index));
        Ok(Some(Released {
            applied: !is_held && !waits,
            waits: !is_held && waits,
            changes: std::mem::take(&mut page.received.changes),
        }))
    }

    /// Offers a section; what the gate refuses is held again.
    fn offer_held(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        device: DeviceNumber,
        section: &Section,
        place: (u64, u32),
    ) -> Result<(), SpaceError> {
        if let Err(reason) = self.apply(store, page, section, place)? {
            self.hold(page, place, device, reason, Some(section.name()));
        }
        Ok(())
    }

    /// Offers the rest of what is held of a device in a document: it may be only what went before
    /// that was missing.
    fn retry_held(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        device: DeviceNumber,
        document: DocumentName,
    ) -> Result<(), SpaceError> {
        if page.received.changes.is_empty() {
            return Ok(());
        }
        for (index, row) in self.held_rows(store)? {
            let place = (row.seq, index);
            let tried = page.received.quarantined.iter();
            let is_it = row.device == device && row.document() == Some(document);
            if !is_it
                || index == WHOLE
                || row.discarded == Some(true)
                || tried.clone().any(|held| held.is_at(place))
            {
                continue;
            }
            let Some(section) = self.held_section(store, &row, index)? else {
                continue;
            };
            if let Offer::Applied | Offer::Known = self.offer(store, page, &section)? {
                let key = keys::held(self.number, row.seq, index);
                page.transaction.delete(Table::Quarantine, key);
            }
        }
        Ok(())
    }

    fn release_entry(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        row: &Row,
    ) -> Result<(), SpaceError> {
        let entry = self.held_entry(store, row.seq)?;
        let header = *entry.header();
        if header.kind == Kind::Membership {
            let after = Height(header.height.0.saturating_add(1));
            let height = if row.seq == 1 { Height(0) } else { after };
            let book = self.book.as_mut();
            let read = book.map(|book| book.read_roster(&entry, height));
            if let Some(Err(error)) = read {
                self.hold_entry(page, row.seq, &entry, error.reason());
            }
            return Ok(());
        }
        // What does not count at its place in the log never will.
        if is_rule_of_the_log(&row.reason) {
            self.hold_entry(page, row.seq, &entry, &row.reason);
            return Ok(());
        }
        if !matches!(header.kind, Kind::Batch | Kind::Carry) {
            let reason = self.judge_again(store, page, row.seq, &row.reason)?;
            if let Some(reason) = reason {
                self.hold_entry(page, row.seq, &entry, reason);
            }
            return Ok(());
        }
        match self.sections_of(&entry) {
            Err(reason) => self.hold_entry(page, row.seq, &entry, reason),
            Ok(sections) => {
                for (index, section) in (0..).zip(&sections) {
                    self.offer_held(store, page, row.device, section, (row.seq, index))?;
                }
            }
        }
        Ok(())
    }

    fn try_discard(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        (seq, section): (u64, Option<u32>),
    ) -> Result<bool, SpaceError> {
        let Some(row) = self.held_row(store, seq, section)? else {
            return Ok(false);
        };
        let document = row.document();
        let gone = Row {
            section: Bytes(Vec::new()),
            discarded: Some(true),
            ..row
        };
        let key = keys::held(self.number, seq, section.unwrap_or(WHOLE));
        page.transaction
            .put(Table::Quarantine, key, codec::encode(&gone));
        self.discarded
            .extend(document.map(|document| (gone.device, document)));
        let waiting = std::mem::take(&mut self.waiting);
        for (place, section) in waiting {
            let author = self.member_of(&section.author());
            let is_behind = author == Some(gone.device)
                && document.is_none_or(|document| document == section.name());
            if !is_behind {
                self.waiting.push((place, section));
                continue;
            }
            let key = keys::held(self.number, place.0, place.1);
            page.transaction.delete(Table::Waiting, key);
            let name = Some(section.name());
            self.hold(page, place, gone.device, BEHIND_DISCARDED, name);
        }
        Ok(true)
    }

    fn held_rows(&self, store: &dyn Store) -> Result<Vec<(u32, Row)>, SpaceError> {
        let prefix = keys::space(self.number);
        let rows = store.scan(Table::Quarantine, &prefix, None, usize::MAX)?;
        rows.iter()
            .map(|(key, value)| Ok((keys::place_of(key)?.1, row_of(value)?)))
            .collect()
    }

    /// The places of what is held back or was discarded here and may yet come to something, here or
    /// on another device.
    pub(super) fn held_places(&self, store: &dyn Store) -> Result<Vec<u64>, SpaceError> {
        let rows = self.held_rows(store)?.into_iter();
        let may_count =
            |(index, row): &(u32, Row)| *index != WHOLE || !is_rule_of_the_log(&row.reason);
        Ok(rows.filter(may_count).map(|(_, row)| row.seq).collect())
    }

    /// Drops what is held back, was discarded or waits up to a place, whose entries go. Says whether any
    /// of it may have come to something.
    pub(super) fn drop_held_before(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
    ) -> Result<bool, SpaceError> {
        let mut may_count = false;
        for (index, row) in self.held_rows(store)? {
            if row.seq < seq {
                may_count |= index != WHOLE || !is_rule_of_the_log(&row.reason);
                let key = keys::held(self.number, row.seq, index);
                page.transaction.delete(Table::Quarantine, key);
            }
        }
        for held in page
            .received
            .quarantined
            .extract_if(.., |held| held.seq < seq)
        {
            may_count |= held.section.is_some() || !is_rule_of_the_log(&held.reason);
            let key = keys::held(self.number, held.seq, held.section.unwrap_or(WHOLE));
            page.transaction.delete(Table::Quarantine, key);
        }
        for ((at, index), _) in self.waiting.extract_if(.., |((at, _), _)| *at < seq) {
            may_count = true;
            let key = keys::held(self.number, at, index);
            page.transaction.delete(Table::Waiting, key);
        }
        self.discarded.clear();
        Ok(may_count)
    }

    /// The documents of which something is held back or was discarded here that counts at its place in
    /// the log, or is of a kind of a later version; nothing for what cannot be told.
    pub(super) fn held_documents(
        &self,
        store: &dyn Store,
    ) -> Result<Vec<Option<DocumentName>>, SpaceError> {
        let mut documents = Vec::new();
        for (index, row) in self.held_rows(store)? {
            if index != WHOLE {
                documents.push(
                    row.document()
                        .or_else(|| Some(self.section_in(&row)?.name())),
                );
                continue;
            }
            let bytes = store.get(Table::Entry, &keys::entry(self.number, row.seq))?;
            let entry = bytes.and_then(|bytes| Entry::parse(bytes).ok());
            let is_of_documents =
                entry.is_none_or(|entry| matches!(entry.header().kind, Kind::Batch | Kind::Carry));
            if is_of_documents && !is_rule_of_the_log(&row.reason) {
                documents.push(None);
            }
        }
        Ok(documents)
    }

    /// Whether an entry was not held back for its place in the log.
    pub(super) fn counts_at(&self, store: &dyn Store, seq: u64) -> Result<bool, SpaceError> {
        let row = store.get(Table::Quarantine, &keys::held(self.number, seq, WHOLE))?;
        let row = row.map(|bytes| row_of(&bytes)).transpose()?;
        Ok(row.is_none_or(|row| !is_rule_of_the_log(&row.reason)))
    }

    /// The places of everything that is held back, waits or was discarded.
    pub(super) fn places_of_interest(&self, store: &dyn Store) -> Result<Vec<u64>, SpaceError> {
        let held = self.held_rows(store)?.into_iter().map(|(_, row)| row.seq);
        let waiting = self.waiting.iter().map(|((seq, _), _)| *seq);
        Ok(held.chain(waiting).collect())
    }

    fn held_row(
        &self,
        store: &dyn Store,
        seq: u64,
        section: Option<u32>,
    ) -> Result<Option<Row>, SpaceError> {
        let key = keys::held(self.number, seq, section.unwrap_or(WHOLE));
        let bytes = store.get(Table::Quarantine, &key)?;
        let found = bytes.map(|bytes| row_of(&bytes)).transpose()?;
        Ok(found.filter(|row| row.discarded != Some(true)))
    }

    fn held_entry(&self, store: &dyn Store, seq: u64) -> Result<Entry, SpaceError> {
        let bytes = store.get(Table::Entry, &keys::entry(self.number, seq))?;
        let bytes = bytes.ok_or(SpaceError::NotAllowed("the entry is not kept any more"))?;
        Entry::parse(bytes).map_err(|_| damaged(Table::Entry, "an entry of the log cannot be read"))
    }

    /// A held section; nothing where its bytes cannot be read as one.
    fn held_section(
        &self,
        store: &dyn Store,
        row: &Row,
        index: u32,
    ) -> Result<Option<Section>, SpaceError> {
        if !row.section.0.is_empty() {
            return Ok(self.section_in(row));
        }
        let entry = self.held_entry(store, row.seq)?;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let sections = self.sections_of(&entry).unwrap_or_default();
        Ok(sections.into_iter().nth(index))
    }

    /// The section that a row of an earlier version holds itself.
    fn section_in(&self, row: &Row) -> Option<Section> {
        let membership = self.book.as_ref()?.membership();
        let signer = membership.member_ever(row.device)?;
        let author = actor(&self.state.id, &signer.signing_key);
        Section::parse(author, &row.section.0).ok()
    }

    fn shown(&self, index: u32, row: &Row) -> Quarantined {
        let inside = || Some(self.section_in(row)?.name());
        Quarantined {
            seq: row.seq,
            section: Some(index).filter(|index| *index != WHOLE),
            device: row.device,
            reason: row.reason.clone(),
            document: row.document().or_else(inside),
        }
    }
}

impl Quarantined {
    fn is_at(&self, (seq, index): (u64, u32)) -> bool {
        self.seq == seq && self.section.unwrap_or(WHOLE) == index
    }
}

impl Released {
    const fn held() -> Self {
        Self {
            applied: false,
            waits: false,
            changes: Vec::new(),
        }
    }
}

impl Row {
    fn document(&self) -> Option<DocumentName> {
        let (kind, part) = self.kind.zip(self.part)?;
        Some(DocumentName { kind, part })
    }
}

fn row_of(bytes: &[u8]) -> Result<Row, SpaceError> {
    codec::decode(bytes, usize::MAX)
        .map_err(|_| damaged(Table::Quarantine, "a held section cannot be read"))
}

/// Whether a whole entry was refused by the rules of acceptance, which look at its place in the log
/// alone.
fn is_rule_of_the_log(reason: &str) -> bool {
    let rules = [
        "closed",
        "rights",
        "signer",
        "stale_membership",
        "unsupported",
    ];
    rules.contains(&reason)
}

//! A space some rows of which are damaged: what is wrong is told, the other spaces open all the same,
//! and a repair keeps what is sound and has the rest come back with the log.
//!
//! - Where nothing unsent is lost, this device goes on as who it was ([`again`](super::again)).
//! - Where something may be, it must not go on under its old numbers: an entry that it forgot could
//!   be with the relay. It counts as restored, and becomes a member anew ([`Space::renounce`]).
//! - Where the space's keys are lost, nothing can be kept: it is entered anew through home.

mod unsettled;

use std::collections::{BTreeMap, BTreeSet};

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec;
use waymark_wire::entry::Entry;
use waymark_wire::ids::SpaceId;
use waymark_wire::padding;
use waymark_wire::signature::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::again::Again;
use super::aside::Aside;
use super::checkpoint::Checkpoints;
use super::documents::Documents;
use super::outbox::sealed;
use super::restored::Unsettled;
use super::start::Start;
use super::{Passed, Sealed, Space, SpaceError, SpaceState, actor, damaged, keys};
use crate::crypto::{Entropy, MembershipKeys};
use crate::gate::{DocumentName, Section, decode_batch};
use crate::membership::{Newcomer, SpaceKind, Wish};
use crate::store::{Note, SALVAGED, Sifted, Store, StoreError, Table, Transaction};

/// A space that did not open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// Its local number.
    pub number: u32,
    /// The space, where that can be read.
    pub id: Option<SpaceId>,
    /// What it is for, where that can be read.
    pub kind: Option<SpaceKind>,
    /// What is wrong.
    pub what: SpaceError,
}

/// What came of a repair.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Repaired {
    /// Anything was damaged: the log is read again.
    pub done: bool,
    /// Documents that come back with the log.
    pub documents: u32,
    /// Unsent changes and entries that stood on what was damaged and were kept.
    pub kept: u32,
    /// Unsent changes and entries that are lost, as far as is known; more may be where `restored`.
    pub lost: u32,
    /// Something unsent may be lost: this device becomes another member than before.
    pub restored: bool,
    /// Nothing could be kept: the space is entered anew through home.
    pub entered_anew: bool,
}

/// Tables whose rows of a space come back with the log, or can be done without.
const SPARE: [Table; 7] = [
    Table::Entry,
    Table::Epoch,
    Table::Attachment,
    Table::Waiting,
    Table::Quarantine,
    Table::Evidence,
    Table::Journal,
];

impl Space {
    /// Every space in the store that opens, by local number, and those that do not.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails, or which spaces there are cannot be read.
    pub fn load_each(store: &dyn Store) -> Result<(Vec<Self>, Vec<Damage>), SpaceError> {
        let found = store.sift(Table::Space, &[])?;
        if found.broken {
            return Err(damaged(
                Table::Space,
                "which spaces there are cannot be read",
            ));
        }
        let salvaged = salvaged(store)?;
        let readable = found.rows.iter().map(|(key, _)| key);
        let mut numbers = Vec::new();
        for key in readable.chain(&found.damaged) {
            numbers.extend(keys::number_of(key));
        }
        if salvaged.is_some() {
            for (key, _) in store.sift(Table::Membership, &[])?.rows {
                numbers.extend(keys::number_of(&key));
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let (mut spaces, mut damages) = (Vec::new(), Vec::new());
        for number in numbers {
            let is_done = |note: &Note| note.repaired.contains(&number);
            let is_suspect = salvaged.as_ref().is_some_and(|note| !is_done(note));
            let what = match Self::load(store, number) {
                Ok(_) if is_suspect => {
                    damaged(Table::Space, "the file was rebuilt without all rows")
                }
                Ok(space) => {
                    spaces.push(space);
                    continue;
                }
                Err(error) if is_damage(&error) => error,
                Err(error) => return Err(error),
            };
            tracing::warn!(space = number, %what, "a space is damaged");
            damages.push(damage(store, number, what));
        }
        Ok((spaces, damages))
    }

    /// Keeps what is sound of a damaged space and has the rest come back with the log. Once
    /// `transaction` is committed the space is to be loaded again. Nothing is done where nothing
    /// is damaged. `newcomer` is what this device calls itself elsewhere.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] in [`Table::Space`] where the space's keys are lost; [`SpaceError`] where
    /// the store fails.
    pub fn repair(
        store: &dyn Store,
        transaction: &mut Transaction,
        number: u32,
        newcomer: Option<Newcomer>,
        entropy: &mut dyn Entropy,
    ) -> Result<Repaired, SpaceError> {
        let mut survey = Survey::of(store, transaction, number)?;
        if survey.is_sound {
            return Ok(Repaired::default());
        }
        survey.repaired.done = true;
        survey.put_aside(store, transaction)?;
        survey.write(transaction, newcomer, entropy)
    }

    /// How much of a space is unsent, as far as its rows tell, without reading them.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn count_unsent(store: &dyn Store, number: u32) -> Result<u32, SpaceError> {
        let outbox = store.sift(Table::Outbox, &keys::space(number))?;
        Ok(count(outbox.rows.len() + outbox.damaged.len()))
    }
}

/// Has every document come back with the log, which is read from its first entry on: what they hold is
/// not believed. What is unsent in them is put aside. `is_behind_cut` tells whether that is since
/// something was forgotten that this device could not read.
pub(super) fn doubt(
    store: &dyn Store,
    transaction: &mut Transaction,
    number: u32,
    is_behind_cut: bool,
    entropy: &mut dyn Entropy,
) -> Result<(), SpaceError> {
    let mut survey = Survey::of(store, transaction, number)?;
    survey.is_behind_cut = is_behind_cut;
    survey.broken = survey.space.documents.names().collect();
    survey.space.load_unsettled(store)?;
    survey.put_aside(store, transaction)?;
    survey.look_at_unsettled(store)?;
    // It may come to something else than what led here.
    survey.until = Cursor::start(&survey.space.state.id).position();
    survey.write(transaction, None, entropy).map(drop)
}

/// Notes that a space was repaired after the file was rebuilt, and forgets that it was once all are.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub(crate) fn note_repaired(
    store: &dyn Store,
    transaction: &mut Transaction,
    number: u32,
    others: &[u32],
) -> Result<(), SpaceError> {
    let Some(mut note) = salvaged(store)? else {
        return Ok(());
    };
    note.repaired.push(number);
    if others.iter().all(|other| note.repaired.contains(other)) {
        transaction.delete(Table::Meta, SALVAGED);
    } else {
        transaction.put(Table::Meta, SALVAGED, codec::encode(&note));
    }
    Ok(())
}

/// What is to be known of the file, where it was rebuilt without all of its rows.
fn salvaged(store: &dyn Store) -> Result<Option<Note>, SpaceError> {
    let found = store.sift(Table::Meta, SALVAGED)?;
    let row = found.rows.into_iter().find(|(key, _)| key == SALVAGED);
    // What cannot be read may have said anything.
    let unsent = Note {
        unsent: true,
        ..Note::default()
    };
    Ok(row.map(|(_, value)| codec::decode(&value, usize::MAX).unwrap_or(unsent)))
}

/// Whether an error of reading means that what is stored is not what was written.
fn is_damage(error: &SpaceError) -> bool {
    !matches!(error, SpaceError::Store(other) if !matches!(other, StoreError::Damaged { .. }))
}

/// What can be told of a space that does not open.
fn damage(store: &dyn Store, number: u32, what: SpaceError) -> Damage {
    let row = store.get(Table::Space, &keys::space(number)).ok().flatten();
    let state = row.and_then(|row| SpaceState::from_bytes(&Zeroizing::new(row)).ok());
    let first = || {
        let place = keys::membership(number, waymark_wire::ids::Height(0));
        let first = store.get(Table::Membership, &place).ok().flatten()?;
        Some(SpaceId::from(Entry::parse(first).ok()?.id(&SpaceId::ZERO)))
    };
    Damage {
        number,
        kind: state.as_ref().map(|state| state.kind),
        id: state.map(|state| state.id).or_else(first),
        what,
    }
}

/// What a repair finds.
struct Survey {
    space: Space,
    /// Nothing is damaged.
    is_sound: bool,
    /// Something unsent may be lost.
    loses: bool,
    /// How far the log was read.
    until: Position,
    repaired: Repaired,
    outbox: Sifted,
    broken: Vec<DocumentName>,
    aside: Vec<Aside>,
    /// The place of the first of these.
    next_aside: u32,
    /// Nothing is damaged: the documents are given up for what is left where something was forgotten.
    is_behind_cut: bool,
}

impl Survey {
    fn of(
        store: &dyn Store,
        transaction: &mut Transaction,
        number: u32,
    ) -> Result<Self, SpaceError> {
        let prefix = keys::space(number);
        let lost = || damaged(Table::Space, "the space's keys are lost");
        let rows = store.sift(Table::Space, &prefix)?.rows;
        let row = rows.into_iter().find(|(key, _)| *key == prefix);
        let row = Zeroizing::new(row.ok_or_else(lost)?.1);
        // What a trial has shown so far may never be agreed on.
        let start = Start::load(store, number);
        let before = start.as_ref().map(|start| start.as_ref()?.before());
        let state = match before {
            Ok(Some(before)) => SpaceState::from_bytes(before)?,
            _ => SpaceState::from_bytes(&row)?,
        };
        let keys = MembershipKeys::from_bytes(&state.keys)?;
        let signing = SigningKey::from_seed(keys.signing_seed()).ok_or_else(lost)?;
        let own_key = match &state.becomes {
            Some(own) => VerifyingKey(MembershipKeys::from_bytes(own)?.signing_public()?),
            None => signing.verifying_key(),
        };
        let again = Again::load(store, number);
        let outbox = store.sift(Table::Outbox, &prefix)?;
        let mut is_sound = match Space::load(store, number) {
            Ok(_) => outbox.is_whole(),
            Err(error) if is_damage(&error) => false,
            Err(error) => return Err(error),
        };
        let documents = Documents::salvage(store, transaction, number)?;
        let salvaged = salvaged(store)?.filter(|note| !note.repaired.contains(&number));
        is_sound &= salvaged.is_none();
        let mut loses = outbox.broken || again.is_err();
        loses |= salvaged.is_some_and(|note| note.unsent);
        let mut repaired = Repaired::default();
        for table in SPARE {
            let found = store.sift(table, &prefix)?;
            is_sound &= found.is_whole();
            for key in found.damaged {
                transaction.delete(table, key);
            }
        }
        let wishes = store.sift(Table::Intent, &prefix)?;
        is_sound &= wishes.is_whole();
        for key in wishes.damaged {
            repaired.lost += 1;
            transaction.delete(Table::Intent, key);
        }
        let mut space = Space {
            number,
            own_key,
            book: None,
            documents,
            waiting: Vec::new(),
            discarded: BTreeSet::new(),
            journal: None,
            unsettled: BTreeMap::new(),
            lost: Vec::new(),
            passed: Passed::load(store, number, state.cursor)?,
            again: again.unwrap_or_default(),
            formers: BTreeMap::new(),
            start: None,
            checkpoints: Checkpoints::default(),
            stale: false,
            signing,
            keys,
            state,
        };
        if let Err(error) = space.load_book(store) {
            if !is_damage(&error) {
                return Err(error);
            }
            space.book = None;
            space.state.verified = None;
            transaction.delete_prefix(Table::Membership, prefix);
        }
        let mut broken = Vec::new();
        let own = space.actor();
        for name in space.documents.names().collect::<Vec<_>>() {
            match space.documents.open(store, name, own) {
                Ok(_) => space.documents.evict(),
                Err(error) if is_damage(&error) => broken.push(name),
                Err(error) => return Err(error),
            }
        }
        is_sound &= broken.is_empty() && !loses;
        loses |= !broken.is_empty() && outbox.broken;
        repaired.documents = count(broken.len());
        Ok(Self {
            until: space.state.cursor.position(),
            space,
            is_sound,
            loses,
            repaired,
            outbox,
            broken,
            aside: Vec::new(),
            next_aside: 0,
            is_behind_cut: false,
        })
    }

    /// Sorts what is unsent: what is in sound documents stays, what stands on damaged ones is put
    /// aside, and what does not read is lost.
    fn put_aside(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        let number = self.space.number;
        for key in std::mem::take(&mut self.outbox.damaged) {
            match key.get(4) {
                // A mark says all that it says by its place.
                Some(0) => {
                    transaction.put(Table::Outbox, key.clone(), []);
                    self.outbox.rows.push((key, Vec::new()));
                }
                // A checkpoint that this device was about to publish is planned anew, a start at one begins
                // anew, and what was given up is gone either way.
                Some(6..=8 | 10 | 11 | 20) => {
                    transaction.delete(Table::Outbox, key);
                }
                kind => {
                    // What was put aside, or is known only from its row.
                    self.repaired.lost += u32::from(kind == Some(&4));
                    self.loses = true;
                    transaction.delete(Table::Outbox, key);
                }
            }
        }
        self.outbox.rows.sort_unstable();
        let mut entries = Vec::new();
        let mut marks: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (key, value) in &self.outbox.rows {
            match key.get(4) {
                Some(0) => {
                    let document = keys::number_at(key, 5, Table::Outbox)?;
                    let row = keys::number_at(key, 9, Table::Outbox)?;
                    marks.entry(document).or_default().push(row);
                }
                Some(1) => {
                    let counter = keys::number_at(key, 5, Table::Outbox)?;
                    match sealed(counter, value) {
                        Ok(sealed) => entries.push(sealed),
                        Err(_) => self.loses = true,
                    }
                }
                Some(4) => {
                    let index = keys::number_at(key, 5, Table::Outbox)?;
                    self.next_aside = self.next_aside.max(index + 1);
                }
                _ => {}
            }
        }
        self.look_at_entries(&entries);
        for (document, rows) in marks {
            let Some(name) = self.space.documents.name_of(document) else {
                self.loses = true;
                self.repaired.lost += count(rows.len());
                transaction
                    .delete_prefix(Table::Outbox, keys::unsent_of(number, document))
                    .delete_prefix(Table::Change, keys::document(number, document));
                continue;
            };
            if self.broken.contains(&name) {
                self.look_at_changes(store, name, document, &rows)?;
            }
        }
        Ok(())
    }

    /// Looks at entries on their way: whether all are there, and what they say in damaged documents.
    fn look_at_entries(&mut self, entries: &[Sealed]) {
        let state = &self.space.state;
        if let Some(own) = state.device.filter(|_| !self.space.is_enrolling()) {
            let confirmed = self.confirmed(own.0.into());
            let missing = (confirmed..state.counter)
                .filter(|counter| entries.iter().all(|entry| entry.counter != *counter));
            let missing = count(missing.count());
            self.loses |= missing > 0;
            if !self.broken.is_empty() {
                self.repaired.lost += missing;
            }
        }
        let is_batch = |entry: &&Sealed| {
            entry.entry.header().kind == waymark_wire::entry::Kind::Batch && !self.broken.is_empty()
        };
        for entry in entries.iter().filter(is_batch) {
            let Some(sections) = self.sections_of(entry) else {
                self.loses = true;
                self.repaired.lost += 1;
                continue;
            };
            for section in sections {
                if self.broken.contains(&section.name()) {
                    self.repaired.kept += 1;
                    self.aside.push(Aside::new(&section, true));
                }
            }
        }
    }

    fn sections_of(&self, entry: &Sealed) -> Option<Vec<Section>> {
        let padded = self.space.text_of(&entry.entry).ok()?;
        let author = actor(&self.space.state.id, &self.space.signing.verifying_key());
        decode_batch(author, padding::unpad(&padded)?).ok()
    }

    /// Looks at the unsent changes of a damaged document.
    fn look_at_changes(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        document: u32,
        rows: &[u32],
    ) -> Result<(), SpaceError> {
        let found = store.sift(Table::Change, &keys::document(self.space.number, document))?;
        for row in rows {
            let place = keys::change(self.space.number, document, *row);
            let value = found.rows.iter().find(|(key, _)| *key == place);
            let changes = value.and_then(|(_, value)| super::documents::unpack(value).ok());
            let section = changes.and_then(|changes| Section::build(name, changes).ok());
            match section {
                Some(section) if self.is_unsettled(&section) => {}
                Some(section) => {
                    self.repaired.kept += 1;
                    self.aside.push(Aside::new(&section, false));
                }
                None => {
                    self.loses = true;
                    self.repaired.lost += 1;
                }
            }
        }
        Ok(())
    }

    /// The counter up to which the log has confirmed the entries of a membership.
    fn confirmed(&self, device: usize) -> u32 {
        let counters = &self.space.state.counters;
        let confirmed = counters.get(device).copied().unwrap_or_default();
        let before = self.space.again.as_ref().map_or(0, |again| again.below);
        confirmed.max(before)
    }

    fn write(
        mut self,
        transaction: &mut Transaction,
        newcomer: Option<Newcomer>,
        entropy: &mut dyn Entropy,
    ) -> Result<Repaired, SpaceError> {
        let number = self.space.number;
        let was_heard = self.space.reads_again() || self.space.state.cursor.seq > 0;
        let device = self
            .space
            .state
            .device
            .filter(|_| !self.space.is_enrolling());
        let newcomer = self.space.newcomer_again().or(newcomer);
        let was_closed = self.space.is_closed().then_some(true);
        let before = self.space.again.take();
        // What nobody has heard of has no other under its numbers.
        let device = device.filter(|_| was_heard && self.loses);
        let anew = device.zip(newcomer);
        let below = match (&before, device) {
            _ if !was_heard => self.space.state.counter,
            // Without a name to come under: the first entry that it does not know tells it.
            (_, Some(_)) if anew.is_none() => 0,
            _ => self
                .space
                .state
                .device
                .map_or(0, |own| self.confirmed_with(&before, own.0.into())),
        };
        let until = before.as_ref().map(|again| again.until);
        let was_behind_cut = before
            .as_ref()
            .is_some_and(|again| again.is_behind_cut == Some(true));
        let now = self.until;
        let mut absent = before.map(|again| again.absent).unwrap_or_default();
        absent.extend(&self.broken);
        let again = Again {
            until: until.filter(|until| until.seq > now.seq).unwrap_or(now),
            below,
            waits: was_heard,
            absent,
            is_behind_cut: (self.is_behind_cut || was_behind_cut).then_some(true),
            was_closed,
        };
        again.save(transaction, number);
        Space::forget_start(transaction, number);

        let sound: Vec<DocumentName> = self.space.documents.names().collect();
        for name in &self.broken {
            if let Some(document) = self.space.documents.number_of(*name) {
                transaction.delete(Table::Outbox, keys::unsettled(number, document));
            }
            if self.is_behind_cut {
                // It is shown until something stands in its place.
                self.space.documents.forget_unsent(transaction, *name);
            } else {
                self.space.documents.empty(transaction, *name);
            }
        }
        for (index, aside) in (self.next_aside..).zip(&self.aside) {
            transaction.put(
                Table::Outbox,
                keys::aside(number, index),
                codec::encode(aside),
            );
        }
        if let Some((own, newcomer)) = anew {
            let old = actor(&self.space.state.id, &self.space.signing.verifying_key());
            transaction
                .delete_prefix(Table::Outbox, keys::sealed(number))
                .delete_prefix(Table::Outbox, keys::unsent(number))
                .delete(Table::Intent, keys::wish(number, &Wish::Remove(own)));
            for name in sound.iter().filter(|name| !self.broken.contains(name)) {
                if let Some(document) = self.space.documents.number_of(*name) {
                    // Whatever of it the log does not show was never sent.
                    let unsettled = Unsettled::new(old, 1).to_bytes();
                    let place = keys::unsettled(number, document);
                    transaction.put(Table::Outbox, place, unsettled);
                }
            }
            Space::wish_to_enrol(transaction, number, newcomer);
            let fresh = MembershipKeys::generate(entropy);
            self.space.state.becomes = Some(Zeroizing::new(fresh.to_bytes().to_vec()));
            self.repaired.restored = true;
        }
        self.space.save(transaction);
        Ok(self.repaired)
    }

    fn confirmed_with(&self, before: &Option<Again>, device: usize) -> u32 {
        let before = before.as_ref().map_or(0, |again| again.below);
        self.confirmed(device).max(before)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

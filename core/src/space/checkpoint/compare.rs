//! Holding another device's checkpoint against what this device has read itself. What matters is what
//! happens when everything up to its place is dropped: whoever starts there has the snapshots, the
//! entries that are kept, and what follows. So
//!
//! - nothing may be in a snapshot that the log did not say, in the very same form, and
//! - nothing that the log says may be in neither of the three.
//!
//! A snapshot says of each author up to which change it goes, so the first is one digest over the own
//! document up to there, and the second a comparison of numbers. That this device has read further than
//! the checkpoint reaches does not matter to either.

use std::collections::BTreeMap;

use waymark_wire::ack::CheckpointFault;
use waymark_wire::chain::Cursor;
use waymark_wire::checkpoint::{
    ChangesDigest, Checkpoint, CheckpointBody, CheckpointPrivate, SnapshotOf,
};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::padding;

use super::extent::confirmed;
use super::said::Said;
use super::seen::Seen;
use crate::crypto::open;
use crate::gate::{ActorId, DocumentName, GateError, SnapshotSummary, inspect_snapshot};
use crate::membership::Book;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table};

/// Why a checkpoint is not found good.
#[derive(Debug)]
pub(super) enum Objection {
    /// This is wrong with it.
    Fault(CheckpointFault),
    /// This device cannot say.
    Unable(&'static str),
    /// Something of this device's own failed.
    Failed(SpaceError),
}

type Found<T = ()> = Result<T, Objection>;

/// What a checkpoint says that the snapshots of one document hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Claim {
    pub(super) digest: ChangesDigest,
    pub(super) pieces: Vec<EntryId>,
}

/// A checkpoint that was opened.
pub(super) struct Opened {
    pub(super) public: Checkpoint,
    pub(super) claims: BTreeMap<DocumentName, Claim>,
}

/// What it is held against.
struct Against {
    unconfirmed: Vec<(DocumentName, u32)>,
    members: Vec<ActorId>,
    /// What the entries hold that stay beside the snapshots.
    stays: Said,
    /// Something that stays is not kept here.
    stays_unseen: bool,
    /// Documents of which this device does not have all: some of it is held back or waits.
    partial: Vec<DocumentName>,
    /// The same of documents that cannot be told.
    is_partial: bool,
}

impl Space {
    /// Compares the checkpoint at a place of the log. The documents hold everything up to the verified
    /// end.
    pub(super) fn compare_checkpoint(&mut self, store: &dyn Store, seen: &Seen) -> Found {
        if seen.reaches <= self.base_seq() {
            return Err(Objection::Unable(
                "it reaches no further than what is kept here",
            ));
        }
        if seen.reaches >= seen.seq {
            return Err(Objection::Fault(CheckpointFault::Other));
        }
        let opened = self.open_checkpoint(store, seen.seq)?;
        let mut against = self.against(store, &opened.public)?;
        let same = self.unchanged_since_last(store, seen, &opened, &mut against)?;
        for (name, claim) in &opened.claims {
            if !same.contains(name) {
                self.compare_document(store, *name, Some(claim), &against)?;
            }
        }
        let names: Vec<DocumentName> = self.documents.names().collect();
        for name in names {
            if !opened.claims.contains_key(&name) {
                self.compare_document(store, name, None, &against)?;
            }
        }
        Ok(())
    }

    /// Opens the checkpoint at a place of the log.
    pub(super) fn open_checkpoint(&self, store: &dyn Store, seq: u64) -> Found<Opened> {
        const WRONG: Objection = Objection::Fault(CheckpointFault::Other);
        let entry = self.kept_entry(store, seq)?;
        let entry = entry.ok_or(Objection::Unable("it is not kept here"))?;
        let body = CheckpointBody::parse(entry.body()).map_err(|_| WRONG)?;
        let text = self.open_text(&entry, body.private)?;
        let text = padding::unpad(&text).ok_or(WRONG)?;
        let count = body.public.snapshots.len();
        let private = CheckpointPrivate::parse(text, count).map_err(|_| WRONG)?;
        let claims = claims(&body.public.snapshots, &private.documents)?;
        let public = body.public;
        Ok(Opened { public, claims })
    }

    /// Holds the public part against the own log, and gathers what the log says beside the snapshots.
    fn against(&mut self, store: &dyn Store, public: &Checkpoint) -> Found<Against> {
        let mut counters = self.state.counters.clone();
        let mut heights = 0;
        let mut end = public.cursor();
        let mut stays = Said::default();
        self.walk_from(store, public.cursor(), |(entry, _), cursor| {
            let header = entry.header();
            heights += u32::from(header.kind == Kind::Membership);
            if let Some(counter) = counters.get_mut(usize::from(header.device.0)) {
                *counter = header.counter.min(*counter);
            }
            end = *cursor;
            self.add_said(store, cursor.seq, &entry, &mut stays)
        })?;
        self.holds_in_public(public, end, counters, heights)?;
        let mut against = Against {
            unconfirmed: self.unconfirmed(store)?,
            members: self.actors(),
            stays,
            stays_unseen: false,
            partial: Vec::new(),
            is_partial: !self.unknown_places(store)?.is_empty(),
        };
        for kept in &public.kept {
            match self.kept_entry(store, kept.seq)? {
                Some(entry) if self.id_of(&entry, kept.seq) == kept.id => {
                    self.add_said(store, kept.seq, &entry, &mut against.stays)?;
                }
                Some(_) => return Err(Objection::Fault(CheckpointFault::Other)),
                None => against.stays_unseen = true,
            }
        }
        for held in self.held_documents(store)? {
            match held {
                Some(name) => against.partial.push(name),
                None => against.is_partial = true,
            }
        }
        let waiting = self.waiting.iter().map(|(_, section)| section.name());
        against.partial.extend(waiting);
        Ok(against)
    }

    /// Whether what everybody may read of a checkpoint is what the own log says.
    fn holds_in_public(
        &self,
        public: &Checkpoint,
        end: Cursor,
        mut counters: Vec<u32>,
        heights: u32,
    ) -> Found {
        let membership = self.book.as_ref().map(Book::membership);
        let membership = membership.ok_or(Objection::Unable("the membership is not known"))?;
        let height = membership.height().0.checked_sub(heights).map(Height);
        let there = |height: Height| {
            let everybody = membership.everybody().iter();
            everybody.filter(|member| member.since <= height).count()
        };
        counters.resize(height.map_or(0, there), 0);
        let is_right = end == self.state.cursor
            && Some(public.height) == height
            && public.counters == counters;
        if is_right {
            Ok(())
        } else {
            Err(Objection::Fault(CheckpointFault::Other))
        }
    }

    /// Adds the changes of an entry, where it counts.
    fn add_said(
        &self,
        store: &dyn Store,
        seq: u64,
        entry: &Entry,
        said: &mut Said,
    ) -> Result<(), SpaceError> {
        let is_meant = matches!(entry.header().kind, Kind::Batch | Kind::Carry);
        if !is_meant || !self.counts_at(store, seq)? {
            return Ok(());
        }
        for section in self.sections_of(entry).unwrap_or_default() {
            said.add(&section);
        }
        Ok(())
    }

    /// The documents for which the checkpoint names the very snapshots that the last sound one names, and
    /// which nobody has changed since.
    fn unchanged_since_last(
        &self,
        store: &dyn Store,
        seen: &Seen,
        opened: &Opened,
        against: &mut Against,
    ) -> Found<Vec<DocumentName>> {
        let Some(last) = self.last_sound().filter(|last| last.id != seen.id) else {
            return Ok(Vec::new());
        };
        if against.is_partial || last.reaches > seen.reaches {
            return Ok(Vec::new());
        }
        let Some(unchanged) = self.unchanged_since(store, last)? else {
            return Ok(Vec::new());
        };
        let is_same = |(name, claim): &(&DocumentName, &Claim)| {
            unchanged.get(name) == Some(claim) && !against.partial.contains(name)
        };
        let same = opened.claims.iter().filter(is_same);
        Ok(same.map(|(name, _)| *name).collect())
    }

    /// What a sound checkpoint claims of the documents that nobody has changed since. `None` where
    /// it does not say all of them.
    pub(super) fn unchanged_since(
        &self,
        store: &dyn Store,
        last: &Seen,
    ) -> Result<Option<BTreeMap<DocumentName, Claim>>, SpaceError> {
        let mut opened = match self.open_checkpoint(store, last.seq) {
            Ok(opened) => opened,
            Err(Objection::Failed(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        // What stays beside its snapshots may have come to something since.
        if !opened.public.kept.is_empty() {
            return Ok(None);
        }
        let mut said = Said::default();
        self.walk_from(store, opened.public.cursor(), |(entry, _), cursor| {
            self.add_said(store, cursor.seq, &entry, &mut said)
        })?;
        for name in said.documents() {
            opened.claims.remove(&name);
        }
        Ok(Some(opened.claims))
    }

    fn compare_document(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        claim: Option<&Claim>,
        against: &Against,
    ) -> Found {
        let is_partial = against.is_partial || against.partial.contains(&name);
        let claimed = match claim {
            Some(claim) => Some(self.inspect(store, name, claim, &against.members)?),
            None => None,
        };
        let authors: BTreeMap<ActorId, u32> = claimed
            .iter()
            .flat_map(|claimed| claimed.authors.iter().copied())
            .collect();
        let own = self.actor();
        let is_shown = confirmed(&against.unconfirmed, name, own);
        let document = self.documents.open(store, name, own)?;
        let here = document.summary(&is_shown).map_err(SpaceError::from)?;
        let is_in = |actor: ActorId, seq: u32| {
            let last = authors.get(&actor).copied().unwrap_or_default();
            is_shown(actor, seq) && seq <= last
        };
        let common = document.summary(&is_in).map_err(SpaceError::from)?;
        self.documents.forget_empty(name);
        self.documents.evict();
        if let Some(claimed) = claimed.filter(|claimed| claimed.digest != common.digest) {
            let is_more = claimed.authors != common.authors;
            return Err(match (is_more, is_partial) {
                (true, true) => Objection::Unable("something of a document is held back here"),
                (true, false) => Objection::Fault(CheckpointFault::Invented),
                (false, _) => Objection::Fault(CheckpointFault::Altered),
            });
        }
        for (author, last) in here.authors {
            let after = authors.get(&author).copied().unwrap_or_default();
            if after < last && !against.stays.holds(name, author, after, last) {
                return Err(if against.stays_unseen {
                    Objection::Unable("an entry that stays is not kept here")
                } else {
                    Objection::Fault(CheckpointFault::Missing)
                });
            }
        }
        Ok(())
    }

    /// What the snapshots of a document hold, once all of them passed every rule.
    fn inspect(
        &self,
        store: &dyn Store,
        name: DocumentName,
        claim: &Claim,
        members: &[ActorId],
    ) -> Found<SnapshotSummary> {
        let mut parts = Vec::with_capacity(claim.pieces.len());
        for id in &claim.pieces {
            let seq = self.snapshot_at(store, id)?;
            let entry = match seq {
                Some(seq) => self.kept_entry(store, seq)?,
                None => None,
            };
            // One of before the place where this device started never was here.
            let entry = entry.ok_or(match self.base_seq() {
                0 => Objection::Fault(CheckpointFault::Missing),
                _ => Objection::Unable("a snapshot is not kept here"),
            })?;
            let mut text = self.open_text(&entry, entry.body())?;
            let wrong = Objection::Fault(CheckpointFault::Other);
            let length = padding::unpad(&text).map(<[u8]>::len).ok_or(wrong)?;
            text.truncate(length);
            parts.push(text);
        }
        let is_member = |actor: &ActorId| members.contains(actor);
        let summary = inspect_snapshot(name, &is_member, &parts);
        let summary = summary.map_err(|error| {
            fault_of(error).map_or_else(|| Objection::Failed(error.into()), Objection::Fault)
        })?;
        if summary.digest.0 != claim.digest.0 {
            return Err(Objection::Fault(CheckpointFault::Altered));
        }
        Ok(summary)
    }

    /// The padded text of somebody's sealed entry.
    fn open_text(&self, entry: &Entry, sealed: &[u8]) -> Found<Vec<u8>> {
        const NO_KEY: Objection = Objection::Unable("its key is not here");
        let header = entry.header();
        let book = self.book.as_ref().ok_or(NO_KEY)?;
        let key = book.key_at(header.height).ok_or(NO_KEY)?;
        let at = book.membership().id_at(header.height).ok_or(NO_KEY)?;
        let space = self.state.id;
        open(key, &space.0, &at.0, &header.to_bytes(), sealed)
            .map_err(|_| Objection::Fault(CheckpointFault::Other))
    }

    /// The entry at a place of the log, where it is kept here.
    pub(super) fn kept_entry(
        &self,
        store: &dyn Store,
        seq: u64,
    ) -> Result<Option<Entry>, SpaceError> {
        let bytes = store.get(Table::Entry, &keys::entry(self.number, seq))?;
        let broken = |_| damaged(Table::Entry, "an entry of the log cannot be read");
        bytes.map(Entry::parse).transpose().map_err(broken)
    }
}

/// Which snapshots are whose, each document with all its pieces.
fn claims(snapshots: &[EntryId], of: &[SnapshotOf]) -> Found<BTreeMap<DocumentName, Claim>> {
    const WRONG: Objection = Objection::Fault(CheckpointFault::Other);
    let mut pieces: BTreeMap<DocumentName, Vec<(SnapshotOf, EntryId)>> = BTreeMap::new();
    for (id, of) in snapshots.iter().zip(of) {
        let name = DocumentName {
            kind: of.kind,
            part: of.part,
        };
        pieces.entry(name).or_default().push((*of, *id));
    }
    let mut claims = BTreeMap::new();
    for (name, mut pieces) in pieces {
        pieces.sort_by_key(|(of, _)| of.index);
        let Some((first, _)) = pieces.first().copied() else {
            continue;
        };
        let is_like_first = |(of, _): &(SnapshotOf, EntryId)| {
            (of.pieces, of.changes) == (first.pieces, first.changes)
        };
        let is_once = pieces.is_sorted_by(|(one, _), (next, _)| one.index < next.index);
        if !pieces.iter().all(is_like_first) || !is_once {
            return Err(WRONG);
        }
        if pieces.len() != usize::from(first.pieces) {
            return Err(Objection::Fault(CheckpointFault::Missing));
        }
        let claim = Claim {
            digest: first.changes,
            pieces: pieces.into_iter().map(|(_, id)| id).collect(),
        };
        claims.insert(name, claim);
    }
    Ok(claims)
}

/// What a refusal of the gate says of a snapshot; nothing where the gate itself failed.
const fn fault_of(error: GateError) -> Option<CheckpointFault> {
    match error {
        GateError::Damaged(_) | GateError::Engine(_) | GateError::Poisoned => None,
        GateError::Forked { .. } | GateError::HashMismatch => Some(CheckpointFault::Altered),
        GateError::Overflow | GateError::TooLarge(_) => Some(CheckpointFault::Bomb),
        GateError::UnknownActor => Some(CheckpointFault::Invented),
        _ => Some(CheckpointFault::Other),
    }
}

impl From<SpaceError> for Objection {
    fn from(error: SpaceError) -> Self {
        Self::Failed(error)
    }
}

//! Starting at a checkpoint: a device that has read nothing of a log, or has been away until the relay
//! let go of what it would read next, takes the membership from its first entry on, and the rest from
//! the place that a checkpoint covers.
//!
//! ```text
//! offer ──▶ trial: the log is read to its end, and nothing opened ──▶ agreed ──▶ documents, one by one
//!              └──▶ refused: everything is as it was before
//! ```
//!
//! - [`offer`]: the checkpoint's public part and the membership up to its place are verified.
//! - [`trial`]: the log from there on has to fit, to show the checkpoint at its place, signed by a
//!   writer, and to say that it has its quorum. Until then nothing that this device had is given up.
//! - [`plan`]: the private part says which snapshot is which document.
//! - [`pieces`]: snapshots that the relay is asked for, and which document is next.
//! - [`merge`]: one document comes, whole or not at all, and with it what stands behind the checkpoint.
//! - [`kept`]: entries that the checkpoint keeps because they are in no document.
//! - [`anew`]: a snapshot is wrong, and the relay still has the log from its start.

mod anew;
mod fault;
mod kept;
mod merge;
mod offer;
mod pieces;
mod plan;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use waymark_wire::checkpoint::{ChangesDigest, Checkpoint};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::EntryId;

pub use self::fault::StartFault;
pub use self::offer::Offer;
pub use self::pieces::{Next, Turn};
use super::{Space, SpaceError, damaged, keys};
use crate::gate::DocumentName;
use crate::membership::SpaceKind;
use crate::store::{Store, Table, Transaction};

/// A start at a checkpoint that is under way.
pub(super) struct Start {
    row: Row,
    public: Checkpoint,
    /// Documents that are still to come.
    wanted: BTreeMap<DocumentName, Wanted>,
    /// Snapshots and kept entries that are not here, once that was looked at.
    absent: Option<BTreeSet<EntryId>>,
    /// Its documents cannot be had.
    fault: Option<StartFault>,
    /// What of it is to be stored.
    changed: Changed,
}

/// What is to be stored.
#[derive(Default)]
struct Changed {
    row: bool,
    documents: BTreeSet<DocumentName>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(index_only)]
enum Stage {
    /// The log is read to its end, to see whether it agrees.
    #[n(0)]
    Trial,
    /// It does. Which document is which is to be opened.
    #[n(1)]
    Agreed,
    /// The documents come.
    #[n(2)]
    Planned,
}

#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
struct Row {
    /// The checkpoint.
    #[n(0)]
    id: EntryId,
    /// Its place: by the relay's word, until the log shows it there.
    #[n(1)]
    seq: u64,
    /// Its public part.
    #[n(2)]
    public: Bytes,
    #[n(3)]
    stage: Stage,
    /// On trial: the space's state before it.
    #[n(4)]
    before: Option<Bytes>,
    /// On trial: the log was to be read again from its start.
    #[n(5)]
    waited: bool,
    /// The relay said that it has nothing else to offer.
    #[n(6)]
    is_dropped: bool,
    /// The places of the membership entries that it covers, by height.
    #[n(7)]
    places: Vec<u64>,
    /// This device had read nothing of the log.
    #[n(8)]
    is_new: bool,
    /// On trial, where the log was to be read again: the membership entries that were here.
    #[n(9)]
    members: Option<Vec<Bytes>>,
}

/// A document that is still to come.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
struct Wanted {
    /// Its snapshot, in order. None where the checkpoint does not tell of it and this device has
    /// written in it.
    #[n(0)]
    pieces: Vec<EntryId>,
    /// Of the document's changes up to the checkpoint.
    #[n(1)]
    changes: ChangesDigest,
    /// The places of what the log says of it behind the checkpoint, which waits for it.
    #[n(2)]
    behind: Vec<Behind>,
    /// The first own change that stands in the log behind the checkpoint.
    #[n(3)]
    own_from: Option<u32>,
    /// How often it was begun to be taken, without coming to an end.
    #[n(4)]
    begun: u32,
    /// Something of it was here before.
    #[n(5)]
    is_here: bool,
    /// This device had written in it before.
    #[n(6)]
    is_own: bool,
}

/// A section's place: its entry's in the log, and its own in the entry.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
struct Behind {
    #[n(0)]
    seq: u64,
    #[n(1)]
    section: u32,
}

impl Start {
    fn new(row: Row, public: Checkpoint) -> Self {
        Self {
            row,
            public,
            wanted: BTreeMap::new(),
            absent: None,
            fault: None,
            changed: Changed::default(),
        }
    }

    pub(super) fn load(store: &dyn Store, number: u32) -> Result<Option<Self>, SpaceError> {
        let Some(row) = store.get(Table::Outbox, &keys::start(number))? else {
            return Ok(None);
        };
        let row: Row = codec::decode(&row, usize::MAX).map_err(|_| broken())?;
        let public = Checkpoint::parse(&row.public.0).map_err(|_| broken())?;
        let mut start = Self::new(row, public);
        let prefix = keys::all_wanted(number);
        for (key, row) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            let wanted = codec::decode(&row, usize::MAX).map_err(|_| broken())?;
            start.wanted.insert(keys::wanted_at(&key)?, wanted);
        }
        Ok(Some(start))
    }

    /// Writes what has changed since it was last stored.
    pub(super) fn save(&self, transaction: &mut Transaction, number: u32) {
        if self.changed.row {
            let place = keys::start(number);
            transaction.put(Table::Outbox, place, codec::encode(&self.row));
        }
        for name in &self.changed.documents {
            let place = keys::wanted(number, *name);
            match self.wanted.get(name) {
                Some(wanted) => transaction.put(Table::Outbox, place, codec::encode(wanted)),
                None => transaction.delete(Table::Outbox, place),
            };
        }
    }

    fn is_on_trial(&self) -> bool {
        self.row.stage == Stage::Trial
    }

    /// On trial: the space's state before it.
    pub(super) fn before(&self) -> Option<&[u8]> {
        self.row.before.as_ref().map(|state| state.0.as_slice())
    }

    fn faulty(&self, why: StartFault) -> SpaceError {
        SpaceError::Checkpoint {
            seq: self.row.seq,
            why,
        }
    }
}

impl Space {
    /// Whether this device has read nothing of the log, and may start at a checkpoint as well as at
    /// its first entry.
    #[must_use]
    pub fn is_newcomer(&self) -> bool {
        let is_founder = self.state.device.is_some() && !self.is_enrolling();
        self.state.cursor.seq == 0
            && !is_founder
            && !self.reads_again()
            && self.state.kind != SpaceKind::Beacon
    }

    /// Whether the log is read from a checkpoint that is not agreed on yet.
    #[must_use]
    pub fn is_on_trial(&self) -> bool {
        self.start.as_ref().is_some_and(Start::is_on_trial)
    }

    /// How many documents are still to come from a checkpoint; at least one as long as it is not
    /// known which there are.
    #[must_use]
    pub fn still_wanted(&self) -> usize {
        self.start
            .as_ref()
            .map_or(0, |start| start.wanted.len().max(1))
    }

    /// Whether documents are to come from a checkpoint, or it was found that they cannot.
    #[must_use]
    pub fn wants_documents(&self) -> bool {
        let start = self.start.as_ref();
        start.is_some_and(|start| start.row.stage == Stage::Planned || start.fault.is_some())
    }

    /// Why the documents of the checkpoint at which this device started cannot be had.
    #[must_use]
    pub fn start_fault(&self) -> Option<SpaceError> {
        let start = self.start.as_ref()?;
        start.fault.as_ref().map(|why| start.faulty(why.clone()))
    }

    /// Whether this device is to send nothing yet: it may find that somebody else has its keys, or has
    /// to write again what it wrote under others.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        let Some(start) = &self.start else {
            return false;
        };
        let is_planned = start.row.stage == Stage::Planned;
        let is_open = !is_planned && self.has_written()
            || !self.unsettled.is_empty()
            || start.wanted.values().any(|wanted| wanted.is_own);
        // Who lacks the key can only say that.
        start.is_on_trial() || (is_open && self.holds_key())
    }

    /// Whether history up to a checkpoint rests on the word of one person alone.
    #[must_use]
    pub const fn rests_on_one(&self) -> bool {
        self.state.rests_on_one
    }

    /// Starts at the next checkpoint that the relay offers although nobody, or somebody, says of it
    /// what it takes: a person decided so.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn accept_unconfirmed(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        self.refresh(store)?;
        self.state.accepts_unconfirmed = true;
        let mut transaction = Transaction::new();
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.accepts_unconfirmed = false;
            return Err(error.into());
        }
        Ok(())
    }

    /// Whether nothing of the log is to be opened yet.
    pub(super) fn opens_later(&self) -> bool {
        let start = self.start.as_ref();
        start.is_some_and(|start| start.row.stage != Stage::Planned)
    }

    /// Whether a document is to come from a checkpoint, and nothing of it was here before.
    pub(super) fn is_still_to_come(&self, name: DocumentName) -> bool {
        let Some(start) = &self.start else {
            return false;
        };
        if start.row.stage != Stage::Planned {
            return !self.documents.is_stored(name);
        }
        start
            .wanted
            .get(&name)
            .is_some_and(|wanted| !wanted.is_here)
    }

    /// Whether such a document may be edited all the same: what is written joins what comes.
    pub(super) fn may_be_edited_before(&self) -> bool {
        let start = self.start.as_ref();
        start.is_some_and(|start| start.row.stage == Stage::Planned) && !self.reads_again()
    }

    /// Whether anything under this device's own keys may be in the log.
    fn has_written(&self) -> bool {
        self.state.counter > 0 && !self.is_enrolling()
    }

    /// Leaves a section for later where its document is still to come.
    pub(super) fn leave_behind(&mut self, name: DocumentName, (seq, section): (u64, u32)) -> bool {
        let Some(start) = &mut self.start else {
            return false;
        };
        let Some(wanted) = start.wanted.get_mut(&name) else {
            return false;
        };
        wanted.behind.push(Behind { seq, section });
        start.changed.documents.insert(name);
        true
    }

    /// What stood behind the entry `seq` is lost, and left for later no more.
    pub(super) fn forget_behind(&mut self, seq: u64) {
        let Some(start) = &mut self.start else { return };
        for (name, wanted) in &mut start.wanted {
            let before = wanted.behind.len();
            wanted.behind.retain(|behind| behind.seq <= seq);
            if wanted.behind.len() < before {
                start.changed.documents.insert(*name);
            }
        }
    }

    /// Notes that what has changed of a start is stored.
    pub(super) fn start_is_saved(&mut self) {
        if let Some(start) = &mut self.start {
            start.changed = Changed::default();
        }
    }

    /// Forgets a start, whatever became of it.
    pub(super) fn forget_start(transaction: &mut Transaction, number: u32) {
        transaction
            .delete(Table::Outbox, keys::start(number))
            .delete_prefix(Table::Outbox, keys::all_wanted(number));
    }
}

fn broken() -> SpaceError {
    damaged(Table::Outbox, "how this device started cannot be read")
}

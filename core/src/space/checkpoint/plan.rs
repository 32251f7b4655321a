//! The checkpoint that this device is bringing into the log. It says what the log held at a place, and
//! which snapshots of it are sealed; it outlives the process, and the log may grow meanwhile.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use waymark_wire::checkpoint::{ChangesDigest, Checkpoint, CheckpointPrivate, Kept, SnapshotOf};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::EntryId;
use waymark_wire::limits;

use super::compare::Claim;
use crate::gate::{ActorId, DocumentName, SnapshotSummary};
use crate::membership::Book;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// A checkpoint on its way.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Plan {
    /// The public part, without the snapshots.
    #[n(0)]
    public: Bytes,
    #[n(1)]
    pub(super) documents: Vec<Planned>,
    /// The checkpoint whose snapshots it names again.
    #[n(2)]
    pub(super) builds_on: Option<EntryId>,
}

/// One document of it.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Planned {
    #[n(0)]
    kind: u16,
    #[n(1)]
    part: u32,
    #[n(2)]
    digest: ChangesDigest,
    /// The number of each author's last change.
    #[n(3)]
    authors: Vec<Author>,
    /// Its snapshots, in order; none yet where it is to be written.
    #[n(4)]
    pub(super) snapshots: Vec<EntryId>,
    /// They are those of the last checkpoint.
    #[n(5)]
    pub(super) is_old: bool,
}

#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
struct Author {
    #[n(0)]
    actor: Bytes,
    #[n(1)]
    last: u32,
}

impl Planned {
    fn new(name: DocumentName, summary: &SnapshotSummary) -> Self {
        let author = |(actor, last): &(ActorId, u32)| Author {
            actor: Bytes(actor.0.to_vec()),
            last: *last,
        };
        Self {
            kind: name.kind,
            part: name.part,
            digest: ChangesDigest(summary.digest.0),
            authors: summary.authors.iter().map(author).collect(),
            snapshots: Vec::new(),
            is_old: false,
        }
    }

    /// A document that the last checkpoint holds already.
    fn old(name: DocumentName, claim: &Claim) -> Self {
        Self {
            kind: name.kind,
            part: name.part,
            digest: claim.digest,
            authors: Vec::new(),
            snapshots: claim.pieces.clone(),
            is_old: true,
        }
    }

    pub(super) const fn name(&self) -> DocumentName {
        DocumentName {
            kind: self.kind,
            part: self.part,
        }
    }

    /// Whether a change is up to the checkpoint's place.
    pub(super) fn holds(&self, actor: ActorId, seq: u32) -> bool {
        let mut authors = self.authors.iter();
        authors.any(|author| author.actor.0 == actor.0 && seq <= author.last)
    }
}

impl Plan {
    pub(super) fn load(store: &dyn Store, number: u32) -> Result<Option<Self>, SpaceError> {
        let row = store.get(Table::Outbox, &keys::plan(number))?;
        let plan = row.map(|row| codec::decode(&row, usize::MAX)).transpose();
        plan.map_err(|_| broken())
    }

    pub(super) fn save(&self, transaction: &mut Transaction, number: u32) {
        transaction.put(Table::Outbox, keys::plan(number), codec::encode(self));
    }

    /// Up to where it covers the log.
    pub(super) fn reaches(&self) -> Result<u64, SpaceError> {
        let public = Checkpoint::parse(&self.public.0);
        public.map(|public| public.seq).map_err(|_| broken())
    }

    /// The public and the private part, once every snapshot is written.
    pub(super) fn parts(&self) -> Result<(Checkpoint, CheckpointPrivate), SpaceError> {
        let mut public = Checkpoint::parse(&self.public.0).map_err(|_| broken())?;
        let mut private = CheckpointPrivate::default();
        for document in &self.documents {
            let pieces = u16::try_from(document.snapshots.len()).map_err(|_| broken())?;
            for (index, id) in (0..pieces).zip(&document.snapshots) {
                public.snapshots.push(*id);
                private.documents.push(SnapshotOf {
                    kind: document.kind,
                    part: document.part,
                    index,
                    pieces,
                    changes: document.digest,
                });
            }
        }
        Ok((public, private))
    }
}

impl Space {
    /// The checkpoint of everything up to the verified end of the log, whose snapshots are to be
    /// written. `None` where nothing would be left to start from, or too much to name.
    pub(super) fn plan_checkpoint(
        &mut self,
        store: &dyn Store,
    ) -> Result<Option<Plan>, SpaceError> {
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return Ok(None);
        };
        let height = membership.height();
        let mut counters = self.state.counters.clone();
        counters.resize(membership.everybody().len(), 0);
        let Some(kept) = self.not_in_documents(store)? else {
            return Ok(None);
        };
        let is_too_much =
            counters.len() > limits::CHECKPOINT_MEMBERSHIPS || kept.len() > limits::CHECKPOINT_KEPT;
        if is_too_much {
            tracing::warn!(
                space = self.number,
                "a checkpoint would have to name too much"
            );
            return Ok(None);
        }
        let cursor = self.state.cursor;
        let public = public_part(cursor, height, counters, kept)?;
        let mut documents = Vec::new();
        let unconfirmed = self.unconfirmed(store)?;
        let last = self.last_sound();
        let unchanged = match last {
            Some(last) => self.unchanged_since(store, last)?.unwrap_or_default(),
            None => BTreeMap::new(),
        };
        let builds_on = last.map(|last| last.id);
        let names: Vec<DocumentName> = self.documents.names().collect();
        for name in names {
            if let Some(claim) = unchanged.get(&name) {
                documents.push(Planned::old(name, claim));
                continue;
            }
            let extent = self.extent(store, name, &unconfirmed)?;
            if extent.changes > 0 {
                documents.push(Planned::new(name, &extent));
            }
        }
        Ok(Some(Plan {
            public,
            documents,
            builds_on,
        }))
    }
}

fn public_part(
    cursor: waymark_wire::chain::Cursor,
    height: waymark_wire::ids::Height,
    counters: Vec<u32>,
    kept: Vec<Kept>,
) -> Result<Bytes, SpaceError> {
    let public = Checkpoint {
        seq: cursor.seq,
        chain: cursor.chain,
        height,
        counters,
        snapshots: Vec::new(),
        kept,
    };
    public.to_bytes().map(Bytes).map_err(|_| broken())
}

fn broken() -> SpaceError {
    damaged(Table::Outbox, "the checkpoint on its way cannot be read")
}

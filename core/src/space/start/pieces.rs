//! Snapshots, wherever they are: behind the checkpoint's place in the log, or before it and to be asked
//! for by their ids. What the app shows first is asked for first.

use std::collections::BTreeSet;

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::EntryId;
use waymark_wire::limits;
use waymark_wire::padding;

use super::{Stage, Start, StartFault, Wanted};
use crate::crypto::open;
use crate::gate::DocumentName;
use crate::membership::Book;
use crate::space::{Space, SpaceError, keys};
use crate::store::{Store, Table, Transaction};

/// Documents that are asked for at once, once what is shown first is here.
const AT_ONCE: usize = 32;

/// When a document's turn is: a class, and a place in it. Smaller ones come first. Those of the classes
/// up to [`Turn::FIRST`] are what an app shows first, and nothing else is asked for with them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Turn(pub u8, pub u32);

impl Turn {
    /// The last class of what is shown first.
    pub const FIRST: u8 = 1;
    /// The class of what this device has written in: what it has not sent waits for that.
    const OWN: u8 = 2;
}

/// What there is to do for the documents of a checkpoint.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Next {
    /// A document all of whose snapshot is here.
    pub document: Option<DocumentName>,
    /// Only the entries that the checkpoint keeps are left, and they are here, as far as there are any.
    pub is_last: bool,
    /// Entries to ask the relay for.
    pub missing: Vec<EntryId>,
}

impl Space {
    /// What is to be done next for the documents that are still to come, each at its turn.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn next_documents(
        &mut self,
        store: &dyn Store,
        turn: &dyn Fn(DocumentName) -> Turn,
    ) -> Result<Next, SpaceError> {
        self.refresh(store)?;
        self.look_for_pieces(store)?;
        let mut next = Next::default();
        let start = self.start.as_ref();
        let Some(start) = start.filter(|start| start.row.stage == Stage::Planned) else {
            return Ok(next);
        };
        let absent = start.absent.as_ref();
        let is_absent = |id: &&EntryId| absent.is_some_and(|absent| absent.contains(id));
        let of = |(name, wanted): (&DocumentName, &Wanted)| {
            let turn = turn(*name);
            let class = if wanted.is_own { Turn::OWN } else { turn.0 };
            (Turn(turn.0.min(class), turn.1), *name)
        };
        let mut turns: Vec<_> = start.wanted.iter().map(of).collect();
        turns.sort_unstable();
        let (mut documents, mut has_first) = (0, false);
        for (turn, name) in turns {
            let pieces = start.wanted.get(&name).into_iter();
            let pieces = pieces.flat_map(|wanted| &wanted.pieces);
            let missing: Vec<EntryId> = pieces.filter(is_absent).copied().collect();
            if missing.is_empty() {
                next.document = next.document.or(Some(name));
                continue;
            }
            let is_first = turn.0 <= Turn::FIRST;
            let is_full = documents == AT_ONCE
                || next.missing.len() + missing.len() > limits::PULL_IDS
                || (has_first && !is_first);
            if documents > 0 && is_full {
                break;
            }
            documents += 1;
            has_first |= is_first;
            next.missing.extend(missing);
        }
        if start.wanted.is_empty() {
            let kept = start.public.kept.iter().map(|kept| &kept.id);
            let missing = kept.filter(is_absent).take(limits::PULL_IDS);
            next.missing = missing.copied().collect();
            next.is_last = next.missing.is_empty();
        }
        Ok(next)
    }

    /// Looks which snapshots and kept entries are here.
    fn look_for_pieces(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let Some(start) = self.start.as_ref().filter(|start| start.absent.is_none()) else {
            return Ok(());
        };
        let mut absent = BTreeSet::new();
        for id in start.ids() {
            if self.piece(store, &id)?.is_none() {
                absent.insert(id);
            }
        }
        if let Some(start) = &mut self.start {
            start.absent = Some(absent);
        }
        Ok(())
    }

    /// Keeps an entry that was asked for by its id. Says whether it is one that is wanted.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn keep_piece(
        &mut self,
        store: &mut dyn Store,
        bytes: Vec<u8>,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let Ok(entry) = Entry::parse(bytes) else {
            return Ok(false);
        };
        let id = entry.id(&self.state.id);
        let Some(absent) = self.start.as_mut().and_then(|start| start.absent.as_mut()) else {
            return Ok(false);
        };
        if !absent.contains(&id) {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        let place = keys::piece(self.number, &id);
        transaction.put(Table::Attachment, place, entry.bytes());
        store.commit_soon(transaction.into())?;
        absent.remove(&id);
        Ok(true)
    }

    /// Notes that the relay was asked for these, and gave what it has of them. Entries that are kept
    /// beside the documents can be done without.
    pub fn are_missing(&mut self, asked: &BTreeSet<EntryId>) {
        let Some(start) = &mut self.start else { return };
        let Some(absent) = &mut start.absent else {
            return;
        };
        let missing = absent.intersection(asked).count();
        if start.wanted.is_empty() {
            absent.retain(|id| !asked.contains(id));
        } else if missing > 0 {
            start.fault = Some(StartFault::Missing(missing));
        }
    }

    /// Forgets what was wrong with the documents of a checkpoint: it is tried again.
    pub fn forgive_start(&mut self) {
        if let Some(start) = &mut self.start {
            start.fault = None;
            start.absent = None;
        }
    }

    /// A snapshot or kept entry, where it is here.
    pub(super) fn piece(
        &self,
        store: &dyn Store,
        id: &EntryId,
    ) -> Result<Option<Vec<u8>>, SpaceError> {
        if let Some(seq) = self.snapshot_at(store, id)?
            && let Some(bytes) = store.get(Table::Entry, &keys::entry(self.number, seq))?
        {
            return Ok(Some(bytes));
        }
        Ok(store.get(Table::Attachment, &keys::piece(self.number, id))?)
    }

    /// The parts of a document's snapshot, opened, in order.
    pub(super) fn parts(
        &self,
        store: &dyn Store,
        pieces: &[EntryId],
    ) -> Result<Result<Vec<Vec<u8>>, StartFault>, SpaceError> {
        let mut parts = Vec::with_capacity(pieces.len());
        for id in pieces {
            let Some(bytes) = self.piece(store, id)? else {
                return Ok(Err(StartFault::Missing(1)));
            };
            match self.part(bytes, id) {
                Ok(part) => parts.push(part),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        Ok(Ok(parts))
    }

    fn part(&self, bytes: Vec<u8>, id: &EntryId) -> Result<Vec<u8>, StartFault> {
        let entry = Entry::parse(bytes).map_err(|_| StartFault::Body)?;
        let header = *entry.header();
        if entry.id(&self.state.id) != *id || header.kind != Kind::Snapshot {
            return Err(StartFault::Body);
        }
        let book = self.book.as_ref().ok_or(StartFault::Signer)?;
        let membership = book.membership();
        // Whether it counts where it stands is for those who confirmed the checkpoint that names it.
        let signer = membership.signer(&entry, id);
        signer.map_err(|_| StartFault::Signer)?;
        let known = |book: &Book| {
            let key = book.key_at(header.height)?;
            let at = membership.id_at(header.height)?;
            open(
                key,
                &self.state.id.0,
                &at.0,
                &header.to_bytes(),
                entry.body(),
            )
            .ok()
        };
        let mut part = known(book).ok_or(StartFault::Refused("not_opened"))?;
        let text = padding::unpad(&part).ok_or(StartFault::Refused("not_padded"))?;
        let length = text.len();
        part.truncate(length);
        Ok(part)
    }
}

impl Start {
    /// Everything that is wanted, by id.
    fn ids(&self) -> Vec<EntryId> {
        let pieces = self.wanted.values().flat_map(|wanted| &wanted.pieces);
        let kept = self.public.kept.iter().map(|kept| &kept.id);
        pieces.chain(kept).copied().collect()
    }
}

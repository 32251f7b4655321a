//! What a checkpoint holds: its private part says which snapshot is which document, with a digest of
//! the document's changes. A document that is here already with just these is not asked for.

use std::collections::BTreeMap;

use waymark_wire::checkpoint::{ChangesDigest, CheckpointBody, CheckpointPrivate};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::padding;

use super::{Stage, StartFault, Wanted};
use crate::crypto::open;
use crate::gate::limits::MAX_PARTS;
use crate::gate::{ActorId, DocumentName};
use crate::space::receive::Page;
use crate::space::{Space, SpaceError, actor};
use crate::store::Store;

/// The snapshot of one document.
struct Listed {
    pieces: Vec<EntryId>,
    changes: ChangesDigest,
}

impl Space {
    /// Decides what is to come, once the key is here that opens the private part.
    pub(in crate::space) fn plan_documents(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        let start = self.start.as_ref();
        let Some(start) = start.filter(|start| start.row.stage == Stage::Agreed) else {
            return Ok(());
        };
        let (seq, heights) = (start.row.seq, start.row.places.len());
        let entry = match page.entries.get(&seq) {
            Some(entry) => entry.clone(),
            None => self.stored_entry(store, seq)?,
        };
        let book = self.book.as_ref();
        if book.is_none_or(|book| book.key_at(entry.header().height).is_none()) {
            return Ok(());
        }
        self.read_rosters(store, heights)?;
        let listed = self.listed(&entry);
        let Some(start) = &mut self.start else {
            return Ok(());
        };
        match listed {
            Err(fault) => {
                tracing::warn!(space = self.number, seq, %fault, "a checkpoint is refused");
                start.fault = Some(fault);
                Ok(())
            }
            Ok(listed) => {
                start.fault = None;
                start.row.stage = Stage::Planned;
                start.changed.row = true;
                self.want(store, listed)
            }
        }
    }

    /// Reads the names in the private parts of the membership entries that the checkpoint covers. What
    /// does not open there was held back by others.
    fn read_rosters(&mut self, store: &dyn Store, heights: usize) -> Result<(), SpaceError> {
        let entries = self.membership_entries(store)?;
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        for (height, entry) in (0..).zip(entries.iter().take(heights)) {
            let read = book.read_roster(entry, Height(height));
            let is_other = book.kind() != Some(self.state.kind);
            if height == 0 && read.is_ok() && is_other {
                let why = "its log is of another kind of space than welcomed to";
                return Err(SpaceError::Relay(why));
            }
        }
        Ok(())
    }

    /// What the checkpoint names: whole documents, each with its pieces in order.
    fn listed(&self, entry: &Entry) -> Result<BTreeMap<DocumentName, Listed>, StartFault> {
        let header = entry.header();
        let body = CheckpointBody::parse(entry.body()).map_err(|_| StartFault::Body)?;
        let book = self.book.as_ref().ok_or(StartFault::Private)?;
        let key = book.key_at(header.height).ok_or(StartFault::Private)?;
        let at = book.membership().id_at(header.height);
        let at = at.ok_or(StartFault::Private)?;
        let sealed = body.private;
        let padded = open(key, &self.state.id.0, &at.0, &header.to_bytes(), sealed);
        let padded = padded.map_err(|_| StartFault::Private)?;
        let text = padding::unpad(&padded).ok_or(StartFault::Private)?;
        let ids = &body.public.snapshots;
        let private = CheckpointPrivate::parse(text, ids.len());
        let private = private.map_err(|_| StartFault::Private)?;
        let mut pieces: BTreeMap<DocumentName, Vec<_>> = BTreeMap::new();
        for (of, id) in private.documents.iter().zip(ids) {
            let name = DocumentName {
                kind: of.kind,
                part: of.part,
            };
            pieces.entry(name).or_default().push((of, *id));
        }
        let mut listed = BTreeMap::new();
        for (name, mut pieces) in pieces {
            pieces.sort_by_key(|(of, _)| of.index);
            let Some((first, _)) = pieces.first().copied() else {
                continue;
            };
            let is_whole = usize::from(first.pieces) == pieces.len() && pieces.len() <= MAX_PARTS;
            let is_one = |(index, (of, _)): (usize, &(&_, EntryId))| {
                let of: &waymark_wire::checkpoint::SnapshotOf = of;
                usize::from(of.index) == index
                    && of.pieces == first.pieces
                    && of.changes == first.changes
            };
            if !is_whole || !pieces.iter().enumerate().all(is_one) {
                return Err(StartFault::Private);
            }
            let changes = first.changes;
            let pieces = pieces.into_iter().map(|(_, id)| id).collect();
            listed.insert(name, Listed { pieces, changes });
        }
        Ok(listed)
    }

    /// Wants what is not here. A document that the checkpoint does not tell of is wanted too where this
    /// device has written in it: whether others have that is to be looked at.
    fn want(
        &mut self,
        store: &dyn Store,
        mut listed: BTreeMap<DocumentName, Listed>,
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        // What waits under keys that were given up was written under those.
        let signs = actor(&self.state.id, &self.signing.verifying_key());
        let unconfirmed = self.unconfirmed(store)?;
        let here: Vec<DocumentName> = self.documents.names().collect();
        for name in here {
            if self.comes_back(name) {
                continue;
            }
            let from = unconfirmed.iter().find(|(of, _)| *of == name);
            let from = from.map_or(u32::MAX, |(_, from)| *from);
            let unsettled = self.unsettled.get(&name).cloned();
            let is_in = |actor: ActorId, seq| {
                let is_open = unsettled.as_ref().is_some_and(|u| u.holds(actor, seq));
                !is_open && (actor != own || seq < from)
            };
            let document = self.documents.open(store, name, own)?;
            let has_all = match listed.get(&name) {
                Some(listed) => document.digest(&is_in)?.0 == listed.changes.0,
                None => false,
            };
            let is_own = document.last_seq_of(own)? > 0 || document.last_seq_of(signs)? > 0;
            self.documents.evict();
            let found = listed.remove(&name);
            let pieces = match found {
                Some(_) if has_all => continue,
                Some(found) => found,
                None if !is_own => continue,
                None => Listed {
                    pieces: Vec::new(),
                    changes: ChangesDigest([0; 32]),
                },
            };
            self.want_one(name, pieces, true, is_own);
        }
        for (name, pieces) in listed {
            self.want_one(name, pieces, false, false);
        }
        Ok(())
    }

    fn want_one(&mut self, name: DocumentName, listed: Listed, is_here: bool, is_own: bool) {
        let Some(start) = &mut self.start else { return };
        let wanted = Wanted {
            pieces: listed.pieces,
            changes: listed.changes,
            behind: Vec::new(),
            own_from: None,
            begun: 0,
            is_here,
            is_own,
        };
        start.wanted.insert(name, wanted);
        start.changed.documents.insert(name);
        start.absent = None;
    }

    /// Notes what an own entry behind the checkpoint says of documents that are still to come.
    pub(in crate::space) fn note_own_behind(&mut self, entry: &Entry) {
        if self.start.is_none() {
            return;
        }
        let sections = self.sections_of(entry).unwrap_or_default();
        let Some(start) = &mut self.start else { return };
        for section in sections {
            if let Some(wanted) = start.wanted.get_mut(&section.name()) {
                let first = section.first_seq();
                wanted.own_from = Some(wanted.own_from.map_or(first, |own| own.min(first)));
                start.changed.documents.insert(section.name());
            }
        }
    }
}

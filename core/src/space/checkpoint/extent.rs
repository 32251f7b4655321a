//! What a space holds of everything that the log says up to its verified end: of each document the
//! changes that the log has shown, and the entries whose changes are in no document.

use waymark_wire::checkpoint::Kept;
use waymark_wire::entry::{Entry, Kind};

use crate::gate::{ActorId, DocumentName, SnapshotSummary};
use crate::membership::SpaceKind;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table};

impl Space {
    /// Whether the documents hold what the log says up to its verified end, and beside it only what
    /// this device has not sent yet. Whatever else stands in them is on its way back into the log, or
    /// out of them.
    pub(in crate::space) fn holds_the_log(&self) -> bool {
        self.state.cursor.seq > 0
            && self.has_opened_all()
            && self.state.kind != SpaceKind::Beacon
            && !self.reads_again()
            && !self.is_enrolling()
            && self.lost.is_empty()
            && self.unsettled.is_empty()
            && self.journal().is_none()
            && self.still_wanted() == 0
            && !self.lacks_what_was_before()
    }

    /// What the log has shown of a document.
    pub(super) fn extent(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        unconfirmed: &[(DocumentName, u32)],
    ) -> Result<SnapshotSummary, SpaceError> {
        let own = self.actor();
        let document = self.documents.open(store, name, own)?;
        let summary = document.summary(&confirmed(unconfirmed, name, own))?;
        self.documents.evict();
        Ok(summary)
    }

    /// The entries up to the verified end whose changes are in no document: held back, waiting or
    /// discarded here, or of kinds of later versions. Another device may make something of them.
    /// Those that do not count at their places are nobody's. `None` where one is not kept here.
    pub(super) fn not_in_documents(
        &self,
        store: &dyn Store,
    ) -> Result<Option<Vec<Kept>>, SpaceError> {
        let mut places = self.held_places(store)?;
        places.extend(self.waiting.iter().map(|((seq, _), _)| *seq));
        places.extend(self.unknown_places(store)?);
        places.sort_unstable();
        places.dedup();
        let mut kept = Vec::with_capacity(places.len());
        for seq in places {
            let Some(bytes) = store.get(Table::Entry, &keys::entry(self.number, seq))? else {
                return Ok(None);
            };
            let broken = |_| damaged(Table::Entry, "an entry of the log cannot be read");
            let entry = Entry::parse(bytes).map_err(broken)?;
            if is_of_documents(entry.header().kind) {
                let id = self.id_of(&entry, seq);
                kept.push(Kept { seq, id });
            }
        }
        Ok(Some(kept))
    }
}

/// Whether the log has shown a change of this document that this device holds.
pub(super) fn confirmed(
    unconfirmed: &[(DocumentName, u32)],
    name: DocumentName,
    own: ActorId,
) -> impl Fn(ActorId, u32) -> bool + use<> {
    let first = unconfirmed.iter().find(|(of, _)| *of == name);
    let from = first.map_or(u32::MAX, |(_, from)| *from);
    move |actor, seq| actor != own || seq < from
}

/// Whether entries of this kind may say something of documents.
const fn is_of_documents(kind: Kind) -> bool {
    matches!(kind, Kind::Batch | Kind::Carry | Kind::Unknown(_))
}

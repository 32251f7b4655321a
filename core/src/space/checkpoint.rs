//! Checkpoints: places in the log from which newcomers may start, and up to which entries may go.
//!
//! - [`extent`]: what a space holds of everything up to its verified end.
//! - [`publish`]: bringing that into the log, snapshots first, then the checkpoint that names them.
//! - [`taken_back`]: giving that up.
//! - [`plan`]: how far this device is with that, across starts.

mod extent;
mod plan;
mod publish;
mod taken_back;

use waymark_wire::entry::{Header, Kind};
use waymark_wire::ids::EntryId;

pub use self::publish::Published;
use super::{Space, SpaceError, damaged, keys};
use crate::membership::Book;
use crate::store::{Store, Table, Transaction};

impl Space {
    /// Notes what an entry that the log shows, and that is no change of a document or of the
    /// membership, means for checkpoints.
    pub(super) fn note_for_checkpoints(
        &self,
        transaction: &mut Transaction,
        (seq, id): (u64, &EntryId),
        header: &Header,
    ) {
        let place = match header.kind {
            Kind::Snapshot => keys::snapshot(self.number, id),
            Kind::Unknown(_) => keys::unknown(self.number, seq),
            _ => return,
        };
        let counts = |book: &Book| book.membership().admit_signed(header).is_ok();
        if self.book.as_ref().is_some_and(counts) {
            transaction.put(Table::Evidence, place, seq.to_be_bytes());
        }
    }

    /// The places of entries of kinds that this version does not know.
    fn unknown_places(&self, store: &dyn Store) -> Result<Vec<u64>, SpaceError> {
        let prefix = keys::all_unknown(self.number);
        let rows = store.scan(Table::Evidence, &prefix, None, usize::MAX)?;
        let places: Result<Vec<u64>, _> = rows.iter().map(|(_, row)| place(row)).collect();
        Ok(self.not_forgotten(places?))
    }

    /// The places of these that are behind what was let go of because something was forgotten.
    fn not_forgotten(&self, mut places: Vec<u64>) -> Vec<u64> {
        places.retain(|place| self.state.forgot.is_none_or(|forgot| *place > forgot));
        places
    }

    /// The place of a snapshot that the log has shown.
    pub(super) fn snapshot_at(
        &self,
        store: &dyn Store,
        id: &EntryId,
    ) -> Result<Option<u64>, SpaceError> {
        let row = store.get(Table::Evidence, &keys::snapshot(self.number, id))?;
        let place = row.map(|row| place(&row)).transpose()?;
        Ok(self.not_forgotten(place.into_iter().collect()).pop())
    }

    /// Forgets everything about checkpoints: the log is read again from its start.
    pub(super) fn forget_checkpoints(&self, transaction: &mut Transaction) {
        transaction
            .delete_prefix(Table::Evidence, keys::snapshots(self.number))
            .delete_prefix(Table::Evidence, keys::all_unknown(self.number))
            .delete(Table::Outbox, keys::plan(self.number))
            .delete_prefix(Table::Outbox, keys::all_taken_back(self.number));
    }

    /// Forgets what this device has sealed of a checkpoint, or was about to.
    pub(super) fn forget_checkpoint_on_its_way(&self, transaction: &mut Transaction) {
        transaction
            .delete(Table::Outbox, keys::plan(self.number))
            .delete_prefix(Table::Outbox, keys::all_taken_back(self.number));
    }

    /// Forgets what stood behind the entry `seq`.
    pub(super) fn forget_checkpoints_after(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        seq: u64,
    ) -> Result<(), SpaceError> {
        for prefix in [keys::snapshots(self.number), keys::all_unknown(self.number)] {
            for (key, row) in store.scan(Table::Evidence, &prefix, None, usize::MAX)? {
                if place(&row)? > seq {
                    transaction.delete(Table::Evidence, key);
                }
            }
        }
        transaction.delete(Table::Outbox, keys::plan(self.number));
        Ok(())
    }
}

fn place(row: &[u8]) -> Result<u64, SpaceError> {
    let broken = |_| damaged(Table::Evidence, "the place of an entry cannot be read");
    row.try_into().map(u64::from_be_bytes).map_err(broken)
}

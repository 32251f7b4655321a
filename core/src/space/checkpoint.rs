//! Checkpoints: places in the log from which newcomers may start, and up to which entries may go.
//!
//! - [`due`]: when another one is worth it.
//! - [`extent`]: what a space holds of everything up to its verified end.
//! - [`publish`]: bringing that into the log, snapshots first, then the checkpoint that names them.
//! - [`plan`]: how far this device is with that, across starts.
//! - [`taken_back`]: giving up what is on its way.
//! - [`seen`]: the checkpoints that the log shows, and what is said of them.
//! - [`compare`], [`judge`]: whether another one's is right, and saying so.
//! - [`rest`]: letting go of entries here that nobody needs any more.

mod compare;
mod due;
mod extent;
mod judge;
mod plan;
mod publish;
mod rest;
mod said;
mod seen;
mod taken_back;

use waymark_wire::ids::EntryId;

pub use self::due::TAIL;
pub use self::publish::Published;
pub(super) use self::seen::Checkpoints;
use super::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

impl Space {
    /// The places of entries of kinds that this version does not know.
    fn unknown_places(&self, store: &dyn Store) -> Result<Vec<u64>, SpaceError> {
        let prefix = keys::all_unknown(self.number);
        let rows = store.scan(Table::Evidence, &prefix, None, usize::MAX)?;
        let places: Result<Vec<u64>, _> = rows.iter().map(|(_, row)| place(row)).collect();
        let mut places = places?;
        places.retain(|place| self.is_behind_forgotten(*place));
        Ok(places)
    }

    /// Whether a place is behind what was let go of because something was forgotten.
    fn is_behind_forgotten(&self, place: u64) -> bool {
        self.state.forgot.is_none_or(|forgot| place > forgot)
    }

    /// The place of a snapshot that the log has shown.
    pub(super) fn snapshot_at(
        &self,
        store: &dyn Store,
        id: &EntryId,
    ) -> Result<Option<u64>, SpaceError> {
        let row = store.get(Table::Evidence, &keys::snapshot(self.number, id))?;
        let place = row.map(|row| place(&row)).transpose()?;
        Ok(place.filter(|place| self.is_behind_forgotten(*place)))
    }

    /// Forgets everything about checkpoints: the log is read again from its start.
    pub(super) fn forget_checkpoints(&mut self, transaction: &mut Transaction) {
        self.checkpoints = Checkpoints::default();
        transaction
            .delete_prefix(Table::Evidence, keys::checkpoints(self.number))
            .delete_prefix(Table::Evidence, keys::snapshots(self.number))
            .delete_prefix(Table::Evidence, keys::all_unknown(self.number))
            .delete(Table::Outbox, keys::plan(self.number))
            .delete_prefix(Table::Outbox, keys::all_taken_back(self.number))
            .delete_prefix(Table::Outbox, keys::all_doubled(self.number));
    }

    /// Forgets the checkpoints before a place, and what this device has sealed of one, or was about to.
    pub(super) fn forget_checkpoints_before(&mut self, transaction: &mut Transaction, seq: u64) {
        let before = self.checkpoints.seen.extract_if(.., |seen| seen.seq < seq);
        for seen in before {
            let place = keys::checkpoint(self.number, seen.seq);
            transaction.delete(Table::Evidence, place);
        }
        transaction
            .delete(Table::Outbox, keys::plan(self.number))
            .delete_prefix(Table::Outbox, keys::all_taken_back(self.number));
    }

    /// Whether there is a checkpoint that reaches a place, and that nobody has called bad.
    pub(super) fn has_checkpoint_from(&self, seq: u64) -> bool {
        let mut seen = self.checkpoints.seen.iter();
        seen.any(|seen| seen.stands() && seen.reaches >= seq)
    }

    /// Whether there is one on which two people agree, or that stands since so long that a relay lets go
    /// of what was before something forgotten.
    pub(super) fn has_agreed_from(&self, seq: u64, now: i64) -> bool {
        let mut seen = self.checkpoints.seen.iter();
        seen.any(|seen| (seen.has_quorum() || seen.stands_since(now)) && seen.reaches >= seq)
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
        self.forget_seen_after(transaction, seq);
        transaction.delete(Table::Outbox, keys::plan(self.number));
        Ok(())
    }
}

fn place(row: &[u8]) -> Result<u64, SpaceError> {
    let broken = |_| damaged(Table::Evidence, "the place of an entry cannot be read");
    row.try_into().map(u64::from_be_bytes).map_err(broken)
}

//! When another checkpoint is worth its bytes.

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::limits;

use super::plan::Plan;
use super::publish::Published;
use crate::crypto::Entropy;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// Batches behind the last checkpoint, at most, before another one is due.
pub const TAIL: u64 = 300;
/// Entries that are read together.
const ROWS: usize = 64;

/// What stands behind the last checkpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Tail {
    batches: u64,
    bytes: usize,
    /// Somebody else has written snapshots since, for a checkpoint that is not there yet.
    is_begun: bool,
}

impl Space {
    /// Takes the next step towards a checkpoint where one is due: where more than `most` batches stand
    /// behind the last one, or more than a page and than the last one's snapshots have, in bytes.
    /// Where somebody else is about to publish one, that is waited for twice as long.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn tend_checkpoint(
        &mut self,
        store: &mut dyn Store,
        most: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<Published, SpaceError> {
        self.refresh(store)?;
        if !self.may_seal() || !self.holds_the_log() {
            return Ok(Published::Nothing);
        }
        if let Some(plan) = Plan::load(store, self.number)? {
            let reaches = plan.reaches()?;
            if self
                .furthest(|seen| seen.stands() && seen.reaches >= reaches)
                .is_none()
            {
                return self.publish_checkpoint(store, entropy);
            }
            // Somebody else was faster.
            let mut transaction = Transaction::new();
            transaction.delete(Table::Outbox, keys::plan(self.number));
            store.commit_soon(transaction.into())?;
        }
        if self.is_due(store, most)? {
            self.publish_checkpoint(store, entropy)
        } else {
            Ok(Published::Nothing)
        }
    }

    fn is_due(&self, store: &dyn Store, most: u64) -> Result<bool, SpaceError> {
        let last = self.furthest(super::seen::Seen::stands);
        let from = last.map_or(0, |last| last.reaches).max(self.base_seq());
        let published = last.map_or(from, |last| last.seq);
        let mut size = limits::PAGE_BYTES;
        if let Some(last) = last {
            size = size.max(self.size_of_snapshots(store, last.seq)?);
        }
        let is_enough = |tail: &Tail| {
            let (most, size) = if tail.is_begun {
                (most.saturating_mul(2), size.saturating_mul(2))
            } else {
                (most, size)
            };
            tail.batches > most || tail.bytes > size
        };
        // Where it is more than twice as much, it is enough whatever follows.
        let is_over = |tail: &Tail| tail.batches > most.saturating_mul(2) || tail.bytes > 2 * size;
        let tail = self.tail(store, (from, published), is_over)?;
        Ok(is_enough(&tail))
    }

    /// What stands behind the place `from`, and of snapshots behind `published`; less where it `is_over`.
    fn tail(
        &self,
        store: &dyn Store,
        (from, published): (u64, u64),
        is_over: impl Fn(&Tail) -> bool,
    ) -> Result<Tail, SpaceError> {
        let prefix = keys::space(self.number);
        let mut after = keys::entry(self.number, from);
        let mut tail = Tail::default();
        let mut seq = from;
        loop {
            let rows = store.scan(Table::Entry, &prefix, Some(&after), ROWS)?;
            let Some((last, _)) = rows.last() else {
                return Ok(tail);
            };
            after.clone_from(last);
            for (_, bytes) in rows {
                seq += 1;
                let length = bytes.len();
                let broken = |_| damaged(Table::Entry, "an entry of the log cannot be read");
                let entry = Entry::parse(bytes).map_err(broken)?;
                let header = entry.header();
                match header.kind {
                    Kind::Snapshot => {
                        tail.is_begun |=
                            seq > published && Some(header.device) != self.state.device;
                    }
                    Kind::Batch | Kind::Carry => {
                        tail.batches += 1;
                        tail.bytes += length;
                    }
                    _ => tail.bytes += length,
                }
            }
            if is_over(&tail) {
                return Ok(tail);
            }
        }
    }

    /// Bytes of the snapshots that a checkpoint names, as far as they are kept here.
    fn size_of_snapshots(&self, store: &dyn Store, seq: u64) -> Result<usize, SpaceError> {
        let mut size = 0;
        for place in self.places_of_snapshots(store, seq)? {
            let entry = self.kept_entry(store, place)?;
            size += entry.map_or(0, |entry| entry.bytes().len());
        }
        Ok(size)
    }
}

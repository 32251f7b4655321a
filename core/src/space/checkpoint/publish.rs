//! Bringing a checkpoint into the log, a step at a time: a few documents' snapshots, which the log has
//! to show before more is sealed, and at last the checkpoint. So whatever else this device writes waits
//! for one step at most.

use waymark_wire::checkpoint::CheckpointBody;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::EntryId;
use waymark_wire::{limits, padding};

use super::plan::Plan;
use crate::crypto::Entropy;
use crate::space::{Space, SpaceError, keys, outbox};
use crate::store::{Store, Table, Transaction};

/// Bytes of snapshots after which a step ends.
const STEP: usize = 512 * 1024;

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Published {
    /// The checkpoint itself is on its way.
    Checkpoint(EntryId),
    /// Nothing: this device cannot publish here, or not now.
    Nothing,
    /// Snapshots are on their way.
    Snapshots,
    /// Nothing yet: the log has to show first what is on its way.
    Waits,
}

impl Space {
    /// Takes the next step towards a checkpoint of everything up to the verified end of the log, as it
    /// was when the first step was taken. The log was read to its end.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn publish_checkpoint(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<Published, SpaceError> {
        self.refresh(store)?;
        if !self.may_seal() || !self.holds_the_log() {
            return Ok(Published::Nothing);
        }
        if self.first_on_its_way(store)?.is_some() {
            return Ok(Published::Waits);
        }
        let is_sound = |plan: &Plan| {
            let stands = |id: EntryId| {
                self.furthest(|seen| seen.id == id && seen.stands())
                    .is_some()
            };
            plan.builds_on.is_none_or(stands)
        };
        let plan = match Plan::load(store, self.number)?.filter(is_sound) {
            Some(plan) => Some(plan),
            None => self.plan_checkpoint(store)?,
        };
        let Some(mut plan) = plan else {
            return Ok(Published::Nothing);
        };
        self.forget_unknown(store, &mut plan)?;
        let mut transaction = Transaction::new();
        self.forget_outdated(store, &mut transaction)?;
        let before = self.state.counter;
        let step = self.step(store, &mut transaction, &mut plan, entropy);
        let step = step.and_then(|step| {
            self.save(&mut transaction);
            store.commit(transaction.into())?;
            Ok(step)
        });
        if step.is_err() {
            self.state.counter = before;
        }
        step
    }

    /// Snapshots that never came into the log are written again.
    fn forget_unknown(&self, store: &dyn Store, plan: &mut Plan) -> Result<(), SpaceError> {
        for document in plan
            .documents
            .iter_mut()
            .filter(|document| !document.is_old)
        {
            for id in &document.snapshots {
                if self.snapshot_at(store, id)?.is_none() {
                    document.snapshots.clear();
                    break;
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        plan: &mut Plan,
        entropy: &mut dyn Entropy,
    ) -> Result<Published, SpaceError> {
        let mut bytes = 0;
        let own = self.actor();
        for document in &mut plan.documents {
            if !document.snapshots.is_empty() {
                continue;
            }
            if bytes >= STEP {
                break;
            }
            let held = self.documents.open(store, document.name(), own)?;
            let is_in = |actor, seq| document.holds(actor, seq);
            let parts = held.to_snapshot(document.name(), &is_in)?;
            self.documents.evict();
            for mut part in parts {
                padding::pad(&mut part);
                bytes += part.len();
                let counter = self.state.counter;
                let entry = self.seal_kind(Kind::Snapshot, part, counter, entropy)?;
                document.snapshots.push(entry.id(&self.state.id));
                outbox::put_batch(transaction, self.number, counter, entry);
                self.state.counter += 1;
            }
        }
        if bytes > 0 {
            plan.save(transaction, self.number);
            return Ok(Published::Snapshots);
        }
        transaction.delete(Table::Outbox, keys::plan(self.number));
        let count: usize = plan.documents.iter().map(|d| d.snapshots.len()).sum();
        if count > limits::CHECKPOINT_SNAPSHOTS {
            tracing::warn!(
                space = self.number,
                count,
                "too many snapshots for a checkpoint"
            );
            return Ok(Published::Nothing);
        }
        let counter = self.state.counter;
        let entry = self.seal_checkpoint(plan, counter, entropy)?;
        let id = entry.id(&self.state.id);
        outbox::put_batch(transaction, self.number, counter, entry);
        self.state.counter += 1;
        Ok(Published::Checkpoint(id))
    }

    fn seal_checkpoint(
        &self,
        plan: &Plan,
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Entry, SpaceError> {
        let height = self.book.as_ref().map(|book| book.membership().height());
        let (public, private) = plan.parts()?;
        let mut text = private.to_text();
        padding::pad(&mut text);
        let body = |sealed: Vec<u8>| {
            let body = CheckpointBody::assemble(&public, &sealed);
            body.map_err(|_| SpaceError::NotAllowed("it would have to name too much"))
        };
        let height = height.unwrap_or_default();
        self.seal_in(Kind::Checkpoint, text, counter, height, entropy, body)
    }
}

//! Saying what this device finds of others' checkpoints: to the others in an ack, and to its person by
//! holding back what is bad.

use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::entry::Kind;
use waymark_wire::ids::EntryId;

use super::compare::Objection;
use super::seen::{ACCUSED, NO_CHECKPOINT, Seen, Verdict};
use crate::crypto::Entropy;
use crate::space::poison::{DEATHS, KILLED};
use crate::space::receive::Page;
use crate::space::state::Lacks;
use crate::space::{Space, SpaceError, outbox};
use crate::store::{Store, Transaction};

impl Space {
    /// Compares the checkpoints that the log shows and this device has not looked at, where it has read
    /// the log to its end. Says whether one of them is held back now.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn judge_checkpoints(&mut self, store: &mut dyn Store) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let mut held = false;
        if !self.holds_the_log() || self.carries(store)? {
            return Ok(held);
        }
        let is_open = |space: &Self, at: usize| {
            let seen = &space.checkpoints.seen[at];
            seen.verdict == Verdict::Open && !space.checkpoints.tried.contains(&seen.id)
        };
        for at in 0..self.checkpoints.seen.len() {
            if is_open(self, at) {
                held |= self.judge(store, at)?;
            }
        }
        Ok(held)
    }

    /// Whether something of somebody else's that the documents hold is on its way back into the log.
    fn carries(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        let sealed = self.all_sealed(store)?;
        let mut kinds = sealed.iter().map(|sealed| sealed.entry.header().kind);
        Ok(kinds.any(|kind| kind == Kind::Carry))
    }

    fn judge(&mut self, store: &mut dyn Store, at: usize) -> Result<bool, SpaceError> {
        let before = self.checkpoints.seen[at].clone();
        let mut page = Page::default();
        if before.begun >= DEATHS {
            self.checkpoints.tried.insert(before.id);
            let whole = (before.seq, crate::space::held::WHOLE);
            self.hold(&mut page, whole, before.by, KILLED, None);
            store.commit_soon(page.transaction.into())?;
            return Ok(true);
        }
        // Whatever it does to this process is known at the next start.
        self.set_begun(store, at, before.begun.saturating_add(1))?;
        let found = self.compare_checkpoint(store, &before);
        let found = self.as_one_who_may_lack(&before, found);
        self.checkpoints.seen[at].begun = 0;
        let verdict = match found {
            Ok(()) => Verdict::Good,
            Err(Objection::Fault(fault)) => Verdict::Bad(fault.number()),
            Err(Objection::Unable(why)) => {
                tracing::info!(space = self.number, seq = before.seq, why, "not compared");
                self.checkpoints.tried.insert(before.id);
                Verdict::Open
            }
            Err(Objection::Failed(error)) => {
                self.set_begun(store, at, before.begun)?;
                return Err(error);
            }
        };
        self.checkpoints.seen[at].verdict = verdict;
        let seen = self.checkpoints.seen[at].clone();
        seen.save(&mut page.transaction, self.number);
        self.save(&mut page.transaction);
        let whole = (seen.seq, crate::space::held::WHOLE);
        match (seen.fault(), seen.accused) {
            (Some(fault), _) => self.hold(&mut page, whole, seen.by, reason(fault), None),
            (None, Some(accused)) if verdict == Verdict::Good => {
                self.name_accuser(&mut page, accused);
            }
            _ => {}
        }
        let held = !page.received.quarantined.is_empty();
        if let Err(error) = store.commit(page.transaction.into()) {
            self.checkpoints.seen[at] = before;
            return Err(error.into());
        }
        Ok(held)
    }

    /// Has checkpoints that could not be compared be looked at again: there is something new to hold
    /// them against.
    pub(in crate::space) fn compare_again(&mut self) {
        self.checkpoints.tried.clear();
    }

    /// What this device may say of a checkpoint where something had been held back here before something
    /// was forgotten: that all of it is there. What is not as here may be what it lacks; where others
    /// have confirmed that, its documents are to come from there.
    fn as_one_who_may_lack(
        &mut self,
        seen: &Seen,
        found: Result<(), Objection>,
    ) -> Result<(), Objection> {
        if self.state.lacks == Lacks::Nothing {
            return found;
        }
        match found {
            Ok(()) => {
                self.state.lacks = Lacks::Nothing;
                Ok(())
            }
            Err(Objection::Fault(_)) => {
                if seen.has_quorum() {
                    self.state.lacks = Lacks::Everything;
                }
                Err(Objection::Unable("this device may lack something itself"))
            }
            failed => failed,
        }
    }

    /// Looks again at something of checkpoints that is held back; the reason where it stays so.
    pub(in crate::space) fn judge_again(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        before: &str,
    ) -> Result<Option<&'static str>, SpaceError> {
        let at = self
            .checkpoints
            .seen
            .iter()
            .position(|seen| seen.seq == seq);
        let is_ready = self.holds_the_log() && !self.carries(store)?;
        let Some(at) = at.filter(|_| is_ready) else {
            return Ok(known(before));
        };
        let seen = self.checkpoints.seen[at].clone();
        let (verdict, held) = match self.compare_checkpoint(store, &seen) {
            Ok(()) => (Verdict::Good, None),
            Err(Objection::Fault(fault)) => (Verdict::Bad(fault.number()), Some(reason(fault))),
            Err(Objection::Unable(_)) => return Ok(known(before)),
            Err(Objection::Failed(error)) => return Err(error),
        };
        let seen = &mut self.checkpoints.seen[at];
        seen.verdict = verdict;
        seen.begun = 0;
        seen.save(&mut page.transaction, self.number);
        Ok(held)
    }

    /// Begins to look at every checkpoint, as before a death in the middle of it.
    #[cfg(test)]
    pub(in crate::space) fn begin_judging(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<(), SpaceError> {
        for at in 0..self.checkpoints.seen.len() {
            let begun = self.checkpoints.seen[at].begun;
            self.set_begun(store, at, begun.saturating_add(1))?;
        }
        Ok(())
    }

    fn set_begun(
        &mut self,
        store: &mut dyn Store,
        at: usize,
        begun: u32,
    ) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        let seen = &mut self.checkpoints.seen[at];
        let before = std::mem::replace(&mut seen.begun, begun);
        seen.save(&mut transaction, self.number);
        let written = store.commit_soon(transaction.into());
        if written.is_err() {
            self.checkpoints.seen[at].begun = before;
        }
        Ok(written?)
    }

    /// Tells the others what this device has found, where that matters: that a checkpoint is bad, which
    /// nobody has said; or that it is good, of which nobody but its publisher's person is sure yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn speak_of_checkpoints(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let may_speak = self.holds_key()
            && !self.is_enrolling()
            && !self.is_closed()
            && !self.is_rotation_due();
        let Some(own) = self.own().filter(|_| may_speak).map(|own| own.person) else {
            return Ok(false);
        };
        let mut said = Vec::new();
        for seen in self
            .checkpoints
            .seen
            .iter()
            .filter(|seen| seen.said.is_none())
        {
            match seen.fault() {
                Some(fault) if seen.accused.is_none() => {
                    said.push(Ack::CheckpointBad(seen.id, fault));
                }
                None if seen.verdict == Verdict::Good
                    && seen.stands()
                    && seen.confirmed.is_none()
                    && seen.publisher != own =>
                {
                    said.push(Ack::CheckpointOk(seen.id));
                }
                _ => {}
            }
        }
        if said.is_empty() || self.is_drafting(store)? {
            return Ok(false);
        }
        let on_its_way = self.acks_on_their_way(store)?;
        said.retain(|ack| !on_its_way.contains(&about(*ack)));
        let mut transaction = Transaction::new();
        let before = self.state.counter;
        for ack in &said {
            let counter = self.state.counter;
            let entry = self.ack(*ack, counter, entropy)?;
            outbox::put_batch(&mut transaction, self.number, counter, entry);
            self.state.counter += 1;
        }
        if said.is_empty() {
            return Ok(false);
        }
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.counter = before;
            return Err(error.into());
        }
        Ok(true)
    }

    /// Of which checkpoints an ack of this device's is on its way.
    fn acks_on_their_way(&self, store: &dyn Store) -> Result<Vec<Option<EntryId>>, SpaceError> {
        let sealed = self.all_sealed(store)?;
        let acks = sealed.iter().map(|sealed| &sealed.entry);
        let acks = acks.filter(|entry| entry.header().kind == Kind::Ack);
        Ok(acks
            .filter_map(|entry| Ack::parse(entry.body()))
            .map(about)
            .collect())
    }
}

/// Of which checkpoint something is said.
const fn about(ack: Ack) -> Option<EntryId> {
    match ack {
        Ack::CheckpointOk(id) | Ack::CheckpointBad(id, _) => Some(id),
        _ => None,
    }
}

/// The reason with which a bad checkpoint is held back.
const fn reason(fault: CheckpointFault) -> &'static str {
    match fault {
        CheckpointFault::Altered => "checkpoint_altered",
        CheckpointFault::Bomb => "checkpoint_bomb",
        CheckpointFault::Invented => "checkpoint_invented",
        CheckpointFault::Missing => "checkpoint_missing",
        _ => "checkpoint_wrong",
    }
}

/// The reason with which something of checkpoints was held back before.
fn known(before: &str) -> Option<&'static str> {
    let faults = (0..=4).map(|number| reason(CheckpointFault::from_number(number)));
    let others = [ACCUSED, KILLED, NO_CHECKPOINT];
    let known = faults.chain(others).find(|reason| *reason == before);
    Some(known.unwrap_or(NO_CHECKPOINT))
}

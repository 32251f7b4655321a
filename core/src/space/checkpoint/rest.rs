//! Letting go of the entries that a checkpoint covers. A relay that lost its log gets it back from what
//! its readers keep, so nothing goes here before it may have gone there: the checkpoint is good by what
//! this device has read, has its quorum, and has rested, by this device's own clock and the times at
//! which it saw that. And whoever leads the space keeps everything all the same: somebody has to be able
//! to bring a log back that a relay lost from its beginning.

use std::collections::BTreeSet;

use waymark_wire::checkpoint::{Checkpoint, CheckpointBody, DAY, REST, SILENCE};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::membership::Rights;

use super::seen::Seen;
use crate::space::state::Base;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// Entries that are looked at in one transaction.
const ROWS: usize = 256;

impl Seen {
    /// Notes that this device looks at it `now`. Says whether that is news.
    fn look(&mut self, now: i64) -> bool {
        let before = (self.since, self.agreed);
        // A clock that was set back begins anew.
        self.since = before.0.filter(|since| *since <= now).or(Some(now));
        if self.has_quorum() {
            self.agreed = before.1.filter(|agreed| *agreed <= now).or(Some(now));
        }
        before != (self.since, self.agreed)
    }

    /// Whether nobody has called it bad in the time in which a relay lets go of what was before something
    /// forgotten, and a day more.
    pub(super) fn stands_since(&self, now: i64) -> bool {
        let until = self.since.map(|since| since.saturating_add(REST + DAY));
        self.stands() && until.is_some_and(|until| until <= now)
    }

    /// Whether what it covers may have gone at the relay.
    fn has_rested(&self, now: i64) -> bool {
        let agreed = self.agreed.map(|agreed| agreed.saturating_add(REST));
        let silent = self.since.map(|since| since.saturating_add(SILENCE + REST));
        let due = agreed.into_iter().chain(silent).min();
        self.stands() && due.is_some_and(|due| due <= now)
    }
}

impl Space {
    /// Looks at the checkpoints that the log shows: `now` are milliseconds since the Unix epoch. What
    /// one of them covers that has rested goes, where this device may let go of it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn rest_checkpoints(&mut self, store: &mut dyn Store, now: i64) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let mut transaction = Transaction::new();
        for seen in &mut self.checkpoints.seen {
            if seen.look(now) {
                seen.save(&mut transaction, self.number);
            }
        }
        if !transaction.is_empty()
            && let Err(error) = store.commit_soon(transaction.into())
        {
            self.distrust();
            return Err(error.into());
        }
        let leads = self
            .own()
            .is_none_or(|own| own.rights.include(Rights::ADMIN));
        if leads || !self.holds_the_log() {
            return Ok(());
        }
        let base = self.base_seq();
        let may_go = |seen: &Seen| seen.is_good() && seen.reaches > base && seen.has_rested(now);
        match self.furthest(may_go).map(|seen| seen.seq) {
            Some(seq) => self.let_go(store, seq),
            None => Ok(()),
        }
    }

    /// Lets go of what the checkpoint at a place covers.
    fn let_go(&mut self, store: &mut dyn Store, seq: u64) -> Result<(), SpaceError> {
        let public = self.public_part(store, seq)?;
        let stays = self.places_that_stay(store, &public)?;
        let before = self.state.clone();
        self.state.base = Some(Base {
            cursor: public.cursor(),
            counters: public.counters.clone(),
            heights: public.height.0.saturating_add(1),
        });
        let mut transaction = Transaction::new();
        self.save(&mut transaction);
        self.forget_seen_up_to(&mut transaction, public.seq);
        if let Err(error) = store.commit(transaction.into()) {
            self.state = before;
            self.distrust();
            return Err(error.into());
        }
        self.delete_up_to(store, public.seq, &stays)
    }

    /// Lets go of what stands before the checkpoint at which this device started.
    pub(in crate::space) fn let_go_before(
        &mut self,
        store: &mut dyn Store,
        public: &Checkpoint,
    ) -> Result<(), SpaceError> {
        let stays = self.places_that_stay(store, public)?;
        let mut transaction = Transaction::new();
        self.forget_seen_up_to(&mut transaction, public.seq);
        store.commit_soon(transaction.into())?;
        self.delete_up_to(store, public.seq, &stays)
    }

    /// Forgets the checkpoints that stand up to a place.
    fn forget_seen_up_to(&mut self, transaction: &mut Transaction, seq: u64) {
        let number = self.number;
        self.checkpoints.seen.retain(|seen| {
            let stays = seen.seq > seq;
            if !stays {
                transaction.delete(Table::Evidence, keys::checkpoint(number, seen.seq));
            }
            stays
        });
    }

    /// Deletes the entries up to a place but those of the membership and those that stay. One that is
    /// left by a crash in between goes with the next checkpoint.
    fn delete_up_to(
        &self,
        store: &mut dyn Store,
        until: u64,
        stays: &BTreeSet<u64>,
    ) -> Result<(), SpaceError> {
        let prefix = keys::space(self.number);
        let mut after: Option<Vec<u8>> = None;
        let mut count = 0_u64;
        loop {
            let rows = store.scan(Table::Entry, &prefix, after.as_deref(), ROWS)?;
            let mut transaction = Transaction::new();
            let is_over = rows.len() < ROWS;
            after = rows.last().map(|(key, _)| key.clone());
            for (key, bytes) in rows {
                let seq = keys::seq_of(&key)?;
                if seq > until {
                    break;
                }
                let broken = |_| damaged(Table::Entry, "an entry of the log cannot be read");
                let entry = Entry::parse(bytes).map_err(broken)?;
                if entry.header().kind == Kind::Membership || stays.contains(&seq) {
                    continue;
                }
                if entry.header().kind == Kind::Snapshot {
                    let place = keys::snapshot(self.number, &self.id_of(&entry, seq));
                    transaction.delete(Table::Evidence, place);
                }
                transaction.delete(Table::Entry, key);
                count += 1;
            }
            if !transaction.is_empty() {
                store.commit_soon(transaction.into())?;
            }
            let passed = after.as_deref().map(keys::seq_of).transpose()?;
            if is_over || passed.is_none_or(|seq| seq > until) {
                tracing::info!(space = self.number, until, count, "entries went");
                return Ok(());
            }
        }
    }

    /// Which entries up to a checkpoint's place stay here: those that are of use to this device, and
    /// what this checkpoint and all others that reach as far name.
    fn places_that_stay(
        &self,
        store: &dyn Store,
        public: &Checkpoint,
    ) -> Result<BTreeSet<u64>, SpaceError> {
        let mut stays: BTreeSet<u64> = self.places_of_interest(store)?.into_iter().collect();
        stays.extend(self.unknown_places(store)?);
        for seen in &self.checkpoints.seen {
            if seen.stands() && seen.reaches >= public.seq {
                stays.extend(self.places_of_snapshots(store, seen.seq)?);
                let kept = self.public_part(store, seen.seq)?.kept;
                stays.extend(kept.iter().map(|kept| kept.seq));
            }
        }
        Ok(stays)
    }

    /// The places of the snapshots that a checkpoint names, as far as the log has shown them here.
    pub(super) fn places_of_snapshots(
        &self,
        store: &dyn Store,
        seq: u64,
    ) -> Result<Vec<u64>, SpaceError> {
        let mut places = Vec::new();
        for id in &self.public_part(store, seq)?.snapshots {
            places.extend(self.snapshot_at(store, id)?);
        }
        Ok(places)
    }

    /// What everybody may know of the checkpoint at a place.
    fn public_part(&self, store: &dyn Store, seq: u64) -> Result<Checkpoint, SpaceError> {
        let missing = || damaged(Table::Entry, "a checkpoint is missing");
        let entry = self.kept_entry(store, seq)?.ok_or_else(missing)?;
        let body = CheckpointBody::parse(entry.body());
        body.map(|body| body.public)
            .map_err(|_| damaged(Table::Entry, "a checkpoint cannot be read"))
    }
}

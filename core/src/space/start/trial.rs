//! A start on trial. The log behind the checkpoint's place is read to its end, verified and stored as
//! ever, but for two things: nothing of it is opened, and what it shows under this device's own keys is
//! looked at when the trial ends. So a checkpoint that does not hold costs nothing: the space goes back
//! to what it was.

use std::collections::{BTreeMap, BTreeSet};

use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::membership::Rights;

use super::{Stage, StartFault};
use crate::membership::{Book, BookError};
use crate::space::again::Again;
use crate::space::receive::Page;
use crate::space::{Space, SpaceError, SpaceState, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// Stored entries that are read together.
const ROWS: usize = 256;

impl Space {
    /// Ends a trial at the end of the log: the checkpoint is agreed on, or refused.
    pub(in crate::space) fn end_trial(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        let Some(start) = self.start.as_ref().filter(|start| start.is_on_trial()) else {
            return Ok(());
        };
        if !self.reaches_welcome() {
            let less = "it shows less than the welcome says there is";
            return Err(SpaceError::Relay(less));
        }
        if self.is_enrolling() && !self.holds_key() {
            // With borrowed keys it cannot ask for it.
            return Err(BookError::KeyRefused.into());
        }
        let (seq, id) = (start.row.seq, start.row.id);
        let places = start.row.places.clone();
        let covers = |cut: Height| usize::try_from(cut.0).is_ok_and(|cut| cut < places.len());
        if self.cut().is_some_and(|cut| !covers(cut)) {
            return Err(start.faulty(StartFault::Outdated));
        }
        let Some(told) = self.told_of(seq, &id) else {
            return Err(start.faulty(self.misplaced(store, page, seq, &id)?));
        };
        let accepts = self.state.accepts_unconfirmed;
        if let Some(by) = told.accused_by.filter(|_| !accepts) {
            return Err(start.faulty(StartFault::CalledBad(by)));
        }
        // That nobody said anything for 90 days is the relay's word. Whoever leads the space, and this
        // device's own person, are believed then.
        let membership = self.book.as_ref().map(Book::membership);
        let publisher = membership.and_then(|membership| membership.member_ever(told.by));
        let leads = publisher.is_some_and(|by| by.rights.include(Rights::ADMIN));
        let own = self.own().map(|own| own.person);
        let is_trusted = leads || own == Some(told.publisher);
        // Where something was forgotten, this device has waited as long before it asked.
        let is_silent = start.row.is_dropped || self.lacks_what_was_before();
        let is_believed = is_silent && is_trusted;
        if !told.is_agreed && !accepts && !is_believed {
            return Err(start.faulty(StartFault::Quorum));
        }
        self.settle_own(store, page)?;
        self.state.rests_on_one = !told.is_agreed || told.accused_by.is_some();
        self.state.accepts_unconfirmed = false;
        self.empty_given_up(store, &mut page.transaction)?;
        self.start_behind(store, page, &places)?;
        page.lets_go = true;
        if let Some(start) = &mut self.start {
            start.row.stage = Stage::Agreed;
            start.row.before = None;
            start.row.members = None;
            start.changed.row = true;
        }
        page.received.membership = true;
        Ok(())
    }

    /// Looks at what the log shows under this device's own keys: it has sent all of it, or is one of
    /// two. What it sent and the log has let go of is known by its counter.
    fn settle_own(&mut self, store: &dyn Store, page: &mut Page) -> Result<(), SpaceError> {
        let mut on_its_way = BTreeMap::new();
        for sealed in self.all_sealed(store)? {
            let header = *sealed.entry.header();
            let founds = header.kind == Kind::Membership && header.seen.seq == 0;
            let id = self.id_of(&sealed.entry, if founds { 1 } else { 0 });
            on_its_way.insert(id, header);
        }
        let Some(start) = &self.start else {
            return Ok(());
        };
        let (at, next) = (start.public.seq, start.public.counters.clone());
        let before = start.row.before.as_ref();
        let before = before.map(|state| SpaceState::from_bytes(&state.0));
        let before = before.transpose()?;
        let own = self.state.device.filter(|_| !self.is_enrolling());
        let was_own = before.as_ref().is_some_and(|state| state.device == own);
        let index = own.map_or(0, |own| usize::from(own.0));
        let read = before.map(|state| state.counters.get(index).copied().unwrap_or_default());
        let read = read.filter(|_| was_own).unwrap_or_default();
        let below = self.again.as_ref().map_or(0, |again| again.below);
        let known = |header: &Header| header.counter < read.max(below);

        let mut unknown = None;
        let mut found = Vec::new();
        // Under these numbers the log has what a copy of this device made, and not what is on its way.
        let mut used = BTreeSet::new();
        self.each_behind(store, page, |seq, entry| {
            let header = entry.header();
            let is_own = Some(header.device) == own;
            let id = self.id_of(&entry, seq);
            if let Some(sealed) = on_its_way.get(&id) {
                found.push(keys::sealed_entry(self.number, sealed.counter));
            } else if is_own && !known(header) {
                match self.taken_back(store, header.counter, &id)? {
                    Some((place, _)) => found.push(place),
                    None if header.kind == Kind::Membership && self.enrols_a_copy(&entry) => {
                        used.insert(header.counter);
                    }
                    None => unknown = unknown.or(Some(seq)),
                }
            }
            Ok(())
        })?;
        if let Some(seq) = unknown {
            return Err(SpaceError::Restored { seq });
        }
        let next = next.get(index).copied().unwrap_or_default();
        if own.is_some() && next > self.state.counter {
            return Err(SpaceError::Restored { seq: at });
        }
        for header in on_its_way.values() {
            let is_sent = header.counter < next && !used.contains(&header.counter);
            if Some(header.device) == own && is_sent {
                found.push(keys::sealed_entry(self.number, header.counter));
            }
        }
        for place in found {
            page.transaction.delete(Table::Outbox, place);
            page.received.confirmed += 1;
        }
        Ok(())
    }

    /// Calls `f` with the membership entries up to the checkpoint's place and with every entry behind
    /// it, also of the page that is being taken.
    pub(super) fn each_behind(
        &self,
        store: &dyn Store,
        page: &Page,
        mut f: impl FnMut(u64, Entry) -> Result<(), SpaceError>,
    ) -> Result<(), SpaceError> {
        let Some(start) = &self.start else {
            return Ok(());
        };
        let broken = |_| damaged(Table::Entry, "an entry of the log cannot be read");
        let members = self.membership_entries(store)?;
        for (seq, entry) in start.row.places.iter().zip(members) {
            f(*seq, entry)?;
        }
        let prefix = keys::space(self.number);
        let mut after = keys::entry(self.number, start.public.seq);
        loop {
            let rows = store.scan(Table::Entry, &prefix, Some(&after), ROWS)?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            after.clone_from(last);
            for (place, bytes) in rows {
                f(keys::seq_of(&place)?, Entry::parse(bytes).map_err(broken)?)?;
            }
        }
        page.entries
            .iter()
            .try_for_each(|(seq, entry)| f(*seq, entry.clone()))
    }

    /// Why the log has no checkpoint that counts where the relay said that it stands.
    fn misplaced(
        &self,
        store: &dyn Store,
        page: &Page,
        seq: u64,
        id: &EntryId,
    ) -> Result<StartFault, SpaceError> {
        if seq > self.state.cursor.seq {
            return Ok(StartFault::Place);
        }
        let entry = match page.entries.get(&seq) {
            Some(entry) => entry.clone(),
            None => self.stored_entry(store, seq)?,
        };
        let is_it = self.id_of(&entry, seq) == *id;
        Ok(if is_it {
            StartFault::Signer
        } else {
            StartFault::Place
        })
    }

    /// Lets go of the entries that this device had read before the place at which it started, but for
    /// those that are of use.
    pub(in crate::space) fn let_go_before_start(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<(), SpaceError> {
        let Some(public) = self.start.as_ref().map(|start| start.public.clone()) else {
            return Ok(());
        };
        self.let_go_before(store, &public)
    }

    /// Gives up a start that is on trial: everything is as it was before.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn undo_start(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let Some(start) = self.start.as_ref().filter(|start| start.is_on_trial()) else {
            return Ok(());
        };
        let before = start.row.before.as_ref();
        let before = before.ok_or_else(super::broken)?;
        let state = SpaceState::from_bytes(&before.0)?;
        let mut transaction = Transaction::new();
        let heights = state.verified.map_or(0, |(Height(height), _)| height + 1);
        self.drop_heights(store, &mut transaction, heights)?;
        self.drop_held(store, &mut transaction, state.cursor.seq)?;
        self.forget_checkpoints_after(store, &mut transaction, state.cursor.seq)?;
        // A log that is to be read again is not kept until then.
        let kept = if start.row.waited {
            0
        } else {
            state.cursor.seq
        };
        self.drop_entries(store, &mut transaction, kept)?;
        if start.row.waited {
            let again = self.again.clone().map(|again| Again {
                waits: true,
                ..again
            });
            if let Some(again) = again {
                again.save(&mut transaction, self.number);
            }
            transaction.delete_prefix(Table::Membership, keys::space(self.number));
            for (height, entry) in (0..).zip(start.row.members.iter().flatten()) {
                let place = keys::membership(self.number, Height(height));
                transaction.put(Table::Membership, place, entry.0.as_slice());
            }
        }
        Self::forget_start(&mut transaction, self.number);
        if state.cursor.seq == 0 && self.documents.names().next().is_none() {
            // Nothing was known of the space.
            for table in [Table::Attachment, Table::Document] {
                transaction.delete_prefix(table, keys::space(self.number));
            }
        }
        transaction.put(Table::Space, keys::space(self.number), before.0.as_slice());
        store.commit(transaction.into())?;
        self.distrust();
        self.refresh(store)
    }

    /// Drops the entries behind a place.
    fn drop_entries(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        seq: u64,
    ) -> Result<(), SpaceError> {
        let prefix = keys::space(self.number);
        if seq == 0 {
            transaction.delete_prefix(Table::Entry, prefix);
            return Ok(());
        }
        let mut after = keys::entry(self.number, seq);
        loop {
            let rows = store.scan(Table::Entry, &prefix, Some(&after), ROWS)?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after.clone_from(last);
            for (place, _) in rows {
                transaction.delete(Table::Entry, place);
            }
        }
    }
}

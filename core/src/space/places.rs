//! Where in the log something stands that this device's person wrote, and how far the others have read
//! it: whether a message was sent, and whether it has arrived.
//!
//! None of it is stored. It follows from the entries that this device keeps, which are the log as it has
//! verified it: a place that the relay's log has no more is known here no more, too. What is looked up
//! stays in memory ([`Places`]), and goes on from there as the log grows.
//!
//! - What somebody has **read** is what the header of any entry of theirs says that its writer had
//!   seen, where that is a place of this very log.
//! - What is **in the log** is found in a batch there. What stands before the entries that this device
//!   keeps is in a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use waymark_wire::chain::{ChainTag, Cursor};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::DeviceNumber;

use super::documents::Ahead;
use super::{Space, SpaceError, keys};
use crate::gate::{Op, PlainChange, RecordId, Section};
use crate::store::{Store, Table};

/// What is known of places in a log.
#[derive(Debug)]
pub struct Places {
    /// Before which place nothing is kept.
    base: Cursor,
    /// How far the log was looked at.
    until: Cursor,
    /// The chain at each place from the base on.
    chains: Vec<ChainTag>,
    /// How far each device has read the log, as it said last.
    seen: BTreeMap<DeviceNumber, u64>,
    /// Batches of this device's person that were not opened yet, ascending.
    closed: Vec<u64>,
    /// Where the records of those stand that were opened.
    records: BTreeMap<RecordId, u64>,
}

/// Where something stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// In the log, at this place or before it.
    InLog(u64),
    /// This device cannot tell: it was left behind in a space that is closed, or the log is being read
    /// again.
    Unknown,
    /// Not in the log, as far as this device has read it. It will be sent, or sent again.
    Waits,
}

impl Places {
    fn from(base: Cursor) -> Self {
        Self {
            base,
            until: base,
            chains: vec![base.position().chain],
            seen: BTreeMap::new(),
            closed: Vec::new(),
            records: BTreeMap::new(),
        }
    }

    /// The devices that have said that they have read the log up to a place.
    pub fn read_up_to(&self, seq: u64) -> impl Iterator<Item = DeviceNumber> {
        let seen = self.seen.iter().filter(move |(_, seen)| **seen >= seq);
        seen.map(|(device, _)| *device)
    }

    /// Takes the next entry, which stands at a place.
    fn take(&mut self, entry: &Entry, at: &Cursor, is_own: bool) {
        self.chains.push(at.position().chain);
        self.until = *at;
        let header = entry.header();
        let seen = header.seen;
        // What was read of another branch, which this log is no more, was not read of this one.
        let place = seen.seq.checked_sub(self.base.seq);
        let chain = place.and_then(|place| self.chains.get(usize::try_from(place).ok()?));
        if seen.seq < at.seq && chain == Some(&seen.chain) {
            let known = self.seen.entry(header.device).or_default();
            *known = seen.seq.max(*known);
        }
        if header.kind == Kind::Carry || (header.kind == Kind::Batch && is_own) {
            self.closed.push(at.seq);
        }
    }
}

impl Space {
    /// Says of records that this device's person wrote where they stand. `known` is what was looked up
    /// before, if anything was.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn standings(
        &mut self,
        store: &dyn Store,
        known: &mut Option<Places>,
        records: &BTreeSet<RecordId>,
    ) -> Result<BTreeMap<RecordId, Standing>, SpaceError> {
        self.refresh(store)?;
        let waiting = self.waiting_records(store)?;
        let places = self.look_up(store, known)?;
        let said: BTreeSet<RecordId> = records.difference(&waiting).copied().collect();
        self.open_for(store, places, &said)?;
        let elsewhere = match self.base_seq() {
            // Keys were given up, and the log has still to show what of it was sent under them.
            _ if !self.unsettled.is_empty() => Standing::Waits,
            base if base > 0 && self.again.is_none() && !self.is_closed() => Standing::InLog(base),
            _ => Standing::Unknown,
        };
        let stands = |id: &RecordId| match places.records.get(id) {
            _ if waiting.contains(id) => Standing::Waits,
            Some(seq) => Standing::InLog(*seq),
            None => elsewhere,
        };
        Ok(records.iter().map(|id| (*id, stands(id))).collect())
    }

    /// Brings what is known up to the end of the log.
    fn look_up<'p>(
        &self,
        store: &dyn Store,
        known: &'p mut Option<Places>,
    ) -> Result<&'p mut Places, SpaceError> {
        let base = self.state.base.as_ref().map(|base| base.cursor);
        let base = base.unwrap_or_else(|| Cursor::start(&self.state.id));
        let end = self.state.cursor;
        if let Some(mut places) = known
            .take()
            .filter(|places| places.base == base && places.until.seq <= end.seq)
        {
            self.go_on(store, &mut places)?;
            // Another branch may have grown past the place to which this one was known.
            if places.until == end {
                return Ok(known.insert(places));
            }
        }
        let places = known.insert(Places::from(base));
        self.go_on(store, places)?;
        Ok(places)
    }

    fn go_on(&self, store: &dyn Store, places: &mut Places) -> Result<(), SpaceError> {
        // A newcomer has entries here that are not held together by those before them.
        if self.start.is_some() || places.until == self.state.cursor {
            return Ok(());
        }
        let own = self.own_memberships().map(|member| member.device);
        let own: BTreeSet<_> = own.collect();
        self.walk_from(store, places.until, |(entry, _), at| {
            places.take(&entry, at, own.contains(&entry.header().device));
            Ok(())
        })
    }

    /// Opens batches, the newest first, until each of these records was found or none is left.
    fn open_for(
        &self,
        store: &dyn Store,
        places: &mut Places,
        records: &BTreeSet<RecordId>,
    ) -> Result<(), SpaceError> {
        let mut missing = records.clone();
        missing.retain(|id| !places.records.contains_key(id));
        while !missing.is_empty()
            && let Some(seq) = places.closed.pop()
        {
            // One that does not count at its place says nothing, whoever shows it.
            let entry = store.get(Table::Entry, &keys::entry(self.number, seq))?;
            let entry = entry.and_then(|bytes| Entry::parse(bytes).ok());
            let Some(entry) = entry.filter(|_| self.start.is_none()) else {
                continue;
            };
            if !self.counts_at(store, seq)? {
                continue;
            }
            let sections = self.sections_of(&entry).unwrap_or_default();
            for id in sections.iter().flat_map(records_of) {
                missing.remove(&id);
                let first = places.records.entry(id).or_insert(seq);
                *first = seq.min(*first);
            }
        }
        Ok(())
    }

    /// The records that are in no entry yet, in one that is on its way, or in one that the relay has
    /// lost.
    fn waiting_records(&self, store: &dyn Store) -> Result<BTreeSet<RecordId>, SpaceError> {
        let mut records = BTreeSet::new();
        let mut ahead = Ahead::default();
        for (mark, _) in store.scan(Table::Outbox, &keys::unsent(self.number), None, usize::MAX)? {
            let document = keys::number_at(&mark, 5, Table::Outbox)?;
            let row = keys::number_at(&mark, 9, Table::Outbox)?;
            for stored in self.documents.row(store, &mut ahead, document, row)? {
                let change = PlainChange::from_stored(&stored)?;
                records.extend(change.body.ops.iter().filter_map(record_of));
            }
        }
        for sealed in self.batches(store)? {
            let sections = self.sections_of(&sealed.entry).unwrap_or_default();
            records.extend(sections.iter().flat_map(records_of));
        }
        if !self.lost.is_empty() {
            let lost = self.sections_of_lost(store)?.into_iter().flatten();
            records
                .extend(lost.flat_map(|all| all.iter().flat_map(records_of).collect::<Vec<_>>()));
        }
        Ok(records)
    }
}

fn records_of(section: &Section) -> impl Iterator<Item = RecordId> {
    let changes = section.changes().iter();
    changes.flat_map(|change| change.ops.iter().filter_map(record_of))
}

fn record_of(op: &Op) -> Option<RecordId> {
    match op {
        Op::Record(record) => Some(record.id()),
        _ => None,
    }
}

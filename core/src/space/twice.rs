//! What proves that a member's device wrote two changes under one number: found when the gate holds
//! the second one back as forked, and kept with both signed entries whatever becomes of the log.
//! Once for each device is enough.

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId};

use super::held::FORKED;
use super::{Space, SpaceError, damaged, keys};
use crate::crypto::{EpochKey, entry_key};
use crate::equivocation::{Equivocation, Signed, contradiction};
use crate::gate::{ActorId, Section};
use crate::membership::Book;
use crate::store::{Store, Table, Transaction};

/// Entries that are read together.
const ENTRIES: usize = 64;

/// A batch of somebody's, alone in its entry or carried by another.
pub(super) struct Written {
    pub(super) entry: Entry,
    /// The membership entry over which it was signed.
    pub(super) at: EntryId,
    /// Who signed it.
    pub(super) signer: DeviceNumber,
    pub(super) key: EpochKey,
}

impl Space {
    /// The proofs that are kept, each with the device's number here.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn equivocations(
        &self,
        store: &dyn Store,
    ) -> Result<Vec<(DeviceNumber, Equivocation)>, SpaceError> {
        let prefix = keys::all_twice(self.number);
        let rows = store.scan(Table::Evidence, &prefix, None, usize::MAX)?;
        let broken = || damaged(Table::Evidence, "what proves two changes cannot be read");
        let kept = rows.into_iter().filter(|(_, row)| !row.is_empty());
        let read = |(key, row): (Vec<u8>, Vec<u8>)| {
            let device = key.get(5..7).and_then(|bytes| bytes.try_into().ok());
            let device = device.map(u16::from_be_bytes).ok_or_else(broken)?;
            let proof = Equivocation::from_bytes(&row).map_err(|_| broken())?;
            Ok((DeviceNumber(device), proof))
        };
        kept.map(read).collect()
    }

    /// Looks for what proves of each device that was held back as forked that it has written two
    /// changes under one number, and keeps it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn prove_forks(&self, store: &mut dyn Store) -> Result<(), SpaceError> {
        let held = self.quarantined(store)?.into_iter();
        let forked = held.filter(|held| held.reason == FORKED);
        let places = forked.filter_map(|held| Some((held.seq, held.section?)));
        for place in places.collect::<Vec<_>>() {
            self.prove_fork(store, place)?;
        }
        Ok(())
    }

    fn prove_fork(&self, store: &mut dyn Store, place: (u64, u32)) -> Result<(), SpaceError> {
        let Some((held, section)) = self.written_at(store, place)? else {
            return Ok(());
        };
        let key = keys::twice(self.number, held.signer);
        if store.get(Table::Evidence, &key)?.is_some() {
            return Ok(());
        }
        let found = self.contradicted(store, place.0, &section)?;
        let proof = found.and_then(|other| self.proof(held, other));
        // An empty row says that there is nothing to be found: nobody is to look again.
        let row = proof.map(|proof| proof.to_bytes()).unwrap_or_default();
        let mut transaction = Transaction::new();
        transaction.put(Table::Evidence, key, row);
        Ok(store.commit(transaction.into())?)
    }

    /// The held batch at a place, with its section there.
    fn written_at(
        &self,
        store: &dyn Store,
        (seq, index): (u64, u32),
    ) -> Result<Option<(Written, Section)>, SpaceError> {
        let Some(bytes) = store.get(Table::Entry, &keys::entry(self.number, seq))? else {
            return Ok(None);
        };
        let Ok(entry) = Entry::parse(bytes) else {
            return Ok(None);
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let sections = self.sections_of(&entry).unwrap_or_default();
        let section = sections.into_iter().nth(index);
        Ok(self.written(&entry).zip(section))
    }

    /// A batch in the log, not the one at `but`, that has other changes than a section.
    fn contradicted(
        &self,
        store: &dyn Store,
        but: u64,
        section: &Section,
    ) -> Result<Option<Written>, SpaceError> {
        let prefix = keys::space(self.number);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = store.scan(Table::Entry, &prefix, after.as_deref(), ENTRIES)?;
            let Some((last, _)) = rows.last() else {
                return Ok(None);
            };
            after = Some(last.clone());
            for (key, bytes) in rows {
                let is_it = key == keys::entry(self.number, but);
                let entry = Entry::parse(bytes).ok().filter(|_| !is_it);
                let Some(entry) = entry.filter(|entry| self.may_hold(entry, &section.author()))
                else {
                    continue;
                };
                let sections = self.sections_of(&entry).unwrap_or_default();
                let by_them = sections.iter().filter(|s| s.author() == section.author());
                let by_them: Vec<Section> = by_them.cloned().collect();
                let one = std::slice::from_ref(section);
                if contradiction(one, &by_them).is_ok()
                    && let Some(written) = self.written(&entry)
                {
                    return Ok(Some(written));
                }
            }
        }
    }

    /// Whether an entry may hold something of an actor's.
    fn may_hold(&self, entry: &Entry, author: &ActorId) -> bool {
        let header = entry.header();
        match header.kind {
            Kind::Batch => self.member_of(author) == Some(header.device),
            Kind::Carry => true,
            _ => false,
        }
    }

    /// The batch in an entry of the log.
    fn written(&self, entry: &Entry) -> Option<Written> {
        let header = entry.header();
        if header.kind == Kind::Carry {
            return self.carried_batch(entry).ok();
        }
        let book = self.book.as_ref()?;
        let key = book.key_at(header.height)?;
        Some(Written {
            entry: entry.clone(),
            at: book.membership().id_at(header.height)?,
            signer: header.device,
            key: EpochKey::from_slice(key.expose()).ok()?,
        })
    }

    fn proof(&self, one: Written, other: Written) -> Option<Equivocation> {
        let membership = self.book.as_ref().map(Book::membership)?;
        let signer = membership.member_ever(one.signer)?.signing_key;
        let space = self.state.id;
        let signed = |written: Written| {
            let header = written.entry.header().to_bytes();
            let key = entry_key(&written.key, &space.0, &written.at.0, &header).ok()?;
            let (entry, at) = (written.entry, written.at);
            Some(Signed { entry, at, key })
        };
        Equivocation::of(space, signer, signed(one)?, signed(other)?)
    }
}

//! One device with its disk, driven step by step as the sync machine drives it; a device in rough
//! weather finds its disk full before every step and loses its memory after it.

use std::collections::BTreeSet;

use waymark_wire::entry::Entry;
use waymark_wire::ids::{DeviceNumber, Height, PersonTag};
use waymark_wire::membership::Rights;

use super::relay::{Refused, Relay};
use crate::crypto::{Entropy, EpochKey, MembershipKeys, SeededEntropy};
use crate::gate::{DocumentName, TextId};
use crate::membership::{KeySet, NewMember, WelcomeSpace, Wish};
use crate::role::Role;
use crate::space::{Space, SpaceError, Unfulfilled};
use crate::store::{MemoryDisk, MemoryStore, Store, StoreError, Table, Transaction};
use crate::sync::up_to_draft;

pub(super) const PLAN: DocumentName = DocumentName { kind: 1, part: 0 };

/// What became of a push.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Pushed {
    Nothing,
    Taken,
    Refused(Refused),
}

pub(super) struct Device {
    disk: MemoryDisk,
    /// `None` only while the process is dead.
    pub(super) store: Option<MemoryStore>,
    pub(super) space: Space,
    pub(super) entropy: SeededEntropy,
    pub(super) person: PersonTag,
    pub(super) is_rough: bool,
    /// What its clock shows.
    pub(super) now_ms: i64,
    /// It has read the log to the end, so far as it knows, and may write.
    pub(super) caught_up: bool,
    /// Every entry that it has sent, and how far it knew the membership then.
    pub(super) sent: Vec<(Height, Entry)>,
    /// What it wrote and was told is safe.
    pub(super) notes: BTreeSet<Vec<u8>>,
    pub(super) unfulfilled: Vec<Unfulfilled>,
    /// Every epoch key that was ever on its disk.
    pub(super) epoch_keys: BTreeSet<[u8; 32]>,
    /// All its keys that were ever on its disk.
    pub(super) own_keys: BTreeSet<Vec<u8>>,
}

/// Whom a card of `keys` says to add.
pub(super) fn new_member(person: u8, keys: &MembershipKeys, rights: Rights) -> NewMember {
    let role = if person == 1 {
        Role::Client
    } else {
        Role::Therapist
    };
    NewMember {
        person: PersonTag([person; 16]),
        keys: KeySet::of(keys).unwrap(),
        rights,
        role,
        name: format!("person {person}"),
        device_name: "phone".into(),
        level: 1,
        since: 0,
        used_as: None,
    }
}

impl Device {
    /// A device whose space `prepare` puts in its store.
    pub(super) fn new(
        seed: u8,
        person: u8,
        prepare: impl FnOnce(&mut MemoryStore, &mut dyn Entropy),
    ) -> Self {
        let disk = MemoryDisk::new();
        let mut store = disk.open().unwrap();
        let mut entropy = SeededEntropy::new([seed; 32]);
        prepare(&mut store, &mut entropy);
        let mut device = Self {
            space: Space::load(&store, 0).unwrap(),
            store: Some(store),
            disk,
            entropy,
            person: PersonTag([person; 16]),
            is_rough: false,
            now_ms: 0,
            caught_up: false,
            sent: Vec::new(),
            notes: BTreeSet::new(),
            unfulfilled: Vec::new(),
            epoch_keys: BTreeSet::new(),
            own_keys: BTreeSet::new(),
        };
        device.hoard();
        device
    }

    /// A device that was welcomed.
    pub(super) fn welcomed(
        seed: u8,
        person: u8,
        keys: &MembershipKeys,
        welcome: &WelcomeSpace,
    ) -> Self {
        Self::new(seed, person, |store, _| {
            let mut transaction = Transaction::new();
            Space::join(&mut transaction, 0, welcome, keys);
            store.commit(transaction.into()).unwrap();
        })
    }

    pub(super) fn store(&self) -> &MemoryStore {
        self.store.as_ref().unwrap()
    }

    pub(super) fn number(&self) -> DeviceNumber {
        self.space.device_to_read_as().unwrap()
    }

    /// The process dies and starts again.
    pub(super) fn crash(&mut self) {
        self.store = None;
        let store = self.disk.open().unwrap();
        self.space = Space::load(&store, 0).unwrap();
        self.store = Some(store);
        self.caught_up = false;
    }

    /// A backup that somebody else has opened.
    pub(super) fn copy(&self) -> Self {
        let disk = self.disk.copy();
        let store = disk.open().unwrap();
        Self {
            space: Space::load(&store, 0).unwrap(),
            store: Some(store),
            disk,
            entropy: SeededEntropy::new([0x77; 32]),
            person: self.person,
            is_rough: false,
            caught_up: false,
            sent: Vec::new(),
            notes: BTreeSet::new(),
            unfulfilled: Vec::new(),
            epoch_keys: BTreeSet::new(),
            own_keys: BTreeSet::new(),
            now_ms: self.now_ms,
        }
    }

    /// One step of the machine. It is tried on a full disk first where the weather is rough.
    pub(super) fn step<T>(
        &mut self,
        f: impl Fn(&mut Space, &mut dyn Store, &mut dyn Entropy) -> Result<T, SpaceError>,
    ) -> Result<T, SpaceError> {
        let store = self.store.as_mut().unwrap();
        if self.is_rough {
            self.disk.fail_commits(Some(StoreError::Full));
            let _ = f(&mut self.space, store, &mut self.entropy);
            self.disk.fail_commits(None);
        }
        let result = f(&mut self.space, store, &mut self.entropy);
        self.hoard();
        if self.is_rough {
            let caught_up = self.caught_up;
            self.crash();
            self.caught_up = caught_up;
        }
        result
    }

    fn hoard(&mut self) {
        let epochs = self
            .store()
            .scan(Table::Epoch, &[], None, usize::MAX)
            .unwrap();
        let keys = epochs
            .into_iter()
            .map(|(_, key)| <[u8; 32]>::try_from(key).unwrap());
        self.epoch_keys.extend(keys);
        let state = &self.space.state;
        let own = [Some(&state.keys), state.renewed.as_ref()];
        let own = own.into_iter().flatten().map(|keys| keys.to_vec());
        self.own_keys.extend(own);
    }

    pub(super) fn hoarded(&self) -> (Vec<EpochKey>, Vec<MembershipKeys>) {
        let epochs = self.epoch_keys.iter();
        let own = self.own_keys.iter();
        (
            epochs
                .map(|key| EpochKey::from_slice(key).unwrap())
                .collect(),
            own.map(|keys| MembershipKeys::from_bytes(keys).unwrap())
                .collect(),
        )
    }

    /// Writes a record; it is safe when this returns.
    pub(super) fn note(&mut self, text: &str) {
        self.put(PLAN, &[text.as_bytes()]);
        self.notes.insert(text.into());
    }

    /// Writes records in a document, as one change.
    pub(super) fn put(&mut self, name: DocumentName, records: &[&[u8]]) {
        self.step(|space, store, _| {
            space.edit(store, name, |document| {
                Ok(document.put_records(records)?.into_iter().collect())
            })
        })
        .unwrap();
    }

    /// Makes a text that says something.
    pub(super) fn write_text(&mut self, id: TextId, words: &str) {
        self.step(|space, store, _| {
            space.edit(store, PLAN, |document| {
                let made = document.make_text(id)?;
                let said = document.splice_text(id, 0, 0, words)?;
                Ok([made].into_iter().chain(said).collect())
            })
        })
        .unwrap();
    }

    /// Writes words in a text, at a place of it.
    pub(super) fn type_at(&mut self, id: TextId, at: usize, words: &str) {
        self.step(|space, store, _| {
            space.edit(store, PLAN, |document| {
                Ok(document
                    .splice_text(id, at, 0, words)?
                    .into_iter()
                    .collect())
            })
        })
        .unwrap();
    }

    /// What a text says here.
    pub(super) fn text(&mut self, id: TextId) -> Option<String> {
        let store = self.store.as_ref().unwrap();
        let document = self.space.document(store, PLAN).unwrap();
        document.text(&id)
    }

    /// The records it shows.
    pub(super) fn records(&mut self) -> BTreeSet<Vec<u8>> {
        let store = self.store.as_ref().unwrap();
        let document = self.space.document(store, PLAN).unwrap();
        let records = document.records();
        records.map(|record| record.bytes.into_owned()).collect()
    }

    pub(super) fn wish(&mut self, wish: &Wish) -> Result<(), SpaceError> {
        self.step(|space, store, _| {
            let mut transaction = Transaction::new();
            space.wish(&mut transaction, wish)?;
            Ok(store.commit(transaction.into())?)
        })
    }

    /// Makes entries of what it wrote and wants, as a push does before it sends.
    pub(super) fn prepare(&mut self) {
        self.step(|space, store, entropy| space.take_back_draft(store, entropy))
            .unwrap();
        self.step(|space, store, entropy| space.refuse_key(store, entropy))
            .unwrap();
        self.step(|space, store, entropy| space.reseal(store, entropy))
            .unwrap();
        self.step(|space, store, _| space.widen_wishes(store))
            .unwrap();
        let drafted = self.step(|space, store, entropy| space.draft_wishes(store, entropy));
        self.unfulfilled.extend(drafted.unwrap().unfulfilled);
        if !self.space.is_drafting(self.store()).unwrap() {
            while self
                .step(|space, store, entropy| space.seal(store, entropy))
                .unwrap()
            {}
            self.step(|space, store, _| space.judge_checkpoints(store))
                .unwrap();
            self.step(|space, store, entropy| space.speak_of_checkpoints(store, entropy))
                .unwrap();
        }
    }

    /// Sends what is on its way. Where `answered` is false, the answer is lost.
    pub(super) fn send(&mut self, relay: &mut Relay, answered: bool) -> Pushed {
        let outbox = up_to_draft(self.space.to_send(self.store()).unwrap());
        let Some(below) = outbox.last().map(|last| last.counter + 1) else {
            return Pushed::Nothing;
        };
        let entries: Vec<Entry> = outbox.iter().map(|sealed| sealed.entry.clone()).collect();
        let known = self.space.book().unwrap().membership().height();
        self.sent
            .extend(entries.iter().map(|entry| (known, entry.clone())));
        let attachments = outbox.into_iter().flat_map(|sealed| sealed.attachments);
        let answer = relay.append(&entries, &attachments.collect::<Vec<_>>());
        if !answered {
            self.crash();
            return Pushed::Nothing;
        }
        if let Err(refused) = answer {
            self.caught_up = false;
            return Pushed::Refused(refused);
        }
        self.step(|space, store, _| space.note_if_left(store, below))
            .unwrap();
        Pushed::Taken
    }

    /// What the machine does when there is something to send: nothing before the log was read, and
    /// nothing where this device is no member any more.
    pub(super) fn push(&mut self, relay: &mut Relay) -> Pushed {
        if self.space.has_ended() || !(self.caught_up || relay.membership.is_none()) {
            return Pushed::Nothing;
        }
        self.prepare();
        self.send(relay, true)
    }

    /// Reads one page; whether the log ends with it. A relay tells strangers nothing.
    pub(super) fn pull(&mut self, relay: &Relay, limit: usize) -> Result<bool, SpaceError> {
        let from = self.space.cursor().seq;
        let Some((items, receipt, at_end)) = relay.page(self.number(), from, limit) else {
            return Ok(true);
        };
        let now = self.now_ms;
        self.step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end, now))?;
        self.caught_up = at_end;
        Ok(at_end)
    }

    pub(super) fn pull_all(&mut self, relay: &Relay) {
        while !self.pull(relay, 7).unwrap() {}
    }

    /// Reads and sends until there is nothing more to do.
    pub(super) fn sync(&mut self, relay: &mut Relay) {
        for _ in 0..20 {
            if relay.membership.is_some() {
                self.pull_all(relay);
            }
            match self.push(relay) {
                Pushed::Nothing => return,
                Pushed::Refused(Refused::Never(why)) => panic!("it cannot go on: {why}"),
                Pushed::Refused(Refused::Closed | Refused::NotFound) => return,
                Pushed::Taken | Pushed::Refused(Refused::Moved) => {}
            }
        }
        panic!("it never comes to rest");
    }
}

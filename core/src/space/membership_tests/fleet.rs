//! Several devices of one space with their relay.

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{Membership, Rights};

use super::device::{Device, PLAN, new_member};
use super::relay::{Relay, Stored};
use crate::crypto::{EpochKey, MembershipKeys, SeededEntropy, open, open_roster};
use crate::membership::{RelayAddress, SpaceKind, Wish};
use crate::space::{Founding, Space};

pub(super) struct Fleet {
    pub(super) relay: Relay,
    pub(super) devices: Vec<Device>,
}

impl Fleet {
    /// A client's first device, whose space the relay has.
    pub(super) fn new_of_kind(kind: SpaceKind) -> Self {
        let mut relay = Relay::new();
        let address = RelayAddress {
            url: "http://relay".into(),
            key: Some(relay.key()),
        };
        let founding = Founding {
            kind,
            relay: address,
            follows: None,
        };
        let mut first = Device::new(1, 1, |store, entropy| {
            let keys = MembershipKeys::generate(entropy);
            let founder = new_member(1, &keys, Rights::ADMIN);
            Space::create(store, 0, &[founder], keys, founding, entropy).unwrap();
        });
        first.sync(&mut relay);
        Self {
            relay,
            devices: vec![first],
        }
    }

    /// The client's first device, and others that it added.
    pub(super) fn of(others: &[(u8, Rights)]) -> Self {
        Self::of_kind(SpaceKind::Care, others)
    }

    /// The same in a space for something else than a plan.
    pub(super) fn of_kind(kind: SpaceKind, others: &[(u8, Rights)]) -> Self {
        let mut fleet = Self::new_of_kind(kind);
        for (person, rights) in others {
            fleet.add(0, *person, *rights);
        }
        fleet.settle();
        fleet
    }

    /// Has a device add another one, and welcomes it; it has read nothing yet.
    pub(super) fn add(&mut self, by: usize, person: u8, rights: Rights) -> usize {
        let seed = u8::try_from(self.devices.len() + 1).unwrap();
        let keys = keys_of(seed);
        let wish = Wish::Add(new_member(person, &keys, rights));
        let Self { relay, devices } = self;
        devices[by].wish(&wish).unwrap();
        devices[by].sync(relay);
        self.welcome(by, seed, person).unwrap()
    }

    /// Welcomes the device with this seed, where the one who welcomes sees that it was added.
    pub(super) fn welcome(&mut self, by: usize, seed: u8, person: u8) -> Option<usize> {
        let keys = keys_of(seed);
        let key = new_member(person, &keys, Rights::READ).keys.signing_key;
        let welcome = self.devices[by].space.welcome(&key)?;
        let device = Device::welcomed(seed, person, &keys, &welcome);
        self.devices.push(device);
        Some(self.devices.len() - 1)
    }

    pub(super) fn membership(&self) -> &Membership {
        self.relay.membership.as_ref().unwrap()
    }

    pub(super) fn height(&self) -> u32 {
        self.membership().height().0
    }

    pub(super) fn number(&self, device: usize) -> DeviceNumber {
        self.devices[device].number()
    }

    pub(super) fn sync(&mut self, device: usize) {
        self.devices[device].sync(&mut self.relay);
    }

    pub(super) fn wish(&mut self, device: usize, wish: Wish) {
        self.devices[device].wish(&wish).unwrap();
    }

    /// The devices that are members after everything that the relay has.
    pub(super) fn current(&self) -> Vec<usize> {
        let is_current = |index: &usize| {
            let number = self.devices[*index].number();
            self.membership().member(number).is_some()
        };
        (0..self.devices.len()).filter(is_current).collect()
    }

    /// Every member reads and sends until nobody has anything more to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..20 {
            let before = self.relay.log.len();
            for index in self.current() {
                self.sync(index);
            }
            let all_read = self.current().into_iter().all(|index| {
                let seq = self.devices[index].space.cursor().seq;
                seq == u64::try_from(self.relay.log.len()).unwrap()
            });
            if all_read && self.relay.log.len() == before {
                return;
            }
        }
        panic!("they never come to rest");
    }

    /// All members know the same members by the same names and show the same records, each change
    /// once, and among them all that any of them wrote.
    pub(super) fn assert_agree(&mut self) {
        let current = self.current();
        let head = self.membership().head();
        let mut shown = Vec::new();
        for index in &current {
            let device = &mut self.devices[*index];
            assert!(device.space.is_sent(device.store()).unwrap(), "{index}");
            let quarantined = device.space.quarantined(device.store()).unwrap();
            assert_eq!(quarantined, [], "{index}");
            assert_eq!(device.space.waiting(), 0, "{index}");
            let records = device.records();
            let book = device.space.book().unwrap();
            assert_eq!(book.membership().head(), head, "{index}");
            let everybody = book.membership().everybody().iter();
            let roster: Vec<_> = everybody.map(|m| book.roster(m.device).cloned()).collect();
            assert!(roster.iter().all(Option::is_some), "{index}");
            let store = device.store.as_ref().unwrap();
            let document = device.space.document(store, PLAN).unwrap();
            let changes = document.change_count();
            shown.push((roster, records, document.heads(), changes));
        }
        for (index, other) in current.iter().zip(&shown) {
            assert_eq!(shown.first(), Some(other), "{index}");
        }
        for index in &current {
            let (_, records, ..) = shown.first().unwrap();
            assert!(self.devices[*index].notes.is_subset(records), "{index}");
        }
    }

    /// How many of the entries from a height on open with any of these epoch keys.
    pub(super) fn opened_since(&self, height: u32, keys: &[EpochKey]) -> (usize, usize) {
        let later = self.relay.log.iter().skip(1).filter(|stored| {
            let header = stored.entry.header();
            let at = header.height.0 + u32::from(header.kind == Kind::Membership);
            at >= height
        });
        let opens = |stored: &&Stored| keys.iter().any(|key| self.opens(&stored.entry, key));
        (later.clone().filter(opens).count(), later.count())
    }

    /// Whether an entry behind the first one opens with an epoch key.
    pub(super) fn opens(&self, entry: &Entry, key: &EpochKey) -> bool {
        let membership = self.membership();
        let header = entry.header();
        let (space, at) = (membership.space(), membership.id_at(header.height).unwrap());
        match waymark_wire::membership::MembershipBody::parse(entry.body()) {
            Ok(body) if header.kind == Kind::Membership => {
                open_roster(key, &space.0, &at.0, &header.to_bytes(), body.private).is_ok()
            }
            _ => {
                let sealed = entry.body().to_vec();
                open(key, &space.0, &at.0, &header.to_bytes(), sealed).is_ok()
            }
        }
    }
}

/// The keys of a device that is to come.
pub(super) fn keys_of(seed: u8) -> MembershipKeys {
    MembershipKeys::generate(&mut SeededEntropy::new([0x40 + seed; 32]))
}

//! A space against logs that no honest relay and no honest member would make.

mod evidence;

use waymark_wire::chain::{ChainTag, Cursor, Position};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{
    AttachmentHash, DeviceNumber, EntryId, Generation, Height, PersonTag, SpaceId,
};
use waymark_wire::membership::{Add, Core, MembershipBody, Op, Rights, SealedKey};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use super::{Founding, Item, Received, Space, SpaceError};
use crate::crypto::{MembershipKeys, SeededEntropy};
use crate::membership::{KeySet, NewMember, RelayAddress, SpaceKind, WelcomeSpace};
use crate::role::Role;
use crate::store::{MemoryDisk, MemoryStore, Store, Transaction};

/// A founder's device, and a relay that says what the test wants.
struct Bench {
    store: MemoryStore,
    space: Space,
    relay: SigningKey,
    log: Vec<Entry>,
}

impl Bench {
    fn new() -> Self {
        let mut entropy = SeededEntropy::new([1; 32]);
        let keys = MembershipKeys::generate(&mut entropy);
        let relay = SigningKey::from_seed(&[9; 32]).unwrap();
        let founder = NewMember {
            person: PersonTag([1; 16]),
            keys: KeySet::of(&keys).unwrap(),
            rights: Rights::ADMIN,
            role: Role::Client,
            name: "Kim".into(),
            device_name: "phone".into(),
            level: 1,
            since: 0,
            used_as: None,
        };
        let address = RelayAddress {
            url: "http://relay".into(),
            key: Some(relay.verifying_key()),
        };
        let mut store = MemoryDisk::new().open().unwrap();
        let founding = Founding {
            kind: SpaceKind::Care,
            relay: address,
            follows: None,
        };
        let space = Space::create(&mut store, 0, &[founder], keys, founding, &mut entropy).unwrap();
        let log = vec![space.outbox(&store).unwrap()[0].entry.clone()];
        Self {
            store,
            space,
            relay,
            log,
        }
    }

    fn id(&self) -> SpaceId {
        self.space.id()
    }

    /// An entry that the founder's device signs behind the space's back.
    fn sign(&self, kind: Kind, counter: u32, body: &[u8]) -> Entry {
        let header = Header {
            kind,
            device: DeviceNumber(0),
            counter,
            height: Height(0),
            seen: Position {
                seq: 0,
                chain: ChainTag([0; 16]),
            },
            salt: [3; 16],
        };
        let founding = EntryId::from(self.id());
        let key = self.space.signing_key();
        Entry::assemble(header, body, &self.id(), &founding, |text| key.sign(text))
    }

    /// An entry that adds a device and whose private part opens for nobody.
    fn unreadable_add(&self) -> Entry {
        let other = MembershipKeys::generate(&mut SeededEntropy::new([2; 32]));
        let core = Core {
            previous: EntryId::from(self.id()),
            ops: vec![Op::Add(Add {
                device: DeviceNumber(1),
                person: PersonTag([1; 16]),
                signing_key: VerifyingKey(other.signing_public().unwrap()),
                suite: 1,
                agreement_key: AttachmentHash([1; 32]),
                rights: Rights::READ,
            })],
            keys: vec![SealedKey {
                device: DeviceNumber(1),
                sealed: AttachmentHash([2; 32]),
            }],
        };
        let body = MembershipBody::assemble(&core, &[7; 32 + 256 + 16]).unwrap();
        self.sign(Kind::Membership, 1, &body)
    }

    fn cursor(&self) -> Cursor {
        let start = Cursor::start(&self.id());
        let ids =
            self.log.iter().enumerate().map(|(index, entry)| {
                entry.id(&if index == 0 { SpaceId::ZERO } else { self.id() })
            });
        ids.fold(start, |cursor, id| cursor.after(&id))
    }

    /// Hands the log from an entry on to a space, as a page of its own.
    fn deliver(
        &mut self,
        space: &mut Space,
        store: &mut dyn Store,
    ) -> Result<Received, SpaceError> {
        let position = self.cursor().position();
        let relay = &self.relay;
        let receipt = Receipt::new(&self.id(), Generation([1; 16]), position, |t| relay.sign(t));
        let from = space.cursor().seq;
        let new = (1..).zip(&self.log).filter(|(seq, _)| *seq > from);
        let items = new
            .map(|(seq, entry)| Item::Entry {
                seq,
                bytes: entry.bytes().to_vec(),
            })
            .collect();
        space.receive(store, items, &receipt, true, 0)
    }

    /// A second device that was welcomed and has read nothing.
    fn welcomed(&self, reaches: Position) -> (MemoryStore, Space) {
        let mut store = MemoryDisk::new().open().unwrap();
        let keys = MembershipKeys::generate(&mut SeededEntropy::new([5; 32]));
        let welcome = WelcomeSpace {
            space: self.id(),
            kind: SpaceKind::Care,
            relay: self.space.relay().clone(),
            signing_key: VerifyingKey(keys.signing_public().unwrap()),
            device: DeviceNumber(1),
            added_by: EntryId([8; 32]),
            reaches,
        };
        let mut transaction = Transaction::new();
        Space::join(&mut transaction, 0, &welcome, &keys);
        store.commit(transaction.into()).unwrap();
        let space = Space::load(&store, 0).unwrap();
        (store, space)
    }
}

/// One member could otherwise keep every other device of the space from ever opening again.
#[test]
fn a_membership_entry_that_opens_for_nobody_is_held_back_and_the_space_opens_again() {
    let mut bench = Bench::new();
    bench.log.push(bench.unreadable_add());
    let (mut store, mut reader) = bench.welcomed(bench.cursor().position());
    bench.deliver(&mut reader, &mut store).unwrap();
    assert_eq!(reader.book().unwrap().membership().members().count(), 2);
    assert!(Space::load(&store, 0).is_ok());
}

/// A relay could otherwise have the founder keep a first entry that nobody else would take.
#[test]
fn a_founder_takes_its_first_entry_only_as_it_signed_it() {
    let mut bench = Bench::new();
    let mut forged = bench.log[0].bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let signed = std::mem::replace(&mut bench.log[0], Entry::parse(forged).unwrap());
    let mut space = Space::load(&bench.store, 0).unwrap();
    let mut store = std::mem::replace(&mut bench.store, MemoryDisk::new().open().unwrap());
    let refused = bench.deliver(&mut space, &mut store);
    let signer = DeviceNumber(0);
    assert_eq!(
        refused.unwrap_err(),
        SpaceError::Signature { seq: 1, signer }
    );
    bench.log[0] = signed;
    assert!(bench.deliver(&mut space, &mut store).is_ok());
}

/// The same entry under the founder's own signature, which the founder's device never made: the
/// device was copied.
#[test]
fn an_entry_of_this_device_that_it_does_not_know_is_said_to_be_so() {
    let mut bench = Bench::new();
    bench.log.push(bench.sign(Kind::Batch, 1, &[0; 256 + 16]));
    let mut space = Space::load(&bench.store, 0).unwrap();
    let mut store = std::mem::replace(&mut bench.store, MemoryDisk::new().open().unwrap());
    let refused = bench.deliver(&mut space, &mut store);
    assert_eq!(refused.unwrap_err(), SpaceError::Restored { seq: 2 });
    assert_eq!(space.cursor().seq, 0);

    // That a copy makes itself a device of its own is nothing to worry about.
    bench.log[1] = bench.unreadable_add();
    bench.deliver(&mut space, &mut store).unwrap();
    assert_eq!(space.cursor().seq, 2);
    let mut entropy = SeededEntropy::new([6; 32]);
    space.reseal(&mut store, &mut entropy).unwrap();
    assert_eq!(space.next_counter(), 2, "its counter is taken");
    // What it does besides is.
    bench.log.push(bench.sign(Kind::Batch, 2, &[0; 256 + 16]));
    let refused = bench.deliver(&mut space, &mut store);
    assert_eq!(refused.unwrap_err(), SpaceError::Restored { seq: 3 });
}

/// A relay could otherwise have a device give up its membership with its own old entry.
#[test]
fn an_own_entry_that_is_shown_twice_is_the_relays_lie() {
    let mut bench = Bench::new();
    bench.log.push(bench.sign(Kind::Batch, 0, &[0; 256 + 16]));
    let mut space = Space::load(&bench.store, 0).unwrap();
    let mut store = std::mem::replace(&mut bench.store, MemoryDisk::new().open().unwrap());
    let refused = bench.deliver(&mut space, &mut store);
    assert!(matches!(refused, Err(SpaceError::Relay(_))), "{refused:?}");
}

/// A relay could otherwise show a newcomer another history than the one who welcomed it saw.
#[test]
fn a_log_that_is_as_long_as_the_welcome_says_but_another_is_refused() {
    let mut bench = Bench::new();
    let reaches = Position {
        seq: 1,
        chain: ChainTag([4; 16]),
    };
    let (mut store, mut reader) = bench.welcomed(reaches);
    let refused = bench.deliver(&mut reader, &mut store);
    assert!(matches!(refused, Err(SpaceError::Relay(_))));
    assert!(reader.book().is_none());
}

/// A later version's entries must neither stop this one nor be taken from anybody.
#[test]
fn an_entry_of_an_unknown_kind_is_kept_and_skipped_but_only_under_a_members_signature() {
    let mut bench = Bench::new();
    let (mut store, mut reader) = bench.welcomed(bench.cursor().position());
    bench.log.push(bench.sign(Kind::Unknown(77), 1, &[0; 300]));
    bench.log.push(bench.sign(Kind::Unknown(77), 2, &[1; 300]));
    bench.deliver(&mut reader, &mut store).unwrap();
    assert_eq!(reader.cursor().seq, 3);

    let mut forged = bench.sign(Kind::Unknown(77), 3, &[2; 300]).into_bytes();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    bench.log.push(Entry::parse(forged).unwrap());
    let refused = bench.deliver(&mut reader, &mut store);
    let signer = DeviceNumber(0);
    assert_eq!(
        refused.unwrap_err(),
        SpaceError::Signature { seq: 4, signer }
    );
    assert_eq!(reader.cursor().seq, 3);
}

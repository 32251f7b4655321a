//! Checkpoints that somebody's other software made, and what the others say of them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::chain::Chain;
use waymark_wire::checkpoint::{
    ChangesDigest, Checkpoint, CheckpointBody, CheckpointPrivate, SnapshotOf,
};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::membership::Rights;
use waymark_wire::padding;

use super::checkpoints::publish;
use super::device::{Device, PLAN};
use super::fleet::Fleet;
use crate::crypto::seal;
use crate::gate::{ActorId, Document, DocumentName};
use crate::space::membership_tests::held;

/// The client's phone, which compares; the therapist's other software, which publishes; and a reader.
fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE), (3, Rights::READ)]);
    for note in ["first", "second", "third"] {
        fleet.devices[0].note(note);
    }
    fleet.settle();
    fleet
}

/// The next entry of a device's, which the device itself does not know of.
pub(super) fn signed(
    fleet: &Fleet,
    by: usize,
    kind: Kind,
    body: impl FnOnce(&Header) -> Vec<u8>,
) -> Entry {
    let membership = fleet.membership();
    let number = fleet.number(by);
    let log = fleet.relay.log.iter();
    let own = log.filter(|stored| stored.entry.header().device == number);
    let header = Header {
        kind,
        device: number,
        counter: u32::try_from(own.count()).unwrap(),
        height: membership.height(),
        seen: fleet.devices[by].space.cursor().position(),
        salt: [5; 16],
    };
    let (space, head) = (*membership.space(), membership.head());
    let key = fleet.devices[by].space.signing_key();
    Entry::assemble(header, &body(&header), &space, &head, |text| key.sign(text))
}

/// Appends it, and gives its place.
pub(super) fn append(fleet: &mut Fleet, entry: Entry) -> u64 {
    fleet.relay.append(&[entry], &[]).unwrap();
    u64::try_from(fleet.relay.log.len()).unwrap()
}

fn sealed(fleet: &Fleet, by: usize, header: &Header, text: &[u8]) -> Vec<u8> {
    let membership = fleet.membership();
    let book = fleet.devices[by].space.book().unwrap();
    let key = book.key_at(header.height).unwrap();
    let mut text = text.to_vec();
    padding::pad(&mut text);
    let (space, head) = (membership.space(), membership.head());
    seal(key, &space.0, &head.0, &header.to_bytes(), text).unwrap()
}

/// A checkpoint of everything, as an honest device would make it, until something is altered.
struct Lie {
    parts: Vec<Vec<u8>>,
    /// Other entries that it names as snapshots.
    others: Vec<EntryId>,
    public: Checkpoint,
    documents: Vec<SnapshotOf>,
    is_garbled: bool,
}

impl Lie {
    fn new(fleet: &mut Fleet) -> Self {
        let log = &fleet.relay.log;
        let everybody = fleet.membership().everybody().iter();
        let counters = everybody.map(|member| {
            let signers = log.iter().map(|stored| stored.entry.header().device);
            let own = signers.filter(|device| *device == member.device);
            u32::try_from(own.count()).unwrap()
        });
        let public = Checkpoint {
            seq: u64::try_from(log.len()).unwrap(),
            chain: log.last().unwrap().after.chain,
            height: fleet.membership().height(),
            counters: counters.collect(),
            snapshots: Vec::new(),
            kept: Vec::new(),
        };
        let mut lie = Self {
            parts: Vec::new(),
            others: Vec::new(),
            public,
            documents: Vec::new(),
            is_garbled: false,
        };
        let document = plan(&mut fleet.devices[0]);
        lie.say(document, &|_, _| true);
        lie
    }

    /// Says that this is what the plan holds.
    fn say(&mut self, document: &Document, is_in: &dyn Fn(ActorId, u32) -> bool) {
        self.parts = document.to_snapshot(PLAN, is_in).unwrap();
        let digest = document.digest(is_in).unwrap();
        self.documents = vec![SnapshotOf {
            kind: PLAN.kind,
            part: PLAN.part,
            index: 0,
            pieces: 1,
            changes: ChangesDigest(digest.0),
        }];
    }

    /// Brings it into the log; gives its place.
    fn tell(mut self, fleet: &mut Fleet, by: usize) -> u64 {
        for part in &self.parts {
            let entry = signed(fleet, by, Kind::Snapshot, |header| {
                sealed(fleet, by, header, part)
            });
            let id = entry.id(fleet.membership().space());
            self.public.snapshots.push(id);
            append(fleet, entry);
        }
        self.public.snapshots.extend(&self.others);
        let private = CheckpointPrivate {
            documents: self.documents,
        };
        let entry = signed(fleet, by, Kind::Checkpoint, |header| {
            let private = if self.is_garbled {
                vec![7; 256 + 16]
            } else {
                sealed(fleet, by, header, &private.to_text())
            };
            CheckpointBody::assemble(&self.public, &private).unwrap()
        });
        append(fleet, entry)
    }
}

fn plan(device: &mut Device) -> &Document {
    let store = device.store.as_ref().unwrap();
    device.space.document(store, PLAN).unwrap()
}

/// What the log says of the checkpoint at a place, and by whom.
fn acks(fleet: &Fleet, seq: u64) -> Vec<(u16, Ack)> {
    let id = fleet.relay.log[usize::try_from(seq - 1).unwrap()].id;
    let acks = fleet.relay.log.iter().filter_map(|stored| {
        let header = stored.entry.header();
        let ack = Ack::parse(stored.entry.body()).filter(|_| header.kind == Kind::Ack)?;
        let is_meant = match ack {
            Ack::CheckpointOk(about) | Ack::CheckpointBad(about, _) => about == id,
            _ => false,
        };
        is_meant.then_some((header.device.0, ack))
    });
    acks.collect()
}

/// What the client's phone shows that it holds back.
fn shown(fleet: &Fleet) -> Vec<(u64, u16, String)> {
    let client = &fleet.devices[0];
    let held = client.space.quarantined(client.store()).unwrap();
    let held = held.into_iter();
    held.map(|held| (held.seq, held.device.0, held.reason))
        .collect()
}

/// A document with other words of the client's in the place of the last ones.
fn altered(fleet: &Fleet) -> Document {
    let mut document = Document::new(fleet.devices[0].space.actor());
    for note in ["first", "second", "never said"] {
        document.put_record(note.as_bytes()).unwrap();
    }
    document
}

/// A part that says in a few bytes to be a megabyte.
fn bomb() -> Vec<u8> {
    let mut part = Vec::new();
    part.extend(PLAN.kind.to_be_bytes());
    part.extend(PLAN.part.to_be_bytes());
    part.extend([0, 0, 0, 1, 1]);
    let mut packer = DeflateEncoder::new(part, Compression::best());
    packer.write_all(&vec![0; 1_000_000]).unwrap();
    packer.finish().unwrap()
}

type Alter = fn(&mut Lie, &mut Fleet);

/// What may be wrong with a checkpoint, what it is called, and how it is made.
const LIES: [(&str, CheckpointFault, &str, Alter); 14] = [
    (
        "a change is left out",
        CheckpointFault::Missing,
        "checkpoint_missing",
        |lie, fleet| {
            let document = plan(&mut fleet.devices[0]);
            lie.say(document, &|_, seq| seq < 3);
        },
    ),
    (
        "a document is left out",
        CheckpointFault::Missing,
        "checkpoint_missing",
        |lie, _| {
            lie.parts.clear();
            lie.documents.clear();
        },
    ),
    (
        "a piece is left out",
        CheckpointFault::Missing,
        "checkpoint_missing",
        |lie, _| {
            lie.documents[0].pieces = 2;
        },
    ),
    (
        "a snapshot never was there",
        CheckpointFault::Missing,
        "checkpoint_missing",
        |lie, _| {
            lie.parts.clear();
            lie.others.push(EntryId([3; 32]));
        },
    ),
    (
        "a change is invented",
        CheckpointFault::Invented,
        "checkpoint_invented",
        |lie, fleet| {
            let members = fleet.devices[0].space.own_actors();
            let author = fleet.devices[1].space.actor();
            let is_member = |actor: &ActorId| members.contains(actor) || *actor == author;
            let mut document =
                Document::from_snapshot(author, PLAN, &is_member, &lie.parts).unwrap();
            document.put_record(b"never said").unwrap();
            lie.say(&document, &|_, _| true);
        },
    ),
    (
        "a document is invented",
        CheckpointFault::Invented,
        "checkpoint_invented",
        |lie, fleet| {
            let mut document = Document::new(fleet.devices[1].space.actor());
            document.put_record(b"never said").unwrap();
            let name = DocumentName { kind: 2, part: 9 };
            lie.parts
                .extend(document.to_snapshot(name, &|_, _| true).unwrap());
            lie.documents.push(SnapshotOf {
                kind: 2,
                part: 9,
                index: 0,
                pieces: 1,
                changes: ChangesDigest(document.digest(&|_, _| true).unwrap().0),
            });
        },
    ),
    (
        "it is another space's",
        CheckpointFault::Invented,
        "checkpoint_invented",
        |lie, _| {
            let mut document = Document::new(ActorId([9; 16]));
            document.put_record(b"first").unwrap();
            lie.say(&document, &|_, _| true);
        },
    ),
    (
        "a change is altered",
        CheckpointFault::Altered,
        "checkpoint_altered",
        |lie, fleet| {
            lie.say(&altered(fleet), &|_, _| true);
        },
    ),
    (
        "the digest is another one",
        CheckpointFault::Altered,
        "checkpoint_altered",
        |lie, _| {
            lie.documents[0].changes = ChangesDigest([1; 32]);
        },
    ),
    (
        "a part is a bomb",
        CheckpointFault::Bomb,
        "checkpoint_bomb",
        |lie, _| {
            lie.parts = vec![bomb()];
        },
    ),
    (
        "the private part is garbled",
        CheckpointFault::Other,
        "checkpoint_wrong",
        |lie, _| {
            lie.is_garbled = true;
        },
    ),
    (
        "the chain is another one",
        CheckpointFault::Other,
        "checkpoint_wrong",
        |lie, _| {
            lie.public.chain = Chain([1; 32]);
        },
    ),
    (
        "a counter is another one",
        CheckpointFault::Other,
        "checkpoint_wrong",
        |lie, _| {
            lie.public.counters[0] += 1;
        },
    ),
    (
        "the height is another one",
        CheckpointFault::Other,
        "checkpoint_wrong",
        |lie, _| {
            lie.public.height = Height(0);
        },
    ),
];

/// Whoever may write could otherwise destroy or forge what others wrote, as soon as the relay lets go
/// of it, and nobody would know who it was.
#[test]
fn a_lying_checkpoint_is_refused_and_named_and_nothing_goes_for_it() {
    for (what, fault, reason, alter) in LIES {
        let mut fleet = fleet();
        let mut lie = Lie::new(&mut fleet);
        alter(&mut lie, &mut fleet);
        let seq = lie.tell(&mut fleet, 1);
        let before = fleet.devices[0].records();
        fleet.sync(0);
        assert_eq!(shown(&fleet), [(seq, 1, reason.to_owned())], "{what}");
        let id = fleet.relay.log[usize::try_from(seq - 1).unwrap()].id;
        let bad = Ack::CheckpointBad(id, fault);
        assert_eq!(acks(&fleet, seq), [(0, bad)], "{what}");
        // Said once, and said by one.
        fleet.devices[0].crash();
        fleet.sync(0);
        fleet.sync(2);
        assert_eq!(acks(&fleet, seq), [(0, bad)], "{what}");
        for index in [0, 2] {
            let device = &mut fleet.devices[index];
            let entries = device.space.entries(device.store()).unwrap().len();
            for year in 0..3 {
                let now = year * 366 * 86_400_000;
                device
                    .step(|space, store, _| space.rest_checkpoints(store, now))
                    .unwrap();
            }
            assert_eq!(device.space.entries(device.store()).unwrap().len(), entries);
        }
        assert_eq!(fleet.devices[0].records(), before, "{what}");
        // The next one is an honest one.
        fleet.devices[0].note("after it");
        let Fleet { relay, devices } = &mut fleet;
        let next = publish(&mut devices[0], relay);
        fleet.sync(2);
        let (next_id, devices) = (fleet.relay.log[usize::try_from(next - 1).unwrap()].id, [2]);
        let said: Vec<_> = devices.map(|by| (by, Ack::CheckpointOk(next_id))).into();
        assert_eq!(acks(&fleet, next), said, "{what}");
    }
}

/// Nothing would ever be dropped, or on the word of one person alone.
#[test]
fn a_true_checkpoint_is_confirmed_once_and_by_another_person() {
    let mut fleet = Fleet::of(&[
        (2, Rights::WRITE),
        (1, Rights::ADMIN),
        (2, Rights::WRITE),
        (3, Rights::READ),
    ]);
    fleet.devices[0].note("mine");
    fleet.devices[1].note("theirs");
    fleet.settle();
    let Fleet { relay, devices } = &mut fleet;
    let seq = publish(&mut devices[1], relay);
    // The publisher itself, and another device of the same person.
    fleet.sync(1);
    fleet.sync(3);
    assert_eq!(acks(&fleet, seq), []);
    // Meanwhile the log goes on.
    fleet.devices[0].note("later");
    fleet.sync(0);
    fleet.sync(2);
    fleet.sync(4);
    let id = fleet.relay.log[usize::try_from(seq - 1).unwrap()].id;
    assert_eq!(acks(&fleet, seq), [(0, Ack::CheckpointOk(id))]);
    fleet.settle();
    fleet.assert_agree();
}

/// An honest publisher would be called a liar by whoever holds back what it has, and the other way round.
#[test]
fn what_somebody_holds_back_is_kept_and_no_reason_to_accuse() {
    for (holder, publisher) in [(1, 1), (0, 1)] {
        let mut fleet = Fleet::of(&[(2, Rights::WRITE), (3, Rights::WRITE)]);
        fleet.devices[0].note("mine");
        fleet.settle();
        let sections = held::sections(&fleet, 2, &["first", "second"]);
        let seq = held::write(&mut fleet, 2, &sections[0]);
        held::died_in(&mut fleet, holder, seq, 2);
        held::write(&mut fleet, 2, &sections[1]);
        for index in [0, 1] {
            fleet.sync(index);
        }
        let device = &fleet.devices[holder];
        let held = device.space.quarantined(device.store()).unwrap();
        assert_eq!((held.len(), device.space.waiting()), (1, 1));
        let Fleet { relay, devices } = &mut fleet;
        let at = publish(&mut devices[publisher], relay);
        fleet.sync(0);
        let entry = &fleet.relay.log[usize::try_from(at - 1).unwrap()];
        let kept = CheckpointBody::parse(entry.entry.body())
            .unwrap()
            .public
            .kept;
        let places: Vec<u64> = kept.iter().map(|kept| kept.seq).collect();
        let is_publisher = holder == publisher;
        // What the publisher has not in its documents stays, and who has it says that all is there; who
        // lacks it cannot say.
        assert_eq!(
            places,
            if is_publisher {
                vec![seq, seq + 1]
            } else {
                vec![]
            }
        );
        let ok = Ack::CheckpointOk(entry.id);
        assert_eq!(
            acks(&fleet, at),
            if is_publisher { vec![(0, ok)] } else { vec![] }
        );
        if !is_publisher {
            let client = &mut fleet.devices[0];
            let released = client.step(|space, store, _| space.release(store, (seq, None)));
            assert!(released.unwrap().unwrap().applied);
            client.crash();
            fleet.sync(0);
            assert_eq!(acks(&fleet, at), [(0, ok)]);
        }
    }
}

/// A member could keep a log growing for ever without anybody knowing who it is.
#[test]
fn who_accuses_falsely_is_named() {
    for is_judged_before in [false, true] {
        let mut fleet = fleet();
        let Fleet { relay, devices } = &mut fleet;
        let seq = publish(&mut devices[0], relay);
        let id = fleet.relay.log[usize::try_from(seq - 1).unwrap()].id;
        if is_judged_before {
            fleet.sync(1);
        }
        let bad = Ack::CheckpointBad(id, CheckpointFault::Missing);
        let entry = signed(&fleet, 2, Kind::Ack, |_| bad.to_body());
        let at = append(&mut fleet, entry);
        for index in [0, 1] {
            fleet.sync(index);
            let device = &fleet.devices[index];
            let held = device.space.quarantined(device.store()).unwrap();
            let held: Vec<_> = held
                .into_iter()
                .map(|h| (h.seq, h.device.0, h.reason))
                .collect();
            assert_eq!(held, [(at, 2, "checkpoint_accused".to_owned())], "{index}");
        }
    }
}

/// Who reads of a checkpoint that kills the app could never open it again.
#[test]
fn a_checkpoint_that_kills_the_app_is_looked_at_no_more() {
    let mut fleet = fleet();
    let seq = Lie::new(&mut fleet).tell(&mut fleet, 1);
    fleet.devices[0].pull_all(&fleet.relay);
    for _ in 0..2 {
        let client = &mut fleet.devices[0];
        let (space, store) = (&mut client.space, client.store.as_mut().unwrap());
        space.begin_judging(store).unwrap();
        client.crash();
    }
    fleet.sync(0);
    assert_eq!(shown(&fleet), [(seq, 1, "killed_the_app".to_owned())]);
    assert_eq!(acks(&fleet, seq), []);
    let client = &mut fleet.devices[0];
    let released = client.step(|space, store, _| space.release(store, (seq, None)));
    assert!(released.unwrap().unwrap().applied);
    fleet.sync(0);
    assert_eq!(shown(&fleet), []);
    assert_eq!(acks(&fleet, seq).len(), 1);
}

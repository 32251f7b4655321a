//! Checkpoints that two people have agreed on, and whose snapshots are wrong all the same: nothing wrong
//! comes into a document, and a newcomer reads the log instead.

use waymark_wire::ack::Ack;
use waymark_wire::checkpoint::{ChangesDigest, Checkpoint, CheckpointPrivate};
use waymark_wire::entry::Kind;
use waymark_wire::ids::EntryId;
use waymark_wire::membership::Rights;

use super::bench::{MONTHS, forge, parts_of, published, say, why};
use super::newcomer::written;
use crate::gate::{ActorId, Document, DocumentName};
use crate::space::membership_tests::device::{PLAN, Pushed};
use crate::space::membership_tests::fleet::Fleet;
use crate::space::{SpaceError, StartFault};

const WRITE: Rights = Rights::WRITE;

/// A space with a sound checkpoint, and its parts.
struct Scene {
    fleet: Fleet,
    newcomer: usize,
    public: Checkpoint,
    private: CheckpointPrivate,
}

impl Scene {
    fn set() -> Self {
        let mut fleet = written();
        let newcomer = fleet.add(0, 1, WRITE);
        let away = fleet.devices.remove(newcomer);
        fleet.settle();
        let seq = published(&mut fleet, 0);
        fleet.devices.insert(newcomer, away);
        let (public, private) = parts_of(&fleet, 0, seq);
        Self {
            fleet,
            newcomer,
            public,
            private,
        }
    }

    /// Where the snapshot of a document stands among them.
    fn index_of(&self, name: DocumentName) -> usize {
        let mut documents = self.private.documents.iter();
        let found = documents.position(|of| (of.kind, of.part) == (name.kind, name.part));
        found.unwrap()
    }

    /// Writes a part of a snapshot into the log.
    fn write(&mut self, part: &[u8]) -> EntryId {
        let Fleet { relay, devices } = &mut self.fleet;
        let body = devices[0].sealed(Kind::Snapshot, part);
        let id = devices[0].bring(Kind::Snapshot, &body);
        assert_eq!(devices[0].send(relay, true), Pushed::Taken);
        id
    }

    /// Puts another snapshot in the place of a document's.
    fn replace(&mut self, name: DocumentName, part: &[u8], digest: Option<ChangesDigest>) {
        let id = self.write(part);
        let index = self.index_of(name);
        self.public.snapshots[index] = id;
        if let Some(digest) = digest {
            self.private.documents[index].changes = digest;
        }
    }

    /// The newcomer starts at what was made of it; what comes of it, and the documents that came.
    fn start(&mut self) -> (Result<(), SpaceError>, usize) {
        let text = self.private.to_text();
        self.start_at(&text)
    }

    fn start_at(&mut self, text: &[u8]) -> (Result<(), SpaceError>, usize) {
        let seq = forge(&mut self.fleet, (0, Some(1)), &self.public, text);
        let Fleet { relay, devices } = &mut self.fleet;
        let device = &mut devices[self.newcomer];
        device.start(&relay.offer(seq)).unwrap();
        device.read_on(relay).unwrap();
        let mut count = 0;
        let fetched = loop {
            match device.fetch(relay) {
                Ok(true) => count += 1,
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        (fetched, count)
    }

    /// The newcomer reads the log from its first entry on, and everybody has the same.
    fn recovers(mut self) {
        let Fleet { relay, devices } = &mut self.fleet;
        let device = &mut devices[self.newcomer];
        assert!(device.space.may_read_anew());
        device
            .step(|space, store, entropy| space.read_anew(store, entropy))
            .unwrap();
        assert_eq!(device.space.reads_after().seq, 0);
        loop {
            let (items, receipt, at_end) = relay.whole(device.space.reads_after().seq, 7);
            device
                .step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end, 0))
                .unwrap();
            if at_end {
                break;
            }
        }
        assert_eq!(device.space.still_wanted(), 0);
        device.caught_up = true;
        self.fleet.settle();
        // Who forged it finds that the newcomer calls a good one bad; nobody else holds anything.
        let device = &self.fleet.devices[self.newcomer];
        let held = device.space.quarantined(device.store()).unwrap();
        assert!(
            held.iter()
                .all(|held| held.reason.starts_with("checkpoint"))
        );
        for name in [PLAN, MONTHS[0], MONTHS[1]] {
            let shown = self.fleet.devices[1].records_in(name);
            let newcomer = &mut self.fleet.devices[self.newcomer];
            assert_eq!(newcomer.records_in(name), shown, "{name:?}");
        }
        let newcomer = &mut self.fleet.devices[self.newcomer];
        let records = newcomer.records();
        assert!(newcomer.notes.is_subset(&records));
    }
}

/// A document of the first month by some author, as a snapshot, with its digest.
fn invented(author: ActorId) -> (Vec<u8>, ChangesDigest) {
    let mut document = Document::new(author);
    document.put_record(b"never said").unwrap();
    let parts = document.to_snapshot(MONTHS[0], &|_, _| true).unwrap();
    let digest = document.digest(&|_, _| true).unwrap();
    (parts[0].clone(), ChangesDigest(digest.0))
}

/// Two who agree could give a newcomer half of a document, or another one.
#[test]
fn a_snapshot_that_is_not_what_is_stated_is_refused_and_the_log_is_read() {
    type Lie<'l> = &'l dyn Fn(&mut Scene);
    let cases: [(&str, Lie<'_>); 9] = [
        ("digest", &|scene| {
            let index = scene.index_of(MONTHS[0]);
            scene.private.documents[index].changes = ChangesDigest([3; 32]);
        }),
        ("another document's", &|scene| {
            let (one, other) = (scene.index_of(MONTHS[0]), scene.index_of(PLAN));
            scene.public.snapshots.swap(one, other);
        }),
        ("never a member", &|scene| {
            let (part, digest) = invented(ActorId([9; 16]));
            scene.replace(MONTHS[0], &part, Some(digest));
        }),
        ("changes less", &|scene| {
            let own = scene.fleet.devices[0].space.actor();
            let (part, _) = invented(own);
            scene.replace(MONTHS[0], &part, None);
        }),
        ("noise", &|scene| scene.replace(MONTHS[0], &[7; 900], None)),
        ("a bomb", &|scene| {
            // A part that says to unpack to very much.
            let mut part = vec![0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 1];
            part.extend(bomb());
            scene.replace(MONTHS[0], &part, None);
        }),
        ("more pieces than there are", &|scene| {
            let index = scene.index_of(MONTHS[0]);
            scene.private.documents[index].pieces = 2;
        }),
        ("twice one document", &|scene| {
            let (one, other) = (scene.index_of(MONTHS[0]), scene.index_of(PLAN));
            let of = scene.private.documents[other];
            scene.private.documents[one] = of;
        }),
        ("a batch", &|scene| {
            let batch = scene.fleet.relay.log.iter();
            let mut batch = batch.filter(|s| s.entry.header().kind == Kind::Batch);
            let id = batch.next().unwrap().id;
            let index = scene.index_of(MONTHS[0]);
            scene.public.snapshots[index] = id;
        }),
    ];
    for (what, alter) in cases {
        let mut scene = Scene::set();
        alter(&mut scene);
        let (came, _) = scene.start();
        let fault = why(came);
        let expected = match what {
            "digest" | "changes less" => matches!(fault, StartFault::Digest),
            "more pieces than there are" | "twice one document" => {
                matches!(fault, StartFault::Private)
            }
            "a batch" => matches!(fault, StartFault::Body),
            _ => matches!(fault, StartFault::Refused(_)),
        };
        assert!(expected, "{what}: {fault}");
        let device = &mut scene.fleet.devices[scene.newcomer];
        let store = device.store.as_ref().unwrap();
        let read = device.space.document(store, MONTHS[0]).map(drop);
        assert_eq!(read, Err(SpaceError::OnItsWay), "{what}");
        scene.recovers();
    }
}

/// Zeros, packed as tightly as they can be.
fn bomb() -> Vec<u8> {
    use std::io::Write;

    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 64 * 1024 * 1024]).unwrap();
    packer.finish().unwrap()
}

/// A private part that nobody can read would leave a newcomer without anything.
#[test]
fn a_private_part_that_cannot_be_read_is_refused() {
    let mut scene = Scene::set();
    let (came, taken) = scene.start_at(&[0xff; 300]);
    assert_eq!((why(came), taken), (StartFault::Private, 0));
    scene.recovers();
}

/// A relay that lost snapshots, or keeps them back, must not leave a device half and silent.
#[test]
fn snapshots_that_the_relay_does_not_have_are_missed() {
    let mut scene = Scene::set();
    scene.public.snapshots[1] = EntryId([6; 32]);
    let (came, _) = scene.start();
    assert_eq!(why(came), StartFault::Missing(1));
    // It may have them later.
    let device = &mut scene.fleet.devices[scene.newcomer];
    device.space.forgive_start();
    assert_eq!(device.space.start_fault(), None);
    assert_eq!(
        why(device.fetch(&scene.fleet.relay).map(drop)),
        StartFault::Missing(1)
    );
    scene.recovers();
}

/// What was logged while it came must not go with it.
#[test]
fn what_was_written_meanwhile_is_kept_when_the_log_is_read_instead() {
    let mut scene = Scene::set();
    let index = scene.index_of(MONTHS[1]);
    scene.private.documents[index].changes = ChangesDigest([3; 32]);
    let (came, taken) = scene.start();
    assert_eq!((why(came), taken), (StartFault::Digest, 2));
    let Fleet { relay, devices } = &mut scene.fleet;
    let device = &mut devices[scene.newcomer];
    device.note("written meanwhile");
    device.push(relay);
    device.pull_all(relay);
    device.note_in(MONTHS[0], "not sent");
    device.note_in(MONTHS[1], "where nothing came");
    let newcomer = scene.newcomer;
    let mut scene = scene;
    scene.fleet.devices[newcomer].caught_up = false;
    scene.recovers();
}

/// A snapshot that ends the process must not do so at every start.
#[test]
fn what_has_ended_the_app_twice_is_not_begun_again() {
    let mut scene = Scene::set();
    let seq = forge(
        &mut scene.fleet,
        (0, Some(1)),
        &scene.public,
        &scene.private.to_text(),
    );
    let Fleet { relay, devices } = &mut scene.fleet;
    let device = &mut devices[scene.newcomer];
    device.start(&relay.offer(seq)).unwrap();
    device.read_on(relay).unwrap();
    for _ in 0..2 {
        device
            .step(|space, store, _| space.begin_document(store, PLAN))
            .unwrap();
        device.crash();
    }
    assert_eq!(why(device.fetch(relay).map(drop)), StartFault::Killed);
    device.crash();
    assert_eq!(why(device.fetch(relay).map(drop)), StartFault::Killed);
    scene.recovers();
}

/// Somebody who has been away has everything that it had, whatever comes.
#[test]
fn a_bad_checkpoint_takes_nothing_from_who_was_here_before() {
    let mut scene = Scene::set();
    let index = scene.index_of(MONTHS[0]);
    let public = scene.public.clone();
    scene.private.documents[index].changes = ChangesDigest([3; 32]);
    let away = scene.fleet.add(0, 1, WRITE);
    scene.fleet.sync(away);
    scene.fleet.devices[away].note_in(MONTHS[0], "unsent");
    let before = scene.fleet.devices[away].records_in(MONTHS[0]);
    let mut next = public;
    // It reaches further than this device has read.
    scene.fleet.devices[0].note("later");
    scene.fleet.sync(0);
    let cursor = *scene.fleet.devices[0].space.cursor();
    next.seq = cursor.seq;
    next.chain = cursor.chain;
    next.height = scene.fleet.membership().height();
    next.counters
        .clone_from(&scene.fleet.devices[0].space.state.counters);
    next.counters
        .resize(scene.fleet.membership().everybody().len(), 0);
    let seq = forge(&mut scene.fleet, (0, None), &next, &scene.private.to_text());
    let id = scene.fleet.relay.log[usize::try_from(seq - 1).unwrap()].id;
    say(&mut scene.fleet, 1, Ack::CheckpointOk(id));
    let Fleet { relay, devices } = &mut scene.fleet;
    let device = &mut devices[away];
    device.start(&relay.offer(seq)).unwrap();
    device.read_on(relay).unwrap();
    let fault = loop {
        match device.fetch(relay) {
            Ok(true) => {}
            other => break why(other.map(drop)),
        }
    };
    assert_eq!(fault, StartFault::Digest);
    assert!(!device.space.may_read_anew());
    assert_eq!(device.records_in(MONTHS[0]), before);
    assert!(device.space.holds_back());
}

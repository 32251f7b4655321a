//! Checkpoints as devices bring them into the log.

use waymark_wire::checkpoint::{Checkpoint, CheckpointBody, CheckpointPrivate};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::Height;
use waymark_wire::membership::Rights;
use waymark_wire::padding;

use super::device::{Device, PLAN};
use super::fleet::Fleet;
use super::relay::Relay;
use crate::crypto::open;
use crate::gate::{PartHeader, inspect_snapshot};
use crate::membership::Wish;
use crate::space::Published;

/// Publishes step by step until the relay has the checkpoint, and gives its place in the log.
pub(super) fn publish(device: &mut Device, relay: &mut Relay) -> u64 {
    for _ in 0..50 {
        device.sync(relay);
        let step = device.step(|space, store, entropy| space.publish_checkpoint(store, entropy));
        match step.unwrap() {
            Published::Checkpoint(id) => {
                device.sync(relay);
                let place = relay.log.iter().position(|stored| stored.id == id);
                return u64::try_from(place.unwrap()).unwrap() + 1;
            }
            Published::Nothing => panic!("it cannot publish"),
            Published::Snapshots | Published::Waits => {}
        }
    }
    panic!("it never comes to an end");
}

/// What an entry that is sealed like a batch says.
pub(super) fn text_of(fleet: &Fleet, by: usize, entry: &Entry, sealed: &[u8]) -> Vec<u8> {
    let header = entry.header();
    let book = fleet.devices[by].space.book().unwrap();
    let key = book.key_at(header.height).unwrap();
    let at = book.membership().id_at(header.height).unwrap();
    let space = fleet.devices[by].space.id();
    let text = open(key, &space.0, &at.0, &header.to_bytes(), sealed.to_vec()).unwrap();
    padding::unpad(&text).unwrap().to_vec()
}

/// The parts of the checkpoint at a place.
pub(super) fn checkpoint_at(fleet: &Fleet, seq: u64) -> (Checkpoint, CheckpointPrivate) {
    let entry = &fleet.relay.log[usize::try_from(seq - 1).unwrap()].entry;
    let body = CheckpointBody::parse(entry.body()).unwrap();
    let text = text_of(fleet, 0, entry, body.private);
    let private = CheckpointPrivate::parse(&text, body.public.snapshots.len()).unwrap();
    (body.public, private)
}

/// A newcomer would start with less than the log says, or with what nobody has said yet; what was
/// written meanwhile would be missing or twice.
#[test]
fn a_checkpoint_says_what_the_log_says_up_to_its_place() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    for round in 0..5 {
        fleet.devices[0].note(&format!("client {round}"));
        fleet.devices[1].note(&format!("therapist {round}"));
        fleet.settle();
    }
    let end = fleet.relay.log.len() as u64;
    let Fleet { relay, devices } = &mut fleet;
    let [client, therapist] = devices.as_mut_slice() else {
        unreachable!()
    };
    let device = &mut client.space;
    let store = client.store.as_ref().unwrap();
    let heads = device.document(store, PLAN).unwrap().heads();
    // Not sent when it is planned, and sent before it is published.
    let step = client.step(|space, store, entropy| space.publish_checkpoint(store, entropy));
    assert_eq!(step.unwrap(), Published::Snapshots);
    client.note("client, later");
    therapist.note("therapist, later");
    therapist.sync(relay);
    let seq = publish(client, relay);

    let (public, private) = checkpoint_at(&fleet, seq);
    assert_eq!(public.seq, end);
    let log = fleet.relay.log.iter().take(usize::try_from(end).unwrap());
    let counters = [0_u16, 1].map(|device| {
        let own = log.clone().filter(|s| s.entry.header().device.0 == device);
        u32::try_from(own.count()).unwrap()
    });
    assert_eq!(
        (public.counters, public.height),
        (counters.to_vec(), Height(1))
    );
    assert_eq!(private.documents.len(), 1);
    let snapshot = fleet.relay.log.iter().find(|s| s.id == public.snapshots[0]);
    let entry = &snapshot.unwrap().entry;
    assert_eq!(entry.header().kind, Kind::Snapshot);
    let part = text_of(&fleet, 0, entry, entry.body());
    assert_eq!(PartHeader::of(&part).unwrap().name, PLAN);
    let summary = inspect_snapshot(PLAN, &|_| true, &[&part]).unwrap();
    assert_eq!(summary.digest.0, private.documents[0].changes.0);
    assert_eq!(summary.changes, 10);
    let author = fleet.devices[0].space.actor();
    let loaded = crate::gate::Document::from_snapshot(author, PLAN, &|_| true, &[&part]).unwrap();
    assert_eq!(loaded.heads(), heads);
    fleet.settle();
    fleet.assert_agree();
}

/// A counter that nobody uses, or that stands twice, would end this device's membership.
#[test]
fn a_new_epoch_takes_back_what_was_sealed_under_the_old_one() {
    for sent in [false, true] {
        let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
        fleet.devices[1].note("first");
        fleet.settle();
        let writer = &mut fleet.devices[1];
        let step = writer.step(|space, store, entropy| space.publish_checkpoint(store, entropy));
        assert_eq!(step.unwrap(), Published::Snapshots);
        writer.note("behind it");
        if sent {
            // The relay has it, and the answer is lost.
            writer.prepare();
            writer.send(&mut fleet.relay, false);
        }
        fleet.wish(0, Wish::Rotate);
        fleet.sync(0);
        fleet.sync(1);
        let device = &mut fleet.devices[1];
        publish(device, &mut fleet.relay);
        fleet.devices[1].note("after it");
        fleet.settle();
        fleet.assert_agree();
    }
}

/// What was taken back and stands in the log all the same, with what stood behind it or without, must not
/// end a membership.
#[test]
fn what_was_taken_back_and_comes_all_the_same_is_known() {
    for sent in [1, 2] {
        let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
        fleet.devices[1].note("first");
        fleet.settle();
        let writer = &mut fleet.devices[1];
        writer
            .step(|space, store, entropy| space.publish_checkpoint(store, entropy))
            .unwrap();
        writer.note("behind it");
        writer.prepare();
        let on_its_way = writer.space.outbox(writer.store()).unwrap();
        assert_eq!(on_its_way.len(), 2);
        let taken_back =
            writer.step(|space, store, entropy| space.take_back_checkpoint(store, entropy));
        assert!(taken_back.unwrap());
        let sealed = on_its_way.into_iter().take(sent);
        let entries: Vec<Entry> = sealed.map(|sealed| sealed.entry).collect();
        assert_eq!(fleet.relay.append(&entries, &[]), Ok(()));
        fleet.settle();
        fleet.devices[1].note("after it");
        fleet.settle();
        fleet.assert_agree();
        let kinds = fleet.relay.log.iter().map(|s| s.entry.header().kind);
        let count = |of: Kind| kinds.clone().filter(|kind| *kind == of).count();
        // What was sent in one form is not sent in another.
        assert_eq!(
            (count(Kind::Snapshot), count(Kind::Batch)),
            (1, 3),
            "{sent}"
        );
    }
}

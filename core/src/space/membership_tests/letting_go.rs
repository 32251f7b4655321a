//! When a device publishes, and when it lets go of what a checkpoint covers.

use waymark_wire::checkpoint::{CheckpointBody, REST, SILENCE};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::EntryId;
use waymark_wire::membership::Rights;

use super::checkpoints::publish;
use super::device::{Device, PLAN};
use super::fleet::Fleet;
use crate::gate::DocumentName;
use crate::space::{Published, SpaceError};

pub(super) const START: i64 = 1_777_636_800_000;
const JOURNAL: DocumentName = DocumentName { kind: 2, part: 1 };

pub(super) fn look(device: &mut Device, now: i64) {
    device
        .step(|space, store, _| space.rest_checkpoints(store, now))
        .unwrap();
}

fn entries(device: &Device) -> Vec<Entry> {
    device.space.entries(device.store()).unwrap()
}

/// What a checkpoint in the log names.
fn snapshots(fleet: &Fleet, seq: u64) -> Vec<EntryId> {
    let stored = &fleet.relay.log[usize::try_from(seq - 1).unwrap()];
    let body = CheckpointBody::parse(stored.entry.body()).unwrap();
    body.public.snapshots
}

fn write_in(device: &mut Device, name: DocumentName, text: &str) {
    device
        .step(|space, store, _| {
            space.edit(store, name, |document| {
                Ok(document.put_record(text.as_bytes())?.into_iter().collect())
            })
        })
        .unwrap();
}

/// One step as a sync of the app's takes it.
fn tend(device: &mut Device, most: u64) -> Published {
    device
        .step(|space, store, entropy| space.tend_checkpoint(store, most, entropy))
        .unwrap()
}

/// A client, a therapist and a reader, and a checkpoint that covers all but its own entries.
pub(super) fn covered() -> (Fleet, u64) {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE), (3, Rights::READ)]);
    for round in 0..4 {
        fleet.devices[0].note(&format!("client {round}"));
        fleet.devices[1].note(&format!("therapist {round}"));
        fleet.settle();
    }
    let end = u64::try_from(fleet.relay.log.len()).unwrap();
    let Fleet { relay, devices } = &mut fleet;
    publish(&mut devices[0], relay);
    (fleet, end)
}

/// A relay that lost its log gets it back from what devices keep: whoever let go too early would be the
/// reason that words of others are gone.
#[test]
fn entries_go_after_quorum_and_rest_alone() {
    let (mut fleet, end) = covered();
    // It has come and nobody has said anything.
    fleet.devices[2].pull_all(&fleet.relay);
    let whole = entries(&fleet.devices[2]).len();
    for (now, goes) in [
        (START, false),
        (START + REST, false),
        (START + SILENCE + REST - 1, false),
    ] {
        look(&mut fleet.devices[2], now);
        assert_eq!(entries(&fleet.devices[2]).len() < whole, goes, "{now}");
    }
    fleet.settle();
    let whole = entries(&fleet.devices[1]).len();
    for now in [START, START + REST - 1] {
        look(&mut fleet.devices[1], now);
        assert_eq!(entries(&fleet.devices[1]).len(), whole);
    }
    // A clock that was set back has it begin anew.
    look(&mut fleet.devices[1], START - 1);
    look(&mut fleet.devices[1], START + REST - 2);
    assert_eq!(entries(&fleet.devices[1]).len(), whole);
    look(&mut fleet.devices[1], START + REST - 1);
    let kept = entries(&fleet.devices[1]);
    let is_membership = |entry: &&Entry| entry.header().kind == Kind::Membership;
    let members = kept.iter().filter(is_membership).count();
    let tail = fleet.relay.log.len() - usize::try_from(end).unwrap();
    assert_eq!((members, kept.len()), (3, 3 + tail));
    assert!(!fleet.devices[1].space.has_all_after(end - 1));
    assert!(fleet.devices[1].space.has_all_after(end));
    // Whoever leads the space keeps all of it.
    look(&mut fleet.devices[0], START);
    look(&mut fleet.devices[0], START + 10 * SILENCE);
    assert_eq!(entries(&fleet.devices[0]).len(), fleet.relay.log.len());
}

/// A device that has let go would be at an end: it could neither go on nor go back with its relay.
#[test]
fn who_has_let_go_goes_on_and_goes_back_with_its_relay() {
    let (mut fleet, end) = covered();
    fleet.settle();
    let therapist = &mut fleet.devices[1];
    look(therapist, START);
    look(therapist, START + REST);
    assert!(!therapist.space.has_all_after(end - 1));
    therapist.crash();
    therapist.note("afterwards");
    fleet.settle();
    fleet.devices[0].note("and so on");
    fleet.settle();
    fleet.assert_agree();
    let therapist = &mut fleet.devices[1];
    let named = therapist.space.earlier(therapist.store(), None).unwrap();
    assert!(named.iter().all(|place| place.seq >= end), "{named:?}");
    assert!(named.iter().any(|place| place.seq == end));
    let returned = therapist
        .space
        .returned_after(therapist.store(), end)
        .unwrap();
    let tail = fleet.relay.log.iter().skip(usize::try_from(end).unwrap());
    assert!(returned.entries.iter().eq(tail.map(|stored| &stored.entry)));
    let store = therapist.store.as_mut().unwrap();
    let further = therapist.space.rewind(store, end - 1);
    assert!(matches!(further, Err(SpaceError::NotAllowed(_))));
    therapist.space.rewind(store, end + 1).unwrap();
    therapist.caught_up = false;
    therapist.crash();
    fleet.settle();
    fleet.assert_agree();
}

/// Somebody's word that a relay lost would still let entries go here, and this device's own would never be
/// said again.
#[test]
fn what_was_said_behind_the_place_to_which_a_device_goes_back_counts_no_more() {
    let (mut fleet, _) = covered();
    let before = u64::try_from(fleet.relay.log.len()).unwrap();
    fleet.settle();
    let acks = |fleet: &Fleet| {
        let kinds = fleet.relay.log.iter().map(|s| s.entry.header().kind);
        kinds.filter(|kind| *kind == Kind::Ack).count()
    };
    assert_eq!(acks(&fleet), 1);
    fleet.relay.lose_after(before);
    for device in &mut fleet.devices {
        let store = device.store.as_mut().unwrap();
        device.space.rewind(store, before).unwrap();
        device.caught_up = false;
        look(device, START);
        look(device, START + REST);
        assert!(device.space.has_all_after(0));
        let store = device.store.as_mut().unwrap();
        while device.space.has_lost() {
            device
                .space
                .take_up_lost(store, &mut device.entropy)
                .unwrap();
        }
    }
    fleet.settle();
    assert_eq!(acks(&fleet), 1);
    fleet.assert_agree();
}

/// Every phone of a space would publish at once, or none ever.
#[test]
fn who_finds_anothers_checkpoint_does_not_publish() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    for round in 0..3 {
        fleet.devices[0].note(&format!("{round}"));
        fleet.settle();
    }
    for index in [0, 1] {
        assert_eq!(tend(&mut fleet.devices[index], 3), Published::Nothing);
    }
    fleet.devices[1].note("one more");
    fleet.settle();
    assert_eq!(tend(&mut fleet.devices[0], 3), Published::Snapshots);
    fleet.sync(0);
    // The other one sees that it has begun, and waits; it reads on while the first goes on.
    fleet.sync(1);
    assert_eq!(tend(&mut fleet.devices[1], 3), Published::Nothing);
    assert!(matches!(
        tend(&mut fleet.devices[0], 3),
        Published::Checkpoint(_)
    ));
    fleet.settle();
    for index in [0, 1] {
        assert_eq!(tend(&mut fleet.devices[index], 3), Published::Nothing);
    }
    // One that began nevertheless gives it up where the other was faster.
    for round in 0..9 {
        fleet.devices[0].note(&format!("again {round}"));
        fleet.sync(0);
    }
    fleet.settle();
    assert_eq!(tend(&mut fleet.devices[0], 3), Published::Snapshots);
    assert_eq!(tend(&mut fleet.devices[1], 3), Published::Snapshots);
    fleet.settle();
    assert!(matches!(
        tend(&mut fleet.devices[1], 3),
        Published::Checkpoint(_)
    ));
    fleet.settle();
    assert_eq!(tend(&mut fleet.devices[0], 3), Published::Nothing);
    let kinds = fleet.relay.log.iter().map(|s| s.entry.header().kind);
    assert_eq!(kinds.filter(|kind| *kind == Kind::Checkpoint).count(), 2);
    fleet.assert_agree();
}

/// Each checkpoint would write years of diaries once more.
#[test]
fn documents_that_nobody_changed_point_to_their_old_snapshots() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    fleet.devices[0].note("the plan");
    write_in(&mut fleet.devices[0], JOURNAL, "this month");
    fleet.settle();
    let Fleet { relay, devices } = &mut fleet;
    let first = publish(&mut devices[0], relay);
    fleet.settle();
    fleet.devices[1].note("the plan, later");
    fleet.settle();
    // The other one compared the first and may build on it.
    for by in [1, 0] {
        let Fleet { relay, devices } = &mut fleet;
        let next = publish(&mut devices[by], relay);
        fleet.settle();
        let (before, now) = (snapshots(&fleet, first), snapshots(&fleet, next));
        assert_eq!(before.len(), 2);
        assert_eq!(now.len(), 2);
        let common = now.iter().filter(|id| before.contains(id)).count();
        assert_eq!(common, 1, "{by}");
    }
    let acks = fleet.relay.log.iter().map(|s| s.entry.header().kind);
    assert_eq!(acks.filter(|kind| *kind == Kind::Ack).count(), 3);
    fleet.assert_agree();
    let client = &mut fleet.devices[0];
    let store = client.store.as_ref().unwrap();
    assert_eq!(
        client
            .space
            .document(store, PLAN)
            .unwrap()
            .records()
            .count(),
        2
    );
}

/// A disk that is full, or a phone that dies, at any step would cost a membership or the checkpoint.
#[test]
fn publishing_and_comparing_survive_every_death() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    for device in &mut fleet.devices {
        device.is_rough = true;
    }
    for round in 0..3 {
        fleet.devices[0].note(&format!("client {round}"));
        fleet.devices[1].note(&format!("therapist {round}"));
        write_in(&mut fleet.devices[0], JOURNAL, &format!("day {round}"));
        fleet.settle();
        let Fleet { relay, devices } = &mut fleet;
        publish(&mut devices[round % 2], relay);
        fleet.settle();
        let now = START + REST * 2 * i64::try_from(round).unwrap();
        for device in &mut fleet.devices {
            look(device, now);
            look(device, now + REST);
        }
    }
    let kinds = fleet.relay.log.iter().map(|s| s.entry.header().kind);
    assert_eq!(kinds.filter(|kind| *kind == Kind::Checkpoint).count(), 3);
    assert!(entries(&fleet.devices[1]).len() < fleet.relay.log.len());
    fleet.devices[1].note("at the end");
    fleet.settle();
    fleet.assert_agree();
}

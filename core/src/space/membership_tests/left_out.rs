//! Keys that did not come with their entries, where no member can hand them out any more: the relay has
//! them, and is asked for them once more.

use waymark_wire::ids::{AttachmentHash, Height};
use waymark_wire::membership::Rights;

use super::device::{Device, new_member};
use super::fleet::{Fleet, keys_of};
use crate::membership::{NewMember, Newcomer, Use, Wish};
use crate::space::Space;
use crate::store::{Store, Transaction};

const WRITE: Rights = Rights::WRITE;

/// Has the first device make a reserve, and another device of its person read with that; says which
/// one that is.
fn enrol(fleet: &mut Fleet) -> usize {
    let (seed, reserve) = (9, keys_of(9));
    let member = NewMember {
        used_as: Some(Use::Reserve),
        ..new_member(1, &reserve, Rights::ADMIN)
    };
    let key = member.keys.signing_key;
    fleet.wish(0, Wish::Add(member));
    fleet.settle();
    let welcome = fleet.devices[0].space.welcome(&key).unwrap();
    let own = keys_of(seed + 1);
    let device = Device::new(seed, 1, |store, _| {
        let mut transaction = Transaction::new();
        Space::join_with(&mut transaction, 0, &welcome, &reserve, &own);
        let newcomer = Newcomer {
            name: "person 1".into(),
            device_name: "tablet".into(),
            level: 1,
            since: 0,
        };
        Space::wish_to_enrol(&mut transaction, 0, newcomer);
        store.commit(transaction.into()).unwrap();
    });
    fleet.devices.push(device);
    fleet.devices.len() - 1
}

fn misses_key(device: &Device) -> bool {
    device.space.misses_key()
}

/// Reads the membership once more for what it names, as the machine does where a key is missed.
fn ask_for_keys(fleet: &mut Fleet, device: usize) {
    let Fleet { relay, devices } = fleet;
    let device = &mut devices[device];
    assert!(misses_key(device));
    let (items, ..) = relay.page(device.number(), 0, usize::MAX).unwrap();
    let taken = device.step(|space, store, _| space.take_left_out(store, &items));
    assert!(taken.unwrap());
    assert!(!misses_key(device));
    // It is kept, and opens what waited, though nothing more comes.
    device.crash();
    device.pull_all(relay);
}

/// A fleet in which the second device has read that the key was replaced, and has not got it; with what
/// the relay left out.
fn left_out() -> (Fleet, Vec<u8>) {
    let mut fleet = Fleet::of(&[(2, WRITE), (3, WRITE)]);
    fleet.devices[0].note("before");
    fleet.settle();
    fleet.wish(0, Wish::Rotate);
    fleet.sync(0);
    let rotated = fleet.membership().epoch_start();
    let left_out = take_from_relay(&mut fleet, rotated, 1);
    fleet.devices[1].pull_all(&fleet.relay);
    (fleet, left_out)
}

/// Has the relay leave out what the entry at a height hands a device.
fn take_from_relay(fleet: &mut Fleet, height: Height, device: usize) -> Vec<u8> {
    let number = fleet.number(device);
    let sealed = fleet.relay.sealed_key(height, number);
    let mut ever = fleet.relay.ever.iter();
    let is_it = |bytes: &&Vec<u8>| Some(AttachmentHash::of(bytes)) == sealed;
    let bytes = ever.find(is_it).unwrap().clone();
    fleet.relay.lose_sealed_key(height, number);
    bytes
}

/// A second phone that was set up just before the plan was closed would show nothing of it, ever: what
/// it gets is meant for the one whose keys it had borrowed.
#[test]
fn who_becomes_itself_in_the_page_that_closes_the_space_reads_it() {
    for limit in [1, 2, 1000] {
        let mut fleet = Fleet::of(&[(2, WRITE)]);
        let new = enrol(&mut fleet);
        fleet.devices[0].note("before");
        fleet.sync(0);
        let borrowed = fleet.number(new);
        fleet.devices[new].pull_all(&fleet.relay);
        fleet.devices[new].prepare();
        fleet.devices[new].send(&mut fleet.relay, false);
        // Meanwhile the key is replaced and the plan closed.
        fleet.sync(0);
        fleet.wish(0, Wish::Rotate);
        fleet.sync(0);
        fleet.devices[0].note("after");
        fleet.sync(0);
        fleet.wish(0, Wish::Close(None));
        fleet.sync(0);
        // One answer, which goes on as it was asked for.
        let Fleet { relay, devices } = &mut fleet;
        let device = &mut devices[new];
        loop {
            let from = device.space.cursor().seq;
            let (items, receipt, at_end) = relay.page(borrowed, from, limit).unwrap();
            device
                .step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end, 0))
                .unwrap();
            if at_end {
                break;
            }
        }
        assert_ne!(device.number(), borrowed);
        assert!(device.space.is_closed() && !device.space.holds_key());
        ask_for_keys(&mut fleet, new);
        let records = fleet.devices[new].records();
        assert_eq!(records, fleet.devices[0].records());
        assert_eq!(records.len(), 2);
    }
}

/// Where an answer is left out of a page behind which there is more, nobody answers again.
#[test]
fn an_answer_that_was_left_out_and_passed_is_asked_of_the_relay() {
    let (mut fleet, _) = left_out();
    fleet.devices[1].prepare();
    fleet.sync(1);
    fleet.sync(0);
    let answered = fleet.membership().height();
    let left_out = take_from_relay(&mut fleet, answered, 1);
    fleet.devices[0].note("behind it");
    fleet.sync(0);
    while !fleet.devices[1].pull(&fleet.relay, 1).unwrap() {}
    fleet.relay.find(left_out);
    ask_for_keys(&mut fleet, 1);
    fleet.settle();
    fleet.assert_agree();
}

/// Whoever replaced the key was put back to before that, and nobody else had got it: who asks for it would
/// wait for ever.
#[test]
fn a_key_that_those_who_were_asked_do_not_hand_out_is_asked_of_the_relay() {
    let (mut fleet, left_out) = left_out();
    assert!(!misses_key(&fleet.devices[1]), "the others are asked first");
    fleet.devices[1].prepare();
    fleet.sync(1);
    fleet.relay.find(left_out);
    ask_for_keys(&mut fleet, 1);
    fleet.settle();
    fleet.assert_agree();
}

/// Whoever asked the others for a key, and had no answer before the plan was closed, would never read
/// the end of it.
#[test]
fn a_key_that_nobody_can_hand_out_any_more_is_asked_of_the_relay() {
    let (mut fleet, left_out) = left_out();
    assert!(!misses_key(&fleet.devices[1]), "the others can help");
    fleet.devices[1].prepare();
    fleet.devices[0].note("after");
    fleet.sync(0);
    fleet.wish(0, Wish::Close(None));
    fleet.sync(0);
    fleet.devices[1].pull_all(&fleet.relay);
    assert!(fleet.devices[1].space.is_closed());
    fleet.relay.find(left_out);
    ask_for_keys(&mut fleet, 1);
    let records = fleet.devices[1].records();
    assert_eq!(records, fleet.devices[0].records());
    assert_eq!(records.len(), 2);
}

/// Whoever replaced the key has left, and with that nobody holds it: who was to get it could not even
/// replace it again, and a client would be locked out of the own plan.
#[test]
fn a_key_whose_only_holder_has_left_is_asked_of_the_relay() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[0].note("before");
    fleet.settle();
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    let rotated = fleet.membership().epoch_start();
    let left_out = take_from_relay(&mut fleet, rotated, 0);
    fleet.devices[1].note("after");
    fleet.sync(1);
    fleet.wish(1, Wish::Leave);
    fleet.sync(1);
    // One entry at a time: the page that leaves the key out is taken before it is known that nobody is
    // left who could be asked.
    while !fleet.devices[0].pull(&fleet.relay, 1).unwrap() {}
    fleet.devices[0].note("meanwhile");
    fleet.sync(0);
    assert!(fleet.membership().is_rotation_due());
    fleet.relay.find(left_out);
    ask_for_keys(&mut fleet, 0);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.devices[0].records().len(), 3);
}

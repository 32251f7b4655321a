//! A device that was restored from a backup, more than once: each time it gives up keys, and what it
//! wrote under all of them is written once more.

use waymark_wire::entry::Kind;
use waymark_wire::membership::Rights;

use super::checkpoints;
use super::device::{Device, Pushed};
use super::fleet::Fleet;
use super::forgetting::{CANARY, TEXT, forget, gone};
use super::relay::Relay;
use crate::crypto::SeededEntropy;
use crate::space::SpaceError;
use crate::store::Transaction;

const WRITE: Rights = Rights::WRITE;

/// Reads as one who takes what its keys signed like anybody's.
fn read(device: &mut Device, relay: &Relay) -> Result<(), SpaceError> {
    let (items, receipt, _) = relay.whole(device.space.cursor().seq, usize::MAX);
    device.step(|space, store, _| space.receive(store, items.clone(), &receipt, true, 0))?;
    device.caught_up = true;
    Ok(())
}

/// Finds out that it is a copy, and gives up its keys.
pub(super) fn give_up(device: &mut Device, relay: &Relay) {
    let found = read(device, relay);
    assert!(matches!(found, Err(SpaceError::Restored { .. })));
    renounce(device);
}

fn renounce(device: &mut Device) {
    let given_up = device.step(|space, store, entropy| {
        let mut transaction = Transaction::new();
        space.renounce(store, &mut transaction, entropy)?;
        Ok(store.commit(transaction.into())?)
    });
    given_up.unwrap();
    device.crash();
    assert!(device.space.is_enrolling());
}

/// Becomes a member with keys of its own, and sends what waited for that.
pub(super) fn become_a_member(device: &mut Device, relay: &mut Relay) {
    read(device, relay).unwrap();
    assert_eq!(device.push(relay), Pushed::Taken);
    read(device, relay).unwrap();
    assert!(!device.space.is_enrolling());
    device.sync(relay);
}

/// A client, and a phone that has gone on since it was copied.
fn with_a_copy() -> (Fleet, Device) {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[1].note("sent");
    fleet.settle();
    let copy = fleet.devices[1].copy();
    fleet.devices[1].note("of the first");
    fleet.settle();
    (fleet, copy)
}

/// Words of a phone that was restored twice would stand on something that was never sent: nobody else
/// would see them, and nothing that it writes after them.
#[test]
fn what_was_written_under_keys_that_were_given_up_twice_is_sent() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    for text in ["one", "two", "three"] {
        fleet.devices[1].note(text);
    }
    fleet.settle();
    let mut copy = fleet.devices[1].copy();
    fleet.devices[1].note("of the first");
    fleet.settle();
    copy.note("of the copy");
    give_up(&mut copy, &fleet.relay);
    copy.note("under its new keys");
    // It is backed up, goes on, and is put back to that.
    let mut again = copy.copy();
    again.entropy = SeededEntropy::new([0x78; 32]);
    become_a_member(&mut copy, &mut fleet.relay);
    give_up(&mut again, &fleet.relay);
    become_a_member(&mut again, &mut fleet.relay);
    again.note("and on");
    again.sync(&mut fleet.relay);
    fleet.settle();
    let first = &mut fleet.devices[0];
    assert_eq!(first.space.waiting(), 0);
    let records = first.records();
    assert_eq!(records.len(), 7);
    again.pull_all(&fleet.relay);
    assert_eq!(again.records(), records);
}

/// A phone that is put back to the moment in which it was welcomed would have to be invited anew, and
/// what was written on it meanwhile would stay there.
#[test]
fn a_copy_from_before_it_read_anything_comes_in() {
    let mut fleet = Fleet::of(&[]);
    let new = fleet.add(0, 2, WRITE);
    fleet.devices[new].note("before it read");
    let mut copy = fleet.devices[new].copy();
    fleet.settle();
    fleet.devices[new].note("of the first");
    fleet.settle();
    copy.note("of the copy");
    give_up(&mut copy, &fleet.relay);
    become_a_member(&mut copy, &mut fleet.relay);
    fleet.settle();
    let records = fleet.devices[0].records();
    assert_eq!(records.len(), 3);
    copy.pull_all(&fleet.relay);
    assert_eq!(copy.records(), records);
    let book = fleet.devices[0].space.book().unwrap();
    let names = [fleet.number(new), copy.number()].map(|number| book.roster(number).cloned());
    let [first, second] = names.map(Option::unwrap);
    assert_ne!(first.device, second.device);
    assert_eq!((first.name, first.role), (second.name, second.role));
}

/// A note would be lost with all that is written after it, where it was on its way under the number under
/// which a copy of its phone became a device of its own, and the phone gives up its keys right then.
#[test]
fn what_is_on_its_way_under_a_number_that_a_copy_has_used_is_written_again() {
    let (mut fleet, mut copy) = with_a_copy();
    fleet.devices[1].note("on its way");
    fleet.devices[1].prepare();
    copy.note("of the copy");
    give_up(&mut copy, &fleet.relay);
    become_a_member(&mut copy, &mut fleet.relay);
    let Fleet { relay, devices } = &mut fleet;
    let first = &mut devices[1];
    first.pull_all(relay);
    // In another space it has found out that it is a copy, too.
    renounce(first);
    become_a_member(first, relay);
    first.note("after it");
    fleet.settle();
    fleet.assert_agree();
    let records = fleet.devices[0].records();
    for text in ["on its way", "after it", "of the copy"] {
        assert!(records.contains(text.as_bytes()), "{text}");
    }
}

/// Words would stand there twice where a phone finds out that it is a copy while they are on their way, and
/// a relay gets them only after it has read the log to its end.
#[test]
fn what_arrives_late_under_keys_that_were_given_up_is_said_once() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[0].write_text(TEXT, "one");
    fleet.settle();
    let Fleet { relay, devices } = &mut fleet;
    let phone = &mut devices[1];
    phone.type_at(TEXT, 0, "two ");
    phone.prepare();
    let sent = phone.space.to_send(phone.store()).unwrap().into_iter();
    let sent: Vec<_> = sent.map(|sealed| sealed.entry).collect();
    renounce(phone);
    read(phone, relay).unwrap();
    phone.type_at(TEXT, 0, "three ");
    assert!(relay.append(&sent, &[]).is_ok());
    become_a_member(phone, relay);
    fleet.settle();
    fleet.assert_agree();
    for device in &mut fleet.devices {
        assert_eq!(device.text(TEXT).as_deref(), Some("three two one"));
    }
}

/// A check-in would reach nobody: it gets the number of what waits behind it, which is given up.
#[test]
fn what_is_on_its_way_before_an_ack_stays_where_a_copy_has_used_its_number() {
    let (mut fleet, mut copy) = with_a_copy();
    checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].note("on its way");
    fleet.devices[1].prepare();
    let (space, store) = (&fleet.devices[1].space, fleet.devices[1].store());
    let kinds = space.all_sealed(store).unwrap().into_iter();
    let kinds: Vec<_> = kinds.map(|s| s.entry.header().kind).collect();
    assert_eq!(kinds, [Kind::Batch, Kind::Ack]);
    give_up(&mut copy, &fleet.relay);
    become_a_member(&mut copy, &mut fleet.relay);
    fleet.settle();
    let records = fleet.devices[0].records();
    assert!(records.contains(b"on its way".as_slice()));
}

/// What a phone had not sent when something was forgotten would stand there twice, once from it and once
/// from a copy of it.
#[test]
fn what_waited_while_something_was_forgotten_is_said_once_by_a_phone_and_its_copy() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[1].write_text(TEXT, "one");
    fleet.devices[1].note(CANARY);
    fleet.settle();
    fleet.devices[1].type_at(TEXT, 3, " two");
    let mut copy = fleet.devices[1].copy();
    copy.type_at(TEXT, 7, " four");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].type_at(TEXT, 7, " three");
    fleet.settle();
    give_up(&mut copy, &fleet.relay);
    become_a_member(&mut copy, &mut fleet.relay);
    fleet.devices.push(copy);
    fleet.settle();
    gone(&mut fleet, CANARY);
    fleet.assert_agree();
    let text = fleet.devices[0].text(TEXT).unwrap();
    let mut words: Vec<_> = text.split(' ').collect();
    words.sort_unstable();
    assert_eq!(words, ["four", "one", "three", "two"]);
}

//! Epoch keys: how they come to those who are to have them, late, once more, or backwards.

use waymark_wire::ids::{DeviceNumber, Height};
use waymark_wire::membership::Rights;

use super::fleet::Fleet;
use crate::membership::Wish;
use crate::store::{Store, Table};

const WRITE: Rights = Rights::WRITE;

/// A new phone, or a new therapist, would otherwise miss all that was before the last rotation.
#[test]
fn whoever_comes_in_the_fourth_epoch_reads_all_that_was_before() {
    for limit in [1, 2, 1000] {
        let mut fleet = Fleet::of(&[(2, WRITE)]);
        for epoch in 0..3 {
            fleet.devices[0].note(&format!("client in {epoch}"));
            fleet.devices[1].note(&format!("therapist in {epoch}"));
            fleet.settle();
            fleet.wish(epoch % 2, Wish::Rotate);
            fleet.settle();
        }
        assert_eq!(fleet.membership().epoch_number(), 3);
        let new = fleet.add(0, 3, WRITE);
        fleet.devices[new].note("own");
        while !fleet.devices[new].pull(&fleet.relay, limit).unwrap() {}
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.devices[new].records().len(), 7);
        assert_eq!(fleet.devices[new].epoch_keys.len(), 4);
        fleet.devices[new].crash();
        fleet.assert_agree();
    }
}

/// A phone that was off for months: the relay has dropped the keys of the epochs between.
#[test]
fn a_device_three_epochs_behind_catches_up_without_the_keys_that_the_relay_dropped() {
    for limit in [1, 3, 1000] {
        let mut fleet = Fleet::of(&[(2, WRITE), (2, WRITE)]);
        fleet.devices[2].note("offline");
        fleet.devices[2].prepare();
        for epoch in 0..3 {
            fleet.devices[1].note(&format!("in {epoch}"));
            fleet.sync(1);
            fleet.wish(epoch % 2, Wish::Rotate);
            fleet.sync(0);
            fleet.sync(1);
        }
        let starts = fleet.membership().epoch_starts();
        let kept = |start: &Height| fleet.relay.sealed_key(*start, fleet.number(2)).is_some();
        let kept: Vec<_> = starts.iter().map(kept).collect();
        assert_eq!(kept, [false, false, true, true]);
        let late = &mut fleet.devices[2];
        while !late.pull(&fleet.relay, limit).unwrap() {}
        assert_eq!(late.records().len(), 4);
        assert_eq!(late.epoch_keys.len(), 4);
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.devices[0].records().len(), 4);
    }
}

/// A member whose sealed key was lost would otherwise stay locked out until the next rotation.
#[test]
fn a_member_whose_key_did_not_come_gets_it_once_more() {
    let mut fleet = Fleet::of(&[(2, WRITE), (2, WRITE)]);
    fleet.wish(0, Wish::Rotate);
    fleet.sync(0);
    let rotated = fleet.membership().epoch_start();
    fleet.relay.lose_sealed_key(rotated, DeviceNumber(2));
    fleet.devices[2].note("waits");
    fleet.devices[2].pull_all(&fleet.relay);
    assert!(fleet.devices[2].space.lacks_key());
    // Somebody heard of it before it said so itself.
    fleet.sync(1);
    fleet.wish(1, Wish::Seal(DeviceNumber(2)));
    fleet.sync(1);
    assert_eq!(fleet.membership().epoch_start(), rotated);
    fleet.settle();
    fleet.assert_agree();
    let sealed = fleet.height();
    fleet.settle();
    assert_eq!(fleet.height(), sealed, "once");
}

/// Compromise heals by rotation only if the key that a thief copied is good for nothing afterwards.
#[test]
fn whoever_rotates_gets_a_new_agreement_key_and_the_old_one_goes() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    let before = fleet
        .membership()
        .member(DeviceNumber(0))
        .unwrap()
        .agreement_key;
    let [old] = <[_; 1]>::try_from(
        fleet.devices[0]
            .own_keys
            .iter()
            .cloned()
            .collect::<Vec<_>>(),
    )
    .unwrap();
    fleet.wish(0, Wish::Rotate);
    fleet.devices[0].prepare();
    // Until the log has it, an epoch that somebody else starts is sealed to the old one.
    assert_eq!(fleet.devices[0].space.keys.to_bytes().as_slice(), old);
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    fleet.sync(0);
    assert_eq!(fleet.membership().epoch_number(), 2);
    let after = fleet
        .membership()
        .member(DeviceNumber(0))
        .unwrap()
        .agreement_key;
    assert_ne!(before, after);

    let device = &fleet.devices[0];
    let new = device.space.keys.to_bytes();
    assert_ne!(new.as_slice(), old);
    assert_eq!(new[..32], old[..32], "its signing key stays");
    // The next epoch is sealed to the new one.
    fleet.wish(1, Wish::Rotate);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.membership().epoch_number(), 3);
    assert!(fleet.devices[0].space.is_ready());

    // A relay that loses the renewal brings the old key back into force: it stays for some more.
    assert!(holds(&fleet, &old[32..]));
    for _ in 0..4 {
        fleet.wish(0, Wish::Rotate);
        fleet.settle();
    }
    assert!(!holds(&fleet, &old[32..]));
}

/// Whether a secret is anywhere in the first device's store.
fn holds(fleet: &Fleet, secret: &[u8]) -> bool {
    Table::ALL.into_iter().any(|table| {
        let rows = fleet.devices[0].store().scan(table, &[], None, usize::MAX);
        let mut rows = rows.unwrap().into_iter();
        rows.any(|(_, row)| row.windows(32).any(|bytes| bytes == secret))
    })
}

/// What a reader may not do must not keep it from being handed the keys.
#[test]
fn a_reader_follows_every_epoch() {
    let mut fleet = Fleet::of(&[(2, WRITE), (3, Rights::READ)]);
    for epoch in 0..3 {
        fleet.devices[1].note(&format!("in {epoch}"));
        fleet.wish(epoch % 2, Wish::Rotate);
        fleet.settle();
    }
    fleet.assert_agree();
    assert_eq!(fleet.devices[2].records().len(), 3);
    assert_eq!(fleet.membership().epoch_start(), Height(fleet.height()));
}

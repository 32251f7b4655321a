//! What devices want at the same time.

use waymark_wire::codec::Bytes;
use waymark_wire::ids::{DeviceNumber, PersonTag};
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::device::{Pushed, new_member};
use super::fleet::{Fleet, keys_of};
use super::relay::Refused;
use crate::crypto::MembershipKeys;
use crate::membership::{SpaceKind, Wish};
use crate::space::{NotDone, SpaceError, Wanted};

const ADMIN: Rights = Rights::ADMIN;
const WRITE: Rights = Rights::WRITE;

/// Two people decide at once, and both decisions hold.
#[test]
fn a_wish_that_came_second_is_signed_anew_and_its_batches_follow() {
    let mut fleet = Fleet::of(&[(1, ADMIN)]);
    let [by_phone, by_tablet] = [(2, 31), (3, 32)]
        .map(|(person, seed)| Wish::Add(new_member(person, &keys_of(seed), WRITE)));
    fleet.wish(0, by_phone);
    fleet.wish(1, by_tablet);
    for device in [0, 1] {
        fleet.devices[device].prepare();
        fleet.devices[device].note(&format!("by {device}"));
    }
    assert_eq!(fleet.devices[0].send(&mut fleet.relay, true), Pushed::Taken);
    let second = fleet.devices[1].send(&mut fleet.relay, true);
    assert_eq!(second, Pushed::Refused(Refused::Moved));
    fleet.settle();
    fleet.assert_agree();
    for (by, seed, person) in [(0, 31, 2), (1, 32, 3)] {
        let index = fleet.welcome(by, seed, person).unwrap();
        assert_eq!(
            fleet.number(index),
            DeviceNumber(u16::try_from(index).unwrap())
        );
    }
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.devices[3].records().len(), 2);
}

/// A person who is told nothing would believe that it happened.
#[test]
fn a_wish_that_can_no_longer_be_is_given_back_with_its_reason() {
    let mut fleet = Fleet::of(&[(1, ADMIN), (1, ADMIN), (2, WRITE)]);
    let phrase = new_member(1, &keys_of(41), Rights::RECOVERY);
    let other = new_member(1, &keys_of(42), Rights::RECOVERY);
    fleet.wish(0, Wish::Add(phrase));
    fleet.wish(1, Wish::Add(other.clone()));
    fleet.devices[0].prepare();
    fleet.devices[1].prepare();
    fleet.sync(0);
    fleet.sync(1);
    let [given_back] = &fleet.devices[1].unfulfilled[..] else {
        panic!("one wish is given back");
    };
    assert_eq!(given_back.wish, Wish::Add(other));
    assert_eq!(given_back.reason, "there is a recovery phrase already");
    fleet.settle();
    fleet.assert_agree();
}

/// Each of two devices that rotate at once has to end with the keys that the log names.
#[test]
fn two_devices_rotate_at_the_same_time() {
    let mut fleet = Fleet::of(&[(2, WRITE), (3, WRITE)]);
    for device in [0, 1] {
        fleet.devices[device].note(&format!("before, by {device}"));
        fleet.sync(device);
        fleet.wish(device, Wish::Rotate);
    }
    fleet.devices[0].pull_all(&fleet.relay);
    for device in [0, 1] {
        fleet.devices[device].prepare();
        fleet.devices[device].note(&format!("after, by {device}"));
    }
    fleet.sync(1);
    fleet.sync(0);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.membership().epoch_number(), 2);
    assert_eq!(fleet.devices[2].records().len(), 4);
}

/// A wish that is fulfilled and not forgotten would change the key for ever.
#[test]
fn what_was_wanted_once_happens_once() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.wish(0, Wish::Rotate);
    fleet.settle();
    fleet.wish(0, Wish::Seal(DeviceNumber(1)));
    fleet.settle();
    let height = fleet.height();
    for _ in 0..3 {
        fleet.devices[0].note("more");
        fleet.settle();
    }
    assert_eq!(fleet.height(), height);
    assert_eq!(fleet.membership().epoch_number(), 1);
    fleet.assert_agree();
}

/// The rules take no entry that ends its signer and rotates; both wishes together would wait for ever.
#[test]
fn a_device_that_removes_others_and_itself_does_both() {
    let mut fleet = Fleet::of(&[(1, ADMIN), (2, WRITE), (3, WRITE)]);
    for number in [1, 2] {
        fleet.wish(1, Wish::Remove(DeviceNumber(number)));
    }
    fleet.wish(1, Wish::Add(new_member(1, &keys_of(50), WRITE)));
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    assert!(fleet.devices[1].space.has_ended());
    fleet.settle();
    assert_eq!(fleet.current(), [0, 3]);
    fleet.assert_agree();
    assert_eq!(fleet.membership().members().count(), 3);
}

/// While somebody else has to replace the key, a device that may only read waits with its wishes.
#[test]
fn a_reader_waits_while_a_rotation_is_due() {
    let mut fleet = Fleet::of(&[(2, WRITE), (3, Rights::READ)]);
    fleet.wish(1, Wish::Leave);
    fleet.sync(1);
    let second = Wish::Add(new_member(3, &keys_of(51), Rights::READ));
    fleet.wish(2, second);
    fleet.sync(2);
    assert!(fleet.membership().is_rotation_due());
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.membership().members().count(), 3);
}

/// What the rules would refuse is refused when it is wished, not after it was signed.
#[test]
fn what_can_never_be_is_refused_at_once() {
    let mut fleet = Fleet::of(&[(1, WRITE), (2, WRITE), (3, Rights::READ), (3, Rights::READ)]);
    let phrase = |person| Wish::Add(new_member(person, &keys_of(60), Rights::RECOVERY));
    let stranger = Wish::Add(new_member(9, &keys_of(61), Rights::READ));
    let refused = [
        (0, phrase(2)),
        (0, Wish::Leave),
        (0, Wish::Remove(DeviceNumber(0))),
        (1, Wish::Remove(DeviceNumber(0))),
        (1, Wish::Close(None)),
        (2, phrase(2)),
        (2, stranger),
        (2, Wish::Remove(DeviceNumber(1))),
        (3, Wish::Rotate),
        (3, Wish::Seal(DeviceNumber(1))),
        (3, Wish::Remove(DeviceNumber(4))),
    ];
    for (device, wish) in refused {
        let answer = fleet.devices[device].wish(&wish);
        let is_refused = matches!(answer, Err(SpaceError::NotAllowed(_)));
        assert!(is_refused, "device {device}: {wish:?}");
    }
    // With a phrase there, closing and leaving are the phrase's to decide.
    let before = fleet.relay.log.len();
    fleet.wish(0, phrase(1));
    fleet.sync(0);
    for (device, wish) in [
        (0, Wish::Close(None)),
        (0, Wish::Leave),
        (1, Wish::Leave),
        (0, Wish::Remove(DeviceNumber(5))),
    ] {
        fleet.sync(device);
        let answer = fleet.devices[device].wish(&wish);
        let is_refused = matches!(answer, Err(SpaceError::NotAllowed(_)));
        assert!(is_refused, "device {device}: {wish:?}");
    }
    assert_eq!(fleet.relay.log.len(), before + 1);
}

/// One wish that the rules refuse must not keep the others, and every edit behind them, for ever.
#[test]
fn wishes_that_do_not_go_together_or_never_go_stop_nothing() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    let [first, second] = [71, 72].map(|seed| new_member(1, &keys_of(seed), Rights::RECOVERY));
    fleet.wish(0, Wish::Add(first));
    fleet.wish(0, Wish::Add(second));
    // A key of small order, which no honest card has.
    let mut bad = new_member(1, &keys_of(73), WRITE);
    bad.keys.signing_key = VerifyingKey([0; 32]);
    fleet.wish(0, Wish::Add(bad.clone()));
    fleet.wish(0, Wish::Rotate);
    fleet.devices[0].note("behind them");
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.membership().members().count(), 3);
    assert_eq!(fleet.membership().epoch_number(), 1);
    assert_eq!(fleet.devices[1].records().len(), 1);
    let given_back: Vec<_> = fleet.devices[0].unfulfilled.iter().collect();
    let of_bad = given_back
        .iter()
        .find(|given| given.wish == Wish::Add(bad.clone()));
    assert_eq!(
        of_bad.unwrap().reason,
        "the rules of the space do not allow it"
    );
    assert_eq!(given_back.len(), 2);
}

/// The person would otherwise wait for ever for the new phrase to hold.
#[test]
fn a_phrase_that_is_no_member_any_more_replaces_nothing() {
    let mut fleet = Fleet::of(&[(1, ADMIN)]);
    let [old, next, late] = [81, 82, 83].map(keys_of);
    let phrase = |keys| new_member(1, keys, Rights::RECOVERY);
    let replace = |by: &MembershipKeys, keys| {
        Wish::ReplacePhrase(Bytes(by.to_bytes().to_vec()), phrase(keys))
    };
    fleet.wish(0, Wish::Add(phrase(&old)));
    fleet.settle();
    fleet.wish(0, replace(&old, &next));
    fleet.wish(1, replace(&old, &late));
    fleet.devices[1].prepare();
    fleet.settle();
    fleet.assert_agree();
    let key = |keys: &MembershipKeys| VerifyingKey(keys.signing_public().unwrap());
    let membership = fleet.membership();
    assert!(membership.member_with_key(&key(&next)).is_some());
    assert!(membership.member_with_key(&key(&old)).is_none());
    assert!(membership.member_ever_with_key(&key(&late)).is_none());
    assert_eq!(membership.epoch_number(), 1, "a device rotates after it");
    let [given_back] = &fleet.devices[1].unfulfilled[..] else {
        panic!("one wish is given back");
    };
    assert_eq!(given_back.wish, replace(&old, &late));
    assert_eq!(given_back.reason, "this phrase is no member any more");
}

/// What was published for one supporter would be read by two.
#[test]
fn a_support_space_takes_one_other_person_with_all_devices() {
    let mut fleet = Fleet::of_kind(SpaceKind::Support, &[(1, ADMIN)]);
    // Two who are wanted by one device at once, and one who is wanted by another.
    fleet.wish(0, Wish::Add(new_member(2, &keys_of(61), WRITE)));
    fleet.wish(0, Wish::Add(new_member(3, &keys_of(62), WRITE)));
    fleet.wish(1, Wish::Add(new_member(4, &keys_of(63), WRITE)));
    fleet.devices[1].prepare();
    fleet.settle();
    fleet.settle();
    let others = |fleet: &Fleet| -> Vec<PersonTag> {
        let members = fleet.membership().members();
        let others = members.filter(|member| member.person != PersonTag([1; 16]));
        others.map(|member| member.person).collect()
    };
    let [one] = others(&fleet)[..] else {
        panic!("one other person is in");
    };
    let reasons = fleet.devices[..2].iter().flat_map(|d| &d.unfulfilled);
    let reasons: Vec<_> = reasons.map(|given_back| given_back.reason).collect();
    assert_eq!(reasons, ["a support space is for one supporter"; 2]);
    // A second device of the same person is welcome.
    fleet.wish(0, Wish::Add(new_member(one.0[0], &keys_of(64), WRITE)));
    fleet.settle();
    assert_eq!(others(&fleet), [one, one]);
    let third = fleet.devices[0].wish(&Wish::Add(new_member(9, &keys_of(65), WRITE)));
    let refused = SpaceError::NotAllowed("a support space is for one supporter");
    assert_eq!(third, Err(refused));
}

/// A refusal that was overtaken by a success would frighten for nothing.
#[test]
fn what_could_not_be_is_kept_until_it_is_wanted_again_and_can_be() {
    let mut fleet = Fleet::of(&[(2, ADMIN)]);
    fleet.wish(0, Wish::Leave);
    fleet.wish(1, Wish::Leave);
    fleet.sync(0);
    fleet.sync(1);
    let not_done = |fleet: &Fleet| {
        let device = &fleet.devices[1];
        device.space.not_done(device.store()).unwrap()
    };
    let kept = NotDone {
        wanted: Wanted::Leave,
        reason: "the last who leads a space closes it instead of leaving".into(),
    };
    assert_eq!(not_done(&fleet), std::slice::from_ref(&kept));
    fleet.devices[1].crash();
    assert_eq!(not_done(&fleet), [kept], "also for who was not there");
    fleet.wish(1, Wish::Add(new_member(3, &keys_of(71), ADMIN)));
    fleet.sync(1);
    fleet.wish(1, Wish::Leave);
    assert_eq!(not_done(&fleet), []);
    fleet.sync(1);
    assert!(fleet.devices[1].space.has_ended());
}

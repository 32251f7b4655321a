//! A member that was left without the key of an epoch asks the others for it. Otherwise it would stand
//! still until the next rotation, by whatever relay or member had left it out.

use waymark_wire::ack::Ack;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, Height};
use waymark_wire::membership::{MembershipBody, Op, Rights};

use super::device::Pushed;
use super::fleet::Fleet;
use super::liars::{hand_another_key, hand_garbage, lie};
use crate::membership::{BookError, Wish};
use crate::space::SpaceError;
use crate::space::refusal::ASKS;

const WRITE: Rights = Rights::WRITE;

/// How many acks of a member the log has, and how many entries that seal to it once more.
fn asked_and_answered(fleet: &Fleet, device: u16) -> (usize, usize) {
    let seals = |entry: &Entry| {
        let body = MembershipBody::parse(entry.body()).unwrap();
        body.core.ops.contains(&Op::Seal(DeviceNumber(device)))
    };
    let log = fleet.relay.log.iter().map(|stored| &stored.entry);
    let asked = log.clone().filter(|entry| {
        let header = entry.header();
        header.kind == Kind::Ack && header.device.0 == device
    });
    let answered = log.filter(|e| e.header().kind == Kind::Membership && seals(e));
    (asked.count(), answered.count())
}

/// A fleet of a client, a member with these rights and a third one, in which the second one's sealed
/// key of the newest epoch is lost.
fn left_out(rights: Rights) -> Fleet {
    let mut fleet = Fleet::of(&[(2, rights), (3, WRITE)]);
    fleet.devices[0].note("before");
    fleet.settle();
    fleet.devices[0].note("under the old key");
    fleet.sync(0);
    fleet.wish(0, Wish::Rotate);
    fleet.sync(0);
    let rotated = fleet.membership().epoch_start();
    fleet.relay.lose_sealed_key(rotated, DeviceNumber(1));
    fleet.devices[0].note("under the new key");
    fleet.sync(0);
    fleet
}

#[test]
fn a_key_that_did_not_come_is_asked_for_and_handed_out_once() {
    for (rights, limit) in [(WRITE, 1000), (WRITE, 1), (Rights::READ, 1000)] {
        let mut fleet = left_out(rights);
        let epoch = fleet.membership().epoch_start();
        if rights == WRITE {
            // One batch waits under the old key, and one change in none.
            fleet.devices[1].note("sealed under the old key");
            fleet.devices[1].prepare();
            fleet.devices[1].note("not sealed yet");
        }
        while !fleet.devices[1].pull(&fleet.relay, limit).unwrap() {}
        assert!(fleet.devices[1].space.lacks_key());
        let records = fleet.devices[1].records();
        assert!(records.contains(b"under the old key".as_slice()));
        fleet.sync(1);
        assert_eq!(asked_and_answered(&fleet, 1), (1, 0));
        fleet.sync(2);
        assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.membership().epoch_start(), epoch);
        assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
        let records = fleet.devices[1].records();
        assert!(records.contains(b"under the new key".as_slice()));
        fleet.devices[1].crash();
        fleet.assert_agree();
    }
}

/// Whoever is added gets the key with the entry that adds it.
#[test]
fn a_newcomer_whose_key_did_not_come_asks_for_it() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[1].note("before");
    fleet.settle();
    let new = fleet.add(0, 3, WRITE);
    fleet
        .relay
        .lose_sealed_key(Height(fleet.height()), fleet.number(new));
    fleet.devices[new].note("of the newcomer");
    fleet.sync(new);
    assert!(!fleet.devices[new].space.is_ready());
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 2), (1, 1));
}

#[test]
fn two_who_answer_at_once_make_one_entry() {
    let mut fleet = left_out(WRITE);
    fleet.sync(1);
    for holder in [0, 2] {
        fleet.devices[holder].pull_all(&fleet.relay);
        fleet.devices[holder].prepare();
    }
    assert_eq!(fleet.devices[0].push(&mut fleet.relay), Pushed::Taken);
    assert!(matches!(
        fleet.devices[2].push(&mut fleet.relay),
        Pushed::Refused(_)
    ));
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
    assert_eq!(fleet.devices[2].unfulfilled, []);
}

/// Whoever could not help when it was asked helps as soon as it has the key itself.
#[test]
fn who_was_left_out_too_hands_on_what_it_is_handed() {
    let mut fleet = left_out(WRITE);
    let rotated = fleet.membership().epoch_start();
    fleet.relay.lose_sealed_key(rotated, DeviceNumber(2));
    fleet.sync(1);
    // The only one who holds the key helps one of them, and is gone before it hears of the other.
    fleet.sync(0);
    fleet.sync(2);
    assert_eq!(asked_and_answered(&fleet, 2), (1, 0));
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].crash();
    fleet.sync(1);
    assert_eq!(asked_and_answered(&fleet, 2), (1, 1));
    fleet.sync(2);
    assert!(fleet.devices[2].space.holds_key());
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
    assert_eq!(asked_and_answered(&fleet, 2), (1, 1));
}

/// What one says is noted by all at once; who sleeps meanwhile has nothing left to do.
#[test]
fn an_answer_that_stands_in_the_log_already_is_not_given_again() {
    let mut fleet = left_out(WRITE);
    fleet.sync(1);
    fleet.sync(0);
    let height = fleet.height();
    fleet.sync(2);
    fleet.devices[2].crash();
    fleet.settle();
    assert_eq!(fleet.height(), height);
    fleet.assert_agree();
}

#[test]
fn a_restart_between_ack_and_answer_sends_no_second_ack() {
    let mut fleet = left_out(WRITE);
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].prepare();
    // The answer is lost with the process, and what was sealed is sent again byte for byte.
    fleet.devices[1].send(&mut fleet.relay, false);
    assert_eq!(asked_and_answered(&fleet, 1), (1, 0));
    for _ in 0..2 {
        fleet.devices[1].crash();
        fleet.sync(1);
        assert_eq!(asked_and_answered(&fleet, 1), (1, 0));
    }
    // Nor does whoever is to answer forget it.
    fleet.devices[0].pull_all(&fleet.relay);
    fleet.devices[0].crash();
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
}

/// Otherwise one member could have the others sign membership entries without end.
#[test]
fn whoever_asks_again_and_again_is_answered_a_few_times_in_an_epoch() {
    let mut fleet = Fleet::of(&[(2, Rights::READ), (3, WRITE)]);
    for epoch in 1..=2 {
        for _ in 0..ASKS + 2 {
            let ack = Ack::KeyRefused(fleet.membership().epoch_start());
            say(&mut fleet, 1, &ack.to_body());
            fleet.sync(0);
            fleet.sync(2);
        }
        let (asked, answered) = asked_and_answered(&fleet, 1);
        assert_eq!(asked, epoch * (ASKS + 2));
        assert_eq!(answered, epoch * ASKS);
        fleet.wish(0, Wish::Rotate);
        fleet.sync(0);
    }
}

/// A device of today would otherwise stop at what one of tomorrow says, or be made to act by it.
#[test]
fn what_is_no_ack_of_this_epoch_is_kept_and_does_nothing() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.wish(0, Wish::Rotate);
    fleet.settle();
    let height = fleet.height();
    let earlier = Ack::KeyRefused(Height(0));
    let later = Ack::KeyRefused(Height(height + 1));
    for body in [
        earlier.to_body(),
        later.to_body(),
        Ack::Unknown(9).to_body(),
        vec![7; 256],
    ] {
        say(&mut fleet, 1, &body);
        fleet.sync(0);
    }
    fleet.devices[0].note("goes on");
    fleet.sync(0);
    assert_eq!(fleet.height(), height);
    let quarantined = fleet.devices[0].space.quarantined(fleet.devices[0].store());
    assert_eq!(quarantined.unwrap(), []);
}

/// Has a member's other software append an ack with this body.
fn say(fleet: &mut Fleet, device: usize, body: &[u8]) {
    let membership = fleet.membership();
    let log = fleet.relay.log.iter();
    let own = log.filter(|stored| stored.entry.header().device == fleet.number(device));
    let header = Header {
        kind: Kind::Ack,
        device: fleet.number(device),
        counter: u32::try_from(own.count()).unwrap(),
        height: membership.height(),
        seen: fleet.devices[device].space.cursor().position(),
        salt: [3; 16],
    };
    let (space, head) = (*membership.space(), membership.head());
    let key = fleet.devices[device].space.signing_key();
    let entry = Entry::assemble(header, body, &space, &head, |text| key.sign(text));
    fleet.relay.append(&[entry], &[]).unwrap();
}

/// The key changes while an ack waits: everybody gets the new one, and nothing is asked any more.
#[test]
fn an_ack_that_comes_too_late_is_taken_back() {
    let mut fleet = left_out(WRITE);
    fleet.devices[1].note("waits");
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].prepare();
    fleet.wish(2, Wish::Rotate);
    fleet.sync(2);
    assert!(matches!(
        fleet.devices[1].push(&mut fleet.relay),
        Pushed::Refused(_)
    ));
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 1), (0, 0));
}

/// The same where somebody has left: the ack that waits would stand before the rotation that is due,
/// and keep it from its counter.
#[test]
fn an_ack_that_waits_stops_no_rotation() {
    let mut fleet = left_out(WRITE);
    fleet.devices[1].note("waits");
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].prepare();
    // The key comes before the ack goes.
    fleet.sync(2);
    fleet.wish(2, Wish::Seal(DeviceNumber(1)));
    fleet.sync(2);
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.wish(2, Wish::Leave);
    fleet.sync(2);
    fleet.sync(1);
    assert!(!fleet.membership().is_rotation_due());
    fleet.settle();
    fleet.assert_agree();
}

/// The entry commits to its key, so who got another one knows it: what it wrote would be closed to
/// everybody else, and what they write to it.
#[test]
fn whoever_gets_garbage_or_another_key_than_the_rest_is_healed_by_a_third() {
    for hand in [hand_garbage, hand_another_key] {
        let mut fleet = Fleet::of(&[(3, WRITE), (2, WRITE)]);
        fleet.devices[0].note("old");
        fleet.settle();
        lie(&mut fleet, 2, None, |told| hand(told, 1));
        let epoch = fleet.membership().epoch_start();
        fleet.devices[1].note("of the one left out");
        fleet.sync(1);
        assert!(fleet.devices[1].space.lacks_key());
        assert_eq!(asked_and_answered(&fleet, 1), (1, 0));
        fleet.devices[1].crash();
        fleet.sync(1);
        fleet.devices[0].note("of the third");
        for device in [0, 1, 0] {
            fleet.sync(device);
        }
        assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
        assert_eq!(fleet.membership().epoch_start(), epoch);
        let records = fleet.devices[0].records();
        assert!(records.contains(b"of the one left out".as_slice()));
        assert_eq!(fleet.devices[1].records(), records);
        let held = fleet.devices[1].space.quarantined(fleet.devices[1].store());
        assert_eq!(held.unwrap(), []);
    }
}

/// With nobody else to ask, the one who was lied to starts an epoch of its own.
#[test]
fn whoever_is_lied_to_by_the_only_other_one_who_writes_starts_another_epoch() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[0].note("old");
    fleet.settle();
    lie(&mut fleet, 1, None, |told| hand_another_key(told, 0));
    let epoch = fleet.membership().epoch_number();
    fleet.devices[0].note("goes on");
    fleet.sync(0);
    assert_eq!(fleet.membership().epoch_number(), epoch + 1);
    assert!(fleet.devices[0].space.holds_key());
    fleet.devices[0].crash();
    assert!(fleet.devices[0].space.holds_key());
    fleet.sync(0);
    assert!(
        fleet.devices[0]
            .space
            .is_sent(fleet.devices[0].store())
            .unwrap()
    );
}

/// A relay that leaves out the answer too is asked again: this is its doing alone.
#[test]
fn an_answer_that_is_left_out_is_waited_for() {
    let mut fleet = left_out(WRITE);
    fleet.sync(1);
    fleet.sync(0);
    let sealed = fleet
        .relay
        .sealed_key(Height(fleet.height()), DeviceNumber(1));
    let kept = fleet.relay.ever.iter();
    let mut kept = kept.filter(|bytes| Some(AttachmentHash::of(bytes)) == sealed);
    let bytes = kept.next().unwrap().clone();
    fleet
        .relay
        .lose_sealed_key(Height(fleet.height()), DeviceNumber(1));
    for _ in 0..2 {
        let refused = fleet.devices[1].pull(&fleet.relay, 1000);
        assert_eq!(refused, Err(SpaceError::Membership(BookError::KeyRefused)));
    }
    fleet.relay.find(bytes);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(asked_and_answered(&fleet, 1), (1, 1));
}

/// Whoever asked for the key once would wait for the next one, which may take a month, where the relay has
/// lost the answer for good; and one who asks again and again would keep everybody busy.
#[test]
fn an_answer_that_is_lost_for_good_is_asked_for_again_a_few_times() {
    let mut fleet = left_out(WRITE);
    fleet.sync(1);
    for times in 1..=ASKS {
        fleet.sync(0);
        assert_eq!(asked_and_answered(&fleet, 1), (times, times));
        let answered = Height(fleet.height());
        fleet.relay.lose_sealed_key(answered, DeviceNumber(1));
        let refused = fleet.devices[1].pull(&fleet.relay, 1000);
        assert_eq!(refused, Err(SpaceError::Membership(BookError::KeyRefused)));
        let asks = fleet.devices[1].step(|space, store, _| space.refuse_key_again(store));
        // The answer is waited for where nobody would hear it any more.
        assert_eq!(asks, Ok(times < ASKS));
        if times < ASKS {
            fleet.sync(1);
        }
    }
}

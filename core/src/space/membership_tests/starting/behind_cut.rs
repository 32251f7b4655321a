//! A device that could not read what was forgotten starts at a checkpoint of what is left.

use crate::space::membership_tests::checkpoints;
use crate::space::membership_tests::device::Device;
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::forgetting::{
    CANARY, TEXT, assert_gone, fleet, forget, gone, rotate_without_therapist,
};

/// Somebody without the key of before would see an old plan for ever, and never write again.
#[test]
fn who_could_not_read_it_starts_at_what_is_left_and_goes_on() {
    let mut fleet = fleet();
    rotate_without_therapist(&mut fleet);
    fleet.devices[2].note("unsent, of one who was away");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.devices[2].pull_all(&fleet.relay);
    let starts = |device: &mut Device| {
        device
            .step(|space, store, entropy| space.start_behind_cut(store, entropy, 0))
            .unwrap()
    };
    assert!(!starts(&mut fleet.devices[2]), "there is none yet");
    let seq = checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    fleet.devices[2].pull_all(&fleet.relay);
    // One person's word is not enough.
    assert!(!starts(&mut fleet.devices[2]), "nobody has confirmed it");
    // It starts where whoever leads the space is believed, as where the relay has let go of the rest.
    let Fleet { relay, devices } = &mut fleet;
    let away = &mut devices[2];
    away.step(|space, store, entropy| space.give_up_documents(store, entropy))
        .unwrap();
    assert!(away.space.starts_behind_cut());
    let mut offer = relay.offer(seq);
    offer.is_dropped = true;
    away.start(&offer).unwrap();
    away.read_on(relay).unwrap();
    while away.fetch(relay).unwrap() {}
    assert!(!away.space.lacks_what_was_before());
    fleet.settle();
    fleet.assert_agree();
    assert_gone(&fleet, 2, CANARY.as_bytes());
    let unsent = b"unsent, of one who was away".as_slice();
    assert!(fleet.devices[0].records().contains(unsent));
}

/// What somebody had written before they were away, in a note and between others' words, would be lost or
/// keep them from everything after; and a start that comes to nothing would take the plan from them.
#[test]
fn who_was_away_says_again_what_was_sealed_and_typed_before() {
    let mut fleet = fleet();
    fleet.devices[2].write_text(TEXT, "one three");
    fleet.settle();
    rotate_without_therapist(&mut fleet);
    let away = &mut fleet.devices[2];
    away.note("sealed before");
    away.prepare();
    away.type_at(TEXT, 4, "two ");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.devices[2].pull_all(&fleet.relay);
    let seq = checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    fleet.devices[2].pull_all(&fleet.relay);
    let Fleet { relay, devices } = &mut fleet;
    let away = &mut devices[2];
    away.step(|space, store, entropy| space.give_up_documents(store, entropy))
        .unwrap();
    let entries = |device: &Device| device.space.membership_entries(device.store()).unwrap();
    let before = entries(away);
    let mut offer = relay.offer(seq);
    offer.is_dropped = true;
    away.start(&offer).unwrap();
    away.step(|space, store, _| space.undo_start(store))
        .unwrap();
    assert_eq!(entries(away), before);
    assert!(away.space.starts_behind_cut());

    away.start(&offer).unwrap();
    away.read_on(relay).unwrap();
    while away.fetch(relay).unwrap() {}
    fleet.settle();
    fleet.assert_agree();
    for device in &mut fleet.devices {
        assert!(device.records().contains(b"sealed before".as_slice()));
        assert_eq!(device.text(TEXT).as_deref(), Some("one two three"));
    }
}

/// A therapist who came after something was forgotten, in a plan in which nobody else could confirm what
/// is left, would see nothing for ever.
#[test]
fn where_nobody_can_confirm_what_is_left_a_month_is_enough() {
    const DAY: i64 = 86_400_000;
    let mut fleet = fleet();
    rotate_without_therapist(&mut fleet);
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    fleet.devices[2].pull_all(&fleet.relay);
    checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    fleet.devices[2].pull_all(&fleet.relay);
    let away = &mut fleet.devices[2];
    away.step(|space, store, _| space.rest_checkpoints(store, DAY))
        .unwrap();
    for (day, starts) in [(2, false), (31, false), (32, true)] {
        let asks =
            away.step(|space, store, entropy| space.start_behind_cut(store, entropy, day * DAY));
        assert_eq!(asks, Ok(starts), "on day {day}");
    }
}

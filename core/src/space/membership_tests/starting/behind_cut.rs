//! A device that could not read what was forgotten starts at a checkpoint of what is left.

use crate::gate::RecordId;
use crate::space::membership_tests::checkpoints;
use crate::space::membership_tests::device::{Device, PLAN};
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::forgetting::{
    CANARY, TEXT, assert_gone, fleet, forget, gone, rotate_without_therapist,
};
use crate::space::{Space, keys};
use crate::store::{Store, Table, Transaction};

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
    // Until then it shows what it had: it may be removed before.
    assert!(away.records().contains(b"sealed before".as_slice()));
    assert_eq!(away.text(TEXT).as_deref(), Some("one two three"));

    away.start(&offer).unwrap();
    away.read_on(relay).unwrap();
    // Also while it comes, and after the app has ended meanwhile.
    away.crash();
    assert!(!away.space.is_on_trial() && away.space.still_wanted() > 0);
    assert!(away.records().contains(b"sealed before".as_slice()));
    assert_eq!(away.text(TEXT).as_deref(), Some("one two three"));
    assert_eq!(formers(away), 1);
    while away.fetch(relay).unwrap() {}
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(formers(&fleet.devices[2]), 0);
    for device in &mut fleet.devices {
        assert!(device.records().contains(b"sealed before".as_slice()));
        assert_eq!(device.text(TEXT).as_deref(), Some("one two three"));
    }
}

/// How many documents are kept as they were.
fn formers(device: &Device) -> usize {
    let prefix = keys::all_formers(0);
    let rows = device.store().scan(Table::Outbox, &prefix, None, 10);
    rows.unwrap().len()
}

/// A verdict on something: what has a kind is held against what is here.
fn verdict_on(text: &str) -> Vec<u8> {
    let id = RecordId::of(text.as_bytes()).0;
    let begins = [0xa5, 0, 5, 1, 0x1a, 0x6a, 0, 0, 0, 2, 0x50];
    [&begins[..], &id, &[3, 1, 4, 0x19, 0x4e, 0x20]].concat()
}

/// What somebody wrote about it would come back to everybody where a database was damaged just then.
#[test]
fn who_is_repaired_before_the_start_lets_go_all_the_same_of_what_was_about_it() {
    let mut fleet = fleet();
    rotate_without_therapist(&mut fleet);
    fleet.devices[2].put(PLAN, &[&verdict_on(CANARY)]);
    fleet.devices[2].note("unsent, about nothing");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.devices[2].pull_all(&fleet.relay);
    let seq = checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    let Fleet { relay, devices } = &mut fleet;
    let away = &mut devices[2];
    away.pull_all(relay);
    away.step(|space, store, entropy| space.give_up_documents(store, entropy))
        .unwrap();

    let (newest, _) = away.space.state.verified.unwrap();
    let store = away.store.as_mut().unwrap();
    let mut lost = Transaction::new();
    lost.delete(Table::Membership, keys::membership(0, newest));
    store.commit(lost.into()).unwrap();
    let mut repair = Transaction::new();
    let repaired = Space::repair(store, &mut repair, 0, None, &mut away.entropy).unwrap();
    assert!(repaired.done);
    store.commit(repair.into()).unwrap();
    away.crash();

    let mut offer = relay.offer(seq);
    offer.is_dropped = true;
    away.start(&offer).unwrap();
    away.read_on(relay).unwrap();
    while away.fetch(relay).unwrap() {}
    fleet.settle();
    fleet.assert_agree();
    let records = fleet.devices[0].records();
    assert!(records.contains(b"unsent, about nothing".as_slice()));
    assert!(!records.contains(&verdict_on(CANARY)));
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

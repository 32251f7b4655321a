//! What is left where something was forgotten: for whoever comes later, or comes back.

use super::checkpoints;
use super::device::{Device, PLAN, new_member};
use super::fleet::keys_of;
use super::forgetting::{CANARY, WRITE, assert_gone, fleet, forget, gone};
use crate::gate::{ActorId, Document, RecordId};
use crate::membership::Wish;

/// Keys of a device that comes later, which must find nothing.
#[test]
fn who_comes_later_finds_no_name_of_what_is_forgotten() {
    let mut fleet = fleet();
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.settle();
    let seed = u8::try_from(fleet.devices.len() + 1).unwrap();
    let keys = keys_of(seed);
    fleet.wish(0, Wish::Add(new_member(4, &keys, WRITE)));
    fleet.sync(0);
    let new = fleet.welcome(0, seed, 4).unwrap();
    fleet.devices[new].pull_all(&fleet.relay);
    let (epochs, _) = fleet.devices[new].hoarded();
    assert_gone(&fleet, new, CANARY.as_bytes());
    // The entry itself opens for it, and what is forgotten is sealed in it once more.
    assert_eq!(epochs.len(), 1);
    let cut = fleet.membership().cut().unwrap();
    assert_eq!(fleet.opened_since(cut.0, &epochs).0, 2);
}

/// A newcomer would otherwise see nothing of a plan, and the relay keep what is forgotten for ever.
#[test]
fn who_had_something_forgotten_says_what_is_left_and_others_find_it_right() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let mut fleet = fleet();
    checkpoints::publish(&mut fleet.devices[2], &mut fleet.relay);
    fleet.settle();
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.settle();
    let place = fleet.relay.log.len() as u64;
    let owes = |device: &mut Device, now: i64| {
        device
            .step(|space, store, _| space.owes_checkpoint(store, now))
            .unwrap()
    };
    // Another one does it after a day; a clock that jumps back begins that day anew.
    assert!(owes(&mut fleet.devices[0], DAY));
    for (now, does) in [(DAY, false), (0, false), (DAY - 1, false), (DAY, true)] {
        assert_eq!(owes(&mut fleet.devices[2], now), does);
    }
    let seq = checkpoints::publish(&mut fleet.devices[0], &mut fleet.relay);
    fleet.settle();
    assert!(seq > place);
    for device in 0..3 {
        let device = &mut fleet.devices[device];
        assert!(!owes(device, 10 * DAY));
        let held = device.step(|space, store, _| space.judge_checkpoints(store));
        assert!(!held.unwrap());
        assert_eq!(device.space.covered(), place);
    }
    let (public, _) = checkpoints::checkpoint_at(&fleet, seq);
    assert_eq!((public.seq, public.kept.len()), (place, 0));
    let named = &public.snapshots;
    let snapshots = fleet.relay.log.iter().filter(|s| named.contains(&s.id));
    let entries: Vec<_> = snapshots.map(|stored| stored.entry.clone()).collect();
    assert_eq!(entries.len(), 1);
    for entry in &entries {
        let part = checkpoints::text_of(&fleet, 1, entry, entry.body());
        let document = Document::from_snapshot(ActorId([9; 16]), PLAN, &|_| true, &[&part]);
        let records: Vec<_> = document.unwrap().records().map(|r| r.id).collect();
        assert!(!records.contains(&RecordId::of(CANARY.as_bytes())));
        assert!(records.contains(&RecordId::of(b"after")));
    }
}

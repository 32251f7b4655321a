//! What goes out after somebody left who knows the key: nothing that this key opens.

use proptest::prelude::*;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::Height;
use waymark_wire::membership::Rights;

use super::ending::learned_by;
use super::fleet::Fleet;
use crate::crypto::EpochKey;
use crate::membership::Wish;

/// Those who stay: two devices of the client's, and a therapist's.
const STAY: [usize; 3] = [0, 1, 4];
/// Both devices of the one who leaves.
const LEAVE: [usize; 2] = [2, 3];

/// What one of those who stay does.
#[derive(Clone, Debug)]
enum Step {
    Note,
    /// Makes entries of what it wrote, and does not send them.
    Seal,
    /// Sends everything, and does not hear what came of it.
    Lose,
    /// Reads at most so many entries.
    Pull(usize),
    /// Sends all it has, also where it has not heard of something newer.
    Push,
    Sync,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        3 => Just(Step::Note),
        3 => Just(Step::Seal),
        1 => Just(Step::Lose),
        3 => (1usize..3).prop_map(Step::Pull),
        3 => Just(Step::Push),
        1 => Just(Step::Sync),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec((prop::sample::select(&STAY[..]), step), 0..24)
}

fn take(fleet: &mut Fleet, device: usize, step: &Step, text: &str) {
    let Fleet { relay, devices } = fleet;
    let own = &mut devices[device];
    match step {
        Step::Note => own.note(text),
        Step::Seal if own.caught_up => own.prepare(),
        Step::Seal => {}
        Step::Lose => {
            own.pull_all(relay);
            own.prepare();
            own.send(relay, false);
        }
        Step::Pull(limit) => drop(own.pull(relay, *limit).unwrap()),
        Step::Push => drop(own.push(relay)),
        Step::Sync => own.sync(relay),
        Step::Crash => own.crash(),
    }
}

/// What those who stay have sealed and the log has not.
fn on_their_way(fleet: &Fleet) -> Vec<Entry> {
    let of = |index: usize| {
        let device = &fleet.devices[index];
        device.space.outbox(device.store()).unwrap()
    };
    let sealed = STAY.into_iter().flat_map(of);
    sealed.map(|sealed| sealed.entry).collect()
}

/// Whether those who left can read an entry, with all that they and the relay ever had.
fn readable_by_those_who_left(fleet: &Fleet, left: Height) -> impl Fn(&Entry) -> bool {
    let learned = |device| learned_by(fleet, device, left.0);
    let learned: Vec<EpochKey> = LEAVE.into_iter().flat_map(learned).collect();
    move |entry| learned.iter().any(|key| fleet.opens(entry, key))
}

/// What of it those who stay have sent when they had heard that somebody left, whether a relay took
/// it or not.
fn offered_in_spite(fleet: &Fleet, left: Height) -> usize {
    let readable = readable_by_those_who_left(fleet, left);
    let sent = STAY.iter().flat_map(|device| &fleet.devices[*device].sent);
    let in_spite = sent.filter(|(known, entry)| *known >= left && readable(entry));
    in_spite.count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whoever left, together with a relay that shows it everything, would otherwise read what the
    /// others wrote before they heard of it and sent afterwards.
    #[test]
    fn nothing_is_sent_under_a_key_that_somebody_took_along(
        before in steps(),
        after in steps(),
    ) {
        let others = [(1, Rights::ADMIN), (2, Rights::WRITE), (2, Rights::WRITE), (3, Rights::WRITE)];
        let mut fleet = Fleet::of(&others);
        for (number, (device, step)) in before.iter().enumerate() {
            take(&mut fleet, *device, step, &format!("{number} before"));
        }
        for device in STAY {
            fleet.sync(device);
            fleet.devices[device].note(&format!("sealed by {device}"));
            fleet.devices[device].prepare();
        }
        fleet.wish(LEAVE[0], Wish::Leave);
        fleet.sync(LEAVE[0]);
        let (left, left_at) = (Height(fleet.height()), fleet.relay.log.len());
        prop_assert!(fleet.membership().is_rotation_due());
        let exposed = on_their_way(&fleet);
        for (number, (device, step)) in after.iter().enumerate() {
            take(&mut fleet, *device, step, &format!("{number} after"));
        }
        // They hear of it, and send what they have.
        for device in STAY.into_iter().chain(STAY) {
            fleet.devices[device].pull_all(&fleet.relay);
            fleet.devices[device].push(&mut fleet.relay);
        }
        prop_assert_eq!(offered_in_spite(&fleet, left), 0);
        fleet.settle();
        fleet.assert_agree();
        prop_assert_eq!(offered_in_spite(&fleet, left), 0);

        let readable = readable_by_those_who_left(&fleet, left);
        // They hold the key: what was sealed and not sent, they could have read.
        prop_assert!(exposed.len() >= STAY.len());
        prop_assert!(exposed.iter().all(&readable));

        let taken: Vec<&Entry> = fleet.relay.log[left_at..].iter().map(|s| &s.entry).collect();
        prop_assert!(!taken.iter().any(|entry| readable(entry)));
        let rotated = fleet.membership().id_at(Height(left.0 + 1)).unwrap();
        prop_assert_eq!(fleet.relay.log[left_at].id, rotated, "the new key comes first");
        let batches = taken.iter().filter(|entry| entry.header().kind == Kind::Batch);
        prop_assert!(batches.clone().count() >= exposed.len());
        let key = fleet.devices[0].space.book().unwrap().key_at(Height(left.0 + 1)).unwrap();
        for batch in batches {
            prop_assert!(batch.header().height > left && fleet.opens(batch, key));
        }
    }
}

/// What somebody wrote last would be read by nobody.
#[test]
fn who_leaves_or_closes_says_first_what_there_is_to_say() {
    for wish in [Wish::Leave, Wish::Close(None)] {
        let mut fleet = Fleet::of(&[(2, Rights::ADMIN)]);
        fleet.devices[1].note("last words");
        fleet.wish(1, wish);
        fleet.sync(1);
        fleet.sync(0);
        let records = fleet.devices[0].records();
        assert!(records.contains(b"last words".as_slice()));
        let membership = fleet.membership();
        assert!(membership.is_closed() || fleet.current() == [0]);
    }
}

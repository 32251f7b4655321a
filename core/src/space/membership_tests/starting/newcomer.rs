//! A device that was welcomed and has read nothing.

use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;

use super::bench::{MONTHS, published, why};
use crate::membership::Wish;
use crate::space::membership_tests::device::PLAN;
use crate::space::membership_tests::fleet::Fleet;
use crate::space::{SpaceError, StartFault};

const WRITE: Rights = Rights::WRITE;

/// Two people who have written in three documents, and renewed the key in between.
pub(super) fn written() -> Fleet {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    for round in 0..3 {
        fleet.devices[0].note(&format!("client {round}"));
        fleet.devices[0].note_in(MONTHS[0], &format!("first month {round}"));
        fleet.devices[1].note(&format!("therapist {round}"));
        fleet.settle();
        if round == 1 {
            fleet.wish(0, Wish::Rotate);
            fleet.settle();
        }
    }
    fleet.devices[0].note_in(MONTHS[1], "second month");
    fleet.settle();
    fleet
}

/// A year of others' words would be read one by one, or be gone.
#[test]
fn whoever_comes_new_has_everything_also_where_every_step_crashes() {
    for is_rough in [false, true] {
        let mut fleet = written();
        let seq = published(&mut fleet, 0);
        fleet.devices[1].note("behind it");
        fleet.devices[0].note_in(MONTHS[1], "behind it too");
        fleet.settle();
        let newcomer = fleet.add(0, 1, WRITE);
        let Fleet { relay, devices } = &mut fleet;
        devices[newcomer].is_rough = is_rough;
        let device = &mut devices[newcomer];
        device.start_and_fetch(relay, seq).unwrap();
        let shown = devices[0].records_in(MONTHS[1]);
        assert_eq!(devices[newcomer].records_in(MONTHS[1]), shown);
        assert_eq!(shown, ["behind it too", "second month"]);
        assert_eq!(devices[newcomer].records_in(MONTHS[0]).len(), 3);
        assert!(!devices[newcomer].space.rests_on_one());
        devices[newcomer].note("the newcomer's");
        devices[newcomer].note_in(MONTHS[0], "and in a month");
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.devices[1].records_in(MONTHS[0]).len(), 4);
    }
}

/// What was shown would be another plan than the one that is there, or nothing would be for long.
#[test]
fn what_has_not_come_cannot_be_read_and_may_be_written_in() {
    let mut fleet = written();
    let seq = published(&mut fleet, 0);
    fleet.devices[1].note_in(MONTHS[1], "behind it");
    fleet.settle();
    let newcomer = fleet.add(0, 1, WRITE);
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[newcomer];
    device.start(&relay.offer(seq)).unwrap();
    assert!(device.space.is_on_trial());
    let edit = |space: &mut crate::space::Space, store: &mut dyn crate::store::Store| {
        space.edit(store, MONTHS[1], |document| {
            Ok(document.put_record(b"early")?.into_iter().collect())
        })
    };
    let early = device.step(|space, store, _| edit(space, store));
    assert_eq!(early, Err(SpaceError::OnItsWay));
    device.read_on(relay).unwrap();
    assert!(device.fetch(relay).unwrap());
    assert_eq!(device.records_in(PLAN).len(), 6);
    let store = device.store.as_ref().unwrap();
    let read = device.space.document(store, MONTHS[1]).map(drop);
    assert_eq!(read, Err(SpaceError::OnItsWay));
    // Today is logged all the same, and sent.
    device.note_in(MONTHS[1], "today's");
    device.push(relay);
    device.pull_all(relay);
    while device.fetch(relay).unwrap() {}
    let all = ["behind it", "second month", "today's"];
    assert_eq!(device.records_in(MONTHS[1]), all);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.devices[0].records_in(MONTHS[1]), all);
}

/// An entry that only a later version could apply would be lost to whoever comes later.
#[test]
fn what_others_hold_back_is_held_back_here_too() {
    use waymark_wire::entry::Kind;

    let mut fleet = written();
    // A change that depends on one that nobody has, and one that does not count: its signer went.
    let text = crate::gate::encode_batch(&[]).unwrap_or_else(|_| vec![0, 1]);
    let sealed = fleet.devices[1].sealed(Kind::Batch, &text);
    fleet.devices[1].bring(Kind::Batch, &sealed);
    let Fleet { relay, devices } = &mut fleet;
    devices[1].send(relay, true);
    fleet.settle();
    let held = |fleet: &Fleet, of: usize| {
        let device = &fleet.devices[of];
        let held = device.space.quarantined(device.store()).unwrap();
        held.into_iter()
            .map(|held| (held.seq, held.device, held.reason))
            .collect::<Vec<_>>()
    };
    let before = held(&fleet, 0);
    assert_eq!(before.len(), 1);
    let seq = published(&mut fleet, 0);
    let newcomer = fleet.add(0, 1, WRITE);
    let Fleet { relay, devices } = &mut fleet;
    devices[newcomer].start_and_fetch(relay, seq).unwrap();
    assert_eq!(held(&fleet, newcomer), before);
}

/// A relay could show a log that ends before the one to which somebody was welcomed.
#[test]
fn the_entry_that_the_welcome_names_has_to_be_shown() {
    let mut fleet = written();
    let newcomer = fleet.add(0, 1, WRITE);
    fleet.devices[0].note("later");
    fleet.settle_but(newcomer);
    let seq = published_but(&mut fleet, newcomer);
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[newcomer];
    let (added, reaches) = device.space.state.welcome.unwrap();
    for welcome in [
        (waymark_wire::ids::EntryId([7; 32]), reaches),
        (added, waymark_wire::chain::Position { seq: 3, ..reaches }),
    ] {
        device.space.state.welcome = Some(welcome);
        let offer = relay.offer(seq);
        let refused = device.start(&offer);
        let relay_lies = "another entry added this device than welcomed";
        match refused {
            Err(SpaceError::Relay(why)) => assert_eq!(why, relay_lies),
            refused => assert_eq!(why(refused), StartFault::Welcome),
        }
    }
    device.space.distrust();
    device.start_and_fetch(relay, seq).unwrap();
    assert_eq!(device.space.device(), Some(DeviceNumber(2)));
    fleet.settle();
    fleet.assert_agree();
}

/// Everybody but one comes to rest.
impl Fleet {
    fn settle_but(&mut self, absent: usize) {
        let away = self.devices.remove(absent);
        self.settle();
        self.devices.insert(absent, away);
    }
}

fn published_but(fleet: &mut Fleet, absent: usize) -> u64 {
    let away = fleet.devices.remove(absent);
    let seq = published(fleet, 0);
    fleet.devices.insert(absent, away);
    seq
}

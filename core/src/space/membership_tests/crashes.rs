//! A process that dies between any two steps, with a disk that was full before each of them.

use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;

use super::device::{Pushed, new_member};
use super::fleet::{Fleet, keys_of};
use crate::membership::Wish;

const ADMIN: Rights = Rights::ADMIN;
const WRITE: Rights = Rights::WRITE;

/// Every device of the fleet in rough weather, or none.
fn fleet(is_rough: bool, others: &[(u8, Rights)]) -> Fleet {
    let mut fleet = Fleet::of(others);
    for device in &mut fleet.devices {
        device.is_rough = is_rough;
    }
    fleet
}

/// Sends with a lost answer first, so that everything is sent twice.
fn sync_twice(fleet: &mut Fleet, device: usize) {
    fleet.devices[device].pull_all(&fleet.relay);
    fleet.devices[device].prepare();
    fleet.devices[device].send(&mut fleet.relay, false);
    fleet.sync(device);
}

/// A phone is killed whenever it suits the system; no key, no wish and no edit may go with it.
#[test]
fn nothing_of_a_whole_life_is_lost_where_every_step_crashes() {
    let mut ends = Vec::new();
    for is_rough in [false, true] {
        let mut fleet = fleet(is_rough, &[(1, ADMIN), (2, WRITE), (2, WRITE), (3, WRITE)]);
        for device in 0..5 {
            fleet.devices[device].note(&format!("first of {device}"));
            sync_twice(&mut fleet, device);
        }
        // Renewed, removed, sealed again.
        fleet.wish(0, Wish::Rotate);
        fleet.wish(1, Wish::Remove(DeviceNumber(4)));
        fleet.devices[2].note("sealed before");
        fleet.devices[2].prepare();
        fleet.devices[0].prepare();
        fleet.devices[1].prepare();
        sync_twice(&mut fleet, 1);
        sync_twice(&mut fleet, 0);
        fleet.devices[2].note("unsealed before");
        sync_twice(&mut fleet, 2);
        fleet.settle();
        // Left, with others' batches on their way.
        fleet.devices[0].note("before they left");
        fleet.devices[0].prepare();
        fleet.wish(2, Wish::Leave);
        sync_twice(&mut fleet, 2);
        let refused = fleet.devices[0].send(&mut fleet.relay, true);
        assert!(matches!(refused, Pushed::Refused(_)));
        fleet.wish(1, Wish::Add(new_member(1, &keys_of(33), WRITE)));
        fleet.devices[1].pull_all(&fleet.relay);
        fleet.devices[1].prepare();
        sync_twice(&mut fleet, 0);
        sync_twice(&mut fleet, 1);
        fleet.settle();
        let new = fleet.welcome(1, 33, 1).unwrap();
        fleet.devices[new].is_rough = is_rough;
        fleet.devices[new].note("of the newcomer");
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.current(), [0, 1, new]);
        let records = fleet.devices[new].records();
        assert_eq!(records.len(), 9);
        ends.push((records, fleet.height(), fleet.relay.log.len()));
    }
    assert_eq!(ends[0], ends[1], "the weather changes nothing");
}

/// The answer to the one entry that renews this device's key is lost, and the process with it.
#[test]
fn a_rotation_whose_answer_was_lost_is_not_made_twice() {
    for is_rough in [false, true] {
        let mut fleet = fleet(is_rough, &[(2, WRITE)]);
        fleet.wish(0, Wish::Rotate);
        sync_twice(&mut fleet, 0);
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.membership().epoch_number(), 1);
        assert!(fleet.devices[0].space.state.renewed.is_none());
    }
}

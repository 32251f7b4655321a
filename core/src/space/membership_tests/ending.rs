//! Memberships that end, and what their keys are still good for.

use waymark_wire::ids::{DeviceNumber, Height, SpaceId};
use waymark_wire::membership::{MembershipBody, Rights};

use super::device::{PLAN, Pushed};
use super::fleet::Fleet;
use super::relay::{Refused, named_by};
use crate::crypto::{EpochInfo, EpochKey, open_epoch_key};
use crate::membership::{Succession, Wish};
use crate::space::SpaceError;

const ADMIN: Rights = Rights::ADMIN;
const WRITE: Rights = Rights::WRITE;

/// Tries every key that a device ever held, and everything that the relay ever had, on all that came
/// from a height on; says how many entries opened, of how many.
fn tried_by(fleet: &Fleet, device: usize, from: u32) -> (usize, usize) {
    fleet.opened_since(from, &learned_by(fleet, device, from))
}

/// Every epoch key that a device ever held, or gets with its keys out of what the relay ever had.
pub(super) fn learned_by(fleet: &Fleet, device: usize, from: u32) -> Vec<EpochKey> {
    let (mut epochs, own) = fleet.devices[device].hoarded();
    let membership = fleet.membership();
    for stored in fleet.relay.log.iter().skip(1) {
        let height = stored.entry.header().height;
        let (_, sealed) = named_by(&stored.entry);
        if sealed.is_empty() || height.0 + 1 < from {
            continue;
        }
        let core = MembershipBody::parse(stored.entry.body()).unwrap().core;
        let starts = membership.epoch_start_at(Height(height.0 + 1));
        let in_force = membership.id_at(starts).unwrap();
        // Under the name of whoever it is sealed to, and under its own.
        let names = sealed
            .iter()
            .map(|(to, _)| *to)
            .chain([fleet.number(device)]);
        for name in names {
            for epoch in [None, Some(&in_force.0)] {
                let space = &membership.space().0;
                let info = EpochInfo::new(space, &core.previous.0, epoch, name.0);
                for (keys, bytes) in own
                    .iter()
                    .flat_map(|keys| fleet.relay.ever.iter().map(move |bytes| (keys, bytes)))
                {
                    epochs.extend(open_epoch_key(keys.agreement(), &info, bytes));
                }
            }
        }
    }
    epochs
}

/// The promise of `revoke`: whoever is removed reads nothing that is written afterwards, though the
/// relay hands it everything.
#[test]
fn a_removed_device_opens_nothing_that_came_later_whatever_it_is_handed() {
    let mut fleet = Fleet::of(&[(1, WRITE), (2, WRITE)]);
    fleet.devices[2].note("before");
    fleet.settle();
    fleet.wish(0, Wish::Remove(DeviceNumber(1)));
    fleet.sync(0);
    let from = fleet.height();
    assert_eq!(fleet.membership().epoch_start(), Height(from), "it rotates");

    fleet.devices[0].note("after");
    fleet.settle();
    fleet.add(0, 3, WRITE);
    fleet.devices[2].note("later");
    fleet.wish(2, Wish::Rotate);
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.current(), [0, 2, 3]);

    assert_eq!(tried_by(&fleet, 1, from).0, 0);
    // What it could read it still can, and with a member's keys the same attempt opens everything.
    let (epochs, _) = fleet.devices[1].hoarded();
    let (opened, all) = fleet.opened_since(1, &epochs);
    assert!(opened > 0 && opened < all);
    let (opened, all) = tried_by(&fleet, 0, from);
    assert_eq!((opened, all >= 5), (all, true));

    // Its own copy stays as it was: it takes the log, and shows nothing of it.
    let (items, receipt, at_end) = fleet.relay.leak(fleet.devices[1].space.cursor().seq);
    let device = &mut fleet.devices[1];
    let before = device.records();
    let store = device.store.as_mut().unwrap();
    let received = device.space.receive(store, items, &receipt, at_end, 0);
    assert!(received.is_ok_and(|received| received.changes.is_empty()));
    assert_eq!(device.records(), before);
    assert!(device.space.has_ended());
    device.note("to itself");
    let store = device.store.as_mut().unwrap();
    assert!(!device.space.seal(store, &mut device.entropy).unwrap());
}

/// What was written while nobody had replaced the key of the one who left would otherwise be lost, or
/// read by who left.
#[test]
fn after_somebody_left_the_next_device_rotates_and_what_was_sealed_meanwhile_is_sealed_again() {
    let mut fleet = Fleet::of(&[(1, ADMIN), (2, WRITE), (2, WRITE)]);
    // Sealed, and not sent before the therapist leaves.
    for device in [0, 1] {
        for text in ["one", "two"] {
            fleet.devices[device].note(&format!("{text} of {device}"));
            fleet.devices[device].prepare();
        }
    }
    fleet.wish(2, Wish::Leave);
    fleet.sync(2);
    let from = fleet.height() + 1;
    assert!(fleet.devices[2].space.has_ended());
    assert!(fleet.membership().is_rotation_due());

    // One sends what it had, is refused, sees why, and rotates before its batches.
    let refused = fleet.devices[0].push(&mut fleet.relay);
    assert_eq!(refused, Pushed::Refused(Refused::Moved));
    fleet.devices[0].pull_all(&fleet.relay);
    fleet.devices[1].pull_all(&fleet.relay);
    for device in [0, 1] {
        fleet.devices[device].prepare();
        let device = &fleet.devices[device];
        let counters = device.space.outbox(device.store()).unwrap().into_iter();
        let kinds: Vec<_> = counters
            .map(|sealed| (sealed.counter, sealed.entry.header().kind.number()))
            .collect();
        let next = device.space.state.counters[usize::from(device.number().0)];
        assert_eq!(kinds, [(next, 1), (next + 1, 2), (next + 2, 2)]);
    }
    fleet.sync(0);
    // The other's rotation came second: it is not needed any more, and its counter is free again.
    assert_eq!(
        fleet.devices[1].send(&mut fleet.relay, true),
        Pushed::Refused(Refused::Moved)
    );
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.height(), from);
    let records = fleet.devices[0].records();
    assert_eq!(records.len(), 4);

    // Both devices of the one who left are gone, and what it knew opens nothing more.
    assert_eq!(fleet.current(), [0, 1]);
    for gone in [2, 3] {
        assert_eq!(tried_by(&fleet, gone, from).0, 0);
    }
    assert_eq!(tried_by(&fleet, 1, from), (5, 5));
}

/// A lost answer is no reason to be told that one is still a member.
#[test]
fn who_left_knows_it_also_where_the_answer_was_lost() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.wish(1, Wish::Leave);
    fleet.devices[1].prepare();
    fleet.devices[1].send(&mut fleet.relay, false);
    assert!(!fleet.devices[1].space.has_ended());
    assert_eq!(fleet.devices[1].send(&mut fleet.relay, true), Pushed::Taken);
    assert!(fleet.devices[1].space.has_ended());
    fleet.settle();
    fleet.assert_agree();
    assert!(!fleet.membership().is_rotation_due());
}

/// An own device that is given away removes itself, with nobody else online.
#[test]
fn a_device_removes_itself_and_the_next_one_rotates() {
    let mut fleet = Fleet::of(&[(1, ADMIN), (2, WRITE)]);
    fleet.devices[2].note("meanwhile");
    let own = fleet.number(1);
    fleet.wish(1, Wish::Remove(own));
    fleet.sync(1);
    assert!(fleet.devices[1].space.has_ended());
    let from = fleet.height() + 1;
    fleet.settle();
    fleet.assert_agree();
    assert_eq!(fleet.height(), from);
    assert_eq!(tried_by(&fleet, 1, from).0, 0);
    assert!(fleet.devices[0].records().contains(b"meanwhile".as_slice()));
}

/// A closed space is read for ever and changed no more; what was wanted there is given back.
#[test]
fn a_closed_space_is_read_and_nothing_more_is_wanted_there() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    fleet.devices[0].note("kept");
    fleet.settle();
    let successor = SpaceId([7; 32]);
    let height = fleet.devices[0].space.book().unwrap().membership().height();
    let succession = Succession {
        space: successor,
        entrances: Vec::new(),
        height,
    };
    fleet.wish(0, Wish::Close(Some(succession)));
    fleet.wish(1, Wish::Rotate);
    fleet.devices[1].prepare();
    fleet.sync(0);
    fleet.sync(1);
    for device in &mut fleet.devices {
        let membership = device.space.book().unwrap().membership();
        assert!(membership.is_closed());
        assert_eq!(membership.successor(), Some(successor));
        assert_eq!(device.records().len(), 1);
        let too_late = device.step(|space, store, _| {
            space.edit(store, PLAN, |document| {
                Ok(document.put_record(b"too late")?.into_iter().collect())
            })
        });
        assert!(matches!(too_late, Err(SpaceError::NotAllowed(_))));
        assert!(device.wish(&Wish::Rotate).is_err());
    }
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.devices[1].prepare();
    let [given_back] = &fleet.devices[1].unfulfilled[..] else {
        panic!("one wish is given back");
    };
    assert_eq!(given_back.wish, Wish::Rotate);
    assert_eq!(given_back.reason, "the space is closed");
    assert_eq!(
        fleet.devices[1]
            .space
            .outbox(fleet.devices[1].store())
            .unwrap()
            .len(),
        0
    );
    let again = fleet.devices[0].wish(&Wish::Close(None));
    assert_eq!(again, Err(SpaceError::NotAllowed("it is so already")));
}

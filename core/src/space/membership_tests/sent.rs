//! What was sent is done once this device has computed the chain through it, and not before.

use waymark_wire::membership::Rights;

use super::fleet::Fleet;

/// A phone would otherwise forget a check-in on the word of a relay that has signed another log.
#[test]
fn what_the_relay_names_waits_on_while_it_has_signed_another_log() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let waiting = |fleet: &Fleet| {
        let device = &fleet.devices[0];
        device.space.outbox(device.store()).unwrap().len()
    };
    fleet.devices[0].note("slept well");
    fleet.devices[0].prepare();
    fleet.devices[0].send(&mut fleet.relay, true);
    assert_eq!(waiting(&fleet), 1);

    let from = fleet.devices[0].space.cursor().seq;
    let (items, honest, at_end) = fleet.relay.page(fleet.number(0), from, 9).unwrap();
    let mut other = honest.position;
    other.chain.0[0] ^= 1;
    let signed = fleet.relay.sign(other);
    let taken = fleet.devices[0]
        .step(|space, store, _| space.receive(store, items.clone(), &signed, at_end, 0));
    assert!(taken.is_err(), "{taken:?}");
    assert_eq!(waiting(&fleet), 1, "it is sent again");

    fleet.devices[0].pull_all(&fleet.relay);
    assert_eq!(waiting(&fleet), 0);
}

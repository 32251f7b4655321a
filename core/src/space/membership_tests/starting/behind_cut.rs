//! A device that could not read what was forgotten starts at a checkpoint of what is left.

use waymark_wire::ids::DeviceNumber;

use crate::membership::Wish;
use crate::space::membership_tests::checkpoints;
use crate::space::membership_tests::device::Device;
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::forgetting::{CANARY, assert_gone, fleet, forget, gone};

/// Somebody without the key of before would see an old plan for ever, and never write again.
#[test]
fn who_could_not_read_it_starts_at_what_is_left_and_goes_on() {
    let mut fleet = fleet();
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    let start = fleet.membership().epoch_start();
    fleet.relay.lose_sealed_key(start, DeviceNumber(2));
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

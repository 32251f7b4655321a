//! Where something stands that a person wrote, as far as this device has verified the log.

use std::collections::BTreeSet;

use waymark_wire::membership::Rights;

use super::device::Device;
use super::fleet::Fleet;
use crate::gate::RecordId;
use crate::space::{Places, Standing};

/// What a device looked up before, and where a note of its person stands now.
fn standing(device: &mut Device, known: &mut Option<Places>, text: &str) -> Standing {
    let id = RecordId::of(text.as_bytes());
    let store = device.store.as_ref().unwrap();
    let standings = device.space.standings(store, known, &[id].into());
    standings.unwrap()[&id]
}

/// Which others have said that they have read a place.
fn readers(fleet: &Fleet, known: &Option<Places>, seq: u64) -> BTreeSet<usize> {
    let readers: Vec<_> = known.as_ref().unwrap().read_up_to(seq).collect();
    let devices = 0..fleet.devices.len();
    devices
        .filter(|device| readers.contains(&fleet.number(*device)))
        .collect()
}

/// A message would be shown as sent that nobody else has, or as received by who never saw it.
#[test]
fn a_note_is_in_the_log_when_the_log_shows_it_and_read_when_somebody_who_has_it_says_something() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let known = &mut None;
    fleet.devices[0].note("hello");
    assert_eq!(
        standing(&mut fleet.devices[0], known, "hello"),
        Standing::Waits
    );
    // Sealed and given to the relay is not yet in the log, whatever the relay answers.
    fleet.devices[0].prepare();
    fleet.devices[0].send(&mut fleet.relay, true);
    assert_eq!(
        standing(&mut fleet.devices[0], known, "hello"),
        Standing::Waits
    );
    fleet.devices[0].pull_all(&fleet.relay);
    let seq = fleet.devices[0].space.cursor().seq;
    let there = Standing::InLog(seq);
    assert_eq!(standing(&mut fleet.devices[0], known, "hello"), there);
    assert_eq!(readers(&fleet, known, seq), [].into());

    // Reading alone leaves no trace; what is written before it was read says nothing either.
    fleet.devices[1].note("written before it was read");
    fleet.devices[1].prepare();
    fleet.devices[1].send(&mut fleet.relay, true);
    fleet.devices[1].pull_all(&fleet.relay);
    fleet.sync(0);
    assert_eq!(standing(&mut fleet.devices[0], known, "hello"), there);
    assert_eq!(readers(&fleet, known, seq), [].into());
    fleet.devices[1].note("an answer");
    fleet.sync(1);
    fleet.sync(0);
    assert_eq!(standing(&mut fleet.devices[0], known, "hello"), there);
    assert_eq!(readers(&fleet, known, seq), [1].into());

    // It comes out alike when it is looked up from nothing, and after the process has died.
    fleet.devices[0].crash();
    let anew = &mut None;
    assert_eq!(standing(&mut fleet.devices[0], anew, "hello"), there);
    assert_eq!(readers(&fleet, anew, seq), [1].into());
}

/// A message that the relay has lost would be called sent for ever.
#[test]
fn what_the_log_has_no_more_waits_again_and_is_read_by_nobody() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let known = &mut None;
    let before = fleet.devices[0].space.cursor().seq;
    fleet.devices[0].note("hello");
    fleet.sync(0);
    fleet.sync(1);
    fleet.devices[1].note("an answer");
    fleet.sync(1);
    fleet.sync(0);
    let seq = before + 1;
    assert_eq!(
        standing(&mut fleet.devices[0], known, "hello"),
        Standing::InLog(seq)
    );
    assert_eq!(readers(&fleet, known, seq), [1].into());

    let back = |space: &mut crate::space::Space, store: &mut dyn crate::store::Store| {
        space.rewind(store, before)
    };
    fleet.devices[0]
        .step(|space, store, _| back(space, store))
        .unwrap();
    assert_eq!(
        standing(&mut fleet.devices[0], known, "hello"),
        Standing::Waits
    );
    assert_eq!(readers(&fleet, known, seq), [].into());
    // The same log comes again: so does what it says.
    fleet.devices[0].pull_all(&fleet.relay);
    assert_eq!(
        standing(&mut fleet.devices[0], known, "hello"),
        Standing::InLog(seq)
    );
    assert_eq!(readers(&fleet, known, seq), [1].into());
}

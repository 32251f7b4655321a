//! Where something stands that a person wrote, as far as this device has verified the log.

use std::collections::BTreeSet;

use waymark_wire::checkpoint::REST;
use waymark_wire::membership::Rights;

use super::copies::{become_a_member, give_up};
use super::device::Device;
use super::fleet::Fleet;
use super::letting_go::{START, covered, look};
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

/// Words on a phone that was restored would be called sent because its other copy has sent something.
#[test]
fn what_a_copy_wrote_waits_until_it_is_sent_under_keys_of_its_own() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let known = &mut None;
    fleet.devices[1].note("before");
    fleet.settle();
    let mut copy = fleet.devices[1].copy();
    fleet.devices[1].note("of the first");
    fleet.settle();
    copy.note("of the copy");
    give_up(&mut copy, &fleet.relay);
    assert_eq!(standing(&mut copy, known, "of the copy"), Standing::Waits);
    become_a_member(&mut copy, &mut fleet.relay);
    copy.pull_all(&fleet.relay);
    let end = copy.space.cursor().seq;
    for (text, is_last) in [("before", false), ("of the copy", true)] {
        let stands = standing(&mut copy, known, text);
        let Standing::InLog(seq) = stands else {
            panic!("{text}: {stands:?}");
        };
        assert_eq!(seq == end, is_last, "{text}");
    }
}

/// A device that keeps only the log's end would call old words unsent, and new ones sent that are not.
#[test]
fn what_stands_before_all_that_a_device_keeps_is_in_the_log() {
    let (mut fleet, end) = covered();
    let known = &mut None;
    fleet.settle();
    look(&mut fleet.devices[1], START);
    look(&mut fleet.devices[1], START + REST);
    fleet.devices[1].note("new");
    let before = Standing::InLog(end);
    assert_eq!(
        standing(&mut fleet.devices[1], known, "therapist 0"),
        before
    );
    assert_eq!(
        standing(&mut fleet.devices[1], known, "new"),
        Standing::Waits
    );
    assert!(readers(&fleet, known, end).contains(&0));
    fleet.settle();
    let stands = standing(&mut fleet.devices[1], known, "new");
    assert!(
        matches!(stands, Standing::InLog(seq) if seq > end),
        "{stands:?}"
    );
}

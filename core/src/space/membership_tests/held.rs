//! What a member's other software wrote and the gate refuses: it costs that member's words, nobody
//! else's, and a person decides about it.

use waymark_wire::codec;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::membership::Rights;
use waymark_wire::padding;

use super::device::PLAN;
use super::fleet::Fleet;
use crate::crypto::seal;
use crate::gate::{Document, Section};
use crate::store::{Store, Table, Transaction};

/// The sections of a device's first changes in the plan, one each.
pub(super) fn sections(fleet: &Fleet, device: usize, notes: &[&str]) -> Vec<Vec<u8>> {
    let mut document = Document::new(fleet.devices[device].space.actor());
    notes
        .iter()
        .map(|note| {
            let stored = document.put_record(note.as_bytes()).unwrap();
            let stored = stored.map(|change| change.stored);
            Section::build(PLAN, stored).unwrap().raw().to_vec()
        })
        .collect()
}

/// Has a member's other software append a batch of one section.
pub(super) fn write(fleet: &mut Fleet, device: usize, section: &[u8]) -> u64 {
    let membership = fleet.membership();
    let log = fleet.relay.log.iter();
    let own = log.filter(|stored| stored.entry.header().device == fleet.number(device));
    let header = Header {
        kind: Kind::Batch,
        device: fleet.number(device),
        counter: u32::try_from(own.count()).unwrap(),
        height: membership.height(),
        seen: fleet.devices[device].space.cursor().position(),
        salt: [5; 16],
    };
    let (space, head) = (*membership.space(), membership.head());
    let mut text = [&[0], section].concat();
    padding::pad(&mut text);
    let own = &fleet.devices[device].space;
    let key = own.book().unwrap().key_at(header.height).unwrap();
    let body = seal(key, &space.0, &head.0, &header.to_bytes(), text).unwrap();
    let key = own.signing_key();
    let entry = Entry::assemble(header, &body, &space, &head, |text| key.sign(text));
    fleet.relay.append(&[entry], &[]).unwrap();
    u64::try_from(fleet.relay.log.len()).unwrap()
}

pub(super) fn held(fleet: &Fleet) -> Vec<(u64, Option<u32>, String)> {
    let reader = &fleet.devices[0];
    let held = reader.space.quarantined(reader.store()).unwrap();
    let shown = held.into_iter();
    shown.map(|h| (h.seq, h.section, h.reason)).collect()
}

/// Makes the reader believe that the app died in its runs before, in an entry.
fn died(fleet: &mut Fleet, seq: u64, begun: u32) {
    died_in(fleet, 0, seq, begun);
}

/// The same of any device.
pub(super) fn died_in(fleet: &mut Fleet, device: usize, seq: u64, begun: u32) {
    let mut row = Transaction::new();
    let journal = codec::encode(&Journal {
        from: seq,
        to: seq,
        at: seq,
        begun,
    });
    row.put(Table::Journal, 0_u32.to_be_bytes(), journal);
    let store = fleet.devices[device].store.as_mut();
    store.unwrap().commit(row.into()).unwrap();
    fleet.devices[device].crash();
}

#[derive(minicbor::Encode)]
#[cbor(map)]
struct Journal {
    #[n(0)]
    from: u64,
    #[n(1)]
    to: u64,
    #[n(2)]
    at: u64,
    #[n(3)]
    begun: u32,
}

/// One bad member could otherwise fill every phone of the space twice over.
#[test]
fn a_flood_of_bad_sections_keeps_no_copies_and_can_be_looked_at() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let mut section = sections(&fleet, 1, &["x".repeat(3000).as_str()]).remove(0);
    *section.last_mut().unwrap() ^= 1;
    let seqs: Vec<u64> = (0..9).map(|_| write(&mut fleet, 1, &section)).collect();
    fleet.sync(0);
    let told = seqs
        .iter()
        .map(|seq| (*seq, Some(0), "hash_mismatch".into()));
    assert_eq!(held(&fleet), told.collect::<Vec<_>>());
    let reader = &fleet.devices[0];
    let rows = reader
        .store()
        .scan(Table::Quarantine, &[], None, usize::MAX);
    let bytes: usize = rows.unwrap().iter().map(|(_, value)| value.len()).sum();
    assert!(
        bytes < section.len(),
        "{bytes} bytes for nine of {}",
        section.len()
    );
    let looked = reader
        .space
        .inspect_held(reader.store(), (seqs[3], Some(0)));
    assert_eq!(looked.unwrap().unwrap().bytes, section);
}

/// What only a version before this refused, or an app that died by chance, would be lost for good.
#[test]
fn what_is_released_counts_with_all_that_waited_behind_it() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let written = sections(&fleet, 1, &["first", "second"]);
    let seq = write(&mut fleet, 1, &written[0]);
    died(&mut fleet, seq, 2);
    fleet.sync(0);
    assert_eq!(held(&fleet), [(seq, None, "killed_the_app".into())]);
    write(&mut fleet, 1, &written[1]);
    fleet.devices[0].note("mine");
    fleet.sync(0);
    let reader = &mut fleet.devices[0];
    assert_eq!((reader.space.waiting(), reader.records().len()), (1, 1));
    reader.crash();
    let released = reader.step(|space, store, _| space.release(store, (seq, None)));
    let released = released.unwrap().unwrap();
    assert!(released.applied && !released.waits);
    assert_eq!(released.changes.len(), 2);
    reader.crash();
    assert_eq!((reader.space.waiting(), reader.records().len()), (0, 3));
    assert_eq!(held(&fleet), []);
}

/// A section that is as bad as before must not vanish because somebody tried.
#[test]
fn what_is_still_refused_stays_held_and_nothing_is_released_twice() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let mut section = sections(&fleet, 1, &["bad"]).remove(0);
    *section.last_mut().unwrap() ^= 1;
    let seq = write(&mut fleet, 1, &section);
    fleet.sync(0);
    let reader = &mut fleet.devices[0];
    let released = reader.step(|space, store, _| space.release(store, (seq, Some(0))));
    let released = released.unwrap().unwrap();
    assert!(!released.applied && !released.waits);
    let nothing = reader.step(|space, store, _| space.release(store, (seq, Some(1))));
    assert_eq!(nothing, Ok(None));
    reader.crash();
    assert_eq!(held(&fleet), [(seq, Some(0), "hash_mismatch".into())]);
}

/// Whoever discards something wants it gone, also after the next start and the next page.
#[test]
fn what_is_discarded_never_comes_back_and_what_came_behind_it_is_held() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let mut written = sections(&fleet, 1, &["first", "second", "third"]);
    *written[0].last_mut().unwrap() ^= 1;
    let first = write(&mut fleet, 1, &written[0]);
    let second = write(&mut fleet, 1, &written[1]);
    fleet.sync(0);
    assert_eq!(fleet.devices[0].space.waiting(), 1);
    let discarded = fleet.devices[0].step(|space, store, _| space.discard(store, (first, Some(0))));
    assert_eq!(discarded, Ok(true));
    let behind = |seq| (seq, Some(0), "behind_discarded".to_owned());
    assert_eq!(held(&fleet), [behind(second)]);
    fleet.devices[0].crash();
    let third = write(&mut fleet, 1, &written[2]);
    fleet.sync(0);
    fleet.devices[0].crash();
    assert_eq!(held(&fleet), [behind(second), behind(third)]);
    let again = fleet.devices[0].step(|space, store, _| space.discard(store, (first, Some(0))));
    assert_eq!(again, Ok(false));
    assert_eq!(fleet.devices[0].space.waiting(), 0);
    assert_eq!(fleet.devices[0].records().len(), 0);
}

/// Phones kill apps at any time: what was being read just then is not at fault.
#[test]
fn an_entry_that_was_being_opened_once_or_twice_is_opened_again() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let written = sections(&fleet, 1, &["first", "second"]);
    for (begun, section) in (0..).zip(&written) {
        let seq = write(&mut fleet, 1, section);
        died(&mut fleet, seq, begun);
        fleet.sync(0);
        assert_eq!(held(&fleet), []);
        let shown = fleet.devices[0].records().len();
        assert_eq!(u32::try_from(shown).unwrap(), begun + 1);
        let rows = fleet.devices[0].store().scan(Table::Journal, &[], None, 1);
        assert_eq!(rows.unwrap(), []);
    }
}

/// A full disk in the middle of a page is not a death, however often it happens.
#[test]
fn a_disk_that_fails_while_entries_are_opened_has_none_held() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let section = sections(&fleet, 1, &["good"]).remove(0);
    let seq = write(&mut fleet, 1, &section);
    died(&mut fleet, seq, 1);
    let reader = &mut fleet.devices[0];
    reader.is_rough = true;
    for _ in 0..4 {
        reader.pull_all(&fleet.relay);
    }
    reader.is_rough = false;
    assert_eq!(held(&fleet), []);
    assert_eq!(fleet.devices[0].records().len(), 1);
}

//! Something is forgotten: what is left of it, what of the rest, and on whose devices.

use waymark_wire::codec::Bytes;
use waymark_wire::entry::Kind;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{Op, Rights};

use super::device::{Device, PLAN, Pushed};
use super::fleet::Fleet;
use super::liars::lie;
use crate::crypto::EpochKey;
use crate::forgotten::Forgotten;
use crate::gate::{DocumentName, RecordId, TextId};
use crate::membership::{ToForget, Wish};
use crate::space::SpaceError;
use crate::store::{Store, Table};

/// What must be nowhere.
pub(super) const CANARY: &str = "a canary in the diary";
pub(super) const WRITE: Rights = Rights::WRITE;
pub(super) const TEXT: TextId = TextId([5; 16]);

pub(super) fn forget(text: &str) -> Wish {
    forget_all([RecordId::of(text.as_bytes())], [])
}

fn forget_all(
    records: impl IntoIterator<Item = RecordId>,
    texts: impl IntoIterator<Item = TextId>,
) -> Wish {
    let named = Forgotten {
        records: records.into_iter().collect(),
        texts: texts.into_iter().collect(),
    };
    let all = named.clone();
    Wish::Forget(ToForget { named, all })
}

/// A record that names another one.
fn about(text: &str) -> Vec<u8> {
    [b"about ", RecordId::of(text.as_bytes()).0.as_slice()].concat()
}

/// A client's phone and tablet, a therapist, and a diary with a canary that the therapist wrote.
pub(super) fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&[(1, Rights::ADMIN), (2, WRITE)]);
    fleet.devices[0].note("before");
    fleet.devices[2].note(CANARY);
    fleet.settle();
    fleet.devices[1].note("after");
    fleet.settle();
    fleet
}

/// The client replaces the key, and the relay loses the new one that is for the therapist.
pub(super) fn rotate_without_therapist(fleet: &mut Fleet) {
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    lose_key_of_therapist(fleet);
}

/// The relay loses the therapist's key of the epoch in force.
fn lose_key_of_therapist(fleet: &mut Fleet) {
    let start = fleet.membership().epoch_start();
    fleet.relay.lose_sealed_key(start, DeviceNumber(2));
}

/// Nobody wants to find it any more.
pub(super) fn gone(fleet: &mut Fleet, text: &str) {
    for device in &mut fleet.devices {
        device.notes.remove(text.as_bytes());
    }
}

/// Everybody shows all that anybody wrote, and what stands in the place of what was forgotten.
fn assert_agree(fleet: &mut Fleet) {
    let placeholders = |device: &mut Device| {
        let records = device.records();
        let is_placeholder = |record: &&Vec<u8>| record.starts_with(&[0xa3, 0, 13]);
        records.iter().filter(is_placeholder).count()
    };
    fleet.assert_agree();
    for device in fleet.current() {
        assert!(placeholders(&mut fleet.devices[device]) > 0);
    }
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Every row of every table of a device.
fn rows(device: &Device) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tables = Table::ALL.into_iter();
    let rows = tables.flat_map(|table| {
        let rows = device.store().scan(table, &[], None, usize::MAX).unwrap();
        rows.into_iter()
            .map(move |(key, value)| (table, key, value))
    });
    rows.collect()
}

/// Nothing that a device holds says it, and nothing that it holds opens an entry of the relay's before
/// the cut.
pub(super) fn assert_gone(fleet: &Fleet, index: usize, what: &[u8]) {
    let device = &fleet.devices[index];
    let id = RecordId::of(what);
    for (table, key, value) in rows(device) {
        assert!(
            !holds(&value, what),
            "{index} holds it in {table:?} {key:?}"
        );
        assert!(!holds(&value, &id.0), "{index} names it in {table:?}");
    }
    let cut = fleet.membership().cut().unwrap_or_default();
    let epochs = device.store().scan(Table::Epoch, &[], None, usize::MAX);
    let epochs = epochs.unwrap().into_iter();
    let keys: Vec<_> = epochs
        .map(|(_, key)| EpochKey::from_slice(&key).unwrap())
        .collect();
    for stored in fleet.relay.log.iter().skip(1) {
        let header = stored.entry.header();
        let follows = u32::from(header.kind == Kind::Membership);
        if header.height.0 + follows < cut.0 {
            let opens = keys.iter().any(|key| fleet.opens(&stored.entry, key));
            assert!(!opens, "{index} opens {header:?}");
        }
    }
}

/// Once everybody has read and sent, all agree, and nobody holds what was forgotten.
fn assert_forgotten(fleet: &mut Fleet) {
    gone(fleet, CANARY);
    fleet.settle();
    assert_agree(fleet);
    for device in 0..fleet.devices.len() {
        assert_gone(fleet, device, CANARY.as_bytes());
    }
}

fn notices(device: &Device) -> Vec<(u16, usize, u32)> {
    let notices = device.space.notices(device.store()).unwrap();
    let told = |notice: &crate::space::Notice| {
        let records = notice.given_up.records.values().map(|n| *n as usize);
        (notice.by.0, records.sum(), notice.given_up.texts)
    };
    notices.iter().map(told).collect()
}

/// Otherwise a secret stays in somebody's database, or what somebody wrote on a train is lost, or they
/// never read each other again.
#[test]
fn everybody_forgets_alike_and_keeps_what_is_not_about_it() {
    for is_rough in [false, true] {
        let mut fleet = fleet();
        fleet.devices[1].is_rough = is_rough;
        fleet.devices[2].is_rough = is_rough;
        // Not sent; sealed and not sent; sent and refused.
        fleet.devices[1].note("offline, on the tablet");
        fleet.devices[1].put(PLAN, &[&about(CANARY)]);
        fleet.devices[2].note("offline, of the therapist");
        fleet.devices[2].prepare();
        fleet.devices[2].note("and more");
        fleet.devices[2].put(PLAN, &[CANARY.as_bytes()]);
        fleet.wish(0, forget(CANARY));
        fleet.devices[0].note("what the client wrote meanwhile");
        fleet.sync(0);
        let cut = fleet.membership().cut();
        assert_eq!(cut, Some(fleet.membership().height()));
        let sent = fleet.devices[2].push(&mut fleet.relay);
        assert!(is_rough || matches!(sent, Pushed::Refused(_)));
        gone(&mut fleet, CANARY);
        fleet.settle();
        assert_agree(&mut fleet);
        for device in 0..3 {
            assert_gone(&fleet, device, CANARY.as_bytes());
            let records = fleet.devices[device].records();
            assert!(!records.contains(&about(CANARY)));
        }
        let told: Vec<_> = fleet.devices.iter().map(notices).collect();
        assert_eq!(told, [vec![], vec![(0, 1, 0)], vec![]]);
        let tablet = &mut fleet.devices[1];
        tablet
            .step(|space, store, _| space.dismiss_notices(store))
            .unwrap();
        assert_eq!(notices(tablet), []);
        // They go on, and start again.
        for device in 0..3 {
            fleet.devices[device].note(&format!("afterwards, by {device}"));
        }
        fleet.settle();
        for device in &mut fleet.devices {
            device.crash();
        }
        fleet.settle();
        assert_agree(&mut fleet);
    }
}

/// One of two people's wishes would be lost, or the second one undo the first.
#[test]
fn two_who_forget_at_once_both_have_their_way() {
    for same in [false, true] {
        let mut fleet = fleet();
        let other = if same { CANARY } else { "after" };
        fleet.devices[0].wish(&forget(CANARY)).unwrap();
        fleet.devices[1].wish(&forget(other)).unwrap();
        for device in [0, 1] {
            fleet.devices[device].note(&format!("meanwhile, by {device}"));
            fleet.devices[device].pull_all(&fleet.relay);
        }
        for device in [0, 1] {
            fleet.devices[device].push(&mut fleet.relay);
            fleet.devices[device].push(&mut fleet.relay);
        }
        for text in [CANARY, other] {
            gone(&mut fleet, text);
        }
        fleet.settle();
        assert_agree(&mut fleet);
        let cuts = fleet.membership().cuts().len();
        assert_eq!(cuts, if same { 1 } else { 2 });
        for device in 0..3 {
            for text in [CANARY, other] {
                assert_gone(&fleet, device, text.as_bytes());
            }
            let store = fleet.devices[device].store();
            assert!(
                fleet.devices[device]
                    .space
                    .wishes(store)
                    .unwrap()
                    .is_empty()
            );
        }
    }
}

/// What was said about it while it was being forgotten would stay, with everybody.
#[test]
fn what_comes_between_the_wish_and_its_place_goes_too() {
    let mut fleet = fleet();
    fleet.devices[0].wish(&forget(CANARY)).unwrap();
    fleet.devices[0].pull_all(&fleet.relay);
    fleet.devices[2].put(PLAN, &[&about(CANARY)]);
    fleet.sync(2);
    fleet.devices[0].push(&mut fleet.relay);
    assert_forgotten(&mut fleet);
    for device in &mut fleet.devices {
        assert!(!device.records().contains(&about(CANARY)));
    }
    assert_eq!(fleet.membership().cuts().len(), 2);
}

/// A therapist could otherwise have the client's words erased.
#[test]
fn only_who_leads_wants_it() {
    let mut fleet = fleet();
    let refused = fleet.devices[2].wish(&forget("before"));
    assert!(matches!(refused, Err(SpaceError::NotAllowed(_))));
    assert_eq!(fleet.membership().cut(), None);
}

/// Words in a text, and half a text of one's own, would otherwise be lost or stay.
#[test]
fn texts_are_forgotten_and_edits_of_others_go_on() {
    const KEPT: TextId = TextId([6; 16]);
    let mut fleet = fleet();
    for (id, words) in [(TEXT, "the canary text"), (KEPT, "one three")] {
        fleet.devices[2].write_text(id, words);
    }
    fleet.settle();
    fleet.devices[1].type_at(TEXT, 4, "whole ");
    fleet.devices[1].type_at(KEPT, 4, "two ");
    fleet.devices[2].type_at(KEPT, 9, " four");
    fleet.wish(0, forget_all([], [TEXT]));
    fleet.sync(0);
    fleet.settle();
    fleet.assert_agree();
    for device in &mut fleet.devices {
        assert_eq!(device.text(KEPT).as_deref(), Some("one two three four"));
        assert_eq!(device.text(TEXT), None);
    }
    assert_eq!(notices(&fleet.devices[1]), [(0, 0, 1)]);
    for device in 0..3 {
        for words in [&b"canary text"[..], b"whole", &TEXT.0] {
            let rows = rows(&fleet.devices[device]);
            assert!(!rows.iter().any(|(.., value)| holds(value, words)));
        }
    }
}

/// Whoever comes later must not need to be handed the past for the names, and those who have gone stay
/// who they were: what they wrote would count no more.
#[test]
fn those_who_had_gone_keep_their_names_for_whoever_comes_later() {
    let mut fleet = fleet();
    fleet.devices[2].note("by one who leaves");
    fleet.settle();
    fleet.wish(0, Wish::Remove(DeviceNumber(2)));
    fleet.settle();
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.settle();
    let new = fleet.add(0, 4, WRITE);
    fleet.devices[new].pull_all(&fleet.relay);
    fleet.devices[0].crash();
    for device in [0, 1, new] {
        let book = fleet.devices[device].space.book().unwrap();
        let former = book.roster(DeviceNumber(2)).unwrap();
        assert_eq!(former.name, "person 2");
        assert!(book.kind().is_some());
    }
    // It has no key of before, and holds nothing back for that.
    let newcomer = &fleet.devices[new];
    assert_eq!(newcomer.space.quarantined(newcomer.store()).unwrap(), []);
    assert!(newcomer.space.lacks_what_was_before());
    assert_eq!(
        rows(newcomer)
            .iter()
            .filter(|row| row.0 == Table::Epoch)
            .count(),
        1
    );
}

/// A device that had not got the key before this would otherwise mix a past that it cannot read with
/// what the others made of it.
#[test]
fn who_cannot_read_what_is_forgotten_waits_for_what_is_left() {
    let mut fleet = fleet();
    rotate_without_therapist(&mut fleet);
    fleet.devices[2].note("unsent, of one who was away");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    fleet.devices[2].pull_all(&fleet.relay);
    let away = &mut fleet.devices[2];
    assert!(away.space.lacks_what_was_before() && away.space.holds_key());
    assert_eq!(away.push(&mut fleet.relay), Pushed::Nothing);
    assert!(
        away.records()
            .contains(b"unsent, of one who was away".as_slice())
    );
    // Neither entries nor keys of before are left.
    assert_gone_from_log(away);
}

fn assert_gone_from_log(device: &Device) {
    let kinds = device.space.entries(device.store()).unwrap();
    let first = kinds.first().unwrap().header();
    assert_eq!(first.kind, Kind::Membership);
    assert!(device.space.book().unwrap().key_at(first.height).is_none());
}

/// The key that comes with the entry may be left out, and come later: nothing is written in between
/// that nobody could read.
#[test]
fn who_gets_the_new_key_later_forgets_then() {
    let mut fleet = fleet();
    fleet.devices[2].note("unsent");
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    lose_key_of_therapist(&mut fleet);
    fleet.devices[2].pull_all(&fleet.relay);
    assert!(fleet.devices[2].records().contains(CANARY.as_bytes()));
    assert_forgotten(&mut fleet);
}

/// Somebody could otherwise make everybody throw away their keys, and forget nothing.
#[test]
fn an_entry_that_says_it_wrongly_forgets_nothing_and_takes_nothing_along() {
    let twists: [fn(&mut crate::membership::Roster); 2] = [
        |roster| roster.forgotten = None,
        |roster| roster.forgotten = Some(Bytes(vec![7; 64])),
    ];
    for twist in twists {
        let mut fleet = fleet();
        let records = fleet.devices[1].records();
        lie(&mut fleet, 0, None, |lie| {
            lie.core.ops.push(Op::Forget);
            twist(&mut lie.roster);
        });
        for device in [1, 2] {
            fleet.devices[device].pull_all(&fleet.relay);
        }
        for device in [1, 2] {
            let device = &mut fleet.devices[device];
            assert_eq!(device.records(), records);
            let entries = device.space.entries(device.store()).unwrap();
            assert_eq!(entries.len(), fleet.relay.log.len());
            let held = device.space.quarantined(device.store()).unwrap();
            assert_eq!(held.len(), 1);
        }
        for device in [1, 2] {
            fleet.devices[device].note(&format!("{device} goes on"));
            fleet.sync(device);
        }
        fleet.devices[1].pull_all(&fleet.relay);
        let records = fleet.devices[1].records();
        assert_eq!(fleet.devices[2].records(), records);
    }
}

/// Behind the place at which something was forgotten nobody can go back: nobody has what stood there.
#[test]
fn nobody_goes_back_before_it() {
    let mut fleet = fleet();
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    let place = fleet.relay.log.len() as u64;
    gone(&mut fleet, CANARY);
    fleet.settle();
    fleet.devices[0].note("behind it");
    fleet.settle();
    for device in &mut fleet.devices {
        let before = device.records();
        for seq in [0, 1, place - 1] {
            let back = device.step(|space, store, _| space.rewind(store, seq));
            assert_eq!(back, Err(SpaceError::Forgotten { seq: place }));
        }
        assert_eq!(device.records(), before);
        // What it gives back begins with that entry, onto a log that reaches it.
        assert_eq!(device.space.cannot_give_back(place - 1), None);
        let refused = Some(SpaceError::Forgotten { seq: place });
        assert_eq!(device.space.cannot_give_back(place - 2), refused);
        let returned = device.space.returned_after(device.store(), place - 1);
        let first = returned.unwrap().entries.remove(0);
        assert_eq!(first.header().kind, Kind::Membership);
        let earlier = device.space.earlier(device.store(), None).unwrap();
        assert!(earlier.iter().any(|known| known.seq == place - 1));
        device
            .step(|space, store, _| space.rewind(store, place))
            .unwrap();
    }
    fleet.settle();
    assert_agree(&mut fleet);
}

/// Otherwise what a relay had lost, and nobody had given back, is lost with what is forgotten.
#[test]
fn what_a_relay_had_lost_is_said_again_by_whoever_said_it() {
    let mut fleet = fleet();
    let place = fleet.relay.log.len() as u64;
    fleet.devices[1].note("on the tablet");
    fleet.devices[2].note("of the therapist");
    // The client's phone reads none of it, and so has nothing to give back.
    for device in [1, 2, 1] {
        fleet.sync(device);
    }
    fleet.relay.forget_after(place);
    for device in [1, 2] {
        let device = &mut fleet.devices[device];
        device
            .step(|space, store, _| space.rewind(store, place))
            .unwrap();
    }
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    assert!(fleet.membership().cut().is_some());
    assert_forgotten(&mut fleet);
}

/// Documents beside the one that holds it are touched as little as can be.
#[test]
fn it_is_forgotten_in_every_document_and_others_stay_as_they_are() {
    const OTHER: DocumentName = DocumentName { kind: 2, part: 7 };
    const THIRD: DocumentName = DocumentName { kind: 9, part: 0 };
    let mut fleet = fleet();
    for (name, text) in [(OTHER, "alone"), (THIRD, CANARY)] {
        fleet.devices[0].put(name, &[text.as_bytes()]);
    }
    fleet.settle();
    let heads = |device: &mut Device, name| {
        let store = device.store.as_ref().unwrap();
        device.space.document(store, name).unwrap().heads()
    };
    let before = heads(&mut fleet.devices[1], OTHER);
    let third = heads(&mut fleet.devices[1], THIRD);
    fleet.wish(0, forget(CANARY));
    fleet.sync(0);
    gone(&mut fleet, CANARY);
    fleet.settle();
    assert_agree(&mut fleet);
    let after = heads(&mut fleet.devices[0], THIRD);
    for device in 0..3 {
        assert_eq!(heads(&mut fleet.devices[device], OTHER), before);
        assert_eq!(heads(&mut fleet.devices[device], THIRD), after);
        assert_gone(&fleet, device, CANARY.as_bytes());
    }
    assert_ne!(after, third);
}

/// More than one entry holds is forgotten by several.
#[test]
fn as_much_as_is_wanted_is_forgotten() {
    let mut fleet = Fleet::of(&[(2, WRITE)]);
    let texts: Vec<String> = (0..2_100).map(|n| format!("{CANARY} {n}")).collect();
    for texts in texts.chunks(300) {
        let records: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        fleet.devices[0].put(PLAN, &records);
    }
    fleet.devices[1].note("kept");
    fleet.settle();
    let records = texts.iter().map(|text| RecordId::of(text.as_bytes()));
    fleet.wish(0, forget_all(records, []));
    fleet.settle();
    assert_agree(&mut fleet);
    assert_eq!(fleet.membership().cuts().len(), 2);
    for device in 0..2 {
        assert_gone(&fleet, device, CANARY.as_bytes());
    }
}

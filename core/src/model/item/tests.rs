//! What holds for items of every kind in the list.

use minicbor::{Decoder, Encoder};

use super::*;
use crate::model::kinds::{Content, samples};
use crate::model::testing::{Space, client, therapist};
use crate::model::{ItemView, NewRecord, RecordId};

/// Every kind with a space that has what its sample names.
pub(super) fn all() -> Vec<(Space, Content, u64)> {
    let kinds = samples(&mut Space::default()).len();
    let of_kind = (0..kinds).map(|kind| {
        let mut space = Space::default();
        let (content, keys) = samples(&mut space).swap_remove(kind);
        space.clock += 1_000;
        (space, content, keys)
    });
    of_kind.collect()
}

fn add(space: &mut Space, content: &Content) -> RecordId {
    let record = put(space, content);
    content.only_for().unwrap_or(record)
}

fn put(space: &mut Space, content: &Content) -> RecordId {
    space.clock += 1;
    space.put(client(), |plan, stamp| content.add(plan, None, stamp))
}

fn change(space: &mut Space, id: RecordId, content: &Content) -> RecordId {
    space.clock += 1;
    let log = space.log();
    let log = content.kind().is_of_a_day().then_some(&log);
    space.put(client(), |plan, stamp| content.change(plan, log, id, stamp))
}

fn remove(space: &mut Space, id: RecordId, kind: Kind) -> RecordId {
    space.clock += 1;
    let log = space.log();
    let log = kind.is_of_a_day().then_some(&log);
    space.put(client(), |plan, stamp| kind.remove(plan, log, id, stamp))
}

fn item(space: &Space, kind: Kind, id: RecordId) -> Option<ItemView> {
    let mut items = match kind.is_of_a_day() {
        true => space.log().items(kind, &space.plan()),
        false => space.plan().items(kind),
    };
    items.retain(|item| item.id == id);
    items.pop()
}

fn may_change(space: &Space, id: RecordId, content: &Content) -> bool {
    let log = space.log();
    let log = content.kind().is_of_a_day().then_some(&log);
    let stamp = Space::stamp(client(), space.clock);
    content.change(&space.plan(), log, id, &stamp).is_ok()
}

/// What a person wrote would read as something else, or not at all.
#[test]
fn what_is_added_is_there_and_says_the_same() {
    for (mut space, content, _) in all() {
        let id = add(&mut space, &content);
        let item = item(&space, content.kind(), id).unwrap();
        assert_eq!(item.content, content);
        assert!(!item.needs_newer_app && !item.was_removed && item.others.is_empty());
        assert!(serde_json::to_value(&item).is_ok());
        assert_eq!(item.date.is_some(), content.kind().is_of_a_day());
    }
}

/// An older app would take away what a newer one wrote, whenever it changed something beside it.
#[test]
fn fields_of_a_newer_app_survive_a_change() {
    for (mut space, content, keys) in all() {
        let made = content.add(&space.plan(), None, &Space::stamp(client(), space.clock));
        let made = made.unwrap();
        let newer = with_field(&made, keys, "of a newer app");
        let record = space.store(newer, client());
        let id = content.only_for().unwrap_or(record);
        let seen = item(&space, content.kind(), id).unwrap();
        assert!(seen.needs_newer_app, "{:?}", content.kind());
        if !may_change(&space, id, &content) {
            continue;
        }
        change(&mut space, id, &content);
        // Where there is one for each of something, adding says it anew.
        let anew = content.only_for().map(|_| put(&mut space, &content));
        let changed = item(&space, content.kind(), id).unwrap();
        assert!(changed.needs_newer_app, "{:?}", content.kind());
        let has_it = |bytes: &[u8]| bytes.windows(14).any(|part| part == b"of a newer app");
        let records = space.records.iter();
        assert_eq!(
            records
                .filter(|stored| has_it(&stored.record.bytes))
                .count(),
            2 + usize::from(anew.is_some())
        );
    }
}

/// Fields of this app would be handed on twice, or a newer app's thrown away.
#[test]
fn the_number_of_keys_is_that_of_a_sample() {
    for (space, content, keys) in all() {
        let made = content.add(&space.plan(), None, &Space::stamp(client(), space.clock));
        let highest = body_keys(&made.unwrap().bytes).into_iter().max();
        assert_eq!(highest, keys.checked_sub(1), "{:?}", content.kind());
    }
}

/// What somebody removed would stay, or what somebody else still works on would go.
#[test]
fn what_is_removed_is_gone_and_a_change_that_did_not_know_of_it_wins() {
    for (mut space, content, _) in all() {
        let id = add(&mut space, &content);
        let mut phone = space.clone();
        remove(&mut space, id, content.kind());
        assert_eq!(item(&space, content.kind(), id), None);
        if may_change(&phone, id, &content) {
            change(&mut phone, id, &content);
            space.merge(&phone);
            assert!(item(&space, content.kind(), id).unwrap().was_removed);
        }
    }
}

/// Whoever is not asked would write in a plan.
#[test]
fn who_may_not_write_it_is_refused_and_left_out() {
    for (mut space, content, _) in all() {
        if content.kind().writers().contains(&Role::Therapist) {
            continue;
        }
        let refused = space.refused(therapist(), |plan, stamp| content.add(plan, None, stamp));
        assert!(
            matches!(refused, InputError::NotYourRole { .. }),
            "{refused}"
        );
        let forged = space.forge(therapist(), |plan| {
            content.add(plan, None, &Space::stamp(client(), 9_999))
        });
        let id = content.only_for().unwrap_or(forged);
        assert_eq!(item(&space, content.kind(), id), None);
    }
}

/// Where a person asks that a goal is forgotten, something about it would stay.
#[test]
fn what_is_about_something_that_is_forgotten_goes_with_it_in_all_its_versions() {
    for (mut space, content, _) in all() {
        let record = put(&mut space, &content);
        let id = content.only_for().unwrap_or(record);
        let mut versions = vec![record];
        if may_change(&space, id, &content) {
            versions.push(change(&mut space, id, &content));
        }
        let named = crate::forgotten::Forgotten {
            records: [id].into(),
            ..Default::default()
        };
        let records = space.records.iter();
        let records = records.map(|s| (s.record.id, s.record.bytes.as_slice()));
        let gone = crate::model::forgetting::belonging(records, &named).records;
        assert!(
            versions.iter().all(|id| gone.contains(id)),
            "{:?}",
            content.kind()
        );
    }
}

/// Two devices that found the same would both celebrate it.
#[test]
fn twins_are_one() {
    for (mut space, content, _) in all() {
        let mut phone = space.clone();
        let here = put(&mut space, &content);
        phone.clock += 50;
        let there = put(&mut phone, &content);
        let made = content.add(&space.plan(), None, &Space::stamp(client(), 0));
        let is_twin = crate::model::claimed_at(&made.unwrap().bytes).is_none();
        assert_eq!(here == there, is_twin, "{:?}", content.kind());
    }
}

/// The keys of the fields in a record's bytes.
fn body_keys(bytes: &[u8]) -> Vec<u64> {
    let mut decoder = Decoder::new(&bytes[body(bytes).0..]);
    let count = decoder.map().unwrap().unwrap();
    let key = |_| {
        let key = decoder.u64().unwrap();
        decoder.skip().unwrap();
        key
    };
    (0..count).map(key).collect()
}

/// Where the fields of a record begin and end.
pub(super) fn body(bytes: &[u8]) -> (usize, usize) {
    let mut decoder = Decoder::new(bytes);
    for _ in 0..decoder.map().unwrap().unwrap() {
        let key = decoder.u64().unwrap();
        let start = decoder.position();
        decoder.skip().unwrap();
        if key == 2 {
            return (start, decoder.position());
        }
    }
    panic!("no fields");
}

/// The same record with one more field.
fn with_field(record: &NewRecord, key: u64, text: &str) -> NewRecord {
    let bytes = &record.bytes;
    let (start, end) = body(bytes);
    let mut decoder = Decoder::new(&bytes[start..end]);
    let count = decoder.map().unwrap().unwrap();
    let known = &bytes[start + decoder.position()..end];
    let mut encoder = Encoder::new(bytes[..start].to_vec());
    encoder.map(count + 1).unwrap();
    let mut changed = encoder.into_writer();
    changed.extend_from_slice(known);
    let mut encoder = Encoder::new(changed);
    encoder.u64(key).unwrap().str(text).unwrap();
    let mut bytes = encoder.into_writer();
    bytes.extend_from_slice(&record.bytes[end..]);
    NewRecord {
        id: RecordId::of(&bytes),
        document: record.document,
        bytes,
    }
}

//! What is left of a document that something is forgotten of, and that everybody has the same left.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::forget::tag;
use super::snapshots::{ALL, MEMBERS, Step, TEXTS, Team, load, snapshot, step};
use super::*;
use crate::forgotten::Forgotten;

/// What must be nowhere.
const CANARY: &[u8] = "canary 🐤 that nobody is to find".as_bytes();
const OTHER: &[u8] = b"what stays";

fn records(bytes: &[&[u8]]) -> Forgotten {
    Forgotten {
        records: bytes.iter().map(|bytes| RecordId::of(bytes)).collect(),
        ..Forgotten::default()
    }
}

fn text(id: TextId) -> Forgotten {
    Forgotten {
        texts: [id].into(),
        ..Forgotten::default()
    }
}

/// The place of every change: what others name it by, apart from its hash.
fn places(document: &Document) -> Vec<(ActorId, u32, u32, u32)> {
    let changes = document.doc.get_changes(&[]);
    let place = |change: &automerge::Change| {
        let plain = PlainChange::from_automerge(change, None).unwrap();
        (
            plain.actor,
            plain.seq,
            plain.start_op,
            plain.max_op().unwrap(),
        )
    };
    let mut places: Vec<_> = changes.iter().map(place).collect();
    places.sort_unstable();
    places
}

/// Everything that a document is kept as.
fn stores(document: &Document) -> Vec<u8> {
    let mut all = document.save().unwrap();
    for change in document.doc.get_changes(&[]) {
        all.extend(change.raw_bytes());
        let plain = PlainChange::from_automerge(&change, None).unwrap();
        all.extend(plain.to_stored());
    }
    all
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Somebody's secret would otherwise be in every backup of every phone.
#[test]
fn no_byte_of_it_is_left_and_everything_else_is() {
    let mut writer = Document::new(actor(1));
    writer.put_record(OTHER).unwrap();
    writer.put_records(&[CANARY, b"beside it"]).unwrap();
    writer.make_text(TEXT).unwrap();
    let chars = std::str::from_utf8(CANARY).unwrap();
    writer.splice_text(TEXT, 0, 0, chars).unwrap();
    // What was deleted stays in a document's history otherwise.
    writer.splice_text(TEXT, 3, 12, "not").unwrap();
    let kept = TextId([3; 16]);
    writer.make_text(kept).unwrap();
    writer.splice_text(kept, 0, 0, "kept").unwrap();
    assert!(holds(&stores(&writer), CANARY));

    let forgotten = Forgotten {
        texts: [TEXT].into(),
        ..records(&[CANARY])
    };
    assert_eq!(writer.said_of(&forgotten), forgotten);
    let rest = writer.forgetting(&forgotten).unwrap().unwrap();
    assert!(rest.said_of(&forgotten).is_empty());
    let left = stores(&rest);
    // Not a word of it, nor its name, nor that of the text.
    for part in [&CANARY[..6], &CANARY[7..11], &CANARY[12..]] {
        assert!(!holds(&left, part));
    }
    assert!(!holds(&left, &RecordId::of(CANARY).0) && !holds(&left, &TEXT.0));
    assert_eq!(places(&rest), places(&writer));
    for record in [OTHER, b"beside it"] {
        let found = rest.record(&RecordId::of(record)).unwrap();
        assert_eq!((&*found.bytes, found.authors()), (record, vec![actor(1)]));
    }
    assert_eq!(rest.text(&kept).as_deref(), Some("kept"));
    assert_eq!(rest.records().count(), 3);
    // The third one says that it is nothing: its kind, the counter of its operation, and a byte.
    let placeholder = rest.record(&RecordId::of(&placeholder_of(CANARY)));
    assert_eq!(placeholder.unwrap().authors(), [actor(1)]);
    let blank: Vec<_> = rest.texts().into_iter().filter(|id| *id != kept).collect();
    let blank = rest.text(&blank[0]).unwrap();
    assert_eq!(blank.trim(), "");
    assert_eq!(
        Some(blank.len()),
        writer.text(&TEXT).map(|t| t.chars().count())
    );
    assert_eq!(
        rest.forgetting(&forgotten).map(|rest| rest.is_none()),
        Ok(true)
    );
}

/// What stands in the place of a record that the second operation of a document put.
fn placeholder_of(record: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xa3, 0, 13, 2, 2, 4];
    match tag(record) {
        small @ 0..24 => bytes.push(small),
        large => bytes.extend([0x18, large]),
    }
    bytes
}

/// Whoever wrote nothing of it would have to exchange a year for nothing.
#[test]
fn what_came_before_it_keeps_its_hashes() {
    let mut writer = Document::new(actor(1));
    let before = writer.put_record(OTHER).unwrap().unwrap();
    let elsewhere = load(&snapshot(&writer)).unwrap();
    writer.put_record(CANARY).unwrap();
    let after = writer.put_record(b"after").unwrap().unwrap();
    let rest = writer.forgetting(&records(&[CANARY])).unwrap().unwrap();
    let hashes: Vec<_> = rest
        .doc
        .get_changes(&[])
        .iter()
        .map(|c| c.hash().0)
        .collect();
    assert!(hashes.contains(&before.hash.0) && !hashes.contains(&after.hash.0));
    let nothing = elsewhere.forgetting(&records(&[CANARY]));
    assert!(nothing.unwrap().is_none());
    // And who has only the beginning goes on with the rest.
    let mut elsewhere = elsewhere;
    let merged = elsewhere.accept_snapshot(NAME, MEMBERS, &snapshot(&rest));
    assert_eq!(merged.unwrap().new, 2);
    assert_eq!(elsewhere.heads(), rest.heads());
}

/// Who knows how placeholders look could otherwise keep a checkpoint from ever being taken.
#[test]
fn whoever_put_placeholders_and_names_there_first_stops_nothing() {
    let mut writer = Document::new(actor(1));
    let first = placeholder_of(CANARY);
    let mut second = vec![0xa4, 0, 13, 2, 2, 3, 1];
    second.extend(&first[5..]);
    writer.put_record(OTHER).unwrap();
    writer.put_records(&[CANARY, &first, &second]).unwrap();
    writer.make_text(TEXT).unwrap();
    let forgotten = Forgotten {
        texts: [TEXT].into(),
        ..records(&[CANARY])
    };
    let rest = writer.forgetting(&forgotten).unwrap().unwrap();
    assert_eq!(rest.records().count(), 4);
    assert_eq!(load(&snapshot(&rest)).unwrap().heads(), rest.heads());
    // A text that has the name already which this one would get.
    let taken = rest.texts()[0];
    let mut writer = Document::new(actor(1));
    writer.put_records(&[OTHER, b"2", b"3"]).unwrap();
    writer.make_text(taken).unwrap();
    writer.make_text(TEXT).unwrap();
    let rest = writer.forgetting(&text(TEXT)).unwrap().unwrap();
    assert_eq!(rest.texts().len(), 2);
    assert_eq!(load(&snapshot(&rest)).unwrap().heads(), rest.heads());
}

/// A device's edits that nobody has yet are done again on what is left, and those of what is
/// forgotten are not.
#[test]
fn unsent_edits_go_on_what_is_left() {
    let mut local = Document::new(actor(1));
    local.make_text(TEXT).unwrap();
    local.splice_text(TEXT, 0, 0, "one two three").unwrap();
    local.put_record(CANARY).unwrap();
    let secret = TextId([3; 16]);
    local.make_text(secret).unwrap();
    local.splice_text(secret, 0, 0, "secret").unwrap();
    let sent = local.own_seq();
    local.splice_text(TEXT, 4, 3, "zwei").unwrap();
    local.put_record(b"about it").unwrap();
    local.put_record(OTHER).unwrap();
    local.splice_text(secret, 0, 0, "no ").unwrap();

    let forgotten = Forgotten {
        texts: [secret].into(),
        ..records(&[CANARY])
    };
    let confirmed = local.without(&|_, seq| seq > sent).unwrap();
    let mut rest = confirmed.forgetting(&forgotten).unwrap().unwrap();
    let about = RecordId::of(b"about it");
    let again = Again {
        by: &|by| *by == actor(1),
        record: &|id| *id != about && !forgotten.records.contains(id),
        text: &|id| !forgotten.texts.contains(id),
    };
    let changes = rest.catch_up_with(&local, &again).unwrap();
    assert!(changes.iter().all(|change| change.seq > sent));
    assert_eq!(rest.text(&TEXT).as_deref(), Some("one zwei three"));
    assert!(rest.has_record(&RecordId::of(OTHER)) && !rest.has_record(&about));
    assert!(rest.said_of(&forgotten).is_empty());
    assert!(!holds(&stores(&rest), b"no "));
}

/// What others said is theirs to say again.
#[test]
fn what_somebody_else_said_is_not_done_again_as_ones_own() {
    let [mut own, mut other] = [1, 2].map(|n| Document::new(actor(n)));
    let made = own.make_text(TEXT).unwrap();
    applied(offer(&mut other, &[made]));
    let mut theirs = vec![other.put_record(b"theirs").unwrap().unwrap()];
    theirs.extend(other.splice_text(TEXT, 0, 0, "theirs").unwrap());
    assert!(applied(offer(&mut own, &theirs)));
    // Stands on what is left out, and so goes with it.
    own.put_record(b"mine").unwrap();
    own.splice_text(TEXT, 6, 0, " mine").unwrap();
    let mut rest = own.without(&|by, _| by == actor(2)).unwrap();
    assert_eq!((rest.change_count(), rest.own_seq()), (1, 1));
    let again = Again {
        by: &|by| *by == actor(1),
        ..Again::ALL
    };
    rest.catch_up_with(&own, &again).unwrap();
    assert_eq!(rest.text(&TEXT).as_deref(), Some(" mine"));
    let records: Vec<_> = rest
        .records()
        .map(|record| record.bytes.into_owned())
        .collect();
    assert_eq!(records, [b"mine"]);
}

fn chosen(document: &Document, picks: &[u8], of: TextId) -> Forgotten {
    let all: Vec<_> = document.records().map(|record| record.id).collect();
    let nth = |pick: &u8| all.get(usize::from(*pick) % all.len().max(1)).copied();
    Forgotten {
        records: picks.iter().filter_map(nth).collect(),
        texts: [of].into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// If two devices came to different hashes, neither could read the other ever again.
    #[test]
    fn everybody_comes_to_the_same_whatever_the_order_and_the_division(
        steps in prop::collection::vec(step(), 1..80),
        picks in prop::collection::vec(any::<u8>(), 1..5),
        in_text in 0..2_usize,
        first in 0..3_usize,
        cut in prop::collection::vec(0..40_usize, 3),
    ) {
        let mut team = Team::play(&steps);
        team.does(0, &Step::Text(in_text));
        let before = team.reader(0);
        let forgotten = chosen(&before, &picks, TEXTS[in_text]);
        let rest = before.forgetting(&forgotten).unwrap().unwrap();
        let elsewhere = team.reader(first).forgetting(&forgotten).unwrap().unwrap();
        prop_assert_eq!(view(&rest), view(&elsewhere));
        prop_assert_eq!(rest.digest(ALL), elsewhere.digest(ALL));
        prop_assert_eq!(places(&rest), places(&before));
        prop_assert!(rest.said_of(&forgotten).is_empty());

        // Nothing else is touched: neither records with their authors, nor texts.
        let stays = |id: &RecordId| !forgotten.records.contains(id);
        let [old, new] = [&before, &rest].map(view);
        let kept: Vec<_> = old.records.iter().filter(|(id, ..)| stays(id)).collect();
        prop_assert!(kept.iter().all(|record| new.records.contains(record)));
        let others = old.texts.iter().filter(|(id, _)| *id != TEXTS[in_text]);
        prop_assert!(others.clone().all(|text| new.texts.contains(text)));

        // Every rule of the format holds, so it can be handed on.
        let parts = snapshot(&rest);
        inspect_snapshot(NAME, MEMBERS, &parts).unwrap();
        prop_assert_eq!(view(&load(&parts).unwrap()), view(&rest));

        // Whoever had less forgets as much of it, and takes up the rest.
        let mut lagging = before.without(&|by, seq| {
            seq as usize > cut[usize::from(by.0[0] - 1) % 3]
        }).unwrap();
        if let Some(less) = lagging.forgetting(&forgotten).unwrap() {
            lagging = less;
        }
        lagging.accept_snapshot(NAME, MEMBERS, &parts).unwrap();
        prop_assert_eq!(view(&lagging), view(&rest));

        // Two things at once are the same as one after the other.
        let half = Forgotten { texts: BTreeSet::new(), ..forgotten.clone() };
        let other = text(TEXTS[in_text]);
        for (one, two) in [(&half, &other), (&other, &half)] {
            let mut step_by_step = load(&snapshot(&before)).unwrap();
            for forgotten in [one, two] {
                if let Some(rest) = step_by_step.forgetting(forgotten).unwrap() {
                    step_by_step = rest;
                }
            }
            prop_assert_eq!(view(&step_by_step), view(&rest));
        }
    }
}

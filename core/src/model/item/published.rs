//! What is published of items, held against the code: the tables of `docs/protocol.md`, and the
//! vectors from which a reader in another language is checked (`docs/vectors/items.json`).
//!
//! The vectors are written anew with `WAYMARK_WRITE_VECTORS=1`, which after a release only a new
//! version of the protocol may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use minicbor::{Decoder, Encoder};
use serde_json::{Value, json};

use super::tests::{all, body};
use super::*;
use crate::model::input::role_name;
use crate::model::kinds::reading::every_type;
use crate::model::kinds::win::Win;
use crate::model::kinds::{Content, RULES};
use crate::model::record;
use crate::model::testing::{Space, client};

/// A second app would be built by a table that lacks what this one writes.
#[test]
fn the_protocol_names_every_kind_of_item_with_its_rules() {
    let rows = rows("**Kinds of items.**");
    let named: Vec<_> = rows.iter().map(|row| row[..5].to_vec()).collect();
    let expected: Vec<_> = RULES
        .iter()
        .map(|rule| {
            let writers = rule.kind.writers().iter().map(|role| role_name(*role));
            let changes = match rule.changes {
                Changes::ByAll => "all",
                Changes::ByAuthor => "author",
                Changes::Never => "never",
            };
            let place = if rule.kind.is_of_a_day() {
                "log"
            } else {
                "plan"
            };
            vec![
                rule.kind.number().to_string(),
                name(rule.kind),
                place.into(),
                writers.collect::<Vec<_>>().join(", "),
                changes.into(),
            ]
        })
        .collect();
    assert_eq!(named, expected);
    for (row, rule) in rows.iter().zip(RULES) {
        assert_eq!(row[5].contains("twins"), rule.is_twin, "{row:?}");
    }
}

/// The same of a field that is not in the table, or stands there under another name.
#[test]
fn the_protocol_names_every_field_of_every_kind() {
    let mut fields: BTreeMap<u16, Vec<(u64, String)>> = BTreeMap::new();
    for row in rows("**Fields of items.**") {
        // What stands inside a field has a key with a dot.
        if let Ok(key) = row[1].parse() {
            let kind = row[0].parse().unwrap();
            let name = row[2].trim_start_matches("? ").to_owned();
            fields.entry(kind).or_default().push((key, name));
        }
    }
    assert_eq!(fields.len(), RULES.len());
    for (_, content, keys) in all() {
        let kind = content.kind();
        let known = &fields[&kind.number()];
        let numbers: Vec<_> = known.iter().map(|(key, _)| *key).collect();
        assert_eq!(numbers, (0..keys).collect::<Vec<_>>(), "{kind:?}");
        // A reading is stored flat, and shown by its type.
        if kind != Kind::Reading {
            let names: BTreeSet<_> = known.iter().map(|(_, name)| name.clone()).collect();
            let shown = serde_json::to_value(&content).unwrap();
            let shown: BTreeSet<_> = shown.as_object().unwrap().keys().cloned().collect();
            assert_eq!(names, shown, "{kind:?}");
        }
    }
}

/// What was written years ago has to read the same, here and in every other app.
#[test]
fn items_are_as_published() {
    let made = json!({ "envelopes": envelopes(), "items": items() });
    let path = root().join("docs/vectors/items.json");
    if std::env::var_os("WAYMARK_WRITE_VECTORS").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(&made).unwrap();
        fs::write(path, text + "\n").unwrap();
        return;
    }
    let published: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for part in ["envelopes", "items"] {
        let (made, published) = (&made[part], &published[part]);
        let both = made
            .as_array()
            .unwrap()
            .iter()
            .zip(published.as_array().unwrap());
        for (made, published) in both {
            assert_eq!(made, published, "not as published: {}", made["what"]);
        }
        assert_eq!(made, published);
    }
}

/// Kinds that have a type inside are there with every type.
fn items() -> Vec<Value> {
    let mut readings = Space::default();
    let types = every_type(&mut readings).into_iter();
    let types: Vec<_> = types.map(Content::from).collect();
    let keys = |kind| RULES.iter().find(|rule| rule.kind == kind).unwrap().keys;
    let samples = all()
        .into_iter()
        .map(|(space, content, _)| (space, content));
    let samples = samples.chain(types.into_iter().map(|one| (readings.clone(), one)));
    let item = |(space, content): (Space, Content)| {
        let stamp = Space::stamp(client(), 1_000);
        let made = content.add(&space.plan(), None, &stamp).unwrap();
        let kind = content.kind();
        let tried: BTreeMap<_, _> = (0..keys(kind))
            .flat_map(|key| WAYS.iter().map(move |(how, with)| (key, how, with)))
            .map(|(key, how, with)| {
                let changed = with_value(&made.bytes, key, *with);
                (format!("{key} {how}"), outcome(&changed))
            })
            .collect();
        json!({
            "what": name(kind),
            "kind": kind.number(),
            "bytes": hex(&made.bytes),
            "id": hex(&made.id.0),
            "document": { "kind": made.document.kind.code(), "part": made.document.part },
            "says": content,
            "tried": tried,
        })
    };
    samples.map(item).collect()
}

/// What a field is tried with, as CBOR; nothing takes the field away.
pub(super) const WAYS: &[(&str, Option<&[u8]>)] = &[
    ("absent", None),
    ("null", Some(&[0xf6])),
    ("blank", Some(&[0x61, 0x20])),
    ("-1", Some(&[0x20])),
    ("255", Some(&[0x18, 0xff])),
    ("65536", Some(&[0x1a, 0, 1, 0, 0])),
    ("long", Some(LONG)),
    ("empty list", Some(&[0x80])),
];

/// A text of 501 characters.
const LONG: &[u8] = &{
    let mut long = [b'x'; 504];
    (long[0], long[1], long[2]) = (0x79, 1, 0xf5);
    long
};

/// The same item with another value of a field, or without it.
pub(super) fn with_value(bytes: &[u8], key: u64, value: Option<&[u8]>) -> Vec<u8> {
    let (start, end) = body(bytes);
    let mut decoder = Decoder::new(&bytes[start..end]);
    let count = decoder.map().unwrap().unwrap();
    let mut fields: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for _ in 0..count {
        let key = decoder.u64().unwrap();
        let from = decoder.position();
        decoder.skip().unwrap();
        fields.insert(key, bytes[start..end][from..decoder.position()].to_vec());
    }
    match value {
        Some(value) => fields.insert(key, value.to_vec()),
        None => fields.remove(&key),
    };
    let mut encoder = Encoder::new(bytes[..start].to_vec());
    encoder.map(fields.len() as u64).unwrap();
    let mut changed = encoder.into_writer();
    for (key, value) in fields {
        let mut encoder = Encoder::new(changed);
        encoder.u64(key).unwrap();
        changed = encoder.into_writer();
        changed.extend(value);
    }
    changed.extend_from_slice(&bytes[end..]);
    changed
}

/// Envelopes that are changes and removals, and some that nobody may write.
fn envelopes() -> Vec<Value> {
    let mut space = Space::default();
    let win = Win::sample(&mut space);
    let at = Some(Space::stamp(client(), 1_000).at.timestamp_millis());
    let day = Day {
        date: 20_574,
        time_zone: "Europe/Berlin".into(),
        offset: 120,
    };
    let first = Item {
        rules: Kind::Win.rules().unwrap(),
        at,
        body: Some(Body::of(win, body::Newer::default())),
        of: None,
        replaces: Vec::new(),
        day: None,
    };
    let (of, replaces) = (Some(RecordId([7; 16])), vec![RecordId([8; 16])]);
    let change = Item {
        of,
        replaces: replaces.clone(),
        ..first.clone()
    };
    let said = |item: &Item| minicbor::to_vec(item).unwrap();
    let mut newer = said(&first);
    newer = with_value(&newer, 200, Some(&[0x61, 0x78]));
    let cases: [(&str, Vec<u8>); 9] = [
        ("a change", said(&change)),
        (
            "a removal",
            said(&Item {
                body: None,
                ..change.clone()
            }),
        ),
        ("a field of a newer app", newer),
        (
            "a first that removes",
            said(&Item {
                body: None,
                ..first.clone()
            }),
        ),
        (
            "a first that replaces",
            said(&Item {
                replaces,
                ..first.clone()
            }),
        ),
        (
            "no instant, and no twin",
            said(&Item {
                at: None,
                ..first.clone()
            }),
        ),
        (
            "an item of the plan with a day",
            said(&Item {
                day: Some(day),
                ..first.clone()
            }),
        ),
        (
            "65 replaced ones",
            said(&Item {
                replaces: vec![RecordId([8; 16]); 65],
                ..change
            }),
        ),
        (
            "an instant before 1900",
            said(&Item {
                at: Some(i64::MIN),
                ..first
            }),
        ),
    ];
    let case = |(what, bytes): (&str, Vec<u8>)| {
        let outcome = outcome(&bytes);
        json!({ "what": what, "bytes": hex(&bytes), "outcome": outcome })
    };
    cases.into_iter().map(case).collect()
}

/// Whether a record counts by itself, and if not, why.
fn outcome(bytes: &[u8]) -> Value {
    let read = record::read(bytes).and_then(|record| record.home());
    let left_out = read
        .err()
        .map(|reason| serde_json::to_value(reason).unwrap());
    left_out.unwrap_or_else(|| "ok".into())
}

/// The rows of the table behind a heading of the protocol.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let (_, behind) = protocol.split_once(heading).unwrap();
    let lines = behind.lines().skip_while(|line| !line.starts_with('|'));
    let table = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let line = line.trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    table.map(cells).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn name(kind: Kind) -> String {
    let name = serde_json::to_value(kind).unwrap();
    name.as_str().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

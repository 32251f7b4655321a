//! The vectors in `docs/vectors`: made here from fixed seeds, read by whoever writes a second
//! implementation, and reproduced in Python by `tests/python` from the documents alone.
//!
//! Without further ado this checks that the code still makes exactly what the files say. With
//! `WAYMARK_WRITE_VECTORS=1` it writes them, which after a release only a new version of the
//! protocol may do.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of it is a test"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;

#[path = "vectors/changes.rs"]
mod changes;
#[path = "vectors/checkpoints.rs"]
mod checkpoints;
#[path = "vectors/entries.rs"]
mod entries;
#[path = "vectors/equivocation.rs"]
mod equivocation;
#[path = "vectors/evidence.rs"]
mod evidence;
#[path = "vectors/life.rs"]
mod life;
#[path = "vectors/membership.rs"]
mod membership;
#[path = "vectors/messages.rs"]
mod messages;
#[path = "vectors/pairing.rs"]
mod pairing;
#[path = "vectors/records.rs"]
mod records;
#[path = "vectors/recovery.rs"]
mod recovery;
#[path = "vectors/rules.rs"]
mod rules;
#[path = "vectors/sealing.rs"]
mod sealing;
#[path = "vectors/support.rs"]
mod support;
#[path = "vectors/tried.rs"]
mod tried;
#[path = "vectors/voids.rs"]
mod voids;

/// A device of another version could not read this one's entries, or the other way round.
#[test]
fn entries_chains_proofs_and_receipts_are_as_published() {
    hold("entries", &entries::vectors());
}

/// What was sealed by an older version would not open any more.
#[test]
fn sealing_is_as_published() {
    hold("sealing", &sealing::vectors());
}

/// Devices would disagree about who is in a space.
#[test]
fn membership_is_as_published() {
    hold("membership", &membership::vectors());
}

/// Devices would disagree about who is still in a space, or could not open what an earlier epoch's
/// key has sealed.
#[test]
fn the_life_of_a_membership_is_as_published() {
    hold("life", &life::vectors());
}

/// Two people would compare other digits than the vectors say, and take each other's relay for a liar.
#[test]
fn an_app_shows_the_safety_number_that_is_published() {
    life::check_shown_number();
}

/// Devices would rebuild other changes than the author made, and quarantine all of them.
#[test]
fn batches_and_changes_are_as_published() {
    hold("changes", &changes::vectors());
}

/// Records are never rewritten: what was logged years ago has to read the same.
#[test]
fn records_are_as_published() {
    hold("records", &records::vectors());
}

/// Two people with apps of different versions would see different codes, and take each other for
/// somebody in the middle.
#[test]
fn pairing_is_as_published() {
    hold("pairing", &pairing::vectors());
}

/// The words on somebody's paper would lead nowhere.
#[test]
fn recovery_is_as_published() {
    hold("recovery", &recovery::vectors());
}

/// What one person's device kept of a relay that lies would prove nothing to anybody else.
#[test]
fn evidence_is_as_published() {
    hold("evidence", &evidence::vectors());
}

/// A device and a relay of different versions could not talk.
#[test]
fn messages_are_as_published() {
    hold("messages", &messages::vectors());
}

/// The file of vectors with this name, as it stands.
fn published(name: &str) -> Option<Value> {
    let text = fs::read_to_string(path(name)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn hold(name: &str, made: &Value) {
    if std::env::var_os("WAYMARK_WRITE_VECTORS").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(made).unwrap();
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), text + "\n").unwrap();
        return;
    }
    let published = published(name).expect("the file of vectors is there");
    let mut differences = Vec::new();
    compare(name, &published, made, &mut differences);
    assert!(
        differences.is_empty(),
        "not as published:\n{}",
        differences.join("\n")
    );
}

/// Names every place where two values differ, so that a failure tells which format has changed.
fn compare(at: &str, published: &Value, made: &Value, differences: &mut Vec<String>) {
    match (published, made) {
        (Value::Object(old), Value::Object(new)) if old.keys().eq(new.keys()) => {
            for (key, old) in old {
                compare(&format!("{at}.{key}"), old, &new[key], differences);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{at}[{index}]"), old, new, differences);
            }
        }
        (old, new) if old == new => {}
        _ => differences.push(at.to_owned()),
    }
}

fn path(name: &str) -> std::path::PathBuf {
    let file = format!("../docs/vectors/{name}.json");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

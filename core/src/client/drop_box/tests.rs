//! The drop box of a phone without a network.

use super::*;
use crate::client::testing::{Phone, day};
use crate::crypto::{DropKey, SeededEntropy};

/// 2026-05-01, noon in UTC.
const NOON: i64 = 1_777_636_800_000;
const STORAGE_KEY: [u8; 32] = [7; 32];

struct Dropping {
    phone: Phone,
    directory: tempfile::TempDir,
    entropy: SeededEntropy,
}

impl Dropping {
    fn new() -> Self {
        let phone = Phone::new();
        let directory = tempfile::tempdir().unwrap();
        let dropped = Dropped::new(directory.path().into(), &STORAGE_KEY).unwrap();
        assert!(phone.client.inner.dropped.set(dropped).is_ok());
        Self {
            phone,
            directory,
            entropy: SeededEntropy::new([3; 32]),
        }
    }

    fn intent(&self, goal: Option<GoalId>, note: &str) -> Intent {
        Intent {
            kind: CHECK_IN,
            plan: self.phone.plan.0,
            goal,
            outcome: Outcome::Done.code(),
            at: NOON,
            date: day(1).to_string(),
            quantity: Some(2.5),
            note: Some(note.into()),
        }
    }

    fn drop(&mut self, name: &str, intent: &Intent) {
        let key = DropKey::derive(&STORAGE_KEY).unwrap();
        let sealed = key.seal(&codec::encode(intent), &mut self.entropy).unwrap();
        self.put(name, &[&[VERSION], sealed.as_slice()].concat());
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(name), bytes).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let all = files(self.directory.path()).unwrap();
        all.iter().map(|file| name(file)).collect()
    }

    fn take_in(&self) -> DropBoxReport {
        self.phone.client.drop_box().take_in().unwrap()
    }

    fn notes(&self) -> Vec<String> {
        let today = self.phone.client.check_ins().on(self.phone.plan, day(1));
        let notes = today.unwrap().into_iter().filter_map(|entry| entry.note);
        notes.collect()
    }
}

/// What somebody tapped on a widget would be lost, or stand in the log twice.
#[test]
fn what_was_dropped_is_logged_once_in_its_order_and_its_files_go() {
    let mut dropped = Dropping::new();
    let goal = dropped.phone.goal("Walk");
    let later = Intent {
        at: NOON + 60_000,
        ..dropped.intent(Some(goal), "second 🌿")
    };
    dropped.drop("a.intent", &later);
    let first = dropped.intent(Some(goal), "first");
    dropped.drop("b.intent", &first);
    let report = dropped.take_in();
    assert_eq!((report.logged.len(), report.waiting), (2, 0));
    assert_eq!(dropped.notes(), ["first", "second 🌿"]);
    assert_eq!(dropped.names(), Vec::<String>::new());
    // The phone died between the log and the file's end: it is there again.
    dropped.drop("b.intent", &first);
    assert_eq!(dropped.take_in().logged, report.logged[..1]);
    assert_eq!(dropped.notes(), ["first", "second 🌿"]);
}

/// A check-in would be thrown away because the plan comes a minute after it.
#[test]
fn what_is_about_a_plan_that_is_not_here_yet_waits() {
    let mut dropped = Dropping::new();
    let unknown = Intent {
        plan: [9; 32],
        ..dropped.intent(None, "too early")
    };
    dropped.drop("a.intent", &unknown);
    let goal = dropped.intent(Some(GoalId([9; 16])), "too early as well");
    dropped.drop("b.intent", &goal);
    assert_eq!(dropped.take_in().waiting, 2);
    assert_eq!(dropped.names(), ["a.intent", "b.intent"]);
}

/// One bad file would keep everything behind it from the log, or be thrown away unseen.
#[test]
fn what_cannot_be_taken_in_is_kept_aside_and_named_and_keeps_nothing_else_back() {
    let mut dropped = Dropping::new();
    let good = dropped.intent(None, "good");
    dropped.drop("good.intent", &good);
    dropped.put("empty.intent", b"");
    dropped.put("long.intent", &vec![1; LONGEST + 1]);
    dropped.put("newer.intent", &[2; 60]);
    dropped.put("nonsense.intent", &[1; 60]);
    dropped.put("unfinished.tmp", &[1; 60]);
    for (name, wrong) in [
        (
            "outcome",
            Intent {
                outcome: 99,
                ..good.clone()
            },
        ),
        (
            "kind",
            Intent {
                kind: 2,
                ..good.clone()
            },
        ),
        (
            "date",
            Intent {
                date: "31 May".into(),
                ..good.clone()
            },
        ),
        (
            "instant",
            Intent {
                at: i64::MAX,
                ..good.clone()
            },
        ),
        (
            "amount",
            Intent {
                quantity: Some(f64::NAN),
                ..good.clone()
            },
        ),
        (
            "note",
            Intent {
                note: Some("x".repeat(4_001)),
                ..good.clone()
            },
        ),
    ] {
        dropped.drop(&format!("wrong-{name}.intent"), &wrong);
    }
    let report = dropped.take_in();
    assert_eq!((report.logged.len(), report.waiting), (1, 0));
    assert_eq!(report.refused.len(), 10);
    for refused in &report.refused {
        assert!(refused.file.ends_with(".refused"), "{refused:?}");
        let reason = refused.reason.as_deref().unwrap();
        assert!(
            !reason.contains("xxx"),
            "{reason} holds what somebody wrote"
        );
    }
    assert_eq!(dropped.notes(), ["good"]);
    // They stay, and are named again, without a reason.
    let again = dropped.take_in();
    assert_eq!((again.logged.len(), again.refused.len()), (0, 10));
    assert!(again.refused.iter().all(|refused| refused.reason.is_none()));
    assert_eq!(dropped.names().len(), 11, "ten, and the unfinished one");
}

/// Whoever altered a file, or holds another key, would write in the client's name.
#[test]
fn an_altered_or_foreign_intent_does_not_open() {
    let mut dropped = Dropping::new();
    let intent = dropped.intent(None, "mine");
    dropped.drop("a.intent", &intent);
    let file = dropped.directory.path().join("a.intent");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    dropped.put("a.intent", &bytes);
    let foreign = DropKey::derive(&[8; 32]).unwrap();
    let sealed = foreign.seal(&codec::encode(&intent), &mut dropped.entropy);
    dropped.put(
        "b.intent",
        &[&[VERSION], sealed.unwrap().as_slice()].concat(),
    );
    let report = dropped.take_in();
    assert_eq!((report.logged.len(), report.refused.len()), (0, 2));
    assert_eq!(dropped.notes(), Vec::<String>::new());
}

/// An app without widgets would need a directory for nothing.
#[test]
fn a_client_without_a_drop_box_says_so_and_an_empty_one_is_no_error() {
    let phone = Phone::new();
    let error = phone.client.drop_box().take_in().unwrap_err();
    assert_eq!(error.code(), "not_found");
    let gone = tempfile::tempdir().unwrap().path().join("not made yet");
    let dropped = Dropped::new(gone, &STORAGE_KEY).unwrap();
    assert!(phone.client.inner.dropped.set(dropped).is_ok());
    let report = phone.client.drop_box().take_in().unwrap();
    assert_eq!(report, DropBoxReport::default());
}

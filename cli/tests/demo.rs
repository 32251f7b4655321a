//! The built command, as people run it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails makes its test fail"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn waymark(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_waymark"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A diary with the columns of the recorded one, so many days long.
fn diary(days: u32) -> String {
    let ratings = "mood_relaxed,mood_down,mood_irritat,mood_satisfi,mood_lonely,mood_anxious,\
        mood_enthus,mood_suspic,mood_cheerf,mood_guilty,mood_doubt,mood_strong,pat_restl,\
        pat_agitate,pat_worry,pat_concent,se_selflike,se_ashamed,se_selfdoub,se_handle,\
        phy_hungry,phy_tired,phy_pain,phy_headache,phy_sleepy,phy_physact";
    let mut text = format!("date,resptime_s,{ratings}\n");
    for day in 1..=days {
        for hour in [8, 13, 21] {
            let values = vec!["2"; 26].join(",");
            text += &format!("2012-10-{day:02},{hour:02}:10:20,{values}\n");
        }
    }
    text
}

/// The promise of the whole command, on a story short enough for a test.
#[test]
fn a_short_story_passes_its_verdicts_and_what_is_kept_can_be_looked_into() {
    let directory = TempDir::new().unwrap();
    let kept = directory.path().join("kept");
    let output = waymark(&["demo", "--days", "30", "--seed", "7", "--keep", path(&kept)]);
    let (story, complaint) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{story}{complaint}");
    assert!(!story.contains('\x1b'), "plain lines where nobody watches");
    assert!(!story.contains("FAILED") && story.contains("3 devices show the same"));
    assert!(story.contains("status `offline`") && story.contains("device 0 did not sign it"));
    for part in [
        "relay/relay.db",
        "phone/waymark.sqlite",
        "traffic/0000-to-relay",
        "README",
    ] {
        assert!(kept.join(part).is_file(), "{part}");
    }

    let (phone, key) = (kept.join("phone"), kept.join("keys/phone"));
    let shown = waymark(&["show", "--data", path(&phone), "--key-file", path(&key)]);
    let (text, complaint) = said(&shown);
    assert_eq!(shown.status.code(), Some(0), "{complaint}");
    assert!(text.contains("Fifteen minutes of mindfulness a day") && text.contains("Ada's tablet"));

    let other = kept.join("keys/tablet");
    let refused = waymark(&["show", "--data", path(&phone), "--key-file", path(&other)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).1.contains("the key of the database is lost"));

    let again = waymark(&["demo", "--days", "30", "--keep", path(&kept)]);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).1.contains("is not empty"));
}

/// A failing run has to be repeatable to be looked into.
#[test]
fn a_seed_decides_what_the_devices_hold() {
    let hash = |seed: &str| {
        let output = waymark(&["demo", "--days", "9", "--seed", seed]);
        assert_eq!(output.status.code(), Some(0), "{:?}", said(&output));
        let story = said(&output).0;
        story
            .lines()
            .find_map(|line| line.split_once("SHA-256 "))
            .map(|(_, hash)| hash.to_owned())
    };
    assert!(hash("1").is_some() && hash("1") == hash("1") && hash("1") != hash("2"));
}

/// A verdict that cannot fail says nothing.
#[test]
fn a_leak_and_a_lost_or_doubled_check_in_each_fail_the_command() {
    let cases = [
        ("leak", "stand in the relay's files"),
        ("missing", "is missing or there twice"),
        ("doubled", "is missing or there twice"),
    ];
    for (what, verdict) in cases {
        let output = waymark(&["demo", "--days", "14", "--spoil", what]);
        let (story, _) = said(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {story}");
        let failed: Vec<_> = story
            .lines()
            .filter(|line| line.contains("FAILED"))
            .collect();
        assert!(
            failed.first().is_some_and(|line| line.contains(verdict)),
            "{what}: {failed:?} {:?}",
            said(&output)
        );
    }
}

#[test]
fn a_recorded_diary_is_replayed_from_any_spreadsheet() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("diary.csv");
    fs::write(
        &file,
        format!("\u{feff}{}", diary(12).replace('\n', "\r\n")),
    )
    .unwrap();
    let output = waymark(&["demo", "--check-ins", path(&file)]);
    let (story, complaint) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{story}{complaint}");
    assert!(story.contains("12 days, 36 check-ins with 26 ratings each"));
    assert!(story.contains("none of 36 check-ins is missing"));

    // Somebody tries it with the first day alone.
    fs::write(&file, diary(1)).unwrap();
    let output = waymark(&["demo", "--check-ins", path(&file)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output).0);
}

#[test]
fn a_broken_diary_is_named_by_file_line_and_column_and_nothing_is_made() {
    let directory = TempDir::new().unwrap();
    let (file, kept) = (
        directory.path().join("diary.csv"),
        directory.path().join("kept"),
    );
    let broken = diary(2).replacen("2012-10-02,08:10:20,2,2", "2012-10-02,08:10:20,2,4", 1);
    let repeated = diary(2).replacen("2012-10-02,08:10:20", "2012-10-01,21:10:20", 1);
    let cases = [
        (broken, ":5:4: mood_down: 4 is outside -3 to 3"),
        (
            repeated,
            ":5:2: resptime_s: the instant of line 4 once more",
        ),
    ];
    for (text, complaint) in cases {
        fs::write(&file, text).unwrap();
        let output = waymark(&["demo", "--check-ins", path(&file), "--keep", path(&kept)]);
        assert_eq!(output.status.code(), Some(2));
        let (story, error) = said(&output);
        assert!(
            error.contains(&format!("{}{complaint}", path(&file))),
            "{error}"
        );
        assert!(story.is_empty() && !kept.exists());
    }
}

#[test]
fn wrong_use_ends_with_2_and_a_sentence() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("a file");
    fs::write(&file, "not a directory").unwrap();
    let missing = directory.path().join("missing");
    let cases: [&[&str]; 8] = [
        &[],
        &["dance"],
        &["demo", "--seed", "many"],
        &["demo", "--days", "0"],
        &["demo", "--check-ins", path(&missing)],
        &["demo", "--check-ins", "x.csv", "--days", "3"],
        &["demo", "--keep", path(&file)],
        &["show", "--data", path(&missing), "--key-file", path(&file)],
    ];
    for arguments in cases {
        let output = waymark(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!said(&output).1.is_empty(), "{arguments:?}");
    }
    assert!(!missing.exists());
}

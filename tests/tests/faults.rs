//! A device on a disk that fails: the power goes, a sync fails or lies, there is no space. The process
//! is a real one, on a real database; the faults are made by `tests/faults/shim.c`, which is loaded
//! before it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use waymark_core::client::{Client, Config};
use waymark_core::model::{NewCheckIn, Outcome};
use waymark_tests::story::{goal, notes};
use waymark_tests::{Device, begin_at, unlocked};

const DIRECTORY: &str = "WAYMARK_TEST_DIRECTORY";
/// Check-ins that a process tries to keep.
const TRIES: u32 = 60;

/// Not a test by itself: the process under faults. It says of every check-in what became of it.
#[test]
#[ignore = "it is run by the tests below, on a disk that fails"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let config = Config::new(directory, "http://127.0.0.1:9");
    let open = || Client::open(config.clone(), &[7; 32]);
    let client = match unlocked(open, |error| error.code() == "locked") {
        Ok(client) => client,
        Err(error) => return println!("refused open {}", error.code()),
    };
    let plan = client.people().plans()[0];
    let goal = client.goals().list(plan).unwrap()[0].id;
    for n in 0..TRIES {
        let check_in = NewCheckIn {
            note: Some(format!("{n:05}")),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        match client.check_ins().log(plan, &check_in) {
            Ok(_) => println!("kept {n:05}"),
            Err(error) => println!("refused {n:05} {}", error.code()),
        }
    }
    println!("done");
}

/// What a process said before it ended.
#[derive(Debug, Default)]
struct Said {
    kept: Vec<String>,
    refused: Vec<(String, String)>,
    /// Whether it came to its end.
    done: bool,
}

/// The shim, built once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/shim.c");
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&made)
            .arg(&source)
            .arg("-ldl")
            .status();
        assert!(built.expect("a C compiler").success(), "the shim builds");
        made
    })
}

/// Runs a process on a phone's database under a fault.
fn run(phone: &mut Device, fault: &str) -> Said {
    phone.close();
    let directory = phone.directory().canonicalize().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, &directory)
        .env("LD_PRELOAD", shim())
        .env("WAYMARK_FAULT", fault)
        .env("WAYMARK_FAULT_DIR", &directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Said::default();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        // The test harness writes on the first line too.
        if let Some((_, kept)) = line.split_once("kept ") {
            said.kept.push(kept.to_owned());
        } else if let Some((_, refused)) = line.split_once("refused ") {
            let (what, code) = refused.split_once(' ').unwrap();
            said.refused.push((what.to_owned(), code.to_owned()));
        }
        said.done |= line.contains("done");
    }
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{fault}: {errors}");
    said
}

/// A phone that has begun, with a goal, and has never heard of a relay.
fn phone() -> Device {
    let (phone, plan) = begin_at("http://127.0.0.1:9");
    let _ = goal(&phone, plan, "walk");
    phone
}

/// Fails unless everything that was said to be kept is shown once, and the database is sound.
#[track_caller]
fn assert_kept(phone: &Device, said: &Said, fault: &str) {
    let plan = phone.client().people().plans()[0];
    let shown = notes(phone, plan);
    for note in &said.kept {
        let times = shown.iter().filter(|shown| *shown == note).count();
        assert_eq!(times, 1, "{fault}: {note} of {shown:?}");
    }
    let refused = said.refused.iter().map(|(what, _)| what);
    for note in refused {
        assert!(!shown.contains(note), "{fault}: {note} was refused");
    }
    assert_eq!(phone.client().diagnostics().unwrap().database, None);
}

/// A battery that dies would take check-ins with it that the app had shown as kept.
#[test]
fn when_the_power_goes_at_any_write_all_that_was_kept_is_there() {
    let mut ended = 0;
    for fault in ["cut", "torn"] {
        for write in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
            let mut phone = phone();
            let fault = format!("{fault}:{write}");
            let said = run(&mut phone, &fault);
            assert!(!said.done, "{fault}: it went on: {said:?}");
            ended += usize::from(!said.kept.is_empty());
            phone.reopen();
            assert_kept(&phone, &said, &fault);
        }
    }
    assert!(ended > 5, "hardly anything was ever kept");
}

/// Linux says once that a sync failed, and then that everything is well; what was to be kept is gone
/// all the same.
#[test]
fn a_sync_that_fails_is_told_and_never_taken_for_a_success_later() {
    let mut told = 0;
    for sync in [2, 3, 4, 6, 9, 14, 20] {
        let mut phone = phone();
        let fault = format!("gate:{sync}");
        let said = run(&mut phone, &fault);
        let codes: Vec<&str> = said.refused.iter().map(|(_, code)| code.as_str()).collect();
        told += codes.len();
        assert!(
            codes.iter().all(|code| *code == "storage_failed"),
            "{fault}: {said:?}"
        );
        phone.reopen();
        assert_kept(&phone, &said, &fault);
    }
    assert!(told > 0, "no sync failed");
}

/// A disk that lies cannot be helped, but what it leaves is still a database, with less in it.
#[test]
fn a_disk_that_lies_about_syncs_leaves_an_older_diary_or_a_named_error() {
    for write in [8, 21, 55, 89] {
        let mut phone = phone();
        let said = run(&mut phone, &format!("lie:{write}"));
        assert!(!said.done);
        match phone.open(&[7; 32]) {
            Ok(client) => drop(client),
            Err(error) => {
                assert_eq!(error.code(), "damaged", "{error}");
                continue;
            }
        }
        phone.reopen();
        let plan = phone.client().people().plans()[0];
        let shown = notes(&phone, plan);
        let kept = said.kept.iter().filter(|note| shown.contains(note)).count();
        assert_eq!(shown.len(), kept, "nothing but what was written is shown");
    }
}

/// Photos fill the phone; the diary must not be the price.
#[test]
fn a_full_disk_refuses_by_name_and_goes_on_when_there_is_space() {
    let mut refused = 0;
    for write in [1, 4, 9, 20, 40] {
        let mut phone = phone();
        let fault = format!("full:{write}");
        let said = run(&mut phone, &fault);
        let is_full = |code: &str| code == "storage_full";
        assert!(
            said.refused.iter().all(|(_, code)| is_full(code)),
            "{fault}: {said:?}"
        );
        let opened = !said.refused.iter().any(|(what, _)| what == "open");
        if opened {
            assert!(said.done, "{fault}");
            assert_eq!(
                said.kept.last().map(String::as_str),
                Some("00059"),
                "{fault}"
            );
        }
        refused += said.refused.len();
        phone.reopen();
        assert_kept(&phone, &said, &fault);
    }
    assert!(refused > 5, "the disk was never full");
}

/// A card that was locked, or a system that gave up on its disk.
#[test]
fn a_disk_that_can_only_be_read_is_named_and_nothing_is_pretended() {
    let mut phone = phone();
    let said = run(&mut phone, "readonly:0");
    assert!(said.kept.is_empty(), "{said:?}");
    let codes: Vec<&str> = said.refused.iter().map(|(_, code)| code.as_str()).collect();
    assert!(!codes.is_empty());
    assert!(
        codes.iter().all(|code| *code == "storage_failed"),
        "{said:?}"
    );
    phone.reopen();
    assert_kept(&phone, &said, "readonly");
}

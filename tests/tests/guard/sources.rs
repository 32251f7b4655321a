//! Rules for our own code that the compiler cannot check everywhere.

use super::code::{Line, rust_files, shipped};
use super::workspace::{metadata, root, text_of};

/// What reads a clock or a source of randomness.
const CLOCKS_AND_DICE: [&str; 15] = [
    "ActorId::random",
    "Instant::now",
    "Local::now",
    "OsRng",
    "RandomState::new",
    "SystemRandom",
    "SystemTime::now",
    "Utc::now",
    "Uuid::new",
    "getrandom",
    "rand::",
    "thread::sleep",
    "thread_rng",
    "tokio::time",
    ".elapsed()",
];

/// Most lines that a file may have, and the middle of all.
const LONGEST: usize = 600;
const MEDIAN: usize = 250;

/// A simulation is only repeatable, and a bug in the field only reproducible, if time and
/// randomness are arguments everywhere but in the driver.
#[test]
fn no_clock_and_no_randomness_is_read_below_the_driver() {
    let lines = shipped(&["core/src/", "core/wire/src/"]);
    assert!(lines.len() > 1_000, "only {} lines were read", lines.len());
    let found = named(lines.iter().filter(|line| {
        !line.path.starts_with("core/src/driver")
            && CLOCKS_AND_DICE.iter().any(|needle| line.holds(needle))
    }));
    assert_eq!(found, Vec::<String>::new());
}

/// If this fails, the guard above has stopped seeing what it looks for.
#[test]
fn the_driver_is_where_clock_and_randomness_are_read() {
    let lines = shipped(&["core/src/driver"]);
    for needle in ["SystemTime::now", "SystemRandom"] {
        assert!(
            lines.iter().any(|line| line.holds(needle)),
            "nobody reads {needle}"
        );
    }
}

/// A memory error in what parses a stranger's bytes is not to be had in safe Rust.
#[test]
fn every_crate_root_forbids_unsafe_code() {
    for package in metadata().members() {
        let demanded = match package.name.as_str() {
            // uniffi's macros write the `extern "C"` functions into these two.
            "waymark-ffi" => continue,
            "waymark-core" => "#![cfg_attr(not(feature = \"uniffi\"), forbid(unsafe_code))]",
            _ => "#![forbid(unsafe_code)]",
        };
        for path in &package.roots {
            let text = std::fs::read_to_string(path).expect("a crate root can be read");
            let found = text.lines().any(|line| line == demanded);
            assert!(found, "{} lacks {demanded}", path.display());
        }
    }
}

/// Where uniffi's macros need unsafe code, ours still holds none.
#[test]
fn nobody_writes_unsafe() {
    let found = named(
        shipped(&["core/", "ffi/", "server/", "cli/"])
            .iter()
            .filter(|line| {
                let words = line
                    .text
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'));
                words.into_iter().any(|word| word == "unsafe")
            }),
    );
    assert_eq!(found, Vec::<String>::new());
}

/// A file that no reader can hold in mind is where the next mistake hides.
#[test]
fn files_stay_short() {
    let mut lengths: Vec<(usize, &str)> = rust_files()
        .map(|path| {
            (
                text_of(path).expect("a Rust file is text").lines().count(),
                path,
            )
        })
        .collect();
    lengths.sort_unstable();
    let (longest, path) = lengths.last().expect("there are Rust files");
    assert!(
        *longest <= LONGEST,
        "{path} has {longest} lines, more than {LONGEST}"
    );
    let (median, _) = lengths[lengths.len() / 2];
    assert!(
        median <= MEDIAN,
        "the median is {median} lines, more than {MEDIAN}"
    );
}

/// Everyone who builds gets the same crates, and from the public registry.
#[test]
fn the_lock_file_names_the_public_registry_only() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is there");
    let sources: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with("source = "))
        .collect();
    assert!(
        sources.len() > 100,
        "Cargo.lock names only {} sources",
        sources.len()
    );
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(sources.iter().find(|source| **source != public), None);
}

fn named<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<String> {
    lines
        .map(|line| format!("{}:{}: {}", line.path, line.number, line.text.trim()))
        .collect()
}

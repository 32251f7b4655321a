//! The repository speaks of itself alone, and holds only what is ours to give away.

use std::collections::BTreeSet;

use super::code::holds_word;
use super::workspace::{files, text_of};
use waymark_tests::shared;

/// Beginnings of paths that exist on one machine only. In pieces, so that this file passes.
const PLACES: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "scratch"),
    concat!("/tmp/", "bash"),
];

/// Words of how text was made or where packages came from; lower case, at the beginning of a word.
const WORDS: [&str; 17] = [
    concat!("ai ", "assistant"),
    concat!("ai", "-generated"),
    concat!("anthro", "pic"),
    concat!("artifac", "tory"),
    concat!("chat", "gpt"),
    concat!("clau", "de"),
    concat!("coding ", "agent"),
    concat!("copi", "lot"),
    concat!("index", "-url"),
    concat!("large language ", "model"),
    concat!("ll", "ms"),
    concat!("open", "ai"),
    concat!("prompt ", "engineering"),
    concat!("replace", "-with"),
    concat!("sub-", "agent"),
    concat!("sub", "agent"),
    concat!("ll", "m "),
];

/// The recorded diary, which tests read where it lies and which is not ours to publish.
const DIARY: &str = "data/esm-one-person-239-days.csv";

/// A reader elsewhere can do nothing with a path that exists here alone.
#[test]
fn no_file_names_a_place_on_one_machine() {
    assert_eq!(
        holding(|line| PLACES.iter().any(|place| holds_word(line, place))),
        none()
    );
}

/// The documents are about Waymark, for people who use or build it.
#[test]
fn no_file_speaks_of_how_it_was_made() {
    let found = holding(|line| {
        let line = line.to_lowercase();
        WORDS.iter().any(|word| holds_word(&line, word))
    });
    assert_eq!(found, none());
    let mut names = files().iter().map(|path| path.to_lowercase());
    assert_eq!(
        names.find(|path| WORDS.iter().any(|word| holds_word(path, word))),
        None
    );
}

/// Others' databases stay where they are: they age, and have their own terms.
#[test]
fn no_advisory_and_no_large_table_is_committed() {
    for path in files() {
        let name = path.rsplit('/').next().unwrap_or(path);
        assert!(!name.starts_with("RUSTSEC-"), "{path} is an advisory");
        assert!(!DIARY.ends_with(name), "{path} is the recorded diary");
        let rows = if name.ends_with(".csv") {
            text_of(path)
        } else {
            None
        };
        let rows = rows.map_or(0, |text| text.lines().count());
        assert!(rows <= 200, "{path} has {rows} rows: who gave them to us?");
    }
}

/// One person's months of depression are lent for tests, not to be spread by us.
#[test]
fn no_row_of_the_recorded_diary_is_committed() {
    let Some(path) = shared(DIARY, "no_row_of_the_recorded_diary_is_committed") else {
        return;
    };
    let diary = std::fs::read_to_string(path).expect("the diary can be read");
    let rows: BTreeSet<&str> = diary
        .lines()
        .map(str::trim)
        .filter(|row| row.len() > 80)
        .collect();
    assert!(rows.len() > 1_000, "the diary has only {} rows", rows.len());
    assert_eq!(holding(|line| rows.contains(line.trim())), none());
}

/// Where a line of any text file satisfies `test`.
fn holding(test: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in files() {
        let text = text_of(path).unwrap_or_default();
        let lines = text.lines().zip(1..).filter(|(line, _)| test(line));
        found.extend(lines.map(|(line, number)| {
            let start: String = line.trim().chars().take(120).collect();
            format!("{path}:{number}: {start}")
        }));
    }
    found
}

fn none() -> Vec<String> {
    Vec::new()
}

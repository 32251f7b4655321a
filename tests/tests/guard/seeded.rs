//! The seeded bugs on which `tests/seeded-bugs/run` tries the tests.

use std::process::Command;

use super::workspace::{files, root, text_of};

const PLACE: &str = "tests/seeded-bugs/";
const PAGE: &str = "docs/reliability.md";
/// So many there are at least.
const FEWEST: usize = 12;

/// A bug that fits nowhere any more tries nothing, and nobody would notice that its test is gone.
#[test]
fn every_seeded_bug_applies_and_says_what_is_lost_and_what_catches_it() {
    let page = text_of(PAGE).expect("the page is text");
    let mut bugs = 0;
    for path in files() {
        let Some(name) = path
            .strip_prefix(PLACE)
            .and_then(|name| name.strip_suffix(".patch"))
        else {
            continue;
        };
        bugs += 1;
        let checked = Command::new("git")
            .args(["apply", "--check", path])
            .current_dir(root())
            .output()
            .expect("git starts");
        let why = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{name} does not apply: {why}");

        let text = text_of(path).expect("a patch is text");
        let (head, diff) = text.split_once("\ndiff --git ").expect("a diff");
        let loss = head.lines().next().unwrap_or_default();
        assert!(
            loss.len() > 20 && !loss.starts_with("Caught by: "),
            "{name}: what is lost?"
        );
        let caught = head
            .lines()
            .find_map(|line| line.strip_prefix("Caught by: "));
        assert!(
            caught.is_some_and(|caught| caught.starts_with("cargo test ")),
            "{name}: what catches it?"
        );
        // What only the tests' own code can break is no bug that a user meets.
        let ours = ["a/core/", "a/server/", "a/cli/", "a/ffi/"];
        assert!(
            diff.lines()
                .filter_map(|line| line.strip_prefix("--- "))
                .all(|file| ours.iter().any(|ours| file.starts_with(ours))),
            "{name} changes other files than what is shipped"
        );
        assert!(
            page.contains(&format!("`{name}`")),
            "{PAGE} does not name {name}"
        );
    }
    assert!(bugs >= FEWEST, "there are only {bugs} seeded bugs");
}

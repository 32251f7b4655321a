//! The 24 words.

use std::fs;

use crate::harness::{Desk, Relay};

fn words(desk: &Desk, input: &str) -> String {
    let made = desk.answer(&["recover", "new"], &format!("{input}yes\n"));
    let made = made.done();
    assert_eq!(made.one("recovery")["state"], "ready");
    let words = made.one("phrase")["words"].as_array().unwrap();
    assert_eq!(words.len(), 24);
    let words: Vec<_> = words.iter().map(|word| word.as_str().unwrap()).collect();
    words.join(" ")
}

fn restore(desk: &Desk, relay: &Relay, words: &str) -> crate::harness::Said {
    let start = [
        "recover",
        "restore",
        "--name",
        "Kim",
        "--device-name",
        "new",
    ];
    let arguments = [&start[..], &["--relay", &relay.url]].concat();
    desk.answer(&arguments, &format!("{words}\n"))
}

/// A lost computer must not take the plan with it, and the finder must not keep reading.
#[test]
fn the_words_bring_everything_back_and_the_lost_device_is_removed() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.add_goal("A walk every day");
    let asked = kim.run(&["recover", "status"]).done();
    assert_eq!(asked.one("recovery")["state"], "none");
    let words = words(&kim, "");
    kim.run(&["sync"]).done();

    let new = Desk::empty();
    let restored = restore(&new, &relay, &words).done();
    assert_eq!(
        restored.one("restored")["plans"].as_array().unwrap().len(),
        1
    );
    assert_eq!(new.goals(), ["A walk every day"]);
    let lost = restored.one("device");
    assert_eq!(lost["device_name"], "desk");
    let number = lost["number"].to_string();
    let removed = new.run(&["devices", "remove", &number, "--yes"]).done();
    assert_eq!(removed.one("device_removed")["number"], lost["number"]);
    new.add_goal("Not for the finder");
    let _ = kim.run(&["sync"]);
    assert_eq!(kim.goals(), ["A walk every day"]);
}

/// Whoever made new words relies on the old ones being worth nothing.
#[test]
fn new_words_need_the_old_ones_and_end_them() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let first = words(&kim, "");
    kim.run(&["recover", "new"]).failed(2, "no_answer");
    let second = words(&kim, &format!("{first}\n"));
    assert_ne!(first, second);
    let late = Desk::empty();
    assert_eq!(restore(&late, &relay, &first).code, 1);
    restore(&late, &relay, &second).done();
}

/// Words that scrolled away, or that the program died before showing, would shut everybody out.
#[test]
fn words_are_good_only_after_a_yes_and_can_be_shown_again_or_given_up() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.run(&["recover", "show"]).failed(2, "wrong_use");
    kim.run(&["recover", "cancel"]).failed(1, "not_allowed");
    kim.run(&["recover", "confirm"]).failed(1, "not_allowed");
    let state = |verb: &str| {
        let said = kim.run(&["recover", verb]).done();
        said.one("recovery")["state"].as_str().unwrap().to_owned()
    };
    let made = kim
        .answer(&["recover", "new"], "no\n")
        .failed(1, "declined");
    kim.run(&["sync"]).done();
    assert_eq!(state("status"), "unconfirmed");
    let again = kim.run(&["recover", "show"]).done();
    assert_eq!(again.one("phrase")["words"], made.one("phrase")["words"]);
    kim.run(&["recover", "new"]).failed(1, "not_allowed");
    assert_eq!(state("cancel"), "none");

    kim.run(&["recover", "new"]).failed(2, "no_answer");
    assert_eq!(state("confirm"), "ready");
    let new = kim.run(&["recover", "new", "--words-file", "/nowhere"]);
    new.failed(2, "wrong_use");
}

/// A slip of the pen is found and named, and the directory stays free for the next try.
#[test]
fn words_that_are_wrong_are_named_and_leave_nothing_behind() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let right = words(&kim, "");
    let new = Desk::empty();
    let (first, rest) = right.split_once(' ').unwrap();
    let slip = restore(&new, &relay, &format!("{first}x {rest}")).failed(2, "invalid_input");
    assert!(slip.complaint.contains("word 1"), "{slip:?}");
    assert!(slip.complaint.contains(first), "{slip:?}");
    let few = restore(&new, &relay, rest).failed(2, "invalid_input");
    assert!(few.complaint.contains("23"), "{few:?}");
    // Words that are in order, and nobody's.
    let nobody = format!("{} art", ["abandon"; 23].join(" "));
    assert_eq!(restore(&new, &relay, &nobody).code, 1);
    assert!(!new.directory().exists());

    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &right).unwrap();
    let start = [
        "recover",
        "restore",
        "--name",
        "Kim",
        "--device-name",
        "new",
    ];
    let more = [
        "--relay",
        &relay.url,
        "--words-file",
        file.path().to_str().unwrap(),
    ];
    new.run(&[&start[..], &more].concat()).done();
}

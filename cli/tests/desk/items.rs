//! Habits and wins at a desk.

use crate::harness::{Desk, Relay};
use crate::sharing::sharing;
use crate::words::{ITEMS, Reader, Row};

/// Somebody at a desk could not say what they want to get used to, nor what went well.
#[test]
fn who_keeps_a_plan_reads_the_order_of_a_day_and_what_went_well() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let mut reader = Reader::default();
    let rows: &[Row<'_>] = &[
        (&["habit"], "", &["there is no habit yet"]),
        (
            &["habit", "new", "Drink water", "--after", "getting up"],
            "",
            &["Drink water, after getting up"],
        ),
        (
            &[
                "habit",
                "new",
                "Stretch",
                "--before-habit",
                "drink water",
                "--minutes",
                "5",
            ],
            "",
            &["Stretch, before Drink water (5 min)"],
        ),
        // In the order of the day, not of writing.
        (
            &["habit"],
            "",
            &[
                "Stretch, before Drink water",
                "Drink water, after getting up",
            ],
        ),
        (
            &["habit", "change", "Stretch", "--minutes", "8"],
            "",
            &["Stretch, before Drink water (8 min)"],
        ),
        (
            &["habit", "change", "Drink water", "--after-habit", "Stretch"],
            "",
            &["Drink water, after Stretch"],
        ),
        (
            &["habit"],
            "",
            &["these hang on each other: ", "Hang one on something else"],
        ),
        (
            &["habit", "new", "Tea", "--after-habit", "Supper"],
            "",
            &["no habit here is \"Supper\"", "(wrong_use)"],
        ),
        (
            &["habit", "new", "Tea"],
            "",
            &["a habit needs an anchor or a cue", "(invalid_input)"],
        ),
        (
            &[
                "habit",
                "new",
                "Tea",
                "--after",
                "noon",
                "--minutes",
                "1441",
            ],
            "",
            &["minutes 1441 is outside 1–1440", "(invalid_input)"],
        ),
        (&["habit", "remove", "Stretch"], "", &["it is removed"]),
        (&["win"], "", &["no win is written down yet"]),
        (
            &["win", "new", "Said no", "--of", "boundary"],
            "",
            &["Said no (boundary)"],
        ),
        (
            &["win", "new", "Went out", "--of", "great"],
            "",
            &["one of", "boundary", "self_care"],
        ),
        (
            &[
                "win",
                "change",
                "Said no",
                "--text",
                "Said no, and it was fine",
            ],
            "",
            &["Said no, and it was fine (boundary)"],
        ),
        (
            &["win", "new", "Slept", "--goal", "A walk"],
            "",
            &["no goal here is \"A walk\"", "(wrong_use)"],
        ),
        (&["win"], "", &["Said no, and it was fine (boundary)"]),
        (
            &["win", "remove", "Said no"],
            "",
            &["no win here is \"Said no\"", "(wrong_use)"],
        ),
        (
            &["win", "remove", "Said no, and it was fine"],
            "",
            &["it is removed"],
        ),
        (&["win"], "", &["no win is written down yet"]),
    ];
    reader.read(&kim, rows);
    reader.has_read(ITEMS);
}

/// A script, and a therapist at another desk, would not find what was written.
#[test]
fn what_is_written_is_read_by_programs_and_on_the_other_desk() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    let made = kim
        .run(&["habit", "new", "Walk", "--after", "lunch"])
        .done();
    let id = made.one("habit_added")["habit"]["id"].clone();
    kim.run(&["win", "new", "Called Sam", "--of", "social"])
        .done();
    for desk in [&kim, &ada] {
        desk.run(&["sync"]).done();
    }
    let seen = ada.run(&["habit"]).done();
    let habit = seen.one("habit");
    assert_eq!(habit["habit"]["id"], id);
    assert_eq!(habit["habit"]["habit"]["cue"], "lunch");
    let seen = ada.run(&["win"]).done();
    let win = seen.one("win")["win"].clone();
    assert_eq!(win["content"]["text"], "Called Sam");
    assert_eq!(win["content"]["of"], "social");
    // Whose words they are, they stay.
    let refused = ada.run(&["win", "new", "It went well"]);
    refused.failed(1, "not_allowed");
    let id = win["id"].as_str().unwrap();
    ada.run(&["win", "remove", id]).failed(1, "not_allowed");
    assert_eq!(kim.run(&["win"]).done().all("win").len(), 1);
}

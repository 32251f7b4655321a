//! Working on a plan at a desk.

use crate::harness::{Desk, Relay, Said};
use crate::sharing::sharing;
use crate::words::{PLAN, Reader, Row};

/// Somebody who keeps a plan at a desk could not say what is to be reached, nor what was done.
#[test]
fn who_keeps_a_plan_reads_where_it_stands() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let mut reader = Reader::default();
    let rows: &[Row<'_>] = &[
        (&["goal"], "", &["there is no goal yet"]),
        (
            &["goal", "template"],
            "",
            &["mindfulness", "Ten minutes", "sleep_routine", "Go to bed"],
        ),
        (
            &["goal", "template", "mindfulness", "--language", "de"],
            "",
            &["Zehn Minuten Achtsamkeit am Tag", "not yet discussed"],
        ),
        (
            &[
                "goal",
                "new",
                "A walk",
                "--weekdays",
                "mon,thu",
                "--why",
                "Air",
            ],
            "",
            &["A walk, proposed", "not yet discussed"],
        ),
        (
            &["goal", "new", " "],
            "",
            &["statement is empty", "(invalid_input)"],
        ),
        (
            &["goal", "status", "A walk", "active"],
            "",
            &["A walk, active"],
        ),
        (
            &["goal", "status", "A walk", "doing"],
            "",
            &["one of", "active", "on-hold"],
        ),
        (
            &["goal", "propose", "A walk", "--statement", "A long walk"],
            "",
            &["A long walk, active"],
        ),
        (
            &["goal", "agree", "A long walk"],
            "",
            &["nothing like it is proposed"],
        ),
        (
            &[
                "check-in",
                "A long walk",
                "--date",
                "2026-05-01",
                "--note",
                "Rain",
            ],
            "",
            &["A long walk: done"],
        ),
        (&["check-in", "--date", "2026-05-01"], "", &["done: Rain"]),
        (
            &["check-in", "A swim"],
            "",
            &["no goal here is \"A swim\"", "(wrong_use)"],
        ),
    ];
    reader.read(&kim, rows);
    let seen = kim.run(&["check-in", "--date", "2026-05-01"]);
    let id = seen.all("check_in")[0]["check_in"]["id"].to_string();
    let id = id.trim_matches('"');
    let rows: &[Row<'_>] = &[
        (
            &["check-in", "withdraw", id, "--date", "2026-05-01"],
            "",
            &["it is taken back"],
        ),
        (
            &["check-in", "--date", "2026-05-01"],
            "",
            &["done: Rain (does not count)"],
        ),
        (
            &["check-in", "Zehn Minuten Achtsamkeit am Tag"],
            "",
            &["done"],
        ),
        (
            &["progress"],
            "",
            &[
                "Zehn Minuten Achtsamkeit am Tag",
                "●",
                "Days in a row, with rest where it belongs: 1",
                "The habit stands at 5 %",
                "It goes on",
                "A long walk",
                "It begins with the first day",
            ],
        ),
        (
            &["progress", "A long walk", "--plain"],
            "",
            &["streak", "strength", "0.00", "A long walk"],
        ),
        (
            &["settings"],
            "",
            &["time zone     ", "at 03:00", "3 at a time"],
        ),
        (
            &[
                "settings",
                "--time-zone",
                "Europe/Berlin",
                "--day-begins",
                "5",
            ],
            "",
            &["time zone     Europe/Berlin\n", "at 05:00", "3 at a time"],
        ),
        (
            &["settings", "--active-goals", "21"],
            "",
            &["active goals 21 is outside 1–20", "(invalid_input)"],
        ),
        (
            &["settings", "--time-zone", "Europe/Atlantis"],
            "",
            &["(invalid_input)"],
        ),
    ];
    reader.read(&kim, rows);
    reader.has_read(PLAN);
}

/// What matters most to somebody would stand where the app put it, and nobody would ask what is
/// still open.
#[test]
fn goals_stand_in_the_clients_order_and_what_is_open_is_asked() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    for statement in ["A walk", "Sleep", "A letter to Sam"] {
        kim.run(&["goal", "new", statement]).done();
    }
    let statements = |said: &Said| -> Vec<String> {
        let goals = said.all("goal").into_iter();
        goals
            .map(|goal| goal["goal"]["statement"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = kim.run(&["goal", "order", "A letter to Sam"]).done();
    assert_eq!(statements(&first), ["A letter to Sam", "A walk", "Sleep"]);
    let after = ["goal", "order", "A letter to Sam", "--after", "A walk"];
    kim.run(&after).done();
    let seen = kim.run(&["goal"]).done();
    assert_eq!(statements(&seen), ["A walk", "A letter to Sam", "Sleep"]);
    kim.run(&["goal", "order", "Sleep", "--after", "A swim"])
        .failed(2, "wrong_use");
    assert_eq!(statements(&kim.run(&["goal"]).done()), statements(&seen));

    let chosen = kim.run(&["goal", "focus", "Sleep"]).done();
    let in_focus = |said: &Said| -> Vec<bool> {
        let goals = said.all("goal").into_iter();
        goals.map(|goal| goal["goal"]["in_focus"] == true).collect()
    };
    assert_eq!(in_focus(&chosen), [false, false, true]);
    let none = kim.run(&["goal", "focus", "Sleep", "--off"]).done();
    assert_eq!(in_focus(&none), [false; 3]);

    let asked = kim.run(&["goal", "smart", "A walk"]).done();
    let asked = asked.one("smart");
    assert_eq!(asked["report"]["specific"], "specific_words");
    assert_eq!(asked["report"]["fulfilled"], 0);
    assert_eq!(asked["questions"].as_array().unwrap().len(), 5);
    let rows: &[Row<'_>] = &[
        (
            &["goal", "smart", "A walk"],
            "",
            &[
                "A walk",
                "specific    What exactly is it to be?",
                "measurable  What can be counted",
                "achievable  How sure are you",
                "relevant    Which of your values",
                "time-bound  Until when?",
            ],
        ),
        // Four words and every day: that is clear.
        (
            &["goal", "smart", "A letter to Sam"],
            "",
            &["A letter to Sam", "specific    yes\n", "measurable"],
        ),
        (
            &["goal", "focus", "A letter to Sam"],
            "",
            &["A letter to Sam", "in the focus", "Sleep"],
        ),
        (
            &["goal", "smart", "A swim"],
            "",
            &["no goal here is \"A swim\"", "(wrong_use)"],
        ),
    ];
    Reader::default().read(&kim, rows);
}

/// A therapist's words would hold without the client, or the client could not answer.
#[test]
fn what_a_therapist_proposes_waits_for_the_client() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    for desk in [&kim, &ada, &kim, &ada] {
        desk.run(&["sync"]).done();
    }
    let made = ada.run(&["goal", "new", "Call a friend", "--times-a-week", "2"]);
    let goal = made.all("goal_created")[0]["goal"].clone();
    assert!(goal["in_force"].is_null(), "{goal}");
    ada.run(&["sync"]).done();
    kim.run(&["sync"]).done();
    kim.run(&["goal", "agree", "Call a friend"]).done();
    kim.run(&["sync"]).done();
    ada.run(&["sync"]).done();
    let seen = ada.run(&["goal"]);
    let goal = seen.all("goal")[0]["goal"].clone();
    assert!(
        goal["in_force"].is_object() && goal["discussed"] == true,
        "{goal}"
    );
    let refused = ada.run(&["check-in", "Call a friend"]);
    assert_eq!(refused.all("error")[0]["code"], "not_allowed");
}

//! Working on a plan at a desk.

use crate::harness::{Desk, Relay};
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
    ];
    reader.read(&kim, rows);
    reader.has_read(PLAN);
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

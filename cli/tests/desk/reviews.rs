//! Looking at goals together at a desk: reviews and sessions.

use std::fs;

use chrono::{Days, NaiveDate};
use serde_json::Value;
use waymark_core::model::{Kind, NewSettings};

use crate::harness::{Desk, Relay};
use crate::sharing::sharing;
use crate::words::{REVIEW, Reader, Row, SESSION};

/// Says that a desk is somewhere else.
fn move_to(desk: &Desk, zone: &str) {
    let path = desk.directory().join("settings.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    settings["time_zone"] = zone.into();
    fs::write(&path, settings.to_string()).unwrap();
}

/// Today, where Kim is.
fn today(kim: &Desk) -> NaiveDate {
    let client = kim.open();
    let plan = client.people().plans()[0];
    client.goals().today(plan).unwrap()
}

/// What was decided on a goal would be written down under another, or nobody would know when to look
/// again.
#[test]
fn who_looks_at_goals_reads_what_was_decided_and_when_to_look_again() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.run(&["goal", "new", "A walk"]).done();
    kim.run(&["goal", "new", "Sleep"]).done();
    let today = today(&kim);
    let next = (today + Days::new(7)).to_string();
    let over = (today - Days::new(3)).to_string();
    let today = today.to_string();
    let mut reader = Reader::default();
    let rows: &[Row<'_>] = &[
        (&["review"], "", &["there is no review yet"]),
        (
            &[
                "review",
                "add",
                "--pause",
                "Sleep",
                "--keep",
                "A walk",
                "--rating",
                "A walk=7",
                "--note",
                "Sleep=Too much at once",
                "--next",
                &next,
            ],
            "",
            &[
                "A walk, keep, 7 of 10\n",
                "Sleep, pause: Too much at once\n",
                &format!("again on {next}"),
            ],
        ),
        (
            &["review"],
            "",
            &[
                "A walk, keep, 7 of 10\n",
                &format!("the next review is on {next}, in 7 days"),
            ],
        ),
        // What one goal is told needs no name.
        (
            &[
                "review", "new", "--adjust", "a walk", "--rating", "0", "--note", "At noon",
                "--next", &today,
            ],
            "",
            &["A walk, adjust, 0 of 10: At noon"],
        ),
        (
            &["review"],
            "",
            &["Sleep, pause", "adjust", "the next review is today"],
        ),
        (
            &["review", "new", "--stop", "Sleep", "--next", &over],
            "",
            &["Sleep, stop\n"],
        ),
        (
            &["review"],
            "",
            &[&format!(
                "the next review was due on {over}, 3 days ago; any day is good for it"
            )],
        ),
        (
            &["review", "new", "--complete", "Sleep"],
            "",
            &["Sleep, complete\n"],
        ),
        (
            &["review"],
            "",
            &["complete", "no day is set for the next review"],
        ),
    ];
    reader.read(&kim, rows);
    reader.has_read(REVIEW);
}

/// Half a review would stand as what two people agreed on.
#[test]
fn a_review_that_cannot_be_meant_says_why_and_is_not_written() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.run(&["goal", "new", "A walk"]).done();
    kim.run(&["goal", "new", "Sleep"]).done();
    let walk = ["--keep", "A walk"];
    let both = ["--keep", "A walk", "--keep", "Sleep"];
    let rows: [(&[&str], &[&str], &str); 12] = [
        (&[], &[], "name a goal with what is to become of it"),
        (&[], &["--keep", "A swim"], "no goal here is \"A swim\""),
        (&walk, &["--stop", "A walk"], "2 decisions on one goal"),
        (&walk, &["--rating", "11"], "rating 11 is outside 0–10"),
        (&walk, &["--rating", "ten"], "not \"ten\""),
        (&walk, &["--rating", "A walk=-1"], "not \"-1\""),
        (&walk, &["--rating", "Sleep=3"], "nothing is decided"),
        (&both, &["--rating", "7"], "say of which goal the rating is"),
        (&both, &["--note", "Good"], "say of which goal the note is"),
        (
            &walk,
            &["--rating", "7", "--rating", "A walk=8"],
            "a second rating of one goal",
        ),
        (&walk, &["--next", "soon"], "soon"),
        (
            &walk,
            &["--session", "2026-05-04"],
            "no session here is \"2026-05-04\"",
        ),
    ];
    for (goals, more, expected) in rows {
        let said = kim.run(&[&["review", "new"], goals, more].concat());
        assert_eq!(said.code, 2, "{more:?}: {said:?}");
        let message = said.one("error")["message"].as_str().unwrap();
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let seen = kim.run(&["review"]).done();
    assert!(seen.all("review").is_empty(), "{seen:?}");
    assert!(seen.one("review_due")["due"]["last"].is_null(), "{seen:?}");
}

/// A therapist far away would remind somebody a day too early, or a day too late.
#[test]
fn a_review_is_due_by_the_calendar_of_the_client_wherever_the_desk_is() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    // Otherwise Kim's device would have a calendar of its own between two midnights.
    move_to(&kim, "Europe/Berlin");
    let client = kim.open();
    let settings = NewSettings {
        time_zone: Some("Europe/Berlin".into()),
        ..NewSettings::default()
    };
    let plan = client.people().plans()[0];
    client.goals().set_settings(plan, &settings).unwrap();
    drop(client);
    kim.run(&["goal", "new", "A walk"]).done();
    let over = (today(&kim) - Days::new(3)).to_string();
    let review = ["review", "new", "--keep", "A walk", "--next", &over];
    let made = kim.run(&review).done();
    for desk in [&kim, &ada] {
        desk.run(&["sync"]).done();
    }
    // At least one of these has another date than Kim at any time.
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        move_to(&ada, zone);
        let seen = ada.run(&["review"]).done();
        let id = &made.one("review_added")["review"]["id"];
        assert_eq!(&seen.one("review")["review"]["id"], id);
        let due = &seen.one("review_due")["due"];
        assert_eq!((&due["last"], &due["days_overdue"]), (id, &3.into()));
        assert_eq!(due["next_due"], over.as_str());
    }
}

/// What somebody wanted to talk about would be on no agenda, and homework on no list.
#[test]
fn who_plans_a_session_reads_its_agenda_its_notes_and_its_homework() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.run(&["goal", "new", "A walk"]).done();
    let mut reader = Reader::default();
    let new = ["session", "new", "--begins", "2026-05-04 16:30"];
    let homework = ["session", "homework", "2026-05-04", "Find a path"];
    let details = ["--goal", "A walk", "--due", "2026-05-09", "--minutes", "20"];
    let rows: &[Row<'_>] = &[
        (&["session"], "", &["no session is planned yet"]),
        (
            &[&new[..], &["--minutes", "50", "--place", "the practice"]].concat(),
            "",
            &["2026-05-04 16:30, 50 min, the practice\n"],
        ),
        (
            &["session", "agenda", "2026-05-04", "The evenings"],
            "",
            &["2026-05-04 16:30", "to talk about: The evenings\n"],
        ),
        (
            &["session", "agenda", "2026-05-04 16:30", "My sister"],
            "",
            &["to talk about: The evenings", "to talk about: My sister"],
        ),
        (
            &["session", "done", "2026-05-04", "the evenings"],
            "",
            &["talked about: The evenings", "to talk about: My sister"],
        ),
        (
            &["session", "done", "2026-05-04", "The evenings", "--undo"],
            "",
            &["to talk about: The evenings"],
        ),
        (
            &[&homework[..], &details].concat(),
            "",
            &["homework: Find a path, until 2026-05-09, 20 min (not-started)"],
        ),
        (
            &[
                "session",
                "change",
                "2026-05-04",
                "--begins",
                "2026-05-05 09:00",
                "--summary",
                "We looked at May",
            ],
            "",
            &["2026-05-05 09:00, 50 min, the practice", "We looked at May"],
        ),
        (
            &["session", "note", "2026-05-05", "The evenings are long"],
            "",
            &["note:", "The evenings are long\n"],
        ),
        (
            &["session", "note", "2026-05-05", "Tea helps"],
            "",
            &["note:", "  The evenings are long\n", "  Tea helps\n"],
        ),
        (
            &[
                "session",
                "note",
                "2026-05-05",
                "--title",
                "For Ada",
                "She knows",
            ],
            "",
            &["Tea helps", "note \"For Ada\":", "  She knows\n"],
        ),
        (&["session", "new"], "", &["no time is agreed yet"]),
        (
            &[
                "review",
                "new",
                "--keep",
                "A walk",
                "--session",
                "2026-05-05",
            ],
            "",
            &[", in the session of 2026-05-05 09:00\n", "A walk, keep"],
        ),
    ];
    reader.read(&kim, &rows[..rows.len() - 1]);
    reader.has_read(SESSION);
    Reader::default().read(&kim, &rows[rows.len() - 1..]);

    let client = kim.open();
    let plan = client.people().plans()[0];
    let sessions = client.reviews().sessions(plan).unwrap();
    let reviews = client.reviews().list(plan).unwrap();
    assert_eq!(reviews[0].review.session, Some(sessions[0].id));
    let texts = client.texts();
    let note = texts.create(plan, Some(sessions[0].id), Some("Together"));
    let text = "Small steps\nare steps";
    texts.splice(plan, note.unwrap().text, 0, 0, text).unwrap();
    drop(client);
    let rows: &[Row<'_>] = &[(
        &["session"],
        "",
        &[
            "2026-05-05 09:00",
            "to talk about: The evenings",
            "note \"Together\":\n",
            "  Small steps\n",
            "  are steps\n",
            "homework: Find a path",
            "no time is agreed yet",
        ],
    )];
    reader.read(&kim, rows);
}

/// Homework would be given in another session, or at a time that nobody meant.
#[test]
fn what_cannot_be_meant_of_a_session_says_why_and_changes_nothing() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    for time in ["2026-05-04 09:00", "2026-05-04 16:30"] {
        kim.run(&["session", "new", "--begins", time]).done();
    }
    let before = kim.run(&["session"]).done().events;
    let morning = "2026-05-04 09:00";
    let rows: [(&[&str], &str); 9] = [
        (&["new", "--begins", "monday"], "2026-05-04 16:30"),
        (&["new", "--minutes", "1441"], "minutes 1441 is outside"),
        (&["agenda", "2026-05-04", "A"], "more than one session is"),
        (&["agenda", "2026-06-04", "A"], "no session here is"),
        (&["agenda", morning, " "], "agenda item is empty"),
        (&["done", morning, "A"], "no agenda item here is \"A\""),
        (&["homework", morning, " "], "step is empty"),
        (
            &["homework", morning, "Read", "--goal", "A walk"],
            "no goal here is \"A walk\"",
        ),
        (&["remove", ""], "no session here is \"\""),
    ];
    for (arguments, expected) in rows {
        let said = kim.run(&[&["session"], arguments].concat());
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        let message = said.one("error")["message"].as_str().unwrap();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    assert_eq!(kim.run(&["session"]).done().events, before);
}

/// What a therapist gives to do would not be on the client's list, and what the client ticks off would
/// be talked about twice.
#[test]
fn both_see_one_session_and_its_homework_is_a_step_of_the_plan() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    let share = || {
        for desk in [&kim, &ada, &kim, &ada] {
            desk.run(&["sync"]).done();
        }
    };
    share();
    let made = ada.run(&["session", "new", "--place", "the practice"]);
    let id = made.done().one("session_added")["session"]["id"].clone();
    let id = id.as_str().unwrap();
    ada.run(&["session", "homework", id, "Write a letter"])
        .done();
    share();
    kim.run(&["session", "agenda", id, "My sister"]).done();
    kim.run(&["session", "done", id, "My sister"]).done();
    share();
    let seen = [&kim, &ada].map(|desk| {
        let seen = desk.run(&["session"]).done();
        seen.one("session")["session"].clone()
    });
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0]["id"], id);
    assert_eq!(seen[0]["agenda"][0]["item"]["is_done"], true);
    assert_eq!(seen[0]["homework"][0]["step"]["what"], "Write a letter");
    let client = kim.open();
    let plan = client.people().plans()[0];
    let steps = client.items().list(plan, Kind::ActionStep).unwrap();
    let steps: Vec<_> = steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(steps, [seen[0]["homework"][0]["step_id"].as_str().unwrap()]);
    drop(client);
    let removed = kim.run(&["session", "remove", id]).done();
    assert_eq!(removed.one("session_removed")["session"], id);
    assert!(kim.run(&["session"]).done().all("session").is_empty());
}

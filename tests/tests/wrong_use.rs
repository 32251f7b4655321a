//! Wrong use: it gives a clear error with a stable code, and nothing is lost or changed by it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs;

use waymark_core::client::{Client, PlanId, WaymarkError};
use waymark_core::membership::SpaceKind;
use waymark_core::model::{
    GoalId, NewCheckIn, NewGoal, NewRevision, Outcome, Rating, RecordId, Schedule,
};
use waymark_server::inspect::entries;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, measure, meet, notes, status, sync,
};
use waymark_tests::{Device, TestRelay, begin, begin_at, hand_over, link_therapist, post};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::message::{APPEND_PATH, AppendRequest, PULL_PATH};

fn code<T: std::fmt::Debug>(result: Result<T, WaymarkError>) -> &'static str {
    result.expect_err("it is refused").code()
}

/// Weeks without a network are the normal case, not an error.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_relay_costs_nothing_and_is_told() {
    let mut relay = TestRelay::start().await;
    relay.stop().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    for note in ["a", "b"] {
        log(&phone, plan, goal, note);
        assert_eq!(code(sync(&phone).await), "offline");
    }
    assert_eq!(notes(&phone, plan), ["a", "b"]);
    let offline = status(&phone, plan);
    assert_eq!(offline.problem.as_deref(), Some("offline"));
    assert_eq!(offline.synced, None);
    assert!(offline.unsent + offline.on_the_way > 0);

    relay.restart().await;
    let tablet = link_therapist(&phone, plan).await;
    assert_eq!(notes(&tablet, plan), ["a", "b"]);
    assert_settled(&phone);
}

/// More than one request holds was waiting when the network came back.
#[tokio::test(flavor = "multi_thread")]
async fn more_entries_than_one_request_takes_are_all_sent() {
    let mut relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    let live = phone.client().sync().live();
    relay.stop().await;
    for n in 0..150 {
        log(&phone, plan, goal, &format!("{n:03}"));
        // Each attempt seals what there is.
        assert_eq!(code(sync(&phone).await), "offline");
    }
    let waiting = status(&phone, plan);
    // As many as one request takes; the others are not counted.
    assert_eq!(waiting.on_the_way, 64);
    drop(live);
    relay.restart().await;
    sync(&phone).await.unwrap();
    assert_settled(&phone);
    sync(&tablet).await.unwrap();
    assert_eq!(notes(&tablet, plan).len(), 150);
    assert_same(plan, &[&phone, &tablet]);
}

/// An operator's restart in the middle of three weeks of diary.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_restarts_in_the_middle_gets_everything_once() {
    let mut relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    for round in 0..6 {
        for n in 0..20 {
            phone.clock().advance(60_000);
            log(&phone, plan, goal, &format!("{round} {n:02}"));
        }
        let client = phone.client().clone();
        let pushing = tokio::spawn(async move { client.sync().now().await });
        tokio::time::sleep(std::time::Duration::from_millis(round)).await;
        relay.stop().await;
        let pushed = pushing.await.unwrap();
        assert!(pushed.is_ok() || code(pushed) == "offline");
        relay.restart().await;
    }
    meet(&[&phone, &tablet]).await;
    assert_eq!(notes(&tablet, plan).len(), 120);
    assert_same(plan, &[&phone, &tablet]);
    assert_settled(&phone);
}

/// A restored phone without its keychain, two processes on one database: never an empty diary.
#[tokio::test]
async fn another_key_and_a_second_opening_are_refused_and_change_nothing() {
    let (mut phone, plan) = begin_at("http://127.0.0.1:9");
    let goal = goal(&phone, plan, "walk");
    log(&phone, plan, goal, "kept");
    assert_eq!(code(phone.open(&[7; 32])), "locked");
    phone.close();
    assert_eq!(code(phone.open(&[8; 32])), "key_lost");
    phone.reopen();
    assert_eq!(notes(&phone, plan), ["kept"]);
    phone.client().clone().erase_everything().unwrap();
    assert!(phone.client().people().plans().is_empty());
    phone.close();
    // Another key is no error any more: there is nothing that it does not fit.
    let fresh = phone.open(&[8; 32]).unwrap();
    assert!(fresh.people().plans().is_empty());
}

/// A failing flash must not show a diary with other content, or crash the app at every start.
#[tokio::test]
async fn a_damaged_page_is_an_error_and_never_another_diary() {
    let (mut phone, plan) = begin_at("http://127.0.0.1:9");
    let goal = goal(&phone, plan, "walk");
    for n in 0..40 {
        log(&phone, plan, goal, &format!("day {n}"));
    }
    let hash = phone.client().projection_hash(plan).unwrap();
    phone.close();
    let file = phone.directory().join("waymark.sqlite");
    let sound = fs::read(&file).unwrap();
    let mut told = 0;
    let places = (0..sound.len() / 4096).flat_map(|page| [3, 200, 3_000].map(|b| page * 4096 + b));
    for place in places {
        let mut bytes = sound.clone();
        bytes[place] ^= 0x55;
        fs::write(&file, bytes).unwrap();
        let read = |client: Client| {
            // What is missing without a trace is found by whoever looks for it.
            let read = client.projection_hash(plan);
            match (read, client.diagnostics()?.database) {
                (Ok(shown), None) => assert_eq!(shown, hash, "byte {place}"),
                (Err(error), _) => return Err(error),
                (Ok(_), Some(_)) => told += 1,
            }
            Ok(())
        };
        if let Err(error) = phone.open(&[7; 32]).and_then(read) {
            let codes = ["damaged", "needs_newer_app", "storage_failed", "not_found"];
            assert!(codes.contains(&error.code()), "byte {place}: {error}");
            told += 1;
        }
    }
    assert!(told > 0, "no byte that was altered mattered");
    fs::write(&file, sound).unwrap();
    phone.reopen();
    assert_eq!(notes(&phone, plan).len(), 40);
}

/// A slip of the finger must not write half of what was meant.
#[tokio::test]
async fn input_that_breaks_a_rule_names_the_field_and_changes_nothing() {
    let (phone, plan) = begin_at("http://127.0.0.1:9");
    let goal = goal(&phone, plan, "walk");
    let mood = measure(&phone, plan, "mood", 10);
    let state = || {
        let unsent = status(&phone, plan).unsent;
        (phone.client().projection_hash(plan).unwrap(), unsent)
    };
    let before = state();
    let client = phone.client();
    let valid = NewCheckIn::new(goal, Outcome::Done);
    let rating = |value| NewCheckIn {
        ratings: vec![Rating {
            measure: mood,
            value,
        }],
        ..valid.clone()
    };
    let noted = |length| NewCheckIn {
        note: Some("ü".repeat(length)),
        ..valid.clone()
    };
    let check_ins = client.check_ins();
    for (input, code, words) in [
        (rating(11), "invalid_input", "rating 11"),
        (rating(-1), "invalid_input", "rating -1"),
        (noted(4_001), "invalid_input", "note is 4001 characters"),
        (
            NewCheckIn::new(GoalId::from(RecordId([9; 16])), Outcome::Done),
            "not_found",
            "goal",
        ),
        (
            NewCheckIn {
                quantity: Some(-1.0),
                ..valid.clone()
            },
            "invalid_input",
            "quantity",
        ),
        (
            NewCheckIn {
                quantity: Some(f64::NAN),
                ..valid.clone()
            },
            "invalid_input",
            "quantity",
        ),
        (
            NewCheckIn {
                unit: Some("x".repeat(201)),
                ..valid.clone()
            },
            "invalid_input",
            "unit",
        ),
    ] {
        let error = check_ins.log(plan, &input).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        // In the middle of an import, too.
        let at = chrono::DateTime::UNIX_EPOCH;
        let import = [(valid.clone(), at), (input, at)];
        assert_eq!(check_ins.log_many(plan, &import).unwrap_err().code(), code);
        assert_eq!(state(), before, "{words}");
    }
    let wording = |length| NewRevision {
        goal,
        replaces: Vec::new(),
        statement: "ü".repeat(length),
        target: None,
        schedule: Some(Schedule::daily()),
        effective_from: None,
        rationale: None,
    };
    for (length, words) in [
        (501, "statement is 501 characters"),
        (0, "statement is empty"),
    ] {
        let new = NewGoal { area: None };
        let created = client.goals().create(plan, &new, &wording(length));
        let error = created.unwrap_err();
        assert_eq!(error.code(), "invalid_input");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(state(), before);
    }
    let nowhere = PlanId([1; 32]);
    assert_eq!(code(check_ins.log(nowhere, &valid)), "not_found");
    assert_eq!(code(client.people().begin("", "phone")), "invalid_input");
    assert_eq!(code(client.people().begin("Kim", "phone")), "not_allowed");
    assert_eq!(state(), before);
    // At the limits themselves, and of nothing.
    check_ins.log(plan, &noted(4_000)).unwrap();
    client
        .goals()
        .create(plan, &NewGoal { area: None }, &wording(500))
        .unwrap();
    check_ins.log_many(plan, &[]).unwrap();
}

/// Whoever can reach the relay could fill its log, or put words into a plan.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_members_entry_is_refused_by_the_relay() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let other = phone.client().people().create_plan().unwrap();
    let _ = goal(&phone, plan, "walk");
    let _ = goal(&phone, other, "sleep");
    sync(&phone).await.unwrap();
    let before = entries(relay.directory()).unwrap();
    let of = |plan: PlanId| {
        let kind = |bytes: &[u8]| Entry::parse(bytes.to_vec()).unwrap().header().kind;
        let mut newest = before.iter().filter(|e| e.space == SpaceId(plan.0));
        let newest = newest.rfind(|e| kind(&e.bytes) == Kind::Batch);
        newest.unwrap()
    };
    let (own, foreign) = (of(plan), of(other));
    let mut flipped = own.bytes.clone();
    flipped[100] ^= 1;
    let mut next = own.bytes.clone();
    next[7] += 1;
    let address = relay.url().trim_start_matches("http://").to_owned();
    let space = SpaceId(plan.0);
    let half = &own.bytes[..own.bytes.len() / 2];
    for (space, entry, status) in [
        (space, half, 400),
        (space, &own.bytes[..own.bytes.len() - 1], 400),
        (space, &[][..], 400),
        (space, &flipped, 404),
        (space, &next, 404),
        (space, &foreign.bytes, 404),
        (SpaceId([5; 32]), &own.bytes, 404),
        (space, &[2; 400_000][..], 413),
        // The very same again is no harm: it has its place.
        (space, &own.bytes, 200),
    ] {
        let request = codec::encode(&AppendRequest {
            space,
            entries: vec![Bytes(entry.to_vec())],
            attachments: Vec::new(),
            admission: None,
            heals: false,
        });
        let answer = post(&address, APPEND_PATH, &request).await.unwrap();
        assert_eq!(answer.0, status, "an entry of {} bytes", entry.len());
    }
    for path in [APPEND_PATH, PULL_PATH, "/v1/status"] {
        let garbage = post(&address, path, &[0xff; 300]).await.unwrap();
        assert_eq!(garbage.0, 400, "{path}");
        let huge = post(&address, path, &vec![0; limits::APPEND_BODY + 1]).await;
        assert!(huge.is_err() || huge.unwrap().0 == 413, "{path}");
    }
    assert_eq!(entries(relay.directory()).unwrap(), before);
    sync(&phone).await.unwrap();
}

/// A card or a welcome goes through hands and messengers.
#[tokio::test(flavor = "multi_thread")]
async fn cards_and_welcomes_that_are_altered_or_anothers_are_refused() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    log(&phone, plan, goal, "hello");
    let (tablet, thief) = (Device::new(&relay), Device::new(&relay));
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    thief.client().people().card("Dr. Eve", "laptop").unwrap();
    for at in (0..card.len()).step_by(61) {
        let mut altered = card.clone();
        altered[at] ^= 4;
        let refused = phone.client().people().add_therapist(plan, &altered);
        assert_eq!(code(refused), "bad_card", "byte {at}");
    }
    assert_eq!(
        code(phone.client().people().welcome(&card[1..])),
        "bad_card"
    );
    assert_eq!(phone.client().people().members(plan).unwrap().len(), 1);
    assert_eq!(phone.client().people().welcome(&card).unwrap(), None);

    phone.client().people().add_therapist(plan, &card).unwrap();
    sync(&phone).await.unwrap();
    let welcome = phone.client().people().welcome(&card).unwrap().unwrap();
    assert_eq!(code(thief.client().people().accept(&welcome)), "bad_card");
    assert!(thief.client().people().plans().is_empty());

    // However it is altered, the right one works afterwards.
    let people = tablet.client().people();
    for at in 0..welcome.len() {
        let mut altered = welcome.clone();
        altered[at] ^= 1;
        if let Err(error) = people.accept(&altered) {
            assert_eq!(error.code(), "bad_card");
        } else if at % 4 == 0 {
            assert!(sync(&tablet).await.is_err() || notes(&tablet, plan) == ["hello"]);
        }
    }
    hand_over(&phone, &tablet, &card).await;
    people.accept(&welcome).unwrap();
    sync(&tablet).await.unwrap();
    assert_eq!(people.plans(), [plan]);
    assert_eq!(notes(&tablet, plan), ["hello"]);
    assert_same(plan, &[&phone, &tablet]);
    assert_settled(&tablet);
    let again = phone.client().people().add_therapist(plan, &card);
    assert_eq!(code(again), "not_allowed");
}

/// Whoever is led into a second home has two lists of their spaces, and each device looks at another.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_has_a_home_is_led_into_no_other_one() {
    let relay = TestRelay::start().await;
    let (phone, _) = begin(&relay);
    let (old_phone, plan) = begin(&relay);
    let people = old_phone.client().people();
    let card = people.card("Kim", "old phone").unwrap();
    phone.client().people().add_own_device(&card).unwrap();
    sync(&phone).await.unwrap();
    let welcome = phone.client().people().welcome(&card).unwrap().unwrap();
    let before = people.spaces(SpaceKind::Home);
    // Neither while nobody has heard of its home nor afterwards.
    assert_eq!(code(people.accept(&welcome)), "bad_card");
    sync(&old_phone).await.unwrap();
    assert_eq!(code(people.accept(&welcome)), "bad_card");
    assert_eq!(people.spaces(SpaceKind::Home), before);
    assert_eq!(people.plans(), [plan]);
    sync(&old_phone).await.unwrap();
    assert_settled(&old_phone);
}

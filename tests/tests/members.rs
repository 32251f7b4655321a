//! Who may do what in a plan, and what becomes of what they may not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::{DateTime, TimeDelta, Utc};
use waymark_core::model::{
    DocumentKey, GoalId, Log, NewCheckIn, NewRecord, Outcome, PersonTag, Plan, Rating, Reason,
    Stamp,
};
use waymark_core::role::Role;
use waymark_tests::forge::put_record;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, measure, meet, notes, readers, settle, status, sync,
};
use waymark_tests::{Device, TestRelay, begin, hand_over, link_phone, link_therapist};

/// The client's own people and others: a list that everybody can look at, at any time.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_who_reads_the_plan_and_only_the_client_adds_people() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let second = link_phone(&phone).await;
    meet(&[&tablet, &phone]).await;
    for device in [&phone, &tablet, &second] {
        let members = readers(device, plan);
        let seen: Vec<_> = members
            .iter()
            .map(|m| {
                (
                    m.name.as_deref().unwrap(),
                    m.role.unwrap(),
                    m.rights.as_str(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("Kim", Role::Client, "admin"),
                ("Dr. Ada", Role::Therapist, "write"),
                ("Kim", Role::Client, "admin"),
            ]
        );
        assert_eq!(
            members.iter().filter(|member| member.this_device).count(),
            1
        );
    }

    let stranger = Device::new(&relay);
    let card = stranger.client().people().card("Eve", "laptop").unwrap();
    let refused = tablet.client().people().add_therapist(plan, &card);
    assert_eq!(refused.unwrap_err().code(), "not_allowed");
    sync(&tablet).await.unwrap();
    assert_eq!(readers(&phone, plan).len(), 3);
    // A second tablet of the therapist's is the therapist's to add.
    let again = tablet.client().people().begin("Dr. Ada", "tablet");
    assert_eq!(
        again.unwrap_err().code(),
        "not_allowed",
        "it has begun by accepting"
    );
    let other = Device::new(&relay);
    let card = other.client().people().card("Dr. Ada", "desk").unwrap();
    tablet.client().people().add_own_device(&card).unwrap();
    hand_over(&tablet, &other, &card).await;
    let goal = goal(&other, plan, "breathe");
    meet(&[&other, &phone]).await;
    let seen = phone.client().goals().get(plan, goal).unwrap();
    assert!(seen.in_force.is_none(), "a therapist's word alone");
    assert_same(plan, &[&phone, &other]);
}

/// What a record of a person with this role would say, whoever that is.
fn crafted(goal: GoalId, at: DateTime<Utc>) -> NewRecord {
    let stamp = Stamp {
        person: PersonTag([1; 16]),
        role: Role::Client,
        at,
        time_zone: "Europe/Amsterdam".into(),
    };
    let check_in = NewCheckIn {
        goal: None,
        note: Some("not my own".into()),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    let empty = Plan::fold(Vec::new(), None);
    check_in.record(&empty, None::<&Log>, &stamp).unwrap()
}

/// A therapist's app that was tampered with could otherwise speak for the client, and an older app
/// could choke on what a newer one writes.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_break_a_role_a_range_or_a_version_are_left_out_alike_everywhere() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let mood = measure(&phone, plan, "mood", 200);
    let mut tablet = link_therapist(&phone, plan).await;
    let at = DateTime::from_timestamp(1_777_636_800, 0).unwrap();
    let out_of_role = crafted(goal, at);
    put_record(&mut tablet, plan, out_of_role.document, &out_of_role.bytes);
    // The same kind of record from the client's own phone counts.
    let fine = crafted(goal, at + TimeDelta::minutes(1));
    put_record(&mut phone, plan, fine.document, &fine.bytes);
    // Kind 900, at an instant.
    let unknown = [0xa2, 0, 0x19, 0x03, 0x84, 1, 0x1a, 0x6a, 0, 0, 0];
    put_record(&mut phone, plan, DocumentKey::PLAN, &unknown);
    // A rating that its measure does not have: 150 of 200, made 250.
    let rated = NewCheckIn {
        ratings: vec![Rating {
            measure: mood,
            value: 150,
        }],
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    let id = phone.client().check_ins().log(plan, &rated).unwrap();
    let all = phone.client().export_records(plan).unwrap();
    let rated = all
        .iter()
        .find(|bytes| is_record(bytes, id.record()))
        .unwrap();
    let mut out_of_range = rated.clone();
    let at = out_of_range
        .windows(2)
        .position(|two| two == [0x18, 150])
        .unwrap();
    out_of_range[at + 1] = 250;
    put_record(&mut phone, plan, out_of_role.document, &out_of_range);

    let second = link_phone(&phone).await;
    meet(&[&tablet, &phone, &second]).await;
    let devices = [&phone, &tablet, &second];
    for device in devices {
        assert_eq!(notes(device, plan), ["not my own"]);
        assert_eq!(status(device, plan).held, 0, "it is applied, not held");
        let left_out = device.client().goals().view(plan).unwrap().left_out;
        let reasons: Vec<_> = left_out.iter().map(|left| left.reason).collect();
        assert_eq!(reasons, [Reason::NeedsNewerApp]);
        let text = device.client().export_all().unwrap();
        for reason in ["out_of_role", "out_of_range", "needs_newer_app"] {
            assert_eq!(text.matches(reason).count(), 1, "{reason}");
        }
    }
    assert_same(plan, &devices);
}

fn is_record(bytes: &[u8], id: waymark_core::model::RecordId) -> bool {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref()[..16] == id.0
}

/// Two phones of one client, both without a network, each add somebody, and each has something to
/// say besides.
#[tokio::test(flavor = "multi_thread")]
async fn people_added_on_two_devices_at_once_are_all_members() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let second = link_phone(&phone).await;
    let new = [Device::new(&relay), Device::new(&relay)];
    let mut cards = Vec::new();
    for (adder, device) in [&phone, &second].into_iter().zip(&new) {
        let card = device.client().people().card("Dr. Ada", "tablet").unwrap();
        adder.client().people().add_therapist(plan, &card).unwrap();
        log(adder, plan, goal, &format!("besides {}", cards.len()));
        cards.push(card);
    }
    // The same device twice, as well.
    let both = Device::new(&relay);
    let card = both.client().people().card("Dr. Bo", "tablet").unwrap();
    for adder in [&phone, &second] {
        adder.client().people().add_therapist(plan, &card).unwrap();
    }
    let at_once = tokio::join!(sync(&phone), sync(&second));
    at_once.0.unwrap();
    at_once.1.unwrap();
    meet(&[&phone, &second]).await;
    for device in [&phone, &second] {
        assert_settled(device);
        assert_eq!(readers(device, plan).len(), 5);
    }
    hand_over(&phone, &new[0], &cards[0]).await;
    hand_over(&phone, &new[1], &cards[1]).await;
    hand_over(&second, &both, &card).await;
    for device in new.iter().chain([&both]) {
        assert_eq!(notes(device, plan).len(), 2);
        assert_same(plan, &[&phone, &second, device]);
    }
}

/// Two people correct the same note in one week without a network; nobody's words may go.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_two_people_edit_at_once_is_one_text_with_both_their_words() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let second = link_phone(&phone).await;
    let texts = phone.client().texts();
    let text = texts.create(plan, None, Some("crisis plan")).unwrap().text;
    texts
        .splice(plan, text, 0, 0, "Call Ada. Breathe. 🌿")
        .unwrap();
    meet(&[&phone, &tablet, &second]).await;
    let edit = |device: &Device, at, delete, insert: &str| {
        let texts = device.client().texts();
        texts.splice(plan, text, at, delete, insert).unwrap();
    };
    edit(&phone, 9, 0, " Call Bo.");
    edit(&tablet, 10, 8, "Breathe slowly.");
    edit(&tablet, 0, 0, "1. ");
    edit(&second, 9, 0, " Drink water.");
    meet(&[&tablet, &second, &phone]).await;
    let read = |device: &Device| device.client().texts().read(plan, text).unwrap();
    let merged = read(&phone);
    for words in [
        "1. Call Ada.",
        " Call Bo.",
        " Drink water.",
        "Breathe slowly.",
        "🌿",
    ] {
        assert_eq!(merged.matches(words).count(), 1, "{merged}");
    }
    for device in [&tablet, &second] {
        assert_eq!(read(device), merged);
    }
    let refused = phone.client().texts().splice(plan, text, 9_999, 0, "x");
    assert_eq!(refused.unwrap_err().code(), "invalid_input");
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// The same diary imported on both phones would count every day twice, or never come to an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_diary_imported_on_two_phones_is_there_once() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let second = link_phone(&phone).await;
    let diary: Vec<_> = (0..50)
        .map(|hour| {
            let check_in = NewCheckIn {
                note: Some(format!("{hour:02}")),
                ..NewCheckIn::new(goal, Outcome::Done)
            };
            let at = DateTime::from_timestamp(1_777_636_800 + hour * 3_600, 0).unwrap();
            (check_in, at)
        })
        .collect();
    phone.client().check_ins().log_many(plan, &diary).unwrap();
    meet(&[&phone, &second]).await;
    second.client().check_ins().log_many(plan, &diary).unwrap();
    meet(&[&second, &phone]).await;
    for device in [&phone, &second] {
        assert_eq!(notes(device, plan).len(), 50);
    }
    assert_same(plan, &[&phone, &second]);
}

/// A tablet that was left on a train would read on, or its owner be thrown out with it.
#[tokio::test(flavor = "multi_thread")]
async fn one_device_of_somebody_is_removed_and_the_other_stays() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    sync(&tablet).await.unwrap();
    let other = Device::new(&relay);
    let card = other.client().people().card("Dr. Ada", "desk").unwrap();
    tablet.client().people().add_own_device(&card).unwrap();
    hand_over(&tablet, &other, &card).await;
    settle(&[&tablet, &other, &phone]).await;
    let members = readers(&phone, plan);
    let lost = members
        .iter()
        .find(|m| m.device_name.as_deref() == Some("desk"));
    let lost = lost.unwrap().number;
    let refused = |device: &Device, number| {
        let people = device.client().people();
        people.remove_member(plan, number).unwrap_err().code()
    };
    assert_eq!(refused(&phone, 99), "not_found");
    assert_eq!(refused(&phone, 0), "not_allowed", "this device itself");
    phone.client().people().remove_member(plan, lost).unwrap();
    settle(&[&phone, &tablet]).await;
    log(&phone, plan, walk, "after it");
    settle(&[&phone, &tablet]).await;
    assert_eq!(notes(&tablet, plan), ["after it"]);
    let gone = sync(&other).await.unwrap_err();
    assert_eq!(gone.code(), "offline");
    assert!(notes(&other, plan).is_empty());
}

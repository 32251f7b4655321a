//! A device that turned bad: everything that it wrote is undone at once, everybody sees the same, and
//! all of it can be brought back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::NaiveDate;
use waymark_core::client::PlanId;
use waymark_core::model::{
    DocumentKey, GoalId, LifecycleStatus, NewCheckIn, NewRevision, NewStatus, Outcome, PlanView,
    Reason, RevisionState, TextId, Verdict,
};
use waymark_tests::forge::put_record;
use waymark_tests::story::{assert_same, assert_settled, goal, log, meet, notes, readers, settle};
use waymark_tests::{Device, TestRelay, begin, hand_over, link_phone, link_therapist};

const DAY: i64 = 24 * 60 * 60 * 1_000;
const NOTE: &str = "Call Ada. Breathe.";

/// A day of May 2026, on whose first day every device begins.
fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, day).unwrap()
}

fn number(device: &Device, plan: PlanId) -> u16 {
    let readers = readers(device, plan);
    let this = readers.iter().find(|member| member.this_device);
    this.unwrap().number
}

fn view(device: &Device, plan: PlanId) -> PlanView {
    device.client().goals().view(plan).unwrap()
}

fn statements(device: &Device, plan: PlanId) -> Vec<String> {
    let goals = view(device, plan).goals.into_iter();
    let mut all: Vec<_> = goals.map(|goal| goal.statement).collect();
    all.sort();
    all
}

fn read(device: &Device, plan: PlanId, text: TextId) -> String {
    device.client().texts().read(plan, text).unwrap()
}

fn splice(device: &Device, plan: PlanId, text: TextId, at: u32, delete: u32, insert: &str) {
    let texts = device.client().texts();
    texts.splice(plan, text, at, delete, insert).unwrap();
}

/// A therapist's second device.
async fn link_desk(tablet: &Device, relay: &TestRelay) -> Device {
    let desk = Device::new(relay);
    let card = desk.client().people().card("Dr. Ada", "desk").unwrap();
    tablet.client().people().add_own_device(&card).unwrap();
    hand_over(tablet, &desk, &card).await;
    desk
}

/// A plan that the client, both the client's phones and a therapist with two devices share, and what
/// the therapist's tablet does to it on the third day.
struct Flooded {
    relay: TestRelay,
    plan: PlanId,
    phone: Device,
    second: Device,
    tablet: Device,
    desk: Device,
    walk: GoalId,
    text: TextId,
}

async fn flooded() -> Flooded {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let texts = phone.client().texts();
    let text = texts.create(plan, None, Some("crisis plan")).unwrap().text;
    splice(&phone, plan, text, 0, 0, NOTE);
    let second = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    let desk = link_desk(&tablet, &relay).await;
    settle(&[&phone, &second, &tablet, &desk]).await;
    // What the tablet wrote before it turned bad.
    let _ = goal(&tablet, plan, "breathe");
    meet(&[&tablet, &phone]).await;

    for device in [&phone, &second, &tablet, &desk] {
        device.clock().advance(2 * DAY);
    }
    for n in 0..40 {
        let _ = goal(&tablet, plan, &format!("pills {n}"));
    }
    let in_force = view(&phone, plan).goals;
    let in_force = in_force.iter().find(|goal| goal.id == walk).unwrap();
    let worse = NewRevision {
        goal: walk,
        replaces: vec![in_force.in_force.as_ref().unwrap().id],
        statement: "walk less".into(),
        target: None,
        schedule: None,
        effective_from: None,
        rationale: None,
    };
    let worse = tablet.client().goals().propose(plan, &worse).unwrap();
    splice(&tablet, plan, text, 10, 8, "Jump.");
    splice(&tablet, plan, text, 0, 4, "Never call");
    meet(&[&tablet, &phone]).await;
    let goals = phone.client().goals();
    goals.decide(plan, worse, Verdict::Agree).unwrap();
    let bad = view(&phone, plan);
    let bad = bad.goals.iter().find(|goal| goal.statement == "pills 7");
    let pills = NewCheckIn::new(bad.unwrap().id, Outcome::Done);
    phone.client().check_ins().log(plan, &pills).unwrap();
    log(&phone, plan, walk, "as ever");
    meet(&[&phone, &second]).await;
    splice(&second, plan, text, 0, 0, "1. ");
    settle(&[&phone, &second, &tablet, &desk]).await;
    Flooded {
        relay,
        plan,
        phone,
        second,
        tablet,
        desk,
        walk,
        text,
    }
}

/// One tablet with malware could make a plan useless, and only whoever holds the tablet could take
/// it back, record by record.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_flooding_tablet_wrote_is_undone_for_everybody_and_comes_back() {
    let mut all = flooded().await;
    let (plan, walk, text) = (all.plan, all.walk, all.text);
    let before = view(&all.phone, plan);
    assert_eq!(before.goals.len(), 42);
    let spoiled = "1. Never call Ada. Jump.";
    assert_eq!(read(&all.phone, plan, text), spoiled);

    let bad = number(&all.tablet, plan);
    let people = all.phone.client().people();
    let undone = people.undo_device(plan, bad, Some(may(3))).unwrap();
    assert_eq!(
        (undone.number, undone.device_name.as_deref()),
        (bad, Some("tablet"))
    );
    assert_eq!(undone.records, 40 * 3 + 2, "goals, wordings, verdicts");
    settle(&[&all.phone, &all.second, &all.tablet, &all.desk]).await;
    // Whoever comes later sees the same.
    let third = link_phone(&all.phone).await;
    third.clock().advance(2 * DAY);
    settle(&[&third]).await;
    let devices = [&all.phone, &all.second, &all.tablet, &all.desk, &third];
    assert_same(plan, &devices);
    for device in devices {
        assert_settled(device);
        assert_eq!(statements(device, plan), ["breathe", "walk"]);
        let seen = view(device, plan);
        let walking = seen.goals.iter().find(|goal| goal.id == walk).unwrap();
        let wording = walking.in_force.as_ref().unwrap();
        assert_eq!(wording.state, RevisionState::InForce);
        assert_eq!(
            wording.statement, "walk",
            "the client's agreement to what is undone"
        );
        assert_eq!(notes(device, plan), ["as ever"]);
        let voided = seen
            .left_out
            .iter()
            .filter(|left| left.reason == Reason::Voided);
        assert!(voided.clone().all(|left| left.undone_by == [undone.id]));
        assert_eq!(voided.count(), 122);
        let told = device.client().people().undone_devices(plan).unwrap();
        assert_eq!((told.len(), told[0].undone_by.as_deref()), (1, Some("Kim")));
        assert_eq!((told[0].since, told[0].records), (Some(may(3)), 122));
        // What it typed is not shown; what it deleted is told.
        assert_eq!(read(device, plan, text), "1.  Ada. ");
        let restored = device.client().texts().restored(plan, text).unwrap();
        assert_eq!(restored.text, "1. Call Ada. Breathe.");
        assert_eq!((restored.hidden, restored.deleted), (15, 12));
    }

    // The tablet is told, and what it writes without asking is undone as well.
    let refused = all.tablet.client().goals().define_measure(
        plan,
        &waymark_core::model::NewMeasure {
            measure: None,
            label: "mood".into(),
            min: 0,
            max: 10,
            step: 1,
            unit: None,
            low_label: None,
            high_label: None,
        },
    );
    assert_eq!(refused.unwrap_err().code(), "not_allowed");
    // A goal, at an instant.
    let bytes = [0xa2, 0, 2, 1, 0x1a, 0x6a, 0, 0, 0];
    put_record(&mut all.tablet, plan, DocumentKey::PLAN, &bytes);
    // The other device of the same person goes on, and so does who edits what is shown.
    let _ = goal(&all.desk, plan, "stretch");
    splice(&all.phone, plan, text, 3, 0, "Ring");
    settle(&[&all.phone, &all.second, &all.tablet, &all.desk]).await;
    for device in [&all.phone, &all.second, &all.tablet, &all.desk] {
        assert_eq!(statements(device, plan), ["breathe", "stretch", "walk"]);
        assert_eq!(read(device, plan, text), "1. Ring Ada. ");
    }

    let denied = all.tablet.client().people().redo_device(plan, bad);
    assert_eq!(denied.unwrap_err().code(), "not_allowed");
    all.second.client().people().redo_device(plan, bad).unwrap();
    settle(&[&all.second, &all.phone, &all.tablet, &all.desk, &third]).await;
    let devices = [&all.phone, &all.second, &all.tablet, &all.desk, &third];
    assert_same(plan, &devices);
    for device in devices {
        let mut seen = view(device, plan);
        assert_eq!(seen.left_out, []);
        // Beside what came meanwhile it is what it was.
        let known =
            |goal: &waymark_core::model::GoalView| before.goals.iter().any(|old| old.id == goal.id);
        seen.goals.retain(known);
        assert!(seen.goals == before.goals, "not all of it came back");
        assert_eq!(notes(device, plan).len(), 1);
        assert_eq!(device.client().people().undone_devices(plan).unwrap(), []);
        let said = read(device, plan, text);
        for words in ["Never call", "Ring", "Jump."] {
            assert!(said.contains(words), "{said}");
        }
    }
    drop(all.relay);
}

/// The thief of a client's own phone fills months and ends goals; the client has to get the diary
/// back without the days before the theft.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_phone_is_removed_and_undone_in_the_months_too() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let stolen = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    meet(&[&phone, &stolen, &tablet]).await;
    log(&stolen, plan, walk, "honest");
    stolen.clock().advance(40 * DAY);
    log(&stolen, plan, walk, "flood in June");
    let in_may = NewCheckIn {
        date: Some(may(2)),
        note: Some("flood in May".into()),
        ..NewCheckIn::new(walk, Outcome::Done)
    };
    stolen.client().check_ins().log(plan, &in_may).unwrap();
    let ended = NewStatus {
        goal: walk,
        to: LifecycleStatus::Cancelled,
        achievement: None,
        reason: None,
    };
    stolen.client().goals().set_status(plan, &ended).unwrap();
    // It undoes the phone, too.
    let own = number(&phone, plan);
    stolen
        .client()
        .people()
        .undo_device(plan, own, None)
        .unwrap();
    let gone = number(&stolen, plan);
    settle(&[&stolen, &phone, &tablet]).await;
    assert!(statements(&phone, plan).is_empty(), "the phone is undone");
    let refused = phone.client().people().create_plan();
    assert!(refused.is_ok(), "other plans are not touched");

    phone.clock().advance(40 * DAY);
    let homes = phone.client().people().devices().unwrap();
    let home = homes
        .iter()
        .find(|device| device.device_name.as_deref() == Some("second phone"));
    let home = home.unwrap().number;
    phone.client().people().remove_device(home).unwrap();
    settle(&[&phone, &tablet]).await;
    let june = NaiveDate::from_ymd_opt(2026, 6, 1);
    phone
        .client()
        .people()
        .undo_device(plan, gone, june)
        .unwrap();
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        assert_eq!(statements(device, plan), ["walk"]);
        assert_eq!(notes(device, plan), ["honest"]);
        let status = device.client().goals().get(plan, walk).unwrap().status;
        assert_eq!(status, LifecycleStatus::Proposed);
        let told = device.client().people().undone_devices(plan).unwrap();
        assert_eq!(told.len(), 1, "its own undoing is undone");
        assert_eq!(told[0].number, gone, "also where it is no member any more");
    }
    assert_same(plan, &[&phone, &tablet]);

    phone.client().people().redo_device(plan, gone).unwrap();
    // With everything else its undoing of the phone is back, which the phone takes back.
    phone.client().people().redo_device(plan, own).unwrap();
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        assert_eq!(statements(device, plan), ["walk"]);
        assert_eq!(
            notes(device, plan),
            ["flood in June", "flood in May", "honest"]
        );
        let status = device.client().goals().get(plan, walk).unwrap().status;
        assert_eq!(status, LifecycleStatus::Cancelled);
    }
    assert_same(plan, &[&phone, &tablet]);
}

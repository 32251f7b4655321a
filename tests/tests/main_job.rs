//! The main job: what a client logs offline reaches the therapist, and everybody sees the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::NaiveDate;
use waymark_core::client::PlanId;
use waymark_core::model::{
    Comparison, GoalId, MeasureId, NewCheckIn, NewGoal, NewMeasure, NewRevision, Outcome, Period,
    Rating, Schedule, Target, Verdict,
};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

const DAY: i64 = 86_400_000;

fn measure(device: &Device, plan: PlanId, label: &str, max: i32) -> MeasureId {
    let measure = NewMeasure {
        measure: None,
        label: label.into(),
        min: 0,
        max,
        step: 1,
        unit: None,
        low_label: None,
        high_label: None,
    };
    device
        .client()
        .goals()
        .define_measure(plan, &measure)
        .unwrap()
}

fn minutes(goal: GoalId, minutes: MeasureId, value: f64, statement: &str) -> NewRevision {
    NewRevision {
        goal,
        replaces: Vec::new(),
        statement: statement.into(),
        target: Some(Target {
            measure: Some(minutes),
            comparison: Comparison::AtLeast,
            value: Some(value),
            unit: Some("min".into()),
            period: Period::Day,
            due: None,
        }),
        schedule: Some(Schedule::daily()),
        effective_from: None,
        rationale: None,
    }
}

fn mindfulness(device: &Device, plan: PlanId) -> GoalId {
    let goals = device.client().goals();
    let new = NewGoal {
        area: Some("calm".into()),
    };
    // The goal is ignored here: it is the new one.
    let nobody = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    let time = measure(device, plan, "minutes", 600);
    goals
        .create(
            plan,
            &new,
            &minutes(nobody, time, 10.0, "Ten minutes of mindfulness"),
        )
        .unwrap()
}

fn check_in(goal: GoalId, mood: MeasureId, day: i32) -> NewCheckIn {
    NewCheckIn {
        quantity: Some(10.0),
        unit: Some("min".into()),
        ratings: vec![Rating {
            measure: mood,
            value: day % 11,
        }],
        note: Some(format!("a walk by the river, day {day} 🌿")),
        ..NewCheckIn::new(goal, Outcome::Done)
    }
}

fn assert_equal(a: &Device, b: &Device, plan: PlanId) {
    let (a, b) = (a.client(), b.client());
    assert_eq!(
        a.projection_hash(plan).unwrap(),
        b.projection_hash(plan).unwrap()
    );
}

/// The client would lose three weeks of diary.
#[tokio::test(flavor = "multi_thread")]
async fn three_weeks_of_offline_check_ins_reach_the_therapist_and_a_second_phone() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let goal = mindfulness(&phone, plan);
    let mood = measure(&phone, plan, "mood", 10);
    let tablet = link_therapist(&phone, plan).await;
    assert_equal(&phone, &tablet, plan);

    for day in 0..21 {
        phone
            .client()
            .check_ins()
            .log(plan, &check_in(goal, mood, day))
            .unwrap();
        phone.clock().advance(DAY);
        if day == 10 {
            phone.reopen();
        }
    }
    phone.client().sync().now().await.unwrap();
    tablet.client().sync().now().await.unwrap();
    assert_equal(&phone, &tablet, plan);
    let may = tablet.client().check_ins().in_month(plan, 2026, 5).unwrap();
    assert_eq!(may.len(), 21);

    let second = link_phone(&phone).await;
    assert_equal(&phone, &second, plan);
    second
        .client()
        .check_ins()
        .log(plan, &check_in(goal, mood, 99))
        .unwrap();
    second.client().sync().now().await.unwrap();
    for device in [&phone, &tablet] {
        device.client().sync().now().await.unwrap();
        assert_equal(device, &second, plan);
    }
    let status = phone.client().status().unwrap();
    assert!(
        status
            .iter()
            .all(|s| s.problem.is_none() && s.unsent == 0 && s.on_the_way == 0)
    );
}

/// A therapist's change would otherwise hold without the client, or turn past days into misses.
#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_holds_once_both_agree_and_past_days_stay_as_they_were() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goal = mindfulness(&phone, plan);
    let mood = measure(&phone, plan, "mood", 10);
    let tablet = link_therapist(&phone, plan).await;
    phone
        .client()
        .check_ins()
        .log(plan, &check_in(goal, mood, 1))
        .unwrap();
    phone.client().sync().now().await.unwrap();

    phone.clock().advance(3 * DAY);
    tablet.clock().advance(3 * DAY);
    let in_force = tablet
        .client()
        .goals()
        .get(plan, goal)
        .unwrap()
        .in_force
        .unwrap();
    let time = in_force.target.as_ref().unwrap().measure.unwrap();
    let proposal = NewRevision {
        replaces: vec![in_force.id],
        ..minutes(goal, time, 15.0, "Fifteen minutes of mindfulness")
    };
    let revision = tablet.client().goals().propose(plan, &proposal).unwrap();
    tablet.client().sync().now().await.unwrap();
    phone.client().sync().now().await.unwrap();
    let seen = phone.client().goals().get(plan, goal).unwrap();
    assert_eq!(seen.in_force.unwrap().id, in_force.id);
    assert_eq!(seen.proposals.len(), 1);

    phone
        .client()
        .goals()
        .decide(plan, revision, Verdict::Agree)
        .unwrap();
    phone.client().sync().now().await.unwrap();
    tablet.client().sync().now().await.unwrap();
    for device in [&phone, &tablet] {
        let goal = device.client().goals().get(plan, goal).unwrap();
        assert_eq!(goal.in_force.unwrap().id, revision);
    }
    let first = NaiveDate::from_ymd_opt(2026, 5, 1).unwrap();
    let days = tablet
        .client()
        .check_ins()
        .days(plan, goal, first, first)
        .unwrap();
    assert_eq!(days[0].judged_by, Some(in_force.id));
    assert_equal(&phone, &tablet, plan);
}

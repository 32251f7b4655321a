//! Goals between two devices of one person that were apart: which come first, how many are active,
//! what they grew out of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::PlanId;
use waymark_core::model::{
    ActionStep, Aspiration, ConflictKind, GoalId, GoalProfile, Kind, LifecycleStatus, NewGoal,
    NewRevision, NewStatus, PlanWarning, Reading, ReadingOf, Ruler, RulerReading, Schedule,
    SmartIssue, StepStatus, Value,
};
use waymark_tests::story::{assert_same, goal, meet};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

fn active(goal: GoalId) -> NewStatus {
    NewStatus {
        goal,
        to: LifecycleStatus::Active,
        achievement: None,
        reason: None,
    }
}

fn order(device: &Device, plan: PlanId) -> Vec<GoalId> {
    let goals = device.client().goals().list(plan).unwrap();
    goals.into_iter().map(|goal| goal.id).collect()
}

/// One of the two would silently be none, or the person would not be told.
#[tokio::test(flavor = "multi_thread")]
async fn two_phones_that_each_begin_the_third_goal_have_four_and_are_told() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let goals = ["walk", "sleep", "call", "cook"].map(|name| goal(&phone, plan, name));
    for goal in &goals[..2] {
        phone
            .client()
            .goals()
            .set_status(plan, &active(*goal))
            .unwrap();
    }
    let second = link_phone(&phone).await;
    meet(&[&phone, &second]).await;
    for (device, goal) in [(&phone, goals[2]), (&second, goals[3])] {
        device
            .client()
            .goals()
            .set_status(plan, &active(goal))
            .unwrap();
        assert_eq!(device.client().goals().view(plan).unwrap().warnings, []);
    }
    meet(&[&phone, &second]).await;
    for device in [&phone, &second] {
        let view = device.client().goals().view(plan).unwrap();
        let mut all = view.goals.iter();
        assert!(all.all(|goal| goal.status == LifecycleStatus::Active));
        let warning = PlanWarning::TooManyActive { count: 4, limit: 3 };
        assert_eq!(view.warnings, [warning]);
    }
    assert_same(plan, &[&phone, &second]);
}

/// Two phones of one person would show two lists.
#[tokio::test(flavor = "multi_thread")]
async fn goals_that_two_phones_put_in_order_offline_stand_in_one_order() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    for name in ["walk", "sleep", "call", "cook"] {
        let _ = goal(&phone, plan, name);
    }
    let begun = order(&phone, plan);
    let [a, b, c, d] = begun[..] else {
        panic!("four goals");
    };
    let second = link_phone(&phone).await;
    let therapist = link_therapist(&phone, plan).await;
    meet(&[&phone, &second, &therapist]).await;

    phone.client().goals().reorder(plan, d, None).unwrap();
    phone.client().goals().reorder(plan, b, Some(d)).unwrap();
    assert_eq!(order(&phone, plan)[..2], [d, b]);
    second.client().goals().reorder(plan, d, Some(a)).unwrap();
    second.client().goals().reorder(plan, c, None).unwrap();
    assert_eq!(order(&second, plan), [c, a, d, b]);
    meet(&[&phone, &second, &therapist]).await;
    let one = order(&phone, plan);
    assert_eq!(order(&second, plan), one);
    assert_eq!(order(&therapist, plan), one);
    assert_same(plan, &[&phone, &second, &therapist]);

    // Whatever came of it, the next move lands where it is put.
    second
        .client()
        .goals()
        .reorder(plan, one[3], Some(one[0]))
        .unwrap();
    meet(&[&second, &phone]).await;
    assert_eq!(order(&phone, plan), [one[0], one[3], one[1], one[2]]);
    let goals = therapist.client().goals();
    let refused = goals.reorder(plan, a, None).unwrap_err();
    assert_eq!(refused.code(), "not_allowed");
}

/// Whoever stands before a small step would not see what it is for.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_goal_is_for_is_seen_from_both_ends() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let items = phone.client().items();
    let longing = Aspiration {
        text: "To be less alone".into(),
        area: None,
    };
    let longing = items.add(plan, longing).unwrap();
    let wording = NewRevision::first("Call somebody twice a week", Schedule::daily());
    let goals = phone.client().goals();
    let call = goals
        .refine(plan, longing, &NewGoal::default(), &wording)
        .unwrap();
    let step = ActionStep {
        what: "Find the number".into(),
        goal: Some(call),
        status: StepStatus::NotStarted,
        due: None,
        place: None,
        minutes: None,
    };
    let step = items.add(plan, step).unwrap();
    for of in [longing, call.record(), step] {
        let threads = goals.threads(plan, of).unwrap();
        assert_eq!(threads.len(), 1);
        let aspiration = threads[0].aspiration.as_ref().map(|longing| longing.id);
        assert_eq!((aspiration, threads[0].goal.id), (Some(longing), call));
        assert_eq!(threads[0].steps[0].id, step);
    }

    // A profile is the goal's, whichever device says it; what both say is seen by both.
    let second = link_phone(&phone).await;
    meet(&[&phone, &second]).await;
    let why = |why: &str| GoalProfile {
        why: Some(why.into()),
        aspiration: Some(longing),
        ..GoalProfile::of(call)
    };
    for (device, because) in [(&phone, "For me"), (&second, "For us")] {
        let id = device.client().items().add(plan, why(because)).unwrap();
        assert_eq!(id, call.record());
    }
    meet(&[&phone, &second]).await;
    for device in [&phone, &second] {
        let goal = device.client().goals().get(plan, call).unwrap();
        assert_eq!(goal.conflicts[0].kind, ConflictKind::Profiles);
    }
    assert_same(plan, &[&phone, &second]);
    let settled = second.client().items();
    settled
        .change(plan, call.record(), None, why("For all of us"))
        .unwrap();
    meet(&[&second, &phone]).await;
    let goal = phone.client().goals().get(plan, call).unwrap();
    assert_eq!(goal.conflicts, []);
    assert_eq!(goal.profile, Some(why("For all of us")));
}

/// The question that helps would not be asked, or be asked again although it was answered.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_confidence_of_any_month_counts() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let (goals, items) = (phone.client().goals(), phone.client().items());
    let walk = goal(&phone, plan, "Walk in the park");
    let report = || goals.smart(plan, walk).unwrap();
    assert_eq!(report().achievable, Some(SmartIssue::AchievableUnknown));
    let today = goals.today(plan).unwrap();
    let sure = |value, days| {
        let ruler = Ruler::Confidence;
        let reading = Reading {
            goal: Some(walk),
            ..Reading::new(ReadingOf::ARuler(RulerReading { ruler, value }))
        };
        let date = today - chrono::Days::new(days);
        items.add_on(plan, reading, Some(date), None).unwrap();
    };
    sure(9, 70);
    assert_eq!(report().achievable, None);
    sure(4, 35);
    let four = SmartIssue::Achievable { confidence: 4 };
    assert_eq!(report().achievable, Some(four));
    assert_eq!(report().relevant, Some(SmartIssue::Relevant));

    let family = Value {
        name: "Family".into(),
        importance: 9,
        meaning: None,
    };
    let family = items.add(plan, family).unwrap();
    let profile = GoalProfile {
        values: vec![family],
        ..GoalProfile::of(walk)
    };
    items.add(plan, profile).unwrap();
    assert_eq!(report().relevant, None);
    items.remove(plan, Kind::Value, family, None).unwrap();
    assert_eq!(report().relevant, Some(SmartIssue::Relevant));
    assert_eq!(goals.list(plan).unwrap().len(), 1);
}

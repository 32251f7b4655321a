//! Whatever three devices do in whatever order: in the end all show the same, and nothing is missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use proptest::prelude::*;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{GoalId, LifecycleStatus, NewRevision, NewStatus, Schedule, Verdict};
use waymark_tests::story::{assert_same, assert_settled, goal, log, meet, notes};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

/// What one of the devices does next.
#[derive(Clone, Debug)]
enum Step {
    CheckIn,
    Goal,
    Propose,
    Decide(bool),
    Status(bool),
    Note,
    Write(u8, u8),
    Wait(u32),
    Restart,
    Sync,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        6 => Just(Step::CheckIn),
        1 => Just(Step::Goal),
        2 => Just(Step::Propose),
        2 => any::<bool>().prop_map(Step::Decide),
        1 => any::<bool>().prop_map(Step::Status),
        1 => Just(Step::Note),
        4 => any::<(u8, u8)>().prop_map(|(at, delete)| Step::Write(at, delete)),
        3 => (0..200_000_000_u32).prop_map(Step::Wait),
        1 => Just(Step::Restart),
        5 => Just(Step::Sync),
    ];
    (0..3_usize, step)
}

fn wording(goal: GoalId, statement: String) -> NewRevision {
    NewRevision {
        goal,
        replaces: Vec::new(),
        statement,
        target: None,
        schedule: Some(Schedule::daily()),
        effective_from: None,
        rationale: None,
    }
}

/// Refusals that a person would be shown; everything else is a fault.
fn allowed<T>(result: Result<T, WaymarkError>) {
    if let Err(error) = result {
        let codes = ["invalid_input", "not_allowed", "not_found"];
        assert!(codes.contains(&error.code()), "{error}");
    }
}

/// One step of one device. `number` makes what is written known again.
async fn take(device: &mut Device, plan: PlanId, number: usize, step: Step) -> Option<String> {
    let client = device.client().clone();
    let goals = client.goals();
    let list = goals.list(plan).unwrap();
    let newest = list.last().unwrap();
    match step {
        Step::CheckIn => {
            let members = client.people().members(plan).unwrap();
            let own = members
                .into_iter()
                .find(|member| member.this_device)
                .unwrap();
            if own.name.as_deref() == Some("Kim") {
                let note = format!("note {number:03}");
                log(device, plan, newest.id, &note);
                return Some(note);
            }
        }
        Step::Goal => {
            let _ = goal(device, plan, &format!("goal {number}"));
        }
        Step::Propose => {
            let mut revision = wording(newest.id, format!("wording {number}"));
            revision.replaces = newest.in_force.iter().map(|r| r.id).collect();
            allowed(goals.propose(plan, &revision));
        }
        Step::Decide(yes) => {
            let verdict = if yes {
                Verdict::Agree
            } else {
                Verdict::Disagree
            };
            for proposal in list.iter().flat_map(|goal| &goal.proposals) {
                allowed(goals.decide(plan, proposal.id, verdict));
            }
        }
        Step::Status(done) => {
            let to = if done {
                LifecycleStatus::Completed
            } else {
                LifecycleStatus::Active
            };
            let status = NewStatus {
                goal: newest.id,
                to,
                achievement: None,
                reason: None,
            };
            allowed(goals.set_status_anyway(plan, &status));
        }
        Step::Note => allowed(client.texts().create(plan, None, Some("note"))),
        Step::Write(at, delete) => {
            let texts = client.texts();
            for note in texts.list(plan).unwrap() {
                let length = texts.read(plan, note.text).unwrap().chars().count();
                let length = u32::try_from(length).unwrap();
                let at = u32::from(at) % (length + 1);
                let delete = u32::from(delete % 4).min(length - at);
                let insert = format!("«{number}ü»");
                texts.splice(plan, note.text, at, delete, &insert).unwrap();
            }
        }
        Step::Wait(millis) => device.clock().advance(millis.into()),
        Step::Restart => {
            drop(client);
            device.reopen();
        }
        Step::Sync => client.sync().now().await.unwrap(),
    }
    None
}

async fn run(steps: Vec<(usize, Step)>) {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let first = goal(&phone, plan, "walk");
    assert_eq!(phone.client().goals().get(plan, first).unwrap().id, first);
    let second = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    let mut devices = [phone, second, tablet];
    let mut logged = Vec::new();
    for (number, (who, step)) in steps.into_iter().enumerate() {
        logged.extend(take(&mut devices[who], plan, number, step).await);
    }
    let [phone, second, tablet] = &devices;
    let all = [tablet, second, phone];
    meet(&all).await;
    assert_same(plan, &all);
    for device in all {
        assert_settled(device);
        assert_eq!(
            notes(device, plan),
            logged,
            "a check-in is missing or doubled"
        );
        let read = |device: &Device| {
            let texts = device.client().texts();
            let list = texts.list(plan).unwrap();
            list.iter()
                .map(|note| texts.read(plan, note.text).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(read(device), read(phone));
        let export = device.client().export_all().unwrap();
        assert_eq!(export, phone.client().export_all().unwrap());
        // A device that starts again shows what it showed.
    }
    for device in &mut devices {
        let before = device.client().projection_hash(plan).unwrap();
        device.reopen();
        assert_eq!(device.client().projection_hash(plan).unwrap(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    /// Two people would talk about two different plans.
    #[test]
    fn three_devices_end_with_the_same_plan(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(run(steps));
    }
}

/// A treatment template has several goals, which an app writes faster than its clock ticks.
#[tokio::test(flavor = "multi_thread")]
async fn goals_that_are_created_in_one_millisecond_are_all_there() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let second = link_phone(&phone).await;
    for statement in ["walk", "sleep", "breathe"] {
        let _ = goal(&phone, plan, statement);
    }
    let _ = goal(&second, plan, "read");
    second.client().sync().now().await.unwrap();
    phone.client().sync().now().await.unwrap();
    let _ = goal(&phone, plan, "write");
    meet(&[&phone, &second]).await;
    assert_same(plan, &[&phone, &second]);
    let goals = phone.client().goals().list(plan).unwrap();
    let mut statements: Vec<_> = goals.iter().map(|goal| goal.statement.as_str()).collect();
    statements.sort_unstable();
    // Two phones that create a goal in one millisecond create one; both wordings are in it.
    assert!(statements.len() >= 4, "{statements:?}");
    assert!(statements.contains(&"sleep") && statements.contains(&"breathe"));
    assert!(statements.contains(&"write"), "{statements:?}");
}

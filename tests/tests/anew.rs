//! "From now on": a plan that goes on in the place of another, in which nobody reads what was before
//! but what the client takes along.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

#[path = "anew/races.rs"]
mod races;

use chrono::NaiveDate;
use waymark_core::client::{Keep, PlanId};
use waymark_core::model::{GoalId, NewRevision, RevisionId, Verdict};
use waymark_tests::keys::{batches, epoch_keys, opened};
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, readers, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};
use waymark_wire::ids::SpaceId;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn statements(device: &Device, plan: PlanId) -> Vec<String> {
    let goals = device.client().goals().list(plan).unwrap();
    goals.into_iter().map(|goal| goal.statement).collect()
}

fn in_force(device: &Device, plan: PlanId, goal: GoalId) -> RevisionId {
    let view = device.client().goals().get(plan, goal).unwrap();
    view.in_force.unwrap().id
}

fn keep(goals: &[GoalId], from: Option<NaiveDate>) -> Keep {
    Keep {
        goals: goals.to_vec(),
        check_ins_from: from,
    }
}

fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, day).unwrap()
}

/// Two phones of the client's and a therapist's tablet, with a plan that has a goal.
async fn three(relay: &TestRelay) -> (Device, Device, Device, PlanId, GoalId) {
    let (phone, plan) = begin(relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    (phone, second, tablet, plan, walk)
}

/// A new therapist would read everything that was told to the one before.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_reads_what_was_taken_along_and_opens_nothing_else() {
    let relay = TestRelay::start().await;
    let (mut phone, old) = begin(&relay);
    let tablet = link_therapist(&phone, old).await;
    let walk = goal(&phone, old, "walk");
    let secret = goal(&phone, old, "what is between us");
    log(&phone, old, walk, "early");
    log(&phone, old, secret, "between us");
    settle(&[&phone, &tablet]).await;
    phone.clock().advance(3 * DAY);
    tablet.clock().advance(3 * DAY);
    log(&phone, old, walk, "late");
    settle(&[&phone, &tablet]).await;

    let people = phone.client().people();
    let new = people
        .begin_anew(old, &keep(&[walk], Some(may(3))))
        .unwrap();
    assert_eq!(statements(&phone, new), ["walk"]);
    assert_eq!(notes(&phone, new), ["late"]);
    settle(&[&phone, &tablet]).await;

    // Everybody came along, and the old one says where.
    assert_eq!(tablet.client().people().plans(), [old, new]);
    assert_same(new, &[&phone, &tablet]);
    assert_eq!(readers(&phone, new).len(), 2);
    for device in [&phone, &tablet] {
        let refused = device.client().texts().create(old, None, None).unwrap_err();
        assert_eq!(refused.code(), "not_allowed");
        assert!(refused.to_string().contains(&new.to_string()), "{refused}");
        assert_eq!(notes(device, old), ["between us", "early", "late"]);
        assert_settled(device);
    }

    let mut newcomer = link_therapist(&phone, new).await;
    settle(&[&phone, &tablet, &newcomer]).await;
    assert_same(new, &[&phone, &tablet, &newcomer]);
    assert_eq!(newcomer.client().people().plans(), [new]);
    let id = SpaceId(old.0);
    let sealed = phone.inside(|engine| batches(engine, id));
    let (mut own, mut others) = (Vec::new(), Vec::new());
    phone.with_store(|store| own = epoch_keys(store));
    newcomer.with_store(|store| others = epoch_keys(store));
    assert!(!sealed.is_empty() && !others.is_empty());
    assert_eq!(opened(&sealed, id, &own), sealed.len());
    assert_eq!(opened(&sealed, id, &others), 0);
}

/// The phone that was off would go on in a plan that nobody reads any more, and its check-ins with
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_phone_that_was_off_follows_with_what_it_wrote_meanwhile() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;

    log(&second, old, walk, "written offline");
    let people = phone.client().people();
    let new = people
        .begin_anew(old, &keep(&[walk], Some(may(1))))
        .unwrap();
    settle(&[&phone, &tablet]).await;
    settle(&[&second, &phone, &tablet]).await;
    assert_eq!(notes(&second, old), ["written offline"]);
    assert_eq!(notes(&tablet, new), ["written offline"]);
    assert_same(new, &[&phone, &second, &tablet]);
    assert_eq!(readers(&phone, new).len(), 3);
    for device in [&phone, &second, &tablet] {
        assert_settled(device);
    }
    log(&second, new, walk, "and on");
    settle(&[&second, &phone, &tablet]).await;
    assert_same(new, &[&phone, &second, &tablet]);
}

/// Whom the client had just removed would come along into the new plan.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_meanwhile_does_not_come_along() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;
    let members = readers(&second, old);
    let therapist = members.iter().find(|m| m.rights == "write").unwrap();

    // The phone does not know yet what the other one does.
    let people = phone.client().people();
    let new = people.begin_anew(old, &keep(&[walk], None)).unwrap();
    second
        .client()
        .people()
        .revoke(old, therapist.person)
        .unwrap();
    second.client().sync().now().await.unwrap();
    settle(&[&phone, &second]).await;
    assert_eq!(readers(&phone, new).len(), 2);
    assert_eq!(readers(&second, new).len(), 2);
    log(&phone, new, walk, "alone");
    settle(&[&phone, &second]).await;
    let _ = tablet.client().sync().now().await;
    assert_eq!(tablet.client().people().plans(), [old]);
}

/// What a therapist had agreed to, and what still waited for one, would stand otherwise than before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_stays_agreed_and_what_was_open_stays_open() {
    let relay = TestRelay::start().await;
    let (phone, old) = begin(&relay);
    let tablet = link_therapist(&phone, old).await;
    let walk = goal(&phone, old, "walk");
    for device in [&phone, &tablet] {
        device.clock().advance(DAY);
    }
    let revise = |device: &Device, replaces, statement: &str| {
        let revision = NewRevision {
            goal: walk,
            replaces,
            statement: statement.into(),
            target: None,
            schedule: None,
            effective_from: None,
            rationale: None,
        };
        device.client().goals().propose(old, &revision).unwrap()
    };
    let first = in_force(&phone, old, walk);
    settle(&[&phone, &tablet]).await;
    let agreed = revise(&tablet, vec![first], "walk twice");
    settle(&[&phone, &tablet]).await;
    let goals = phone.client().goals();
    goals.decide(old, agreed, Verdict::Agree).unwrap();
    let open = revise(&phone, vec![agreed], "walk three times");
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        device.clock().advance(DAY);
    }
    let before = goals.list(old).unwrap();

    let people = phone.client().people();
    let new = people.begin_anew(old, &keep(&[walk], None)).unwrap();
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        assert_eq!(device.client().goals().list(new).unwrap(), before);
    }
    assert_eq!(in_force(&phone, new, walk), agreed);
    let proposals = goals.get(new, walk).unwrap().proposals;
    assert_eq!(
        proposals.iter().map(|open| open.id).collect::<Vec<_>>(),
        [open]
    );
    tablet
        .client()
        .goals()
        .decide(new, open, Verdict::Agree)
        .unwrap();
    settle(&[&phone, &tablet]).await;
    assert_eq!(in_force(&phone, new, walk), open);
}

/// A therapist could close the client's plan, or a slip take the client into two new ones.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_client_begins_anew_and_only_once() {
    let relay = TestRelay::start().await;
    let (phone, old) = begin(&relay);
    let tablet = link_therapist(&phone, old).await;
    let walk = goal(&phone, old, "walk");
    settle(&[&phone, &tablet]).await;
    let refused = |device: &Device, keep: &Keep| {
        let people = device.client().people();
        people.begin_anew(old, keep).unwrap_err().code()
    };
    assert_eq!(refused(&tablet, &keep(&[walk], None)), "not_allowed");
    let unknown = GoalId::from(waymark_core::model::RecordId([9; 16]));
    assert_eq!(refused(&phone, &keep(&[unknown], None)), "not_found");
    assert_eq!(phone.client().people().plans(), [old]);
    let people = phone.client().people();
    people.begin_anew(old, &Keep::default()).unwrap();
    assert_eq!(refused(&phone, &Keep::default()), "not_allowed");
}

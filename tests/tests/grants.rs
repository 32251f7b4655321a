//! Grants: what for and how long somebody may read, and that it ends when it is over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::time::Duration;

use chrono::NaiveDate;
use waymark_core::client::{GrantView, PlanId};
use waymark_core::model::{GoalId, GrantState, PersonTag};
use waymark_tests::story::{assert_same, goal, log, meet, notes, readers};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A day of May 2026, on whose first day every device begins.
fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, day).unwrap()
}

/// The tag of the plan's therapist.
fn therapist(device: &Device, plan: PlanId) -> PersonTag {
    let readers = readers(device, plan);
    let found = readers.iter().find(|member| member.rights == "write");
    found.expect("a therapist").person
}

fn grants(device: &Device, plan: PlanId) -> Vec<GrantView> {
    device.client().people().grants(plan).unwrap()
}

fn states(device: &Device, plan: PlanId) -> Vec<GrantState> {
    grants(device, plan)
        .iter()
        .map(|grant| grant.state)
        .collect()
}

/// A phone with a plan, a check-in that the therapist's tablet has seen, and the therapist's tag.
async fn shared(relay: &TestRelay) -> (Device, PlanId, Device, GoalId, PersonTag) {
    let (phone, plan) = begin(relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "seen");
    meet(&[&phone, &tablet]).await;
    assert_eq!(notes(&tablet, plan), ["seen"]);
    let person = therapist(&phone, plan);
    (phone, plan, tablet, walk, person)
}

/// Writes something more, and fails unless the tablet never hears of it.
async fn assert_out(phone: &Device, plan: PlanId, tablet: &Device, walk: GoalId) {
    assert_eq!(readers(phone, plan).len(), 1);
    log(phone, plan, walk, "unseen");
    meet(&[phone]).await;
    let refused = tablet.client().sync().now().await.unwrap_err();
    assert_eq!(refused.code(), "offline", "{refused}");
    // What was received stays with the receiver.
    assert_eq!(notes(tablet, plan), ["seen"]);
}

/// "Until August" would mean "for ever", unless the client thought of it in August.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_granted_until_a_day_reads_nothing_after_it() {
    let relay = TestRelay::start().await;
    let (phone, plan, tablet, walk, person) = shared(&relay).await;
    let people = phone.client().people();
    people
        .grant(plan, person, "Therapy", Some(may(10)))
        .unwrap();
    meet(&[&phone, &tablet]).await;
    let seen = grants(&tablet, plan);
    assert_eq!(
        seen,
        grants(&phone, plan),
        "everybody sees what was granted"
    );
    let [grant] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (grant.name.as_deref(), grant.person, grant.from),
        (Some("Dr. Ada"), person, may(1))
    );

    phone.clock().advance(9 * DAY);
    meet(&[&phone, &tablet]).await;
    assert_eq!(states(&phone, plan), [GrantState::Active]);
    assert_eq!(readers(&phone, plan).len(), 2, "the last day still counts");
    phone.clock().advance(DAY);
    assert_eq!(states(&phone, plan), [GrantState::Ended]);
    meet(&[&phone]).await;
    assert_out(&phone, plan, &tablet, walk).await;
}

/// The client's word would change nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_ends_with_the_next_sync() {
    let relay = TestRelay::start().await;
    let (phone, plan, tablet, walk, person) = shared(&relay).await;
    let people = phone.client().people();
    let id = people.grant(plan, person, "Therapy", None).unwrap();
    meet(&[&phone, &tablet]).await;
    let refused = tablet.client().people().withdraw_grant(plan, id);
    assert_eq!(refused.unwrap_err().code(), "not_allowed");
    people.withdraw_grant(plan, id).unwrap();
    assert_eq!(states(&phone, plan), [GrantState::Withdrawn]);
    meet(&[&phone]).await;
    assert_out(&phone, plan, &tablet, walk).await;
}

/// Whoever gets more time would be thrown out on the old day; worst by a phone that was off when
/// the time was given.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_grant_keeps_the_person_in_also_one_of_another_device() {
    let relay = TestRelay::start().await;
    let (phone, plan, tablet, walk, person) = shared(&relay).await;
    let second = link_phone(&phone).await;
    let people = phone.client().people();
    people.grant(plan, person, "Therapy", Some(may(5))).unwrap();
    for _ in 0..3 {
        meet(&[&phone, &second, &tablet]).await;
    }
    // The second phone is off while the first one gives more time.
    phone.clock().advance(1_000);
    let more = people.grant(plan, person, "Report", None).unwrap();
    meet(&[&phone]).await;
    for device in [&phone, &second] {
        device.clock().advance(10 * DAY);
    }
    meet(&[&second, &phone, &tablet]).await;
    let both = [GrantState::Ended, GrantState::Active];
    assert_eq!(states(&second, plan), both);
    assert_eq!(readers(&second, plan).len(), 3);
    log(&second, plan, walk, "also seen");
    meet(&[&second, &phone, &tablet]).await;
    assert_same(plan, &[&phone, &second, &tablet]);

    // The other device of the client's carries out what this one withdraws.
    second.client().people().withdraw_grant(plan, more).unwrap();
    meet(&[&second, &phone]).await;
    assert_eq!(readers(&phone, plan).len(), 2);
    assert_same(plan, &[&phone, &second]);
}

/// A therapist could extend their own time, or a slip of the finger lock out the client.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_client_grants_and_only_to_others_who_are_there() {
    let relay = TestRelay::start().await;
    let (phone, plan, tablet, _, person) = shared(&relay).await;
    let refused = |device: &Device, person: PersonTag, until| {
        let people = device.client().people();
        let refused = people.grant(plan, person, "Therapy", until);
        refused.unwrap_err().code()
    };
    let members = readers(&phone, plan);
    let own = members.iter().find(|member| member.this_device).unwrap();
    assert_eq!(refused(&phone, own.person, None), "not_allowed");
    assert_eq!(refused(&tablet, own.person, None), "not_allowed");
    assert_eq!(refused(&phone, PersonTag([0; 16]), None), "invalid_input");
    assert_eq!(
        refused(&phone, person, Some(may(1).pred_opt().unwrap())),
        "invalid_input"
    );
    assert_eq!(grants(&phone, plan), []);
    // Whoever never had a grant stays.
    phone.clock().advance(20 * DAY);
    meet(&[&phone, &tablet]).await;
    assert_eq!(readers(&phone, plan).len(), 2);
}

/// A tablet on the desk that never closes would leave the therapist in for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_stays_carries_it_out_too() {
    let relay = TestRelay::start().await;
    let (phone, plan, tablet, walk, person) = shared(&relay).await;
    let people = phone.client().people();
    let until = Some(may(5));
    people.grant(plan, person, "Therapy", until).unwrap();
    meet(&[&phone]).await;
    phone.clock().advance(10 * DAY);
    let live = phone.client().sync().live();
    let mut out = false;
    for _ in 0..200 {
        out = readers(&phone, plan).len() == 1;
        if out {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(out, "nobody was removed");
    drop(live);
    assert_out(&phone, plan, &tablet, walk).await;
}

//! Milestones and rewards on real devices: found offline, once, and by the client's devices alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::NaiveDate;
use waymark_core::client::PlanId;
use waymark_core::model::{
    Audience, GoalId, ItemView, Kind, Milestone, NewCheckIn, NewWithdrawal, Outcome, PersonTag,
    RecordId, Reward, RewardKind, RewardState, Win, WinKind,
};
use waymark_tests::story::{assert_same, assert_settled, goal, meet, readers, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A day of May 2026, on whose first day every device begins.
fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, day).unwrap()
}

fn done(device: &Device, plan: PlanId, goal: GoalId, on: u32) -> RecordId {
    let check_in = NewCheckIn {
        date: Some(may(on)),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    let check_ins = device.client().check_ins();
    check_ins.log(plan, &check_in).unwrap().into()
}

fn milestone(device: &Device, plan: PlanId, goal: GoalId, done_days: u32) -> RecordId {
    let milestone = Milestone {
        goal,
        text: format!("{done_days} walks"),
        done_days: Some(done_days),
    };
    device.client().items().add(plan, milestone).unwrap()
}

fn reward(device: &Device, plan: PlanId, goal: GoalId, done_days: u32) -> RecordId {
    let reward = Reward {
        goal,
        done_days,
        text: "An evening at the lake".into(),
        of: RewardKind::Extrinsic,
    };
    device.client().items().add(plan, reward).unwrap()
}

fn is_reached(device: &Device, plan: PlanId, goal: GoalId) -> bool {
    let milestones = device.client().milestones().of(plan, goal).unwrap();
    milestones.iter().all(|milestone| milestone.reached)
}

fn state(device: &Device, plan: PlanId, goal: GoalId) -> RewardState {
    let rewards = device.client().milestones().rewards(plan, goal).unwrap();
    rewards[0].state
}

/// What was found by itself: milestones reached, rewards unlocked, celebrations.
fn found(device: &Device, plan: PlanId) -> Vec<ItemView> {
    let kinds = [
        Kind::MilestoneReached,
        Kind::RewardUnlocked,
        Kind::Celebration,
    ];
    let items = device.client().items();
    kinds
        .iter()
        .flat_map(|kind| items.list(plan, *kind).unwrap())
        .collect()
}

/// Everybody by whom something was found.
fn finders(device: &Device, plan: PlanId) -> Vec<PersonTag> {
    let mut all: Vec<_> = found(device, plan)
        .into_iter()
        .flat_map(|item| item.authors)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A week without a network would end in two celebrations of one milestone, or in none before the
/// network is back.
#[tokio::test(flavor = "multi_thread")]
async fn two_phones_offline_reach_one_milestone_once_and_the_therapist_sees_it() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let id = milestone(&phone, plan, walk, 3);
    reward(&phone, plan, walk, 3);
    let second = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &second, &tablet]).await;
    for device in [&phone, &second, &tablet] {
        device.clock().advance(6 * DAY);
    }
    for (device, first) in [(&phone, 1), (&second, 3)] {
        for on in first..first + 3 {
            assert!(!is_reached(device, plan, walk));
            done(device, plan, walk, on);
        }
        assert!(is_reached(device, plan, walk), "at once, offline");
        assert_eq!(state(device, plan, walk), RewardState::Unlocked);
        assert!(!device.client().milestones().find(plan).unwrap());
    }
    assert!(!is_reached(&tablet, plan, walk));

    settle(&[&phone, &second, &tablet]).await;
    assert_same(plan, &[&phone, &second, &tablet]);
    for device in [&phone, &second, &tablet] {
        assert_eq!(found(device, plan).len(), 3);
        assert_settled(device);
    }
    let client = finders(&tablet, plan);
    assert_eq!(client.len(), 1, "the therapist's device wrote none");
    let seen = tablet.client().milestones().celebrations(plan).unwrap();
    assert_eq!((seen.len(), seen[0].of), (1, id));
    assert_eq!(
        (seen[0].audience, seen[0].how.as_deref()),
        (Audience::Private, None)
    );
    let export = phone.client().export_all().unwrap();
    for kind in ["milestone_reached", "reward_unlocked", "celebration"] {
        assert!(export.contains(kind), "{kind} is not in the export");
    }
}

/// Days on two phones would never add up; and what a therapist sets would be found by nobody, or by
/// somebody who is not the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_finds_what_days_of_two_phones_reach_together_and_what_a_therapist_has_set() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    reward(&phone, plan, walk, 4);
    let second = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &second, &tablet]).await;
    for device in [&phone, &second, &tablet] {
        device.clock().advance(6 * DAY);
    }
    for on in [1, 2] {
        done(&phone, plan, walk, on);
        done(&second, plan, walk, on + 2);
    }
    assert_eq!(state(&phone, plan, walk), RewardState::NotYet);
    meet(&[&phone]).await;
    // One sync reads the days and sends what they have brought about.
    second.client().sync().now().await.unwrap();
    tablet.client().sync().now().await.unwrap();
    assert_eq!(state(&tablet, plan, walk), RewardState::Unlocked);

    milestone(&tablet, plan, walk, 2);
    assert!(!tablet.client().milestones().find(plan).unwrap());
    assert!(
        !is_reached(&tablet, plan, walk),
        "the client's device says so"
    );
    meet(&[&tablet, &second, &phone]).await;
    settle(&[&phone, &second, &tablet]).await;
    assert!(is_reached(&tablet, plan, walk));
    assert_eq!(finders(&tablet, plan).len(), 1);
    assert_eq!(found(&phone, plan).len(), 3);
    assert_same(plan, &[&phone, &second, &tablet]);
}

/// A slip, or an entry that somebody takes back, would cost what was earned.
#[tokio::test(flavor = "multi_thread")]
async fn a_reward_stays_unlocked_when_an_entry_is_withdrawn_and_is_taken_once() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let lake = reward(&phone, plan, walk, 5);
    phone.clock().advance(8 * DAY);
    let milestones = phone.client().milestones();
    let early = milestones.claim(plan, lake).unwrap_err();
    assert_eq!(early.code(), "invalid_input", "{early}");
    let mut last = done(&phone, plan, walk, 1);
    for on in 2..=5 {
        assert_eq!(state(&phone, plan, walk), RewardState::NotYet);
        last = done(&phone, plan, walk, on);
    }
    assert_eq!(state(&phone, plan, walk), RewardState::Unlocked);
    let withdrawal = NewWithdrawal {
        records: vec![last],
    };
    let check_ins = phone.client().check_ins();
    check_ins.withdraw(plan, may(5), &withdrawal).unwrap();
    assert_eq!(state(&phone, plan, walk), RewardState::Unlocked);
    milestones.claim(plan, lake).unwrap();
    let seen = milestones.rewards(plan, walk).unwrap().remove(0);
    assert_eq!(seen.state, RewardState::Claimed);
    assert!(seen.claimed_at.is_some());
    // The day comes back, in another month another one: nothing is there twice.
    done(&phone, plan, walk, 5);
    phone.clock().advance(30 * DAY);
    let june = NewCheckIn::new(walk, Outcome::Done);
    check_ins.log(plan, &june).unwrap();
    assert_eq!(found(&phone, plan).len(), 1);
}

/// What is set for done days of a year would count those of the last month alone, or count a month
/// as it was before a correction.
#[tokio::test(flavor = "multi_thread")]
async fn days_of_all_months_count_and_a_changed_month_is_counted_anew() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    milestone(&phone, plan, walk, 4);
    let first = done(&phone, plan, walk, 1);
    for _ in 0..2 {
        phone.clock().advance(31 * DAY);
        let today = NewCheckIn::new(walk, Outcome::Done);
        phone.client().check_ins().log(plan, &today).unwrap();
    }
    let withdrawal = NewWithdrawal {
        records: vec![first],
    };
    let check_ins = phone.client().check_ins();
    check_ins.withdraw(plan, may(1), &withdrawal).unwrap();
    done(&phone, plan, walk, 2);
    assert!(!is_reached(&phone, plan, walk), "three days");
    // Nothing of it is kept that an app that was closed does not find again.
    phone.reopen();
    assert!(!phone.client().milestones().find(plan).unwrap());
    done(&phone, plan, walk, 3);
    assert!(is_reached(&phone, plan, walk));
}

/// The client would choose for nobody, or somebody for the client; a win would be celebrated twice.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_chooses_how_a_win_is_celebrated_and_chooses_again() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let win = Win {
        text: "Said no".into(),
        of: WinKind::Boundary,
        goal: None,
    };
    let win = phone.client().items().add(plan, win).unwrap();
    settle(&[&phone, &tablet]).await;
    let theirs = tablet.client().milestones();
    let refused = theirs.celebrate(plan, win, Some("Applause"), Audience::Circle);
    assert_eq!(refused.unwrap_err().code(), "not_allowed");
    let own = phone.client().milestones();
    let long = "x".repeat(501);
    let refused = own.celebrate(plan, win, Some(&long), Audience::Private);
    assert_eq!(refused.unwrap_err().code(), "invalid_input");
    assert!(
        own.celebrations(plan).unwrap().is_empty(),
        "nothing was done"
    );
    let id = own.celebrate(plan, win, Some("Cake"), Audience::Therapist);
    let again = own.celebrate(plan, win, None, Audience::Supporters);
    assert_eq!(id.unwrap(), again.unwrap());
    settle(&[&phone, &tablet]).await;
    let seen = theirs.celebrations(plan).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].how.as_deref(), seen[0].audience),
        (None, Audience::Supporters)
    );
    let unknown = own.celebrate(plan, RecordId([9; 16]), None, Audience::Private);
    assert_eq!(unknown.unwrap_err().code(), "not_found");
}

/// What a device had written for weeks would be undone with what a thief wrote, because it had found a
/// milestone in between.
#[tokio::test(flavor = "multi_thread")]
async fn undoing_a_device_since_a_day_keeps_what_it_wrote_before_it_and_after_a_milestone() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    milestone(&phone, plan, walk, 1);
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    done(&second, plan, walk, 1);
    assert!(is_reached(&second, plan, walk));
    let _ = goal(&second, plan, "sing");
    phone.clock().advance(2 * DAY);
    second.clock().advance(2 * DAY);
    let _ = goal(&second, plan, "pills");
    settle(&[&phone, &second]).await;
    let readers = readers(&phone, plan);
    let stolen = readers.iter().find(|member| !member.this_device).unwrap();
    let people = phone.client().people();
    let undone = people.undo_device(plan, stolen.number, Some(may(3)));
    assert!(undone.unwrap().records > 0);
    let goals = phone.client().goals().list(plan).unwrap().into_iter();
    let mut statements: Vec<_> = goals.map(|goal| goal.statement).collect();
    statements.sort();
    assert_eq!(statements, ["sing", "walk"]);
    assert!(is_reached(&phone, plan, walk));
}

//! What most tests begin with: a goal, check-ins, and what a device shows of them.

use std::time::Duration;

use chrono::Datelike;
use tokio::time::timeout;
use waymark_core::client::{KeyHolder, MemberView, PlanId, Status, WaymarkError};
use waymark_core::model::{
    CheckInId, GoalId, MeasureId, NewCheckIn, NewGoal, NewMeasure, NewRevision, Outcome, Schedule,
};

use crate::Device;

/// A measure from 0 to `max`.
#[must_use]
pub fn measure(device: &Device, plan: PlanId, label: &str, max: i32) -> MeasureId {
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
    let goals = device.client().goals();
    goals.define_measure(plan, &measure).expect("a measure")
}

/// A daily goal of the device's person.
#[must_use]
pub fn goal(device: &Device, plan: PlanId, statement: &str) -> GoalId {
    let revision = NewRevision {
        // Ignored: it is the new goal.
        goal: GoalId::from(waymark_core::model::RecordId([0; 16])),
        replaces: Vec::new(),
        statement: statement.into(),
        target: None,
        schedule: Some(Schedule::daily()),
        effective_from: None,
        rationale: None,
    };
    let goals = device.client().goals();
    goals
        .create(plan, &NewGoal { area: None }, &revision)
        .expect("a goal")
}

/// Logs a check-in with a note, by which the tests know it again.
pub fn log(device: &Device, plan: PlanId, goal: GoalId, note: &str) -> CheckInId {
    let check_in = NewCheckIn {
        note: Some(note.into()),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    let check_ins = device.client().check_ins();
    check_ins.log(plan, &check_in).expect("a check-in")
}

/// The notes of all check-ins that a device shows, in order.
#[must_use]
pub fn notes(device: &Device, plan: PlanId) -> Vec<String> {
    let check_ins = device.client().check_ins();
    let mut notes = Vec::new();
    for month in check_ins.months(plan).expect("months") {
        let views = check_ins
            .in_month(plan, month.year(), month.month())
            .expect("a month");
        notes.extend(views.into_iter().filter_map(|view| view.note));
    }
    notes.sort();
    notes
}

/// Makes a recovery phrase, in the place of `old` where there is one, and says that it is on paper.
#[must_use]
pub fn phrase(device: &Device, old: Option<&str>) -> String {
    let people = device.client().people();
    let words = people.make_phrase(old).expect("words");
    people.confirm_phrase(old).expect("they are on paper");
    words.to_string()
}

/// Fails unless the devices show the same plan.
#[track_caller]
pub fn assert_same(plan: PlanId, devices: &[&Device]) {
    let hash = |device: &Device| device.client().projection_hash(plan).expect("a projection");
    for pair in devices.windows(2) {
        assert_eq!(hash(pair[0]), hash(pair[1]), "two devices show two plans");
    }
}

/// Syncs each device in turn, twice, so that everybody has what everybody wrote.
pub async fn meet(devices: &[&Device]) {
    for device in devices.iter().chain(devices) {
        device.client().sync().now().await.expect("a sync");
    }
}

/// The same until nothing new comes of it: what one device does when it reads what another did is
/// read by that one in the next round.
pub async fn settle(devices: &[&Device]) {
    for _ in 0..4 {
        meet(devices).await;
    }
}

/// Fails unless a device says of itself that nothing is left to do and nothing is wrong.
#[track_caller]
pub fn assert_settled(device: &Device) {
    for status in device.client().status().expect("a status") {
        assert_eq!(status.problem, None, "{:?}", status.problem_detail);
        assert_eq!((status.unsent, status.on_the_way), (0, 0), "{status:?}");
        assert!(status.ready && status.synced.is_some(), "{status:?}");
    }
}

/// A sync that ends: nobody may keep a device waiting for ever.
///
/// # Errors
/// What the facade says.
///
/// # Panics
/// Where it goes on for 20 seconds.
pub async fn sync(device: &Device) -> Result<(), WaymarkError> {
    let now = timeout(Duration::from_secs(20), device.client().sync().now()).await;
    now.expect("the sync does not end")
}

/// How a plan stands on a device.
///
/// # Panics
/// Where the device has no such plan.
#[must_use]
pub fn status(device: &Device, plan: PlanId) -> Status {
    let all = device.client().status().expect("it works");
    let mut of_plan = all.into_iter().filter(|status| status.plan == Some(plan));
    of_plan.next().expect("it works")
}

/// The devices that read a plan, without what stands for devices to come.
#[must_use]
pub fn readers(device: &Device, plan: PlanId) -> Vec<MemberView> {
    let members = device.client().people().members(plan).expect("members");
    let is_device = |member: &MemberView| member.holder == KeyHolder::Device;
    members.into_iter().filter(is_device).collect()
}

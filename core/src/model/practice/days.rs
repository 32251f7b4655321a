//! What the practice of each day comes to.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

use super::MINUTES;
use crate::model::ids::GoalId;
use crate::model::json;
use crate::model::kinds::check_in::CheckIn;
use crate::model::kinds::reading::{Reading, ReadingOf};
use crate::model::log::{Log, months};
use crate::model::logged::logged;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::time::read_date;

/// What was practised on a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PracticeDay {
    /// The local date.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// The sum of its minutes, to the thousandth.
    pub minutes: f64,
    /// Of how many entries. One that was corrected is one.
    pub entries: u32,
}

/// The days with practice among some dates, both ends included, in order: check-ins whose amount is in
/// minutes, and practice that counts toward no goal. With a goal, what was noted for that goal alone.
/// The logs must cover the months of the dates.
pub fn practice_days(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: Option<GoalId>,
    dates: &RangeInclusive<NaiveDate>,
) -> Vec<PracticeDay> {
    let mut days: BTreeMap<NaiveDate, (Quantity, u32)> = BTreeMap::new();
    let mut add = |date: NaiveDate, minutes: Quantity| {
        if dates.contains(&date) {
            let (sum, entries) = days.entry(date).or_default();
            *sum = sum.plus(minutes);
            *entries = entries.saturating_add(1);
        }
    };
    let is_meant = |of: Option<GoalId>| goal.is_none() || goal == of;
    for thing in logged::<Reading>(plan, logs) {
        if let (Some(date), ReadingOf::APractice(practice)) = (thing.date, &thing.fields.of)
            && is_meant(thing.fields.goal)
            && let Some(minutes) = Quantity::new(practice.minutes.into())
        {
            add(date, minutes);
        }
    }
    for log in months(logs) {
        let counted = log.counted(plan).into_iter();
        for check_in in counted.map(|entry| entry.record) {
            if is_meant(check_in.goal)
                && let (Ok(date), Some(minutes)) = (read_date(check_in.date), check_in.quantity)
                && is_in_minutes(plan, check_in, date)
            {
                add(date, minutes);
            }
        }
    }
    let days = days.into_iter().map(|(date, (sum, entries))| PracticeDay {
        date,
        minutes: sum.amount(),
        entries,
    });
    days.collect()
}

/// Whether an amount is one of minutes: it says so, or it is that of a target in minutes.
fn is_in_minutes(plan: &Plan, check_in: &CheckIn, date: NaiveDate) -> bool {
    if let Some(unit) = &check_in.unit {
        return unit == MINUTES;
    }
    let state = check_in.goal.and_then(|goal| plan.goal_state(goal));
    let revision = state.and_then(|state| state.history.in_force_on(date));
    let revision = revision.and_then(|id| plan.stored_revision(id.into()));
    let target = revision.and_then(|revision| revision.target.as_ref());
    target.is_some_and(|target| target.value.is_some() && target.unit.as_deref() == Some(MINUTES))
}

//! What a schedule means for a day, beside what takes the day off: the days that the client observes, and
//! those on which the goal is on hold or over.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::model::day::DayPlan;
use crate::model::ids::GoalId;
use crate::model::kinds::schedule::Schedule;
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::resting::Resting;

/// What takes days off for a goal. Whoever asks whether a day is meant for a goal asks here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct DaysOff {
    /// For every goal.
    observed: Arc<Observed>,
    /// For this one.
    resting: Arc<Resting>,
}

impl DaysOff {
    pub(crate) const fn new(observed: Arc<Observed>, resting: Arc<Resting>) -> Self {
        Self { observed, resting }
    }

    /// What a schedule means for a day. Rest and pause matter only on days it is meant for.
    pub(crate) fn plan_of(&self, schedule: &Schedule, date: NaiveDate) -> DayPlan {
        match schedule.plan_of(date) {
            meant @ (DayPlan::AnyDay | DayPlan::Expected) => match self.resting.on(date) {
                Some(plan) => plan,
                None if self.observed.has(date) => DayPlan::Rest,
                None => meant,
            },
            plan => plan,
        }
    }

    /// Whether the goal was on hold, over or not wanted.
    pub(crate) fn rests(&self, date: NaiveDate) -> bool {
        self.resting.on(date).is_some()
    }

    /// Whether a day is there to do something on. Without a schedule every day is on which the goal is
    /// neither on hold nor over.
    pub(crate) fn leaves(&self, schedule: Option<&Schedule>, date: NaiveDate) -> bool {
        schedule.map_or(!self.rests(date), |schedule| {
            matches!(
                self.plan_of(schedule, date),
                DayPlan::AnyDay | DayPlan::Expected
            )
        })
    }
}

impl Plan {
    /// What takes days off for a goal.
    pub(crate) fn days_off(&self, goal: GoalId) -> DaysOff {
        let resting = self
            .goal_state(goal)
            .map(|state| Arc::clone(&state.resting));
        DaysOff::new(self.observed(), resting.unwrap_or_default())
    }
}

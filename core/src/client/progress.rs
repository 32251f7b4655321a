//! How goals go.

use std::sync::Arc;

use chrono::NaiveDate;

use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{GoalId, Log, Plan, ProgressView, progress};

/// How the goals of a plan go, computed from its days whenever it is asked.
#[derive(Clone, Copy)]
pub struct Progress<'c>(pub(super) &'c Arc<Inner>);

impl Progress<'_> {
    /// How a goal goes, seen today. `grace` says how many days may be left out among any seven before
    /// a streak ends: 0 to 2, usually [1](crate::model::DEFAULT_GRACE).
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `invalid_input` where the grace is out of its range, or the
    /// storage's.
    pub fn of(&self, plan: PlanId, goal: GoalId, grace: u8) -> Result<ProgressView, WaymarkError> {
        let mut views = self.seen(plan, grace, |_, _| vec![goal])?;
        let unknown = || WaymarkError::not_found(format!("goal {goal}"));
        views.pop().ok_or_else(unknown)
    }

    /// How every goal goes, in the order of the goals.
    ///
    /// # Errors
    /// As [`Progress::of`].
    pub fn all(&self, plan: PlanId, grace: u8) -> Result<Vec<ProgressView>, WaymarkError> {
        self.seen(plan, grace, |folded, today| {
            let goals = folded.goals(today).into_iter();
            goals.map(|goal| goal.id).collect()
        })
    }

    /// How some goals go. Months are read once for all of them.
    fn seen(
        &self,
        plan: PlanId,
        grace: u8,
        goals: impl FnOnce(&Plan, NaiveDate) -> Vec<GoalId>,
    ) -> Result<Vec<ProgressView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let today = self.0.today(&folded)?;
        let goals = goals(&folded, today);
        let begun = goals.iter().filter_map(|goal| folded.first_in_force(*goal));
        let first = begun.min().unwrap_or(today).min(today);
        let mut logs: Vec<Arc<Log>> = Vec::new();
        for month in months(first, today)? {
            logs.push(self.0.views.log(&mut inner.engine, id, month)?);
        }
        let seen = |goal| Ok(progress(&folded, &logs, goal, today, grace)?);
        goals.into_iter().map(seen).collect()
    }
}

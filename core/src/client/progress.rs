//! How goals go.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{GoalId, Plan, ProgressView};

/// How the goals of a plan go, computed from its days whenever it is asked. What their months say is
/// kept in memory, and read again where it has changed.
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

    /// How every goal goes, in the order in which they were made.
    ///
    /// # Errors
    /// As [`Progress::of`].
    pub fn all(&self, plan: PlanId, grace: u8) -> Result<Vec<ProgressView>, WaymarkError> {
        self.seen(plan, grace, |folded, today| {
            let goals = folded.goals(today).into_iter();
            goals.map(|goal| goal.id).collect()
        })
    }

    /// How some goals go.
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
        let space = (&mut inner.engine, id);
        self.0
            .views
            .progress(space, &folded, &goals, (today, grace))
    }
}

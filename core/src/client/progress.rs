//! How goals go.

use std::sync::Arc;

use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::engine::Engine;
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
        let inner = &mut *self.0.shared.lock();
        let folded = self.0.views.plan(&mut inner.engine, space_of(plan))?;
        self.seen(&mut inner.engine, plan, &folded, goal, grace)
    }

    /// How every goal goes, in the order in which they were made.
    ///
    /// # Errors
    /// As [`Progress::of`].
    pub fn all(&self, plan: PlanId, grace: u8) -> Result<Vec<ProgressView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let folded = self.0.views.plan(&mut inner.engine, space_of(plan))?;
        let today = self.0.today(&folded)?;
        let goals = folded.goals(today).into_iter();
        goals
            .map(|goal| self.seen(&mut inner.engine, plan, &folded, goal.id, grace))
            .collect()
    }

    fn seen(
        &self,
        engine: &mut Engine,
        plan: PlanId,
        folded: &Plan,
        goal: GoalId,
        grace: u8,
    ) -> Result<ProgressView, WaymarkError> {
        let today = self.0.today(folded)?;
        let first = folded.first_in_force(goal).unwrap_or(today).min(today);
        let mut logs: Vec<Arc<Log>> = Vec::new();
        for month in months(first, today)? {
            logs.push(self.0.views.log(engine, space_of(plan), month)?);
        }
        Ok(progress(folded, &logs, goal, today, grace)?)
    }
}

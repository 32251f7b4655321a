//! How goals go.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{DocumentKey, GoalId, GrowthView, Plan, ProgressView, goals_on, growth_with};

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

    /// Evidence of growth between two dates, both included, the last today at most: the wins of that
    /// time, the milestones that were reached, and how far each goal came. Whoever has the same records
    /// sees the same. `grace` is as for [`Progress::of`].
    ///
    /// # Errors
    /// `invalid_input` where the dates end before they begin or the grace is out of its range, or the
    /// storage's.
    pub fn growth(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
        grace: u8,
    ) -> Result<GrowthView, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (id, views) = (space_of(plan), &self.0.views);
        let (folded, today) = self.0.plan_today(&mut inner.engine, id)?;
        let to = to.min(today);
        let goals = goals_on(&folded, to).into_iter().map(|(goal, _)| goal);
        let (goals, dates) = (goals.collect::<Vec<_>>(), from..=to);
        let space = (&mut inner.engine, id);
        let passages = views.going(space, &folded, &goals, to, |goal| {
            goal.passage(&dates, grace)
        })?;
        let (first, last) = (DocumentKey::log(from), DocumentKey::log(to));
        let logs = self.0.logs(&mut inner.engine, id, |month| {
            first.is_none_or(|first| first <= month) && last.is_some_and(|last| month <= last)
        })?;
        Ok(growth_with(&folded, &logs, &dates, passages)?)
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
        let (folded, today) = self.0.plan_today(&mut inner.engine, id)?;
        let goals = goals(&folded, today);
        let space = (&mut inner.engine, id);
        let views = &self.0.views;
        views.going(space, &folded, &goals, today, |goal| {
            goal.view(today, grace)
        })
    }
}

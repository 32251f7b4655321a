//! Goals: what they grow out of, in which order they stand, and how SMART they are.

use chrono::NaiveDate;

use super::cache::log_months;
use super::goals::{Goals, agree_to_last};
use super::{PlanId, WaymarkError, space_of};
use crate::model::{
    GoalId, GoalProfile, GoalThread, NewGoal, NewRevision, Plan, RecordId, SmartReport, Stamp,
    goal_rulers, smart,
};

impl Goals<'_> {
    /// Makes a goal of an aspiration: creates it with its first wording, as [`Goals::create`] does,
    /// and a profile that names the aspiration.
    ///
    /// # Errors
    /// `not_found` for an unknown aspiration; else as [`Goals::create`].
    pub fn refine(
        &self,
        plan: PlanId,
        aspiration: RecordId,
        goal: &NewGoal,
        revision: &NewRevision,
    ) -> Result<GoalId, WaymarkError> {
        let first = |made: &[RecordId]| made.first().copied().map_or(revision.goal, GoalId::from);
        let made = self.0.write_steps(
            space_of(plan),
            &[
                &|_: &[RecordId], plan: &Plan, stamp: &Stamp| goal.record(plan, stamp),
                &|made: &[RecordId], plan: &Plan, stamp: &Stamp| {
                    let profile = GoalProfile {
                        aspiration: Some(aspiration),
                        ..GoalProfile::of(first(made))
                    };
                    plan.add(&profile, None, stamp)
                },
                &|made: &[RecordId], plan: &Plan, stamp: &Stamp| {
                    let goal = first(made);
                    let wording = NewRevision {
                        goal,
                        ..revision.clone()
                    };
                    wording.record(plan, stamp)
                },
                &agree_to_last,
            ],
        )?;
        Ok(GoalId::from(made))
    }

    /// The ways from what a person longs for to what is done next that lead through an aspiration, a
    /// goal or an action step.
    ///
    /// # Errors
    /// `not_found` where it is none of the three, or the storage's.
    pub fn threads(&self, plan: PlanId, of: RecordId) -> Result<Vec<GoalThread>, WaymarkError> {
        let (folded, today) = self.fold_today(plan)?;
        Ok(folded.threads(of, today)?)
    }

    /// Puts a goal right behind another in the list, or first. Two devices that do so offline end with
    /// one list.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `not_allowed` for who is not the client, or the storage's.
    pub fn reorder(
        &self,
        plan: PlanId,
        goal: GoalId,
        after: Option<GoalId>,
    ) -> Result<(), WaymarkError> {
        let today = self.today(plan)?;
        self.0.write_all(space_of(plan), |plan, stamp| {
            plan.reorder(goal, after, today, stamp)
        })
    }

    /// How SMART a goal is, with a question for each letter that is open. The newest confidence counts,
    /// of whatever month.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn smart(&self, plan: PlanId, goal: GoalId) -> Result<SmartReport, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (folded, today) = self.0.plan_today(&mut inner.engine, id)?;
        let mut confidence = None;
        let ever = NaiveDate::MIN..=NaiveDate::MAX;
        for month in log_months(&mut inner.engine, id)?.into_iter().rev() {
            let log = self.0.views.log(&mut inner.engine, id, month)?;
            confidence = goal_rulers(&folded, &[log], goal, &ever)?.confidence.newest;
            if confidence.is_some() {
                break;
            }
        }
        Ok(smart(&folded, goal, confidence, today)?)
    }
}

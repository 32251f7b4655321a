//! Reviews and sessions: looking at goals together.

use std::sync::Arc;

use super::{Goals, Inner, PlanId, WaymarkError, space_of};
use crate::model::{ActionStep, Homework, RecordId, ReviewDue, ReviewView, SessionView};

/// The reviews and sessions of a plan and what follows from them. Reviews, sessions and what is on an
/// agenda are written as [items](super::Items), notes about a session as [texts](super::Texts).
#[derive(Clone, Copy)]
pub struct Reviews<'c>(pub(super) &'c Arc<Inner>);

impl Reviews<'_> {
    /// The reviews, oldest first.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<ReviewView>, WaymarkError> {
        Ok(Goals(self.0).fold(plan)?.reviews())
    }

    /// When the next review is due, seen [today](Goals::today).
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn due(&self, plan: PlanId) -> Result<ReviewDue, WaymarkError> {
        let (folded, today) = Goals(self.0).fold_today(plan)?;
        Ok(folded.review_due(today))
    }

    /// The sessions in the order in which they begin, each with its agenda, its notes and its homework.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn sessions(&self, plan: PlanId) -> Result<Vec<SessionView>, WaymarkError> {
        Ok(Goals(self.0).fold(plan)?.sessions())
    }

    /// Gives homework in a session: a step of the action plan that the session shows. Both are written,
    /// or none. The id of the step is returned.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` where there is no such plan, session
    /// or goal; `not_allowed`, or the storage's.
    pub fn give_homework(
        &self,
        plan: PlanId,
        session: RecordId,
        step: &ActionStep,
    ) -> Result<RecordId, WaymarkError> {
        self.0.write_steps(
            space_of(plan),
            &[
                &|_, plan, stamp| plan.add(step, None, stamp),
                &|made, plan, stamp| {
                    let step = made.first().copied().unwrap_or(session);
                    plan.add(&Homework { session, step }, None, stamp)
                },
            ],
        )
    }
}

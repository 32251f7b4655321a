//! Reviews and sessions: looking at goals together.

use std::sync::Arc;

use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{ActionStep, RecordId, ReviewDue, ReviewView, SessionView};

use crate::session::Session;

/// The reviews and sessions of plans and what follows from them. Reviews, sessions and what is on an
/// agenda are written as items, notes about a session as texts.
#[derive(uniffi::Object)]
pub struct Reviews(pub(crate) Arc<Session>);

#[uniffi::export]
impl Reviews {
    /// The reviews, oldest first.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<ReviewView>, WaymarkError> {
        self.0.call(|c| c.reviews().list(plan))
    }

    /// When the next review is due, seen today as the goals say it.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn due(&self, plan: PlanId) -> Result<ReviewDue, WaymarkError> {
        self.0.call(|c| c.reviews().due(plan))
    }

    /// The sessions in the order in which they begin, each with its agenda, its notes and its homework.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn sessions(&self, plan: PlanId) -> Result<Vec<SessionView>, WaymarkError> {
        self.0.call(|c| c.reviews().sessions(plan))
    }

    /// Gives homework in a session: a step of the action plan that the session shows. Both are written,
    /// or none. The id of the step is returned.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` where there is no such plan, session
    /// or goal; `not_allowed`, `locked`, or the storage's.
    pub fn give_homework(
        &self,
        plan: PlanId,
        session: RecordId,
        step: ActionStep,
    ) -> Result<RecordId, WaymarkError> {
        self.0
            .call(|c| c.reviews().give_homework(plan, session, &step))
    }
}

//! How goals go.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{GoalId, GrowthView, ProgressView};

use crate::session::Session;

/// How the goals of a plan go, computed from its days whenever it is asked.
#[derive(uniffi::Object)]
pub struct Progress(pub(crate) Arc<Session>);

#[uniffi::export]
impl Progress {
    /// How a goal goes, seen today. `grace` says how many days may be left out among any seven before
    /// a streak ends: 0 to 2.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `invalid_input` where the grace is out of its range,
    /// `locked`, or the storage's.
    #[uniffi::method(default(grace = 1))]
    pub fn of(&self, plan: PlanId, goal: GoalId, grace: u8) -> Result<ProgressView, WaymarkError> {
        self.0.call(|c| c.progress().of(plan, goal, grace))
    }

    /// How every goal goes, in the order of the goals.
    ///
    /// # Errors
    /// As for one goal.
    #[uniffi::method(default(grace = 1))]
    pub fn all(&self, plan: PlanId, grace: u8) -> Result<Vec<ProgressView>, WaymarkError> {
        self.0.call(|c| c.progress().all(plan, grace))
    }

    /// Evidence of growth between two dates, both included, the last today at most: the wins of that
    /// time, the milestones that were reached, and how far each goal came. Whoever has the same records
    /// sees the same.
    ///
    /// # Errors
    /// `invalid_input` where the dates end before they begin or the grace is out of its range, `locked`,
    /// or the storage's.
    #[uniffi::method(default(grace = 1))]
    pub fn growth(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
        grace: u8,
    ) -> Result<GrowthView, WaymarkError> {
        self.0.call(|c| c.progress().growth(plan, from, to, grace))
    }
}

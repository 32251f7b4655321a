//! Readings: what the client notes about days beside check-ins, and what follows from it.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{CopingView, GoalId, GoalRulers, ReadingView};

use crate::session::Session;

/// The readings of plans. They are written as items.
#[derive(uniffi::Object)]
pub struct Readings(pub(crate) Arc<Session>);

#[uniffi::export]
impl Readings {
    /// The readings between two dates, both included, by date and instant, each with what follows from
    /// it: by how much a feeling changed, how long a night was.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn between(
        &self,
        plan: PlanId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Vec<ReadingView>, WaymarkError> {
        self.0.call(|c| c.readings().between(plan, first, last))
    }

    /// How a goal's importance, confidence and readiness went between two dates, both included.
    ///
    /// # Errors
    /// As for the readings; `not_found` for an unknown goal.
    pub fn rulers(
        &self,
        plan: PlanId,
        goal: GoalId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<GoalRulers, WaymarkError> {
        self.0
            .call(|c| c.readings().rulers(plan, goal, first, last))
    }

    /// The coping strategies, those first that helped most on average between two dates, both included.
    /// What was not rated has no place rather than the last.
    ///
    /// # Errors
    /// As for the readings.
    pub fn coping(
        &self,
        plan: PlanId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Vec<CopingView>, WaymarkError> {
        self.0.call(|c| c.readings().coping(plan, first, last))
    }
}

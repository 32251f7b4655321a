//! Practice: minutes of a day, and the timers that count them.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{GoalId, NewPractice, PracticeDay, RecordId, RunningTimer, TimerStart};

use crate::session::Session;

/// Practice of plans.
#[derive(uniffi::Object)]
pub struct Practice(pub(crate) Arc<Session>);

#[uniffi::export]
impl Practice {
    /// Logs practice: a check-in where the goal counts minutes, else a reading, which counts toward
    /// nothing.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` for an unknown goal; `not_allowed`,
    /// `locked`, or the storage's.
    pub fn log(&self, plan: PlanId, practice: NewPractice) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.practice().log(plan, &practice))
    }

    /// Starts a timer. It runs until somebody stops it, also over a restart and on the client's other
    /// devices. To let go of it without logging anything, remove it as an item.
    ///
    /// # Errors
    /// As for logging practice.
    pub fn start(&self, plan: PlanId, timer: TimerStart) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.practice().start(plan, timer))
    }

    /// The timers that run, oldest first: those that were started within a month.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn running(&self, plan: PlanId) -> Result<Vec<RunningTimer>, WaymarkError> {
        self.0.call(|c| c.practice().running(plan))
    }

    /// Stops a timer and logs its minutes on the day on which it was started. `minutes`, 0 to 1,440,
    /// are told where it ran on unnoticed. Where two devices stop it, neither of which has heard of the
    /// other, it counts once. The id is that of what was logged.
    ///
    /// # Errors
    /// `not_found` where no such timer runs; else as for logging practice.
    #[uniffi::method(default(minutes = None))]
    pub fn stop(
        &self,
        plan: PlanId,
        timer: RecordId,
        minutes: Option<u16>,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.practice().stop(plan, timer, minutes))
    }

    /// The days with practice between two dates, both included: with a goal, what was noted for that
    /// goal alone.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn days(
        &self,
        plan: PlanId,
        goal: Option<GoalId>,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Vec<PracticeDay>, WaymarkError> {
        self.0.call(|c| c.practice().days(plan, goal, first, last))
    }
}

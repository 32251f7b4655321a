//! Check-ins: what happened on a day.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{
    CheckInId, CheckInView, DayView, GoalId, GoalToday, NewCheckIn, NewWithdrawal, RecordId,
};

use crate::DateTime;
use crate::session::Session;

/// A check-in of another instant, for importing a diary.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct TimedCheckIn {
    /// The check-in.
    pub check_in: NewCheckIn,
    /// When it was made.
    pub at: DateTime,
}

/// Check-ins and days of plans.
#[derive(uniffi::Object)]
pub struct CheckIns(pub(crate) Arc<Session>);

#[uniffi::export]
impl CheckIns {
    /// Logs a check-in. It is durable when this returns, with or without a network. What it brings
    /// about, such as a milestone, is found by then, too.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` for an unknown goal or measure;
    /// `not_allowed`, `locked`, or the storage's.
    pub fn log(&self, plan: PlanId, check_in: NewCheckIn) -> Result<CheckInId, WaymarkError> {
        self.0.call(|c| c.check_ins().log(plan, &check_in))
    }

    /// Logs a check-in of another instant, for importing a diary.
    ///
    /// # Errors
    /// As for logging one.
    pub fn log_at(&self, plan: PlanId, check_in: TimedCheckIn) -> Result<CheckInId, WaymarkError> {
        let TimedCheckIn { check_in, at } = check_in;
        self.0
            .call(|c| c.check_ins().log_at(plan, &check_in, Some(at)))
    }

    /// Logs several check-ins, all or none, each at its instant.
    ///
    /// # Errors
    /// As for logging one; nothing is logged then.
    pub fn log_many(&self, plan: PlanId, check_ins: Vec<TimedCheckIn>) -> Result<(), WaymarkError> {
        let pairs = check_ins
            .into_iter()
            .map(|timed| (timed.check_in, timed.at));
        let pairs: Vec<_> = pairs.collect();
        self.0.call(|c| c.check_ins().log_many(plan, &pairs))
    }

    /// The check-ins of one local date, in the order of their instants.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn on(&self, plan: PlanId, date: NaiveDate) -> Result<Vec<CheckInView>, WaymarkError> {
        self.0.call(|c| c.check_ins().on(plan, date))
    }

    /// The check-ins of a calendar month, 1 to 12, by instant.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where there is no such month.
    pub fn in_month(
        &self,
        plan: PlanId,
        year: i32,
        month: u32,
    ) -> Result<Vec<CheckInView>, WaymarkError> {
        self.0.call(|c| c.check_ins().in_month(plan, year, month))
    }

    /// The first days of the months that have check-ins, in order.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn months(&self, plan: PlanId) -> Result<Vec<NaiveDate>, WaymarkError> {
        self.0.call(|c| c.check_ins().months(plan))
    }

    /// How the days of a goal went, each judged by the revision that was in force on it. The first
    /// and the last date are among them; at most ten years.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn days(
        &self,
        plan: PlanId,
        goal: GoalId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Vec<DayView>, WaymarkError> {
        self.0.call(|c| c.check_ins().days(plan, goal, first, last))
    }

    /// What today asks for: every goal that holds and is neither over nor on hold, with how its day
    /// stands. Those in the focus come first, else they stand in the order of the goals.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn today(&self, plan: PlanId) -> Result<Vec<GoalToday>, WaymarkError> {
        self.0.call(|c| c.check_ins().today(plan))
    }

    /// Takes check-ins of one month back: that of `date`. They stay in the document; days leave
    /// them out.
    ///
    /// # Errors
    /// `not_found`, `not_allowed`, `locked`, or the storage's.
    pub fn withdraw(
        &self,
        plan: PlanId,
        date: NaiveDate,
        withdrawal: NewWithdrawal,
    ) -> Result<RecordId, WaymarkError> {
        self.0
            .call(|c| c.check_ins().withdraw(plan, date, &withdrawal))
    }
}

//! Which values check-ins served.

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::ValuesReport;

use crate::Progress;

#[uniffi::export]
impl Progress {
    /// Which values the check-ins between two dates served, both included, and to what share.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn values(
        &self,
        plan: PlanId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<ValuesReport, WaymarkError> {
        self.0.call(|c| c.progress().values(plan, first, last))
    }
}

//! What views of some dates are folded from.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use super::cache::log_months;
use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{Log, Plan};

impl Inner {
    /// A plan with the logs of the months of some dates, both ends included; of months without a log
    /// there is none.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub(super) fn seen(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<(Arc<Plan>, Vec<Arc<Log>>), WaymarkError> {
        let inner = &mut *self.shared.lock();
        let id = space_of(plan);
        let folded = self.views.plan(&mut inner.engine, id)?;
        let asked: BTreeSet<_> = months(from, to)?.collect();
        let mut logs = Vec::new();
        for month in log_months(&mut inner.engine, id)? {
            if asked.contains(&month) {
                logs.push(self.views.log(&mut inner.engine, id, month)?);
            }
        }
        Ok((folded, logs))
    }
}

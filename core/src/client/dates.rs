//! What views of some dates are folded from.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;

use super::cache::log_months;
use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::engine::Engine;
use crate::model::{DocumentKey, Log, Plan};

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
        let logs = self.logs(&mut inner.engine, id, |month| asked.contains(&month))?;
        Ok((folded, logs))
    }

    /// The logs of the months that are meant, of those that there are.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub(super) fn logs(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        is_meant: impl Fn(DocumentKey) -> bool,
    ) -> Result<Vec<Arc<Log>>, WaymarkError> {
        let months = log_months(engine, id)?.into_iter();
        let meant = months.filter(|month| is_meant(*month));
        meant
            .map(|month| self.views.log(engine, id, month))
            .collect()
    }
}

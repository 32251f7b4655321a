//! Reminders: which come next.

use std::sync::Arc;

use chrono::{DateTime, Days, Utc};

use super::cache::care;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{DocumentKey, NextReminder, next_reminders};
use crate::role::Role;

/// Days back of which entries may matter: those of a month that is running.
const BACK: Days = Days::new(32);

/// Reminders of a plan. They are written as [items](super::Items).
#[derive(Clone, Copy)]
pub struct Reminders<'c>(pub(super) &'c Arc<Inner>);

impl Reminders<'_> {
    /// The reminders that ring from now on and up to an instant, at most `limit` (1 to
    /// [64](crate::model::REMINDER_LIMIT)), in their order, for the wall clock of the device's zone. At
    /// most 400 days ahead are looked at. Hand them to the system, and ask again after every change and
    /// every journey: what is done, rest, paused or excused rings no more. Only the client is reminded;
    /// on others' devices there are none.
    ///
    /// # Errors
    /// `invalid_input` for a limit out of its range; `not_found`, or the storage's.
    pub fn next(
        &self,
        plan: PlanId,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<NextReminder>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (space, _, _) = care(&mut inner.engine, id)?;
        if space.own_role() != Some(Role::Client) {
            return Ok(Vec::new());
        }
        let now = self.0.now();
        let oldest = now.checked_sub_days(BACK);
        let oldest = oldest.and_then(|oldest| DocumentKey::log(oldest.date_naive()));
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let logs = self.0.logs(&mut inner.engine, id, |month| {
            oldest.is_none_or(|oldest| oldest <= month)
        })?;
        let (zone, times) = (self.0.zone(), (now, until));
        Ok(next_reminders(&folded, &logs, times, zone, limit)?)
    }
}

//! Reminders: which come next.

use std::sync::Arc;

use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{NextReminder, ReminderText};

use crate::DateTime;
use crate::session::Session;

/// Reminders of plans. They are written as items.
#[derive(uniffi::Object)]
pub struct Reminders(pub(crate) Arc<Session>);

#[uniffi::export]
impl Reminders {
    /// The reminders that ring from now on and up to an instant, at most `limit` (1 to 64), in their
    /// order, for the wall clock of the device's zone. At most 400 days ahead are looked at. Hand them to
    /// the system, and ask again after every change and every journey: what is done, rest, paused or
    /// excused rings no more. Only the client is reminded; on others' devices there are none.
    ///
    /// # Errors
    /// `invalid_input` for a limit out of its range; `not_found`, `locked`, or the storage's.
    #[uniffi::method(default(limit = 64))]
    pub fn next(
        &self,
        plan: PlanId,
        until: DateTime,
        limit: u32,
    ) -> Result<Vec<NextReminder>, WaymarkError> {
        self.0.call(|c| c.reminders().next(plan, until, limit))
    }
}

/// The key of a reminder's sentence in the catalogue, to show which words there are to choose from.
#[uniffi::export]
pub fn reminder_key(text: ReminderText) -> String {
    text.key().into()
}

//! Messages and comments: what they say, how far they have come, and who has read them.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{MessageView, PlanId, WaymarkError};
use waymark_core::model::RecordId;

use crate::session::Session;

/// Messages and comments of plans. Messages are written, and both are changed and removed, as items.
#[derive(uniffi::Object)]
pub struct Messages(pub(crate) Arc<Session>);

#[uniffi::export]
impl Messages {
    /// The messages between two dates, both included, in their order.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn between(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<MessageView>, WaymarkError> {
        self.0.call(|c| c.messages().between(plan, from, to))
    }

    /// The comments on a record, in their order. `date` is the record's, where it is of a day; without
    /// one this reads every month.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    #[uniffi::method(default(date = None))]
    pub fn comments(
        &self,
        plan: PlanId,
        about: RecordId,
        date: Option<NaiveDate>,
    ) -> Result<Vec<MessageView>, WaymarkError> {
        self.0.call(|c| c.messages().comments(plan, about, date))
    }

    /// Comments on a record, which stays as it is. `date` is the record's, where it is of a day.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` where there is no such record, in the
    /// plan or in the log of its month; `not_allowed`, `locked`, or the storage's.
    #[uniffi::method(default(date = None))]
    pub fn comment(
        &self,
        plan: PlanId,
        about: RecordId,
        text: String,
        date: Option<NaiveDate>,
    ) -> Result<RecordId, WaymarkError> {
        self.0
            .call(|c| c.messages().comment(plan, about, date, &text))
    }

    /// Lets the others know that this device's person has read messages and comments, as they stand here
    /// now. Nothing is written where the person does not let them know, of what they wrote themselves,
    /// and of what they have said before.
    ///
    /// # Errors
    /// `not_found` where there is no such message; `not_allowed`, `locked`, or the storage's.
    pub fn mark_read(&self, plan: PlanId, messages: Vec<RecordId>) -> Result<(), WaymarkError> {
        self.0.call(|c| c.messages().mark_read(plan, &messages))
    }

    /// Whether this device's person lets the others know what they have read. Everybody does until they
    /// choose otherwise.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn sends_receipts(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        self.0.call(|c| c.messages().sends_receipts(plan))
    }

    /// Has this device's person let the others know what they read from now on, or not. What they have
    /// said before stays said. The others see in each delivery that nothing will be said.
    ///
    /// # Errors
    /// `not_found`, `not_allowed`, `locked`, or the storage's.
    pub fn send_receipts(&self, plan: PlanId, are_sent: bool) -> Result<(), WaymarkError> {
        self.0.call(|c| c.messages().send_receipts(plan, are_sent))
    }
}

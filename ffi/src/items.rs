//! Items: whatever else people keep beside goals and check-ins.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{Content, ItemView, Kind, RecordId};

use crate::session::Session;

/// Items of plans: habits, reviews, messages and all other kinds of content.
#[derive(uniffi::Object)]
pub struct Items(pub(crate) Arc<Session>);

#[uniffi::export]
impl Items {
    /// Adds an item. Its id stays when it is changed. `date` is the day that it is about, where its
    /// kind is of a day; without one it is today.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit, or what is named and unknown; `not_found`,
    /// `not_allowed`, `locked`, or the storage's.
    #[uniffi::method(default(date = None))]
    pub fn add(
        &self,
        plan: PlanId,
        content: Content,
        date: Option<NaiveDate>,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.items().add_on(plan, content, date, None))
    }

    /// Changes an item: what it says from now on, whole. This also settles what people contradict each
    /// other in, and brings back an item that was removed meanwhile. `date` is the item's, where it
    /// has one.
    ///
    /// # Errors
    /// As for adding one; `not_allowed` where it is somebody else's.
    #[uniffi::method(default(date = None))]
    pub fn change(
        &self,
        plan: PlanId,
        id: RecordId,
        content: Content,
        date: Option<NaiveDate>,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.items().change(plan, id, date, content))
    }

    /// Removes an item. It stays in the document; views leave it out. `date` is the item's, where it
    /// has one.
    ///
    /// # Errors
    /// As for changing one.
    #[uniffi::method(default(date = None))]
    pub fn remove(
        &self,
        plan: PlanId,
        kind: Kind,
        id: RecordId,
        date: Option<NaiveDate>,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.items().remove(plan, kind, id, date))
    }

    /// The items of a kind, in the order in which they began, or of their days. Where they are of a
    /// day, this reads every month: rather ask between two dates.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn list(&self, plan: PlanId, kind: Kind) -> Result<Vec<ItemView>, WaymarkError> {
        self.0.call(|c| c.items().list(plan, kind))
    }

    /// The items of a kind that are of a day between two dates, both included.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's; `invalid_input` where the range is longer than ten
    /// years.
    pub fn between(
        &self,
        plan: PlanId,
        kind: Kind,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<ItemView>, WaymarkError> {
        self.0.call(|c| c.items().between(plan, kind, from, to))
    }
}

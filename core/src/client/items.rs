//! Items: whatever else people keep beside goals and check-ins.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{Content, DocumentKey, ItemView, Kind, RecordId};

/// Items of a plan: habits, reviews, messages and all other kinds of [`Content`].
#[derive(Clone, Copy)]
pub struct Items<'c>(pub(super) &'c Arc<Inner>);

impl Items<'_> {
    /// Adds an item. Its id stays when it is changed. What is of a day is of today. A goal has one
    /// profile, known by the goal's id: adding another says it anew.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit, or what is named and unknown; `not_found`,
    /// `not_allowed`, or the storage's.
    pub fn add(&self, plan: PlanId, content: impl Into<Content>) -> Result<RecordId, WaymarkError> {
        self.add_on(plan, content, None, None)
    }

    /// Adds an item of a day, written at another instant: for what is told later, and to import.
    ///
    /// # Errors
    /// As [`Items::add`].
    pub fn add_on(
        &self,
        plan: PlanId,
        content: impl Into<Content>,
        date: Option<NaiveDate>,
        at: Option<DateTime<Utc>>,
    ) -> Result<RecordId, WaymarkError> {
        let content = content.into();
        let record = self.0.write(space_of(plan), at, |plan, stamp| {
            content.add(plan, date, stamp)
        })?;
        Ok(content.only_for().unwrap_or(record))
    }

    /// Changes an item: what it says from now on, whole. This also settles what people contradict each
    /// other in, and brings back an item that was removed meanwhile. `date` is the item's, where it
    /// has one.
    ///
    /// # Errors
    /// As [`Items::add`]; `not_allowed` where it is somebody else's.
    pub fn change(
        &self,
        plan: PlanId,
        id: RecordId,
        date: Option<NaiveDate>,
        content: impl Into<Content>,
    ) -> Result<RecordId, WaymarkError> {
        let content = content.into();
        let month = date.and_then(DocumentKey::log);
        self.0
            .write_in_month(space_of(plan), None, month, |plan, log, stamp| {
                content.change(plan, log, id, stamp)
            })
    }

    /// Removes an item. It stays in the document; views leave it out. `date` is the item's, where it
    /// has one.
    ///
    /// # Errors
    /// As [`Items::change`].
    pub fn remove(
        &self,
        plan: PlanId,
        kind: Kind,
        id: RecordId,
        date: Option<NaiveDate>,
    ) -> Result<RecordId, WaymarkError> {
        let month = date.and_then(DocumentKey::log);
        self.0
            .write_in_month(space_of(plan), None, month, |plan, log, stamp| {
                kind.remove(plan, log, id, stamp)
            })
    }

    /// The items of a kind, in the order in which they began, or of their days. Where they are of a
    /// day, this reads every month: rather ask [between](Items::between) two dates.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn list(&self, plan: PlanId, kind: Kind) -> Result<Vec<ItemView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let mut items = folded.items(kind);
        if kind.is_of_a_day() {
            for month in super::cache::log_months(&mut inner.engine, id)? {
                let log = self.0.views.log(&mut inner.engine, id, month)?;
                items.extend(log.items(kind, &folded));
            }
        }
        Ok(items)
    }

    /// The items of a kind that are of a day between two dates, both included.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn between(
        &self,
        plan: PlanId,
        kind: Kind,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<ItemView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let mut items = Vec::new();
        for month in months(from, to)? {
            let log = self.0.views.log(&mut inner.engine, id, month)?;
            items.extend(log.items(kind, &folded));
        }
        items.retain(|item| item.date.is_some_and(|date| (from..=to).contains(&date)));
        Ok(items)
    }
}

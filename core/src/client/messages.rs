//! Messages and comments: what they say, how far they have come, and who has read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::cache::{People, care, log_months};
use super::check_ins::months;
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::driver::Shares;
use crate::model::{
    Comment, DocumentKey, LINK_LIMIT, MessagesRead, PersonTag, Plan, ReadReceipts, RecordId,
    Written, json,
};
use crate::space::Standing;

/// How far something has come that this device's person wrote.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DeliveryState {
    /// It is on this device, and not in the relay's log as far as that has been read here. It is sent
    /// with the next sync. Also what the relay had and has lost is queued again.
    Queued,
    /// The relay's log has it, and this device has read and verified it there.
    Sent,
    /// A device of somebody else has said that it has read the log beyond it.
    Delivered,
    /// Somebody else has said to have read it.
    Read,
}

/// How far something has come, and to whom.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Delivery {
    /// The furthest that it has come, with anybody.
    pub state: DeliveryState,
    /// Who of the others has it on a device, as far as those have said since.
    pub delivered_to: Vec<PersonTag>,
    /// Who of the others does not let anybody know what they have read: they may have read it.
    pub silent: Vec<PersonTag>,
}

/// A message or a comment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MessageView {
    /// Its id, which stays when it is changed.
    pub id: RecordId,
    /// What it says.
    pub text: String,
    /// What it is about.
    pub about: Option<RecordId>,
    /// Who wrote it.
    pub authors: Vec<PersonTag>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
    /// When it was changed last, by the writer's clock; when it was written, where it was not.
    #[serde(serialize_with = "json::instant_opt")]
    pub changed_at: Option<DateTime<Utc>>,
    /// The local date in whose log it stands, by which it is changed and removed as an item.
    #[serde(serialize_with = "json::date_opt")]
    pub date: Option<NaiveDate>,
    /// Who says to have read it as it stands here, without who wrote it.
    pub read_by: Vec<PersonTag>,
    /// How far it has come, where this device's person wrote it. None where this device cannot tell: of
    /// what was left in a plan that is closed, or while its log is read again after a repair.
    pub delivery: Option<Delivery>,
}

/// Messages and comments of a plan. Messages are written, and both are changed and removed, as
/// [items](super::Items).
#[derive(Clone, Copy)]
pub struct Messages<'c>(pub(super) &'c Arc<Inner>);

impl Messages<'_> {
    /// The messages between two dates, both included, in their order.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn between(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<MessageView>, WaymarkError> {
        let is_meant = |written: &Written| {
            let date = written.date;
            !written.is_comment && date.is_some_and(|date| (from..=to).contains(&date))
        };
        self.shown(plan, months(from, to)?.collect(), is_meant)
    }

    /// The comments on a record, in their order. `date` is the record's, where it is of a day; without
    /// one this reads every month.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn comments(
        &self,
        plan: PlanId,
        about: RecordId,
        date: Option<NaiveDate>,
    ) -> Result<Vec<MessageView>, WaymarkError> {
        let months = match date {
            Some(date) => months(date, date)?.collect(),
            None => log_months(&mut self.0.shared.lock().engine, space_of(plan))?,
        };
        let is_meant = |written: &Written| written.is_comment && written.about == Some(about);
        self.shown(plan, months, is_meant)
    }

    /// Comments on a record, which stays as it is. `date` is the record's, where it is of a day.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` where there is no such record, in the
    /// plan or in the log of its month; `not_allowed`, or the storage's.
    pub fn comment(
        &self,
        plan: PlanId,
        about: RecordId,
        date: Option<NaiveDate>,
        text: &str,
    ) -> Result<RecordId, WaymarkError> {
        let id = space_of(plan);
        let month = date.and_then(DocumentKey::log);
        {
            let inner = &mut *self.0.shared.lock();
            let is_there = match month {
                Some(month) => {
                    let log = self.0.views.log(&mut inner.engine, id, month)?;
                    log.has(about)
                }
                None => self.0.views.plan(&mut inner.engine, id)?.has(about),
            };
            if !is_there {
                return Err(WaymarkError::not_found(format!("record {about}")));
            }
        }
        let text = text.into();
        let comment = Comment { text, about };
        self.0
            .write(id, None, |plan, stamp| plan.add(&comment, date, stamp))
    }

    /// Lets the others know that this device's person has read messages and comments, as they stand here
    /// now. Nothing is written where the person does not [let them know](Messages::sends_receipts), of
    /// what they wrote themselves, and of what they have said before.
    ///
    /// # Errors
    /// `not_found` where there is no such message; `not_allowed`, or the storage's.
    pub fn mark_read(&self, plan: PlanId, messages: &[RecordId]) -> Result<(), WaymarkError> {
        let id = space_of(plan);
        let news = self.unread(plan, messages)?;
        if news.is_empty() {
            return Ok(());
        }
        self.0.write_all(id, |plan, stamp| {
            let read = |(date, records): &(NaiveDate, Vec<RecordId>)| {
                let records = records.clone();
                plan.add(&MessagesRead { records }, Some(*date), stamp)
            };
            news.iter().map(read).collect()
        })
    }

    /// Whether this device's person lets the others know what they have read. Everybody does until they
    /// choose otherwise.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn sends_receipts(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (folded, own) = self.reader(inner, plan)?;
        Ok(own.is_none_or(|own| folded.sends_receipts(own)))
    }

    /// Has this device's person let the others know what they read from now on, or not. What they have
    /// said before stays said. The others see in [`Delivery::silent`] that nothing will be said.
    ///
    /// # Errors
    /// `not_found`, `not_allowed`, or the storage's.
    pub fn send_receipts(&self, plan: PlanId, are_sent: bool) -> Result<(), WaymarkError> {
        let choice = ReadReceipts { are_sent };
        self.0.write_all(space_of(plan), |plan, stamp| {
            let before = plan.receipt_choices(stamp.person).into_iter();
            let changes = before.map(|known| plan.change(None, known.id, &choice, stamp));
            let mut changes = changes.collect::<Result<Vec<_>, _>>()?;
            if changes.is_empty() {
                changes.push(plan.add(&choice, None, stamp)?);
            }
            Ok(changes)
        })
    }

    /// What this person has still to say to have read of some messages and comments, by the dates in
    /// whose logs they stand.
    fn unread(
        &self,
        plan: PlanId,
        messages: &[RecordId],
    ) -> Result<Vec<(NaiveDate, Vec<RecordId>)>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (folded, own) = self.reader(inner, plan)?;
        let mut missing: BTreeSet<RecordId> = messages.iter().copied().collect();
        let mut news = Vec::new();
        for month in log_months(&mut inner.engine, id)?.into_iter().rev() {
            if missing.is_empty() {
                break;
            }
            let log = self.0.views.log(&mut inner.engine, id, month)?;
            let mut written = log.written(&folded);
            written.retain(|written| missing.remove(&written.id));
            let Some(date) = written.iter().find_map(|written| written.date) else {
                continue;
            };
            let is_own = |by: &PersonTag| own.as_ref() == Some(by);
            written.retain(|written| {
                let mut known = written.authors.iter().chain(&written.read_by);
                !known.any(is_own)
            });
            let records: Vec<_> = written.into_iter().flat_map(|it| it.heads).collect();
            let several = records.chunks(LINK_LIMIT);
            news.extend(several.map(|records| (date, records.to_vec())));
        }
        if let Some(unknown) = missing.first() {
            return Err(WaymarkError::not_found(format!("message {unknown}")));
        }
        let is_told = own.is_some_and(|own| folded.sends_receipts(own));
        Ok(if is_told { news } else { Vec::new() })
    }

    /// Some of what is written in these months.
    fn shown(
        &self,
        plan: PlanId,
        months: Vec<DocumentKey>,
        is_meant: impl Fn(&Written) -> bool,
    ) -> Result<Vec<MessageView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (folded, own) = self.reader(inner, plan)?;
        let mut all = Vec::new();
        for month in months {
            let log = self.0.views.log(&mut inner.engine, id, month)?;
            all.extend(log.written(&folded));
        }
        all.retain(is_meant);
        let is_own = |written: &Written| own.is_some_and(|own| written.authors.contains(&own));
        let records = all.iter().filter(|written| is_own(written));
        let records = records.flat_map(|written| written.heads.iter().copied());
        let records: BTreeSet<RecordId> = records.collect();
        let standings = match records.is_empty() {
            true => BTreeMap::new(),
            false => self.0.views.standings(&mut inner.engine, id, &records)?,
        };
        let (space, _, _) = care(&mut inner.engine, id)?;
        let mut others = People::of(space).persons();
        others.retain(|person| Some(*person) != own);
        let silent = others.iter().copied();
        let silent: Vec<_> = silent
            .filter(|person| !folded.sends_receipts(*person))
            .collect();
        let view = |written: Written| {
            let heads = written.heads.iter().map(|head| standings.get(head));
            let stands: Option<Vec<_>> = heads.collect();
            let delivery = stands.filter(|_| is_own(&written));
            let delivery =
                delivery.and_then(|stands| delivery_of(&stands, &written, &others, &silent));
            MessageView {
                id: written.id,
                text: written.text,
                about: written.about,
                authors: written.authors,
                at: written.at,
                changed_at: written.changed_at,
                date: written.date,
                read_by: written.read_by,
                delivery,
            }
        };
        Ok(all.into_iter().map(view).collect())
    }

    /// A plan, and who reads it here.
    fn reader(
        &self,
        inner: &mut Shares,
        plan: PlanId,
    ) -> Result<(Arc<Plan>, Option<PersonTag>), WaymarkError> {
        let folded = self.0.views.plan(&mut inner.engine, space_of(plan))?;
        let (space, _, _) = care(&mut inner.engine, space_of(plan))?;
        let own = People::of(space).own(space);
        Ok((folded, own.map(|own| own.person)))
    }
}

/// How far something has come that has these heads, where that can be told.
fn delivery_of(
    heads: &[&(Standing, BTreeSet<PersonTag>)],
    written: &Written,
    others: &BTreeSet<PersonTag>,
    silent: &[PersonTag],
) -> Option<Delivery> {
    let has_all = |person: &&PersonTag| heads.iter().all(|(_, readers)| readers.contains(person));
    let has_read = |person: &PersonTag| written.read_by.contains(person);
    let have = others.iter();
    let have: Vec<_> = have
        .filter(|person| has_all(person) || has_read(person))
        .copied()
        .collect();
    let stands = |standing| heads.iter().any(|(stands, _)| *stands == standing);
    let state = if others.iter().any(has_read) {
        DeliveryState::Read
    } else if stands(Standing::Waits) {
        DeliveryState::Queued
    } else if stands(Standing::Unknown) {
        return None;
    } else if have.is_empty() {
        DeliveryState::Sent
    } else {
        DeliveryState::Delivered
    };
    Some(Delivery {
        state,
        delivered_to: have,
        silent: silent.to_vec(),
    })
}

//! Check-ins: what happened on a day.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{
    CheckInId, CheckInView, DayView, DocumentKey, DocumentKind, GoalId, GoalToday, InputError, Log,
    NewCheckIn, NewWithdrawal, Plan, RecordId, day_results, today,
};

/// Check-ins and days of a plan.
#[derive(Clone, Copy)]
pub struct CheckIns<'c>(pub(super) &'c Arc<Inner>);

impl CheckIns<'_> {
    /// Logs a check-in. It is durable when this returns, with or without a network. What it brings
    /// about ([milestones and rewards](super::Milestones)) is found by then, too.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` for an unknown goal or measure;
    /// `not_allowed`, or the storage's.
    pub fn log(&self, plan: PlanId, check_in: &NewCheckIn) -> Result<CheckInId, WaymarkError> {
        self.log_at(plan, check_in, None)
    }

    /// Logs a check-in of another instant, for importing a diary.
    ///
    /// # Errors
    /// As [`CheckIns::log`].
    pub fn log_at(
        &self,
        plan: PlanId,
        check_in: &NewCheckIn,
        at: Option<DateTime<Utc>>,
    ) -> Result<CheckInId, WaymarkError> {
        let id = space_of(plan);
        // A correction stands in the same month as what it corrects.
        let corrects = !check_in.replaces.is_empty();
        let date = check_in.date.filter(|_| corrects);
        if corrects && date.is_none() {
            return Err(WaymarkError::invalid(
                "a correction needs the date of the entry",
            ));
        }
        let month = date.and_then(DocumentKey::log);
        let record = self.0.write_in_month(id, at, month, |plan, log, stamp| {
            check_in.record(plan, log, stamp)
        })?;
        Ok(CheckInId::from(record))
    }

    /// Logs several check-ins, all or none, each at its instant.
    ///
    /// # Errors
    /// As [`CheckIns::log`]; nothing is logged then.
    pub fn log_many(
        &self,
        plan: PlanId,
        check_ins: &[(NewCheckIn, DateTime<Utc>)],
    ) -> Result<(), WaymarkError> {
        if check_ins.is_empty() {
            return Ok(());
        }
        self.0.write_all(space_of(plan), |plan, stamp| {
            check_ins
                .iter()
                .map(|(check_in, at)| {
                    let stamp = crate::model::Stamp {
                        at: *at,
                        ..stamp.clone()
                    };
                    check_in.record(plan, None, &stamp)
                })
                .collect()
        })
    }

    /// The check-ins of one local date, in the order of their instants.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn on(&self, plan: PlanId, date: NaiveDate) -> Result<Vec<CheckInView>, WaymarkError> {
        let Some(month) = DocumentKey::log(date) else {
            return Ok(Vec::new());
        };
        let (folded, log) = self.month(plan, month)?;
        Ok(log
            .view(&folded)
            .check_ins
            .into_iter()
            .filter(|entry| entry.date == date)
            .collect())
    }

    /// The check-ins of a calendar month, by instant.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where there is no such month.
    pub fn in_month(
        &self,
        plan: PlanId,
        year: i32,
        month: u32,
    ) -> Result<Vec<CheckInView>, WaymarkError> {
        let first = NaiveDate::from_ymd_opt(year, month, 1).and_then(DocumentKey::log);
        let key = first.ok_or_else(|| WaymarkError::invalid("there is no such month"))?;
        let (folded, log) = self.month(plan, key)?;
        Ok(log.view(&folded).check_ins)
    }

    /// The first days of the months that have check-ins, in order.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn months(&self, plan: PlanId) -> Result<Vec<NaiveDate>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let months = super::cache::log_months(&mut inner.engine, space_of(plan))?;
        Ok(months.into_iter().filter_map(DocumentKey::month).collect())
    }

    /// How the days of a goal went, each judged by the revision that was in force on it.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn days(
        &self,
        plan: PlanId,
        goal: GoalId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<DayView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (folded, today) = self.0.plan_today(&mut inner.engine, id)?;
        let mut logs = BTreeMap::new();
        for key in months(from, to)? {
            logs.insert(key, self.0.views.log(&mut inner.engine, id, key)?);
        }
        let logs: Vec<Arc<Log>> = logs.into_values().collect();
        Ok(day_results(&folded, &logs, goal, from..=to, today)?)
    }

    /// What today asks for: every goal that holds and is neither over nor on hold, with how its day
    /// stands, seen [today](super::Goals::today). Those in the focus come first, else they stand in the
    /// order of the goals.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn today(&self, plan: PlanId) -> Result<Vec<GoalToday>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let (folded, date) = self.0.plan_today(&mut inner.engine, id)?;
        // A week may reach into two months.
        let near = Days::new(6);
        let from = date.checked_sub_days(near).unwrap_or(date);
        let to = date.checked_add_days(near).unwrap_or(date);
        let mut logs = Vec::new();
        for month in months(from, to)? {
            logs.push(self.0.views.log(&mut inner.engine, id, month)?);
        }
        Ok(today(&folded, &logs, date))
    }

    /// Takes check-ins of one month back. They stay in the document; days leave them out.
    ///
    /// # Errors
    /// `not_found`, `not_allowed`, or the storage's.
    pub fn withdraw(
        &self,
        plan: PlanId,
        date: NaiveDate,
        withdrawal: &NewWithdrawal,
    ) -> Result<RecordId, WaymarkError> {
        let month = DocumentKey::log(date);
        self.0
            .write_in_month(space_of(plan), None, month, |_, log, stamp| match log {
                Some(log) => log.withdraw(withdrawal, stamp),
                None => Err(InputError::DateOutside { field: "date" }),
            })
    }

    fn month(
        &self,
        plan: PlanId,
        month: DocumentKey,
    ) -> Result<(Arc<Plan>, Arc<Log>), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let log = self.0.views.log(&mut inner.engine, id, month)?;
        Ok((folded, log))
    }
}

/// The months of a range of dates.
pub(super) fn months(
    from: NaiveDate,
    to: NaiveDate,
) -> Result<impl Iterator<Item = DocumentKey>, WaymarkError> {
    if (to - from).num_days() > 3_660 {
        return Err(WaymarkError::invalid("the range is longer than ten years"));
    }
    let part =
        |date: NaiveDate| u32::try_from(date.year()).unwrap_or_default() * 12 + date.month0();
    Ok((part(from)..=part(to)).map(|part| DocumentKey {
        kind: DocumentKind::Log,
        part,
    }))
}

#[cfg(test)]
mod tests {
    use crate::client::testing::Phone;
    use crate::model::{NewCheckIn, Outcome};

    /// Of two glasses of water that a widget hands over at once one would be lost.
    #[test]
    fn what_is_said_twice_in_one_millisecond_counts_twice() {
        let phone = Phone::new();
        let goal = phone.goal("Drink");
        let check_ins = phone.client.check_ins();
        let glass = NewCheckIn::new(goal, Outcome::Done);
        let one = check_ins.log(phone.plan, &glass).unwrap();
        let other = check_ins.log(phone.plan, &glass).unwrap();
        assert_ne!(one, other);
        assert_eq!(check_ins.in_month(phone.plan, 2026, 5).unwrap().len(), 2);
    }
}

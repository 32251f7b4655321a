//! How a week or a month went for a goal whose target sums over that time.

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

use crate::model::codes::Period;
use crate::model::day::{DayResult, day, entries_by_date, excuses, sum, target_of};
use crate::model::days_off::DaysOff;
use crate::model::ids::{CheckInId, GoalId, RevisionId};
use crate::model::input::InputError;
use crate::model::json;
use crate::model::kinds::schedule::Schedule;
use crate::model::kinds::target::StoredTarget;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::said::Said;
use crate::model::time::next_day;

/// A week or a month of a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PeriodView {
    /// Its first date.
    #[serde(serialize_with = "json::date")]
    pub from: NaiveDate,
    /// Its last date.
    #[serde(serialize_with = "json::date")]
    pub to: NaiveDate,
    /// How it went; open until its last date is over.
    pub result: DayResult,
    /// The sum of the quantities.
    pub quantity: Option<f64>,
    /// The unit of the sum.
    pub unit: Option<String>,
    /// The check-ins that count.
    pub entries: Vec<CheckInId>,
    /// The revision in force on its last date, which judges it.
    pub judged_by: RevisionId,
}

/// The periods of that length that touch the dates, where the goal's target is for such a period
/// on the period's last date. Periods are whole, so the logs must cover the months they reach
/// into. What was said of days before the goal was in force, before its start or after its end
/// counts as little as in [`progress`](crate::model::progress()); where no day was left to do it on,
/// nothing is expected.
///
/// # Errors
/// [`InputError::UnknownGoal`].
pub fn period_results(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    period: Period,
    dates: RangeInclusive<NaiveDate>,
    today: NaiveDate,
) -> Result<Vec<PeriodView>, InputError> {
    plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
    let bounds = |date| bounds(period, date);
    let (Some((first, _)), Some((_, last))) = (bounds(*dates.start()), bounds(*dates.end())) else {
        return Ok(Vec::new());
    };
    let entries = entries_by_date(plan, logs, goal, &(first..=last));
    let excuses = excuses(plan, logs);
    let (mut views, mut next) = (Vec::new(), Some(first));
    while let Some((from, to)) = next.filter(|date| *date <= last).and_then(bounds) {
        next = next_day(to);
        let Some(judged_by) = plan.in_force_on(goal, to) else {
            continue;
        };
        let target = target_of(plan, Some(judged_by));
        let Some(aim) = target
            .and_then(StoredTarget::aim)
            .filter(|aim| aim.period == period)
        else {
            continue;
        };
        let span = Span::of(plan, goal, judged_by);
        let counted = entries
            .range(from..=to)
            .filter(|(date, _)| span.counts(**date));
        let counted: Vec<_> = counted.flat_map(|(_, day)| day).copied().collect();
        let is_left = |date: &NaiveDate| {
            let said = entries.get(date).map(Vec::as_slice).unwrap_or_default();
            let said = (said, excuses.get(date).copied());
            span.leaves(*date) && !is_off(day(plan, goal, *date, said, today).result)
        };
        let is_expected = || {
            from.iter_days()
                .take_while(|date| *date <= to)
                .any(|date| is_left(&date))
        };
        let sum = sum(target, &counted);
        views.push(PeriodView {
            from,
            to,
            result: match Said::of(&counted).outcome(Some(aim)) {
                Some(outcome) => outcome.into(),
                None if !is_expected() => DayResult::NotExpected,
                None if to < today => DayResult::Missed,
                None => DayResult::Open,
            },
            quantity: sum.quantity.map(Quantity::amount),
            unit: sum.unit,
            entries: counted.iter().map(|entry| entry.id.into()).collect(),
            judged_by,
        });
    }
    Ok(views)
}

/// The days of a period, as far as the goal counts them.
struct Span {
    first: Option<NaiveDate>,
    schedule: Option<Schedule>,
    off: DaysOff,
}

impl Span {
    /// By the wording that judges it.
    fn of(plan: &Plan, goal: GoalId, judged_by: RevisionId) -> Self {
        Self {
            first: plan.first_in_force(goal),
            schedule: plan
                .stored_schedule(judged_by)
                .and_then(|stored| stored.view().ok()),
            off: plan.days_off(goal),
        }
    }

    /// Whether what was done on a date counts.
    fn counts(&self, date: NaiveDate) -> bool {
        let schedule = self.schedule.as_ref();
        self.has_begun(date) && schedule.is_none_or(|schedule| schedule.is_within(date))
    }

    /// Whether a date is there to do something on.
    fn leaves(&self, date: NaiveDate) -> bool {
        self.has_begun(date) && self.off.leaves(self.schedule.as_ref(), date)
    }

    fn has_begun(&self, date: NaiveDate) -> bool {
        self.first.is_some_and(|first| first <= date)
    }
}

/// Whether somebody said that a day is off.
const fn is_off(result: DayResult) -> bool {
    matches!(result, DayResult::Excused | DayResult::Rest)
}

/// The first and the last date of the period that a date lies in.
pub(crate) fn bounds(period: Period, date: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    match period {
        Period::Day => Some((date, date)),
        Period::Week => {
            let since_monday = Days::new(date.weekday().num_days_from_monday().into());
            let from = date.checked_sub_days(since_monday)?;
            Some((from, from.checked_add_days(Days::new(6))?))
        }
        Period::Month => {
            let from = date.with_day(1)?;
            Some((from, from.checked_add_months(Months::new(1))?.pred_opt()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_cross_months_and_years() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(
            bounds(Period::Week, day("2027-01-01")),
            Some((day("2026-12-28"), day("2027-01-03")))
        );
        assert_eq!(
            bounds(Period::Month, day("2028-02-10")),
            Some((day("2028-02-01"), day("2028-02-29")))
        );
    }
}

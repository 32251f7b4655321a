//! How a week or a month went for a goal whose target sums over that time.

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

use crate::model::codes::{Comparison, Outcome, Period};
use crate::model::day::{DayResult, entries_by_date, excuses, sum, target_of};
use crate::model::ids::{CheckInId, GoalId, RevisionId};
use crate::model::input::InputError;
use crate::model::json;
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
/// counts as little as in [`progress`](crate::model::progress()), and so does what was said of days to
/// come; where no day was left to do it on, nothing is expected. Whether a limit ("at most") was kept
/// is open until the period is over.
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
    let course = plan.course(goal).ok_or(InputError::UnknownGoal(goal))?;
    let bounds = |date| bounds(period, date);
    let (Some((first, _)), Some((_, last))) = (bounds(*dates.start()), bounds(*dates.end())) else {
        return Ok(Vec::new());
    };
    let entries = entries_by_date(plan, logs, goal, &(first..=last));
    let excuses = excuses(plan, logs);
    let (mut views, mut next) = (Vec::new(), Some(first));
    while let Some((from, to)) = next.filter(|date| *date <= last).and_then(bounds) {
        next = next_day(to);
        let judge = course.on(to).zip(plan.in_force_on(goal, to));
        let Some((step, judged_by)) = judge else {
            continue;
        };
        let Some(aim) = step.aim.filter(|aim| aim.period == period) else {
            continue;
        };
        let counted = entries
            .range(from..=to)
            .filter(|(date, _)| **date <= today && course.counts(step, **date));
        let counted: Vec<_> = counted.flat_map(|(_, day)| day).copied().collect();
        let is_left = |date: &NaiveDate| {
            let entries = entries.get(date).map(Vec::as_slice).unwrap_or_default();
            let excused = excuses.contains_key(date).then_some(Said::EXCUSED);
            let said = Said::of(entries).plus(excused.unwrap_or_default());
            course.leaves(step, (*date, said))
        };
        let is_expected = || {
            from.iter_days()
                .take_while(|date| *date <= to)
                .any(|date| is_left(&date))
        };
        let is_over = to < today;
        let sum = sum(target_of(plan, Some(judged_by)), &counted);
        views.push(PeriodView {
            from,
            to,
            result: match Said::of(&counted).outcome(Some(aim)) {
                Some(Outcome::Done) if !is_over && aim.comparison == Comparison::AtMost => {
                    DayResult::Open
                }
                Some(outcome) => outcome.into(),
                None if !is_expected() => DayResult::NotExpected,
                None if is_over => DayResult::Missed,
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

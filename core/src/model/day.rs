//! How a day went for a goal, judged by the revision that was in force on that day.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::codes::{Outcome, Period};
use crate::model::ids::{CheckInId, GoalId, MeasureId, RecordId, RevisionId};
use crate::model::input::InputError;
use crate::model::json;
use crate::model::kinds::check_in::CheckIn;
use crate::model::kinds::excuse::Excuse;
use crate::model::kinds::target::StoredTarget;
use crate::model::log::{Log, months};
use crate::model::logged::logged;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::records::Entry;
use crate::model::said::Said;
use crate::model::time::{next_day, read_date};

/// One day of one goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DayView {
    /// The local date.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// How it went.
    pub result: DayResult,
    /// What the schedule meant for the day.
    pub plan: DayPlan,
    /// The sum of the entries' quantities; none if there were none or in different units.
    pub quantity: Option<f64>,
    /// The unit of the sum.
    pub unit: Option<String>,
    /// The ratings, by measure.
    pub ratings: Vec<DayRating>,
    /// The check-ins that count.
    pub entries: Vec<CheckInId>,
    /// The revision in force on that day.
    pub judged_by: Option<RevisionId>,
    /// The item that excuses the day for every goal, where there is one; removing it takes that back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excuse: Option<RecordId>,
}

/// How a day or a period went.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DayResult {
    /// Done, or the target met.
    Done,
    /// There was a reason not to.
    Excused,
    /// Over, expected, and not done.
    Missed,
    /// Nothing was expected, and nothing that counts was said.
    NotExpected,
    /// Only a note or a rating.
    NoteOnly,
    /// Expected, and not over yet.
    Open,
    /// A part was done.
    Partial,
    /// A day of rest, as somebody said.
    Rest,
}

/// What a schedule means for a day.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DayPlan {
    /// The schedule counts times a week; this day may be one.
    AnyDay,
    /// It is to be done on this day.
    Expected,
    /// Outside of the schedule, or there is none, or the goal was over.
    NotScheduled,
    /// In a time off, or the goal was on hold.
    Paused,
    /// Planned rest.
    Rest,
}

/// The ratings of one measure on one day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DayRating {
    /// The measure.
    pub measure: MeasureId,
    /// How often it was rated.
    pub count: u32,
    /// The lowest.
    pub low: i32,
    /// The highest.
    pub high: i32,
    /// The mean.
    pub mean: f64,
}

/// The days of a goal. The logs must cover the months of the dates; `today` is the local date on
/// which this is asked.
///
/// A day with an "at least" target is done when the quantities reach it, partial when there are
/// any; with an "at most" target when there are quantities and they stay within it. `done` without
/// a quantity is done. Without a target for the day, the first of done, partial, excused, rest and
/// note counts. An [`Excuse`] says excused for every goal. Past days stay judged as they were when
/// the plan changes later.
///
/// # Errors
/// [`InputError::UnknownGoal`].
pub fn day_results(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    dates: RangeInclusive<NaiveDate>,
    today: NaiveDate,
) -> Result<Vec<DayView>, InputError> {
    plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
    let entries = entries_by_date(plan, logs, goal, &dates);
    let excuses = excuses(plan, logs);
    let (mut views, mut next) = (Vec::new(), Some(*dates.start()));
    while let Some(date) = next.filter(|date| date <= dates.end()) {
        let entries = entries.get(&date).map(Vec::as_slice).unwrap_or_default();
        let excuse = excuses.get(&date).copied();
        views.push(day(plan, goal, date, (entries, excuse), today));
        next = next_day(date);
    }
    Ok(views)
}

/// One day from the entries that count on it and what excuses it.
pub(crate) fn day(
    plan: &Plan,
    goal: GoalId,
    date: NaiveDate,
    (entries, excuse): (&[Entry<'_, CheckIn>], Option<RecordId>),
    today: NaiveDate,
) -> DayView {
    let judged_by = plan.in_force_on(goal, date);
    let target = target_of(plan, judged_by);
    let aim = target
        .and_then(StoredTarget::aim)
        .filter(|aim| aim.period == Period::Day);
    let schedule = judged_by.and_then(|id| plan.stored_schedule(id)?.view().ok());
    let meant = schedule.map_or(DayPlan::NotScheduled, |schedule| {
        plan.days_off(goal).plan_of(&schedule, date)
    });
    let sum = sum(target, entries);
    let said = Said::of(entries).plus(excuse.map_or(Said::default(), |_| Said::EXCUSED));
    DayView {
        date,
        result: match said.of_day(aim) {
            Some(outcome) => outcome.into(),
            None if meant != DayPlan::Expected => DayResult::NotExpected,
            None if date < today => DayResult::Missed,
            None => DayResult::Open,
        },
        plan: meant,
        quantity: sum.quantity.map(Quantity::amount),
        unit: sum.unit,
        ratings: ratings(entries),
        entries: entries.iter().map(|entry| entry.id.into()).collect(),
        judged_by,
        excuse,
    }
}

/// What excuses days for every goal, by date.
pub(crate) fn excuses(plan: &Plan, logs: &[impl Borrow<Log>]) -> BTreeMap<NaiveDate, RecordId> {
    let excuses = logged::<Excuse>(plan, logs).into_iter();
    excuses
        .filter_map(|excuse| Some((excuse.date?, excuse.id)))
        .collect()
}

/// The entries of a goal that count, by date, in the order they were written.
pub(crate) fn entries_by_date<'a>(
    plan: &Plan,
    logs: &'a [impl Borrow<Log>],
    goal: GoalId,
    dates: &RangeInclusive<NaiveDate>,
) -> BTreeMap<NaiveDate, Vec<Entry<'a, CheckIn>>> {
    let mut by_date: BTreeMap<_, Vec<Entry<'a, CheckIn>>> = BTreeMap::new();
    let months = months(logs).filter(|log| log.reaches(dates));
    for entry in months.flat_map(|log| log.counted(plan)) {
        let date = read_date(entry.record.date)
            .ok()
            .filter(|date| dates.contains(date));
        if let (Some(date), true) = (date, entry.record.goal == Some(goal)) {
            by_date.entry(date).or_default().push(entry);
        }
    }
    by_date
        .values_mut()
        .for_each(|day| day.sort_by_key(|entry| (entry.record.at, entry.id)));
    by_date
}

/// The target of a revision.
pub(crate) fn target_of(plan: &Plan, revision: Option<RevisionId>) -> Option<&StoredTarget> {
    plan.stored_revision(revision?)?.target.as_ref()
}

/// What entries amount to.
pub(crate) struct Sum {
    pub(crate) quantity: Option<Quantity>,
    pub(crate) unit: Option<String>,
}

/// Sums quantities. Without a target they may be in different units, which have no sum.
pub(crate) fn sum(target: Option<&StoredTarget>, entries: &[Entry<'_, CheckIn>]) -> Sum {
    let unit_of_target = target.and_then(|target| target.unit.as_deref());
    let amounts = || {
        entries.iter().filter_map(move |entry| {
            let unit = entry.record.unit.as_deref().or(unit_of_target);
            entry.record.quantity.map(|quantity| (quantity, unit))
        })
    };
    let unit = amounts()
        .map(|(_, unit)| unit)
        .next()
        .unwrap_or(unit_of_target);
    if amounts().any(|(_, other)| other != unit) {
        return Sum {
            quantity: None,
            unit: None,
        };
    }
    let quantity = amounts()
        .map(|(quantity, _)| quantity)
        .reduce(Quantity::plus);
    Sum {
        quantity,
        unit: unit.map(str::to_owned),
    }
}

fn ratings(entries: &[Entry<'_, CheckIn>]) -> Vec<DayRating> {
    let mut by_measure: BTreeMap<MeasureId, Vec<i32>> = BTreeMap::new();
    for (measure, value) in entries.iter().flat_map(|entry| &entry.record.ratings) {
        by_measure.entry(*measure).or_default().push(*value);
    }
    let rating = |(measure, values): (MeasureId, Vec<i32>)| {
        let count = u32::try_from(values.len()).ok()?;
        // Whole numbers far below 2^53: the sum is exact in any order.
        let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
        let (low, high) = (*values.iter().min()?, *values.iter().max()?);
        Some(DayRating {
            measure,
            count,
            low,
            high,
            mean: sum / f64::from(count),
        })
    };
    by_measure.into_iter().filter_map(rating).collect()
}

impl From<Outcome> for DayResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Excused => Self::Excused,
            Outcome::NoteOnly => Self::NoteOnly,
            Outcome::Partial => Self::Partial,
            Outcome::Rest => Self::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::codes::Comparison;
    use crate::model::testing::{Space, client, day as may, minutes, per_day, revision, therapist};
    use crate::model::{NewCheckIn, NewRevision, PeriodView, Target, period_results};

    /// A goal in force from the 1st with that target.
    fn begun(target: Target) -> (Space, GoalId) {
        let mut space = Space::default();
        let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
        let goal = space.goal(client());
        let target = Some(Target {
            measure: Some(measure),
            ..target
        });
        space.propose(
            client(),
            NewRevision {
                target,
                ..revision(goal)
            },
            1,
        );
        (space, goal)
    }

    fn at_least(value: f64) -> Target {
        per_day(value, MeasureId([0; 16]))
    }

    fn log(space: &mut Space, goal: GoalId, on: u32, outcome: Outcome, quantity: Option<f64>) {
        match quantity {
            Some(quantity) => space.say_amount(goal, outcome, quantity, on),
            None => space.say(goal, outcome, on),
        };
    }

    fn days(space: &Space, goal: GoalId, last: u32, today: u32) -> Vec<DayResult> {
        let dates = may(1)..=may(last);
        let views = day_results(&space.plan(), &[space.log()], goal, dates, may(today)).unwrap();
        views.iter().map(|view| view.result).collect()
    }

    #[test]
    fn quantities_of_a_day_are_summed_against_the_target() {
        use DayResult::{Done, Excused, Missed, NoteOnly, Open, Partial};
        let (mut space, goal) = begun(at_least(10.0));
        log(&mut space, goal, 1, Outcome::Partial, Some(4.0));
        log(&mut space, goal, 1, Outcome::Partial, Some(6.0));
        log(&mut space, goal, 2, Outcome::Done, Some(9.0));
        log(&mut space, goal, 3, Outcome::Done, None);
        log(&mut space, goal, 4, Outcome::Excused, None);
        log(&mut space, goal, 4, Outcome::NoteOnly, None);
        log(&mut space, goal, 5, Outcome::Done, Some(0.0));
        log(&mut space, goal, 6, Outcome::NoteOnly, None);
        assert_eq!(
            days(&space, goal, 8, 8),
            [Done, Partial, Done, Excused, Missed, NoteOnly, Missed, Open]
        );
    }

    #[test]
    fn at_most_needs_an_entry_and_over_it_is_not_done() {
        use DayResult::{Done, Missed};
        let at_most = Target {
            comparison: Comparison::AtMost,
            ..at_least(3.0)
        };
        let (mut space, goal) = begun(at_most);
        log(&mut space, goal, 1, Outcome::NoteOnly, Some(3.0));
        log(&mut space, goal, 2, Outcome::NoteOnly, Some(2.0));
        log(&mut space, goal, 2, Outcome::NoteOnly, Some(2.0));
        log(&mut space, goal, 4, Outcome::NoteOnly, Some(0.0));
        log(&mut space, goal, 5, Outcome::Done, None);
        log(&mut space, goal, 5, Outcome::NoteOnly, Some(9.0));
        assert_eq!(days(&space, goal, 5, 9), [Done, Missed, Missed, Done, Done]);
    }

    #[test]
    fn without_a_target_the_first_of_done_partial_excused_rest_and_note_counts() {
        let order = [
            Outcome::Done,
            Outcome::Partial,
            Outcome::Excused,
            Outcome::Rest,
            Outcome::NoteOnly,
        ];
        for first in 0..order.len() {
            let mut space = Space::default();
            let goal = space.goal(client());
            order[first..]
                .iter()
                .rev()
                .for_each(|said| log(&mut space, goal, 1, *said, None));
            assert_eq!(days(&space, goal, 1, 2), [order[first].into()]);
        }
    }

    #[test]
    fn an_entry_in_another_unit_is_refused_and_left_out_where_it_arrives() {
        let (mut space, goal) = begun(at_least(10.0));
        let hours = NewCheckIn {
            date: Some(may(1)),
            quantity: Some(10.0),
            unit: Some("h".into()),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        let error = space.refused(client(), |p, s| hours.record(p, None, s));
        assert_eq!(error, InputError::OtherUnit(goal));
        // Written by a device that did not know the target yet.
        let mut early = Space::default();
        early.records.extend(space.records.iter().take(2).cloned());
        early.put(client(), |p, s| hours.record(p, None, s));
        space.merge(&early);
        assert_eq!(days(&space, goal, 1, 2), [DayResult::Missed]);
        assert_eq!(space.log().view(&space.plan()).left_out.len(), 1);
    }

    #[test]
    fn a_weekly_target_sums_over_the_week_and_days_are_judged_by_what_was_said() {
        let weekly = Target {
            period: Period::Week,
            ..at_least(30.0)
        };
        let (mut space, goal) = begun(weekly);
        // The week from Monday the 4th, then one that is not over.
        log(&mut space, goal, 4, Outcome::Done, Some(12.0));
        log(&mut space, goal, 10, Outcome::Partial, Some(18.0));
        log(&mut space, goal, 12, Outcome::Done, Some(5.0));
        assert_eq!(days(&space, goal, 4, 13)[3], DayResult::Done);
        let dates = may(4)..=may(24);
        let weeks = |today| -> Vec<PeriodView> {
            let (plan, logs) = (space.plan(), [space.log()]);
            period_results(&plan, &logs, goal, Period::Week, dates.clone(), today).unwrap()
        };
        let results: Vec<_> = weeks(may(20)).iter().map(|week| week.result).collect();
        assert_eq!(
            results,
            [DayResult::Done, DayResult::Partial, DayResult::Open]
        );
        assert_eq!(weeks(may(25))[2].result, DayResult::Missed);
        assert_eq!(
            (weeks(may(25))[0].from, weeks(may(25))[0].quantity),
            (may(4), Some(30.0))
        );
    }

    #[test]
    fn a_later_revision_changes_no_day_before_it() {
        let (mut space, goal) = begun(at_least(10.0));
        log(&mut space, goal, 3, Outcome::Done, Some(12.0));
        log(&mut space, goal, 9, Outcome::Done, Some(12.0));
        let first = space.plan().in_force_on(goal, may(1)).unwrap();
        let target = space.plan().revision(first, may(1)).unwrap().target;
        let more = Some(Target {
            value: Some(15.0),
            ..target.unwrap()
        });
        let next = NewRevision {
            replaces: vec![first],
            target: more,
            ..revision(goal)
        };
        let next = space.propose(therapist(), next, 5);
        space.verdict(client(), next, crate::model::Verdict::Agree, 6);
        let results = days(&space, goal, 9, 10);
        assert_eq!(
            (results[2], results[8]),
            (DayResult::Done, DayResult::Partial)
        );
    }

    #[test]
    fn a_month_handed_over_twice_counts_once() {
        let (mut space, goal) = begun(at_least(10.0));
        log(&mut space, goal, 1, Outcome::Partial, Some(6.0));
        let logs = [space.log(), space.log()];
        let views = day_results(&space.plan(), &logs, goal, may(1)..=may(1), may(2)).unwrap();
        assert_eq!(
            (views[0].result, views[0].quantity),
            (DayResult::Partial, Some(6.0))
        );
    }
}

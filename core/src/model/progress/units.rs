//! Units: the days, weeks or months on which something was to be done, with what became of them.

use std::borrow::Borrow;

use chrono::{Datelike, Days, NaiveDate};

use crate::model::codes::Period;
use crate::model::day::{DayPlan, DayResult, DayView, day_results, target_of};
use crate::model::ids::{GoalId, RevisionId};
use crate::model::input::InputError;
use crate::model::kinds::schedule::{Schedule, SchedulePattern};
use crate::model::kinds::target::{Aim, StoredTarget};
use crate::model::log::Log;
use crate::model::period::period_results;
use crate::model::plan::Plan;
use crate::model::progress::ProgressUnit;

/// Days over which consistency is told.
const RECENT_DAYS: i64 = 28;
/// Weeks or months over which it is told.
const RECENT_PERIODS: usize = 4;
/// Expected units a day where weeks or months are counted.
const A_WEEK: f64 = 1.0 / 7.0;
const A_MONTH: f64 = 12.0 / 365.25;

/// A day, week or month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Its first date.
    pub(super) date: NaiveDate,
    pub(super) state: State,
    /// Whether something was to be done; what is done without counts in streaks alone.
    pub(super) is_expected: bool,
    /// How much of a week was done, where that is told beside its state.
    pub(super) share: Option<f64>,
    /// Expected units a day.
    pub(super) frequency: f64,
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Done,
    LeftOut,
    /// With the share of the amount, where there is one.
    Partial(Option<f64>),
}

/// What was done of what was to be done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Recent {
    pub(super) done: u32,
    pub(super) expected: u32,
}

impl Recent {
    /// How the newest of some full periods went, oldest first.
    fn newest(full: &[Self]) -> Self {
        let newest = full.iter().rev().take(RECENT_PERIODS);
        newest.fold(Self::default(), |sum, period| Self {
            done: sum.done + period.done,
            expected: sum.expected + period.expected,
        })
    }
}

/// The units of a goal, oldest first, and how the newest went.
pub(super) struct Spelling {
    pub(super) unit: ProgressUnit,
    pub(super) units: Vec<Unit>,
    pub(super) recent: Recent,
}

/// Reads the units of a goal. The revision in force today, or the last that was, decides what is
/// counted; each day stays judged by its own.
pub(super) fn spelled(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    today: NaiveDate,
) -> Result<Spelling, InputError> {
    let state = plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
    let timeline = state.history.timeline();
    let mut begun = timeline.iter().filter(|held| held.from <= today);
    let (Some(first), Some(last)) = (begun.clone().map(|held| held.from).min(), begun.next_back())
    else {
        return Ok(Spelling {
            unit: ProgressUnit::Day,
            units: Vec::new(),
            recent: Recent::default(),
        });
    };
    let revision = RevisionId::from(last.revision);
    let period = aim_of(plan, revision).map_or(Period::Day, |aim| aim.period);
    let by_week = matches!(
        schedule_of(plan, revision).map(|schedule| schedule.pattern),
        Some(SchedulePattern::TimesAWeek { .. })
    );
    if period != Period::Day {
        return periods(plan, logs, goal, period, (first, today));
    }
    let monday = first - Days::new(first.weekday().num_days_from_monday().into());
    let begin = if by_week { monday } else { first };
    let days = day_results(plan, logs, goal, begin..=today, today)?;
    Ok(match by_week {
        true => weeks(plan, &days, first, today),
        false => single_days(plan, &days, today),
    })
}

fn single_days(plan: &Plan, days: &[DayView], today: NaiveDate) -> Spelling {
    let units = days.iter().filter_map(|day| unit_of(plan, day, today));
    let units: Vec<Unit> = units.collect();
    let is_recent = |unit: &&Unit| unit.is_expected && (today - unit.date).num_days() < RECENT_DAYS;
    let recent = units.iter().filter(is_recent);
    Spelling {
        unit: ProgressUnit::Day,
        recent: recent.fold(Recent::default(), |recent, unit| Recent {
            done: recent.done + u32::from(unit.state == State::Done),
            expected: recent.expected + 1,
        }),
        units,
    }
}

/// One day, if it is a unit: what is rest or excused is none, and neither is today before it is done.
fn unit_of(plan: &Plan, day: &DayView, today: NaiveDate) -> Option<Unit> {
    let schedule = schedule_of(plan, day.judged_by?)?;
    let is_expected = day.plan == DayPlan::Expected;
    let state = match day.result {
        DayResult::Done => State::Done,
        _ if !is_expected || day.date >= today => return None,
        DayResult::Partial => State::Partial(share(plan, day)),
        DayResult::Missed | DayResult::NoteOnly => State::LeftOut,
        DayResult::Excused | DayResult::NotExpected | DayResult::Open | DayResult::Rest => {
            return None;
        }
    };
    is_within(&schedule, day.date).then_some(Unit {
        date: day.date,
        state,
        is_expected,
        share: None,
        frequency: frequency(&schedule),
    })
}

/// Weeks of a goal that is to be done so many times in each.
fn weeks(plan: &Plan, days: &[DayView], first: NaiveDate, today: NaiveDate) -> Spelling {
    let (mut units, mut full) = (Vec::new(), Vec::new());
    for week in days.chunks(7) {
        let Some(monday) = week.first().map(|day| day.date) else {
            continue;
        };
        let sunday = monday + Days::new(6);
        let in_force = week.iter().rev().find_map(|day| day.judged_by);
        let Some(schedule) = in_force.and_then(|revision| schedule_of(plan, revision)) else {
            continue;
        };
        let left_free = |day: NaiveDate| {
            let said = week.iter().find(|seen| seen.date == day);
            let is_off =
                said.is_some_and(|day| matches!(day.result, DayResult::Excused | DayResult::Rest));
            let meant = plan.day_plan(&schedule, day);
            !is_off && matches!(meant, DayPlan::AnyDay | DayPlan::Expected)
        };
        let free = monday
            .iter_days()
            .take(7)
            .filter(|day| left_free(*day))
            .count();
        let times = match schedule.pattern {
            SchedulePattern::TimesAWeek { times } => usize::from(times),
            _ => free,
        };
        let is_done =
            |day: &&DayView| day.result == DayResult::Done && is_within(&schedule, day.date);
        let done = week.iter().filter(is_done).count();
        let is_over = sunday < today;
        if times == 0 || (done < times && (!is_over || free < times)) {
            continue;
        }
        if is_over && monday >= first {
            full.push(Recent {
                done: small(done.min(times)),
                expected: small(times),
            });
        }
        units.push(Unit {
            date: monday,
            state: match done >= times {
                true => State::Done,
                false => State::LeftOut,
            },
            is_expected: true,
            share: Some((f64::from(small(done)) / f64::from(small(times))).min(1.0)),
            frequency: A_WEEK,
        });
    }
    Spelling {
        unit: ProgressUnit::Week,
        units,
        recent: Recent::newest(&full),
    }
}

/// Weeks or months of a goal whose target sums over them.
fn periods(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    period: Period,
    (first, today): (NaiveDate, NaiveDate),
) -> Result<Spelling, InputError> {
    let results = period_results(plan, logs, goal, period, first..=today, today)?;
    let (unit, frequency) = match period {
        Period::Month => (ProgressUnit::Month, A_MONTH),
        Period::Day | Period::Week => (ProgressUnit::Week, A_WEEK),
    };
    let (mut units, mut full) = (Vec::new(), Vec::new());
    for result in results {
        let is_over = result.to < today;
        let state = match result.result {
            DayResult::Done => State::Done,
            DayResult::Partial if is_over => {
                let aim = aim_of(plan, result.judged_by);
                State::Partial(
                    result
                        .quantity
                        .zip(aim)
                        .map(|(sum, aim)| sum / aim.value.amount()),
                )
            }
            DayResult::Missed | DayResult::NoteOnly if is_over => State::LeftOut,
            _ => continue,
        };
        if is_over && result.from >= first {
            full.push(Recent {
                done: u32::from(state == State::Done),
                expected: 1,
            });
        }
        units.push(Unit {
            date: result.from,
            state,
            is_expected: true,
            share: None,
            frequency,
        });
    }
    Ok(Spelling {
        unit,
        units,
        recent: Recent::newest(&full),
    })
}

/// How much of the day's amount was done.
fn share(plan: &Plan, day: &DayView) -> Option<f64> {
    let aim = aim_of(plan, day.judged_by?)?;
    Some(day.quantity? / aim.value.amount())
}

fn aim_of(plan: &Plan, revision: RevisionId) -> Option<Aim> {
    target_of(plan, Some(revision)).and_then(StoredTarget::aim)
}

fn schedule_of(plan: &Plan, revision: RevisionId) -> Option<Schedule> {
    plan.stored_schedule(revision)?.view().ok()
}

/// Whether a date lies between start and end.
fn is_within(schedule: &Schedule, date: NaiveDate) -> bool {
    schedule.start.is_none_or(|start| start <= date) && schedule.end.is_none_or(|end| date <= end)
}

/// Expected days a day. Planned rest does not lower it.
fn frequency(schedule: &Schedule) -> f64 {
    match &schedule.pattern {
        SchedulePattern::Daily => 1.0,
        SchedulePattern::EveryDays { days } => 1.0 / f64::from(*days),
        SchedulePattern::TimesAWeek { .. } => A_WEEK,
        SchedulePattern::Weekdays { days } => f64::from(small(days.len())) / 7.0,
    }
}

/// A count of days in a week.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

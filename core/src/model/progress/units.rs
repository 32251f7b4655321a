//! Units: the days, weeks or months on which something was to be done, with what became of them.

use chrono::NaiveDate;

use crate::model::codes::{Comparison, Outcome, Period};
use crate::model::day::DayPlan;
use crate::model::kinds::schedule::{Schedule, SchedulePattern};
use crate::model::kinds::target::Aim;
use crate::model::period::bounds;
use crate::model::progress::course::{Course, Step};
use crate::model::said::{Said, SaidDays};

/// Expected units a day where weeks or months are counted.
const A_WEEK: f64 = 1.0 / 7.0;
const A_MONTH: f64 = 12.0 / 365.25;

/// A day, week or month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Its first date.
    pub(super) date: NaiveDate,
    /// Expected units a day.
    pub(super) frequency: f64,
    pub(super) judged: Judged,
}

/// How a unit went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) state: State,
    /// Whether something was to be done; what is done without counts in streaks alone.
    pub(super) is_expected: bool,
    /// How much of it was done, from 0 to 1; none where nobody said.
    pub(super) share: Option<f64>,
    /// What consistency takes from it.
    pub(super) counts: Recent,
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Done,
    LeftOut,
    Partial,
}

/// What was done of what was to be done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Recent {
    pub(super) done: u32,
    pub(super) expected: u32,
}

impl Recent {
    const fn one(state: State) -> Self {
        Self {
            done: matches!(state, State::Done) as u32,
            expected: 1,
        }
    }
}

/// A day of a week or month that is being counted, and what was said about it.
pub(crate) type Told = (NaiveDate, Said);

impl Course {
    /// A day, if it is a unit: what is rest or excused is none, and neither is today before it is done.
    pub(super) fn day(&self, date: NaiveDate, said: Said, is_over: bool) -> Option<Unit> {
        let step = self.on(date).filter(|step| step.holds(date))?;
        let is_expected = step.asks_days() && step.meant(date) == DayPlan::Expected;
        let (state, share) = match step.outcome(said) {
            Some(Outcome::Done) => (State::Done, Some(1.0)),
            _ if !is_expected || !is_over => return None,
            Some(Outcome::Excused | Outcome::Rest) => return None,
            Some(Outcome::Partial) => (State::Partial, said.share(step.aim_of_a_day())),
            Some(Outcome::NoteOnly) | None => (State::LeftOut, Some(0.0)),
        };
        Some(Unit {
            date,
            frequency: step.schedule.as_ref().map_or(1.0, frequency),
            judged: Judged {
                state,
                is_expected,
                share,
                counts: Recent::one(state),
            },
        })
    }

    /// A week or a month from its days since the goal began, if it is a unit. What was in force on the
    /// last of them decides.
    pub(super) fn span(&self, period: Period, days: &[Told], is_over: bool) -> Option<Unit> {
        let (last, _) = *days.last()?;
        self.span_by(self.on(last)?, period, days, is_over)
    }

    /// Whether a week or month in which a date lies is done, as a wording says and whatever comes yet.
    pub(super) fn has_done(
        &self,
        step: &Step,
        period: Period,
        date: NaiveDate,
        said: &SaidDays,
    ) -> bool {
        let days = bounds(period, date).into_iter().flat_map(|(from, to)| {
            let days = from.iter_days();
            days.take_while(move |date| *date <= to)
        });
        let told = |date| (date, said.get(&date).copied().unwrap_or_default());
        let days: Vec<Told> = days.map(told).collect();
        let unit = self.span_by(step, period, &days, false);
        unit.is_some_and(|unit| unit.judged.state == State::Done)
    }

    fn span_by(&self, step: &Step, period: Period, days: &[Told], is_over: bool) -> Option<Unit> {
        let (from, to) = bounds(period, days.last()?.0)?;
        let free = self.free(step, days, to);
        let counted = days.iter().filter(|(date, _)| self.counts(step, *date));
        let judged = match step.aim.filter(|aim| aim.period == period) {
            Some(aim) => {
                let said = counted.map(|(_, said)| *said);
                amount(
                    aim,
                    said.fold(Said::default(), Said::plus),
                    free > 0,
                    is_over,
                )
            }
            None => {
                let is_done = |(date, said): &&Told| {
                    let judge = self.on(*date);
                    judge.and_then(|step| step.outcome(*said)) == Some(Outcome::Done)
                };
                let done = small(counted.filter(is_done).count());
                times(done, step.asked(period, free), free, is_over)
            }
        };
        Some(Unit {
            date: from,
            frequency: match period {
                Period::Month => A_MONTH,
                Period::Day | Period::Week => A_WEEK,
            },
            judged: judged?,
        })
    }

    /// How many days of a week or month are left to do something on, those to come included.
    fn free(&self, step: &Step, days: &[Told], to: NaiveDate) -> u32 {
        let seen = days.iter().filter(|told| self.leaves(step, **told));
        let to_come = days.last().into_iter().flat_map(|(last, _)| {
            let later = last.iter_days().skip(1);
            later.take_while(|date| *date <= to)
        });
        small(seen.count() + to_come.filter(|date| step.takes(*date)).count())
    }
}

impl Step {
    /// On how many days of a week or month something is to be done. None where nothing says so.
    fn asked(&self, period: Period, free: u32) -> u32 {
        match (period, self.times_a_week()) {
            (Period::Week, Some(times)) => times.into(),
            (_, None) if self.asks_days() && self.schedule.is_some() => free,
            _ => 0,
        }
    }
}

/// A week or month with an amount of its own.
fn amount(aim: Aim, said: Said, is_free: bool, is_over: bool) -> Option<Judged> {
    let (state, share) = match said.outcome(Some(aim)) {
        // Within a limit it is only when nothing more can come.
        Some(Outcome::Done) if is_over || aim.comparison == Comparison::AtLeast => {
            (State::Done, Some(1.0))
        }
        _ if !is_over || !is_free => return None,
        Some(Outcome::Excused | Outcome::Rest) => return None,
        Some(Outcome::Partial) => (State::Partial, said.share(Some(aim))),
        Some(Outcome::Done | Outcome::NoteOnly) | None => (State::LeftOut, Some(0.0)),
    };
    Some(Judged {
        state,
        is_expected: is_free,
        share,
        counts: Recent::one(state),
    })
}

/// A week or month of so many done days.
fn times(done: u32, asked: u32, free: u32, is_over: bool) -> Option<Judged> {
    let is_expected = asked > 0 && free >= asked;
    let wanted = asked.max(1);
    let state = match done >= wanted {
        true => State::Done,
        false if is_over && is_expected => State::LeftOut,
        false => return None,
    };
    let counts = Recent {
        done: done.min(wanted),
        expected: wanted,
    };
    Some(Judged {
        state,
        is_expected,
        share: Some(f64::from(counts.done) / f64::from(wanted)),
        counts,
    })
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

/// A count of days in a month at most.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

//! The wordings of a goal, one after another: which of them judges a day, and what it counts.

use chrono::NaiveDate;

use crate::model::acceptance::Accepted;
use crate::model::codes::{Comparison, Outcome, Period};
use crate::model::day::DayPlan;
use crate::model::days_off::DaysOff;
use crate::model::ids::{GoalId, MeasureId, RecordId, RevisionId};
use crate::model::kinds::schedule::{Schedule, SchedulePattern};
use crate::model::kinds::target::{Aim, StoredTarget};
use crate::model::plan::Plan;
use crate::model::progress::ProgressUnit;
use crate::model::progress::units::Told;
use crate::model::said::{Said, SaidDays};

/// What of a plan decides how a goal's check-ins count and are judged. While it stays the same, so
/// does all that was made of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Basis {
    /// The goal's wordings by the dates from which they hold.
    pub(crate) timeline: Vec<Accepted>,
    /// The versions of every measure: a check-in with a rating that none of them has does not count.
    pub(crate) scales: Vec<(MeasureId, Vec<RecordId>)>,
    /// What takes days off.
    pub(crate) off: DaysOff,
}

/// The wordings of a goal.
#[derive(Clone, Debug)]
pub(crate) struct Course(Vec<Step>);

/// A wording, as far as days are judged by it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    from: NaiveDate,
    pub(super) schedule: Option<Schedule>,
    off: DaysOff,
    pub(crate) aim: Option<Aim>,
}

impl Plan {
    /// The wordings of a goal, as far as days are judged by them.
    pub(crate) fn course(&self, goal: GoalId) -> Option<Course> {
        let timeline = self.goal_state(goal)?.history.timeline();
        Some(Course::of(self, &timeline, &self.days_off(goal)))
    }
}

impl Course {
    pub(super) fn of(plan: &Plan, timeline: &[Accepted], off: &DaysOff) -> Self {
        let step = |held: &Accepted| {
            let stored = plan.stored_revision(RevisionId::from(held.revision))?;
            Some(Step {
                from: held.from,
                schedule: stored.schedule.as_ref().and_then(|s| s.view().ok()),
                off: off.clone(),
                aim: stored.target.as_ref().and_then(StoredTarget::aim),
            })
        };
        Self(timeline.iter().filter_map(step).collect())
    }

    /// The first date on which anything is in force.
    pub(crate) fn first(&self) -> Option<NaiveDate> {
        self.0.first().map(|step| step.from)
    }

    /// The wording in force on a date.
    pub(crate) fn on(&self, date: NaiveDate) -> Option<&Step> {
        let begun = self.0.partition_point(|step| step.from <= date);
        self.0.get(begun.checked_sub(1)?)
    }

    /// Whether a day is done that counts, whatever is counted.
    pub(super) fn is_done(&self, date: NaiveDate, said: Said) -> bool {
        let step = self.on(date).filter(|step| step.holds(date));
        step.and_then(|step| step.outcome(said)) == Some(Outcome::Done)
    }

    /// Whether what was done on a date counts for a week or month that a wording judges.
    pub(crate) fn counts(&self, step: &Step, date: NaiveDate) -> bool {
        self.first().is_some_and(|first| first <= date) && step.holds(date)
    }

    /// Whether such a week or month has a day left on a date: one that is not off, by the plan or by what
    /// was said about it.
    pub(crate) fn leaves(&self, step: &Step, (date, said): Told) -> bool {
        let has_begun = self.first().is_some_and(|first| first <= date);
        let outcome = self.on(date).and_then(|step| step.outcome(said));
        let is_off = matches!(outcome, Some(Outcome::Excused | Outcome::Rest));
        has_begun && step.takes(date) && !is_off
    }

    /// Whether a goal that began is on hold or over on a date, or in a time off.
    pub(super) fn rests(&self, date: NaiveDate) -> bool {
        self.on(date).is_some_and(|step| step.rests(date))
    }

    /// Whether a day asks for something that is not done yet, on it or in its week or month where the
    /// goal counts those. What was said in advance counts.
    pub(crate) fn asks(&self, date: NaiveDate, said: &SaidDays) -> bool {
        let Some(step) = self.on(date).filter(|step| step.takes(date)) else {
            return false;
        };
        let of_day = said.get(&date).copied().unwrap_or_default();
        match step.outcome(of_day) {
            Some(Outcome::Excused | Outcome::Rest) => false,
            // Whoever stays below a limit has more to tell until the day is over.
            _ if step.is_limit() => true,
            Some(Outcome::Done) => false,
            _ => {
                let period = self.unit(date).period();
                !period.is_some_and(|period| self.has_done(step, period, date, said))
            }
        }
    }

    /// What is counted, as the wording in force today says. What was judged by another is counted
    /// along.
    pub(super) fn unit(&self, today: NaiveDate) -> ProgressUnit {
        let step = self.on(today);
        let own = step.and_then(|step| step.aim).map(|aim| aim.period);
        match own {
            Some(Period::Month) => ProgressUnit::Month,
            Some(Period::Week) => ProgressUnit::Week,
            Some(Period::Day) | None => match step.and_then(Step::times_a_week) {
                Some(_) => ProgressUnit::Week,
                None => ProgressUnit::Day,
            },
        }
    }
}

impl Step {
    /// What it means for a day.
    pub(super) fn meant(&self, date: NaiveDate) -> DayPlan {
        let schedule = self.schedule.as_ref();
        schedule.map_or(DayPlan::NotScheduled, |schedule| {
            self.off.plan_of(schedule, date)
        })
    }

    /// Whether a date lies between its start and its end. Outside of them nothing counts.
    pub(crate) fn holds(&self, date: NaiveDate) -> bool {
        self.schedule
            .as_ref()
            .is_none_or(|schedule| schedule.is_within(date))
    }

    /// Whether a day is there to do something on.
    pub(crate) fn takes(&self, date: NaiveDate) -> bool {
        self.off.leaves(self.schedule.as_ref(), date)
    }

    fn rests(&self, date: NaiveDate) -> bool {
        let schedule = self.schedule.as_ref();
        self.off.rests(date) || schedule.is_some_and(|schedule| schedule.is_set_aside(date))
    }

    /// Whether it says how much is too much.
    fn is_limit(&self) -> bool {
        self.aim
            .is_some_and(|aim| aim.comparison == Comparison::AtMost)
    }

    /// The amount for a day, where there is one.
    pub(super) fn aim_of_a_day(&self) -> Option<Aim> {
        self.aim.filter(|aim| aim.period == Period::Day)
    }

    /// Whether it asks something of single days: not where it counts weeks or months.
    pub(super) fn asks_days(&self) -> bool {
        self.aim.is_none_or(|aim| aim.period == Period::Day)
    }

    /// What a day came to.
    pub(crate) fn outcome(&self, said: Said) -> Option<Outcome> {
        said.of_day(self.aim_of_a_day())
    }

    /// How many times in a week, where it counts those.
    pub(super) fn times_a_week(&self) -> Option<u16> {
        match self.schedule.as_ref()?.pattern {
            SchedulePattern::TimesAWeek { times } => Some(times),
            _ => None,
        }
    }
}

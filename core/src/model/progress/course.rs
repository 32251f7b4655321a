//! The wordings of a goal, one after another: which of them judges a day, and what it counts.

use chrono::NaiveDate;

use crate::model::acceptance::Accepted;
use crate::model::codes::{Outcome, Period};
use crate::model::day::DayPlan;
use crate::model::days_off::DaysOff;
use crate::model::ids::{MeasureId, RecordId, RevisionId};
use crate::model::kinds::schedule::{Schedule, SchedulePattern};
use crate::model::kinds::target::{Aim, StoredTarget};
use crate::model::plan::Plan;
use crate::model::progress::ProgressUnit;
use crate::model::said::Said;

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
pub(super) struct Course(Vec<Step>);

/// A wording, as far as days are judged by it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    from: NaiveDate,
    pub(super) schedule: Option<Schedule>,
    off: DaysOff,
    pub(super) aim: Option<Aim>,
}

impl Course {
    pub(super) fn of(plan: &Plan, basis: &Basis) -> Self {
        let step = |held: &Accepted| {
            let stored = plan.stored_revision(RevisionId::from(held.revision))?;
            Some(Step {
                from: held.from,
                schedule: stored.schedule.as_ref().and_then(|s| s.view().ok()),
                off: basis.off.clone(),
                aim: stored.target.as_ref().and_then(StoredTarget::aim),
            })
        };
        Self(basis.timeline.iter().filter_map(step).collect())
    }

    /// The first date on which anything is in force.
    pub(super) fn first(&self) -> Option<NaiveDate> {
        self.0.first().map(|step| step.from)
    }

    /// The wording in force on a date.
    pub(super) fn on(&self, date: NaiveDate) -> Option<&Step> {
        let begun = self.0.partition_point(|step| step.from <= date);
        self.0.get(begun.checked_sub(1)?)
    }

    /// Whether a day is done that counts, whatever is counted.
    pub(super) fn is_done(&self, date: NaiveDate, said: Said) -> bool {
        let step = self.on(date).filter(|step| step.holds(date));
        step.and_then(|step| step.outcome(said)) == Some(Outcome::Done)
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
    pub(super) fn holds(&self, date: NaiveDate) -> bool {
        self.schedule
            .as_ref()
            .is_none_or(|schedule| schedule.is_within(date))
    }

    /// Whether a day is there to do something on.
    pub(super) fn takes(&self, date: NaiveDate) -> bool {
        self.off.leaves(self.schedule.as_ref(), date)
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
    pub(super) fn outcome(&self, said: Said) -> Option<Outcome> {
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

//! What the units of a goal come to so far. Whatever comes later goes on from here.

use std::collections::VecDeque;

use chrono::{Days, Months, NaiveDate};

use crate::model::codes::Period;
use crate::model::period::bounds;
use crate::model::progress::course::Course;
use crate::model::progress::streak::Walk;
use crate::model::progress::units::{Recent, Told, Unit};
use crate::model::progress::{ProgressMessage, ProgressUnit, strength};

/// Days over which consistency is told: those of four weeks, and more units than four months have.
const RECENT_DAYS: u8 = 28;

/// What the units of a goal come to.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// One for each grace.
    walks: [Walk; 3],
    pub(super) strength: f64,
    /// Done days that count, also those of a week or month that does not yet.
    days: u32,
    /// The newest expected units.
    recent: VecDeque<(NaiveDate, Recent)>,
    /// The days of the week or month that is being counted.
    running: Vec<Told>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            walks: [0, 1, 2].map(Walk::new),
            strength: 0.0,
            days: 0,
            recent: VecDeque::new(),
            running: Vec::new(),
        }
    }
}

impl Tally {
    /// Takes the next day: one that is over, or else the last.
    pub(super) fn day(&mut self, course: &Course, unit: ProgressUnit, told: Told, is_over: bool) {
        self.days += u32::from(course.is_done(told.0, told.1));
        let Some(period) = unit.period() else {
            return self.add(course.day(told.0, told.1, is_over));
        };
        self.running.push(told);
        let is_last = bounds(period, told.0).is_some_and(|(_, to)| to == told.0);
        if is_last || !is_over {
            self.add(course.span(period, &self.running, is_over));
            self.running.clear();
        }
    }

    fn add(&mut self, unit: Option<Unit>) {
        let Some(unit) = unit else {
            return;
        };
        self.walks
            .iter_mut()
            .for_each(|walk| walk.step(&unit, self.days));
        self.strength = strength::after(self.strength, &unit);
        if unit.judged.is_expected {
            self.recent.push_back((unit.date, unit.judged.counts));
            if self.recent.len() > usize::from(RECENT_DAYS) {
                self.recent.pop_front();
            }
        }
    }

    /// What is to be said about a walk, and of a goal that rests. A person whose first week is running
    /// has begun as soon as one day of it is done.
    pub(super) const fn message(&self, walk: &Walk, rests: bool) -> ProgressMessage {
        if rests {
            return ProgressMessage::Resting;
        }
        match (walk.total() + self.days, walk.now() + walk.days(self.days)) {
            (0, _) => ProgressMessage::NotBegun,
            (_, 0) => ProgressMessage::Restart,
            _ => ProgressMessage::KeepGoing,
        }
    }

    /// The walk with that grace.
    pub(super) fn walk(&self, grace: u8) -> Option<&Walk> {
        self.walks.get(usize::from(grace))
    }

    /// What was done of what was to be done in the last 28 days, or four weeks or months that began
    /// after `first` and are over.
    pub(super) fn recent(&self, unit: ProgressUnit, first: NaiveDate, today: NaiveDate) -> Recent {
        let four_weeks = Days::new(RECENT_DAYS.into());
        let newest = match unit {
            ProgressUnit::Day => {
                let begin = today
                    .succ_opt()
                    .and_then(|next| next.checked_sub_days(four_weeks));
                begin.zip(today.succ_opt())
            }
            ProgressUnit::Week => bounds(Period::Week, today)
                .and_then(|(monday, _)| monday.checked_sub_days(four_weeks).zip(Some(monday))),
            ProgressUnit::Month => bounds(Period::Month, today)
                .and_then(|(day, _)| day.checked_sub_months(Months::new(4)).zip(Some(day))),
        };
        let is_recent = |date: NaiveDate| {
            let within = newest.is_some_and(|(from, to)| from <= date && date < to);
            within && first <= date
        };
        let recent = self.recent.iter().filter(|(date, _)| is_recent(*date));
        recent.fold(Recent::default(), |sum, (_, unit)| Recent {
            done: sum.done + unit.done,
            expected: sum.expected + unit.expected,
        })
    }
}

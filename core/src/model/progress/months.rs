//! What is known of a goal month by month, so that what is new is folded alone.
//!
//! A month is kept as what its check-ins say about its days, beside whatever the caller knows it from;
//! a tally is kept of every month that is over. A month that is put anew takes the tallies from it on
//! away, and they are made again from what is kept. What is said of today is never kept.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{Datelike, Months, NaiveDate};

use crate::model::document::DocumentKey;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::plan::Plan;
use crate::model::progress::course::{Basis, Course};
use crate::model::progress::tally::Tally;
use crate::model::progress::{GRACE_LIMIT, Passage, ProgressUnit, ProgressView};
use crate::model::said::SaidDays;

/// A goal month by month, each with what it was `Made` from.
#[derive(Clone, Debug)]
pub(crate) struct GoalMonths<Made> {
    goal: GoalId,
    basis: Basis,
    course: Course,
    months: BTreeMap<DocumentKey, (Made, SaidDays)>,
    /// What the tallies count.
    unit: ProgressUnit,
    /// After each month since the first that is over.
    tallies: Vec<Tally>,
}

impl<Made: PartialEq> GoalMonths<Made> {
    /// A goal of which no month is known.
    ///
    /// # Errors
    /// [`InputError::UnknownGoal`].
    pub(crate) fn of(plan: &Plan, goal: GoalId) -> Result<Self, InputError> {
        let basis = plan.basis(goal).ok_or(InputError::UnknownGoal(goal))?;
        Ok(Self {
            goal,
            course: Course::of(plan, &basis.timeline, &basis.off),
            basis,
            months: BTreeMap::new(),
            unit: ProgressUnit::Day,
            tallies: Vec::new(),
        })
    }

    /// Whether what was made still holds beside a plan.
    pub(crate) fn holds_beside(&self, plan: &Plan) -> bool {
        plan.basis(self.goal)
            .is_some_and(|basis| basis == self.basis)
    }

    /// The months that matter today: from the first on which the goal was in force.
    pub(crate) fn reaches(&self, month: DocumentKey, today: NaiveDate) -> bool {
        let first = self.course.first().and_then(DocumentKey::log);
        let last = DocumentKey::log(today);
        first.is_some_and(|first| first <= month) && last.is_some_and(|last| month <= last)
    }

    /// Whether a month is known as it was made from that.
    pub(crate) fn has(&self, month: DocumentKey, from: &Made) -> bool {
        self.months
            .get(&month)
            .is_some_and(|(known, _)| known == from)
    }

    /// Puts a month. Tallies from there on are made anew where it says something else.
    pub(crate) fn put(&mut self, month: DocumentKey, from: Made, said: SaidDays) {
        let known = self.months.insert(month, (from, said));
        let (before, after) = (known.map(|(_, said)| said), self.said(month));
        if before.as_ref() != after {
            self.retally(month);
        }
    }

    /// On how many days of the months that are known the goal was done. A day counts once, and only
    /// where a wording was in force that meant it: before its start and after its end nothing does.
    pub(crate) fn done_days(&self) -> u32 {
        let days = self.months.values().flat_map(|(_, said)| said);
        let done = days.filter(|(date, said)| self.course.is_done(**date, **said));
        u32::try_from(done.count()).unwrap_or(u32::MAX)
    }

    /// How the goal goes, seen on a date.
    ///
    /// # Errors
    /// If the grace is out of its range.
    pub(crate) fn view(&mut self, today: NaiveDate, grace: u8) -> Result<ProgressView, InputError> {
        self.count(self.course.unit(today));
        self.seen(today, grace)
    }

    /// How the goal went up to the day before some dates and up to the last of them, both counted as on
    /// the last.
    ///
    /// # Errors
    /// If the grace is out of its range.
    pub(crate) fn passage(
        &mut self,
        dates: &RangeInclusive<NaiveDate>,
        grace: u8,
    ) -> Result<Passage, InputError> {
        let (from, to) = (*dates.start(), *dates.end());
        self.count(self.course.unit(to));
        Ok(Passage {
            before: self.seen(from.pred_opt().unwrap_or(from), grace)?,
            after: self.seen(to, grace)?,
        })
    }

    fn count(&mut self, unit: ProgressUnit) {
        if unit != self.unit {
            self.unit = unit;
            self.tallies.clear();
        }
    }

    fn seen(&mut self, today: NaiveDate, grace: u8) -> Result<ProgressView, InputError> {
        let first = self.course.first().filter(|first| *first <= today);
        let Some(first) = first else {
            return self.told(&Tally::default(), (today, today), grace);
        };
        let over = parts_between(first, today);
        while self.tallies.len() < over {
            let mut tally = self.tallies.last().cloned().unwrap_or_default();
            let begin = month_after(first, self.tallies.len()).unwrap_or(first);
            let end = month_after(first, self.tallies.len() + 1).and_then(|next| next.pred_opt());
            self.pass(&mut tally, (begin, end.unwrap_or(today)), today);
            self.tallies.push(tally);
        }
        let mut tally = match over.checked_sub(1) {
            Some(last) => self.tallies.get(last).cloned().unwrap_or_default(),
            None => Tally::default(),
        };
        let begin = month_after(first, over).unwrap_or(first);
        self.pass(&mut tally, (begin, today), today);
        self.told(&tally, (first, today), grace)
    }

    /// Takes the days of a month, or the part of it since the goal began.
    fn pass(&self, tally: &mut Tally, (from, to): (NaiveDate, NaiveDate), today: NaiveDate) {
        let month = DocumentKey::log(from).and_then(|month| self.said(month));
        for date in from.iter_days().take_while(|date| *date <= to) {
            let said = month.and_then(|days| days.get(&date));
            let told = (date, said.copied().unwrap_or_default());
            tally.day(&self.course, self.unit, told, date < today);
        }
    }

    fn told(
        &self,
        tally: &Tally,
        (first, today): (NaiveDate, NaiveDate),
        grace: u8,
    ) -> Result<ProgressView, InputError> {
        let walk = tally.walk(grace).ok_or(InputError::Outside {
            field: "grace",
            value: grace.into(),
            min: 0,
            max: GRACE_LIMIT.into(),
        })?;
        let recent = tally.recent(self.unit, first, today);
        Ok(ProgressView {
            goal: self.goal,
            unit: self.unit,
            streak: walk.now(),
            best: walk.best(),
            slips: walk.slips(),
            done: recent.done,
            expected: recent.expected,
            strength: tally.strength,
            total: walk.total(),
            message: tally.message(walk, self.course.rests(today)),
        })
    }

    fn said(&self, month: DocumentKey) -> Option<&SaidDays> {
        self.months.get(&month).map(|(_, said)| said)
    }

    /// Lets go of the tallies of a month and of all after it.
    fn retally(&mut self, month: DocumentKey) {
        let first = self.course.first().and_then(DocumentKey::log);
        let before = first.map_or(0, |first| month.part.saturating_sub(first.part));
        self.tallies
            .truncate(usize::try_from(before).unwrap_or(usize::MAX));
    }
}

/// How many months begin between two dates.
fn parts_between(first: NaiveDate, last: NaiveDate) -> usize {
    let part = |date| DocumentKey::log(date).map_or(0, |month| month.part);
    usize::try_from(part(last).saturating_sub(part(first))).unwrap_or_default()
}

/// The first day of the month that comes so many after a date's; for none the date itself.
fn month_after(date: NaiveDate, months: usize) -> Option<NaiveDate> {
    match u32::try_from(months).ok()? {
        0 => Some(date),
        months => date.with_day(1)?.checked_add_months(Months::new(months)),
    }
}

//! What a list of plans shows of one: today's goals, and what waits for somebody.
//!
//! A day looks different from the day before without any new record. So an [`Outlook`] looks ahead for
//! two weeks, as if nobody wrote anything more: whoever keeps it can show every day of them without
//! reading the plan, until something of it changes.

use std::borrow::Borrow;

use chrono::{Days, NaiveDate};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::day::{DayPlan, DayResult, DayView, day_results};
use crate::model::json;
use crate::model::log::{Log, months};
use crate::model::plan::Plan;
use crate::model::time::read_date;
use crate::model::views::GoalView;

/// Days that it looks ahead, the first among them.
const DAYS: u8 = 14;

/// One day of a plan, in numbers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlanDay {
    /// The local date.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// Goals that hold and are neither over nor paused.
    pub goals: u32,
    /// How many of them ask for something on that day, or were done on it all the same.
    pub expected: u32,
    /// How many of those are done.
    pub done: u32,
    /// Proposals that wait for an answer.
    pub proposals: u32,
    /// Goals in which people contradict each other.
    pub conflicts: u32,
    /// The newest date with a check-in that counts; none where there is none.
    #[serde(serialize_with = "json::date_opt")]
    pub last_check_in: Option<NaiveDate>,
}

/// The days of a plan from one on, as they will be if nobody writes anything more.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub(crate) struct Outlook {
    #[n(0)]
    first: i32,
    /// Most days are like the one before: each of these holds from a day on, until the next.
    #[n(1)]
    days: Vec<Counts>,
    #[n(2)]
    last_check_in: Option<i32>,
    /// What is needed to know which day is today.
    #[n(3)]
    time_zone: Option<String>,
    #[n(4)]
    cut_off_hour: u8,
}

/// What an [`Outlook`] says, wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'o> {
    /// Its first day, counted from the Unix epoch.
    pub(crate) first: i32,
    pub(crate) days: &'o [Counts],
    pub(crate) last_check_in: Option<i32>,
    pub(crate) time_zone: Option<&'o str>,
    pub(crate) cut_off_hour: u8,
}

/// Days that are alike, in numbers.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(array)]
pub(crate) struct Counts {
    /// So many days after the first.
    #[n(0)]
    from: u8,
    #[n(1)]
    goals: u32,
    #[n(2)]
    expected: u32,
    #[n(3)]
    done: u32,
    #[n(4)]
    proposals: u32,
    #[n(5)]
    conflicts: u32,
}

impl Outlook {
    /// What a plan looks like from a date on. The logs must cover the months of [`Self::reach`], and
    /// that of the newest check-in.
    pub(crate) fn of(plan: &Plan, logs: &[impl Borrow<Log>], first: NaiveDate) -> Self {
        let (_, last) = Self::reach(first);
        let dates: Vec<_> = first.iter_days().take_while(|date| *date <= last).collect();
        let of_day = |(_, from): (&NaiveDate, u8)| Counts {
            from,
            ..Counts::default()
        };
        let mut days: Vec<_> = dates.iter().zip(0..).map(of_day).collect();
        // Which goals there are does not depend on the day.
        for goal in plan.goals(first) {
            // A goal that is there has days.
            let results = day_results(plan, logs, goal.id, first..=last, last).unwrap_or_default();
            for ((date, counts), day) in dates.iter().zip(&mut days).zip(&results) {
                if let Some(goal) = plan.goal(goal.id, *date) {
                    counts.add(&goal, day);
                }
            }
        }
        days.dedup_by(|next, before| before.is_like(next));
        let settings = plan.settings();
        Self {
            first: first.to_epoch_days(),
            days,
            last_check_in: last_check_in(plan, logs).map(|date| date.to_epoch_days()),
            time_zone: settings.time_zone,
            cut_off_hour: settings.cut_off_hour,
        }
    }

    /// The dates whose check-ins it needs: those that it looks at, and of the week and the month before
    /// them what a target may sum up.
    pub(crate) fn reach(first: NaiveDate) -> (NaiveDate, NaiveDate) {
        let ahead = Days::new(u64::from(DAYS) - 1);
        let back = Days::new(31);
        (
            first.checked_sub_days(back).unwrap_or(first),
            first.checked_add_days(ahead).unwrap_or(first),
        )
    }

    /// What it says.
    pub(crate) fn glance(&self) -> Glance<'_> {
        Glance {
            first: self.first,
            days: &self.days,
            last_check_in: self.last_check_in,
            time_zone: self.time_zone.as_deref(),
            cut_off_hour: self.cut_off_hour,
        }
    }

    /// One of its days; none where it does not look so far.
    pub(crate) fn on(&self, date: NaiveDate) -> Option<PlanDay> {
        self.glance().on(date)
    }
}

impl Glance<'_> {
    /// The same by itself.
    pub(crate) fn to_outlook(self) -> Outlook {
        Outlook {
            first: self.first,
            days: self.days.to_vec(),
            last_check_in: self.last_check_in,
            time_zone: self.time_zone.map(str::to_owned),
            cut_off_hour: self.cut_off_hour,
        }
    }

    /// One of its days; none where it does not look so far.
    pub(crate) fn on(&self, date: NaiveDate) -> Option<PlanDay> {
        let place = date.to_epoch_days().checked_sub(self.first)?;
        let place = u8::try_from(place).ok().filter(|day| *day < DAYS)?;
        let counts = self.days.iter().rfind(|counts| counts.from <= place)?;
        Some(PlanDay {
            date,
            goals: counts.goals,
            expected: counts.expected,
            done: counts.done,
            proposals: counts.proposals,
            conflicts: counts.conflicts,
            last_check_in: self.last_check_in.and_then(|days| read_date(days).ok()),
        })
    }
}

impl Counts {
    /// Whether another day is the same in all but its place.
    fn is_like(&self, other: &Self) -> bool {
        let from = self.from;
        Self { from, ..*other } == *self
    }

    fn add(&mut self, goal: &GoalView, day: &DayView) {
        let proposals = u32::try_from(goal.proposals.len()).unwrap_or(u32::MAX);
        self.proposals = self.proposals.saturating_add(proposals);
        self.conflicts += u32::from(!goal.conflicts.is_empty());
        if !goal.status.runs() || goal.in_force.is_none() {
            return;
        }
        let is_done = day.result == DayResult::Done;
        let is_let_off = matches!(day.result, DayResult::Excused | DayResult::Rest);
        let is_expected = day.plan == DayPlan::Expected && !is_let_off;
        self.goals += 1;
        self.expected += u32::from(is_expected || is_done);
        self.done += u32::from(is_done);
    }
}

/// The newest date with a check-in that counts.
fn last_check_in(plan: &Plan, logs: &[impl Borrow<Log>]) -> Option<NaiveDate> {
    let counted = months(logs).flat_map(|log| log.counted(plan));
    let dates = counted.filter_map(|entry| read_date(entry.record.date).ok());
    dates.max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::codes::LifecycleStatus;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{NewRevision, Outcome, Schedule, SchedulePattern, Weekday};

    fn outlook(space: &Space, from: u32) -> Outlook {
        Outlook::of(&space.plan(), &[space.log()], day(from))
    }

    /// Goals, expected, done.
    fn counts(outlook: &Outlook, on: u32) -> (u32, u32, u32) {
        let day = outlook.on(day(on)).unwrap();
        (day.goals, day.expected, day.done)
    }

    /// A therapist would see on Monday what was to be done on Friday.
    #[test]
    fn each_day_of_two_weeks_is_as_it_will_be() {
        let mut space = Space::default();
        let daily = space.goal(client());
        space.propose(client(), revision(daily), 1);
        space.clock += 1;
        let mondays = space.goal(client());
        let weekly = NewRevision {
            schedule: Some(Schedule {
                pattern: SchedulePattern::Weekdays {
                    days: vec![Weekday::Monday],
                },
                ..Schedule::daily()
            }),
            ..revision(mondays)
        };
        space.propose(client(), weekly, 1);
        space.say(daily, Outcome::Done, 1);
        // 2026-05-01 is a Friday. Done although nothing was asked counts as well.
        space.say(mondays, Outcome::Done, 2);
        let outlook = outlook(&space, 1);
        let seen: Vec<_> = (1..=4).map(|on| counts(&outlook, on)).collect();
        assert_eq!(seen, [(2, 1, 1), (2, 2, 1), (2, 1, 0), (2, 2, 0)]);
        assert_eq!(outlook.on(day(14)).map(|day| day.expected), Some(1));
        // The first three, and from then on each Monday and what follows it.
        assert_eq!(outlook.days.len(), 7);
        assert_eq!(outlook.on(day(15)), None, "beyond what was looked at");
        assert_eq!(outlook.on(day(1).pred_opt().unwrap()), None);
        let last = outlook.on(day(9)).unwrap().last_check_in;
        assert_eq!(last, Some(day(2)));
    }

    /// What is over would look as if it were left undone, and what waits for an answer as if all were
    /// said.
    #[test]
    fn what_is_over_is_not_asked_for_and_what_waits_is_counted() {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 1);
        space.clock += 1;
        let other = space.goal(therapist());
        space.propose(therapist(), revision(other), 1);
        let before = outlook(&space, 2);
        assert_eq!(counts(&before, 2), (1, 1, 0));
        assert_eq!(before.on(day(2)).unwrap().proposals, 1);
        space.stand(goal, LifecycleStatus::Completed);
        assert_eq!(counts(&outlook(&space, 2), 2), (0, 0, 0));
    }

    /// It is read again after the app was closed.
    #[test]
    fn it_survives_being_kept() {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 1);
        space.say(goal, Outcome::Done, 1);
        let outlook = outlook(&space, 1);
        let bytes = minicbor::to_vec(&outlook).unwrap();
        assert_eq!(minicbor::decode::<Outlook>(&bytes).unwrap(), outlook);
    }
}

//! Which reminders come next: data that an app hands to the system, which rings by itself.
//!
//! A reminder is at a time of the wall clock wherever the client is. A time that the clocks skip in
//! spring rings once, shifted by the gap; one that they repeat in autumn rings once, at the first. Its
//! date is the calendar's, whenever a day begins for check-ins. Nothing rings on a day that asks nothing
//! (rest, pause, observance, excuse), for a goal that is not active, or for what is done already.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::catalogue::Argument;
use crate::model::codes::LifecycleStatus;
use crate::model::day::excuses;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::json;
use crate::model::kinds::habit::Habit;
use crate::model::kinds::reminder::Reminder;
use crate::model::log::{Log, months};
use crate::model::plan::Plan;
use crate::model::progress::Course;
use crate::model::said::SaidDays;
use crate::model::time::{instant_of, next_day, write_instant};

/// The most reminders that are told at once: no more wait in the system of an iPhone.
pub const REMINDER_LIMIT: u32 = 64;
/// Days ahead that are looked at: a schedule's longest distance, and some.
const AHEAD: TimeDelta = TimeDelta::days(400);

/// A reminder that comes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NextReminder {
    /// The reminder, by the id under which it is listed.
    pub reminder: RecordId,
    /// The goal or habit that it is about, for the app alone: no notification should say it.
    pub about: Option<RecordId>,
    /// The calendar date that it is for.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// The time that the wall clock shows when it rings, in minutes since midnight.
    pub minute: u16,
    /// The zone of that clock, an IANA name.
    pub time_zone: String,
    /// The instant at which it rings.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
    /// The key of its sentence in the catalogue.
    pub key: String,
    /// What the sentence takes: `time`, as `08:30`.
    pub arguments: Vec<Argument>,
}

/// The reminders that ring after `now` and up to `until` where the device is, at most `limit` (1 to 64),
/// in their order. At most 400 days ahead are looked at. The logs are those of the months from the one
/// before `now` on; later ones matter as far as something was said in advance.
///
/// # Errors
/// [`InputError::Outside`] for a limit out of its range.
pub fn next_reminders(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    zone: Tz,
    limit: u32,
) -> Result<Vec<NextReminder>, InputError> {
    if !(1..=REMINDER_LIMIT).contains(&limit) {
        return Err(InputError::Outside {
            field: "reminders",
            value: limit.into(),
            min: 1,
            max: REMINDER_LIMIT.into(),
        });
    }
    if write_instant(now).is_err() || until <= now {
        return Ok(Vec::new());
    }
    let wanted = usize::try_from(limit).unwrap_or_default();
    let until = until.min(now + AHEAD);
    let today = now.with_timezone(&zone).date_naive();
    // What the clocks shift over midnight is of the date before.
    let first = today.pred_opt().unwrap_or(today);
    let last = until.with_timezone(&zone).date_naive();
    let subjects = subjects(plan);
    let ahead = Ahead::of(plan, logs, &subjects);
    let (mut found, mut next) = (Vec::new(), Some(first));
    while let Some(date) = next.filter(|date| *date <= last && found.len() < wanted) {
        next = next_day(date);
        // A date that the law skips has no time of its own.
        if midnight(date, zone) == next.and_then(|next| midnight(next, zone)) {
            continue;
        }
        for subject in &subjects {
            let at = subject
                .at(date, zone)
                .filter(|at| now < *at && *at <= until);
            if let Some(at) = at
                && ahead.asks(subject.goal, date)
            {
                found.push(subject.next(date, at, zone));
            }
        }
    }
    found.sort_by_key(|next| (next.at, next.reminder));
    found.truncate(wanted);
    Ok(found)
}

/// A reminder that may ring.
struct Subject {
    id: RecordId,
    reminder: Reminder,
    /// The goal whose days it follows.
    goal: Option<GoalId>,
}

/// The reminders that are switched on, of what is there and active.
fn subjects(plan: &Plan) -> Vec<Subject> {
    let habits: BTreeMap<RecordId, Option<GoalId>> = plan
        .things::<Habit>()
        .into_iter()
        .map(|habit| (habit.id, habit.fields.goal))
        .collect();
    // A habit follows its own goal, not what it hangs on: habits can hang on each other in a ring.
    let goal_of = |about: RecordId| match plan.goal_state(about.into()) {
        Some(_) => Some(Some(GoalId::from(about))),
        None => habits.get(&about).copied(),
    };
    let is_active = |goal| plan.status(goal) == Some(LifecycleStatus::Active);
    let reminders = plan.things::<Reminder>().into_iter();
    reminders
        .filter(|thing| thing.fields.is_on)
        .filter_map(|thing| {
            let goal = thing.fields.about.map_or(Some(None), goal_of)?;
            goal.is_none_or(is_active).then_some(Subject {
                id: thing.id,
                reminder: thing.fields,
                goal,
            })
        })
        .collect()
}

impl Subject {
    /// When it rings on a date, if that is one of its weekdays.
    fn at(&self, date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
        let (weekdays, minute) = (&self.reminder.weekdays, u32::from(self.reminder.minute));
        let is_its_day = weekdays.is_empty() || weekdays.contains(&date.weekday().into());
        let local = date.and_hms_opt(minute / 60, minute % 60, 0)?;
        instant_of(local, zone).filter(|_| is_its_day)
    }

    fn next(&self, date: NaiveDate, at: DateTime<Utc>, zone: Tz) -> NextReminder {
        let clock = at.with_timezone(&zone).time();
        let minute = clock.num_seconds_from_midnight() / 60;
        NextReminder {
            reminder: self.id,
            about: self.reminder.about,
            date,
            minute: u16::try_from(minute).unwrap_or_default(),
            time_zone: zone.name().to_owned(),
            at,
            key: self.reminder.text.key().to_owned(),
            arguments: vec![Argument::new("time", clock.format("%H:%M"))],
        }
    }
}

/// What the days ahead ask.
struct Ahead<'a> {
    plan: &'a Plan,
    excuses: BTreeMap<NaiveDate, RecordId>,
    goals: BTreeMap<GoalId, Asking>,
}

/// A goal, and what was said about its days.
struct Asking {
    course: Course,
    said: SaidDays,
}

impl<'a> Ahead<'a> {
    fn of(plan: &'a Plan, logs: &[impl Borrow<Log>], subjects: &[Subject]) -> Self {
        let goals: BTreeSet<GoalId> = subjects.iter().filter_map(|subject| subject.goal).collect();
        let asking = |goal| {
            let (course, said) = (plan.course(goal)?, SaidDays::new());
            Some((goal, Asking { course, said }))
        };
        let mut goals: BTreeMap<_, _> = goals.into_iter().filter_map(asking).collect();
        for (goal, said) in months(logs).flat_map(|log| log.said(plan)) {
            if let Some(asking) = goals.get_mut(&goal) {
                asking.said.extend(said);
            }
        }
        Self {
            plan,
            excuses: excuses(plan, logs),
            goals,
        }
    }

    /// Whether a date asks for something: of a goal, or at all.
    fn asks(&self, goal: Option<GoalId>, date: NaiveDate) -> bool {
        let is_free = self.plan.is_observed(date) || self.excuses.contains_key(&date);
        let asks = |goal| {
            let asking = self.goals.get(&goal);
            asking.is_some_and(|asking| asking.course.asks(date, &asking.said))
        };
        !is_free && goal.is_none_or(asks)
    }
}

fn midnight(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    instant_of(date.and_time(NaiveTime::MIN), zone)
}

#[cfg(test)]
mod tests;

//! Practice and its timers.
//!
//! Practice for a goal is a check-in with its minutes as the quantity, so that days are judged by
//! check-ins alone: 4 and 6 minutes on one day are the 10 that a target asks for. Practice without a
//! goal is a reading. Where the goal's target counts something else than minutes, the minutes would
//! be taken for that; practice for it is a reading as well, which names the goal and counts nowhere.

use std::borrow::Borrow;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::codes::Outcome;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::check::DAY_MINUTES;
use crate::model::json;
use crate::model::kinds::check_in::NewCheckIn;
use crate::model::kinds::reading::{
    PracticeReading, Reading, ReadingOf, check_minutes, check_practice,
};
use crate::model::kinds::timer_start::TimerStart;
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;

/// The unit of minutes in targets and check-ins.
const MINUTES: &str = "min";

/// Practice to log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewPractice {
    /// The goal that it is to count toward.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// Of what: own words or a key of the catalogue, 1 to 100 characters. In a check-in it becomes the
    /// note, where there is no other.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub practice: Option<String>,
    /// Whole minutes, 0 to 1,440.
    pub minutes: u16,
    /// The day; without one it is the stamp's local date.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub date: Option<NaiveDate>,
    /// At most 4,000 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub note: Option<String>,
}

/// A timer that runs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RunningTimer {
    /// The timer.
    pub id: RecordId,
    /// The goal that the practice is to count toward.
    pub goal: Option<GoalId>,
    /// What is practised.
    pub practice: Option<String>,
    /// The local date on which it was started, and for which it will count.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// When it was started, by the clock of the device.
    #[serde(serialize_with = "json::instant")]
    pub started_at: DateTime<Utc>,
    /// Whole minutes since then, 0 to 1,440.
    pub minutes: u16,
}

impl NewPractice {
    /// Makes the record: a check-in where it counts toward the goal, else a reading.
    ///
    /// # Errors
    /// If the goal is unknown, a text is too long, the minutes are out of range, or the role is not the
    /// client's.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        check_practice(self.practice.as_deref())?;
        check_minutes("minutes", self.minutes)?;
        let date = self.date.map_or_else(|| plan.local_date(stamp), Ok)?;
        match self.goal {
            Some(goal) if counts_minutes(plan, goal, date)? => {
                self.check_in(goal, date).record(plan, None, stamp)
            }
            _ => plan.add(&self.reading(), Some(date), stamp),
        }
    }

    fn check_in(&self, goal: GoalId, date: NaiveDate) -> NewCheckIn {
        let outcome = match self.minutes {
            0 => Outcome::NoteOnly,
            _ => Outcome::Done,
        };
        NewCheckIn {
            date: Some(date),
            quantity: Some(self.minutes.into()),
            unit: Some(MINUTES.into()),
            note: self.note.clone().or_else(|| self.practice.clone()),
            ..NewCheckIn::new(goal, outcome)
        }
    }

    fn reading(&self) -> Reading {
        let (practice, minutes) = (self.practice.clone(), self.minutes);
        Reading {
            of: ReadingOf::APractice(PracticeReading { practice, minutes }),
            goal: self.goal,
            note: self.note.clone(),
        }
    }
}

/// The timers that run, oldest first, at an instant of the device's clock. The logs are those of the
/// months in which one may have been started.
pub fn running_timers(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    now: DateTime<Utc>,
) -> Vec<RunningTimer> {
    let things = logged::<TimerStart>(plan, logs).into_iter();
    let timers = things.filter_map(|thing| {
        let started_at = thing.at?;
        Some(RunningTimer {
            id: thing.id,
            goal: thing.fields.goal,
            practice: thing.fields.practice,
            date: thing.date?,
            started_at,
            minutes: minutes_between(started_at, now),
        })
    });
    timers.collect()
}

/// Makes the records that stop a timer: what was practised, on the day on which it was started, and
/// its removal. `minutes` are told where it ran on unnoticed; without them they are those since the
/// start.
///
/// # Errors
/// If no such timer runs in the log, or as [`NewPractice::record`].
pub fn stop_timer(
    plan: &Plan,
    log: &Log,
    timer: RecordId,
    minutes: Option<u16>,
    stamp: &Stamp,
) -> Result<Vec<NewRecord>, InputError> {
    let mut running = running_timers(plan, &[log], stamp.at).into_iter();
    let found = running.find(|running| running.id == timer);
    let found = found.ok_or(InputError::UnknownRecord(timer))?;
    let practice = NewPractice {
        goal: found.goal,
        practice: found.practice,
        minutes: minutes.unwrap_or(found.minutes),
        date: Some(found.date),
        note: None,
    };
    let practised = practice.record(plan, stamp)?;
    let removal = plan.remove::<TimerStart>(Some(log), timer, stamp)?;
    Ok(vec![practised, removal])
}

/// Whether a goal's target on a date, if it has one, counts minutes.
fn counts_minutes(plan: &Plan, goal: GoalId, date: NaiveDate) -> Result<bool, InputError> {
    let state = plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
    Ok(plan.takes_unit(state.history.in_force_on(date), Some(MINUTES)))
}

/// Whole minutes from one instant to another. Clocks of two devices may differ: never less than none,
/// and at most a day's.
fn minutes_between(start: DateTime<Utc>, end: DateTime<Utc>) -> u16 {
    let minutes = (end - start).num_minutes().clamp(0, DAY_MINUTES.into());
    u16::try_from(minutes).unwrap_or(DAY_MINUTES)
}

#[cfg(test)]
mod tests;

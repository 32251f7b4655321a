//! How a goal goes: a pure fold over its judged days, never stored and never synced.
//!
//! ```text
//!  logs ──► what they say of each day ──► units ──► streak, best streak, slips
//!           (a month at a time)             ├─────► consistency
//!                                           └─────► habit strength
//! ```
//!
//! A unit is a day on which something was to be done, or a week or a month where the goal counts
//! those. What is rest, pause or excused is none. The rules and their vectors are those of our domain
//! model; the curve of habit strength follows Loop Habit Tracker's. Where those leave something open:
//!
//! - A goal **without a schedule** expects nothing: every day that was done counts in the streak, no day
//!   is missed, consistency is 0 of 0 and strength stays. An amount for a week or a month is expected
//!   all the same; of such a goal a schedule only says which days are off.
//! - A **week or month with an amount** is not expected where no day of it was left, and neither where
//!   all that was said is a reason. Within a limit ("at most") it is when it is over.
//! - The **wording in force on a day**, or on the last day of a week or month, judges it. Today's says
//!   whether days, weeks or months are counted: what was judged by another is counted along, a week of
//!   daily days by the days that were to be done in it. Where that is no number, one day done is the
//!   week, which nobody had expected.
//! - A day on which the goal was **on hold, over or not wanted** expects nothing, and a week or month has
//!   it off. What was done on it counts as on any day that nobody expected.
//! - Days **before the first wording** was in force are neither free nor done.

mod course;
mod months;
mod streak;
mod strength;
mod tally;
mod units;

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

pub(crate) use self::course::{Basis, Course};
pub(crate) use self::months::GoalMonths;
use crate::model::codes::Period;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::json;
use crate::model::log::{self, Log};
use crate::model::plan::Plan;

/// Units that may be left out among any seven in a row before a streak ends, unless a person chooses
/// otherwise.
pub const DEFAULT_GRACE: u8 = 1;
/// The most that can be chosen.
pub const GRACE_LIMIT: u8 = 2;

/// How a goal goes, seen on a date. Where it has no schedule nothing is expected: what was done counts in
/// the streak, and nothing is left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ProgressView {
    /// The goal.
    pub goal: GoalId,
    /// What streaks and slips count.
    pub unit: ProgressUnit,
    /// Units that were done since the one too many that was not; rest and what is excused lie between.
    pub streak: u32,
    /// The longest streak so far. It does not fall as days pass.
    pub best: u32,
    /// Units within the streak that were not done; a week or a month by its first date.
    #[serde(serialize_with = "json::dates")]
    pub slips: Vec<NaiveDate>,
    /// Of the last 28 days, or four full weeks or months, what was done of …
    pub done: u32,
    /// … what was to be done.
    pub expected: u32,
    /// How far it has become a habit, from 0 to 1.
    pub strength: f64,
    /// Units done since the beginning.
    pub total: u32,
    /// What is to be said about it, in one word.
    pub message: ProgressMessage,
}

/// How a goal went before some dates and at their end.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) before: ProgressView,
    pub(crate) after: ProgressView,
}

/// What a streak counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ProgressUnit {
    /// Days on which something was to be done.
    Day,
    /// Calendar months.
    Month,
    /// ISO weeks.
    Week,
}

/// What is to be said, with the catalogue's key `progress.…`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ProgressMessage {
    /// It goes on.
    KeepGoing,
    /// Nothing was done yet, not even a day of a week that counts as a whole.
    NotBegun,
    /// A good day to begin again.
    Restart,
    /// It is on hold, over, or in a time off: nothing is asked for now.
    Resting,
}

impl ProgressUnit {
    /// What is counted, where that is more than a day.
    const fn period(self) -> Option<Period> {
        match self {
            Self::Day => None,
            Self::Month => Some(Period::Month),
            Self::Week => Some(Period::Week),
        }
    }
}

impl ProgressMessage {
    /// The key of its text in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::KeepGoing => "progress.keep_going",
            Self::NotBegun => "progress.not_begun",
            Self::Restart => "progress.restart",
            Self::Resting => "progress.resting",
        }
    }
}

/// How a goal goes. The logs must cover every month since the goal was first in force; `today` is the
/// local date on which this is asked. `grace` is 0 to 2.
///
/// # Errors
/// [`InputError::UnknownGoal`], or a grace out of its range.
pub fn progress(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    today: NaiveDate,
    grace: u8,
) -> Result<ProgressView, InputError> {
    months(plan, logs, goal, today)?.view(today, grace)
}

/// How a goal went up to the day before some dates and up to the last of them, counted alike. The logs
/// must cover every month since the goal was first in force.
///
/// # Errors
/// As [`progress`].
pub(crate) fn passage(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    dates: &RangeInclusive<NaiveDate>,
    grace: u8,
) -> Result<Passage, InputError> {
    months(plan, logs, goal, *dates.end())?.passage(dates, grace)
}

fn months(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    today: NaiveDate,
) -> Result<GoalMonths<()>, InputError> {
    let mut months = GoalMonths::of(plan, goal)?;
    for log in log::months(logs) {
        if months.reaches(log.month(), today) {
            let said = log.said(plan).remove(&goal);
            months.put(log.month(), (), said.unwrap_or_default());
        }
    }
    Ok(months)
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

//! How a goal goes: a pure fold over its judged days, never stored and never synced.
//!
//! ```text
//!  day_results ──► units ──► streak, best streak, slips
//!                    ├─────► consistency
//!                    └─────► habit strength
//! ```
//!
//! A unit is a day on which something was to be done, or a week or a month where the goal counts
//! those. What is rest, pause or excused is none. The rules and their vectors are those of our domain
//! model; the curve of habit strength follows Loop Habit Tracker's.

mod streak;
mod strength;
mod units;

use std::borrow::Borrow;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::json;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::progress::streak::streak;
use crate::model::progress::units::{Spelling, spelled};

/// Units that may be left out among any seven in a row before a streak ends, unless a person chooses
/// otherwise.
pub const DEFAULT_GRACE: u8 = 1;
/// The most that can be chosen.
pub const GRACE_LIMIT: u8 = 2;

/// How a goal goes, seen on a date.
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
    /// Of the last 28 days, or four full weeks or months, what was done …
    pub done: u32,
    /// … and what was to be done.
    pub expected: u32,
    /// How far it has become a habit, from 0 to 1.
    pub strength: f64,
    /// Units done since the beginning.
    pub total: u32,
    /// What is to be said about it, in one word.
    pub message: ProgressMessage,
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
    /// Nothing was done yet.
    NotBegun,
    /// A good day to begin again.
    Restart,
}

impl ProgressMessage {
    /// The key of its text in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::KeepGoing => "progress.keep_going",
            Self::NotBegun => "progress.not_begun",
            Self::Restart => "progress.restart",
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
    if grace > GRACE_LIMIT {
        return Err(InputError::Outside {
            field: "grace",
            value: grace.into(),
            min: 0,
            max: GRACE_LIMIT.into(),
        });
    }
    let Spelling {
        unit,
        units,
        recent,
    } = spelled(plan, logs, goal, today)?;
    let walk = streak(&units, grace);
    Ok(ProgressView {
        goal,
        unit,
        streak: walk.now,
        best: walk.best,
        slips: walk.slips,
        done: recent.done,
        expected: recent.expected,
        strength: strength::strength(&units),
        total: walk.total,
        message: match (walk.total, walk.now) {
            (0, _) => ProgressMessage::NotBegun,
            (_, 0) => ProgressMessage::Restart,
            _ => ProgressMessage::KeepGoing,
        },
    })
}

#[cfg(test)]
mod tests;

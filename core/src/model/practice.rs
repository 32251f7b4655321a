//! Practice: what is logged, what a timer logs ([`timer`]), and what each day comes to ([`days`]).
//!
//! Practice for a goal is a check-in with its minutes as the quantity, so that days are judged by
//! check-ins alone: 4 and 6 minutes on one day are the 10 that a target asks for. Practice without a
//! goal is a reading. Where the goal's target counts something else than minutes, the minutes would
//! be taken for that; practice for it is a reading as well, which names the goal and counts nowhere.

use chrono::NaiveDate;

use crate::model::codes::Outcome;
use crate::model::ids::GoalId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::check_in::NewCheckIn;
use crate::model::kinds::reading::{
    PracticeReading, Reading, ReadingOf, check_minutes, check_practice,
};
use crate::model::plan::Plan;

mod days;
mod timer;

pub use days::{PracticeDay, practice_days};
pub use timer::{RunningTimer, running_timers, stop_timer};

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

impl NewPractice {
    /// Makes the record: a check-in where it counts toward the goal, else a reading.
    ///
    /// # Errors
    /// If the goal is unknown, a text is too long, the minutes are out of range, or the role is not the
    /// client's.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        self.check()?;
        let date = self.date.map_or_else(|| plan.local_date(stamp), Ok)?;
        match self.counted_for(plan, date)? {
            Some(goal) => self.check_in(goal, date).record(plan, None, stamp),
            None => plan.add(&self.reading(), Some(date), stamp),
        }
    }

    fn check(&self) -> Result<(), InputError> {
        check_practice(self.practice.as_deref())?;
        check_minutes("minutes", self.minutes)
    }

    /// The goal toward which its minutes count on a date.
    fn counted_for(&self, plan: &Plan, date: NaiveDate) -> Result<Option<GoalId>, InputError> {
        let Some(goal) = self.goal else {
            return Ok(None);
        };
        let state = plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
        let takes = plan.takes_unit(state.history.in_force_on(date), Some(MINUTES));
        Ok(takes.then_some(goal))
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

#[cfg(test)]
mod tests;

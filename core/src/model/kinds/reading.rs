//! A reading: what the client notes about a day beside check-ins. Feelings, practice, nights,
//! exercises, uses of coping strategies, rulers and ratings of how far a goal is are one kind, so that
//! they share one log, one rule of who writes and one way of being corrected.
//!
//! A reading never counts toward a goal's target, whatever goal it names. What is to count is a
//! check-in: days are judged by check-ins alone.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::kinds::check_in::Rating;
use crate::model::text::{NOTE_LIMIT, TextField};
use crate::role::Role;

mod sleep;
mod stored;
mod types;

pub(crate) use types::{check_minutes, check_practice};

pub use sleep::{SleepFigures, SleepReading};
pub use types::{
    CopingReading, EmotionReading, ExerciseReading, OutcomeReading, PracticeReading, Ruler,
    RulerReading,
};

const NOTE: TextField = TextField::optional("note", NOTE_LIMIT);

/// Something that the client notes about a day.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Reading {
    /// What was noted.
    pub of: ReadingOf,
    /// The goal that it is about; rulers and outcomes need one.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// At most 4,000 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub note: Option<String>,
}

/// What a reading notes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "type")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[non_exhaustive]
pub enum ReadingOf {
    /// A feeling.
    #[serde(rename = "emotion")]
    AnEmotion(EmotionReading),
    /// Practice that counts toward no goal.
    #[serde(rename = "practice")]
    APractice(PracticeReading),
    /// A night.
    #[serde(rename = "sleep")]
    ASleep(SleepReading),
    /// An exercise of the catalogue.
    #[serde(rename = "exercise")]
    AnExercise(ExerciseReading),
    /// A use of a coping strategy.
    #[serde(rename = "coping")]
    ACopingUse(CopingReading),
    /// How important, how confident, how ready.
    #[serde(rename = "ruler")]
    ARuler(RulerReading),
    /// How far a goal is.
    #[serde(rename = "outcome")]
    AnOutcome(OutcomeReading),
}

impl Reading {
    /// A reading that says only that much.
    pub fn new(of: ReadingOf) -> Self {
        Self {
            of,
            goal: None,
            note: None,
        }
    }

    /// What it was after less what it was before: of a feeling −100 to 100, of an exercise or a coping
    /// strategy −10 to 10. None where one of both is not said, which is not the same as no change.
    pub fn change(&self) -> Option<i8> {
        let (before, after) = match &self.of {
            ReadingOf::AnEmotion(emotion) => (Some(emotion.intensity), emotion.after),
            ReadingOf::AnExercise(exercise) => (exercise.before, exercise.after),
            ReadingOf::ACopingUse(coping) => (coping.before, coping.after),
            _ => (None, None),
        };
        after?.checked_signed_diff(before?)
    }

    /// What follows from a night.
    pub fn night(&self) -> Option<SleepFigures> {
        match &self.of {
            ReadingOf::ASleep(sleep) => sleep.figures(),
            _ => None,
        }
    }
}

impl Fields for Reading {
    const KIND: Kind = Kind::Reading;
    const KEYS: u64 = stored::KEYS;
    const ACTION: &'static str = "note how the client is";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::ByAuthor;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        NOTE.check_opt(self.note.as_deref())?;
        match &self.of {
            ReadingOf::AnEmotion(emotion) => emotion.check(),
            ReadingOf::APractice(practice) => practice.check(),
            ReadingOf::ASleep(sleep) => sleep.check(),
            ReadingOf::AnExercise(exercise) => exercise.check(),
            ReadingOf::ACopingUse(coping) => coping.check(),
            ReadingOf::ARuler(ruler) => {
                ruler.check()?;
                self.needs_goal("a ruler")
            }
            ReadingOf::AnOutcome(_) => self.needs_goal("an outcome"),
        }
    }

    fn links(&self) -> Vec<Link> {
        let named = match &self.of {
            ReadingOf::ACopingUse(coping) => {
                Some(Link::about(coping.strategy, &[Kind::CopingStrategy]))
            }
            ReadingOf::AnOutcome(outcome) => Some(Link::to(outcome.measure, &[Kind::Measure])),
            _ => None,
        };
        Link::of_goal(self.goal).into_iter().chain(named).collect()
    }

    fn rating(&self) -> Option<Rating> {
        match &self.of {
            ReadingOf::AnOutcome(OutcomeReading { measure, value }) => Some(Rating {
                measure: *measure,
                value: *value,
            }),
            _ => None,
        }
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            of: ReadingOf::ASleep(sleep::night()),
            goal: Some(goal),
            note: Some("Woke once".into()),
        }
    }
}

impl Reading {
    fn needs_goal(&self, field: &'static str) -> Result<(), InputError> {
        match self.goal {
            Some(_) => Ok(()),
            None => Err(InputError::Needs {
                field,
                needs: "a goal",
            }),
        }
    }
}

impl<C> Encode<C> for Reading {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        stored::Stored::from(self).encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Reading {
    fn decode(
        d: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        stored::Stored::decode(d, context)?.read()
    }
}

#[cfg(test)]
pub(crate) use tests::every_type;

#[cfg(test)]
mod tests;

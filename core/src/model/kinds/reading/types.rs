//! What readings say, one struct for each type but the night.

use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::{MeasureId, RecordId};
use crate::model::input::InputError;
use crate::model::item::check::{DAY_MINUTES, between, between_opt};
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};

const EMOTION: TextField = TextField::required("emotion", LABEL_LIMIT);
const TRIGGER: TextField = TextField::optional("trigger", STATEMENT_LIMIT);
const SKILL: TextField = TextField::optional("skill", LABEL_LIMIT);
const PRACTICE: TextField = TextField::required("practice", LABEL_LIMIT);
const EXERCISE: TextField = TextField::required("exercise", LABEL_LIMIT);

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

codes! {
    /// One of the three rulers of motivational interviewing.
    Ruler {
        /// How sure one is of being able to.
        Confidence = 2 "confidence",
        /// How much it matters.
        Importance = 1 "importance",
        /// How ready one is to begin.
        Readiness = 3 "readiness",
    }
}

/// A feeling, and what was done about it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct EmotionReading {
    /// Which, in the client's own words, 1 to 100 characters.
    pub emotion: String,
    /// How strong, 0 to 100.
    pub intensity: u8,
    /// What set it off, at most 500 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub trigger: Option<String>,
    /// What the client did about it, at most 100 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub skill: Option<String>,
    /// How strong afterwards, 0 to 100.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<u8>,
}

impl EmotionReading {
    pub(super) fn check(&self) -> Result<(), InputError> {
        EMOTION.check(&self.emotion)?;
        TRIGGER.check_opt(self.trigger.as_deref())?;
        SKILL.check_opt(self.skill.as_deref())?;
        between("intensity", self.intensity, 0, 100)?;
        between_opt("intensity after", self.after, 0, 100)
    }
}

/// Practice.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PracticeReading {
    /// Of what: own words or a key of the catalogue, 1 to 100 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub practice: Option<String>,
    /// Whole minutes, 0 to 1,440.
    pub minutes: u16,
}

impl PracticeReading {
    pub(super) fn check(&self) -> Result<(), InputError> {
        check_practice(self.practice.as_deref())?;
        check_minutes("minutes", self.minutes)
    }
}

/// Checks the name of a practice.
pub(crate) fn check_practice(practice: Option<&str>) -> Result<(), InputError> {
    PRACTICE.check_opt(practice)
}

/// Checks minutes of a day.
pub(crate) fn check_minutes(field: &'static str, minutes: u16) -> Result<(), InputError> {
    between(field, minutes, 0, DAY_MINUTES.into())
}

/// An exercise, such as breathing or grounding.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ExerciseReading {
    /// Its key in the catalogue, 1 to 100 characters.
    pub exercise: String,
    /// How long, 0 to 86,400 seconds.
    pub seconds: u32,
    /// How hard it was before, 0 to 10.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub before: Option<u8>,
    /// How hard it was after, 0 to 10.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<u8>,
}

impl ExerciseReading {
    pub(super) fn check(&self) -> Result<(), InputError> {
        EXERCISE.check(&self.exercise)?;
        between("seconds", self.seconds, 0, DAY_SECONDS)?;
        between_opt("before", self.before, 0, 10)?;
        between_opt("after", self.after, 0, 10)
    }
}

/// A use of a coping strategy.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CopingReading {
    /// The strategy.
    pub strategy: RecordId,
    /// How hard it was before, 0 to 10.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub before: Option<u8>,
    /// How hard it was after, 0 to 10.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<u8>,
    /// How much it helped, 0 to 10.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub helped: Option<u8>,
}

impl CopingReading {
    pub(super) fn check(&self) -> Result<(), InputError> {
        between_opt("before", self.before, 0, 10)?;
        between_opt("after", self.after, 0, 10)?;
        between_opt("helped", self.helped, 0, 10)
    }
}

/// A point on a ruler, about the reading's goal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RulerReading {
    /// Which ruler.
    pub ruler: Ruler,
    /// Where on it, 0 to 10.
    pub value: u8,
}

impl RulerReading {
    pub(super) fn check(&self) -> Result<(), InputError> {
        between("ruler", self.value, 0, 10)
    }
}

/// How far the reading's goal is, on the scale of a measure.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OutcomeReading {
    /// The measure.
    pub measure: MeasureId,
    /// A value of its scale.
    pub value: i32,
}

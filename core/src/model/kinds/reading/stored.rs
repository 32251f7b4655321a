//! A reading in a record: one flat map with a number for its type, whatever the type. A map inside the
//! map would lose what a newer app puts there whenever this one changes the reading; of the flat one
//! the item hands on every key that it does not know.

use chrono::{DateTime, Utc};
use minicbor::decode::Error;
use minicbor::{Decode, Encode};

use super::types::{
    CopingReading, EmotionReading, ExerciseReading, OutcomeReading, PracticeReading, Ruler,
    RulerReading,
};
use super::{Reading, ReadingOf, SleepReading};
use crate::model::cbor;
use crate::model::ids::{GoalId, MeasureId, RecordId};
use crate::model::left_out::Reason;

/// One more than the highest key.
pub(super) const KEYS: u64 = 20;

// The types. A number is never used for anything else.
const EMOTION: u8 = 1;
const PRACTICE: u8 = 2;
const SLEEP: u8 = 3;
const EXERCISE: u8 = 4;
const COPING: u8 = 5;
const RULER: u8 = 6;
const OUTCOME: u8 = 7;

/// A reading of any type.
#[derive(Debug, Decode, Default, Encode, PartialEq)]
#[cbor(map)]
pub(super) struct Stored {
    #[n(0)]
    of: u8,
    #[n(1)]
    goal: Option<GoalId>,
    #[n(2)]
    note: Option<String>,
    /// The emotion, practice or exercise.
    #[n(3)]
    what: Option<String>,
    #[n(4)]
    trigger: Option<String>,
    #[n(5)]
    skill: Option<String>,
    /// An emotion's intensity, too.
    #[n(6)]
    before: Option<u8>,
    #[n(7)]
    after: Option<u8>,
    #[n(8)]
    helped: Option<u8>,
    #[n(9)]
    minutes: Option<u16>,
    #[n(10)]
    seconds: Option<u32>,
    /// The strategy or the measure.
    #[n(11)]
    about: Option<RecordId>,
    #[n(12)]
    ruler: Option<Ruler>,
    /// On the ruler or the scale.
    #[n(13)]
    value: Option<i32>,
    #[n(14)]
    #[cbor(with = "cbor::instant", has_nil)]
    bed: Option<DateTime<Utc>>,
    #[n(15)]
    #[cbor(with = "cbor::instant", has_nil)]
    lights_out: Option<DateTime<Utc>>,
    #[n(16)]
    #[cbor(with = "cbor::instant", has_nil)]
    wake: Option<DateTime<Utc>>,
    #[n(17)]
    #[cbor(with = "cbor::instant", has_nil)]
    rise: Option<DateTime<Utc>>,
    /// Minutes from lights out until sleep; `minutes` are those awake in between.
    #[n(18)]
    latency: Option<u16>,
    #[n(19)]
    awakenings: Option<u8>,
}

impl From<&Reading> for Stored {
    fn from(reading: &Reading) -> Self {
        Self {
            goal: reading.goal,
            note: reading.note.clone(),
            ..Self::of(&reading.of)
        }
    }
}

impl Stored {
    fn of(of: &ReadingOf) -> Self {
        match of.clone() {
            ReadingOf::AnEmotion(emotion) => Self {
                of: EMOTION,
                what: Some(emotion.emotion),
                trigger: emotion.trigger,
                skill: emotion.skill,
                before: Some(emotion.intensity),
                after: emotion.after,
                ..Self::default()
            },
            ReadingOf::APractice(practice) => Self {
                of: PRACTICE,
                what: practice.practice,
                minutes: Some(practice.minutes),
                ..Self::default()
            },
            ReadingOf::ASleep(sleep) => Self {
                of: SLEEP,
                minutes: Some(sleep.awake_minutes),
                bed: Some(sleep.bed),
                lights_out: Some(sleep.lights_out),
                wake: Some(sleep.wake),
                rise: Some(sleep.rise),
                latency: Some(sleep.latency_minutes),
                awakenings: sleep.awakenings,
                ..Self::default()
            },
            ReadingOf::AnExercise(exercise) => Self {
                of: EXERCISE,
                what: Some(exercise.exercise),
                before: exercise.before,
                after: exercise.after,
                seconds: Some(exercise.seconds),
                ..Self::default()
            },
            ReadingOf::ACopingUse(coping) => Self {
                of: COPING,
                before: coping.before,
                after: coping.after,
                helped: coping.helped,
                about: Some(coping.strategy),
                ..Self::default()
            },
            ReadingOf::ARuler(ruler) => Self {
                of: RULER,
                ruler: Some(ruler.ruler),
                value: Some(ruler.value.into()),
                ..Self::default()
            },
            ReadingOf::AnOutcome(outcome) => Self {
                of: OUTCOME,
                about: Some(outcome.measure.record()),
                value: Some(outcome.value),
                ..Self::default()
            },
        }
    }

    /// What it says. A type that this version does not know needs a newer app; a type with a field
    /// missing, or with one of another type, is none of ours.
    pub(super) fn read(self) -> Result<Reading, Error> {
        if !(EMOTION..=OUTCOME).contains(&self.of) {
            return Err(Error::custom(Reason::NeedsNewerApp));
        }
        let unlike = || Error::message("not the fields of its type");
        let reading = Reading {
            of: self.reading_of().ok_or_else(unlike)?,
            goal: self.goal,
            note: self.note.clone(),
        };
        match Self::from(&reading) == self {
            true => Ok(reading),
            false => Err(unlike()),
        }
    }

    fn reading_of(&self) -> Option<ReadingOf> {
        Some(match self.of {
            EMOTION => ReadingOf::AnEmotion(EmotionReading {
                emotion: self.what.clone()?,
                intensity: self.before?,
                trigger: self.trigger.clone(),
                skill: self.skill.clone(),
                after: self.after,
            }),
            PRACTICE => ReadingOf::APractice(PracticeReading {
                practice: self.what.clone(),
                minutes: self.minutes?,
            }),
            SLEEP => ReadingOf::ASleep(SleepReading {
                bed: self.bed?,
                lights_out: self.lights_out?,
                wake: self.wake?,
                rise: self.rise?,
                latency_minutes: self.latency?,
                awake_minutes: self.minutes?,
                awakenings: self.awakenings,
            }),
            EXERCISE => ReadingOf::AnExercise(ExerciseReading {
                exercise: self.what.clone()?,
                seconds: self.seconds?,
                before: self.before,
                after: self.after,
            }),
            COPING => ReadingOf::ACopingUse(CopingReading {
                strategy: self.about?,
                before: self.before,
                after: self.after,
                helped: self.helped,
            }),
            RULER => ReadingOf::ARuler(RulerReading {
                ruler: self.ruler?,
                value: u8::try_from(self.value?).ok()?,
            }),
            OUTCOME => ReadingOf::AnOutcome(OutcomeReading {
                measure: MeasureId::from(self.about?),
                value: self.value?,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stored: &Stored) -> Result<Reading, Error> {
        minicbor::decode(&minicbor::to_vec(stored).unwrap())
    }

    fn ruler() -> Stored {
        let (ruler, value) = (Ruler::Confidence, 7);
        Stored::of(&ReadingOf::ARuler(RulerReading { ruler, value }))
    }

    /// An app of today would show a type of tomorrow as something that nobody noted.
    #[test]
    fn a_type_of_a_newer_app_is_not_guessed_at() {
        assert!(read(&ruler()).is_ok());
        let newer = Stored { of: 8, ..ruler() };
        assert!(read(&newer).unwrap_err().is_custom());
        // The same for a fourth ruler.
        let mut bytes = minicbor::to_vec(ruler()).unwrap();
        let at = bytes.iter().position(|byte| *byte == 12).unwrap() + 1;
        bytes[at] = 9;
        let fourth = minicbor::decode::<Reading>(&bytes);
        assert!(fourth.unwrap_err().is_custom());
    }

    /// Fields that no view shows would travel unseen, and be gone after the next change.
    #[test]
    fn fields_of_another_type_and_missing_ones_are_refused() {
        let hidden = Stored {
            trigger: Some("unseen".into()),
            ..ruler()
        };
        let missing = Stored {
            value: None,
            ..ruler()
        };
        let beyond = Stored {
            value: Some(256),
            ..ruler()
        };
        for wrong in [hidden, missing, beyond] {
            assert!(!read(&wrong).unwrap_err().is_custom());
        }
    }
}

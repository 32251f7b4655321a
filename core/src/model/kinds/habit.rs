//! A habit that is hung on something that happens anyway: another habit, or a moment of the day.
//! "After the first coffee I write down three things." What hangs on what makes the routine of a day
//! (`model/stacking.rs`).

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::check::{DAY_MINUTES, between_opt};
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("habit", STATEMENT_LIMIT);
const CUE: TextField = TextField::required("cue", STATEMENT_LIMIT);

codes! {
    /// On which side of its anchor a habit comes.
    HabitPlace {
        /// After it.
        After = 1 "after",
        /// Before it.
        Before = 2 "before",
    }
}

/// A habit and what it hangs on: exactly one of another habit and a moment in a person's own words.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Habit {
    /// What is done, 1 to 500 characters.
    #[n(0)]
    pub text: String,
    /// The goal that it serves.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// The habit that it hangs on, by the id under which that is listed.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub anchor: Option<RecordId>,
    /// The moment that it hangs on instead, such as "the first coffee", 1 to 500 characters.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cue: Option<String>,
    /// Whether it comes before or after that.
    #[n(4)]
    pub place: HabitPlace,
    /// How long it takes, in minutes, 1 to 1440.
    #[n(5)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub minutes: Option<u16>,
}

impl Fields for Habit {
    const KIND: Kind = Kind::Habit;
    const KEYS: u64 = 6;
    const ACTION: &'static str = "plan a habit";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)?;
        CUE.check_opt(self.cue.as_deref())?;
        between_opt("minutes", self.minutes, 1, DAY_MINUTES.into())?;
        match (&self.anchor, &self.cue) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (None, None) => Err(InputError::Needs {
                field: "a habit",
                needs: "an anchor or a cue",
            }),
            (Some(_), Some(_)) => Err(InputError::TooMany {
                field: "anchors",
                count: 2,
                limit: 1,
            }),
        }
    }

    fn links(&self) -> Vec<Link> {
        let anchor = self.anchor.map(|habit| Link::to(habit, &[Kind::Habit]));
        Link::of_goal(self.goal).into_iter().chain(anchor).collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let client = crate::model::testing::client();
        let coffee = Self::on_cue("Drink a glass of water", "getting up");
        let anchor = space.put(client, |plan, stamp| plan.add(&coffee, None, stamp));
        Self {
            goal: Some(space.goal(client)),
            anchor: Some(anchor),
            cue: None,
            minutes: Some(5),
            ..Self::on_cue("Write down three things", "")
        }
    }
}

#[cfg(test)]
impl Habit {
    /// What is done after a moment.
    pub(crate) fn on_cue(text: &str, cue: &str) -> Self {
        Self {
            text: text.into(),
            goal: None,
            anchor: None,
            cue: Some(cue.into()),
            place: HabitPlace::After,
            minutes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A habit without a moment is a wish: nothing would ever remind of it.
    #[test]
    fn it_hangs_on_one_thing() {
        let habit = Habit::on_cue("Stretch", "the news");
        assert_eq!(habit.check(), Ok(()));
        let loose = Habit {
            cue: None,
            ..habit.clone()
        };
        let refused = loose.check().unwrap_err();
        assert_eq!(refused.to_string(), "a habit needs an anchor or a cue");
        let torn = Habit {
            anchor: Some(RecordId([1; 16])),
            ..habit.clone()
        };
        let refused = torn.check().unwrap_err();
        assert_eq!(refused.to_string(), "2 anchors, at most 1 are allowed");
        assert!(Habit::on_cue("Stretch", " ").check().is_err());
        let endless = Habit {
            minutes: Some(1_441),
            ..habit
        };
        let refused = endless.check().unwrap_err();
        assert_eq!(refused.to_string(), "minutes 1441 is outside 1–1440");
    }
}

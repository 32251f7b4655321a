//! An activity that is planned, done and looked back on: how much mastery and pleasure was expected,
//! and how much there was (behavioural activation).

use chrono::{DateTime, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::between_opt;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};
use crate::model::time::write_instant;
use crate::model::{cbor, json};

const WHAT: TextField = TextField::required("activity", STATEMENT_LIMIT);

/// Something to do, with what was expected of it and what it was like.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Activity {
    /// What, 1 to 500 characters.
    #[n(0)]
    pub what: String,
    /// The goal that it serves.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// When it is planned.
    #[n(2)]
    #[cbor(with = "cbor::instant", has_nil)]
    #[serde(serialize_with = "json::instant_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub planned_at: Option<DateTime<Utc>>,
    /// Mastery that is expected, 0 to 10.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub predicted_mastery: Option<u8>,
    /// Pleasure that is expected, 0 to 10.
    #[n(4)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub predicted_pleasure: Option<u8>,
    /// Mastery that there was, 0 to 10.
    #[n(5)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub mastery: Option<u8>,
    /// Pleasure that there was, 0 to 10.
    #[n(6)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pleasure: Option<u8>,
}

impl Fields for Activity {
    const KIND: Kind = Kind::Activity;
    const KEYS: u64 = 7;
    const ACTION: &'static str = "plan an activity";

    fn check(&self) -> Result<(), InputError> {
        WHAT.check(&self.what)?;
        if let Some(at) = self.planned_at {
            write_instant(at)?;
        }
        let ratings = [
            ("expected mastery", self.predicted_mastery),
            ("expected pleasure", self.predicted_pleasure),
            ("mastery", self.mastery),
            ("pleasure", self.pleasure),
        ];
        let mut ratings = ratings.into_iter();
        ratings.try_for_each(|(field, rating)| between_opt(field, rating, 0, 10))
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            what: "Swim".into(),
            goal: Some(goal),
            planned_at: DateTime::from_timestamp_millis(1_777_629_600_000),
            predicted_mastery: Some(3),
            predicted_pleasure: Some(2),
            mastery: Some(7),
            pleasure: Some(8),
        }
    }
}

impl Activity {
    /// How much more mastery there was than expected, −10 to 10; none where one of both is not said.
    pub fn mastery_gain(&self) -> Option<i8> {
        gain(self.predicted_mastery, self.mastery)
    }

    /// How much more pleasure there was than expected, −10 to 10; none where one of both is not said.
    pub fn pleasure_gain(&self) -> Option<i8> {
        gain(self.predicted_pleasure, self.pleasure)
    }
}

fn gain(predicted: Option<u8>, actual: Option<u8>) -> Option<i8> {
    actual?.checked_signed_diff(predicted?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::Space;

    /// That it was better than expected is what the exercise is for.
    #[test]
    fn what_was_expected_stands_beside_what_was() {
        let mut activity = Activity::sample(&mut Space::default());
        assert_eq!(activity.mastery_gain(), Some(4));
        activity.mastery = None;
        assert_eq!(activity.mastery_gain(), None);
        assert_eq!(activity.pleasure_gain(), Some(6));
    }
}

//! A timer that was started. It runs as long as the item is there, so that a restart does not end it
//! and the client's other device shows it; it began at the record's instant. Stopping it writes what
//! was practised and removes it: see `model/practice.rs`.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::kinds::reading::check_practice;
use crate::role::Role;

/// A timer that runs.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct TimerStart {
    /// The goal that the practice is to count toward.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// What is practised: own words or a key of the catalogue, 1 to 100 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub practice: Option<String>,
}

impl Fields for TimerStart {
    const KIND: Kind = Kind::TimerStart;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "start a timer";
    const WRITERS: &'static [Role] = &[Role::Client];
    // Two devices that stop it must mean the same timer.
    const CHANGES: Changes = Changes::Never;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        check_practice(self.practice.as_deref())
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            goal: Some(goal),
            practice: Some("Breathing".into()),
        }
    }
}

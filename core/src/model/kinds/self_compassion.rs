//! A note of self-compassion: a kind word of the client to the client. Nobody else writes one.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{NOTE_LIMIT, TextField};
use crate::role::Role;

const TEXT: TextField = TextField::required("note", NOTE_LIMIT);

/// A kind word to oneself.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct SelfCompassion {
    /// What one would say to a good friend, 1 to 4000 characters.
    #[n(0)]
    pub text: String,
    /// The goal that it is about.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
}

impl Fields for SelfCompassion {
    const KIND: Kind = Kind::SelfCompassion;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "write a kind word for the client";
    const WRITERS: &'static [Role] = &[Role::Client];

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        Self {
            text: "It was a long week, and I rested when I needed to".into(),
            goal: Some(space.goal(crate::model::testing::client())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_something() {
        let silent = SelfCompassion {
            text: "\n".into(),
            goal: None,
        };
        assert_eq!(silent.check().unwrap_err().to_string(), "note is empty");
    }
}

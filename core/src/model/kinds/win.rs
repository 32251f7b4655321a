//! A win, small or large, in the client's own words.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};
use crate::role::Role;

const TEXT: TextField = TextField::required("win", STATEMENT_LIMIT);

codes! {
    /// What kind of win it is.
    WinKind {
        /// A boundary was kept.
        Boundary = 1 "boundary",
        /// Something hard was lived through.
        Coped = 2 "coped",
        /// Anything else.
        Other = 6 "other",
        /// Somebody took care of themselves.
        SelfCare = 3 "self_care",
        /// Somebody was met.
        Social = 4 "social",
        /// A step was made.
        Step = 5 "step",
    }
}

/// Something that went well.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Win {
    /// What it was, 1 to 500 characters.
    #[n(0)]
    pub text: String,
    /// What kind of win it is.
    #[n(1)]
    pub of: WinKind,
    /// The goal that it belongs to.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
}

impl Fields for Win {
    const KIND: Kind = Kind::Win;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "write down a win";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::ByAuthor;

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            text: "Said no".into(),
            of: WinKind::Boundary,
            goal: Some(goal),
        }
    }
}

//! A milestone on the way to a goal, and when it counts as reached.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::between_opt;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("milestone", STATEMENT_LIMIT);
/// The fewest and the most done days that something may wait for: a hundred years of them.
pub(crate) const DONE_DAYS: (i64, i64) = (1, 36_600);

/// A point on the way to a goal.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Milestone {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
    /// What it is, 1 to 500 characters.
    #[n(1)]
    pub text: String,
    /// Reached when so many days were done, 1 to 36,600; without it, when somebody says so.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub done_days: Option<u32>,
}

impl Fields for Milestone {
    const KIND: Kind = Kind::Milestone;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "set a milestone";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)?;
        between_opt("done days", self.done_days, DONE_DAYS.0, DONE_DAYS.1)
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.goal, &[Kind::Goal])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            goal,
            text: "Ten times".into(),
            done_days: Some(10),
        }
    }
}

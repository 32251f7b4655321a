//! A reward that somebody looks forward to after some done days.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::between;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::kinds::milestone::DONE_DAYS;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("reward", STATEMENT_LIMIT);

codes! {
    /// Where the joy of a reward comes from.
    RewardKind {
        /// From something that one gets or allows oneself.
        Extrinsic = 2 "extrinsic",
        /// From the thing itself: a walk further than ever, a song that can be played.
        Intrinsic = 1 "intrinsic",
    }
}

/// What somebody looks forward to.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Reward {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
    /// It is unlocked when so many days were done, 1 to 36,600.
    #[n(1)]
    pub done_days: u32,
    /// What it is, 1 to 500 characters.
    #[n(2)]
    pub text: String,
    /// Where its joy comes from.
    #[n(3)]
    pub of: RewardKind,
}

impl Fields for Reward {
    const KIND: Kind = Kind::Reward;
    const KEYS: u64 = 4;
    const ACTION: &'static str = "plan a reward";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)?;
        between("done days", self.done_days, DONE_DAYS.0, DONE_DAYS.1)
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.goal, &[Kind::Goal])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        Self {
            goal: space.goal(crate::model::testing::client()),
            done_days: 5,
            text: "An evening at the lake".into(),
            of: RewardKind::Intrinsic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::Space;

    /// A reward after no days would be there before anything was done.
    #[test]
    fn it_has_a_text_and_a_number_of_days() {
        let reward = Reward::sample(&mut Space::default());
        assert_eq!(reward.check(), Ok(()));
        for done_days in [0, 36_601] {
            let refused = Reward {
                done_days,
                ..reward.clone()
            };
            let refused = refused.check().unwrap_err().to_string();
            assert_eq!(refused, format!("done days {done_days} is outside 1–36600"));
        }
        let silent = Reward {
            text: " ".into(),
            ..reward
        };
        assert_eq!(silent.check().unwrap_err().to_string(), "reward is empty");
    }
}

//! A plan for an obstacle: if this comes up, then I will do that. It reads as the text
//! `if_then.sentence` of the catalogue.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::catalogue::{Argument, Language, texts};
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const OBSTACLE: TextField = TextField::required("obstacle", STATEMENT_LIMIT);
const ACTION: TextField = TextField::required("action", STATEMENT_LIMIT);

/// What to do when something comes up.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct IfThen {
    /// What may come up, 1 to 500 characters: what follows "if".
    #[n(0)]
    pub obstacle: String,
    /// What to do then, 1 to 500 characters: what follows "then I will".
    #[n(1)]
    pub action: String,
    /// The goal that it serves.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
}

impl Fields for IfThen {
    const KIND: Kind = Kind::IfThen;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "plan for an obstacle";

    fn check(&self) -> Result<(), InputError> {
        OBSTACLE.check(&self.obstacle)?;
        ACTION.check(&self.action)
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            obstacle: "it rains".into(),
            action: "walk in the hall".into(),
            goal: Some(goal),
        }
    }
}

impl IfThen {
    /// The sentence in a language: "If {obstacle}, then I will {action}".
    pub fn sentence(&self, language: Language) -> String {
        let arguments = [
            Argument::new("obstacle", &self.obstacle),
            Argument::new("action", &self.action),
        ];
        let said = texts(language).say("if_then.sentence", &arguments);
        said.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::model::testing::{Space, client};

    /// Half a plan helps nobody when the obstacle is there.
    #[test]
    fn it_has_both_halves_and_reads_as_a_sentence() {
        let mut plan = IfThen {
            obstacle: "it rains".into(),
            action: "walk in the hall".into(),
            goal: None,
        };
        let said = plan.sentence(Language::English);
        assert_eq!(said, "If it rains, then I will walk in the hall");
        plan.action = " ".into();
        let error = plan.check().unwrap_err();
        assert_eq!(error.to_string(), "action is empty");
    }

    /// Half a plan of another app would stand there as "If it rains, then I will ".
    #[test]
    fn an_empty_half_is_left_out_where_it_arrives() {
        let mut space = Space::default();
        let whole = IfThen::sample(&mut space);
        let no_then = IfThen {
            action: " ".into(),
            ..whole.clone()
        };
        let no_if = IfThen {
            obstacle: String::new(),
            ..whole
        };
        for half in [no_if, no_then] {
            let arrived = space.smuggle(client(), half);
            assert_eq!(space.reason(arrived), Some(Reason::OutOfRange));
        }
        assert!(space.plan().things::<IfThen>().is_empty());
    }
}

//! Solving a problem in steps: what it is, what could be done, what was chosen, how, and what came of
//! it.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::item::check::between_opt;
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField, check_count};

const PROBLEM: TextField = TextField::required("problem", STATEMENT_LIMIT);
const OPTION: TextField = TextField::required("option", STATEMENT_LIMIT);
const PLAN: TextField = TextField::optional("plan", STATEMENT_LIMIT);
const OUTCOME: TextField = TextField::optional("outcome", STATEMENT_LIMIT);
/// Options at most.
const OPTION_LIMIT: usize = 20;

/// A problem and the way through it.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct ProblemSolving {
    /// What it is, 1 to 500 characters.
    #[n(0)]
    pub problem: String,
    /// What could be done: up to 20, each 1 to 500 characters.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub options: Vec<String>,
    /// Which of them was chosen, from 0.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub chosen: Option<u8>,
    /// How, at most 500 characters.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plan: Option<String>,
    /// What came of it, at most 500 characters; needs a chosen option.
    #[n(4)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub outcome: Option<String>,
}

impl Fields for ProblemSolving {
    const KIND: Kind = Kind::ProblemSolving;
    const KEYS: u64 = 5;
    const ACTION: &'static str = "solve a problem";

    fn check(&self) -> Result<(), InputError> {
        PROBLEM.check(&self.problem)?;
        check_count("options", self.options.len(), OPTION_LIMIT)?;
        self.options
            .iter()
            .try_for_each(|text| OPTION.check(text))?;
        PLAN.check_opt(self.plan.as_deref())?;
        OUTCOME.check_opt(self.outcome.as_deref())?;
        let last = i64::try_from(self.options.len()).unwrap_or_default() - 1;
        between_opt("chosen option", self.chosen, 0, last)?;
        match self.outcome.is_some() && self.chosen.is_none() {
            true => Err(InputError::Needs {
                field: "outcome",
                needs: "a chosen option",
            }),
            false => Ok(()),
        }
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            problem: "No time in the evening".into(),
            options: vec!["In the morning".into(), "At noon".into()],
            chosen: Some(1),
            plan: Some("Before lunch".into()),
            outcome: Some("It fits".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something would have come of a choice that nobody made.
    #[test]
    fn an_outcome_needs_a_chosen_option_that_is_there() {
        let mut solving = ProblemSolving {
            problem: "No time".into(),
            options: vec!["At noon".into()],
            chosen: None,
            plan: None,
            outcome: Some("It fits".into()),
        };
        let error = solving.check().unwrap_err();
        assert_eq!(error.to_string(), "outcome needs a chosen option");
        solving.chosen = Some(1);
        assert!(solving.check().is_err(), "there is one option");
        solving.chosen = Some(0);
        assert_eq!(solving.check(), Ok(()));
    }
}

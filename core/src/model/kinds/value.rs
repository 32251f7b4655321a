//! A value that the client brings into the plan: what matters, and how much. Goals name it; when it
//! goes, they stay.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::item::check::between;
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};
use crate::role::Role;

const NAME: TextField = TextField::required("value", LABEL_LIMIT);
const MEANING: TextField = TextField::optional("meaning", STATEMENT_LIMIT);

/// What matters to the client.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Value {
    /// In the client's own words, 1 to 100 characters.
    #[n(0)]
    pub name: String,
    /// How much it matters, 0 to 10.
    #[n(1)]
    pub importance: u8,
    /// What it means to the client, at most 500 characters.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub meaning: Option<String>,
}

impl Fields for Value {
    const KIND: Kind = Kind::Value;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "say what matters to the client";
    const WRITERS: &'static [Role] = &[Role::Client];

    fn check(&self) -> Result<(), InputError> {
        NAME.check(&self.name)?;
        MEANING.check_opt(self.meaning.as_deref())?;
        between("importance", self.importance, 0, 10)
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            name: "Family".into(),
            importance: 9,
            meaning: Some("Being there".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scale from 0 to 10 would have an eleventh step on one phone.
    #[test]
    fn importance_is_a_step_from_0_to_10() {
        let value = Value {
            name: "Family".into(),
            importance: 11,
            meaning: None,
        };
        let error = value.check().unwrap_err();
        assert_eq!(error.to_string(), "importance 11 is outside 0–10");
    }
}

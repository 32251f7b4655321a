//! A circumstance: what surrounds a person and shapes what a plan can ask: shifts, small children, a
//! long way to work.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("circumstance", STATEMENT_LIMIT);
const AREA: TextField = TextField::optional("area", LABEL_LIMIT);

/// What surrounds a person.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Circumstance {
    /// In a person's own words, 1 to 500 characters.
    #[n(0)]
    pub text: String,
    /// The area of life, at most 100 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub area: Option<String>,
}

impl Fields for Circumstance {
    const KIND: Kind = Kind::Circumstance;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "write down a circumstance";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)?;
        AREA.check_opt(self.area.as_deref())
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            text: "Night shifts every third week".into(),
            area: Some("Work".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_something() {
        let silent = Circumstance {
            text: String::new(),
            area: Some("Work".into()),
        };
        let refused = silent.check().unwrap_err();
        assert_eq!(refused.to_string(), "circumstance is empty");
    }
}

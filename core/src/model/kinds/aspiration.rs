//! An aspiration: what a person longs for, in a person's own words, before it is a goal. A goal that
//! it becomes names it, so that the way can be followed in both directions.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("aspiration", STATEMENT_LIMIT);
const AREA: TextField = TextField::optional("area", LABEL_LIMIT);

/// What a person longs for.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Aspiration {
    /// In the person's own words, 1 to 500 characters.
    #[n(0)]
    pub text: String,
    /// The area of life, at most 100 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub area: Option<String>,
}

impl Fields for Aspiration {
    const KIND: Kind = Kind::Aspiration;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "name an aspiration";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)?;
        AREA.check_opt(self.area.as_deref())
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            text: "To be less alone".into(),
            area: Some("Friends".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_something() {
        let aspiration = Aspiration {
            text: " ".into(),
            area: None,
        };
        let error = aspiration.check().unwrap_err();
        assert_eq!(error.to_string(), "aspiration is empty");
    }
}

//! A coping strategy: what helps when it is hard. How much it helped is told by its uses.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::item::check::between_opt;
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};

const LABEL: TextField = TextField::required("strategy", LABEL_LIMIT);
const WHEN: TextField = TextField::optional("when to use", STATEMENT_LIMIT);

/// What helps when it is hard.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct CopingStrategy {
    /// What to do, 1 to 100 characters.
    #[n(0)]
    pub label: String,
    /// When it fits, at most 500 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub when_to_use: Option<String>,
    /// The person's own order, 1 first, up to 100.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub rank: Option<u8>,
}

impl Fields for CopingStrategy {
    const KIND: Kind = Kind::CopingStrategy;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "keep a coping strategy";

    fn check(&self) -> Result<(), InputError> {
        LABEL.check(&self.label)?;
        WHEN.check_opt(self.when_to_use.as_deref())?;
        between_opt("rank", self.rank, 1, 100)
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            label: "Breathe out slowly".into(),
            when_to_use: Some("Before a call".into()),
            rank: Some(1),
        }
    }
}

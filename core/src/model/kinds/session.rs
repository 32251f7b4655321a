//! A session: when people meet. Its agenda, its homework and its notes are records of their own, so
//! that what both add offline is all there; `model/sessions.rs` brings them together.

use chrono::{DateTime, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::item::check::{DAY_MINUTES, between_opt};
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, NOTE_LIMIT, TextField};
use crate::model::time::write_instant;
use crate::model::{cbor, json};

const PLACE: TextField = TextField::optional("place", LABEL_LIMIT);
const SUMMARY: TextField = TextField::optional("summary", NOTE_LIMIT);

/// A session.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Session {
    /// When it begins; none as long as no time is agreed.
    #[n(0)]
    #[cbor(with = "cbor::instant", has_nil)]
    #[serde(serialize_with = "json::instant_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub begins: Option<DateTime<Utc>>,
    /// How long it takes, 1 to 1,440 minutes.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub minutes: Option<u16>,
    /// Where, at most 100 characters.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub place: Option<String>,
    /// What came of it, in a few sentences, at most 4,000 characters. What people write down together
    /// is a note about the session, which merges by character.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub summary: Option<String>,
}

impl Fields for Session {
    const KIND: Kind = Kind::Session;
    const KEYS: u64 = 4;
    const ACTION: &'static str = "plan a session";

    fn check(&self) -> Result<(), InputError> {
        self.begins.map(write_instant).transpose()?;
        between_opt("minutes", self.minutes, 1, DAY_MINUTES.into())?;
        PLACE.check_opt(self.place.as_deref())?;
        SUMMARY.check_opt(self.summary.as_deref())
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self {
            begins: DateTime::from_timestamp_millis(1_777_899_600_000),
            minutes: Some(50),
            place: Some("at the practice".into()),
            summary: Some("We looked at the evenings".into()),
        }
    }
}

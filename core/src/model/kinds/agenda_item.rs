//! Something that is to be talked about in a session. Each is a record of its own: what both think of
//! between two sessions, each on a device without a network, is all on the agenda.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const TEXT: TextField = TextField::required("agenda item", STATEMENT_LIMIT);

/// Something to talk about in a session.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct AgendaItem {
    /// The session.
    #[n(0)]
    pub session: RecordId,
    /// What it is, 1 to 500 characters.
    #[n(1)]
    pub text: String,
    /// Whether it was talked about.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub is_done: bool,
}

impl Fields for AgendaItem {
    const KIND: Kind = Kind::AgendaItem;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "add to an agenda";

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.session, &[Kind::Session])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::client;
        let session = crate::model::Session::sample(space);
        let session = space.put(client(), |p, s| p.add(&session, None, s));
        Self {
            session,
            text: "The evenings".into(),
            is_done: true,
        }
    }
}

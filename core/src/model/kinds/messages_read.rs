//! Which messages and comments somebody has read. Each is named, in the form in which it was read:
//! messages arrive late and out of order, and change, so "all up to this one" would say of some what
//! nobody can know.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::text::{LINK_LIMIT, check_count};

/// That messages and comments were read. It stands in the log in which they stand, so that a month
/// shows what of it was read.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct MessagesRead {
    /// What was read: 1 to 64 records. Of one that was changed, the record of the change.
    #[n(0)]
    pub records: Vec<RecordId>,
}

impl Fields for MessagesRead {
    const KIND: Kind = Kind::MessagesRead;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "say what was read";
    const CHANGES: Changes = Changes::Never;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        match self.records.is_empty() {
            true => Err(InputError::Empty {
                field: "what was read",
            }),
            false => check_count("records", self.records.len(), LINK_LIMIT),
        }
    }

    fn links(&self) -> Vec<Link> {
        // One of them that is forgotten does not make the others unread.
        let named = self.records.iter();
        named.map(|record| Link::to(*record, &[])).collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::therapist;
        let message = crate::model::Message::sample(space);
        let message = space.put(therapist(), |p, s| p.add(&message, None, s));
        Self {
            records: vec![message],
        }
    }
}

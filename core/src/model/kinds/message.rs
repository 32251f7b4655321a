//! A message of one of the people to the others. It stands in the log of its day.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::text::{NOTE_LIMIT, TextField};

const TEXT: TextField = TextField::required("message", NOTE_LIMIT);

/// A message.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Message {
    /// What it says, 1 to 4,000 characters.
    #[n(0)]
    pub text: String,
    /// What it is about: any record.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub about: Option<RecordId>,
}

impl Fields for Message {
    const KIND: Kind = Kind::Message;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "write a message";
    const CHANGES: Changes = Changes::ByAuthor;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)
    }

    fn links(&self) -> Vec<Link> {
        let about = self.about.map(|about| Link::about(about, &[]));
        about.into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            text: "How was it?".into(),
            about: Some(goal.record()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::model::kinds::Content;
    use crate::model::testing::{Space, client, therapist};

    /// A therapist's message would read as something that the client said.
    #[test]
    fn nobody_changes_what_another_wrote() {
        let mut space = Space::default();
        let message = Message::sample(&mut space);
        space.clock += 1;
        let id = space.put(therapist(), |plan, stamp| plan.add(&message, None, stamp));
        let log = space.log();
        let other = Message {
            text: "I never asked".into(),
            about: None,
        };
        let error = space.refused(client(), |plan, stamp| {
            plan.change(Some(&log), id, &other, stamp)
        });
        assert_eq!(error, InputError::NotYours(id));
        let forged = space.forge(client(), |plan| {
            plan.change(Some(&log), id, &other, &Space::stamp(therapist(), 99))
        });
        let view = space.log().view(&space.plan());
        let left = view.left_out.iter().find(|left| left.id == forged);
        assert_eq!(left.map(|left| left.reason), Some(Reason::OutOfRole));
        let items = space.log().items(Kind::Message, &space.plan());
        assert_eq!(items[0].content, Content::from(message));
    }
}

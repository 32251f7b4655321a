//! A comment on something that is there: a check-in, a goal, another comment. Nobody changes what
//! another wrote; what one thinks of it stands beside it.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::text::{NOTE_LIMIT, TextField};

const TEXT: TextField = TextField::required("comment", NOTE_LIMIT);

/// A comment. It stands in the log of the day of what it is about, or where that is of no day, of the
/// day on which it was written.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Comment {
    /// What it says, 1 to 4,000 characters.
    #[n(0)]
    pub text: String,
    /// What it is about: any record.
    #[n(1)]
    pub about: RecordId,
}

impl Fields for Comment {
    const KIND: Kind = Kind::Comment;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "write a comment";
    const CHANGES: Changes = Changes::ByAuthor;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        TEXT.check(&self.text)
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.about, &[])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            text: "That took courage".into(),
            about: goal.record(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::Content;
    use crate::model::testing::{Space, client, therapist};
    use crate::model::{NewCheckIn, Outcome};

    /// A therapist's opinion would stand in the client's diary as if the client had written it.
    #[test]
    fn a_comment_leaves_what_it_is_about_as_it_was_and_is_its_writers_own() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let new = NewCheckIn::new(goal, Outcome::Partial);
        let check_in = space.put(client(), |p, s| new.record(p, None, s));
        let before = space.log().view(&space.plan()).check_ins;
        let comment = Comment {
            text: "A part is something".into(),
            about: check_in,
        };
        let id = space.put(therapist(), |p, s| p.add(&comment, None, s));
        assert_eq!(space.log().view(&space.plan()).check_ins, before);
        let log = space.log();
        let other = Comment {
            text: "I did all of it".into(),
            about: check_in,
        };
        let error = space.refused(client(), |p, s| p.change(Some(&log), id, &other, s));
        assert_eq!(error, InputError::NotYours(id));
        let items = space.log().items(Kind::Comment, &space.plan());
        assert_eq!(items[0].content, Content::from(comment));
    }
}

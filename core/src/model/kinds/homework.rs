//! Homework: a step of the action plan that was agreed on in a session. The step is an [action
//! step](super::action_step) like any other, with its goal, its date and how far it is; this record
//! alone says where it comes from. Its bytes say neither who wrote it nor when: who says it twice says
//! it once.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;

/// That a step is a session's homework.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Homework {
    /// The session.
    #[n(0)]
    pub session: RecordId,
    /// The action step.
    #[n(1)]
    pub step: RecordId,
}

impl Fields for Homework {
    const KIND: Kind = Kind::Homework;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "give homework";
    const CHANGES: Changes = Changes::Never;
    const TWINS: bool = true;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![
            Link::about(self.session, &[Kind::Session]),
            Link::about(self.step, &[Kind::ActionStep]),
        ]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::client;
        let session = crate::model::Session::sample(space);
        let session = space.put(client(), |p, s| p.add(&session, None, s));
        let step = crate::model::ActionStep::sample(space);
        let step = space.put(client(), |p, s| p.add(&step, None, s));
        Self { session, step }
    }
}

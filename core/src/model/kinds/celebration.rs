//! That something is worth celebrating: a win, or a milestone that was reached. Its bytes hold no
//! choice, neither who found it nor when, so that several devices that celebrate it offline celebrate
//! it once. How and with whom is a record of its own ([`crate::model::CelebrationHow`]).

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::role::Role;

/// Something to celebrate.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Celebration {
    /// The win or the milestone, by the id under which it is listed.
    #[n(0)]
    pub of: RecordId,
}

impl Fields for Celebration {
    const KIND: Kind = Kind::Celebration;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "celebrate for the client";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::Never;
    const TWINS: bool = true;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.of, &[Kind::Milestone, Kind::Win])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let win = crate::model::Win::sample(space);
        Self {
            of: space.put(crate::model::testing::client(), |p, s| p.add(&win, None, s)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client};

    /// What is celebrated would be a day at work, or nothing at all.
    #[test]
    fn it_is_of_a_win_or_a_milestone() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let of_goal = Celebration { of: goal.into() };
        let refused = space.refused(client(), |p, s| p.add(&of_goal, None, s));
        assert_eq!(refused, InputError::UnknownRecord(goal.into()));
        let milestone = crate::model::Milestone::sample(&mut space);
        let milestone = space.put(client(), |p, s| p.add(&milestone, None, s));
        let celebration = Celebration { of: milestone };
        space.put(client(), |p, s| p.add(&celebration, None, s));
        assert_eq!(space.plan().items(Kind::Celebration).len(), 1);
    }
}

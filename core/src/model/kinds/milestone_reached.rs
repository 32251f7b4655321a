//! That a milestone was reached. Its bytes say neither who found it nor when, so that several devices
//! that find it offline find one and the same.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;

/// A milestone that was reached.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct MilestoneReached {
    /// The milestone.
    #[n(0)]
    pub milestone: RecordId,
}

impl Fields for MilestoneReached {
    const KIND: Kind = Kind::MilestoneReached;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "reach a milestone";
    const CHANGES: Changes = Changes::Never;
    const TWINS: bool = true;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.milestone, &[Kind::Milestone])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let milestone = crate::model::Milestone::sample(space);
        let milestone = space.put(crate::model::testing::client(), |p, s| {
            p.add(&milestone, None, s)
        });
        Self { milestone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    /// Two devices that found it offline would celebrate it twice.
    #[test]
    fn whoever_finds_it_it_is_reached_once() {
        let mut phone = Space::default();
        let reached = MilestoneReached::sample(&mut phone);
        let mut tablet = phone.clone();
        phone.put(client(), |plan, stamp| plan.add(&reached, None, stamp));
        tablet.clock += 5_000;
        tablet.put(therapist(), |plan, stamp| plan.add(&reached, None, stamp));
        phone.merge(&tablet);
        let plan = phone.plan();
        let found = plan.items(Kind::MilestoneReached);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].authors.len(), 2);
    }
}

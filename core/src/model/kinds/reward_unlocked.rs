//! That a reward was unlocked. Its bytes say neither who found it nor when, so that several devices
//! that find it offline find one and the same; and no later day takes it away.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::role::Role;

/// A reward that was unlocked.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct RewardUnlocked {
    /// The reward.
    #[n(0)]
    pub reward: RecordId,
}

impl Fields for RewardUnlocked {
    const KIND: Kind = Kind::RewardUnlocked;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "unlock a reward";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::Never;
    const TWINS: bool = true;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.reward, &[Kind::Reward])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let reward = crate::model::Reward::sample(space);
        let client = crate::model::testing::client();
        Self {
            reward: space.put(client, |p, s| p.add(&reward, None, s)),
        }
    }
}

//! That the client took a reward. It speaks of the reward as unlocked: nobody takes what is still
//! ahead.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::role::Role;

/// A reward that was taken.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct RewardClaimed {
    /// That the reward was unlocked ([`crate::model::RewardUnlocked`]), by its id.
    #[n(0)]
    pub unlocked: RecordId,
}

impl Fields for RewardClaimed {
    const KIND: Kind = Kind::RewardClaimed;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "take a reward";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::Never;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.unlocked, &[Kind::RewardUnlocked])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let unlocked = crate::model::RewardUnlocked::sample(space);
        let client = crate::model::testing::client();
        Self {
            unlocked: space.put(client, |p, s| p.add(&unlocked, None, s)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reward;
    use crate::model::testing::{Space, client};

    /// A reward would be gone before it was there.
    #[test]
    fn what_is_not_unlocked_is_not_taken() {
        let mut space = Space::default();
        let reward = Reward::sample(&mut space);
        let unlocked = space.put(client(), |p, s| p.add(&reward, None, s));
        let claim = RewardClaimed { unlocked };
        let refused = space.refused(client(), |p, s| p.add(&claim, None, s));
        assert_eq!(refused, InputError::UnknownRecord(unlocked));
    }
}

//! The place of a goal among the others: a key between those of its neighbours (`model/ordering.rs`).
//! A goal has one. Where two devices move the same goal, the record with the lower id holds, and
//! nobody is asked: an order is easily made anew.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::ordering::OrderKey;
use crate::role::Role;

/// The place of a goal among the others. `reorder` writes it.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct GoalOrder {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
    /// Its key: goals stand in the order of their keys, byte by byte. 1 to 16 bytes, the last not 0.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
}

impl Fields for GoalOrder {
    const KIND: Kind = Kind::GoalOrder;
    const KEYS: u64 = 2;
    const ACTION: &'static str = "put goals in order";
    const WRITERS: &'static [Role] = &[Role::Client];
    const ONE_FOR: &'static [Kind] = &[Kind::Goal];

    fn check(&self) -> Result<(), InputError> {
        OrderKey::read(&self.key)
            .map(drop)
            .ok_or(InputError::Empty {
                field: "a key of an order",
            })
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.goal, &[Kind::Goal])]
    }

    fn only_for(&self) -> Option<RecordId> {
        Some(self.goal.record())
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        Self {
            goal: space.goal(crate::model::testing::client()),
            key: vec![128],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::model::testing::{Space, client, day};

    fn keyed(goal: GoalId, key: &[u8]) -> GoalOrder {
        let key = key.to_vec();
        GoalOrder { goal, key }
    }

    /// A key below which nothing fits would stop the list from being put in order for ever.
    #[test]
    fn a_key_under_which_nothing_fits_does_not_count() {
        let mut space = Space::default();
        let goal = space.goal(client());
        for key in [&[][..], &[0], &[7, 0], &[1; 17]] {
            assert!(keyed(goal, key).check().is_err(), "{key:?}");
        }
        let item = crate::model::item::Item {
            rules: Kind::GoalOrder.rules().unwrap(),
            at: Some(Space::stamp(client(), 1).at.timestamp_millis()),
            body: Some(crate::model::item::body::Body::of(
                keyed(goal, &[0]),
                Default::default(),
            )),
            of: Some(goal.record()),
            replaces: Vec::new(),
            day: None,
        };
        let stamp = Space::stamp(client(), 1);
        let record = crate::model::record::write(&item, &stamp).unwrap();
        let smuggled = space.store(record, client());
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRange));
    }

    /// A list would jump on one device and not on the other.
    #[test]
    fn of_two_places_for_one_goal_the_lower_id_holds_and_nobody_is_asked() {
        let mut phone = Space::default();
        let goal = phone.goal(client());
        let mut tablet = phone.clone();
        let up = phone.put(client(), |p, s| p.add(&keyed(goal, &[9]), None, s));
        let down = tablet.put(client(), |p, s| p.add(&keyed(goal, &[200]), None, s));
        phone.merge(&tablet);
        let plan = phone.plan();
        let holds = plan.goal_state(goal).and_then(|state| state.place.clone());
        let expected = if up < down { [9] } else { [200] };
        assert_eq!(holds, OrderKey::read(&expected));
        assert_eq!(plan.goal(goal, day(1)).unwrap().conflicts, []);
    }
}

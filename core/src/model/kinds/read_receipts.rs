//! Whether somebody lets the others know what they have read. It is a person's own choice, for one
//! plan, at any time. Everybody lets the others know until they choose otherwise, since an answer that
//! does not come is easier to wait for when one knows that the words arrived. Whoever switches it off
//! reads as before, and nobody is told. That it is off is in the plan for the others to see, so that
//! nobody takes silence for being overlooked.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::PersonTag;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Thing};
use crate::model::kinds::Kind;
use crate::model::plan::Plan;

/// Whether a person lets the others know what they have read.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct ReadReceipts {
    /// Whether the others are told.
    #[n(0)]
    pub are_sent: bool,
}

impl Fields for ReadReceipts {
    const KIND: Kind = Kind::ReadReceipts;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "choose who is told what was read";
    const CHANGES: Changes = Changes::ByAuthor;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        Self { are_sent: true }
    }
}

impl Plan {
    /// Whether a person lets the others know what they have read. Where two of their devices say
    /// different things, they do not.
    pub fn sends_receipts(&self, person: PersonTag) -> bool {
        let choices = self.receipt_choices(person);
        choices.iter().all(|choice| {
            let mut said = choice.others.iter().chain([&choice.fields]);
            said.all(|said| said.are_sent)
        })
    }

    /// What a person's devices have chosen: one thing, or several where they began apart.
    pub(crate) fn receipt_choices(&self, person: PersonTag) -> Vec<Thing<ReadReceipts>> {
        let mut choices = self.things::<ReadReceipts>();
        let is_own = |choice: &Thing<_>| choice.authors.iter().any(|by| by.person == person);
        choices.retain(is_own);
        choices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    const OFF: ReadReceipts = ReadReceipts { are_sent: false };
    const ON: ReadReceipts = ReadReceipts { are_sent: true };

    /// Somebody who chose not to tell would be told on by their other phone, or by who writes for them.
    #[test]
    fn it_is_off_once_a_person_says_so_on_any_device_and_on_for_all_others() {
        let mut phone = Space::default();
        let sends = |space: &Space| {
            let plan = space.plan();
            [client(), therapist()].map(|by| plan.sends_receipts(by.person))
        };
        assert_eq!(sends(&phone), [true, true]);
        let mut tablet = phone.clone();
        tablet.device = 1;
        let off = phone.put(client(), |plan, stamp| plan.add(&OFF, None, stamp));
        tablet.clock += 1;
        tablet.put(client(), |plan, stamp| plan.add(&ON, None, stamp));
        phone.merge(&tablet);
        assert_eq!(sends(&phone), [false, true]);
        let error = phone.refused(therapist(), |p, s| p.change(None, off, &ON, s));
        assert_eq!(error, InputError::NotYours(off));
        phone.clock += 1;
        phone.put(client(), |p, s| p.change(None, off, &ON, s));
        assert_eq!(sends(&phone), [true, true]);
    }
}

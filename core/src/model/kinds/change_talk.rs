//! Change talk: what a person said in favour of a change, word for word (motivational interviewing,
//! `domain.md` row 44). It was said, so it never changes.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const QUOTE: TextField = TextField::required("quote", STATEMENT_LIMIT);

codes! {
    /// What somebody speaks of who speaks for a change: DARN-C.
    Motive {
        /// Being able to: "I could".
        Ability = 2 "ability",
        /// Having decided: "I will".
        Commitment = 5 "commitment",
        /// Wanting to: "I would like to".
        Desire = 1 "desire",
        /// Having to, for one's own sake: "I need to".
        Need = 4 "need",
        /// A good that it would do: "because then".
        Reason = 3 "reason",
    }
}

/// A sentence that speaks for a change.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct ChangeTalk {
    /// The goal that it speaks for.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// What was said, word for word, 1 to 500 characters.
    #[n(1)]
    pub quote: String,
    /// What it speaks of.
    #[n(2)]
    pub of: Motive,
}

impl Fields for ChangeTalk {
    const KIND: Kind = Kind::ChangeTalk;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "write down what was said";
    const CHANGES: Changes = Changes::Never;

    fn check(&self) -> Result<(), InputError> {
        QUOTE.check(&self.quote)
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        Self {
            goal: Some(space.goal(crate::model::testing::client())),
            quote: "I would like to sleep through a night again".into(),
            of: Motive::Desire,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, mood, therapist};
    use crate::model::{MeasureId, NewCheckIn, Outcome, Rating};

    /// Words would be put into a person's mouth.
    #[test]
    fn what_was_said_stays_as_it_was_said() {
        let mut space = Space::default();
        let said = ChangeTalk::sample(&mut space);
        let id = space.put(therapist(), |plan, s| plan.add(&said, None, s));
        let other = ChangeTalk {
            quote: "I will".into(),
            of: Motive::Commitment,
            ..said.clone()
        };
        for author in [client(), therapist()] {
            let refused = space.refused(author, |plan, s| plan.change(None, id, &other, s));
            assert_eq!(refused, InputError::NotWithdrawable(id));
        }
        let seen = space.plan().things::<ChangeTalk>();
        assert_eq!(seen[0].fields, said);
    }

    /// A ruler of importance would take what is on no ruler, or forget what was said before.
    #[test]
    fn a_ruler_takes_whole_numbers_from_0_to_10_and_keeps_its_history() {
        let mut space = Space::default();
        let ruler: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
        let goal = space.goal(client());
        let rated = |value| NewCheckIn {
            ratings: vec![Rating {
                measure: ruler,
                value,
            }],
            ..NewCheckIn::new(goal, Outcome::NoteOnly)
        };
        for value in [-1, 11] {
            let refused = space.refused(client(), |p, s| rated(value).record(p, None, s));
            assert!(matches!(refused, InputError::RatingOutside { .. }));
        }
        for value in [0, 10, 4] {
            space.clock += 1;
            space.put(client(), |p, s| rated(value).record(p, None, s));
        }
        let seen = space.log().view(&space.plan()).check_ins;
        let mut values: Vec<_> = seen.iter().flat_map(|entry| &entry.ratings).collect();
        values.sort_by_key(|rating| rating.value);
        let values: Vec<_> = values.iter().map(|rating| rating.value).collect();
        assert_eq!(values, [0, 4, 10]);
    }
}

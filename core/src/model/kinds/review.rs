//! A review: people look at goals together, say how each goes and what is to become of it, and when
//! they will look again. What was said then stays as it was said; the next review says something else.
//! When one is due is computed in `model/reviews.rs`.

use chrono::NaiveDate;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::check::{between_opt, date_opt};
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{NOTE_LIMIT, TextField, check_count};
use crate::model::{cbor, json};

const NOTE: TextField = TextField::optional("note", NOTE_LIMIT);
/// Goals in one review at most.
const GOAL_LIMIT: usize = 20;
/// The best rating.
const BEST: i64 = 10;

codes! {
    /// What is to become of a goal.
    ReviewDecision {
        /// Its wording, target or schedule is to change.
        Adjust = 2 "adjust",
        /// It is met, or done with.
        Complete = 4 "complete",
        /// It goes on as it is.
        Keep = 1 "keep",
        /// It rests for a while.
        Pause = 3 "pause",
        /// It is left.
        Stop = 5 "stop",
    }
}

/// What a review says of one goal.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct ReviewedGoal {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
    /// How it goes, 0 (not at all) to 10 (as wished).
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub rating: Option<u8>,
    /// What is to become of it. The goal's status and wording change with records of their own, by
    /// whoever may change them.
    #[n(2)]
    pub decision: ReviewDecision,
    /// At most 4,000 characters.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub note: Option<String>,
}

/// A review of goals. It says something of at least one goal.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Review {
    /// What it says of each goal: 1 to 20, each once.
    #[n(0)]
    pub goals: Vec<ReviewedGoal>,
    /// The local date, in the client's zone, on which the next review is due.
    #[n(1)]
    #[cbor(with = "cbor::date", has_nil)]
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next_due: Option<NaiveDate>,
    /// The session in which it was made.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub session: Option<RecordId>,
}

impl Fields for Review {
    const KIND: Kind = Kind::Review;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "review goals";
    const CHANGES: Changes = Changes::Never;

    fn check(&self) -> Result<(), InputError> {
        if self.goals.is_empty() {
            return Err(InputError::Empty { field: "review" });
        }
        check_count("goals", self.goals.len(), GOAL_LIMIT)?;
        for reviewed in &self.goals {
            between_opt("rating", reviewed.rating, 0, BEST)?;
            NOTE.check_opt(reviewed.note.as_deref())?;
            let of_goal = self
                .goals
                .iter()
                .filter(|other| other.goal == reviewed.goal);
            check_count("decisions on one goal", of_goal.count(), 1)?;
        }
        date_opt("next due", self.next_due)
    }

    fn links(&self) -> Vec<Link> {
        let goals = self.goals.iter();
        let goals = goals.map(|reviewed| Link::about(reviewed.goal, &[Kind::Goal]));
        let session = self.session;
        let session = session.map(|session| Link::to(session, &[Kind::Session]));
        goals.chain(session).collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::{client, day};
        let goal = space.goal(client());
        let session = crate::model::Session::sample(space);
        let session = space.put(client(), |p, s| p.add(&session, None, s));
        Self {
            goals: vec![ReviewedGoal {
                goal,
                rating: Some(6),
                decision: ReviewDecision::Adjust,
                note: Some("Shorter, and in the morning".into()),
            }],
            next_due: Some(day(29)),
            session: Some(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::model::kinds::Content;
    use crate::model::testing::{Space, client, therapist};

    /// What was decided together would read otherwise afterwards, by whoever changed it last.
    #[test]
    fn a_review_stays_as_it_was_said_whoever_wants_it_otherwise() {
        let mut space = Space::default();
        let review = Review::sample(&mut space);
        let id = space.put(client(), |plan, stamp| plan.add(&review, None, stamp));
        let mut other = review.clone();
        other.goals[0].decision = ReviewDecision::Stop;
        for author in [client(), therapist()] {
            space.clock += 1;
            let error = space.refused(author, |plan, stamp| plan.change(None, id, &other, stamp));
            assert_eq!(error, InputError::NotWithdrawable(id));
        }
        // Another app that tries all the same changes nothing that anybody sees.
        let forged = forge(&space, id, &other);
        let forged = space.store(forged, client());
        assert_eq!(space.reason(forged), Some(Reason::OutOfRange));
        let reviews = space.plan().items(Kind::Review);
        assert_eq!(reviews.len(), 1);
        assert_eq!(reviews[0].content, Content::from(review));
    }

    /// A record that changes an item, as no app of ours makes it.
    fn forge(space: &Space, of: RecordId, fields: &Review) -> crate::model::NewRecord {
        use crate::model::item::Item;
        use crate::model::item::body::{Body, Newer};
        let stamp = Space::stamp(client(), space.clock);
        let item = Item {
            rules: Kind::Review.rules().unwrap(),
            at: Some(stamp.at.timestamp_millis()),
            body: Some(Body::of(fields.clone(), Newer::default())),
            of: Some(of),
            replaces: vec![of],
            day: None,
        };
        crate::model::record::write(&item, &stamp).unwrap()
    }

    /// Two reviews that are made apart, in the session and at home, would be one.
    #[test]
    fn reviews_of_both_are_kept() {
        let mut phone = Space::default();
        let review = Review::sample(&mut phone);
        let mut tablet = phone.clone();
        phone.put(client(), |plan, stamp| plan.add(&review, None, stamp));
        tablet.clock += 1;
        tablet.put(therapist(), |plan, stamp| plan.add(&review, None, stamp));
        phone.merge(&tablet);
        tablet.merge(&phone);
        for space in [&phone, &tablet] {
            assert_eq!(space.plan().items(Kind::Review).len(), 2);
        }
    }

    #[test]
    fn it_says_one_thing_of_each_goal_and_in_range() {
        let review = Review::sample(&mut Space::default());
        let said = |change: &dyn Fn(&mut Review)| {
            let mut review = review.clone();
            change(&mut review);
            review.check().map_err(|error| error.to_string())
        };
        assert_eq!(said(&|_| ()), Ok(()));
        let rated = |rating| said(&move |review| review.goals[0].rating = Some(rating));
        assert_eq!((rated(0), rated(10)), (Ok(()), Ok(())));
        assert_eq!(rated(11), Err("rating 11 is outside 0–10".into()));
        assert_eq!(
            said(&|review| review.goals.clear()),
            Err("review is empty".into())
        );
        let twice = said(&|review| review.goals.push(review.goals[0].clone()));
        let expected = "2 decisions on one goal, at most 1 are allowed";
        assert_eq!(twice, Err(expected.into()));
    }
}

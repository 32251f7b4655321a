//! Reviews in their order, and when the next one is due.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::ids::{PersonTag, RecordId};
use crate::model::item::Thing;
use crate::model::json;
use crate::model::kinds::review::Review;
use crate::model::plan::Plan;

/// A review.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReviewView {
    /// Its id.
    pub id: RecordId,
    /// What it says.
    pub review: Review,
    /// Who wrote it.
    pub authors: Vec<PersonTag>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
}

/// When people want to look at their goals again.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReviewDue {
    /// The newest review; none before the first.
    pub last: Option<RecordId>,
    /// The local date that it names for the next one; none where it names none.
    #[serde(serialize_with = "json::date_opt")]
    pub next_due: Option<NaiveDate>,
    /// Days since that date in the client's zone; 0 on the day itself and before.
    pub days_overdue: u32,
}

impl Plan {
    /// The reviews, oldest first.
    pub fn reviews(&self) -> Vec<ReviewView> {
        self.things().into_iter().map(ReviewView::from).collect()
    }

    /// When the next review is due, seen on a date in the client's zone. The newest review says so,
    /// by the clocks of who wrote them; of two in one millisecond, the one with the higher id.
    pub fn review_due(&self, today: NaiveDate) -> ReviewDue {
        let Some(last) = self.reviews().pop() else {
            return ReviewDue::default();
        };
        let next_due = last.review.next_due;
        let days = next_due.map_or(0, |due| (today - due).num_days());
        ReviewDue {
            last: Some(last.id),
            next_due,
            days_overdue: u32::try_from(days).unwrap_or_default(),
        }
    }
}

impl From<Thing<Review>> for ReviewView {
    fn from(thing: Thing<Review>) -> Self {
        Self {
            id: thing.id,
            authors: thing.persons(),
            review: thing.fields,
            at: thing.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Fields;
    use crate::model::testing::{Space, client, day, therapist};

    fn due(space: &Space, on: u32) -> (Option<NaiveDate>, u32) {
        let due = space.plan().review_due(day(on));
        (due.next_due, due.days_overdue)
    }

    /// Somebody would be told to look again on the very day that was agreed, or never.
    #[test]
    fn a_review_is_overdue_from_the_day_after_the_date_that_the_newest_names() {
        let mut space = Space::default();
        assert_eq!(space.plan().review_due(day(20)), ReviewDue::default());
        let review = |next_due| Review {
            next_due,
            session: None,
            ..Review::sample(&mut Space::default())
        };
        space.goal(client());
        let second = review(Some(day(10)));
        space.put(client(), |plan, stamp| plan.add(&second, None, stamp));
        assert_eq!(due(&space, 9), (Some(day(10)), 0));
        assert_eq!(due(&space, 10), (Some(day(10)), 0));
        assert_eq!(due(&space, 11), (Some(day(10)), 1));
        assert_eq!(due(&space, 31), (Some(day(10)), 21));
        // Looking again sets another date, or none.
        space.clock += 1;
        let third = review(Some(day(24)));
        let id = space.put(therapist(), |plan, stamp| plan.add(&third, None, stamp));
        assert_eq!(due(&space, 11), (Some(day(24)), 0));
        assert_eq!(space.plan().review_due(day(11)).last, Some(id));
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.add(&review(None), None, stamp));
        assert_eq!(due(&space, 31), (None, 0));
    }
}

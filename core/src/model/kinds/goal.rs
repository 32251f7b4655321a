//! A goal: an identity that revisions, statuses and check-ins speak of. Its wording is that of
//! its revisions, where it stands is its status chain.

use minicbor::{Decode, Encode};

use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::text::{LABEL_LIMIT, TextField};
use crate::model::time::{read_instant, write_instant};
use crate::role::Role;

const AREA: TextField = TextField::optional("area", LABEL_LIMIT);

/// A goal as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Goal {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) area: Option<String>,
    /// Tells apart goals of one area that were made in the same millisecond.
    #[n(3)]
    pub(crate) ordinal: Option<u16>,
}

impl RecordKind for Goal {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "create a goal";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        AREA.read_opt(self.area.as_deref())
    }

    fn links(&self) -> Vec<RecordId> {
        Vec::new()
    }
}

/// A goal to create. It says nothing yet: write a [`NewRevision`](crate::model::NewRevision) with
/// its wording, and its writer's verdict, in the same edit. Its status begins as `proposed`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewGoal {
    /// The area of life, in the client's own words; at most 100 characters.
    pub area: Option<String>,
}

impl NewGoal {
    /// Makes the record. Its id is the goal's.
    ///
    /// # Errors
    /// If the area is too long, or the role may not create goals.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        AREA.check_opt(self.area.as_deref())?;
        let at = write_instant(stamp.at)?;
        let mut goal = Goal {
            kind: Kind::Goal,
            at,
            area: self.area.clone(),
            ordinal: None,
        };
        let mut record = write(&goal, stamp)?;
        // An import makes many goals at one instant; each is to have an id of its own.
        for ordinal in 1..=u16::MAX {
            if !plan.records().knows(record.id) {
                break;
            }
            goal.ordinal = Some(ordinal);
            record = write(&goal, stamp)?;
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client};

    #[test]
    fn goals_made_in_one_instant_stay_two_goals() {
        let mut space = Space::default();
        let first = space.put(client(), |plan, stamp| {
            NewGoal::default().record(plan, stamp)
        });
        let second = space.put(client(), |plan, stamp| {
            NewGoal::default().record(plan, stamp)
        });
        assert_ne!(first, second);
        assert_eq!(space.plan().goal_ids().len(), 2);
    }

    #[test]
    fn an_area_has_a_limit() {
        let area = Some("é".repeat(LABEL_LIMIT + 1));
        let error = Space::default().refused(client(), |plan, stamp| {
            NewGoal { area: area.clone() }.record(plan, stamp)
        });
        assert_eq!(
            error.to_string(),
            "area is 101 characters, at most 100 are allowed"
        );
    }
}

//! The profile of a goal: why it is wanted, what it grew out of, which values it serves, who it is
//! for and how hard it is. A goal has one; where two devices say different things about it, people
//! see both. Its wording, days and amounts are those of its revisions.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::check::between_opt;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField, check_count};

const WHY: TextField = TextField::optional("why", STATEMENT_LIMIT);
/// Values that one goal names at most.
const VALUES_LIMIT: usize = 20;

codes! {
    /// Whose goal it is.
    GoalScope {
        /// One person's own.
        Personal = 1 "personal",
        /// Several people's together.
        Shared = 2 "shared",
    }
}

/// What a goal is for.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct GoalProfile {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
    /// Why it is wanted, at most 500 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub why: Option<String>,
    /// The aspiration that it grew out of.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub aspiration: Option<RecordId>,
    /// The values that it serves, at most 20. One that is removed later takes nothing with it.
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub values: Vec<RecordId>,
    /// Whose it is.
    #[n(4)]
    pub scope: GoalScope,
    /// How hard it is, from 0, easily done, to 10, as hard as it gets.
    #[n(5)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub difficulty: Option<u8>,
}

impl GoalProfile {
    /// The profile of a personal goal that says nothing else yet.
    pub const fn of(goal: GoalId) -> Self {
        Self {
            goal,
            why: None,
            aspiration: None,
            values: Vec::new(),
            scope: GoalScope::Personal,
            difficulty: None,
        }
    }
}

impl Fields for GoalProfile {
    const KIND: Kind = Kind::GoalProfile;
    const KEYS: u64 = 6;
    const ACTION: &'static str = "say what a goal is for";
    const ONE_FOR: &'static [Kind] = &[Kind::Goal];

    fn check(&self) -> Result<(), InputError> {
        WHY.check_opt(self.why.as_deref())?;
        check_count("values", self.values.len(), VALUES_LIMIT)?;
        between_opt("difficulty", self.difficulty, 0, 10)
    }

    fn links(&self) -> Vec<Link> {
        let goal = Link::about(self.goal, &[Kind::Goal]);
        let aspiration = self.aspiration.map(|id| Link::to(id, &[Kind::Aspiration]));
        let values = self.values.iter().map(|id| Link::to(*id, &[Kind::Value]));
        [goal].into_iter().chain(aspiration).chain(values).collect()
    }

    fn only_for(&self) -> Option<RecordId> {
        Some(self.goal.record())
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::{Aspiration, Value};
        let client = crate::model::testing::client();
        let (longing, value) = (Aspiration::sample(space), Value::sample(space));
        let aspiration = space.put(client, |plan, stamp| plan.add(&longing, None, stamp));
        let value = space.put(client, |plan, stamp| plan.add(&value, None, stamp));
        Self {
            goal: space.goal(client),
            why: Some("To see more of the day".into()),
            aspiration: Some(aspiration),
            values: vec![value],
            scope: GoalScope::Shared,
            difficulty: Some(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{ConflictKind, Reason};

    fn why(goal: GoalId, why: &str) -> GoalProfile {
        GoalProfile {
            why: Some(why.into()),
            ..GoalProfile::of(goal)
        }
    }

    fn put(space: &mut Space, profile: &GoalProfile) -> RecordId {
        space.clock += 1;
        space.put(client(), |p, s| p.add(profile, None, s))
    }

    fn shown(space: &Space, goal: GoalId) -> Option<GoalProfile> {
        space.plan().goal(goal, day(1)).unwrap().profile
    }

    /// A reason that somebody wrote on the tablet would be gone, or hidden behind the phone's.
    #[test]
    fn what_two_devices_say_first_is_one_conflict_that_people_see_and_settle() {
        let mut phone = Space::default();
        let goal = phone.goal(client());
        phone.propose(client(), revision(goal), 1);
        let mut tablet = phone.clone();
        tablet.device = 1;
        put(&mut phone, &why(goal, "For the children"));
        put(&mut tablet, &why(goal, "For me"));
        phone.merge(&tablet);
        tablet.merge(&phone);
        let seen = phone.plan().goal(goal, day(1)).unwrap();
        assert_eq!(seen.profile, shown(&tablet, goal), "both show the same one");
        let kinds: Vec<_> = seen.conflicts.iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [ConflictKind::Profiles]);
        assert_eq!(seen.conflicts[0].records.len(), 2);
        let items = phone.plan().items(Kind::GoalProfile);
        assert_eq!(
            (items.len(), items[0].others.len()),
            (1, 1),
            "one item, both in it"
        );
        assert_eq!(items[0].id, goal.record());

        put(&mut phone, &why(goal, "For the children and me"));
        let settled = phone.plan().goal(goal, day(1)).unwrap();
        assert_eq!(settled.conflicts, []);
        assert_eq!(
            settled.profile.unwrap().why.as_deref(),
            Some("For the children and me")
        );
    }

    /// Whoever grows out of a value would lose the goals that named it.
    #[test]
    fn removing_a_value_leaves_the_goal_and_its_profile() {
        let mut space = Space::default();
        let profile = GoalProfile::sample(&mut space);
        put(&mut space, &profile);
        let value = profile.values[0];
        space.clock += 1;
        space.put(client(), |p, s| Kind::Value.remove(p, None, value, s));
        assert_eq!(space.plan().items(Kind::Value), []);
        assert_eq!(shown(&space, profile.goal), Some(profile));
        assert_eq!(space.plan().left_out(), []);
    }

    /// A profile under the name of another goal would answer for that goal's reasons.
    #[test]
    fn a_profile_is_of_the_goal_that_it_names() {
        let mut space = Space::default();
        let walk = space.goal(client());
        space.clock += 1;
        let sleep = space.goal(client());
        put(&mut space, &why(walk, "Air"));
        let refused = space.refused(client(), |p, s| {
            p.change(None, walk.record(), &why(sleep, "Rest"), s)
        });
        assert_eq!(refused, InputError::UnknownRecord(walk.record()));
        // As another app may have written it: named by nothing.
        let loose = space.smuggle(client(), why(sleep, "Rest"));
        assert_eq!(space.reason(loose), Some(Reason::OutOfRange));
    }

    /// After a removal it would be one more thing that contradicts.
    #[test]
    fn what_is_removed_can_be_said_anew() {
        let mut space = Space::default();
        let goal = space.goal(client());
        put(&mut space, &why(goal, "Air"));
        space.clock += 1;
        space.put(therapist(), |p, s| {
            Kind::GoalProfile.remove(p, None, goal.record(), s)
        });
        assert_eq!(shown(&space, goal), None);
        put(&mut space, &why(goal, "Light"));
        let items = space.plan().items(Kind::GoalProfile);
        assert!(items.len() == 1 && !items[0].was_removed && items[0].others.is_empty());
    }
}

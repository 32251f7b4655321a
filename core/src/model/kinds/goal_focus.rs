//! What the client wants to look at first for now: the focus, a few of the goals. Each goal that is in
//! it has an item that says so, and leaves it when that is removed. So two devices that choose offline
//! end with what both chose, and nothing is lost; where that is more than the plan's limit of goals at
//! a time, people are told ([`PlanWarning`](crate::model::PlanWarning)).
//!
//! A goal that is over or on hold is in no focus, and is again when it goes on.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::LifecycleStatus;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::plan::Plan;
use crate::role::Role;

/// That a goal is in the focus. `set_focus` writes and removes it.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct GoalFocus {
    /// The goal.
    #[n(0)]
    pub goal: GoalId,
}

impl Fields for GoalFocus {
    const KIND: Kind = Kind::GoalFocus;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "choose what comes first";
    const WRITERS: &'static [Role] = &[Role::Client];
    const ONE_FOR: &'static [Kind] = &[Kind::Goal];

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.goal, &[Kind::Goal])]
    }

    fn only_for(&self) -> Option<RecordId> {
        Some(self.goal.record())
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self { goal }
    }
}

impl Plan {
    /// Makes the record that puts a goal into the focus.
    ///
    /// # Errors
    /// If the goal is unknown, or the role may not choose.
    pub fn focus_on(&self, goal: GoalId, stamp: &Stamp) -> Result<NewRecord, InputError> {
        self.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
        self.add(&GoalFocus { goal }, None, stamp)
    }

    /// Makes the record that takes a goal out of the focus.
    ///
    /// # Errors
    /// The same; if it was not chosen.
    pub fn leave_focus(&self, goal: GoalId, stamp: &Stamp) -> Result<NewRecord, InputError> {
        self.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
        self.remove::<GoalFocus>(None, goal.record(), stamp)
    }

    /// Whether the client chose a goal for the focus, wherever it stands.
    ///
    /// # Errors
    /// If the goal is unknown.
    pub fn is_chosen(&self, goal: GoalId) -> Result<bool, InputError> {
        let state = self.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
        Ok(state.is_chosen)
    }

    /// Whether a goal is in the focus: the client chose it, and it is neither over nor on hold.
    pub fn is_in_focus(&self, goal: GoalId) -> bool {
        self.is_chosen(goal) == Ok(true) && self.status(goal).is_some_and(LifecycleStatus::runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, therapist};
    use crate::model::{PlanWarning, Reason};

    fn goals(space: &mut Space, count: usize) -> Vec<GoalId> {
        let made = (0..count).map(|_| {
            space.clock += 1;
            space.goal(client())
        });
        made.collect()
    }

    fn choose(space: &mut Space, goal: GoalId) {
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.focus_on(goal, stamp));
    }

    fn drop(space: &mut Space, goal: GoalId) {
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.leave_focus(goal, stamp));
    }

    fn in_focus(space: &Space) -> Vec<GoalId> {
        let goals = space.plan().goals(day(1)).into_iter();
        let mut focus: Vec<_> = goals.filter(|goal| goal.in_focus).map(|g| g.id).collect();
        focus.sort_unstable();
        focus
    }

    fn sorted(mut goals: Vec<GoalId>) -> Vec<GoalId> {
        goals.sort_unstable();
        goals
    }

    /// What was chosen on the train would be gone when the tablet comes online.
    #[test]
    fn two_devices_that_choose_offline_end_with_what_both_chose_and_a_warning_beyond_the_limit() {
        let mut phone = Space::default();
        let goals = goals(&mut phone, 5);
        choose(&mut phone, goals[0]);
        choose(&mut phone, goals[1]);
        let mut tablet = phone.clone();
        tablet.device = 1;
        choose(&mut phone, goals[2]);
        choose(&mut tablet, goals[2]);
        choose(&mut tablet, goals[3]);
        assert_eq!(phone.plan().warnings(), []);
        phone.merge(&tablet);
        tablet.merge(&phone);
        assert_eq!(in_focus(&phone), sorted(goals[..4].to_vec()));
        assert_eq!(in_focus(&tablet), in_focus(&phone));
        let warning = PlanWarning::TooManyInFocus { count: 4, limit: 3 };
        assert_eq!(phone.plan().warnings(), [warning]);
        drop(&mut phone, goals[0]);
        assert_eq!(in_focus(&phone), sorted(goals[1..4].to_vec()));
        assert_eq!(phone.plan().warnings(), []);
        choose(&mut phone, goals[0]);
        assert_eq!(in_focus(&phone).len(), 4, "it can be chosen again");
    }

    /// Whoever put a goal aside would be asked to look at it first.
    #[test]
    fn a_goal_that_is_over_or_on_hold_is_in_no_focus_until_it_goes_on() {
        let mut space = Space::default();
        let goals = goals(&mut space, 1);
        choose(&mut space, goals[0]);
        for to in LifecycleStatus::ALL {
            space.stand(goals[0], *to);
            let expected = if to.runs() { goals.as_slice() } else { &[] };
            assert_eq!(in_focus(&space), expected, "{to:?}");
        }
    }

    /// A therapist would choose for the client what matters to them.
    #[test]
    fn only_the_client_chooses_among_what_is_there() {
        let mut space = Space::default();
        let goals = goals(&mut space, 1);
        let refused = space.refused(therapist(), |plan, stamp| plan.focus_on(goals[0], stamp));
        assert_eq!(
            refused.to_string(),
            "a therapist may not choose what comes first"
        );
        let made = |plan: &Plan| plan.focus_on(goals[0], &Space::stamp(client(), 8));
        let smuggled = space.forge(therapist(), made);
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        assert_eq!(in_focus(&space), []);
        let (plan, stamp) = (space.plan(), Space::stamp(client(), 9));
        let none = Err(InputError::UnknownRecord(goals[0].record()));
        assert_eq!(plan.leave_focus(goals[0], &stamp).map(|_| ()), none);
        let nobody = GoalId([9; 16]);
        let unknown = Err(InputError::UnknownGoal(nobody));
        assert_eq!(plan.focus_on(nobody, &stamp).map(|_| ()), unknown);
        assert_eq!(plan.leave_focus(nobody, &stamp).map(|_| ()), unknown);
    }
}

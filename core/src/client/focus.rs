//! The focus: which goals the client looks at first for now.

use super::{Goals, PlanId, WaymarkError, space_of};
use crate::model::{GoalId, GoalView};

impl Goals<'_> {
    /// Puts a goal into the focus. Beyond the plan's limit of active goals that is a warning, and stops
    /// nothing. Two devices that choose offline end with what both chose.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `not_allowed` for who is not the client, or the storage's.
    pub fn focus_on(&self, plan: PlanId, goal: GoalId) -> Result<(), WaymarkError> {
        let written = self.0.write(space_of(plan), None, |plan, stamp| {
            plan.focus_on(goal, stamp)
        });
        written.map(drop)
    }

    /// Takes a goal out of the focus, if it was chosen.
    ///
    /// # Errors
    /// As [`Goals::focus_on`].
    pub fn leave_focus(&self, plan: PlanId, goal: GoalId) -> Result<(), WaymarkError> {
        if !self.fold(plan)?.is_chosen(goal)? {
            return Ok(());
        }
        let written = self.0.write(space_of(plan), None, |plan, stamp| {
            plan.leave_focus(goal, stamp)
        });
        written.map(drop)
    }

    /// The goals in the focus, in the order of the [list](Goals::list). One that is over or on hold is
    /// in no focus, and is again when it goes on.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn focus(&self, plan: PlanId) -> Result<Vec<GoalView>, WaymarkError> {
        let mut goals = self.list(plan)?;
        goals.retain(|goal| goal.in_focus);
        Ok(goals)
    }
}

#[cfg(test)]
mod tests {
    use crate::client::testing::Phone;
    use crate::model::{LifecycleStatus, NewStatus};

    /// Whoever has many goals would see them all at once, or lose the choice with the next start.
    #[test]
    fn what_is_chosen_is_first_until_it_is_not_or_rests() {
        let phone = Phone::new();
        let [walk, sleep, read] = ["Walk", "Sleep", "Read"].map(|goal| phone.goal(goal));
        let goals = phone.client.goals();
        let focus = || -> Vec<_> {
            let focus = goals.focus(phone.plan).unwrap();
            focus.iter().map(|goal| goal.statement.clone()).collect()
        };
        goals.leave_focus(phone.plan, walk).unwrap();
        for goal in [read, walk, sleep] {
            goals.focus_on(phone.plan, goal).unwrap();
        }
        for (goal, after) in [(sleep, None), (walk, Some(sleep)), (read, Some(walk))] {
            goals.reorder(phone.plan, goal, after).unwrap();
        }
        assert_eq!(focus(), ["Sleep", "Walk", "Read"]);
        let all = phone.client.export_all().unwrap();
        assert_eq!(all.matches("\"in_focus\": true").count(), 3);
        goals.leave_focus(phone.plan, walk).unwrap();
        let rests = NewStatus {
            goal: read,
            to: LifecycleStatus::OnHold,
            achievement: None,
            reason: None,
        };
        goals.set_status(phone.plan, &rests).unwrap();
        assert_eq!(focus(), ["Sleep"]);
    }
}

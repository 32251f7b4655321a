//! The way from what a person longs for to what is done next: aspiration, goal, steps. Asked from any
//! of the three.

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::ItemView;
use crate::model::kinds::action_step::ActionStep;
use crate::model::kinds::aspiration::Aspiration;
use crate::model::plan::Plan;
use crate::model::views::GoalView;

/// A goal with what it grew out of and the steps that lead to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GoalThread {
    /// The aspiration that its profile names, unless that was removed.
    pub aspiration: Option<ItemView>,
    /// The goal.
    pub goal: GoalView,
    /// Its action steps, in the order in which they were planned.
    pub steps: Vec<ItemView>,
}

impl Plan {
    /// The threads through an aspiration, a goal or an action step, seen on a date, in the order of
    /// the goals. None through an aspiration that nothing has grown out of yet, and a step that leads
    /// to no goal.
    ///
    /// # Errors
    /// [`InputError::UnknownRecord`] where it is none of the three, or was removed.
    pub fn threads(&self, of: RecordId, today: NaiveDate) -> Result<Vec<GoalThread>, InputError> {
        let aspirations = self.things::<Aspiration>();
        let steps = self.things::<ActionStep>();
        let step = steps.iter().find(|step| step.id == of);
        let is_aspiration = aspirations.iter().any(|aspiration| aspiration.id == of);
        let goal = step.map_or(Some(GoalId::from(of)), |step| step.fields.goal);
        if step.is_none() && !is_aspiration && self.goal_state(of.into()).is_none() {
            return Err(InputError::UnknownRecord(of));
        }
        let grew_out_of = |goal: &GoalView| goal.profile.as_ref().and_then(|p| p.aspiration);
        let mut goals = self.goals(today);
        goals.retain(|view| match is_aspiration {
            true => grew_out_of(view) == Some(of),
            false => Some(view.id) == goal,
        });
        let thread = |goal: GoalView| {
            let longed_for = grew_out_of(&goal);
            let mut aspirations = aspirations.iter();
            let aspiration = aspirations.find(|known| Some(known.id) == longed_for);
            let leads = steps
                .iter()
                .filter(|step| step.fields.goal == Some(goal.id));
            GoalThread {
                aspiration: aspiration.cloned().map(ItemView::from),
                steps: leads.cloned().map(ItemView::from).collect(),
                goal,
            }
        };
        Ok(goals.into_iter().map(thread).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Fields;
    use crate::model::testing::{Space, client, day};
    use crate::model::{GoalProfile, Kind, StepStatus};

    fn step(space: &mut Space, goal: Option<GoalId>, what: &str) -> RecordId {
        let step = ActionStep {
            what: what.into(),
            goal,
            status: StepStatus::NotStarted,
            due: None,
            place: None,
            minutes: None,
        };
        space.clock += 1;
        space.put(client(), |p, s| p.add(&step, None, s))
    }

    fn goal(space: &mut Space, aspiration: Option<RecordId>) -> GoalId {
        space.clock += 1;
        let goal = space.goal(client());
        let profile = GoalProfile {
            aspiration,
            ..GoalProfile::of(goal)
        };
        space.put(client(), |p, s| p.add(&profile, None, s));
        goal
    }

    type Ids = (Option<RecordId>, GoalId, Vec<RecordId>);

    fn threads(space: &Space, of: RecordId) -> Vec<Ids> {
        let threads = space.plan().threads(of, day(1)).unwrap().into_iter();
        let ids = threads.map(|thread| {
            let steps = thread.steps.iter().map(|step| step.id).collect();
            (thread.aspiration.map(|a| a.id), thread.goal.id, steps)
        });
        ids.collect()
    }

    /// Whoever stands before a small step would not see what it is for.
    #[test]
    fn aspiration_goal_and_step_lead_to_each_other_both_ways() {
        let mut space = Space::default();
        let longing = Aspiration::sample(&mut space);
        let longing = space.put(client(), |p, s| p.add(&longing, None, s));
        let (call, walk) = (
            goal(&mut space, Some(longing)),
            goal(&mut space, Some(longing)),
        );
        let apart = goal(&mut space, None);
        let (first, second) = (
            step(&mut space, Some(call), "Find the number"),
            step(&mut space, Some(call), "Dial it"),
        );
        let loose = step(&mut space, None, "Breathe");
        let of_call = (Some(longing), call, vec![first, second]);
        let of_walk = (Some(longing), walk, vec![]);
        assert_eq!(threads(&space, longing), [of_call.clone(), of_walk.clone()]);
        for id in [call.record(), first, second] {
            assert_eq!(threads(&space, id), std::slice::from_ref(&of_call));
        }
        assert_eq!(threads(&space, walk.record()), [of_walk]);
        assert_eq!(threads(&space, apart.record()), [(None, apart, vec![])]);
        assert_eq!(threads(&space, loose), []);
        let unknown = RecordId([9; 16]);
        let refused = space.plan().threads(unknown, day(1));
        assert_eq!(refused, Err(InputError::UnknownRecord(unknown)));

        space.clock += 1;
        space.put(client(), |p, s| {
            Kind::Aspiration.remove(p, None, longing, s)
        });
        assert_eq!(threads(&space, first), [(None, call, vec![first, second])]);
    }
}

//! How many goals are active at a time. Few at once get further: a plan has a limit, which a person
//! may pass by saying so. It is soft: what two devices begin offline is never taken back, and people
//! are told instead.
//!
//! Three to begin with, as goal-based outcomes ask for (Law and Jacob 2015).

use serde::Serialize;

use crate::catalogue::{Argument, Language, texts};
use crate::model::codes::LifecycleStatus;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::kinds::status::NewStatus;
use crate::model::plan::Plan;

/// Something about a plan that people should know and that stops nothing.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[non_exhaustive]
pub enum PlanWarning {
    /// More goals are active than the plan's limit.
    TooManyActive {
        /// How many are active.
        count: u32,
        /// The limit.
        limit: u8,
    },
    /// More goals are in the focus than the plan's limit of active ones.
    TooManyInFocus {
        /// How many are in it.
        count: u32,
        /// The limit.
        limit: u8,
    },
}

impl PlanWarning {
    /// The key of its text in the catalogue.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::TooManyActive { .. } => "goals.too_many_active",
            Self::TooManyInFocus { .. } => "goals.too_many_in_focus",
        }
    }

    /// What it says in a language.
    pub fn sentence(&self, language: Language) -> String {
        let (Self::TooManyActive { count, limit } | Self::TooManyInFocus { count, limit }) = self;
        let arguments = [Argument::new("count", count), Argument::new("limit", limit)];
        let said = texts(language).say(self.key(), &arguments);
        said.unwrap_or_else(|| self.key().into())
    }
}

impl Plan {
    /// What people should know about the plan.
    pub fn warnings(&self) -> Vec<PlanWarning> {
        let limit = self.known_settings().active_limit;
        let over = |count: usize| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (count > u32::from(limit)).then_some(count)
        };
        let active = over(self.active());
        let active = active.map(|count| PlanWarning::TooManyActive { count, limit });
        let in_focus = over(self.count(|goal| self.is_in_focus(goal)));
        let in_focus = in_focus.map(|count| PlanWarning::TooManyInFocus { count, limit });
        active.into_iter().chain(in_focus).collect()
    }

    /// Whether a status keeps the number of active goals within the plan's limit.
    ///
    /// # Errors
    /// [`InputError::TooManyActive`].
    pub fn has_room_for(&self, status: &NewStatus) -> Result<(), InputError> {
        let limit = self.known_settings().active_limit;
        let begins = status.to == LifecycleStatus::Active
            && self.status(status.goal) != Some(LifecycleStatus::Active);
        match begins && self.active() >= usize::from(limit) {
            true => Err(InputError::TooManyActive { limit }),
            false => Ok(()),
        }
    }

    fn active(&self) -> usize {
        self.count(|goal| self.status(goal) == Some(LifecycleStatus::Active))
    }

    fn count(&self, is_one: impl Fn(GoalId) -> bool) -> usize {
        let goals = self.goal_ids().into_iter();
        goals.filter(|goal| is_one(*goal)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewSettings;
    use crate::model::testing::{Space, client};

    fn active(goal: GoalId) -> NewStatus {
        NewStatus {
            goal,
            to: LifecycleStatus::Active,
            achievement: None,
            reason: None,
        }
    }

    fn activate(space: &mut Space, goal: GoalId) -> Result<(), InputError> {
        space.clock += 1;
        space.plan().has_room_for(&active(goal))?;
        space.put(client(), |p, s| active(goal).record(p, s));
        Ok(())
    }

    fn goals(space: &mut Space, count: usize) -> Vec<GoalId> {
        let made = (0..count).map(|_| {
            space.clock += 1;
            space.goal(client())
        });
        made.collect()
    }

    /// Whoever begins everything at once gets nowhere, and was not even asked.
    #[test]
    fn the_fourth_is_asked_about() {
        let mut space = Space::default();
        let goals = goals(&mut space, 4);
        for goal in &goals[..3] {
            activate(&mut space, *goal).unwrap();
        }
        assert_eq!(space.plan().warnings(), []);
        let refused = activate(&mut space, goals[3]);
        assert_eq!(refused, Err(InputError::TooManyActive { limit: 3 }));
        activate(&mut space, goals[0]).unwrap();
        let rests = NewStatus {
            to: LifecycleStatus::OnHold,
            ..active(goals[0])
        };
        assert_eq!(space.plan().has_room_for(&rests), Ok(()));
        space.clock += 1;
        space.put(client(), |p, s| rests.record(p, s));
        activate(&mut space, goals[3]).unwrap();
    }

    /// One of two goals would silently be none any more.
    #[test]
    fn two_devices_that_each_begin_the_third_have_four_and_a_warning() {
        let mut phone = Space::default();
        let goals = goals(&mut phone, 4);
        for goal in &goals[..2] {
            activate(&mut phone, *goal).unwrap();
        }
        let mut tablet = phone.clone();
        activate(&mut phone, goals[2]).unwrap();
        activate(&mut tablet, goals[3]).unwrap();
        phone.merge(&tablet);
        let plan = phone.plan();
        assert!(
            goals
                .iter()
                .all(|g| plan.status(*g) == Some(LifecycleStatus::Active))
        );
        let warning = PlanWarning::TooManyActive { count: 4, limit: 3 };
        assert_eq!(plan.warnings(), std::slice::from_ref(&warning));
        assert_eq!(
            warning.sentence(Language::English),
            "4 goals are active. With up to 3 at a time each gets its room"
        );
    }

    #[test]
    fn the_limit_is_the_clients_to_choose() {
        let mut space = Space::default();
        let goals = goals(&mut space, 2);
        let limit = |limit| NewSettings {
            active_limit: Some(limit),
            ..NewSettings::default()
        };
        space.put(client(), |p, s| limit(1).record(p, s));
        activate(&mut space, goals[0]).unwrap();
        let refused = activate(&mut space, goals[1]);
        assert_eq!(refused, Err(InputError::TooManyActive { limit: 1 }));
        let refused = space.refused(client(), |p, s| limit(0).record(p, s));
        assert_eq!(refused.to_string(), "active goals 0 is outside 1–20");
    }
}

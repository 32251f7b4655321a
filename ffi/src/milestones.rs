//! Milestones, rewards and celebrations.

use std::sync::Arc;

use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{
    Audience, CelebrationView, GoalId, MilestoneView, RecordId, RewardState, RewardView,
};

use crate::session::Session;

/// Milestones, rewards and celebrations of plans. Milestones, rewards and wins are written as items;
/// what follows from them is here.
#[derive(uniffi::Object)]
pub struct Milestones(pub(crate) Arc<Session>);

#[uniffi::export]
impl Milestones {
    /// The milestones of a goal, in the order in which they were set, with whether they were reached.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn of(&self, plan: PlanId, goal: GoalId) -> Result<Vec<MilestoneView>, WaymarkError> {
        self.0.call(|c| c.milestones().of(plan, goal))
    }

    /// The rewards of a goal, in the order in which they were planned, with how they stand.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn rewards(&self, plan: PlanId, goal: GoalId) -> Result<Vec<RewardView>, WaymarkError> {
        self.0.call(|c| c.milestones().rewards(plan, goal))
    }

    /// What there is to celebrate: milestones that were reached, and the wins that the client has
    /// celebrated.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn celebrations(&self, plan: PlanId) -> Result<Vec<CelebrationView>, WaymarkError> {
        self.0.call(|c| c.milestones().celebrations(plan))
    }

    /// Takes a reward that is unlocked.
    ///
    /// # Errors
    /// `invalid_input` where it is not unlocked; `not_found`; `not_allowed` for anybody but the client;
    /// `locked`, or the storage's.
    pub fn claim(&self, plan: PlanId, reward: RecordId) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.milestones().claim(plan, reward))
    }

    /// Celebrates a win or a milestone that was reached, and says how, in at most 500 characters, and
    /// who is to hear of it. It takes the place of what was chosen before. The id of the celebration is
    /// returned: there is one of each win and of each milestone.
    ///
    /// The audience says whom the client wants to tell. It opens nothing: whoever is a member of the plan
    /// reads all of it.
    ///
    /// # Errors
    /// `invalid_input` where the milestone is not reached or the text is too long; `not_found`, also for
    /// a celebration that was removed; `not_allowed` for anybody but the client; `locked`, or the
    /// storage's.
    #[uniffi::method(default(how = None))]
    pub fn celebrate(
        &self,
        plan: PlanId,
        of: RecordId,
        audience: Audience,
        how: Option<String>,
    ) -> Result<RecordId, WaymarkError> {
        self.0
            .call(|c| c.milestones().celebrate(plan, of, how.as_deref(), audience))
    }

    /// Looks what the done days have brought about, and writes it; says whether there was anything. This
    /// happens by itself after every check-in of this device and with every sync, so an app calls it
    /// only to be sooner: when a live connection has brought check-ins of another device.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn find(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        self.0.call(|c| c.milestones().find(plan))
    }
}

/// The key of the catalogue's text for how a reward stands. The text names the `reward` and, while it
/// is ahead, the `days`.
#[uniffi::export]
pub fn reward_key(state: RewardState) -> String {
    state.key().into()
}

/// The key of the catalogue's text for who is to hear of something.
#[uniffi::export]
pub fn audience_key(audience: Audience) -> String {
    audience.key().into()
}

//! Milestones, rewards and celebrations: found by the client's devices, celebrated as the client
//! chooses.
//!
//! Whenever a check-in was logged and whenever others' arrived, each of the client's devices looks what
//! the done days have brought about (`model/reached.rs`) and writes it. A therapist's device finds
//! nothing: what somebody has reached is theirs to say.

use std::sync::Arc;

use waymark_wire::ids::SpaceId;

use super::write::{Step, put};
use super::{Goals, Inner, PlanId, WaymarkError, space_of};
use crate::driver::Shares;
use crate::membership::SpaceKind;
use crate::model::{
    Audience, CelebrationHow, CelebrationView, GoalId, MilestoneView, Plan, RecordId, RewardView,
    Stamp,
};
use crate::space::Space;

/// Milestones, rewards and celebrations of a plan. Milestones, rewards and wins are written as
/// [items](super::Items); what follows from them is here.
#[derive(Clone, Copy)]
pub struct Milestones<'c>(pub(super) &'c Arc<Inner>);

impl Milestones<'_> {
    /// The milestones of a goal, in the order in which they were set, with whether they were reached.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn of(&self, plan: PlanId, goal: GoalId) -> Result<Vec<MilestoneView>, WaymarkError> {
        Ok(Goals(self.0).fold(plan)?.milestones(goal))
    }

    /// The rewards of a goal, in the order in which they were planned, with how they stand.
    ///
    /// # Errors
    /// As [`Milestones::of`].
    pub fn rewards(&self, plan: PlanId, goal: GoalId) -> Result<Vec<RewardView>, WaymarkError> {
        Ok(Goals(self.0).fold(plan)?.rewards(goal))
    }

    /// What there is to celebrate: milestones that were reached, and the wins that the client has
    /// [celebrated](Self::celebrate).
    ///
    /// # Errors
    /// As [`Milestones::of`].
    pub fn celebrations(&self, plan: PlanId) -> Result<Vec<CelebrationView>, WaymarkError> {
        Ok(Goals(self.0).fold(plan)?.celebrations())
    }

    /// Takes a reward that is unlocked.
    ///
    /// # Errors
    /// `invalid_input` where it is not unlocked; `not_found`; `not_allowed` for anybody but the client;
    /// or the storage's.
    pub fn claim(&self, plan: PlanId, reward: RecordId) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            plan.claim(reward, stamp)
        })
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
    /// a celebration that was removed; `not_allowed` for anybody but the client; or the storage's.
    pub fn celebrate(
        &self,
        plan: PlanId,
        of: RecordId,
        how: Option<&str>,
        audience: Audience,
    ) -> Result<RecordId, WaymarkError> {
        let chosen = |celebration| CelebrationHow {
            celebration,
            how: how.map(str::to_owned),
            audience,
        };
        let space = space_of(plan);
        if let Some(celebration) = Goals(self.0).fold(plan)?.celebration_of(of) {
            let how = chosen(celebration);
            self.0
                .write_all(space, |plan, stamp| plan.choose_how(&how, stamp))?;
            return Ok(celebration);
        }
        let celebrate = move |_: &[RecordId], plan: &Plan, stamp: &Stamp| plan.celebrate(of, stamp);
        let choose = |made: &[RecordId], plan: &Plan, stamp: &Stamp| {
            let celebration = made.first().copied().unwrap_or(of);
            plan.add(&chosen(celebration), None, stamp)
        };
        let steps: [&Step<'_>; 2] = [&celebrate, &choose];
        self.0.write_steps(space, &steps)
    }

    /// Looks what the done days have brought about, and writes it; says whether there was anything. This
    /// happens by itself after every check-in of this device and with every sync, so an app calls it
    /// only to be sooner: when a live connection has brought check-ins of another device.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn find(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        let found = self.0.find_in(&mut self.0.shared.lock(), space_of(plan))?;
        if found {
            self.0.shared.wake();
        }
        Ok(found)
    }
}

impl Inner {
    /// The same in every plan that this device has read.
    pub(super) fn find_everywhere(&self) -> bool {
        let inner = &mut *self.shared.lock();
        let is_plan = |space: &&Space| space.kind() == SpaceKind::Care && space.is_ready();
        let plans = inner.engine.spaces().iter().filter(is_plan);
        let plans: Vec<SpaceId> = plans.map(Space::id).collect();
        let mut found = false;
        for id in plans {
            found |= self.find_or_wait(inner, id);
        }
        if found {
            self.shared.wake();
        }
        found
    }

    /// The same in one plan, where there is no need to tell anybody that it could not be: whatever is
    /// there to be found is found the next time.
    pub(super) fn find_or_wait(&self, inner: &mut Shares, id: SpaceId) -> bool {
        self.find_in(inner, id).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was reached was not looked for");
            false
        })
    }

    fn find_in(&self, inner: &mut Shares, id: SpaceId) -> Result<bool, WaymarkError> {
        let engine = &mut inner.engine;
        let Some(stamp) = self.client_stamp(engine, id)? else {
            return Ok(false);
        };
        let plan = self.views.plan(engine, id)?;
        let goals = plan.awaited_goals();
        let done = match goals.is_empty() {
            true => [].into(),
            false => self.views.done_days(engine, id, &plan, &goals)?,
        };
        let found = plan.found(&done, &stamp)?;
        if found.is_empty() {
            return Ok(false);
        }
        put(inner, id, found)?;
        Ok(true)
    }
}

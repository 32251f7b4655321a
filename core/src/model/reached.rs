//! What the done days of goals bring about by themselves: milestones that are reached, rewards that
//! are unlocked, and a celebration of every milestone that was reached.
//!
//! ```text
//!  Plan::awaited ──► GoalMonths::done_days ──► Plan::found ──► records to write
//! ```
//!
//! Each of the client's devices finds it for itself, offline too. What it writes says neither who nor
//! when, so what two of them find is one record. What was found once stays, whatever becomes of the
//! days that brought it: no slip and no correction takes a milestone away, and what the client has
//! removed is not found again.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::document::DocumentKind;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::Fields;
use crate::model::kinds::celebration::Celebration;
use crate::model::kinds::milestone::Milestone;
use crate::model::kinds::milestone_reached::MilestoneReached;
use crate::model::kinds::reward::Reward;
use crate::model::kinds::reward_unlocked::RewardUnlocked;
use crate::model::kinds::{Content, Kind};
use crate::model::plan::Plan;
use crate::model::record::kind_number;

/// Something that waits for done days of a goal.
struct Awaited {
    goal: GoalId,
    done_days: u32,
    /// What is said when they are there.
    then: Content,
}

/// Whether something may be found after a record was written.
pub(crate) fn may_bring(record: &NewRecord) -> bool {
    let kind = kind_number(&record.bytes).and_then(Kind::of_number);
    record.document.kind == DocumentKind::Log
        || matches!(
            kind,
            Some(Kind::Milestone | Kind::MilestoneReached | Kind::Reward)
        )
}

impl Plan {
    /// The goals for whose done days something waits.
    pub(crate) fn awaited_goals(&self) -> BTreeSet<GoalId> {
        self.awaited().map(|awaited| awaited.goal).collect()
    }

    /// What is to be written where goals have so many done days: nothing that was written before. Both
    /// milestones that these days have reached and those that somebody said were reached are
    /// celebrated.
    ///
    /// # Errors
    /// If the role is not the client's.
    pub(crate) fn found(
        &self,
        done: &BTreeMap<GoalId, u32>,
        stamp: &Stamp,
    ) -> Result<Vec<NewRecord>, InputError> {
        let is_there = |awaited: &Awaited| {
            let days = done.get(&awaited.goal).copied();
            days.is_some_and(|days| days >= awaited.done_days)
        };
        let mut found: Vec<Content> = self
            .awaited()
            .filter(is_there)
            .map(|awaited| awaited.then)
            .collect();
        let now = found.iter().filter_map(|content| match content {
            Content::AMilestoneReached(reached) => Some(reached.milestone),
            _ => None,
        });
        let reached = self.things::<MilestoneReached>().into_iter();
        let before = reached.map(|thing| thing.fields.milestone);
        let milestones = self.things::<Milestone>().into_iter().map(|thing| thing.id);
        let milestones: BTreeSet<RecordId> = milestones.collect();
        let celebrated: BTreeSet<_> = self.ever::<Celebration>().map(|of| of.of).collect();
        let to_celebrate: BTreeSet<_> = now.chain(before).collect();
        let to_celebrate = to_celebrate.difference(&celebrated);
        let to_celebrate = to_celebrate.filter(|id| milestones.contains(id));
        let celebrations: Vec<_> = to_celebrate.map(|of| Celebration { of: *of }).collect();
        found.extend(celebrations.into_iter().map(Content::from));
        let made = found.iter().map(|content| content.add(self, None, stamp));
        // What somebody else's device wrote that may not, or one that is undone, cannot be written a
        // second time.
        let is_new = |record: &Result<NewRecord, _>| match record {
            Ok(record) => !self.records().knows(record.id),
            Err(_) => true,
        };
        made.filter(is_new).collect()
    }

    /// What waits: not what was reached or unlocked before, also where the client has removed that.
    fn awaited(&self) -> impl Iterator<Item = Awaited> {
        let reached = self.ever::<MilestoneReached>();
        let reached: BTreeSet<_> = reached.map(|reached| reached.milestone).collect();
        let unlocked = self.ever::<RewardUnlocked>();
        let unlocked: BTreeSet<_> = unlocked.map(|unlocked| unlocked.reward).collect();
        let milestones = self.things::<Milestone>().into_iter();
        let milestones = milestones.filter(move |thing| !reached.contains(&thing.id));
        let milestones = milestones.filter_map(|thing| {
            let milestone = thing.id;
            Some(Awaited {
                goal: thing.fields.goal,
                done_days: thing.fields.done_days?,
                then: MilestoneReached { milestone }.into(),
            })
        });
        let rewards = self.things::<Reward>().into_iter();
        let rewards = rewards.filter(move |thing| !unlocked.contains(&thing.id));
        let rewards = rewards.map(|thing| Awaited {
            goal: thing.fields.goal,
            done_days: thing.fields.done_days,
            then: RewardUnlocked { reward: thing.id }.into(),
        });
        milestones.chain(rewards)
    }

    /// What items of a kind say or said, also those that were removed.
    fn ever<F: Fields>(&self) -> impl Iterator<Item = &F> {
        let items = self.records().items(F::KIND);
        items.filter_map(|entry| F::of_ref(entry.record.content()?))
    }
}

#[cfg(test)]
mod tests;

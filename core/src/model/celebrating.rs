//! What was reached, what is looked forward to, and how it is celebrated: milestones, rewards and
//! celebrations as people see them. What brings them about is in `reached.rs`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::Thing;
use crate::model::json;
use crate::model::kinds::celebration::Celebration;
use crate::model::kinds::celebration_how::{Audience, CelebrationHow};
use crate::model::kinds::milestone::Milestone;
use crate::model::kinds::milestone_reached::MilestoneReached;
use crate::model::kinds::reward::Reward;
use crate::model::kinds::reward_claimed::RewardClaimed;
use crate::model::kinds::reward_unlocked::RewardUnlocked;
use crate::model::kinds::win::Win;
use crate::model::plan::Plan;

/// A milestone of a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MilestoneView {
    /// The milestone.
    pub id: RecordId,
    /// What it says.
    pub milestone: Milestone,
    /// Whether it was reached. It stays so, whatever becomes of the days that brought it.
    pub reached: bool,
    /// Its celebration, once the client's device has found that it was reached.
    pub celebration: Option<RecordId>,
}

/// A reward of a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RewardView {
    /// The reward.
    pub id: RecordId,
    /// What it says.
    pub reward: Reward,
    /// How it stands.
    pub state: RewardState,
    /// When it was taken first, by the clock of the device.
    #[serde(serialize_with = "json::instant_opt")]
    pub claimed_at: Option<DateTime<Utc>>,
}

/// How a reward stands, with the catalogue's key `reward.…`. It only goes on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RewardState {
    /// It is still ahead.
    NotYet,
    /// It is there to be taken.
    Unlocked,
    /// The client took it.
    Claimed,
}

impl RewardState {
    /// The key of its text in the catalogue, which names the `reward` and, while it is ahead, the
    /// `days`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::NotYet => "reward.not_yet",
            Self::Unlocked => "reward.unlocked",
            Self::Claimed => "reward.claimed",
        }
    }
}

/// A celebration of a win, or of a milestone that was reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CelebrationView {
    /// The celebration.
    pub id: RecordId,
    /// The win or the milestone.
    pub of: RecordId,
    /// What that says.
    pub text: String,
    /// The goal that it belongs to.
    pub goal: Option<GoalId>,
    /// How it is celebrated; none before the client has chosen.
    pub how: Option<String>,
    /// Who is to hear of it: nobody before the client has chosen, and nobody while two of the client's
    /// devices choose differently.
    pub audience: Audience,
    /// What the client chose otherwise on another device; choosing again settles it.
    pub others: Vec<CelebrationHow>,
}

/// What can be celebrated.
struct Occasion {
    text: String,
    goal: Option<GoalId>,
}

impl Plan {
    /// The milestones of a goal, in the order in which they were set.
    pub fn milestones(&self, goal: GoalId) -> Vec<MilestoneView> {
        let reached = self.reached();
        let celebrations = self.things::<Celebration>().into_iter();
        let celebrations: BTreeMap<_, _> = celebrations
            .map(|thing| (thing.fields.of, thing.id))
            .collect();
        let milestones = self.things::<Milestone>().into_iter();
        let milestones = milestones.filter(|thing| thing.fields.goal == goal);
        let view = |thing: Thing<Milestone>| {
            let reached = reached.contains(&thing.id);
            let celebration = celebrations.get(&thing.id).copied();
            MilestoneView {
                id: thing.id,
                milestone: thing.fields,
                reached,
                celebration: celebration.filter(|_| reached),
            }
        };
        milestones.map(view).collect()
    }

    /// The rewards of a goal, in the order in which they were planned.
    pub fn rewards(&self, goal: GoalId) -> Vec<RewardView> {
        let unlocked: BTreeSet<_> = self.unlocked().into_values().collect();
        let claimed = self.claimed();
        let rewards = self.things::<Reward>().into_iter();
        let rewards = rewards.filter(|thing| thing.fields.goal == goal);
        let view = |thing: Thing<Reward>| {
            let claimed = claimed.get(&thing.id);
            RewardView {
                id: thing.id,
                reward: thing.fields,
                state: match (unlocked.contains(&thing.id), claimed) {
                    (false, _) => RewardState::NotYet,
                    (true, None) => RewardState::Unlocked,
                    (true, Some(_)) => RewardState::Claimed,
                },
                claimed_at: claimed.copied().flatten(),
            }
        };
        rewards.map(view).collect()
    }

    /// What is there to celebrate, in the order of the ids of the celebrations: they do not say when
    /// they began.
    pub fn celebrations(&self) -> Vec<CelebrationView> {
        let occasions = self.occasions();
        let mut chosen: BTreeMap<RecordId, Vec<CelebrationHow>> = BTreeMap::new();
        for how in self.things::<CelebrationHow>() {
            let chosen = chosen.entry(how.fields.celebration).or_default();
            for how in [how.fields].into_iter().chain(how.others) {
                if !chosen.contains(&how) {
                    chosen.push(how);
                }
            }
        }
        let view = |thing: Thing<Celebration>| {
            let occasion = occasions.get(&thing.fields.of)?;
            let mut chosen = chosen.remove(&thing.id).unwrap_or_default().into_iter();
            let (first, others) = (chosen.next(), chosen.collect::<Vec<_>>());
            let audience = first.as_ref().map(|how| how.audience);
            let agreed = audience.filter(|one| others.iter().all(|how| how.audience == *one));
            Some(CelebrationView {
                id: thing.id,
                of: thing.fields.of,
                text: occasion.text.clone(),
                goal: occasion.goal,
                how: first.and_then(|how| how.how),
                audience: agreed.unwrap_or_default(),
                others,
            })
        };
        let celebrations = self.things::<Celebration>().into_iter();
        celebrations.filter_map(view).collect()
    }

    /// The celebration of a win or a milestone.
    pub(crate) fn celebration_of(&self, of: RecordId) -> Option<RecordId> {
        let mut celebrations = self.things::<Celebration>().into_iter();
        celebrations
            .find(|thing| thing.fields.of == of)
            .map(|thing| thing.id)
    }

    /// Makes the record that celebrates a win, or a milestone that was reached.
    ///
    /// # Errors
    /// If there is no such win or milestone, it is not reached, or the client has removed its
    /// celebration.
    pub(crate) fn celebrate(&self, of: RecordId, stamp: &Stamp) -> Result<NewRecord, InputError> {
        let celebration = self.add(&Celebration { of }, None, stamp)?;
        if !self.occasions().contains_key(&of) {
            return Err(InputError::Needs {
                field: "a celebration",
                needs: "a win, or a milestone that was reached",
            });
        }
        match self.records().knows(celebration.id) {
            true => Err(InputError::UnknownRecord(of)),
            false => Ok(celebration),
        }
    }

    /// Makes the records that say how something is celebrated. They replace whatever was said before,
    /// also where several devices said something.
    ///
    /// # Errors
    /// If there is no such celebration, the text is too long, or the role is not the client's.
    pub(crate) fn choose_how(
        &self,
        how: &CelebrationHow,
        stamp: &Stamp,
    ) -> Result<Vec<NewRecord>, InputError> {
        let said = self.things::<CelebrationHow>().into_iter();
        let mut said = said.filter(|thing| thing.fields.celebration == how.celebration);
        let first = match said.next() {
            Some(first) => self.change(None, first.id, how, stamp)?,
            None => self.add(how, None, stamp)?,
        };
        let others = said.map(|thing| self.remove::<CelebrationHow>(None, thing.id, stamp));
        [Ok(first)].into_iter().chain(others).collect()
    }

    /// Makes the record that takes a reward.
    ///
    /// # Errors
    /// If there is no such reward, it is not unlocked, or the role is not the client's.
    pub(crate) fn claim(&self, reward: RecordId, stamp: &Stamp) -> Result<NewRecord, InputError> {
        let mut rewards = self.things::<Reward>().into_iter();
        let known = rewards.any(|thing| thing.id == reward);
        known
            .then_some(())
            .ok_or(InputError::UnknownRecord(reward))?;
        let mut unlocked = self.unlocked().into_iter();
        let (unlocked, _) = unlocked
            .find(|(_, of)| *of == reward)
            .ok_or(InputError::Needs {
                field: "taking a reward",
                needs: "that it is unlocked",
            })?;
        self.add(&RewardClaimed { unlocked }, None, stamp)
    }

    /// The milestones that were reached.
    fn reached(&self) -> BTreeSet<RecordId> {
        let reached = self.things::<MilestoneReached>().into_iter();
        reached.map(|thing| thing.fields.milestone).collect()
    }

    /// The reward of each record that says that one was unlocked.
    fn unlocked(&self) -> BTreeMap<RecordId, RecordId> {
        let unlocked = self.things::<RewardUnlocked>().into_iter();
        unlocked
            .map(|thing| (thing.id, thing.fields.reward))
            .collect()
    }

    /// The rewards that were taken, and when first.
    fn claimed(&self) -> BTreeMap<RecordId, Option<DateTime<Utc>>> {
        let unlocked = self.unlocked();
        let mut claimed = BTreeMap::new();
        // In the order in which they began.
        for claim in self.things::<RewardClaimed>() {
            if let Some(reward) = unlocked.get(&claim.fields.unlocked) {
                claimed.entry(*reward).or_insert(claim.at);
            }
        }
        claimed
    }

    /// The wins, and the milestones that were reached.
    fn occasions(&self) -> BTreeMap<RecordId, Occasion> {
        let reached = self.reached();
        let milestones = self.things::<Milestone>().into_iter();
        let milestones = milestones.filter(|thing| reached.contains(&thing.id));
        let milestones = milestones.map(|thing| {
            let (text, goal) = (thing.fields.text, Some(thing.fields.goal));
            (thing.id, Occasion { text, goal })
        });
        let wins = self.things::<Win>().into_iter().map(|thing| {
            let (text, goal) = (thing.fields.text, thing.fields.goal);
            (thing.id, Occasion { text, goal })
        });
        milestones.chain(wins).collect()
    }
}

#[cfg(test)]
mod tests;

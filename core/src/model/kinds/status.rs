//! Where a goal stands: a chain of statuses with the codes of FHIR R4. A goal has no status field.

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::chain::{Ancestry, Chain};
use crate::model::codes::{AchievementStatus, LifecycleStatus};
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::kinds::goal::Goal;
use crate::model::kinds::settings::SettingsView;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{STATEMENT_LIMIT, TextField, read_links};
use crate::model::time::{read_date, read_date_opt, read_instant, write_date, write_instant};
use crate::model::{json, text};
use crate::role::Role;

const REASON: TextField = TextField::optional("reason", STATEMENT_LIMIT);

/// A step of the chain as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct GoalStatus {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) goal: GoalId,
    #[n(3)]
    pub(crate) to: u8,
    #[n(4)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RecordId>,
    #[n(5)]
    pub(crate) reason: Option<String>,
    #[n(6)]
    pub(crate) achievement: Option<u8>,
    /// The local date as stamped on the device. Versions before this said none.
    #[n(7)]
    pub(crate) date: Option<i32>,
}

impl RecordKind for GoalStatus {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "give a goal this status";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        LifecycleStatus::read(self.to)?;
        self.achievement.map(AchievementStatus::read).transpose()?;
        read_date_opt(self.date)?;
        read_links(self.replaces.len())?;
        REASON.read_opt(self.reason.as_deref())
    }

    fn links(&self) -> Vec<RecordId> {
        let goal = self.goal.record();
        self.replaces.iter().copied().chain([goal]).collect()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        vec![self.goal.record()]
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }

    /// The client decides; a therapist only proposes.
    fn may_write(&self, role: Role) -> bool {
        match role {
            Role::Client => true,
            Role::Therapist => LifecycleStatus::read(self.to) == Ok(LifecycleStatus::Proposed),
            Role::Guardian | Role::Supporter => false,
        }
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let goal = records.get::<Goal>(entry.record.goal.record());
        goal.map(drop).ok_or(Reason::UnknownReference)
    }
}

/// A status to give a goal. It replaces every status that the plan shows at the moment, so it
/// also settles a conflict.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewStatus {
    /// The goal.
    pub goal: GoalId,
    /// Where it stands from now on.
    pub to: LifecycleStatus,
    /// How far it was achieved, if that is to be said.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub achievement: Option<AchievementStatus>,
    /// Why, at most 500 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<String>,
}

impl NewStatus {
    /// Makes the record.
    ///
    /// # Errors
    /// If the goal is unknown, the reason too long, or the role may not give this status.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        REASON.check_opt(self.reason.as_deref())?;
        let state = plan
            .goal_state(self.goal)
            .ok_or(InputError::UnknownGoal(self.goal))?;
        let replaces = state.statuses.heads();
        text::check_count("statuses to replace", replaces.len(), text::LINK_LIMIT)?;
        let status = GoalStatus {
            kind: Kind::GoalStatus,
            at: write_instant(stamp.at)?,
            goal: self.goal,
            to: self.to.code(),
            replaces,
            reason: self.reason.clone(),
            achievement: self.achievement.map(AchievementStatus::code),
            date: Some(write_date("date", plan.local_date(stamp)?)?),
        };
        write(&status, stamp)
    }
}

/// A status that somebody gave a goal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StatusView {
    /// The record.
    pub id: RecordId,
    /// Where the goal stands.
    pub status: LifecycleStatus,
    /// How far it was achieved, if that was said.
    pub achievement: Option<AchievementStatus>,
    /// Why.
    pub reason: Option<String>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
    /// The local date from which it counts.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// The statuses that it took the place of.
    pub replaces: Vec<RecordId>,
}

impl GoalStatus {
    /// The local date from which it counts: as stamped, else by what the plan says of zone and cut-off.
    pub(crate) fn counts_from(&self, settings: &SettingsView) -> Option<NaiveDate> {
        let stamped = self.date.and_then(|date| read_date(date).ok());
        stamped.or_else(|| Some(settings.date_of(read_instant(self.at).ok()?)))
    }
}

impl Plan {
    /// Every status that a goal was given and that counts, in the order of their dates.
    pub fn status_history(&self, goal: GoalId) -> Vec<StatusView> {
        let given = self.records().of::<GoalStatus>();
        let given = given.filter(|entry| entry.record.goal == goal);
        let mut history: Vec<_> = given.filter_map(|entry| self.status_view(entry)).collect();
        history.sort_by_key(|status| (status.date, status.at, status.id));
        history
    }

    /// A status as an app sees it.
    pub(crate) fn status_view(&self, entry: Entry<'_, GoalStatus>) -> Option<StatusView> {
        let status = entry.record;
        let achievement = status.achievement;
        Some(StatusView {
            id: entry.id,
            status: LifecycleStatus::read(status.to).ok()?,
            achievement: achievement.and_then(|code| AchievementStatus::read(code).ok()),
            reason: status.reason.clone(),
            at: read_instant(status.at).ok()?,
            date: status.counts_from(self.known_settings())?,
            replaces: self.records().through(&status.replaces),
        })
    }
}

/// The status of a goal: that of the heads if they agree, otherwise the one they all come from,
/// in the last resort `proposed`.
pub(crate) fn current(records: &Records, chain: &Chain) -> LifecycleStatus {
    let heads = chain.heads();
    match agreed(records, &heads) {
        Some(status) => status,
        None => of(records, &chain.ancestry(), &heads),
    }
}

/// The status that heads of a chain say together, whether or not they are its last.
pub(crate) fn of(records: &Records, ancestry: &Ancestry, heads: &[RecordId]) -> LifecycleStatus {
    agreed(records, heads).unwrap_or_else(|| {
        let common = ancestry.common(heads);
        common.map_or(LifecycleStatus::Proposed, |id| read(records, id))
    })
}

/// What heads say, unless they contradict each other.
fn agreed(records: &Records, heads: &[RecordId]) -> Option<LifecycleStatus> {
    let said = distinct(records, heads);
    match said.len() {
        0 => Some(LifecycleStatus::Proposed),
        1 => said.into_iter().next(),
        _ => None,
    }
}

impl LifecycleStatus {
    /// Whether a goal that stands there asks for something: not where it is on hold, over, or not wanted.
    pub(crate) const fn runs(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Active | Self::Planned | Self::Proposed
        )
    }
}

/// The heads, if they differ in what they say.
pub(crate) fn conflict(records: &Records, chain: &Chain) -> Vec<RecordId> {
    let heads = chain.heads();
    match distinct(records, &heads).len() > 1 {
        true => heads,
        false => Vec::new(),
    }
}

fn distinct(records: &Records, heads: &[RecordId]) -> std::collections::BTreeSet<LifecycleStatus> {
    heads.iter().map(|id| read(records, *id)).collect()
}

fn read(records: &Records, id: RecordId) -> LifecycleStatus {
    let status = records.get::<GoalStatus>(id);
    status
        .and_then(|entry| LifecycleStatus::read(entry.record.to).ok())
        .unwrap_or(LifecycleStatus::Proposed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    fn to(space: &mut Space, goal: GoalId, to: LifecycleStatus) -> RecordId {
        space.put(client(), |plan, stamp| {
            NewStatus {
                goal,
                to,
                achievement: None,
                reason: None,
            }
            .record(plan, stamp)
        })
    }

    #[test]
    fn a_therapist_only_proposes() {
        let mut space = Space::default();
        let goal = space.goal(therapist());
        let status = NewStatus {
            goal,
            to: LifecycleStatus::Active,
            achievement: None,
            reason: None,
        };
        let error = space.refused(therapist(), |plan, stamp| status.record(plan, stamp));
        assert_eq!(
            error.to_string(),
            "a therapist may not give a goal this status"
        );
        // The same record, smuggled past the facade.
        let smuggled = space.forge(therapist(), |plan| {
            status.record(plan, &Space::stamp(client(), 0))
        });
        let plan = space.plan();
        assert_eq!(plan.status(goal), Some(LifecycleStatus::Proposed));
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
    }

    #[test]
    fn two_statuses_offline_are_a_conflict_that_a_third_settles() {
        let mut space = Space::default();
        let goal = space.goal(client());
        to(&mut space, goal, LifecycleStatus::Active);
        let mut phone = space.clone();
        to(&mut phone, goal, LifecycleStatus::OnHold);
        to(&mut space, goal, LifecycleStatus::Completed);
        space.merge(&phone);
        let plan = space.plan();
        assert_eq!(
            plan.status(goal),
            Some(LifecycleStatus::Active),
            "what both came from"
        );
        assert_eq!(plan.status_conflict(goal).len(), 2);
        to(&mut space, goal, LifecycleStatus::OnHold);
        assert_eq!(space.plan().status(goal), Some(LifecycleStatus::OnHold));
        assert!(space.plan().status_conflict(goal).is_empty());
    }

    #[test]
    fn two_first_statuses_fall_back_to_proposed_and_equal_ones_are_no_conflict() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let mut phone = space.clone();
        to(&mut phone, goal, LifecycleStatus::Active);
        let mut twin = space.clone();
        to(&mut space, goal, LifecycleStatus::Cancelled);
        phone.clock += 1;
        twin.clock += 7;
        to(&mut twin, goal, LifecycleStatus::Active);
        phone.merge(&twin);
        assert_eq!(phone.plan().status(goal), Some(LifecycleStatus::Active));
        assert!(phone.plan().status_conflict(goal).is_empty());
        space.merge(&phone);
        assert_eq!(space.plan().status(goal), Some(LifecycleStatus::Proposed));
    }
}

//! What an app sees of a plan.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::codes::{LifecycleStatus, Verdict};
use crate::model::focus::PlanWarning;
use crate::model::ids::{GoalId, PersonTag, RecordId, RevisionId};
use crate::model::json;
use crate::model::kinds::goal_profile::GoalProfile;
use crate::model::kinds::measure::MeasureView;
use crate::model::kinds::note::NoteView;
use crate::model::kinds::schedule::Schedule;
use crate::model::kinds::settings::SettingsView;
use crate::model::kinds::status::StatusView;
use crate::model::kinds::target::Target;
use crate::model::left_out::LeftOut;
use crate::role::Role;

/// A plan, seen on a date.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlanView {
    /// The goals in the order that people gave them; those that nobody moved behind, by the date
    /// until which they go, then oldest first.
    pub goals: Vec<GoalView>,
    /// The measures, by label.
    pub measures: Vec<MeasureView>,
    /// The settings that hold.
    pub settings: SettingsView,
    /// The notes, oldest first.
    pub notes: Vec<NoteView>,
    /// Records that do not count, each with its reason.
    pub left_out: Vec<LeftOut>,
    /// What people should know, and what stops nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<PlanWarning>,
}

impl GoalView {
    /// The revision whose wording is shown: the one in force, before that the first proposal.
    pub fn wording(&self) -> Option<&RevisionView> {
        self.in_force.as_ref().or(self.proposals.first())
    }

    /// The date until which it goes: when its target is due, or the last of its days.
    pub fn until(&self) -> Option<NaiveDate> {
        let wording = self.wording()?;
        let due = wording.target.as_ref().and_then(|target| target.due);
        due.or(wording.schedule.as_ref().and_then(|schedule| schedule.end))
    }
}

/// A goal, seen on a date.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GoalView {
    /// The goal.
    pub id: GoalId,
    /// The wording in force; before anything is, that of the first proposal.
    pub statement: String,
    /// The area of life.
    pub area: Option<String>,
    /// What it is for. Where people contradict each other, what one of them says: on every device
    /// the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<GoalProfile>,
    /// Where it stands. In a conflict, the status that the contradicting ones come from.
    pub status: LifecycleStatus,
    /// Whether the client looks at it first for now. One that is over or on hold is in no focus.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_focus: bool,
    /// The statuses given to it that nothing replaced: one, none, or several in a conflict.
    pub statuses: Vec<StatusView>,
    /// The revision in force.
    pub in_force: Option<RevisionView>,
    /// Agreed revisions whose date has not come.
    pub coming: Vec<RevisionView>,
    /// Proposals that wait for a verdict, oldest first.
    pub proposals: Vec<RevisionView>,
    /// What people have to choose from.
    pub conflicts: Vec<ConflictView>,
    /// Whether a therapist has said something about the revision in force; a client's own first
    /// one holds before that.
    pub discussed: bool,
    /// Which revision holds from which date on, past and coming.
    pub timeline: Vec<InForceView>,
    /// Who created it, by role.
    pub created_by: Vec<Role>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub created_at: DateTime<Utc>,
}

/// A revision of a goal, seen on a date.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RevisionView {
    /// The revision.
    pub id: RevisionId,
    /// The goal.
    pub goal: GoalId,
    /// What it replaces.
    pub replaces: Vec<RevisionId>,
    /// The wording.
    pub statement: String,
    /// Why.
    pub rationale: Option<String>,
    /// How much of what.
    pub target: Option<Target>,
    /// On which days.
    pub schedule: Option<Schedule>,
    /// The first day on which it was to hold.
    #[serde(serialize_with = "json::date_opt")]
    pub effective_from: Option<NaiveDate>,
    /// The date from which it holds, once agreed.
    #[serde(serialize_with = "json::date_opt")]
    pub in_force_from: Option<NaiveDate>,
    /// Where it stands.
    pub state: RevisionState,
    /// Everything that was said about it, oldest first.
    pub verdicts: Vec<VerdictView>,
    /// Whether a therapist has said something about it.
    pub discussed: bool,
    /// Who proposed it, by role.
    pub proposed_by: Vec<Role>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub proposed_at: DateTime<Utc>,
}

/// Where a revision stands.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RevisionState {
    /// Agreed to by all who are needed; its date has not come.
    Agreed,
    /// Another proposal for the same place was agreed first.
    Closed,
    /// Somebody disagrees.
    Declined,
    /// It holds.
    InForce,
    /// It waits for verdicts.
    Open,
    /// What replaced it holds.
    Superseded,
    /// Agreed on the same date as another; one that replaces both decides.
    Tied,
}

/// What a person said about a revision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct VerdictView {
    /// The record.
    pub id: RecordId,
    /// Who.
    pub person: PersonTag,
    /// In which role.
    pub role: Role,
    /// What.
    pub verdict: Verdict,
    /// On which date in the client's zone.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
}

/// From when on a revision holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct InForceView {
    /// The revision.
    pub revision: RevisionId,
    /// Its first date.
    #[serde(serialize_with = "json::date")]
    pub from: NaiveDate,
}

/// Records that contradict each other, for people to choose from. Nothing of it is lost.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConflictView {
    /// What they are.
    pub kind: ConflictKind,
    /// The records.
    pub records: Vec<RecordId>,
}

/// What contradicts each other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ConflictKind {
    /// Several corrections of one entry.
    Corrections,
    /// Several profiles of one goal.
    Profiles,
    /// Several open proposals for one goal.
    Proposals,
    /// Several statuses of one goal.
    Statuses,
    /// Revisions that were agreed to on one date.
    TiedRevisions,
}

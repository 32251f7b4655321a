//! The plan of an episode: goals, measures, settings and notes, folded from its records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::model::acceptance::Stand;
use crate::model::chain::Chain;
use crate::model::codes::LifecycleStatus;
use crate::model::goal_state::{GoalState, goals, sayings};
use crate::model::ids::{GoalId, MeasureId, RecordId, RevisionId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::ItemView;
use crate::model::kinds::Kind;
use crate::model::kinds::goal::Goal;
use crate::model::kinds::measure::{Measure, MeasureState, MeasureView};
use crate::model::kinds::note::{self, NoteView};
use crate::model::kinds::provenance;
use crate::model::kinds::revision::GoalRevision;
use crate::model::kinds::schedule::StoredSchedule;
use crate::model::kinds::settings::{self, SettingsView};
use crate::model::kinds::status::{self, GoalStatus};
use crate::model::kinds::target::StoredTarget;
use crate::model::kinds::verdict::VerdictRecord;
use crate::model::kinds::withdrawal::NewWithdrawal;
use crate::model::left_out::LeftOut;
use crate::model::observed::Observed;
use crate::model::progress::Basis;
use crate::model::record::SourceRecord;
use crate::model::records::{Entry, Records};
use crate::model::say::TherapistsSay;
use crate::model::time::{local_date, read_date_opt, read_instant, zone};
use crate::model::undone::Undone;
use crate::model::views::{
    ConflictKind, ConflictView, GoalView, InForceView, PlanView, RevisionState, RevisionView,
    VerdictView,
};
use crate::role::Role;

/// The plan of an episode.
#[derive(Clone, Debug)]
pub struct Plan {
    records: Records,
    goals: BTreeMap<GoalId, GoalState>,
    measures: BTreeMap<MeasureId, MeasureState>,
    settings: SettingsView,
    observed: Arc<Observed>,
    undone: Undone,
}

impl Plan {
    /// Folds the records of the plan document, given in any order. From
    /// `therapist_since` on, which the membership knows, a goal's later revisions need a therapist's
    /// agreement besides the client's; what was settled before stays settled.
    pub fn fold<'a>(
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
        therapist_since: Option<NaiveDate>,
    ) -> Self {
        let (records, undone) = Records::of_plan(sources);
        let therapists = TherapistsSay {
            since: therapist_since,
            earlier: provenance::says(records.of().map(|entry| entry.record)),
        };
        let settings = settings::view(&records);
        Self {
            goals: goals(&records, &therapists, &settings),
            measures: measures(&records),
            settings,
            observed: Arc::new(Observed::of(&records)),
            records,
            undone,
        }
    }

    /// Everything in the plan, seen on a date.
    pub fn view(&self, today: NaiveDate) -> PlanView {
        PlanView {
            goals: self.goals(today),
            measures: self.measures(),
            settings: self.settings(),
            notes: self.notes(),
            left_out: self.left_out(),
            warnings: self.warnings(),
        }
    }

    /// The goals, seen on a date, in the order that people gave them. Those that nobody moved come
    /// behind, by the date until which they go, then oldest first.
    pub fn goals(&self, today: NaiveDate) -> Vec<GoalView> {
        let mut goals: Vec<_> = self
            .goals
            .keys()
            .filter_map(|id| self.goal(*id, today))
            .collect();
        goals.sort_by_cached_key(|goal| {
            let place = self
                .goals
                .get(&goal.id)
                .and_then(|state| state.place.clone());
            let until = goal.until();
            // What shares a place has the same order on every day.
            let placeless = (until.is_none(), until, goal.created_at);
            let placeless = place.is_none().then_some(placeless);
            (place.is_none(), place, placeless, goal.id)
        });
        goals
    }

    /// The ids of the goals.
    pub fn goal_ids(&self) -> Vec<GoalId> {
        self.goals.keys().copied().collect()
    }

    /// One goal, seen on a date.
    pub fn goal(&self, id: GoalId, today: NaiveDate) -> Option<GoalView> {
        let (state, goal) = (self.goals.get(&id)?, self.records.get::<Goal>(id.record())?);
        let revisions = self.revisions(id, today);
        let in_state = |state| {
            let matching = revisions
                .iter()
                .filter(move |revision| revision.state == state);
            matching.cloned().collect::<Vec<_>>()
        };
        let in_force = in_state(RevisionState::InForce).pop();
        let mut proposals = in_state(RevisionState::Open);
        let open: Vec<_> = proposals.iter().map(|open| open.id.record()).collect();
        // A proposal that another open one replaces is not one more to choose from.
        proposals.retain(|old| {
            !open
                .iter()
                .any(|new| state.history.is_above(old.id.record(), *new))
        });
        let statuses = state.statuses.heads();
        let wording = in_force
            .as_ref()
            .or(proposals.first())
            .or(revisions.first());
        Some(GoalView {
            id,
            statement: wording
                .map(|wording| wording.statement.clone())
                .unwrap_or_default(),
            area: goal.record.area.clone(),
            profile: state.profile.as_ref().map(|profile| profile.fields.clone()),
            status: status::current(&self.records, &state.statuses),
            in_focus: self.is_in_focus(id),
            statuses: statuses
                .iter()
                .filter_map(|id| self.status_view(self.records.get::<GoalStatus>(*id)?))
                .collect(),
            conflicts: self.conflicts(state, &proposals),
            coming: in_state(RevisionState::Agreed),
            discussed: in_force.as_ref().is_some_and(|revision| revision.discussed),
            in_force,
            proposals,
            timeline: state
                .history
                .timeline()
                .into_iter()
                .map(|a| InForceView {
                    revision: a.revision.into(),
                    from: a.from,
                })
                .collect(),
            created_by: roles(&goal),
            created_at: read_instant(goal.record.at).ok()?,
        })
    }

    /// Every revision of a goal, seen on a date, oldest first.
    pub fn revisions(&self, goal: GoalId, today: NaiveDate) -> Vec<RevisionView> {
        let ids = self
            .goals
            .get(&goal)
            .into_iter()
            .flat_map(|state| &state.revisions);
        let mut revisions: Vec<_> = ids
            .filter_map(|id| self.revision((*id).into(), today))
            .collect();
        revisions.sort_by_key(|revision| (revision.proposed_at, revision.id));
        revisions
    }

    /// One revision, seen on a date.
    pub fn revision(&self, id: RevisionId, today: NaiveDate) -> Option<RevisionView> {
        let entry = self.records.get::<GoalRevision>(id.record())?;
        let (stored, state) = (entry.record, self.goals.get(&entry.record.goal)?);
        let verdicts = self.verdicts(state, entry.id);
        let timeline = state.history.timeline();
        let holds = timeline.iter().find(|a| a.revision == entry.id);
        Some(RevisionView {
            id,
            goal: stored.goal,
            replaces: stored.replaces.clone(),
            statement: stored.statement.clone(),
            rationale: stored.rationale.clone(),
            target: stored.target.as_ref().and_then(StoredTarget::view),
            schedule: stored
                .schedule
                .as_ref()
                .and_then(|schedule| schedule.view().ok()),
            effective_from: read_date_opt(stored.effective_from).ok()?,
            in_force_from: holds.map(|a| a.from),
            state: match state.history.stand(entry.id, today) {
                Stand::Agreed => RevisionState::Agreed,
                Stand::Closed => RevisionState::Closed,
                Stand::Declined => RevisionState::Declined,
                Stand::InForce => RevisionState::InForce,
                Stand::Open => RevisionState::Open,
                Stand::Superseded => RevisionState::Superseded,
                Stand::Tied => RevisionState::Tied,
            },
            discussed: verdicts
                .iter()
                .any(|verdict| verdict.role == Role::Therapist),
            verdicts,
            proposed_by: roles(&entry),
            proposed_at: read_instant(stored.at).ok()?,
        })
    }

    /// The revision of a goal that is in force on a date.
    pub fn in_force_on(&self, goal: GoalId, date: NaiveDate) -> Option<RevisionId> {
        self.goals
            .get(&goal)?
            .history
            .in_force_on(date)
            .map(RevisionId::from)
    }

    /// The first date on which a wording of a goal was in force.
    pub(crate) fn first_in_force(&self, goal: GoalId) -> Option<NaiveDate> {
        let timeline = self.goals.get(&goal)?.history.timeline();
        timeline.first().map(|held| held.from)
    }

    /// Where a goal stands.
    pub fn status(&self, goal: GoalId) -> Option<LifecycleStatus> {
        Some(status::current(
            &self.records,
            &self.goals.get(&goal)?.statuses,
        ))
    }

    /// The statuses of a goal that contradict each other.
    pub fn status_conflict(&self, goal: GoalId) -> Vec<RecordId> {
        let state = self.goals.get(&goal);
        state
            .map(|state| status::conflict(&self.records, &state.statuses))
            .unwrap_or_default()
    }

    /// The measures, by label.
    pub fn measures(&self) -> Vec<MeasureView> {
        let mut measures: Vec<_> = self
            .measures
            .iter()
            .filter_map(|(id, state)| state.view(*id, &self.records))
            .collect();
        measures.sort_by(|a, b| (&a.label, a.id).cmp(&(&b.label, b.id)));
        measures
    }

    /// One measure.
    pub fn measure(&self, id: MeasureId) -> Option<MeasureView> {
        self.measures.get(&id)?.view(id, &self.records)
    }

    /// The settings that hold.
    pub fn settings(&self) -> SettingsView {
        self.settings.clone()
    }

    /// The same without a copy.
    pub(crate) const fn known_settings(&self) -> &SettingsView {
        &self.settings
    }

    /// The notes that were not withdrawn, oldest first.
    pub fn notes(&self) -> Vec<NoteView> {
        note::views(&self.records)
    }

    /// The items of a kind, in the order in which they began.
    pub fn items(&self, kind: Kind) -> Vec<ItemView> {
        kind.items(&self.records, &self.records)
    }

    /// Records that do not count, each with its reason, by id.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.records.left_out().cloned().collect()
    }

    /// What is undone in the plan and its logs.
    pub const fn undone(&self) -> &Undone {
        &self.undone
    }

    /// Makes the record that takes back records of the plan.
    ///
    /// # Errors
    /// If one is unknown, was written by somebody else, or is a link of a chain.
    pub fn withdraw(
        &self,
        withdrawal: &NewWithdrawal,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        withdrawal.record_in(&self.records, stamp)
    }

    /// The local date of a stamp in the client's zone: that of the client's own device, for
    /// others as the plan last knew it.
    ///
    /// # Errors
    /// If the zone is not in this version's tables.
    pub fn local_date(&self, stamp: &Stamp) -> Result<NaiveDate, InputError> {
        let known = self
            .settings
            .time_zone
            .as_deref()
            .filter(|_| stamp.role != Role::Client);
        let zone = zone(known.unwrap_or(&stamp.time_zone))?;
        Ok(local_date(stamp.at, zone, self.settings.cut_off_hour))
    }

    /// The days that the client observes.
    pub(crate) fn observed(&self) -> Arc<Observed> {
        Arc::clone(&self.observed)
    }

    /// The records.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// What is known of a goal.
    pub(crate) fn goal_state(&self, id: GoalId) -> Option<&GoalState> {
        self.goals.get(&id)
    }

    /// What is known of the goal of a revision.
    pub(crate) fn state_of(&self, revision: RevisionId) -> Option<&GoalState> {
        self.goals.get(&self.stored_revision(revision)?.goal)
    }

    /// What decides how a goal's check-ins count and are judged.
    pub(crate) fn basis(&self, goal: GoalId) -> Option<Basis> {
        let versions = |(id, state): (&MeasureId, &MeasureState)| (*id, state.versions.clone());
        Some(Basis {
            timeline: self.goal_state(goal)?.history.timeline(),
            scales: self.measures.iter().map(versions).collect(),
            off: self.days_off(goal),
        })
    }

    /// What is known of a measure.
    pub(crate) fn measure_state(&self, id: MeasureId) -> Option<&MeasureState> {
        self.measures.get(&id)
    }

    /// The version of a measure that is shown.
    pub(crate) fn scale(&self, id: MeasureId) -> Option<&Measure> {
        let current = self.measures.get(&id)?.current()?;
        self.records
            .get::<Measure>(current)
            .map(|entry| entry.record)
    }

    /// A revision as stored.
    pub(crate) fn stored_revision(&self, id: RevisionId) -> Option<&GoalRevision> {
        self.records
            .get::<GoalRevision>(id.record())
            .map(|entry| entry.record)
    }

    /// The schedule of a revision as stored.
    pub(crate) fn stored_schedule(&self, id: RevisionId) -> Option<&StoredSchedule> {
        self.stored_revision(id)?.schedule.as_ref()
    }

    /// Whether a quantity in that unit counts towards the revision's target.
    pub(crate) fn takes_unit(&self, revision: Option<RecordId>, unit: Option<&str>) -> bool {
        let revision = revision.and_then(|id| self.stored_revision(id.into()));
        let target = revision.and_then(|revision| revision.target.as_ref());
        match (target.filter(|target| target.value.is_some()), unit) {
            (Some(target), Some(unit)) => target.unit.as_deref() == Some(unit),
            _ => true,
        }
    }

    fn verdicts(&self, state: &GoalState, revision: RecordId) -> Vec<VerdictView> {
        let ids = state.verdicts.get(&revision).into_iter().flatten();
        let entries = ids.filter_map(|id| self.records.get::<VerdictRecord>(*id));
        let mut verdicts: Vec<_> = entries
            .flat_map(|entry| {
                sayings(entry).map(move |saying| VerdictView {
                    id: entry.id,
                    person: saying.person,
                    role: saying.role,
                    verdict: saying.verdict,
                    date: saying.date,
                })
            })
            .collect();
        verdicts.sort_by_key(|verdict| (verdict.date, verdict.id, verdict.person, verdict.role));
        verdicts
    }

    fn conflicts(&self, state: &GoalState, proposals: &[RevisionView]) -> Vec<ConflictView> {
        let proposals = match proposals.len() > 1 {
            true => proposals
                .iter()
                .map(|proposal| proposal.id.record())
                .collect(),
            false => Vec::new(),
        };
        let profile = state.profile.as_ref();
        let profile = profile.filter(|profile| !profile.others.is_empty());
        let profiles = profile.map(|profile| profile.heads.clone());
        let conflicts = [
            (ConflictKind::Profiles, profiles.unwrap_or_default()),
            (ConflictKind::Proposals, proposals),
            (
                ConflictKind::Statuses,
                status::conflict(&self.records, &state.statuses),
            ),
            (ConflictKind::TiedRevisions, state.history.open_ties()),
        ];
        let real = conflicts
            .into_iter()
            .filter(|(_, records)| !records.is_empty());
        real.map(|(kind, records)| ConflictView { kind, records })
            .collect()
    }
}

fn measures(records: &Records) -> BTreeMap<MeasureId, MeasureState> {
    let mut versions: BTreeMap<MeasureId, Vec<Entry<'_, Measure>>> = BTreeMap::new();
    for entry in records.of::<Measure>() {
        versions
            .entry(entry.record.measure(entry.id))
            .or_default()
            .push(entry);
    }
    let state = |versions: &[Entry<'_, Measure>]| MeasureState {
        versions: versions.iter().map(|entry| entry.id).collect(),
        chain: Chain::new(
            versions
                .iter()
                .map(|entry| (entry.id, records.through(&entry.record.replaces))),
        ),
    };
    versions
        .into_iter()
        .map(|(id, versions)| (id, state(&versions)))
        .collect()
}

fn roles<T>(entry: &Entry<'_, T>) -> Vec<Role> {
    let roles: BTreeSet<_> = entry.authors.iter().map(|author| author.role).collect();
    roles.into_iter().collect()
}

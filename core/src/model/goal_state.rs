//! What is known of each goal of a plan, from its records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::acceptance::{History, Proposal, Saying};
use crate::model::chain::Chain;
use crate::model::codes::Verdict;
use crate::model::ids::{GoalId, RecordId};
use crate::model::item::Thing;
use crate::model::kinds::goal::Goal;
use crate::model::kinds::goal_focus::GoalFocus;
use crate::model::kinds::goal_order::GoalOrder;
use crate::model::kinds::goal_profile::GoalProfile;
use crate::model::kinds::revision::GoalRevision;
use crate::model::kinds::settings::SettingsView;
use crate::model::kinds::status::GoalStatus;
use crate::model::kinds::verdict::VerdictRecord;
use crate::model::ordering::OrderKey;
use crate::model::records::{Entry, Records};
use crate::model::resting::Resting;
use crate::model::say::TherapistsSay;
use crate::model::time::{read_date, read_date_opt};
use crate::role::Role;

/// What is known of one goal.
#[derive(Clone, Debug)]
pub(crate) struct GoalState {
    pub(crate) statuses: Chain,
    pub(crate) revisions: BTreeSet<RecordId>,
    pub(crate) history: History,
    /// When it asks for nothing because of its statuses.
    pub(crate) resting: Arc<Resting>,
    /// By revision.
    pub(super) verdicts: BTreeMap<RecordId, Vec<RecordId>>,
    pub(super) profile: Option<Thing<GoalProfile>>,
    /// Where it stands among the goals, once somebody has moved it.
    pub(crate) place: Option<OrderKey>,
    /// Whether the client chose it for the focus.
    pub(crate) is_chosen: bool,
}

/// What is known of every goal.
pub(super) fn goals(
    records: &Records,
    therapists: &TherapistsSay,
    settings: &SettingsView,
) -> BTreeMap<GoalId, GoalState> {
    let mut verdicts: BTreeMap<RecordId, Vec<Entry<'_, VerdictRecord>>> = BTreeMap::new();
    for verdict in records.of::<VerdictRecord>() {
        verdicts
            .entry(verdict.record.revision.record())
            .or_default()
            .push(verdict);
    }
    let mut statuses = by_goal(records.of::<GoalStatus>(), |status| status.goal);
    let mut revisions = by_goal(records.of::<GoalRevision>(), |revision| revision.goal);
    let profiles = records.things::<GoalProfile>(records).into_iter();
    let mut profiles: BTreeMap<_, _> = profiles.map(|thing| (thing.fields.goal, thing)).collect();
    let places = records.things::<GoalOrder>(records).into_iter();
    let mut places: BTreeMap<_, _> = places
        .filter_map(|thing| Some((thing.fields.goal, OrderKey::read(&thing.fields.key)?)))
        .collect();
    let chosen = records.things::<GoalFocus>(records).into_iter();
    let chosen: BTreeSet<_> = chosen.map(|thing| thing.fields.goal).collect();
    let goals = records.of::<Goal>().map(|goal| GoalId::from(goal.id));
    let state = |id: GoalId| {
        let statuses = statuses.remove(&id).unwrap_or_default();
        let revisions = revisions.remove(&id).unwrap_or_default();
        let on_these = |revision: &Entry<'_, GoalRevision>| {
            Some((revision.id, verdicts.get(&revision.id)?.as_slice()))
        };
        let verdicts: Vec<_> = revisions.iter().filter_map(on_these).collect();
        let given = statuses.iter();
        let chain =
            Chain::new(given.map(|entry| (entry.id, records.through(&entry.record.replaces))));
        let state = GoalState {
            resting: Resting::of(records, &chain, &statuses, settings).into(),
            statuses: chain,
            history: history(records, &revisions, &verdicts, therapists),
            revisions: revisions.iter().map(|entry| entry.id).collect(),
            verdicts: verdicts
                .iter()
                .map(|(id, verdicts)| (*id, verdicts.iter().map(|verdict| verdict.id).collect()))
                .collect(),
            profile: profiles.remove(&id),
            place: places.remove(&id),
            is_chosen: chosen.contains(&id),
        };
        (id, state)
    };
    goals.map(state).collect()
}

/// The wordings of a goal, with what was said about them.
fn history(
    records: &Records,
    revisions: &[Entry<'_, GoalRevision>],
    verdicts: &[(RecordId, &[Entry<'_, VerdictRecord>])],
    therapists: &TherapistsSay,
) -> History {
    let links = |entry: &Entry<'_, GoalRevision>| {
        let replaces: Vec<_> = entry.record.replaces.iter().map(|id| id.record()).collect();
        (entry.id, records.through(&replaces))
    };
    let proposals = revisions.iter().map(|entry| Proposal {
        id: entry.id,
        clients_first: entry.record.replaces.is_empty()
            && entry
                .authors
                .iter()
                .any(|author| author.role == Role::Client),
        effective_from: read_date_opt(entry.record.effective_from).ok().flatten(),
    });
    let said = verdicts.iter().flat_map(|(_, verdicts)| *verdicts);
    History::play(
        proposals,
        &Chain::new(revisions.iter().map(links)),
        said.flat_map(|entry| sayings(*entry)).collect(),
        therapists.clone(),
    )
}

fn by_goal<'a, T>(
    entries: impl Iterator<Item = Entry<'a, T>>,
    goal: impl Fn(&T) -> GoalId,
) -> BTreeMap<GoalId, Vec<Entry<'a, T>>> {
    let mut by_goal: BTreeMap<GoalId, Vec<Entry<'a, T>>> = BTreeMap::new();
    for entry in entries {
        by_goal.entry(goal(entry.record)).or_default().push(entry);
    }
    by_goal
}

/// What a verdict says, for each person who put it.
pub(super) fn sayings(entry: Entry<'_, VerdictRecord>) -> impl Iterator<Item = Saying> {
    let read = |entry: Entry<'_, VerdictRecord>| {
        let verdict = Verdict::read(entry.record.verdict).ok()?;
        Some((read_date(entry.record.date).ok()?, verdict))
    };
    let said = read(entry);
    entry.authors.iter().filter_map(move |author| {
        let (date, verdict) = said?;
        let revision = entry.record.revision.record();
        Some(Saying {
            date,
            revision,
            person: author.person,
            role: author.role,
            verdict,
        })
    })
}

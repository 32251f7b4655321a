//! What people write in a plan.

use chrono::Datelike;
use waymark_core::client::{Client, PlanId};
use waymark_core::model::{
    CheckInView, GoalId, LifecycleStatus, NewCheckIn, NewGoal, NewRevision, NewStatus,
    NewWithdrawal, Outcome, RecordId, RevisionId, Schedule, TextId, Verdict,
};

use super::oracle::About;
use super::world::World;

/// Notes from which words are deleted have this in their title.
const SCRATCH: &str = "scratch";

pub(super) fn create_goal(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let words = world.words();
    let revision = NewRevision::first(words, Schedule::daily());
    let said = client
        .goals()
        .create(plan, &NewGoal { area: None }, &revision);
    let goal = world.heard("create a goal", said);
    world.wrote(plan, number, goal.map(Into::into), About::default());
}

pub(super) fn propose(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let goals = client.goals().list(plan).unwrap_or_default();
    let Some(goal) = world.chance.pick(&goals) else {
        return;
    };
    let mut replaces: Vec<RevisionId> = goal.in_force.iter().map(|revision| revision.id).collect();
    if replaces.is_empty() || world.chance.is(300) {
        replaces.extend(goal.proposals.iter().map(|revision| revision.id));
    }
    let words = world.words();
    let revision = NewRevision {
        goal: goal.id,
        replaces,
        ..NewRevision::first(words.clone(), Schedule::daily())
    };
    let said = client.goals().propose(plan, &revision);
    let made = world.heard("propose", said);
    let about = About::of(goal.id).saying(words);
    world.wrote(plan, number, made.map(Into::into), about);
}

pub(super) fn decide(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let goals = client.goals().list(plan).unwrap_or_default();
    let open = goals
        .iter()
        .flat_map(|goal| goal.proposals.iter().map(|r| (goal.id, r.id)));
    let open: Vec<(GoalId, RevisionId)> = open.collect();
    let Some((goal, revision)) = world.chance.pick(&open).copied() else {
        return;
    };
    let verdict = if world.chance.is(700) {
        Verdict::Agree
    } else {
        Verdict::Disagree
    };
    let said = client.goals().decide(plan, revision, verdict);
    let made = world.heard("decide", said);
    world.wrote(plan, number, made, About::of(goal));
}

pub(super) fn set_status(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let goals = client.goals().list(plan).unwrap_or_default();
    let Some(goal) = world.chance.pick(&goals) else {
        return;
    };
    let all = [
        LifecycleStatus::Active,
        LifecycleStatus::OnHold,
        LifecycleStatus::Completed,
    ];
    let Some(to) = world.chance.pick(&all).copied() else {
        return;
    };
    let words = world.words();
    let status = NewStatus {
        goal: goal.id,
        to,
        achievement: None,
        reason: Some(words.clone()),
    };
    let said = client.goals().set_status_anyway(plan, &status);
    let made = world.heard("set a status", said);
    world.wrote(plan, number, made, About::of(goal.id).saying(words));
}

pub(super) fn check_in(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let goals = client.goals().list(plan).unwrap_or_default();
    let Some(goal) = world.chance.pick(&goals) else {
        return;
    };
    let words = world.words();
    let check_in = NewCheckIn {
        note: Some(words.clone()),
        ..NewCheckIn::new(goal.id, Outcome::Done)
    };
    let said = client.check_ins().log(plan, &check_in);
    let made = world.heard("check in", said);
    let about = About::of(goal.id).saying(words);
    world.wrote(plan, number, made.map(Into::into), about);
}

/// A check-in that the device shows.
pub(super) fn some_check_in(
    world: &mut World,
    client: &Client,
    plan: PlanId,
) -> Option<CheckInView> {
    let months = client.check_ins().months(plan).unwrap_or_default();
    let month = world.chance.pick(&months)?;
    let views = client
        .check_ins()
        .in_month(plan, month.year(), month.month());
    let views = views.unwrap_or_default();
    world.chance.pick(&views).cloned()
}

pub(super) fn correct(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let Some(view) = some_check_in(world, client, plan) else {
        return;
    };
    let Some(goal) = view.goal else { return };
    let words = world.words();
    let check_in = NewCheckIn {
        note: Some(words.clone()),
        date: Some(view.date),
        replaces: vec![view.id],
        ..NewCheckIn::new(goal, Outcome::Partial)
    };
    let said = client.check_ins().log(plan, &check_in);
    let made = world.heard("correct a check-in", said);
    let about = About {
        corrects: vec![view.id.into()],
        ..About::of(goal).saying(words)
    };
    world.wrote(plan, number, made.map(Into::into), about);
}

pub(super) fn withdraw(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let Some(view) = some_check_in(world, client, plan) else {
        return;
    };
    let withdrawal = NewWithdrawal {
        records: vec![view.id.into()],
    };
    let said = client.check_ins().withdraw(plan, view.date, &withdrawal);
    let made = world.heard("withdraw a check-in", said);
    world.wrote(plan, number, made, About::of(view.id));
}

pub(super) fn create_note(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let is_scratch = world.chance.is(400);
    let mut title = world.words();
    if is_scratch {
        title.push_str(SCRATCH);
    }
    let said = client.texts().create(plan, None, Some(&title));
    let note = world.heard("begin a note", said);
    if let Some(note) = note.as_ref().filter(|_| !is_scratch) {
        world.oracle.texts.insert(note.text, plan);
    }
    let about = About {
        text: note.as_ref().map(|note| note.text),
        ..About::default().saying(title)
    };
    world.wrote(plan, number, note.map(|note| note.id.into()), about);
}

/// A note that the device shows and from which words are deleted or not.
pub(super) fn some_note(
    world: &mut World,
    client: &Client,
    plan: PlanId,
    is_scratch: bool,
) -> Option<(TextId, Vec<char>)> {
    let notes = client.texts().list(plan).unwrap_or_default();
    let is_it = |title: &Option<String>| {
        title.as_ref().is_some_and(|title| title.ends_with(SCRATCH)) == is_scratch
    };
    let notes: Vec<TextId> = notes
        .iter()
        .filter(|n| is_it(&n.title))
        .map(|n| n.text)
        .collect();
    let text = world.chance.pick(&notes).copied()?;
    let says = client.texts().read(plan, text).ok()?;
    Some((text, says.chars().collect()))
}

/// Puts a word between two others, where nothing is deleted.
pub(super) fn splice(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let Some((text, says)) = some_note(world, client, plan, false) else {
        return;
    };
    let mut gaps: Vec<usize> = says
        .iter()
        .zip(1..)
        .filter(|(c, _)| **c == '.')
        .map(|(_, at)| at)
        .collect();
    gaps.push(0);
    let at = world.chance.pick(&gaps).copied().unwrap_or_default();
    let word = format!("{NEEDLE}{}.", world.chance.word(), NEEDLE = super::NEEDLE);
    let at = u32::try_from(at).unwrap_or_default();
    let said = client.texts().splice(plan, text, at, 0, &word);
    if world.heard("put a word", said).is_some() {
        world.say(&format!("{number} put {word} in {plan}"));
        world.oracle.put(plan, number, text, word);
    }
}

/// Replaces a part of a text by something else.
pub(super) fn scribble(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let Some((text, says)) = some_note(world, client, plan, true) else {
        return;
    };
    let at = world.chance.below(says.len() + 1);
    let delete = world.chance.below((says.len() - at).min(12) + 1);
    let word = world.words();
    let size = |n: usize| u32::try_from(n).unwrap_or_default();
    let said = client
        .texts()
        .splice(plan, text, size(at), size(delete), &word);
    world.heard("replace a part of a text", said);
}

impl World {
    /// Somebody was told that a record is written.
    pub(super) fn wrote(
        &mut self,
        plan: PlanId,
        number: usize,
        record: Option<RecordId>,
        about: About,
    ) {
        if let Some(record) = record {
            self.say(&format!("{number} wrote {record} in {plan}"));
            self.oracle.wrote(plan, number, record, about);
        }
    }
}

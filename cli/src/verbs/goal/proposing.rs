//! `goal propose`, `agree` and `decline`: what people say about a wording.

use clap::Args;
use serde_json::json;
use waymark_core::model::{GoalView, NewRevision, RevisionId, Verdict};

use super::super::at::At;
use super::super::days::Days;
use super::show;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Another wording.
#[derive(Args, Debug)]
pub(super) struct Propose {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// The new wording; without one it stays.
    #[arg(long, value_name = "TEXT")]
    statement: Option<String>,

    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    days: Days,

    #[command(flatten)]
    at: At,
}

/// Which proposal.
#[derive(Args, Debug)]
pub(super) struct Decide {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// Which proposal, by the beginning of its id, where there are several.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    revision: Option<String>,

    #[command(flatten)]
    at: At,
}

/// Proposes another wording, and agrees to it.
///
/// # Errors
/// [`DeskError`].
pub(super) fn another(args: &Propose, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    let now = goal.in_force.as_ref().or(goal.proposals.first());
    let now = now.ok_or_else(|| DeskError::Wrong("this goal has no wording yet".into()))?;
    let replaces = match goal.proposals.is_empty() {
        true => vec![now.id],
        false => goal.proposals.iter().map(|open| open.id).collect(),
    };
    let revision = NewRevision {
        goal: goal.id,
        replaces,
        statement: args
            .statement
            .clone()
            .unwrap_or_else(|| now.statement.clone()),
        target: now.target.clone(),
        schedule: args.days.schedule().or_else(|| now.schedule.clone()),
        effective_from: None,
        rationale: args.why.clone(),
    };
    let id = desk.client.goals().propose(plan, &revision)?;
    let goal = desk.client.goals().get(plan, goal.id)?;
    let fields = json!({ "plan": plan, "revision": id, "goal": goal });
    talk.tell("proposed", fields, |page| show(page, &goal));
    Ok(())
}

/// Agrees to a proposal, or declines it.
///
/// # Errors
/// [`DeskError`].
pub(super) fn decide(args: &Decide, verdict: Verdict, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    let revision = proposal(&goal, args.revision.as_deref())?;
    desk.client.goals().decide(plan, revision, verdict)?;
    let goal = desk.client.goals().get(plan, goal.id)?;
    let fields = json!({ "plan": plan, "revision": revision, "verdict": verdict, "goal": goal });
    talk.tell("decided", fields, |page| show(page, &goal));
    Ok(())
}

/// The proposal that is meant: the only one, or the one whose id begins so.
fn proposal(goal: &GoalView, begins: Option<&str>) -> Result<RevisionId, DeskError> {
    let is_meant = |id: &RevisionId| begins.is_none_or(|b| id.to_string().starts_with(b));
    let ids = goal.proposals.iter().map(|proposal| proposal.id);
    let meant: Vec<_> = ids.filter(is_meant).collect();
    match meant.as_slice() {
        [id] => Ok(*id),
        [] => Err(DeskError::Wrong("nothing like it is proposed here".into())),
        _ => Err(DeskError::Wrong(
            "more than one is proposed: say which with --revision".into(),
        )),
    }
}

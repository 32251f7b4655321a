//! `goal`: what people agree on.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use waymark_core::catalogue::{Language, templates};
use waymark_core::client::PlanId;
use waymark_core::model::{
    GoalId, GoalView, LifecycleStatus, NewGoal, NewRevision, NewStatus, RevisionId, Schedule,
    Verdict,
};

use self::order::Order;
use self::smart::Smart;
use super::at::At;
use super::days::Days;
use super::{coded, say};
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page};
use crate::talk::Talk;

mod order;
mod smart;

/// Goals, as they stand today.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Goal {
    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a goal. A client's holds on the client's word; a therapist's is a proposal.
    New(New),
    /// Create a goal from a template, or list the templates.
    Template(Template),
    /// Propose another wording, or other days, and agree to it.
    Propose(Propose),
    /// Agree to what is proposed.
    Agree(Decide),
    /// Decline what is proposed.
    Decline(Decide),
    /// Say where a goal stands. A therapist only proposes.
    Status(Status),
    /// Put a goal behind another, or first: the client's order.
    Order(Order),
    /// Ask what would make a goal specific, measurable, achievable, relevant and time-bound.
    Smart(Smart),
}

#[derive(Args, Debug)]
struct New {
    /// What is to be reached, in the client's words.
    statement: String,

    /// The area of life.
    #[arg(long)]
    area: Option<String>,

    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    days: Days,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Template {
    /// Its key; without one all are listed.
    key: Option<String>,

    /// In which language.
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,

    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tongue {
    De,
    En,
    Es,
}

#[derive(Args, Debug)]
struct Propose {
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

#[derive(Args, Debug)]
struct Decide {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// Which proposal, by the beginning of its id, where there are several.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    revision: Option<String>,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Status {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// Where it stands: a code of FHIR R4, as active, on-hold, completed or cancelled.
    #[arg(value_parser = status)]
    to: LifecycleStatus,

    /// Make it active also where the plan's limit of active goals is reached.
    #[arg(long)]
    anyway: bool,

    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    at: At,
}

/// Shows goals, or writes about one.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Goal, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => look(&args.at, talk),
        Some(Command::New(new)) => create(new, talk),
        Some(Command::Template(template)) => begin_with(template, talk),
        Some(Command::Propose(propose)) => another(propose, talk),
        Some(Command::Agree(args)) => decide(args, Verdict::Agree, talk),
        Some(Command::Decline(args)) => decide(args, Verdict::Disagree, talk),
        Some(Command::Status(status)) => set_status(status, talk),
        Some(Command::Order(order)) => order::run(order, talk),
        Some(Command::Smart(smart)) => smart::run(smart, talk),
    }
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::De => Self::German,
            Tongue::En => Self::English,
            Tongue::Es => Self::Spanish,
        }
    }
}

fn look(at: &At, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = at.open(talk)?;
    list(&desk, plan)
}

fn list(desk: &Desk, plan: PlanId) -> Result<(), DeskError> {
    let talk = desk.talk;
    let view = desk.client.goals().view(plan)?;
    for goal in &view.goals {
        let fields = json!({ "plan": plan, "goal": goal });
        talk.tell("goal", fields, |page| show(page, goal));
    }
    for warning in &view.warnings {
        talk.note(warning.sentence(Language::English));
    }
    if view.goals.is_empty() {
        talk.note("there is no goal yet: `waymark goal new` or `goal template` makes one");
    }
    Ok(())
}

fn show(page: Page, goal: &GoalView) {
    let status = say(&format!("status.{}", goal.status.as_str()), &[]);
    let id = goal.id.to_string();
    page.line(format_args!(
        "{}  {}, {status}",
        page.ink(Ink::Dim, short(&id)),
        page.ink(Ink::Bold, &goal.statement)
    ));
    if !goal.discussed && goal.in_force.is_some() {
        page.line("          not yet discussed with a therapist");
    }
    for proposal in &goal.proposals {
        let id = proposal.id.to_string();
        let proposed = format!("          proposed {}: {}", short(&id), proposal.statement);
        page.line(page.ink(Ink::Yellow, proposed));
    }
    for conflict in &goal.conflicts {
        let text = "          people say different things here: ";
        page.line(format_args!("{text}{:?}", conflict.kind));
    }
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let wording = NewRevision {
        rationale: args.why.clone(),
        ..NewRevision::first(
            &args.statement,
            args.days.schedule().unwrap_or(Schedule::daily()),
        )
    };
    let goal = NewGoal {
        area: args.area.clone(),
    };
    let id = desk.client.goals().create(plan, &goal, &wording)?;
    created(&desk, plan, id)
}

fn created(desk: &Desk, plan: PlanId, id: GoalId) -> Result<(), DeskError> {
    let goal = desk.client.goals().get(plan, id)?;
    let fields = json!({ "plan": plan, "goal": goal });
    desk.talk
        .tell("goal_created", fields, |page| show(page, &goal));
    Ok(())
}

fn begin_with(args: &Template, talk: Talk) -> Result<(), DeskError> {
    let language = args.language.into();
    let Some(key) = &args.key else {
        let none = GoalId([0; 16]);
        for template in templates() {
            let statement = template.revision(language, none, None).statement;
            let fields = json!({ "key": template.key, "statement": statement });
            talk.tell("template", fields, |page| {
                page.line(format_args!("{:<16}{statement}", template.key));
            });
        }
        return Ok(());
    };
    let (desk, plan) = args.at.open(talk)?;
    let id = desk.client.goals().begin_with(plan, key, language)?;
    created(&desk, plan, id)
}

fn another(args: &Propose, talk: Talk) -> Result<(), DeskError> {
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

fn decide(args: &Decide, verdict: Verdict, talk: Talk) -> Result<(), DeskError> {
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

fn set_status(args: &Status, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    let status = NewStatus {
        goal: goal.id,
        to: args.to,
        achievement: None,
        reason: args.why.clone(),
    };
    let goals = desk.client.goals();
    match args.anyway {
        true => goals.set_status_anyway(plan, &status)?,
        false => goals.set_status(plan, &status)?,
    };
    let goal = desk.client.goals().get(plan, goal.id)?;
    let fields = json!({ "plan": plan, "goal": goal });
    talk.tell("status_set", fields, |page| show(page, &goal));
    Ok(())
}

fn status(code: &str) -> Result<LifecycleStatus, String> {
    coded(LifecycleStatus::ALL, LifecycleStatus::as_str, code)
}

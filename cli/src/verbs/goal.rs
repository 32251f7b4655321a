//! `goal`: what people agree on.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::catalogue::Language;
use waymark_core::client::PlanId;
use waymark_core::model::{GoalView, LifecycleStatus, NewStatus, Verdict};

use self::focus::Focus;
use self::making::{New, Template};
use self::order::Order;
use self::proposing::{Decide, Propose};
use self::smart::Smart;
use super::at::At;
use super::{coded, say};
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page};
use crate::talk::Talk;

mod focus;
mod making;
mod order;
mod proposing;
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
    /// Put a goal into the focus, or take it out: what the client looks at first for now.
    Focus(Focus),
    /// Put a goal behind another, or first: the client's order.
    Order(Order),
    /// Ask what would make a goal specific, measurable, achievable, relevant and time-bound.
    Smart(Smart),
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
        Some(Command::New(new)) => making::create(new, talk),
        Some(Command::Template(template)) => making::begin_with(template, talk),
        Some(Command::Propose(propose)) => proposing::another(propose, talk),
        Some(Command::Agree(args)) => proposing::decide(args, Verdict::Agree, talk),
        Some(Command::Decline(args)) => proposing::decide(args, Verdict::Disagree, talk),
        Some(Command::Status(status)) => set_status(status, talk),
        Some(Command::Focus(focus)) => focus::run(focus, talk),
        Some(Command::Order(order)) => order::run(order, talk),
        Some(Command::Smart(smart)) => smart::run(smart, talk),
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
    if goal.in_focus {
        page.line("          in the focus");
    }
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

//! `review`: looking at goals together, and what is to become of each.

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::model::{GoalView, Review as Says, ReviewDue, ReviewView, ReviewedGoal};

use self::decided::Decided;
use super::at::At;
use super::sessions;
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page, count};
use crate::talk::Talk;

mod decided;

/// Reviews, the oldest first, and when the next one is due.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Review {
    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write down what is to become of one or more goals. It stays as it was said; the next review may
    /// say something else. The goals themselves change with `goal propose` and `goal status`.
    #[command(visible_alias = "add")]
    New(New),
}

#[derive(Args, Debug)]
struct New {
    #[command(flatten)]
    decided: Decided,

    /// The day on which to look again, as 2026-06-01.
    #[arg(long, value_name = "DATE")]
    next: Option<NaiveDate>,

    /// The session in which it was: the day on which it begins, or the beginning of its id.
    #[arg(long, allow_hyphen_values = true)]
    session: Option<String>,

    #[command(flatten)]
    at: At,
}

/// Shows reviews, or writes one.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Review, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => list(&args.at, talk),
        Some(Command::New(new)) => create(new, talk),
    }
}

fn list(at: &At, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = at.open(talk)?;
    let goals = desk.client.goals().list(plan)?;
    for view in &desk.client.reviews().list(plan)? {
        let fields = json!({ "plan": plan, "review": view });
        talk.tell("review", fields, |page| show(page, &desk, &goals, view));
    }
    let due = desk.client.reviews().due(plan)?;
    let today = desk.client.goals().today(plan)?;
    let fields = json!({ "plan": plan, "due": due });
    talk.tell("review_due", fields, |page| page.line(next(&due, today)));
    Ok(())
}

/// When to look again, for people.
fn next(due: &ReviewDue, today: NaiveDate) -> String {
    if due.last.is_none() {
        return "there is no review yet: `waymark review new` writes one down".into();
    }
    let Some(date) = due.next_due else {
        return "no day is set for the next review".into();
    };
    let days = |days| count(days, "day");
    match usize::try_from((date - today).num_days()) {
        Ok(0) => "the next review is today".into(),
        Ok(left) => format!("the next review is on {date}, in {}", days(left)),
        Err(_) => {
            let since = days(usize::try_from(due.days_overdue).unwrap_or_default());
            format!("the next review was due on {date}, {since} ago; any day is good for it")
        }
    }
}

fn show(page: Page, desk: &Desk, goals: &[GoalView], view: &ReviewView) {
    let zone = sessions::of(desk).ok();
    let date = view.at.zip(zone).map(|(at, zone)| {
        let at = at.with_timezone(&zone);
        at.format("  %Y-%m-%d").to_string()
    });
    let id = view.id.to_string();
    page.line(format_args!(
        "{}{}",
        page.ink(Ink::Dim, short(&id)),
        page.ink(Ink::Bold, date.unwrap_or_default())
    ));
    for reviewed in &view.review.goals {
        page.line(format_args!("          {}", sentence(goals, reviewed)));
    }
    if let Some(date) = view.review.next_due {
        page.line(format_args!("          again on {date}"));
    }
}

/// What was said of a goal, under its wording of today.
fn sentence(goals: &[GoalView], reviewed: &ReviewedGoal) -> String {
    let id = reviewed.goal.to_string();
    let goal = goals.iter().find(|goal| goal.id == reviewed.goal);
    let goal = goal.map_or_else(|| short(&id), |goal| &goal.statement);
    let decision = reviewed.decision.as_str();
    let rating = reviewed
        .rating
        .map_or_else(String::new, |rating| format!(", {rating} of 10"));
    let note = reviewed
        .note
        .as_deref()
        .map_or_else(String::new, |note| format!(": {note}"));
    format!("{goal}, {decision}{rating}{note}")
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let goals = desk.client.goals().list(plan)?;
    let session = args.session.as_deref();
    let session = session.map(|meant| sessions::one(&desk, plan, meant));
    let review = Says {
        goals: args.decided.of(&goals)?,
        next_due: args.next,
        session: session.transpose()?.map(|session| session.id),
    };
    let id = desk.client.items().add(plan, review)?;
    let all = desk.client.reviews().list(plan)?;
    for view in all.iter().filter(|view| view.id == id) {
        let fields = json!({ "plan": plan, "review": view });
        talk.tell("review_added", fields, |page| {
            show(page, &desk, &goals, view);
        });
    }
    Ok(())
}

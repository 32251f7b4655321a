//! `review`: looking at goals together, and what is to become of each.

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::model::{
    GoalView, RecordId, Review as Says, ReviewDue, ReviewView, ReviewedGoal, SessionView,
};

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

/// What a review speaks of.
struct Around {
    goals: Vec<GoalView>,
    sessions: Vec<SessionView>,
    zone: Tz,
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
    let around = Around::read(&desk, plan)?;
    for view in &desk.client.reviews().list(plan)? {
        let fields = json!({ "plan": plan, "review": view });
        talk.tell("review", fields, |page| around.show(page, view));
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

impl Around {
    fn read(desk: &Desk, plan: PlanId) -> Result<Self, DeskError> {
        Ok(Self {
            goals: desk.client.goals().list(plan)?,
            sessions: desk.client.reviews().sessions(plan)?,
            zone: sessions::of(desk)?,
        })
    }

    fn show(&self, page: Page, view: &ReviewView) {
        let date = view.at.map(|at| {
            let at = at.with_timezone(&self.zone);
            at.format("  %Y-%m-%d").to_string()
        });
        let id = view.id.to_string();
        let session = view.review.session;
        let session = session.and_then(|id| self.session(id));
        page.line(format_args!(
            "{}{}{}",
            page.ink(Ink::Dim, short(&id)),
            page.ink(Ink::Bold, date.unwrap_or_default()),
            session.unwrap_or_default()
        ));
        for reviewed in &view.review.goals {
            page.line(format_args!("          {}", self.sentence(reviewed)));
        }
        if let Some(date) = view.review.next_due {
            page.line(format_args!("          again on {date}"));
        }
    }

    /// In which session, where it is here and begins at some time.
    fn session(&self, id: RecordId) -> Option<String> {
        let session = self.sessions.iter().find(|session| session.id == id)?;
        let begins = sessions::begins(session.session.begins?, self.zone);
        Some(format!(", in the session of {begins}"))
    }

    /// What was said of a goal, under its wording of today.
    fn sentence(&self, reviewed: &ReviewedGoal) -> String {
        let id = reviewed.goal.to_string();
        let goal = self.goals.iter().find(|goal| goal.id == reviewed.goal);
        let goal = goal.map_or_else(|| short(&id), |goal| &goal.statement);
        let decision = reviewed.decision.as_str();
        let rating = reviewed.rating.map(|rating| format!(", {rating} of 10"));
        let note = reviewed.note.as_ref().map(|note| format!(": {note}"));
        let details = [rating, note].map(Option::unwrap_or_default);
        format!("{goal}, {decision}{}", details.concat())
    }
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let around = Around::read(&desk, plan)?;
    let session = args.session.as_deref();
    let session = session.map(|meant| sessions::one(&desk, plan, meant));
    let review = Says {
        goals: args.decided.of(&around.goals)?,
        next_due: args.next,
        session: session.transpose()?.map(|session| session.id),
    };
    let id = desk.client.items().add(plan, review)?;
    let all = desk.client.reviews().list(plan)?;
    for view in all.iter().filter(|view| view.id == id) {
        let fields = json!({ "plan": plan, "review": view });
        talk.tell("review_added", fields, |page| {
            around.show(page, view);
        });
    }
    Ok(())
}

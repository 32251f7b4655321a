//! `check-in`: what the client did on a day.

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use waymark_core::model::{CheckInState, CheckInView, NewCheckIn, NewWithdrawal, Outcome};

use super::at::At;
use super::{goals, say};
use crate::desk::{DeskError, short};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// A check-in, or those of a day.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CheckIn {
    /// The goal: its wording, its id or the beginning of it. Without one the check-ins of the day are
    /// shown.
    #[arg(allow_hyphen_values = true)]
    goal: Option<String>,

    /// What it says about the day.
    #[arg(long, value_enum, default_value_t = Said::Done)]
    outcome: Said,

    /// How much, in the unit of the goal's target.
    #[arg(long, value_name = "AMOUNT")]
    quantity: Option<f64>,

    /// A few words.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// The day, as 2026-05-01; today where it is left out.
    #[arg(long)]
    date: Option<NaiveDate>,

    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a check-in back.
    Withdraw(Withdraw),
}

#[derive(Args, Debug)]
struct Withdraw {
    /// Its id, or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    id: String,

    /// Its day.
    #[arg(long)]
    date: NaiveDate,

    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Said {
    Done,
    Excused,
    Note,
    Partial,
    Rest,
}

/// Checks in, or shows a day.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &CheckIn, talk: Talk) -> Result<(), DeskError> {
    if let Some(Command::Withdraw(withdraw)) = &args.command {
        return take_back(withdraw, talk);
    }
    let (desk, plan) = args.at.open(talk)?;
    let Some(meant) = &args.goal else {
        let date = args
            .date
            .map_or_else(|| desk.client.goals().today(plan), Ok)?;
        for check_in in desk.client.check_ins().on(plan, date)? {
            let fields = json!({ "plan": plan, "check_in": check_in });
            talk.tell("check_in", fields, |page| show(page, &check_in));
        }
        return Ok(());
    };
    let goal = goals::one(&desk, plan, meant)?;
    let check_in = NewCheckIn {
        quantity: args.quantity,
        note: args.note.clone(),
        date: args.date,
        ..NewCheckIn::new(goal.id, args.outcome.into())
    };
    let id = desk.client.check_ins().log(plan, &check_in)?;
    let fields = json!({ "plan": plan, "goal": goal.id, "check_in": id });
    talk.tell("checked_in", fields, |page| {
        let said = outcome(args.outcome.into());
        page.line(format_args!("{}: {said}", goal.statement));
    });
    Ok(())
}

fn take_back(args: &Withdraw, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let day = desk.client.check_ins().on(plan, args.date)?;
    let begins = |check_in: &&CheckInView| check_in.id.to_string().starts_with(&args.id);
    let found: Vec<_> = day.iter().filter(begins).collect();
    let [check_in] = found.as_slice() else {
        return Err(DeskError::Wrong(format!(
            "{} check-ins of that day have an id that begins so",
            found.len()
        )));
    };
    let records = vec![check_in.id.record()];
    let check_ins = desk.client.check_ins();
    check_ins.withdraw(plan, args.date, &NewWithdrawal { records })?;
    let fields = json!({ "plan": plan, "check_in": check_in.id });
    talk.tell("withdrawn", fields, |page| page.line("it is taken back"));
    Ok(())
}

fn show(page: Page, check_in: &CheckInView) {
    let id = check_in.id.to_string();
    let amount = check_in.quantity.map_or_else(String::new, |amount| {
        format!(
            ", {amount} {}",
            check_in.unit.as_deref().unwrap_or_default()
        )
    });
    let note = check_in
        .note
        .as_deref()
        .map_or_else(String::new, |note| format!(": {note}"));
    let counts = match check_in.state {
        CheckInState::Counted => "",
        _ => " (does not count)",
    };
    page.line(format_args!(
        "{}  {}{amount}{note}{counts}",
        page.ink(Ink::Dim, short(&id)),
        outcome(check_in.outcome)
    ));
}

fn outcome(outcome: Outcome) -> String {
    say(&format!("outcome.{}", outcome.as_str()), &[])
}

impl From<Said> for Outcome {
    fn from(said: Said) -> Self {
        match said {
            Said::Done => Self::Done,
            Said::Excused => Self::Excused,
            Said::Note => Self::NoteOnly,
            Said::Partial => Self::Partial,
            Said::Rest => Self::Rest,
        }
    }
}

//! `win`: what went well.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::model::{Content, ItemView, Kind, RecordId, Win as Says, WinKind, zone};

use super::at::At;
use super::coded;
use super::items::{self, Sort, show_beside};
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// Wins, as a verb speaks of them.
const WINS: Sort = Sort {
    kind: Kind::Win,
    noun: "win",
    words: |item| match &item.content {
        Content::AWin(win) => Some(&win.text),
        _ => None,
    },
};

/// Wins, the oldest first.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Win {
    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write down a win, small or large.
    New(New),
    /// Change what one says.
    Change(Change),
    /// Remove one.
    Remove(Remove),
}

#[derive(Args, Debug)]
struct New {
    /// What it was, in the client's words.
    text: String,

    /// What kind of win it is: boundary, coped, other, self_care, social or step.
    #[arg(long, value_name = "KIND", value_parser = kind, default_value = "other")]
    of: WinKind,

    /// The goal that it belongs to: its wording, its id or the beginning of it.
    #[arg(long, allow_hyphen_values = true)]
    goal: Option<String>,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Change {
    /// The win: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    win: String,

    /// What it was; without it, that stays.
    #[arg(long)]
    text: Option<String>,

    /// What kind of win it is; without it, that stays.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    of: Option<WinKind>,

    /// The goal that it belongs to; without it, that stays.
    #[arg(long, allow_hyphen_values = true)]
    goal: Option<String>,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Remove {
    /// The win: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    win: String,

    #[command(flatten)]
    at: At,
}

/// Shows wins, or writes one.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Win, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => list(args, talk),
        Some(Command::New(new)) => create(new, talk),
        Some(Command::Change(change)) => alter(change, talk),
        Some(Command::Remove(remove)) => WINS.remove(&remove.at, &remove.win, talk),
    }
}

fn list(args: &Win, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let all = desk.client.items().list(plan, WINS.kind)?;
    for item in &all {
        let fields = json!({ "plan": plan, "win": item });
        talk.tell("win", fields, |page| show(page, &desk, item));
    }
    if all.is_empty() {
        talk.note("no win is written down yet: `waymark win new` does that");
    }
    Ok(())
}

fn show(page: Page, desk: &Desk, item: &ItemView) {
    let Content::AWin(win) = &item.content else {
        return;
    };
    // The day on which it was written down, where this desk is.
    let zone = zone(&desk.settings.time_zone).ok();
    let date = item.at.zip(zone).map(|(at, zone)| {
        let at = at.with_timezone(&zone);
        at.format("  %Y-%m-%d").to_string()
    });
    page.line(format_args!(
        "{}{}  {} ({})",
        page.ink(Ink::Dim, short(&item.id.to_string())),
        date.unwrap_or_default(),
        page.ink(Ink::Bold, &win.text),
        win.of.as_str()
    ));
    show_beside(page, item);
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let win = Says {
        text: args.text.clone(),
        of: args.of,
        goal: items::goal(&desk, plan, args.goal.as_deref())?,
    };
    let id = desk.client.items().add(plan, win)?;
    tell(&desk, plan, "win_added", id)
}

fn alter(args: &Change, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let item = WINS.one(&desk, plan, &args.win)?;
    let Content::AWin(known) = item.content else {
        return Err(DeskError::Wrong("this is no win".into()));
    };
    let changed = Says {
        text: args.text.clone().unwrap_or(known.text),
        of: args.of.unwrap_or(known.of),
        goal: items::goal(&desk, plan, args.goal.as_deref())?.or(known.goal),
    };
    desk.client.items().change(plan, item.id, None, changed)?;
    tell(&desk, plan, "win_changed", item.id)
}

/// Says what a win says now.
fn tell(desk: &Desk, plan: PlanId, event: &str, id: RecordId) -> Result<(), DeskError> {
    let item = WINS.one(desk, plan, &id.to_string())?;
    let fields = json!({ "plan": plan, "win": item });
    desk.talk
        .tell(event, fields, |page| show(page, desk, &item));
    Ok(())
}

fn kind(code: &str) -> Result<WinKind, String> {
    coded(WinKind::ALL, WinKind::as_str, &code.replace('-', "_"))
}

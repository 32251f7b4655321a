//! `held`: what was held back, and what a person does about it.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::{HeldOutcome, HeldView};

use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;

/// What to do about what was held back.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Held {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Have it judged again, for instance after an update.
    Release(Which),
    /// Give it up on this device.
    Discard(Which),
}

#[derive(Args, Debug)]
struct Which {
    #[command(flatten)]
    place: Place,

    /// Its number, as `held` shows it.
    #[arg(value_name = "N")]
    number: usize,

    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Shows it, releases or discards.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Held, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => list(&Desk::open(&args.place, talk)?),
        Some(Command::Release(which)) => release(which, talk),
        Some(Command::Discard(which)) => discard(which, talk),
    }
}

fn list(desk: &Desk) -> Result<(), DeskError> {
    let all = desk.client.held().list()?;
    if all.is_empty() {
        desk.talk.note("nothing is held back");
    }
    for (number, held) in (1..).zip(all) {
        let contents = desk.client.held().inspect(held.place);
        let what = contents.map(|contents| contents.description);
        let what = what.unwrap_or_else(|error| error.to_string());
        let line = format!("{number}. {}: {} ({what})", who(&held), held.reason);
        let fields = json!({ "number": number, "held": held, "description": what });
        desk.talk.tell("held", fields, |page| page.line(line));
    }
    Ok(())
}

fn release(which: &Which, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&which.place, talk)?;
    let held = numbered(&desk, which.number)?;
    let outcome = desk.client.held().release(held.place)?;
    let text = match outcome {
        HeldOutcome::Applied => "it counts now",
        HeldOutcome::Held => "it is still not acceptable, and stays held",
        HeldOutcome::Waiting => "it counts when what it builds on has come",
    };
    let fields = json!({ "held": held, "outcome": outcome });
    talk.tell("released", fields, |page| page.line(text));
    Ok(())
}

fn discard(which: &Which, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&which.place, talk)?;
    let held = numbered(&desk, which.number)?;
    talk.note("This device never opens it again. Other devices are not affected.");
    talk.consent(
        which.yes,
        &format!("Discard what {} wrote there?", who(&held)),
    )?;
    desk.client.held().discard(held.place)?;
    let fields = json!({ "held": held });
    talk.tell("discarded", fields, |page| page.line("discarded"));
    Ok(())
}

fn numbered(desk: &Desk, number: usize) -> Result<HeldView, DeskError> {
    let list = desk.client.held().list()?;
    let found = number
        .checked_sub(1)
        .and_then(|at| list.into_iter().nth(at));
    found.ok_or_else(|| DeskError::Wrong(format!("nothing is held as number {number}")))
}

fn who(held: &HeldView) -> String {
    match (&held.name, &held.device_name) {
        (Some(name), Some(device)) => format!("{name} ({device})"),
        _ => format!("device {}", held.number),
    }
}

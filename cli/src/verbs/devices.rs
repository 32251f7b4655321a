//! `devices`: this person's devices, and how one of them is removed.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::{KeyHolder, PlanId};
use waymark_core::membership::SpaceKind;

use super::{carry_out, not_done, people};
use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;

/// Which device.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Devices {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Remove a device from everything: it is lost, or given away.
    Remove(Remove),
}

/// Which device goes.
#[derive(Args, Debug)]
struct Remove {
    #[command(flatten)]
    place: Place,

    /// Its number, as `devices` shows it.
    #[arg(value_name = "N")]
    number: u16,

    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Shows or removes.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Devices, talk: Talk) -> Result<(), DeskError> {
    if let Some(Command::Remove(remove)) = &args.command {
        return run_remove(remove, talk);
    }
    let desk = Desk::open(&args.place, talk)?;
    for device in desk.client.people().devices()? {
        talk.tell("device", people::fields(&device), |page| {
            page.line(people::line(page, &device));
        });
    }
    Ok(())
}

fn run_remove(args: &Remove, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let number = args.number;
    let devices = desk.client.people().devices()?;
    let device = devices.iter().find(|device| device.number == number);
    let device = device.ok_or_else(|| DeskError::Wrong(format!("no device is number {number}")))?;
    let name = match (device.holder, &device.device_name) {
        (KeyHolder::Device, Some(name)) => name.clone(),
        _ => format!("number {number}"),
    };
    talk.note("What it received before stays on it: nothing can take that back.");
    talk.consent(args.yes, &format!("Remove {name} from everything?"))?;
    desk.client.people().remove_device(number)?;
    carry_out(&desk)?;
    let left = desk.client.people().devices()?;
    if left.iter().any(|device| device.number == number) {
        let text = format!("{name} is not removed yet: run `waymark sync`");
        return Err(not_done::or_pending(&desk, home(&desk)?, text));
    }
    // In a space that was closed meanwhile it stays what it was; nothing is written there.
    not_done::tell(&desk)?;
    talk.tell("device_removed", json!({ "number": number }), |page| {
        page.line(format_args!("{name} is removed"));
    });
    Ok(())
}

/// Home's id as a space.
fn home(desk: &Desk) -> Result<Option<PlanId>, DeskError> {
    let all = desk.client.status()?;
    let home = all.iter().find(|space| space.kind == Some(SpaceKind::Home));
    Ok(home.and_then(|home| home.space))
}

//! `status`: how things stand.

use clap::Args;
use serde_json::json;
use waymark_core::client::{RecoveryState, Status as SpaceStatus};
use waymark_core::membership::SpaceKind;

use super::{comparing, not_done};
use crate::desk::{Desk, DeskError, Place};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// Of which device.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
}

/// Shows it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Status, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let recovery = desk.client.people().recovery()?;
    let relay = &desk.settings.relay;
    let fields = json!({
        "relay": relay, "time_zone": desk.settings.time_zone, "recovery": recovery,
        "version": env!("CARGO_PKG_VERSION"),
    });
    talk.tell("device_status", fields, |page| {
        page.line(format_args!("relay {relay}"));
        page.line(told(recovery));
    });
    spaces(&desk)?;
    not_done::tell(&desk)?;
    comparing::open(&desk);
    Ok(())
}

/// Shows how each space stands.
///
/// # Errors
/// The database's.
pub(super) fn spaces(desk: &Desk) -> Result<(), DeskError> {
    for space in desk.client.status()? {
        let fields = serde_json::to_value(&space).unwrap_or_else(|_| json!({}));
        desk.talk.tell("space", fields, |page| show(page, &space));
    }
    Ok(())
}

/// What a recovery phrase is good for now.
pub(super) const fn told(recovery: RecoveryState) -> &'static str {
    match recovery {
        RecoveryState::None => "no recovery phrase: whoever loses every device starts again",
        RecoveryState::Pending => "the recovery phrase does not suffice before the next sync",
        RecoveryState::Ready => "the recovery phrase brings everything back",
        RecoveryState::Unconfirmed => {
            "words were drawn and are good for nothing yet: see `waymark recover confirm`"
        }
    }
}

fn show(page: Page, space: &SpaceStatus) {
    let id = space.space.map(|id| format!(" {id}")).unwrap_or_default();
    let name = match space.kind {
        Some(SpaceKind::Care) => format!("plan{id}"),
        Some(SpaceKind::Circle) => format!("circle{id}"),
        Some(SpaceKind::Home) => "home".into(),
        Some(SpaceKind::Support) => format!("support space{id}"),
        _ => format!("space{id}"),
    };
    page.line(page.ink(Ink::Bold, name));
    let read = match (space.ready, space.synced) {
        (false, _) => "not read yet".into(),
        (true, Some(at)) => format!("in sync as of {}", at.format("%Y-%m-%d %H:%M UTC")),
        (true, None) => "never synced".into(),
    };
    let counts = [
        (space.unsent, "to send"),
        (space.on_the_way, "on the way"),
        (space.waiting, "waiting for others'"),
        (space.held, "held back"),
        (space.fetching, "documents to come"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts: String = counts
        .map(|(number, what)| format!(", {number} {what}"))
        .collect();
    page.line(format_args!("  {read}{counts}"));
    match space.followed_by {
        Some(next) => page.line(format_args!("  closed: plan {next} goes on in its place")),
        None if space.closed => page.line("  closed"),
        None if space.ended => page.line("  left: nothing more comes here"),
        None => {}
    }
    if space.unconfirmed {
        page.line("  what came before this device is on the word of one person alone");
    }
    if space.evidence > 0 {
        let text = "the relay told two stories of it: see `waymark evidence`";
        page.line(format_args!("  {}", page.ink(Ink::Yellow, text)));
    }
    if let (Some(code), Some(detail)) = (&space.problem, &space.problem_detail) {
        let text = page.ink(Ink::Yellow, format_args!("{detail} ({code})"));
        page.line(format_args!("  {text}"));
    }
}

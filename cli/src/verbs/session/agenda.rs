//! What is on the agenda of a session.

use clap::Args;
use waymark_core::model::{AgendaItem, AgendaView, SessionView};

use super::super::at::At;
use super::super::meant;
use super::Meant;
use crate::desk::DeskError;
use crate::talk::Talk;

/// What to put on an agenda.
#[derive(Args, Debug)]
pub(super) struct Agenda {
    #[command(flatten)]
    meant: Meant,

    /// What is to be talked about.
    text: String,

    #[command(flatten)]
    at: At,
}

/// What to tick off.
#[derive(Args, Debug)]
pub(super) struct Done {
    #[command(flatten)]
    meant: Meant,

    /// What was talked about: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    item: String,

    /// It is to be talked about after all.
    #[arg(long)]
    undo: bool,

    #[command(flatten)]
    at: At,
}

/// Puts something on an agenda.
///
/// # Errors
/// [`DeskError`].
pub(super) fn put_on(args: &Agenda, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, session) = args.meant.open(&args.at, talk)?;
    let item = AgendaItem {
        session: session.id,
        text: args.text.clone(),
        is_done: false,
    };
    desk.client.items().add(plan, item)?;
    super::tell(&desk, plan, "agenda_added", session.id)
}

/// Ticks something off, or says that it is to be talked about after all.
///
/// # Errors
/// [`DeskError`].
pub(super) fn tick_off(args: &Done, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, session) = args.meant.open(&args.at, talk)?;
    let known = on_agenda(&session, &args.item)?;
    let item = AgendaItem {
        is_done: !args.undo,
        ..known.item.clone()
    };
    desk.client.items().change(plan, known.id, None, item)?;
    super::tell(&desk, plan, "agenda_changed", session.id)
}

/// What is meant on the agenda of a session.
fn on_agenda<'s>(session: &'s SessionView, meant: &str) -> Result<&'s AgendaView, DeskError> {
    let agenda = &session.agenda;
    let known: Vec<_> = agenda
        .iter()
        .map(|on| (on.id, on.item.text.as_str()))
        .collect();
    let id = meant::find("agenda item", &known, meant)?;
    let found = agenda.iter().find(|on| on.id == id);
    found.ok_or_else(|| DeskError::Wrong(format!("no agenda item here is \"{meant}\"")))
}

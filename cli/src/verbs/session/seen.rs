//! What is said of a session.

use chrono_tz::Tz;
use serde_json::{Value, json};
use waymark_core::client::PlanId;
use waymark_core::model::{ActionStep, NoteView, SessionView};

use super::super::items::CONTRADICTED;
use super::super::sessions;
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page};

/// Says what a session says, with what belongs to it.
///
/// # Errors
/// The database's.
pub(super) fn tell(
    desk: &Desk,
    plan: PlanId,
    event: &str,
    view: &SessionView,
) -> Result<(), DeskError> {
    let notes = texts(desk, plan, &view.notes)?;
    let as_value = |(note, text): &(&NoteView, String)| json!({ "note": note.id, "text": text });
    let texts: Vec<Value> = notes.iter().map(as_value).collect();
    let fields = json!({ "plan": plan, "session": view, "texts": texts });
    let zone = sessions::of(desk)?;
    desk.talk.tell(event, fields, |page| {
        show(page, zone, view);
        for (note, text) in &notes {
            show_note(page, note, text);
        }
        for given in &view.homework {
            line(page, format_args!("homework: {}", sentence(&given.step)));
        }
    });
    Ok(())
}

/// What the notes say. A note whose text nobody has is left out: a session would not be read for it.
fn texts<'n>(
    desk: &Desk,
    plan: PlanId,
    notes: &'n [NoteView],
) -> Result<Vec<(&'n NoteView, String)>, DeskError> {
    let mut read = Vec::new();
    for note in notes {
        match desk.client.texts().read(plan, note.text) {
            Ok(text) => read.push((note, text)),
            Err(error) if error.code() == "not_found" => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}

fn show(page: Page, zone: Tz, view: &SessionView) {
    let session = &view.session;
    let begins = session.begins.map(|at| sessions::begins(at, zone));
    let begins = begins.unwrap_or_else(|| "no time is agreed yet".into());
    let minutes = session.minutes.map(|minutes| format!(", {minutes} min"));
    let place = session.place.as_ref().map(|place| format!(", {place}"));
    page.line(format_args!(
        "{}  {}{}{}",
        page.ink(Ink::Dim, short(&view.id.to_string())),
        page.ink(Ink::Bold, begins),
        minutes.unwrap_or_default(),
        place.unwrap_or_default()
    ));
    if !view.others.is_empty() {
        line(page, page.ink(Ink::Yellow, CONTRADICTED));
    }
    if let Some(summary) = &session.summary {
        line(page, summary);
    }
    for on in &view.agenda {
        let state = match on.item.is_done {
            true => page.ink(Ink::Green, "talked about"),
            false => "to talk about".into(),
        };
        line(page, format_args!("{state}: {}", on.item.text));
        if !on.others.is_empty() {
            line(page, page.ink(Ink::Yellow, CONTRADICTED));
        }
    }
}

fn show_note(page: Page, note: &NoteView, text: &str) {
    let title = note.title.as_ref().map(|title| format!(" \"{title}\""));
    line(page, format_args!("note{}:", title.unwrap_or_default()));
    for words in text.lines() {
        line(page, format_args!("  {words}"));
    }
}

fn sentence(step: &ActionStep) -> String {
    let due = step.due.map(|due| format!(", until {due}"));
    let place = step.place.as_ref().map(|place| format!(", {place}"));
    let minutes = step.minutes.map(|minutes| format!(", {minutes} min"));
    let details = [due, place, minutes].map(Option::unwrap_or_default);
    format!(
        "{}{} ({})",
        step.what,
        details.concat(),
        step.status.as_str()
    )
}

/// A line below the session's.
fn line(page: Page, text: impl std::fmt::Display) {
    page.line(format_args!("          {text}"));
}

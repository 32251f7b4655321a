//! What is noted about a session.

use clap::Args;

use super::super::at::At;
use super::Meant;
use crate::desk::DeskError;
use crate::talk::Talk;

/// What to note.
#[derive(Args, Debug)]
pub(super) struct Note {
    #[command(flatten)]
    meant: Meant,

    /// The words. They are written below what the note says already.
    text: String,

    /// The note of this title, which is begun where there is none; without one, that without a title.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    #[command(flatten)]
    at: At,
}

/// Writes into a note about a session, or begins one.
///
/// # Errors
/// [`DeskError`].
pub(super) fn write(args: &Note, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, session) = args.meant.open(&args.at, talk)?;
    let texts = desk.client.texts();
    let title = args.title.as_deref();
    let known = session.notes.into_iter();
    let known = known
        .filter(|note| note.title.as_deref() == title)
        .map(|note| note.text)
        .next();
    let (text, before) = match known {
        Some(text) => (text, texts.read(plan, text)?),
        None => {
            let note = texts.create(plan, Some(session.id), title)?;
            (note.text, String::new())
        }
    };
    let end = u32::try_from(before.chars().count()).unwrap_or(u32::MAX);
    let words = match before.is_empty() {
        true => args.text.clone(),
        false => format!("\n{}", args.text),
    };
    texts.splice(plan, text, end, 0, &words)?;
    super::tell(&desk, plan, "session_noted", session.id)
}

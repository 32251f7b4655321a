//! `session`: when people meet, what they talk about, and what is to be done until the next time.

use chrono::{NaiveDate, NaiveDateTime};
use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::model::{ActionStep, Kind, RecordId, Session as Says, SessionView, StepStatus};

use self::agenda::{Agenda, Done};
use self::note::Note;
use super::at::At;
use super::{items, sessions};
use crate::desk::{Desk, DeskError};
use crate::talk::Talk;

mod agenda;
mod note;
mod seen;

/// Sessions, in the order in which they begin.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Session {
    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plan a session.
    New(New),
    /// Change when or where it is, or say what came of it.
    Change(Change),
    /// Remove one.
    Remove(Remove),
    /// Put something on its agenda.
    Agenda(Agenda),
    /// Tick something on its agenda off.
    Done(Done),
    /// Write into the notes about it.
    Note(Note),
    /// Give homework, which becomes a step of the action plan.
    Homework(Homework),
}

/// When and where a session is.
#[derive(Args, Debug)]
struct Meeting {
    /// When it begins, by the clock at this desk: "2026-05-04 16:30".
    #[arg(long, value_name = "TIME", value_parser = sessions::read)]
    begins: Option<NaiveDateTime>,

    /// How long it takes, in minutes, 1 to 1440.
    #[arg(long, value_name = "N")]
    minutes: Option<u16>,

    /// Where.
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,

    /// What came of it, in a few sentences.
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
}

/// Which session.
#[derive(Args, Debug)]
struct Meant {
    /// The session: the day on which it begins, as 2026-05-04, that with the time, or the beginning of
    /// its id.
    #[arg(allow_hyphen_values = true)]
    session: String,
}

#[derive(Args, Debug)]
struct New {
    #[command(flatten)]
    meeting: Meeting,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Change {
    #[command(flatten)]
    meant: Meant,

    /// What is left out stays.
    #[command(flatten)]
    meeting: Meeting,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Remove {
    #[command(flatten)]
    meant: Meant,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Homework {
    #[command(flatten)]
    meant: Meant,

    /// What is to be done.
    what: String,

    /// The goal that it leads to: its wording, its id or the beginning of it.
    #[arg(long, allow_hyphen_values = true)]
    goal: Option<String>,

    /// The day by which it is to be done, as 2026-05-11.
    #[arg(long, value_name = "DATE")]
    due: Option<NaiveDate>,

    /// Where.
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,

    /// How long it may take, in minutes, 1 to 1440.
    #[arg(long, value_name = "N")]
    minutes: Option<u16>,

    #[command(flatten)]
    at: At,
}

/// Shows sessions, or writes about one.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Session, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => list(&args.at, talk),
        Some(Command::New(new)) => create(new, talk),
        Some(Command::Change(change)) => alter(change, talk),
        Some(Command::Remove(remove)) => take_away(remove, talk),
        Some(Command::Agenda(agenda)) => agenda::put_on(agenda, talk),
        Some(Command::Done(done)) => agenda::tick_off(done, talk),
        Some(Command::Note(words)) => note::write(words, talk),
        Some(Command::Homework(homework)) => give(homework, talk),
    }
}

impl Meeting {
    /// What a session says with it; what is left out stays.
    fn on(&self, desk: &Desk, known: Says) -> Result<Says, DeskError> {
        let begins = self.begins.map(|local| sessions::instant(desk, local));
        Ok(Says {
            begins: begins.transpose()?.or(known.begins),
            minutes: self.minutes.or(known.minutes),
            place: self.place.clone().or(known.place),
            summary: self.summary.clone().or(known.summary),
        })
    }
}

impl Meant {
    /// Opens the device, and finds the session there.
    fn open(&self, at: &At, talk: Talk) -> Result<(Desk, PlanId, SessionView), DeskError> {
        let (desk, plan) = at.open(talk)?;
        let session = sessions::one(&desk, plan, &self.session)?;
        Ok((desk, plan, session))
    }
}

fn list(at: &At, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = at.open(talk)?;
    let all = desk.client.reviews().sessions(plan)?;
    for view in &all {
        seen::tell(&desk, plan, "session", view)?;
    }
    if all.is_empty() {
        talk.note("no session is planned yet: `waymark session new` does that");
    }
    Ok(())
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let session = args.meeting.on(&desk, Says::default())?;
    let id = desk.client.items().add(plan, session)?;
    tell(&desk, plan, "session_added", id)
}

fn alter(args: &Change, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, known) = args.meant.open(&args.at, talk)?;
    let session = args.meeting.on(&desk, known.session)?;
    desk.client.items().change(plan, known.id, None, session)?;
    tell(&desk, plan, "session_changed", known.id)
}

fn take_away(args: &Remove, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, session) = args.meant.open(&args.at, talk)?;
    let items = desk.client.items();
    items.remove(plan, Kind::Session, session.id, None)?;
    let fields = json!({ "plan": plan, "session": session.id });
    talk.tell("session_removed", fields, |page| page.line("it is removed"));
    Ok(())
}

fn give(args: &Homework, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, session) = args.meant.open(&args.at, talk)?;
    let step = ActionStep {
        what: args.what.clone(),
        goal: items::goal(&desk, plan, args.goal.as_deref())?,
        status: StepStatus::NotStarted,
        due: args.due,
        place: args.place.clone(),
        minutes: args.minutes,
    };
    let reviews = desk.client.reviews();
    reviews.give_homework(plan, session.id, &step)?;
    tell(&desk, plan, "homework_given", session.id)
}

/// Says what a session says now.
fn tell(desk: &Desk, plan: PlanId, event: &str, id: RecordId) -> Result<(), DeskError> {
    let session = sessions::one(desk, plan, &id.to_string())?;
    seen::tell(desk, plan, event, &session)
}

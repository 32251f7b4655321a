//! `forget`: has everybody forget something.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::{
    ForgetPreview, Forgettable, ForgottenOf, GivenUpView, KindCount, PlanId,
};
use waymark_core::model::{CheckInId, TextId};

use super::at::At;
use super::decision::Decision;
use super::{carry_out, goals};
use crate::desk::{Desk, DeskError};
use crate::page::count;
use crate::talk::Talk;

/// What is forgotten.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Forget {
    /// A goal, with its wordings, its check-ins and the notes about it: its wording, its id or the
    /// beginning of it. Can be given again.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    goal: Vec<String>,

    /// A check-in, by its id, with what it corrected and what corrected it. Can be given again.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    check_in: Vec<String>,

    /// A note that people edit together, by the id of its text. Can be given again.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    text: Vec<String>,

    /// Show what would go, and do nothing.
    #[arg(long)]
    preview: bool,

    #[command(flatten)]
    decision: Decision,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what was written here and nobody had yet, and went because somebody had forgotten what it
    /// was about.
    GivenUp(GivenUp),
}

#[derive(Args, Debug)]
struct GivenUp {
    /// It was seen: show it no more.
    #[arg(long)]
    dismiss: bool,

    #[command(flatten)]
    at: At,
}

/// Has it forgotten, or shows what was given up.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where it is not forgotten yet.
pub(crate) fn run(args: &Forget, talk: Talk) -> Result<(), DeskError> {
    if let Some(Command::GivenUp(given_up)) = &args.command {
        return show_given_up(given_up, talk);
    }
    let (desk, plan) = args.decision.open(talk)?;
    let items = items(args, &desk, plan)?;
    let preview = desk.client.forgetting().preview(plan, &items)?;
    let fields = json!({ "plan": plan, "what": preview });
    if args.preview {
        talk.tell("would_forget", fields, |page| {
            lines(&preview).iter().for_each(|line| page.line(line));
        });
        return Ok(());
    }
    for line in lines(&preview) {
        talk.note(line);
    }
    talk.note(
        "Everybody's devices are asked to forget it, and so is the relay: within 30 days, except for \
         its backups.\nWhat somebody has read, copied or exported, they may have kept. This cannot be \
         undone.",
    );
    talk.consent(args.decision.yes, "Forget it?")?;
    desk.client.forgetting().forget(plan, &items)?;
    carry_out(&desk)?;
    if desk.client.forgetting().is_pending(plan)? {
        let text = "it is not forgotten yet: run `waymark sync`";
        return Err(DeskError::Pending(text.into()));
    }
    talk.tell("forgotten", fields, |page| {
        page.line("it is forgotten here, and on every other device with its next sync");
    });
    Ok(())
}

fn items(args: &Forget, desk: &Desk, plan: PlanId) -> Result<Vec<Forgettable>, DeskError> {
    let all = desk.client.goals().list(plan)?;
    let goals = goals::meant(&all, &args.goal)?;
    let mut items: Vec<_> = goals
        .into_iter()
        .map(|goal| Forgettable::Goal { goal })
        .collect();
    let no_id = |text: &String| DeskError::Wrong(format!("\"{text}\" is no id"));
    for text in &args.check_in {
        let check_in: CheckInId = text.parse().map_err(|_| no_id(text))?;
        items.push(Forgettable::CheckIn { check_in });
    }
    for text in &args.text {
        let text: TextId = text.parse().map_err(|_| no_id(text))?;
        items.push(Forgettable::Text { text });
    }
    match items.is_empty() {
        false => Ok(items),
        true => Err(DeskError::Wrong(
            "say what: --goal, --check-in or --text".into(),
        )),
    }
}

fn lines(preview: &ForgetPreview) -> Vec<String> {
    let mut lines = vec![format!(
        "{} and {} go, on {} beside this one:",
        count(preview.records as usize, "record"),
        count(preview.texts as usize, "text"),
        count(preview.devices as usize, "device"),
    )];
    let of = |of: &ForgottenOf| {
        let name = of.name.as_deref().unwrap_or("of nobody who is known here");
        format!("  {name}: {}", kinds(&of.kinds))
    };
    lines.extend(preview.people.iter().map(of));
    lines
}

fn kinds(kinds: &[KindCount]) -> String {
    let one = |of: &KindCount| {
        let name = of.kind.map(|kind| format!("{kind:?}"));
        let name = name.map_or_else(|| "of a newer app".into(), spoken);
        format!("{} {name}", of.records)
    };
    kinds.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `CheckIn` as people say it.
fn spoken(kind: String) -> String {
    match kind.as_str() {
        "CheckIn" => "check-in".into(),
        "GoalRevision" => "wording".into(),
        "GoalStatus" => "status".into(),
        "PlanSettings" => "setting".into(),
        _ => kind.to_lowercase(),
    }
}

fn show_given_up(args: &GivenUp, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let all = desk.client.forgetting().given_up(plan)?;
    for given_up in &all {
        let fields = json!({ "plan": plan, "given_up": given_up });
        talk.tell("given_up", fields, |page| {
            page.line(given_up_line(given_up));
        });
    }
    if all.is_empty() {
        talk.note("nothing was given up");
    }
    if args.dismiss {
        desk.client.forgetting().dismiss_given_up(plan)?;
    }
    Ok(())
}

fn given_up_line(given_up: &GivenUpView) -> String {
    let by = given_up.by.as_deref().unwrap_or("somebody");
    let mut what = Vec::new();
    if !given_up.kinds.is_empty() {
        what.push(kinds(&given_up.kinds));
    }
    if given_up.texts > 0 {
        what.push(count(given_up.texts as usize, "edited text"));
    }
    format!(
        "{by} had something forgotten; what was written here about it, and not sent yet, went with it: {}",
        what.join(", ")
    )
}

//! `goal smart`: what could still be asked about a goal.

use clap::Args;
use serde_json::json;
use waymark_core::catalogue::Language;
use waymark_core::model::SmartIssue;

use super::super::at::At;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Which goal.
#[derive(Args, Debug)]
pub(super) struct Smart {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    #[command(flatten)]
    at: At,
}

/// Shows a question for each of the five letters that is open.
///
/// # Errors
/// [`DeskError`].
pub(super) fn run(args: &Smart, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    let report = desk.client.goals().smart(plan, goal.id)?;
    let question = |issue: Option<SmartIssue>| issue.map(|it| it.question(Language::English));
    let letters = [
        ("specific", question(report.specific)),
        ("measurable", question(report.measurable)),
        ("achievable", question(report.achievable)),
        ("relevant", question(report.relevant)),
        ("time-bound", question(report.time_bound)),
    ];
    let asked: Vec<_> = letters
        .iter()
        .filter_map(|(_, asked)| asked.as_ref())
        .collect();
    let fields = json!({ "plan": plan, "report": report, "questions": asked });
    talk.tell("smart", fields, |page| {
        page.heading(&goal.statement);
        for (letter, question) in &letters {
            let question = question.as_deref().unwrap_or("yes");
            page.line(format_args!("  {letter:<12}{question}"));
        }
    });
    Ok(())
}

//! `progress`: how goals go, as charts, sentences or a table.

use chrono::{Days, NaiveDate};
use clap::Args;
use serde_json::json;
use waymark_core::catalogue::Argument;
use waymark_core::client::PlanId;
use waymark_core::model::{
    DEFAULT_GRACE, DayResult, DayView, GoalView, ProgressUnit, ProgressView,
};

use super::at::At;
use super::{goals, say};
use crate::desk::{Desk, DeskError};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// Days of a chart: four weeks.
const CHART_DAYS: u64 = 28;

/// How goals go.
#[derive(Args, Debug)]
pub(crate) struct Progress {
    /// The goal: its wording, its id or the beginning of it; without one all are shown.
    #[arg(allow_hyphen_values = true)]
    goal: Option<String>,

    /// A table instead of charts and sentences.
    #[arg(long)]
    plain: bool,

    /// How many days may be left out among any seven before a streak ends.
    #[arg(long, default_value_t = DEFAULT_GRACE, value_parser = clap::value_parser!(u8).range(0..=2))]
    grace: u8,

    #[command(flatten)]
    at: At,
}

/// A goal with how it goes and its newest days.
struct Seen {
    goal: GoalView,
    progress: ProgressView,
    days: Vec<DayView>,
}

/// Shows how goals go.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Progress, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let goals = match &args.goal {
        Some(meant) => vec![goals::one(&desk, plan, meant)?],
        None => desk.client.goals().list(plan)?,
    };
    let today = desk.client.goals().today(plan)?;
    for (number, goal) in goals.into_iter().enumerate() {
        let seen = look(&desk, plan, goal, (today, args.grace))?;
        let fields = json!({
            "plan": plan, "goal": seen.goal.id, "statement": seen.goal.statement,
            "progress": seen.progress, "days": seen.days,
        });
        talk.tell("progress", fields, |page| match args.plain {
            true => row(page, &seen, number == 0),
            false => chart(page, &seen),
        });
    }
    Ok(())
}

fn look(
    desk: &Desk,
    plan: PlanId,
    goal: GoalView,
    (today, grace): (NaiveDate, u8),
) -> Result<Seen, DeskError> {
    let from = today - Days::new(CHART_DAYS - 1);
    Ok(Seen {
        progress: desk.client.progress().of(plan, goal.id, grace)?,
        days: desk.client.check_ins().days(plan, goal.id, from, today)?,
        goal,
    })
}

fn chart(page: Page, seen: &Seen) {
    page.heading(&seen.goal.statement);
    let weeks = seen.days.chunks(7);
    for week in weeks {
        let from = week.first().map(|day| day.date.format("%d %b").to_string());
        let marks: Vec<_> = week.iter().map(|day| mark(page, day.result)).collect();
        let from = page.ink(Ink::Dim, from.unwrap_or_default());
        page.line(format_args!("  {from}  {}", marks.join(" ")));
    }
    let percent = (seen.progress.strength * 100.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 20"
    )]
    let full = (percent / 5.0) as usize;
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(20 - full.min(20)));
    page.line(format_args!("  {}", page.ink(Ink::Green, bar)));
    for sentence in sentences(&seen.progress) {
        page.line(format_args!("  {sentence}"));
    }
}

/// What the chart shows, for whoever hears it.
fn sentences(progress: &ProgressView) -> Vec<String> {
    let percent = (progress.strength * 100.0).round();
    let streak = match progress.unit {
        ProgressUnit::Day => say("progress.streak", &[Argument::new("days", progress.streak)]),
        ProgressUnit::Month => say(
            "progress.streak_months",
            &[Argument::new("months", progress.streak)],
        ),
        ProgressUnit::Week => say(
            "progress.streak_weeks",
            &[Argument::new("weeks", progress.streak)],
        ),
    };
    vec![
        streak,
        say("progress.best", &[Argument::new("count", progress.best)]),
        say(
            "progress.recent",
            &[
                Argument::new("done", progress.done),
                Argument::new("expected", progress.expected),
            ],
        ),
        say("progress.strength", &[Argument::new("percent", percent)]),
        say(progress.message.key(), &[]),
    ]
}

fn mark(page: Page, result: DayResult) -> String {
    match result {
        DayResult::Done => page.ink(Ink::Green, "●"),
        DayResult::Partial => page.ink(Ink::Yellow, "◐"),
        DayResult::Excused | DayResult::Rest => page.ink(Ink::Dim, "~"),
        DayResult::Missed | DayResult::NoteOnly | DayResult::Open => "○".into(),
        DayResult::NotExpected => page.ink(Ink::Dim, "·"),
    }
}

fn row(page: Page, seen: &Seen, is_first: bool) {
    if is_first {
        page.line("streak  best  done  of  strength  total  goal");
    }
    let progress = &seen.progress;
    page.line(format_args!(
        "{:>6}  {:>4}  {:>4}  {:>2}  {:>8.2}  {:>5}  {}",
        progress.streak,
        progress.best,
        progress.done,
        progress.expected,
        progress.strength,
        progress.total,
        seen.goal.statement
    ));
}

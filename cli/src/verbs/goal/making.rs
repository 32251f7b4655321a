//! `goal new` and `goal template`: how a goal begins.

use clap::{Args, ValueEnum};
use serde_json::json;
use waymark_core::catalogue::{Language, templates};
use waymark_core::client::PlanId;
use waymark_core::model::{GoalId, NewGoal, NewRevision, Schedule};

use super::super::at::At;
use super::super::days::Days;
use crate::desk::{Desk, DeskError};
use crate::talk::Talk;

/// A goal in the client's words.
#[derive(Args, Debug)]
pub(super) struct New {
    /// What is to be reached, in the client's words.
    statement: String,

    /// The area of life.
    #[arg(long)]
    area: Option<String>,

    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    days: Days,

    #[command(flatten)]
    at: At,
}

/// Which template.
#[derive(Args, Debug)]
pub(super) struct Template {
    /// Its key; without one all are listed.
    key: Option<String>,

    /// In which language.
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,

    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tongue {
    De,
    En,
    Es,
}

/// Creates a goal, and shows it.
///
/// # Errors
/// [`DeskError`].
pub(super) fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let wording = NewRevision {
        rationale: args.why.clone(),
        ..NewRevision::first(
            &args.statement,
            args.days.schedule().unwrap_or(Schedule::daily()),
        )
    };
    let goal = NewGoal {
        area: args.area.clone(),
    };
    let id = desk.client.goals().create(plan, &goal, &wording)?;
    created(&desk, plan, id)
}

/// Creates a goal from a template and shows it, or lists the templates.
///
/// # Errors
/// [`DeskError`].
pub(super) fn begin_with(args: &Template, talk: Talk) -> Result<(), DeskError> {
    let language = args.language.into();
    let Some(key) = &args.key else {
        let none = GoalId([0; 16]);
        for template in templates() {
            let statement = template.revision(language, none, None).statement;
            let fields = json!({ "key": template.key, "statement": statement });
            talk.tell("template", fields, |page| {
                page.line(format_args!("{:<16}{statement}", template.key));
            });
        }
        return Ok(());
    };
    let (desk, plan) = args.at.open(talk)?;
    let id = desk.client.goals().begin_with(plan, key, language)?;
    created(&desk, plan, id)
}

fn created(desk: &Desk, plan: PlanId, id: GoalId) -> Result<(), DeskError> {
    let goal = desk.client.goals().get(plan, id)?;
    let fields = json!({ "plan": plan, "goal": goal });
    desk.talk
        .tell("goal_created", fields, |page| super::show(page, &goal));
    Ok(())
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::De => Self::German,
            Tongue::En => Self::English,
            Tongue::Es => Self::Spanish,
        }
    }
}

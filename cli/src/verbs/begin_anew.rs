//! `begin-anew`: a plan that goes on in the place of another, "from now on".

use chrono::NaiveDate;
use clap::Args;
use serde_json::json;
use waymark_core::client::{Keep, PlanId};
use waymark_core::model::{GoalId, GoalView};

use super::decision::Decision;
use super::{carry_out, goals, not_done};
use crate::desk::{Desk, DeskError, short};
use crate::page::count;
use crate::talk::Talk;

/// What is taken along.
#[derive(Args, Debug)]
pub(crate) struct BeginAnew {
    /// A goal that comes along: its wording, its id or the beginning of it. Can be given again.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    goal: Vec<String>,

    /// All goals come along.
    #[arg(long, conflicts_with = "goal")]
    all_goals: bool,

    /// The check-ins on these goals from this day on come along; else none.
    #[arg(long, value_name = "YYYY-MM-DD")]
    check_ins_from: Option<NaiveDate>,

    #[command(flatten)]
    decision: Decision,
}

/// Begins anew.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where the old plan is not closed yet,
/// [`DeskError::NotDone`] where it cannot be any more.
pub(crate) fn run(args: &BeginAnew, talk: Talk) -> Result<(), DeskError> {
    if args.check_ins_from.is_some() && args.goal.is_empty() && !args.all_goals {
        let text = "--check-ins-from needs --goal or --all-goals: check-ins come with their goals";
        return Err(DeskError::Wrong(text.into()));
    }
    let (desk, old) = args.decision.open(talk)?;
    let keep = Keep {
        goals: chosen(args, &desk.client.goals().list(old)?)?,
        check_ins_from: args.check_ins_from,
    };
    let check_ins = args.check_ins_from.map_or_else(
        || "no check-ins".into(),
        |from| format!("their check-ins from {from} on"),
    );
    talk.note(format_args!(
        "A new plan goes on in the place of {}, with {} and {check_ins}.\n\
         Everybody who is in the plan comes along. Whoever is invited later reads what was taken \
         along and nothing older.\n\
         The old plan is closed for good: it stays readable to those who were in it.",
        short(&old.to_string()),
        count(keep.goals.len(), "goal"),
    ));
    talk.consent(args.decision.yes, "Begin anew?")?;
    let new = desk.client.people().begin_anew(old, &keep)?;
    let fields = json!({
        "plan": new, "follows": old, "goals": keep.goals,
        "check_ins_from": keep.check_ins_from.map(|from| from.to_string()),
    });
    talk.tell("begun_anew", fields, |page| {
        page.line(format_args!("plan {new}"));
    });
    carry_out(&desk)?;
    tell_closed(&desk, old, new)
}

fn tell_closed(desk: &Desk, old: PlanId, new: PlanId) -> Result<(), DeskError> {
    let all = desk.client.status()?;
    let known = all.iter().find(|known| known.space == Some(old));
    match known.map(|known| (known.closed, known.followed_by)) {
        Some((true, next)) if next == Some(new) => {}
        // Another device was first.
        Some((true, Some(next))) => {
            let text = format!("plan {next} goes on in the place of the old one already");
            return Err(DeskError::NotDone(text));
        }
        Some((true, None)) => {
            let text = "the old plan was closed before, so nobody comes along by themselves: \
                        whom you invite into the new one is there";
            return Err(DeskError::NotDone(text.into()));
        }
        _ => {
            let text = "the old plan is not closed yet: run `waymark sync`";
            return Err(not_done::or_pending(desk, Some(old), text.into()));
        }
    }
    let fields = json!({ "plan": old, "followed_by": new });
    desk.talk.tell("closed", fields, |page| {
        page.line("the old plan is closed");
    });
    Ok(())
}

fn chosen(args: &BeginAnew, all: &[GoalView]) -> Result<Vec<GoalId>, DeskError> {
    if args.all_goals {
        return Ok(all.iter().map(|goal| goal.id).collect());
    }
    goals::meant(all, &args.goal)
}

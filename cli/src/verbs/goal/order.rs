//! `goal order`: which goal stands behind which.

use clap::Args;

use super::super::at::At;
use super::super::goals;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Where a goal is to stand.
#[derive(Args, Debug)]
pub(super) struct Order {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// The goal behind which it is to stand; without one it stands first.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    after: Option<String>,

    #[command(flatten)]
    at: At,
}

/// Puts a goal in its place, and shows the list.
///
/// # Errors
/// [`DeskError`].
pub(super) fn run(args: &Order, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    let after = args.after.as_deref();
    let after = after.map(|meant| goals::one(&desk, plan, meant));
    let after = after.transpose()?.map(|goal| goal.id);
    desk.client.goals().reorder(plan, goal.id, after)?;
    super::list(&desk, plan)
}

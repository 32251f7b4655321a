//! `goal focus`: which goals the client looks at first.

use clap::Args;

use super::super::at::At;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Which goal, and whether it is to be in the focus.
#[derive(Args, Debug)]
pub(super) struct Focus {
    /// The goal: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    goal: String,

    /// Take it out of the focus.
    #[arg(long)]
    off: bool,

    #[command(flatten)]
    at: At,
}

/// Puts a goal into the focus or takes it out, and shows the list.
///
/// # Errors
/// [`DeskError`].
pub(super) fn run(args: &Focus, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan, goal) = args.at.open_goal(&args.goal, talk)?;
    match args.off {
        true => desk.client.goals().leave_focus(plan, goal.id)?,
        false => desk.client.goals().focus_on(plan, goal.id)?,
    }
    super::list(&desk, plan)
}

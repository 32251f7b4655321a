//! `close`: a plan, support space or circle comes to its end for everybody.

use clap::Args;
use serde_json::json;
use waymark_core::client::Status;

use super::decision::Decision;
use super::{carry_out, ends};
use crate::desk::DeskError;
use crate::talk::Talk;

/// What is closed.
#[derive(Args, Debug)]
pub(crate) struct Close {
    #[command(flatten)]
    decision: Decision,
}

/// Closes it.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where it has not happened yet.
pub(crate) fn run(args: &Close, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.decision.open(talk)?;
    talk.note("Everybody who is in it keeps what is there. Nothing more is written, by anybody.");
    talk.consent(args.decision.yes, "Close it for good?")?;
    desk.client.people().close(plan)?;
    carry_out(&desk)?;
    let closed = |space: &Status| space.closed;
    ends(
        &desk,
        plan,
        closed,
        "it is not closed yet: run `waymark sync`",
    )?;
    talk.tell("closed", json!({ "plan": plan }), |page| {
        page.line("it is closed, and stays readable");
    });
    Ok(())
}

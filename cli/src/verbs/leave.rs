//! `leave`: this person goes from a plan, support space or circle, with all devices.

use clap::Args;
use serde_json::json;
use waymark_core::client::Status;

use super::decision::Decision;
use super::{carry_out, ends};
use crate::desk::DeskError;
use crate::talk::Talk;

/// What is left.
#[derive(Args, Debug)]
pub(crate) struct Leave {
    #[command(flatten)]
    decision: Decision,
}

/// Leaves it.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where it has not happened yet.
pub(crate) fn run(args: &Leave, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.decision.open(talk)?;
    talk.note(
        "What is here stays here. The others replace the key: what they write from then on, no \
         device of yours can read.",
    );
    talk.consent(args.decision.yes, "Leave it with all of your devices?")?;
    desk.client.people().leave(plan)?;
    carry_out(&desk)?;
    let left = |space: &Status| space.ended;
    ends(&desk, plan, left, "it is not left yet: run `waymark sync`")?;
    talk.tell("left", json!({ "plan": plan }), |page| {
        page.line("this person has left it");
    });
    Ok(())
}

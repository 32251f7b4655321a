//! `follow-relay`: goes on with a relay whose log undoes a removal.

use clap::Args;
use serde_json::json;

use super::carry_out;
use super::decision::Decision;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Where the relay is followed.
#[derive(Args, Debug)]
pub(crate) struct FollowRelay {
    #[command(flatten)]
    decision: Decision,
}

/// Follows it.
///
/// # Errors
/// [`DeskError`]: `not_allowed` where the log goes on as this device knows it.
pub(crate) fn run(args: &FollowRelay, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.decision.open(talk)?;
    talk.note(
        "The relay's log goes on from before somebody was removed, with an entry of whoever it was.\n\
         To follow it reads what was written there meanwhile, and removes them once more. What this\n\
         device writes can be read by them until that is done. The other way is `begin-anew`.",
    );
    talk.consent(args.decision.yes, "Follow the relay?")?;
    desk.client.people().follow_relay(plan)?;
    carry_out(&desk)?;
    talk.tell("relay_followed", json!({ "plan": plan }), |page| {
        page.line("the relay's log is followed; `waymark members` shows who is in it");
    });
    Ok(())
}

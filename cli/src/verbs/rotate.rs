//! `rotate`: a new key for a plan.

use clap::Args;
use serde_json::json;
use waymark_core::client::{MembershipChange, PlanId};

use super::carry_out;
use crate::desk::{Desk, DeskError, Place, Which};
use crate::talk::Talk;

/// Which plan gets a new key.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    place: Place,
}

/// Replaces it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Rotate, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let plan = args.which.of(&desk)?;
    let before = keys(&desk, plan)?;
    desk.client.people().rotate(plan)?;
    carry_out(&desk)?;
    if keys(&desk, plan)? == before {
        let text = "the key is not replaced yet: run `waymark sync`";
        return Err(DeskError::Pending(text.into()));
    }
    talk.tell("rotated", json!({ "plan": plan }), |page| {
        page.line("the key is replaced");
    });
    Ok(())
}

/// How often the key was replaced.
fn keys(desk: &Desk, plan: PlanId) -> Result<usize, DeskError> {
    let history = desk.client.people().history(plan)?;
    let changes = history.iter().flat_map(|step| &step.changes);
    Ok(changes
        .filter(|change| **change == MembershipChange::NewKey)
        .count())
}

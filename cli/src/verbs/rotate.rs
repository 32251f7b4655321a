//! `rotate`: a new key for a plan, or the same one for a member that lacks it.

use clap::Args;
use serde_json::json;
use waymark_core::client::{MembershipChange, PlanId};

use super::{carry_out, not_done};
use crate::desk::{Desk, DeskError, Place, Which};
use crate::talk::Talk;

/// Which plan gets a new key.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,

    /// Replace nothing, but hand the key once more to the member with this number, as `members` shows
    /// it: for one that lacks it and nobody has heard of.
    #[arg(long, value_name = "N")]
    hand: Option<u16>,

    #[command(flatten)]
    place: Place,
}

/// Replaces it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Rotate, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.which.open(&args.place, talk)?;
    if let Some(number) = args.hand {
        return hand(&desk, plan, number);
    }
    let is_new = |change: &MembershipChange| *change == MembershipChange::NewKey;
    let before = count(&desk, plan, is_new)?;
    desk.client.people().rotate(plan)?;
    carry_out(&desk)?;
    if count(&desk, plan, is_new)? == before {
        let text = "the key is not replaced yet: run `waymark sync`";
        return Err(not_done::or_pending(&desk, Some(plan), text.into()));
    }
    talk.tell("rotated", json!({ "plan": plan }), |page| {
        page.line("the key is replaced");
    });
    Ok(())
}

fn hand(desk: &Desk, plan: PlanId, number: u16) -> Result<(), DeskError> {
    let is_it = |change: &MembershipChange| matches!(change, MembershipChange::KeyHandedOut { number: to } if *to == number);
    let before = count(desk, plan, is_it)?;
    desk.client.people().hand_key(plan, number)?;
    carry_out(desk)?;
    if count(desk, plan, is_it)? == before {
        let text = "the key is not handed out yet: run `waymark sync`";
        return Err(not_done::or_pending(desk, Some(plan), text.into()));
    }
    let fields = json!({ "plan": plan, "number": number });
    desk.talk.tell("key_handed_out", fields, |page| {
        page.line(format_args!("member {number} has the key once more"));
    });
    Ok(())
}

/// How often a plan's members were changed so.
fn count(
    desk: &Desk,
    plan: PlanId,
    is_it: impl Fn(&MembershipChange) -> bool,
) -> Result<usize, DeskError> {
    let history = desk.client.people().history(plan)?;
    let changes = history.iter().flat_map(|step| &step.changes);
    Ok(changes.filter(|change| is_it(change)).count())
}

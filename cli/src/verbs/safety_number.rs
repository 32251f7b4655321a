//! `safety-number`: sixty digits that two people compare.

use clap::Args;
use serde_json::json;

use super::at::At;
use crate::desk::DeskError;
use crate::talk::Talk;

/// Which plan's.
#[derive(Args, Debug)]
pub(crate) struct SafetyNumber {
    #[command(flatten)]
    at: At,
}

/// Shows it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &SafetyNumber, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let number = desk.client.people().safety_number(plan)?;
    let fields = json!({ "plan": plan, "safety_number": number });
    talk.tell("safety_number", fields, |page| {
        let groups: Vec<_> = number.split(' ').collect();
        groups
            .chunks(4)
            .for_each(|row| page.line(format_args!("  {}", row.join(" "))));
    });
    talk.note("Equal on two devices exactly if both see the same members, with the same history.");
    Ok(())
}

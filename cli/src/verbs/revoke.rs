//! `revoke`: takes a person's access to a plan back.

use clap::Args;
use serde_json::json;

use super::{carry_out, people};
use crate::desk::{Desk, DeskError, Place, Which};
use crate::talk::Talk;

/// Whose access ends.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The person: the name, or the beginning of the tag that `members` shows.
    #[arg(value_name = "PERSON")]
    person: String,

    #[command(flatten)]
    which: Which,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    place: Place,
}

/// Takes it back.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where it has not happened yet.
pub(crate) fn run(args: &Revoke, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let plan = args.which.of(&desk)?;
    let members = desk.client.people().members(plan)?;
    let person = people::person(&members, &args.person)?;
    let name = person.name.as_deref().unwrap_or(&args.person);
    talk.note(format_args!(
        "What {name} received before stays with {name}: nothing can take that back.\n\
         What is written from now on, {name} cannot read."
    ));
    talk.consent(args.yes, &format!("Take {name}'s access back?"))?;
    desk.client.people().revoke(plan, &person.person)?;
    carry_out(&desk)?;
    let left = desk.client.people().members(plan)?;
    if left.iter().any(|member| member.person == person.person) {
        let text = format!("{name} can still read: run `waymark sync`");
        return Err(DeskError::Pending(text));
    }
    let fields = json!({ "plan": plan, "person": person.person, "name": person.name });
    talk.tell("revoked", fields, |page| {
        page.line(format_args!("{name} cannot read this plan any more"));
    });
    Ok(())
}

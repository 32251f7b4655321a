//! `offer-copy`: the therapist's copy of a plan, for a client who lost it and comes anew.

use clap::Args;
use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::role::Role;

use super::carry_out;
use crate::desk::{Desk, DeskError, Place, choose, short, spaces};
use crate::talk::Talk;

/// Of which plan, and where.
#[derive(Args, Debug)]
pub(crate) struct OfferCopy {
    /// The plan that is copied: its id or the beginning of it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    of: String,

    /// The client's new plan: its id or the beginning of it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    to: String,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    place: Place,
}

/// Offers it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &OfferCopy, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let all = spaces(&desk.client);
    let of = choose(&desk.client, &all, Some(&args.of))?;
    let to = choose(&desk.client, &all, Some(&args.to))?;
    let (old, new) = (client(&desk, of)?, client(&desk, to)?);
    talk.note(format_args!(
        "Everything in plan {}, whose client is {old}, can be read in plan {}, whose client is {new}.\n\
         That it is the same person is yours to know. It cannot be taken back.",
        short(&of.to_string()),
        short(&to.to_string()),
    ));
    talk.consent(args.yes, &format!("Offer {new} the copy?"))?;
    desk.client.people().offer_copy(of, to)?;
    carry_out(&desk)?;
    talk.tell("offered", json!({ "of": of, "to": to }), |page| {
        page.line(format_args!(
            "{new} can take it over: `waymark take-over` there"
        ));
    });
    Ok(())
}

/// The name of a plan's client.
fn client(desk: &Desk, plan: PlanId) -> Result<String, DeskError> {
    let members = desk.client.people().members(plan)?;
    let client = members
        .into_iter()
        .find(|member| member.role == Some(Role::Client));
    let name = client.and_then(|client| client.name);
    Ok(name.unwrap_or_else(|| "not told yet".into()))
}

//! `revoke`: takes a person's access to a plan back, or ends one membership.

use clap::Args;
use serde_json::json;
use waymark_core::client::{MemberView, PlanId};

use super::decision::Decision;
use super::{carry_out, not_done, people};
use crate::desk::{Desk, DeskError};
use crate::talk::Talk;

/// Whose access ends.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The person: the name, or the beginning of the tag that `members` shows.
    #[arg(
        value_name = "PERSON",
        allow_hyphen_values = true,
        required_unless_present = "number"
    )]
    person: Option<String>,

    /// Instead of a person, one membership, by the number that `members` shows: one device of somebody
    /// who has several, or one of your own that `devices` does not show.
    #[arg(long, value_name = "N", conflicts_with = "person")]
    number: Option<u16>,

    #[command(flatten)]
    decision: Decision,
}

/// Takes it back.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where it has not happened yet, [`DeskError::NotDone`] where it
/// cannot any more.
pub(crate) fn run(args: &Revoke, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.decision.open(talk)?;
    match (args.number, args.person.as_deref()) {
        (Some(number), _) => one(&desk, plan, number, args.decision.yes),
        (None, Some(meant)) => person(&desk, plan, meant, args.decision.yes),
        (None, None) => Err(DeskError::Wrong("PERSON or --number is needed".into())),
    }
}

fn person(desk: &Desk, plan: PlanId, meant: &str, yes: bool) -> Result<(), DeskError> {
    let members = desk.client.people().members(plan)?;
    let person = people::person(&members, meant)?;
    let name = person.name.as_deref().unwrap_or(meant);
    desk.talk.note(format_args!(
        "What {name} received before stays with {name}: nothing can take that back.\n\
         What is written from now on, {name} cannot read."
    ));
    let question = format!("Take {name}'s access back?");
    desk.talk.consent(yes, &question)?;
    desk.client.people().revoke(plan, person.person)?;
    carry_out(desk)?;
    let is_it = |member: &MemberView| member.person == person.person;
    has_gone(desk, plan, name, is_it)?;
    let fields = json!({ "plan": plan, "person": person.person, "name": person.name });
    desk.talk.tell("revoked", fields, |page| {
        page.line(format_args!("{name} cannot read this plan any more"));
    });
    Ok(())
}

fn one(desk: &Desk, plan: PlanId, number: u16, yes: bool) -> Result<(), DeskError> {
    let members = desk.client.people().members(plan)?;
    let is_it = |member: &MemberView| member.number == number;
    let member = members.iter().find(|member| is_it(member));
    let member = member.ok_or_else(|| DeskError::Wrong(format!("nobody is number {number}")))?;
    let name = match (&member.name, &member.device_name) {
        (Some(name), Some(device)) if !device.is_empty() => format!("{name} ({device})"),
        (Some(name), _) => format!("{name} ({number})"),
        _ => format!("member {number}"),
    };
    desk.talk
        .note("What was received there before stays there: nothing can take that back.");
    desk.talk.consent(yes, &format!("Remove {name}?"))?;
    desk.client.people().remove_member(plan, number)?;
    carry_out(desk)?;
    has_gone(desk, plan, &name, is_it)?;
    let fields = json!({ "plan": plan, "number": number, "name": member.name });
    desk.talk.tell("revoked", fields, |page| {
        page.line(format_args!("{name} cannot read this plan any more"));
    });
    Ok(())
}

/// An error says why somebody is still there.
fn has_gone(
    desk: &Desk,
    plan: PlanId,
    name: &str,
    is_it: impl Fn(&MemberView) -> bool,
) -> Result<(), DeskError> {
    let left = desk.client.people().members(plan)?;
    if !left.iter().any(is_it) {
        return Ok(());
    }
    let text = format!("{name} can still read: run `waymark sync`");
    Err(not_done::or_pending(desk, Some(plan), text))
}

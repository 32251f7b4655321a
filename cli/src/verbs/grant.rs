//! `grant`: what for and how long somebody may read a plan.

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};
use waymark_core::client::{GrantView, PlanId};
use waymark_core::model::{GrantState, PersonTag};

use super::at::At;
use super::{carry_out, not_done, people};
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page, count};
use crate::talk::Talk;

/// Who may read, and what for.
#[derive(Args, Debug)]
pub(crate) struct Grant {
    /// The person, who is in the plan: the name, or the beginning of the tag that `members` shows.
    /// Without a person every grant is shown.
    #[arg(
        value_name = "PERSON",
        allow_hyphen_values = true,
        requires = "purpose"
    )]
    person: Option<String>,

    /// What for: 1 to 500 characters.
    #[arg(long, value_name = "TEXT", requires = "person")]
    purpose: Option<String>,

    /// The last day, which still counts; else it holds until it is withdrawn.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "person")]
    until: Option<NaiveDate>,

    /// Take a grant back: its id, or the beginning of it.
    #[arg(
        long,
        value_name = "ID",
        allow_hyphen_values = true,
        conflicts_with = "person"
    )]
    withdraw: Option<String>,

    /// Do not ask.
    #[arg(long, requires = "withdraw")]
    yes: bool,

    #[command(flatten)]
    at: At,
}

/// Grants, withdraws or shows.
///
/// # Errors
/// [`DeskError`]; [`DeskError::Pending`] where somebody whose grant was withdrawn can still read,
/// [`DeskError::NotDone`] where nothing can change that any more.
pub(crate) fn run(args: &Grant, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    match (&args.person, &args.purpose, &args.withdraw) {
        (_, _, Some(id)) => withdraw(&desk, plan, id, args.yes),
        (Some(person), Some(purpose), _) => give(&desk, plan, person, purpose, args.until),
        _ => list(&desk, plan),
    }
}

fn give(
    desk: &Desk,
    plan: PlanId,
    person: &str,
    purpose: &str,
    until: Option<NaiveDate>,
) -> Result<(), DeskError> {
    let members = desk.client.people().members(plan)?;
    let found = people::person(&members, person)?;
    let name = found.name.as_deref().unwrap_or(person);
    let id = desk
        .client
        .people()
        .grant(plan, found.person, purpose, until)?;
    let fields = json!({
        "plan": plan, "id": id, "person": found.person, "name": found.name, "purpose": purpose,
        "until": until.map(|until| until.to_string()),
    });
    desk.talk.tell("granted", fields, |page| {
        let until = until.map_or_else(
            || "until it is withdrawn".into(),
            |until| format!("until {until}"),
        );
        let id = id.to_string();
        let id = page.ink(Ink::Dim, short(&id));
        page.line(format_args!("{name} may read this plan {until}  {id}"));
    });
    desk.talk.note(format_args!(
        "When it is over, the next of your devices that syncs removes {name} from the plan.\n\
         What {name} has received by then stays with {name}: nothing can take that back."
    ));
    carry_out(desk)
}

fn withdraw(desk: &Desk, plan: PlanId, begins: &str, is_said: bool) -> Result<(), DeskError> {
    let grants = desk.client.people().grants(plan)?;
    let grant = find(&grants, begins)?;
    let tag = grant.person.to_string();
    let name = grant.name.as_deref().unwrap_or_else(|| short(&tag));
    let is_other = |other: &&GrantView| other.person == grant.person && other.id != grant.id;
    let stays = grants
        .iter()
        .filter(is_other)
        .any(|other| !other.state.is_over());
    desk.talk.note(match stays {
        true => format!("{name} has another grant, and goes on reading."),
        false => format!(
            "What {name} received before stays with {name}: nothing can take that back.\n\
             It is the last grant: {name} is removed, and cannot read what is written from now on."
        ),
    });
    desk.talk
        .consent(is_said, &format!("Take this grant of {name}'s back?"))?;
    desk.client.people().withdraw_grant(plan, grant.id)?;
    carry_out(desk)?;
    let members = desk.client.people().members(plan)?;
    let reads = members.iter().any(|member| member.person == grant.person);
    if reads && !stays {
        let text = format!("{name} can still read: run `waymark sync`");
        return Err(not_done::or_pending(desk, Some(plan), text));
    }
    let fields = json!({
        "plan": plan, "id": grant.id, "person": grant.person, "name": grant.name, "reads": reads,
    });
    desk.talk.tell("withdrawn", fields, |page| {
        page.line(match reads {
            true => format!("the grant is withdrawn, and {name} has another one"),
            false => format!("{name} cannot read this plan any more"),
        });
    });
    Ok(())
}

fn list(desk: &Desk, plan: PlanId) -> Result<(), DeskError> {
    let grants = desk.client.people().grants(plan)?;
    for grant in &grants {
        let mut fields = fields(grant);
        fields["plan"] = json!(plan);
        desk.talk
            .tell("grant", fields, |page| page.line(line(page, grant)));
    }
    desk.talk.note(match grants.len() {
        0 => "no grants: who is in the plan reads it until access is taken back".into(),
        number => count(number, "grant"),
    });
    Ok(())
}

/// The grant that holds for a person today; of several the one that lasts longest.
pub(super) fn active(grants: &[GrantView], person: PersonTag) -> Option<&GrantView> {
    let holds = |grant: &&GrantView| grant.person == person && grant.state == GrantState::Active;
    let mut held = grants.iter().filter(holds);
    let first = held.next()?;
    Some(held.fold(first, |longest, grant| {
        let until = |grant: &GrantView| grant.until.unwrap_or(NaiveDate::MAX);
        if until(grant) > until(longest) {
            grant
        } else {
            longest
        }
    }))
}

/// What for and how long, as a piece of a line.
pub(super) fn told(grant: &GrantView) -> String {
    match grant.until {
        Some(until) => format!("for {}, until {until}", grant.purpose),
        None => format!("for {}", grant.purpose),
    }
}

fn find<'g>(grants: &'g [GrantView], begins: &str) -> Result<&'g GrantView, DeskError> {
    let fits =
        |grant: &&GrantView| !grant.state.is_over() && grant.id.to_string().starts_with(begins);
    let mut found = grants.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(DeskError::Wrong(format!(
            "no grant that is not over has an id that begins {begins}"
        ))),
        _ => Err(DeskError::Wrong(format!(
            "more than one grant's id begins {begins}"
        ))),
    }
}

fn line(page: Page, grant: &GrantView) -> String {
    let id = grant.id.to_string();
    let name = grant.name.as_deref().unwrap_or("(not told yet)");
    let state = match grant.state {
        GrantState::Coming => "still to come",
        GrantState::Active => "active",
        GrantState::Ended => "ended",
        GrantState::Undone => "undone",
        GrantState::Withdrawn => "withdrawn",
    };
    format!(
        "{}  {name}, from {} {}: {state}  {}",
        page.ink(Ink::Bold, short(&id)),
        grant.from,
        told(grant),
        page.ink(Ink::Dim, short(&grant.person.to_string())),
    )
}

fn fields(grant: &GrantView) -> Value {
    // It holds texts and dates only, which JSON has.
    serde_json::to_value(grant).unwrap_or_else(|_| json!({}))
}

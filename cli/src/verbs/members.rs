//! `members`: who can read a plan or an item of one, and how that came about.

use clap::Args;
use serde_json::json;
use waymark_core::client::{MembershipChange, MembershipStep, PlanId};
use waymark_core::model::RecordId;

use super::{grant, people};
use crate::desk::{Desk, DeskError, Place, Which};
use crate::page::{Ink, count};
use crate::talk::Talk;

/// Whose members.
#[derive(Args, Debug)]
pub(crate) struct Members {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    which: Which,

    /// Show the signed history instead: who added and removed whom.
    #[arg(long)]
    history: bool,

    /// Show who can read one goal, check-in or other record instead: its id, as exports and events have
    /// it. Every plan that holds it is shown.
    #[arg(long, value_name = "ID", allow_hyphen_values = true, conflicts_with_all = ["history", "plan"])]
    item: Option<String>,
}

/// Shows them.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Members, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    if let Some(item) = &args.item {
        return readers(&desk, item);
    }
    let plan = args.which.of(&desk)?;
    if args.history {
        return history(&desk, plan);
    }
    let members = desk.client.people().members(plan)?;
    // Grants are a plan's; a support space or a circle has none.
    let is_plan = desk.client.people().plans().contains(&plan);
    let grants = match is_plan && !members.is_empty() {
        true => desk.client.people().grants(plan)?,
        false => Vec::new(),
    };
    for member in &members {
        let granted = grant::active(&grants, member.person);
        let mut fields = people::fields(member);
        fields["plan"] = json!(plan);
        fields["grant"] = json!(granted);
        talk.tell("member", fields, |page| {
            let granted = granted.map(|granted| format!("  {}", grant::told(granted)));
            let granted = page.ink(Ink::Dim, granted.unwrap_or_default());
            page.line(format_args!("{}{granted}", people::line(page, member)));
        });
    }
    talk.note(match members.len() {
        0 => "nobody is known yet: this plan was not read".into(),
        keys => format!("{} can read what is in this plan", count(keys, "key")),
    });
    Ok(())
}

fn readers(desk: &Desk, item: &str) -> Result<(), DeskError> {
    let id: RecordId = item
        .parse()
        .map_err(|_| DeskError::Wrong(format!("{item} is no item's id")))?;
    for held in desk.client.people().who_can_read(id)? {
        let plan = held.plan;
        desk.talk.note(format_args!("in plan {plan}:"));
        for member in &held.readers {
            let mut fields = people::fields(member);
            fields["plan"] = json!(plan);
            fields["item"] = json!(item);
            desk.talk.tell("reader", fields, |page| {
                page.line(people::line(page, member));
            });
        }
    }
    Ok(())
}

fn history(desk: &Desk, plan: PlanId) -> Result<(), DeskError> {
    for step in desk.client.people().history(plan)? {
        let mut fields = serde_json::to_value(&step).unwrap_or_else(|_| json!({}));
        fields["plan"] = json!(plan);
        desk.talk.tell("step", fields, |page| {
            let text: Vec<_> = step.changes.iter().map(told).collect();
            page.line(format_args!(
                "{:>3}  {} {}",
                step.height,
                signer(&step),
                text.join(", ")
            ));
        });
    }
    Ok(())
}

fn signer(step: &MembershipStep) -> String {
    somebody(step.signer, step.signer_name.as_deref())
}

fn somebody(number: u16, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{name} ({number})"),
        None => format!("member {number}"),
    }
}

fn told(change: &MembershipChange) -> String {
    match change {
        MembershipChange::Added {
            number,
            name,
            rights,
        } => format!("added {} to {rights}", somebody(*number, name.as_deref())),
        MembershipChange::Removed { number, name } => {
            format!("removed {}", somebody(*number, name.as_deref()))
        }
        MembershipChange::NewKey => "replaced the key".into(),
        MembershipChange::KeyHandedOut { number } => format!("gave the key to member {number}"),
        MembershipChange::Forgot => "had something forgotten".into(),
        MembershipChange::Left => "left".into(),
        MembershipChange::Closed { successor: None } => "closed it".into(),
        MembershipChange::Closed {
            successor: Some(next),
        } => format!("closed it; plan {next} goes on in its place"),
    }
}

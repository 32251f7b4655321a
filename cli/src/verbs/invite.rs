//! `invite`: somebody into a plan, a circle or as support, or as a client.

use clap::{Args, value_parser};
use waymark_core::client::{ErrorClass, Invitation, InvitationPurpose, PlanId, WaymarkError};
use waymark_core::membership::SpaceKind;
use waymark_core::role::Role;

use super::comparing::{self, Again};
use crate::desk::{Desk, DeskError, Place, choose};
use crate::talk::Talk;

/// Whom to invite.
#[derive(Args, Debug)]
pub(crate) struct Invite {
    #[command(flatten)]
    purpose: To,

    #[command(flatten)]
    again: Again,

    /// For how many days.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = value_parser!(u8).range(1..=30))]
    days: u8,

    #[command(flatten)]
    place: Place,
}

/// To what.
#[derive(Args, Debug)]
#[group(multiple = false, conflicts_with_all = ["resume", "refuse"])]
struct To {
    /// To be therapist in a plan of one's own, the only one or the one with this id.
    #[arg(long, value_name = "ID", num_args = 0..=1, require_equals = true)]
    plan: Option<Option<String>>,

    /// To be one's client: the invited person creates the plan.
    #[arg(long)]
    client: bool,

    /// To be one's supporter.
    #[arg(long)]
    supporter: bool,

    /// To be one's guardian.
    #[arg(long)]
    guardian: bool,

    /// Into a circle of one's own, the one with this id or the only one; it is created where there
    /// is none.
    #[arg(long, value_name = "ID", num_args = 0..=1, require_equals = true)]
    circle: Option<Option<String>>,
}

/// Invites.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Invite, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    if let Some(done) = args.again.run(&desk) {
        return done;
    }
    let invitation = match &args.purpose {
        To { client: true, .. } => invite(&desk, InvitationPurpose::Client, args.days)?,
        To { guardian: true, .. } => support(&desk, Role::Guardian, args.days)?,
        To {
            supporter: true, ..
        } => support(&desk, Role::Supporter, args.days)?,
        To { plan: Some(id), .. } => {
            let plan = choose(&desk.client, &of(&desk, SpaceKind::Care), id.as_deref())?;
            invite(&desk, InvitationPurpose::Plan { plan }, args.days)?
        }
        To {
            circle: Some(id), ..
        } => {
            let circles = of(&desk, SpaceKind::Circle);
            let space = match circles.is_empty() && id.is_none() {
                true => desk.client.people().create_space(SpaceKind::Circle)?,
                false => choose(&desk.client, &circles, id.as_deref())?,
            };
            invite(&desk, InvitationPurpose::Circle { space }, args.days)?
        }
        _ => {
            let flags = "--plan, --client, --supporter, --guardian or --circle";
            return Err(DeskError::Wrong(format!("say to what: {flags}")));
        }
    };
    comparing::show(&desk, &invitation);
    args.again.follow(&desk, invitation.id)
}

/// Invites into a support space of its own; one that was made for somebody who never came is taken.
fn support(desk: &Desk, role: Role, days: u8) -> Result<Invitation, DeskError> {
    for (_, space) in of(desk, SpaceKind::Support) {
        match invite(desk, InvitationPurpose::Supporter { space, role }, days) {
            Err(error) if error.class() == ErrorClass::AskUser => {}
            invited => return Ok(invited?),
        }
    }
    let space = desk.client.people().create_space(SpaceKind::Support)?;
    Ok(invite(
        desk,
        InvitationPurpose::Supporter { space, role },
        days,
    )?)
}

fn invite(desk: &Desk, purpose: InvitationPurpose, days: u8) -> Result<Invitation, WaymarkError> {
    desk.client.invitations().invite(purpose, days)
}

fn of(desk: &Desk, kind: SpaceKind) -> Vec<(SpaceKind, PlanId)> {
    let spaces = desk.client.people().spaces(kind);
    spaces.into_iter().map(|id| (kind, id)).collect()
}

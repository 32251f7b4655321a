//! `link`: a further device of one's own.

use clap::Args;
use waymark_core::client::InvitationPurpose;
use waymark_core::pairing::Link as PairingLink;

use super::accept::LinkFile;
use super::comparing::{self, Again};
use super::init::{Names, relay};
use crate::desk::{Desk, DeskError, Place, Settings};
use crate::talk::Talk;

/// Which side this is.
#[derive(Args, Debug)]
pub(crate) struct Link {
    /// This is the new device: follow the link that the other one shows.
    #[arg(long, conflicts_with_all = ["resume", "refuse"])]
    join: bool,

    #[command(flatten)]
    link: LinkFile,

    #[command(flatten)]
    names: Names,

    /// New device: the relay's address, where the short code is typed; the link says it itself.
    #[arg(long, value_name = "URL")]
    relay: Option<String>,

    #[command(flatten)]
    again: Again,

    #[command(flatten)]
    place: Place,
}

/// Links.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Link, talk: Talk) -> Result<(), DeskError> {
    if args.join {
        return join(args, talk);
    }
    let desk = Desk::open(&args.place, talk)?;
    if let Some(done) = args.again.run(&desk) {
        return done;
    }
    let invitations = desk.client.invitations();
    let invitation = invitations.invite(InvitationPurpose::Device, DAYS)?;
    comparing::show(&desk, &invitation);
    args.again.follow(&desk, invitation.id)
}

fn join(args: &Link, talk: Talk) -> Result<(), DeskError> {
    let link = args.link.read(talk)?;
    let named = PairingLink::parse(&link).ok().map(|link| link.relay.url);
    let relay = relay(talk, args.relay.as_deref().or(named.as_deref()))?;
    let (name, device_name) = args.names.given(talk)?;
    let desk = Desk::make(&args.place, talk, Settings::new(&relay))?;
    let invitations = desk.client.invitations();
    match invitations.accept(&link, &name, &device_name) {
        Ok(id) => args.again.follow(&desk, id),
        Err(error) => {
            desk.unmake();
            Err(error.into())
        }
    }
}

/// Both devices lie before one person.
const DAYS: u8 = 1;

//! `accept`: follows somebody's invitation.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::comparing::Again;
use super::init::Names;
use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;

/// Which invitation.
#[derive(Args, Debug)]
pub(crate) struct Accept {
    #[command(flatten)]
    link: LinkFile,

    #[command(flatten)]
    again: Again,

    #[command(flatten)]
    names: Names,

    #[command(flatten)]
    place: Place,
}

/// Where the link comes from.
#[derive(Args, Debug)]
pub(super) struct LinkFile {
    /// File with the link or the short code, instead of typing it.
    #[arg(long, value_name = "FILE")]
    link_file: Option<PathBuf>,
}

impl LinkFile {
    /// The link or the short code.
    ///
    /// # Errors
    /// [`DeskError`] where there is none.
    pub(super) fn read(&self, talk: Talk) -> Result<Zeroizing<String>, DeskError> {
        let text = match &self.link_file {
            None => talk.ask("The link or the short code")?,
            Some(path) => {
                let text = fs::read_to_string(path).map(Zeroizing::new);
                text.map_err(|error| DeskError::Wrong(format!("{}: {error}", path.display())))?
            }
        };
        Ok(Zeroizing::new(text.trim().to_owned()))
    }
}

/// Accepts.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Accept, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    if let Some(done) = args.again.run(&desk) {
        return done;
    }
    let link = args.link.read(talk)?;
    let (name, device_name) = args.names.own(&desk)?;
    let invitations = desk.client.invitations();
    let id = invitations.accept(&link, &name, &device_name)?;
    args.again.follow(&desk, id)
}

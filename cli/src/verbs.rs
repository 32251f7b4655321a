//! The verbs of a desk, a file each: its flags, what it does, what it says.
//!
//! [`comparing`] is what `invite`, `accept` and `link` have in common.

pub(crate) mod accept;
mod at;
pub(crate) mod begin_anew;
pub(crate) mod check_in;
pub(crate) mod checkpoint;
pub(crate) mod close;
mod comparing;
mod days;
mod decision;
pub(crate) mod devices;
pub(crate) mod evidence;
pub(crate) mod follow_relay;
pub(crate) mod forget;
pub(crate) mod goal;
mod goals;
pub(crate) mod grant;
pub(crate) mod habit;
pub(crate) mod held;
pub(crate) mod init;
pub(crate) mod invite;
mod items;
pub(crate) mod leave;
pub(crate) mod link;
mod meant;
pub(crate) mod members;
mod not_done;
pub(crate) mod offer_copy;
mod people;
pub(crate) mod progress;
pub(crate) mod recover;
pub(crate) mod repair;
pub(crate) mod review;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod safety_number;
pub(crate) mod session;
mod sessions;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod take_over;
pub(crate) mod undo_device;
pub(crate) mod win;

use waymark_core::catalogue::{Argument, Language, texts};
use waymark_core::client::{ErrorClass, PlanId, Status as Stand, WaymarkError};

use crate::desk::{Desk, DeskError};

/// A sentence of the catalogue.
fn say(key: &str, arguments: &[Argument]) -> String {
    let said = texts(Language::English).say(key, arguments);
    said.unwrap_or_default()
}

/// The code of a closed list that has this name; an error names all of them.
fn coded<C: Copy>(all: &[C], name: fn(C) -> &'static str, said: &str) -> Result<C, String> {
    let found = all.iter().find(|code| name(**code) == said);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|code| name(*code)).collect();
        format!("one of {}", names.join(", "))
    })
}

/// Sends what was decided; an error says that it is kept where the relay could not be reached.
fn carry_out(desk: &Desk) -> Result<(), DeskError> {
    desk.sync().map_err(|error| kept(desk, error))
}

/// Whether a space stands as it was wanted to; an error says why it does not.
fn ends(
    desk: &Desk,
    space: PlanId,
    is_so: impl Fn(&Stand) -> bool,
    pending: &str,
) -> Result<(), DeskError> {
    let all = desk.client.status()?;
    let known = all.iter().find(|known| known.space == Some(space));
    match known.is_some_and(is_so) {
        true => Ok(()),
        false => Err(not_done::or_pending(desk, Some(space), pending.into())),
    }
}

/// Whether a relay that cannot be reached is the reason, so that it happens later.
fn kept(desk: &Desk, error: WaymarkError) -> DeskError {
    if error.class() == ErrorClass::Wait {
        desk.talk
            .note("it is kept, and happens with the next `waymark sync`");
    }
    error.into()
}

//! Home: what a person's own devices know together.
//!
//! Beside what the person keeps there, one document of home lists the person's other spaces. For
//! each it holds a *reserve*: keys that are a member there under the person's tag, so that a device
//! that joins home enrols itself everywhere with nobody else online. And it says which membership
//! is which device's, so that one device can be removed everywhere.
//!
//! - [`upkeep`]: brings home and the other spaces into line; called after every change of either.
//! - [`make_phrase`], [`confirm_phrase`], [`cancel_phrase`] and [`restore`]: 24 words that are a member
//!   of home, and the way back from them.
//! - [`remove_device`]: ends everything that one device is, and replaces every reserve.

mod list;
mod phrase;
mod recovery;
mod removal;
mod upkeep;

pub use self::list::{HomeList, LIST, Listed, Place, Reserve};
pub use self::phrase::{
    PhraseState, cancel_phrase, confirm_phrase, made_phrase, make_phrase, phrase_state,
};
pub use self::recovery::restore;
pub use self::removal::remove_device;
pub use self::upkeep::{ask_as_listed, borrow_reserve, upkeep};

use waymark_wire::ids::SpaceId;

use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::space::{Space, SpaceError};

/// This person's home, where this device has it.
#[must_use]
pub fn home_of(engine: &Engine) -> Option<&Space> {
    let mut spaces = engine.spaces().iter();
    spaces.find(|space| space.kind() == SpaceKind::Home)
}

/// Whether this person has left a space, as home has it.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn has_left(engine: &mut Engine, id: &SpaceId) -> Result<bool, SpaceError> {
    let Some(number) = home_of(engine).map(Space::number) else {
        return Ok(false);
    };
    let Some((home, store, _)) = engine.parts(number) else {
        return Ok(false);
    };
    Ok(HomeList::read(home, store)?.gone.contains(id))
}

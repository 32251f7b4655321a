//! What the other one does: follows the welcome.

use super::Kept;
use super::cards::{card_key, card_keys};
use super::upkeep::settle;
use crate::engine::Engine;
use crate::home;
use crate::membership::{SpaceKind, Welcome, WelcomeSpace};
use crate::pairing::Purpose;
use crate::space::{Space, SpaceError};
use crate::store::{Table, Transaction};

/// Enters the space that the welcome names, with the keys of the card that was compared.
pub(super) fn enter(
    engine: &mut Engine,
    mut kept: Kept,
    touched: &mut Vec<u32>,
) -> Result<bool, SpaceError> {
    let space = match acceptable(engine, &kept) {
        Ok(space) => space,
        Err(reason) => return fail(engine, kept, reason),
    };
    let Some(keys) = card_keys(engine.store.as_ref(), &space.signing_key)? else {
        return fail(engine, kept, "the keys of its card are gone");
    };
    let number = match engine.next_number() {
        Err(SpaceError::NotAllowed(reason)) => return fail(engine, kept, reason),
        number => number?,
    };
    let mut transaction = Transaction::new();
    Space::join(&mut transaction, number, &space, &keys);
    transaction.delete(Table::Meta, card_key(&space.signing_key));
    kept.about.space = Some(space.space);
    kept.about.settled = true;
    kept.store(&mut transaction);
    engine.adopt(transaction, &[number])?;
    engine.mail.put(kept);
    touched.push(number);
    Ok(true)
}

/// The space of a welcome that leads where the invitation said, or why it does not.
fn acceptable(engine: &Engine, kept: &Kept) -> Result<WelcomeSpace, &'static str> {
    let welcome = kept.pairing.received_welcome().map(Welcome::parse);
    let Some(Ok(welcome)) = welcome else {
        return Err("the welcome cannot be read");
    };
    let [space] = welcome.spaces.as_slice() else {
        return Err("the welcome names more than one space");
    };
    let card = kept.own_card();
    let own = card.and_then(|card| Some(card.keys.first()?.signing_key));
    let purpose = kept.pairing.link().purpose;
    if own != Some(space.signing_key) {
        Err("the welcome is for another card")
    } else if space.kind != kind_of(purpose) {
        Err("the welcome is to another kind of space")
    } else if purpose == Purpose::Device && home::home_of(engine).is_some() {
        Err("this device has a home already")
    } else if engine.space(&space.space).is_some() {
        Err("this device is in the space already")
    } else {
        Ok(space.clone())
    }
}

/// The other has done its part, so nobody is told.
fn fail(engine: &mut Engine, mut kept: Kept, reason: &str) -> Result<bool, SpaceError> {
    kept.about.failed = Some(reason.into());
    settle(engine, kept)
}

/// What kind of space a purpose leads to.
pub(crate) const fn kind_of(purpose: Purpose) -> SpaceKind {
    match purpose {
        Purpose::Circle => SpaceKind::Circle,
        Purpose::Client | Purpose::Plan => SpaceKind::Care,
        Purpose::Device => SpaceKind::Home,
        Purpose::Supporter => SpaceKind::Support,
    }
}

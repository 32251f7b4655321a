//! A space that goes on in the place of another: "from now on".
//!
//! Nobody can join a space and not read its past. So the client founds another space with what is to
//! be known there, brings everybody along, and closes the old one. It needs nobody else to be online,
//! and every step can be cut off anywhere: it is found undone and done the next time.
//!
//! - **Lead**: a device of the founder adds everybody of the old space to the new one with the keys
//!   that they have there, and once the log shows them closes the old one. Whoever came or went in the
//!   meantime comes and goes in the new one too.
//! - **Follow**: a device that reads that its space was closed enters the new one with those keys, as
//!   one that borrows them, and becomes a member with fresh ones.
//! - **Shed**: then the old keys' membership ends.
//! - **Carry**: what this device wrote and the old log never took is written in the new space, as far
//!   as what it speaks of came along.

mod carry;
mod follow;
mod lead;
mod mark;

use waymark_wire::ids::SpaceId;

pub use self::mark::{erase_marked, is_marked, mark, unmark};
use crate::engine::Engine;
use crate::membership::{Book, Wish};
use crate::space::{Space, SpaceError};
use crate::store::{Store, Transaction};

/// Does what is to be done, as far as it can be done now. Says which spaces have something new to
/// send, by local number. `is_read` tells which logs were read to their ends.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn upkeep(engine: &mut Engine, is_read: &dyn Fn(u32) -> bool) -> Result<Vec<u32>, SpaceError> {
    let mut touched = Vec::new();
    for number in numbers(engine) {
        let done = one(engine, number, is_read, &mut touched);
        match done {
            // What cannot be in one space stops no other.
            Err(SpaceError::NotAllowed(reason)) => {
                tracing::warn!(reason, "a space that follows another has to wait");
            }
            done => done?,
        }
    }
    touched.sort_unstable();
    touched.dedup();
    Ok(touched)
}

/// The same for one space that is, or is to be, followed by another.
fn one(
    engine: &mut Engine,
    old: u32,
    is_read: &dyn Fn(u32) -> bool,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    touched.extend(follow::follow(engine, old)?);
    let Some((closed_for, leads_to)) = successors(engine, old) else {
        return Ok(());
    };
    // As long as the old one is open, all own devices lead the same one.
    let is_closed = engine.space_by_number(old).is_some_and(Space::is_closed);
    let count = if is_closed { leads_to.len() } else { 1 };
    for new in leads_to.into_iter().take(count) {
        if is_read(old) && is_read(new) {
            lead::lead(engine, old, new, closed_for, touched)?;
        }
    }
    if let Some(new) = closed_for.filter(|new| is_open(engine.space_by_number(*new))) {
        follow::shed(engine, old, new, touched)?;
        follow::send_away(engine, old, new, touched)?;
        carry::carry(engine, old, new, touched)?;
    }
    Ok(())
}

/// The space here that goes on in the place of this one once it was closed; and those that this
/// person founded to do so, first the one that is to be closed for.
fn successors(engine: &Engine, old: u32) -> Option<(Option<u32>, Vec<u32>)> {
    let from = engine.space_by_number(old)?;
    let successor = from.book()?.membership().successor();
    let closed_for = successor
        .and_then(|id| engine.space(&id))
        .map(Space::number);
    let mut leads_to: Vec<&Space> = engine.spaces().iter().collect();
    leads_to.retain(|to| follows(to) == Some(from.id()) && is_founder(to));
    leads_to.sort_by_key(|to| to.id());
    Some((
        closed_for,
        leads_to.into_iter().map(Space::number).collect(),
    ))
}

/// Whether what was read or sent in a space may be what a step here has waited for: an old one's
/// close, or one that is to give way.
#[must_use]
pub fn waits_for(engine: &Engine, number: u32) -> bool {
    let open = engine.space_by_number(number);
    let Some(space) = open.filter(|space| !space.is_closed()) else {
        return false;
    };
    let mut all = engine.spaces().iter();
    let is_followed = all.any(|other| follows(other) == Some(space.id()));
    let old = follows(space).and_then(|old| engine.space(&old));
    let gives_way = old.and_then(|old| old.book()?.membership().successor());
    is_followed || gives_way.is_some_and(|successor| successor != space.id())
}

/// The space that a space follows.
fn follows(space: &Space) -> Option<SpaceId> {
    space.book().and_then(Book::follows)
}

/// Whether this device's person has founded a space to go on in the place of another.
#[must_use]
pub fn is_founder(space: &Space) -> bool {
    let founder = space.book().and_then(|book| {
        let everybody = book.membership().everybody();
        everybody.first().map(|member| member.person)
    });
    let own = space.own_member().ok().map(|(person, _)| person);
    founder.is_some() && own == founder
}

fn numbers(engine: &Engine) -> Vec<u32> {
    engine.spaces().iter().map(Space::number).collect()
}

/// Whether this device writes in a space with keys of its own.
fn is_open(space: Option<&Space>) -> bool {
    space.is_some_and(|space| {
        let stays = !space.has_ended() && !space.is_enrolling();
        stays && space.holds_key() && !space.is_closed()
    })
}

/// Notes what is wanted, where it was not wanted before.
fn wish(
    store: &dyn Store,
    space: &Space,
    wish: Option<Wish>,
    transaction: &mut Transaction,
) -> Result<(), SpaceError> {
    match wish {
        Some(wish) if !space.wishes(store)?.contains(&wish) => space.wish(transaction, &wish),
        _ => Ok(()),
    }
}

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
//! - **Carry**: what this device wrote and the old log never took is written in the new space.

use waymark_wire::ids::SpaceId;
use waymark_wire::membership::{Member, Rights};
use waymark_wire::signature::VerifyingKey;

use crate::engine::Engine;
use crate::gate::{Document, StoredChange};
use crate::membership::{Book, Entrance, NewMember, RosterMember, Succession, Wish};
use crate::space::{Space, SpaceError};
use crate::store::{Store, Table, Transaction};

/// Does what is to be done, as far as it can be done now. Says which spaces have something new to
/// send, by local number.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn upkeep(engine: &mut Engine) -> Result<Vec<u32>, SpaceError> {
    let mut touched = Vec::new();
    for number in numbers(engine) {
        touched.extend(follow(engine, number)?);
    }
    for number in numbers(engine) {
        let Some((old, new)) = pair(engine, number) else {
            continue;
        };
        if is_open(engine.space_by_number(new)) {
            lead(engine, old, new, &mut touched)?;
            shed(engine, old, new, &mut touched)?;
            carry(engine, old, new, &mut touched)?;
        }
    }
    touched.sort_unstable();
    touched.dedup();
    Ok(touched)
}

/// Marks a space that is being founded to follow another, until the copies are in it: nothing is
/// done for it before.
pub fn mark(transaction: &mut Transaction, new: &SpaceId) {
    transaction.put(Table::Meta, marker(new), []);
}

/// Takes the mark away.
pub fn unmark(transaction: &mut Transaction, new: &SpaceId) {
    transaction.delete(Table::Meta, marker(new));
}

/// Whether a space still has the mark.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub fn is_marked(store: &dyn Store, new: &SpaceId) -> Result<bool, SpaceError> {
    Ok(store.get(Table::Meta, &marker(new))?.is_some())
}

fn marker(new: &SpaceId) -> Vec<u8> {
    [b"founding ".as_slice(), &new.0].concat()
}

fn numbers(engine: &Engine) -> Vec<u32> {
    engine.spaces().iter().map(Space::number).collect()
}

/// A space that follows another one here, with that one.
fn pair(engine: &Engine, number: u32) -> Option<(u32, u32)> {
    let new = engine.space_by_number(number)?;
    let old = engine.space(&new.book()?.follows()?)?;
    Some((old.number(), number))
}

/// Whether this device writes in a space with keys of its own.
fn is_open(space: Option<&Space>) -> bool {
    space.is_some_and(|space| {
        let stays = !space.has_ended() && !space.is_enrolling();
        stays && space.is_ready() && !space.is_closed()
    })
}

/// Enters the space that goes on in the place of one that was closed.
fn follow(engine: &mut Engine, number: u32) -> Result<Option<u32>, SpaceError> {
    let Some(old) = engine.space_by_number(number) else {
        return Ok(None);
    };
    let successor = old.book().and_then(|book| book.membership().successor());
    let Some(successor) = successor.filter(|_| old.is_ready() && !old.has_ended()) else {
        return Ok(None);
    };
    // A device that has come here on another way, or whose person has left it again.
    if old.is_enrolling() || engine.space(&successor).is_some() {
        return Ok(None);
    }
    let next = engine.next_number()?;
    let mut transaction = Transaction::new();
    let Some((old, _, entropy)) = engine.parts(number) else {
        return Ok(None);
    };
    if !old.follow(&mut transaction, next, entropy)? {
        return Ok(None);
    }
    engine.adopt(transaction, &[next])?;
    Ok(Some(next))
}

/// Brings everybody of the old space along, and closes it once they are there.
fn lead(engine: &mut Engine, old: u32, new: u32, touched: &mut Vec<u32>) -> Result<(), SpaceError> {
    let (Some(from), Some(to)) = (engine.space_by_number(old), engine.space_by_number(new)) else {
        return Ok(());
    };
    let store = engine.store.as_ref();
    if !from.is_ready() || from.is_enrolling() || !leads(from, to) || is_marked(store, &to.id())? {
        return Ok(());
    }
    let (Some(before), Some(after)) = (from.book(), to.book()) else {
        return Ok(());
    };
    let mut transaction = Transaction::new();
    // Whoever went while the new one was founded goes there too, also once the old one is closed.
    let mut is_settled = to_end(store, (before, after), to, &mut transaction)?;
    if is_settled && is_open(Some(from)) {
        let mut entrances = Vec::new();
        for (member, known) in others(before, from) {
            let key = &member.signing_key;
            if let Some(welcome) = to.welcome(key) {
                entrances.push(Entrance {
                    device: member.device,
                    number: welcome.device,
                    added_by: welcome.added_by,
                    reaches: welcome.reaches,
                });
            } else if after.membership().member_ever_with_key(key).is_none() {
                is_settled = false;
                let new = carried(store, from, to, member, known)?;
                wish(store, to, new.map(Wish::Add), &mut transaction)?;
            }
        }
        // What is on its way may bring somebody who has to go again.
        if is_settled && !to.is_drafting(store)? {
            let succession = Succession {
                space: to.id(),
                entrances,
                height: before.membership().height(),
            };
            let close = Wish::Close(Some(succession));
            wish(store, from, Some(close), &mut transaction)?;
            touched.push(old);
        }
    }
    if !transaction.is_empty() {
        touched.push(new);
        engine.store.commit(transaction.into())?;
    }
    Ok(())
}

/// Has those go from the new space, and not come there any more, who are no members of the old one
/// any more. Says whether there is nobody like that.
fn to_end(
    store: &dyn Store,
    (before, after): (&Book, &Book),
    to: &Space,
    transaction: &mut Transaction,
) -> Result<bool, SpaceError> {
    let old = before.membership();
    let has_gone = |key: &VerifyingKey| {
        let ever = old.member_ever_with_key(key).is_some();
        ever && old.member_with_key(key).is_none()
    };
    let mut nobody = true;
    for member in after.membership().members() {
        if has_gone(&member.signing_key) {
            nobody = false;
            let gone = Wish::Remove(member.device);
            wish(store, to, Some(gone), transaction)?;
        }
    }
    for wanted in to.wishes(store)? {
        if matches!(&wanted, Wish::Add(new) if has_gone(&new.keys.signing_key)) {
            nobody = false;
            to.unwish(transaction, &wanted);
        }
    }
    Ok(nobody)
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

/// Whether this person leads both spaces and has founded the second.
fn leads(from: &Space, to: &Space) -> bool {
    let is_admin = |space: &Space| {
        let own = space.own_member();
        own.is_ok_and(|(_, rights)| rights.include(Rights::ADMIN))
    };
    let founder = to.book().and_then(|book| {
        let everybody = book.membership().everybody();
        everybody.first().map(|member| member.person)
    });
    let own = to.own_member().ok().map(|(person, _)| person);
    is_admin(from) && is_admin(to) && own == founder
}

/// Other people's devices in a space.
fn others<'b>(
    book: &'b Book,
    space: &Space,
) -> impl Iterator<Item = (&'b Member, &'b RosterMember)> + use<'b> {
    let own = space.own_member().ok().map(|(person, _)| person);
    book.people().filter_map(move |(member, known)| {
        let is_device = !member.rights.is_lasting() && Some(member.person) != own;
        let known = known.filter(|known| is_device && known.used_as.is_none())?;
        Some((member, known))
    })
}

/// A member of the old space as a member of the new one.
fn carried(
    store: &dyn Store,
    from: &Space,
    to: &Space,
    member: &Member,
    known: &RosterMember,
) -> Result<Option<NewMember>, SpaceError> {
    let founder = to.book().and_then(|book| book.roster(to.device()?));
    let Some((keys, founder)) = from.keys_of(store, member)?.zip(founder) else {
        return Ok(None);
    };
    Ok(Some(NewMember {
        person: member.person,
        keys,
        rights: member.rights,
        role: known.role,
        name: known.name.clone(),
        device_name: known.device_name.clone(),
        level: known.level,
        since: founder.since,
        used_as: None,
    }))
}

/// Ends the membership in the new space that this device entered it with.
fn shed(engine: &mut Engine, old: u32, new: u32, touched: &mut Vec<u32>) -> Result<(), SpaceError> {
    let (Some(from), Some(to)) = (engine.space_by_number(old), engine.space_by_number(new)) else {
        return Ok(());
    };
    let (own, _) = to.own_member()?;
    let borrowed = to.book().and_then(|book| {
        let key = from.signing_key().verifying_key();
        book.membership().member_with_key(&key)
    });
    let borrowed = borrowed.filter(|m| m.person == own && Some(m.device) != to.device());
    let Some(wish) = borrowed.map(|member| Wish::Remove(member.device)) else {
        return Ok(());
    };
    let mut transaction = Transaction::new();
    self::wish(engine.store.as_ref(), to, Some(wish), &mut transaction)?;
    if !transaction.is_empty() {
        engine.store.commit(transaction.into())?;
        touched.push(new);
    }
    Ok(())
}

/// Writes in the new space what waited to be sent in the old one when it was closed. What it names
/// may not be there: then it waits in its document, and the view lists it.
fn carry(
    engine: &mut Engine,
    old: u32,
    new: u32,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some((from, store, _)) = engine.parts(old) else {
        return Ok(());
    };
    if !from.is_closed() || from.is_enrolling() || !from.is_ready() {
        return Ok(());
    }
    let lost = from.unconfirmed_records(store)?;
    if lost.is_empty() {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    from.give_up_sending(&mut transaction);
    let edits = lost.into_iter().map(|(name, records)| {
        let edit = move |document: &mut Document| {
            let changes = records.iter().map(|bytes| document.put_record(bytes));
            let changes: Result<Vec<Option<StoredChange>>, _> = changes.collect();
            Ok(changes?.into_iter().flatten().collect())
        };
        (name, edit)
    });
    let edits = edits.collect();
    let Some((to, store, _)) = engine.parts(new) else {
        return Ok(());
    };
    to.edit_with(store, transaction, edits)?;
    touched.push(new);
    Ok(())
}

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

use waymark_wire::ids::{PersonTag, SpaceId};
use waymark_wire::membership::{Member, Rights};
use waymark_wire::signature::VerifyingKey;

use crate::engine::Engine;
use crate::home;
use crate::membership::{Book, Entrance, NewMember, RosterMember, Succession, Wish};
use crate::space::{Space, SpaceError, devices_of};
use crate::store::{Store, Table, Transaction};

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
    touched.extend(follow(engine, old)?);
    let Some((closed_for, leads_to)) = successors(engine, old) else {
        return Ok(());
    };
    for new in leads_to {
        if is_read(old) && is_read(new) {
            lead(engine, old, new, closed_for, touched)?;
        }
    }
    if let Some(new) = closed_for.filter(|new| is_open(engine.space_by_number(*new))) {
        shed(engine, old, new, touched)?;
        send_away(engine, old, new, touched)?;
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
    // All own devices take the same one.
    leads_to.sort_by_key(|to| to.id());
    Some((
        closed_for,
        leads_to.into_iter().map(Space::number).collect(),
    ))
}

/// Whether what was read or sent in a space may be what another one waits for to go on in its place.
#[must_use]
pub fn waits_for(engine: &Engine, number: u32) -> bool {
    let Some(old) = engine.space_by_number(number) else {
        return false;
    };
    let mut all = engine.spaces().iter();
    !old.is_closed() && all.any(|space| follows(space) == Some(old.id()))
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

/// Erases spaces that still have the mark: the device went off while they were being founded, and
/// nobody has seen anything of them.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub fn erase_marked(store: &mut dyn Store, spaces: &mut Vec<Space>) -> Result<(), SpaceError> {
    let marked = |space: &Space| is_marked(store, &space.id());
    let unfinished = spaces
        .iter()
        .map(|space| Ok((space.number(), space.id(), marked(space)?)));
    let unfinished: Vec<_> = unfinished.collect::<Result<_, SpaceError>>()?;
    for (number, id, _) in unfinished.into_iter().filter(|(_, _, marked)| *marked) {
        let mut transaction = Transaction::new();
        unmark(&mut transaction, &id);
        Space::erase(&mut transaction, number);
        store.commit(transaction.into())?;
        spaces.retain(|space| space.number() != number);
    }
    Ok(())
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

/// Enters the space that goes on in the place of one that was closed.
fn follow(engine: &mut Engine, number: u32) -> Result<Option<u32>, SpaceError> {
    let Some(old) = engine.space_by_number(number) else {
        return Ok(None);
    };
    let successor = old.book().and_then(|book| book.membership().successor());
    let may = old.is_ready() && !old.has_ended() && !old.is_enrolling();
    let Some(successor) = successor.filter(|_| may) else {
        return Ok(None);
    };
    // It may have come there on another way, and its person may have left it again.
    let is_known = engine.space(&successor).is_some();
    if is_known || home::has_left(engine, &successor)? {
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

/// Brings everybody of the old space along, and closes it once they are there. Where an own device
/// has founded another one first, this one goes on in that.
fn lead(
    engine: &mut Engine,
    old: u32,
    new: u32,
    closed_for: Option<u32>,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let (Some(from), Some(to)) = (engine.space_by_number(old), engine.space_by_number(new)) else {
        return Ok(());
    };
    if !is_open(Some(to)) || !from.holds_key() || from.is_enrolling() || !leads(from, to) {
        return Ok(());
    }
    let store = engine.store.as_ref();
    let (Some(before), Some(after)) = (from.book(), to.book()) else {
        return Ok(());
    };
    let mut transaction = Transaction::new();
    // Whoever went while the new one was founded goes there too, also once the old one is closed.
    let mut is_settled = to_end(store, (before, after), to, &mut transaction)?;
    if from.is_closed() {
        if !transaction.is_empty() {
            touched.push(new);
            engine.store.commit(transaction.into())?;
        }
        return match closed_for.filter(|winner| *winner != new) {
            Some(winner) => carry::give_way(engine, new, winner, touched),
            None => Ok(()),
        };
    }
    if is_settled && is_open(Some(from)) {
        let mut entrances = Vec::new();
        for (member, known) in others(before, from) {
            let key = &member.signing_key;
            let Some(known) = known else {
                // Its name is in an entry that could not be opened yet.
                is_settled = false;
                continue;
            };
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
        // What is on its way may bring somebody who has to go again; what waits to be sent, or is
        // wanted, belongs into the old one.
        let nothing_waits = from.unsent(store)? == 0
            && from.outbox(store)?.is_empty()
            && from
                .wishes(store)?
                .iter()
                .all(|wish| matches!(wish, Wish::Close(_)));
        if is_settled && nothing_waits && !to.is_drafting(store)? {
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
    // Whoever renewed the agreement key since cannot open what is sealed to the one that came along.
    let is_renewed = |member: &Member| {
        let there = old.member_with_key(&member.signing_key);
        there.is_some_and(|there| there.agreement_key != member.agreement_key)
    };
    for member in after.membership().members() {
        if has_gone(&member.signing_key) || (!old.is_closed() && is_renewed(member)) {
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

/// Whether this device's person leads both spaces.
fn leads(from: &Space, to: &Space) -> bool {
    let is_admin = |space: &Space| {
        let own = space.own_member();
        own.is_ok_and(|(_, rights)| rights.include(Rights::ADMIN))
    };
    is_admin(from) && is_admin(to)
}

/// Other people's devices in a space, with what is known of them.
fn others<'b>(
    book: &'b Book,
    space: &Space,
) -> impl Iterator<Item = (&'b Member, Option<&'b RosterMember>)> + use<'b> {
    let own = space.own_member().ok().map(|(person, _)| person);
    book.people().filter(move |(member, known)| {
        let is_device = known.is_none_or(|known| known.used_as.is_none());
        is_device && !member.rights.is_lasting() && Some(member.person) != own
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

/// Has those go from the new space who were to go from the old one when it was closed.
fn send_away(
    engine: &mut Engine,
    old: u32,
    new: u32,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let (Some(from), Some(to)) = (engine.space_by_number(old), engine.space_by_number(new)) else {
        return Ok(());
    };
    let store = engine.store.as_ref();
    let mut transaction = Transaction::new();
    for wanted in from.wishes(store)? {
        let person = match &wanted {
            Wish::RemovePerson(person) => Some(*person),
            Wish::Remove(device) => {
                let book = from.book();
                let member = book.and_then(|book| book.membership().member_ever(*device));
                member.map(|member| member.person)
            }
            _ => continue,
        };
        let own = to.own_member()?.0;
        let is_there = |person: &PersonTag| {
            let book = to.book();
            book.is_some_and(|book| !devices_of(book, *person).is_empty())
        };
        if let Some(person) = person.filter(|person| *person != own && is_there(person)) {
            wish(
                store,
                to,
                Some(Wish::RemovePerson(person)),
                &mut transaction,
            )?;
        }
        from.unwish(&mut transaction, &wanted);
    }
    if !transaction.is_empty() {
        engine.store.commit(transaction.into())?;
        touched.push(new);
    }
    Ok(())
}

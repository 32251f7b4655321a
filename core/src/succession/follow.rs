//! What a device does that reads that its space was closed for another.

use super::wish;
use crate::engine::Engine;
use crate::home;
use crate::membership::{RosterMember, Wish};
use crate::space::{Space, SpaceError, devices_of};
use crate::store::Transaction;

/// Enters the space that goes on in the place of one that was closed.
pub(super) fn follow(engine: &mut Engine, number: u32) -> Result<Option<u32>, SpaceError> {
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

/// Ends the membership in the new space that this device entered it with.
pub(super) fn shed(
    engine: &mut Engine,
    old: u32,
    new: u32,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
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
    super::wish(engine.store.as_ref(), to, Some(wish), &mut transaction)?;
    if !transaction.is_empty() {
        engine.store.commit(transaction.into())?;
        touched.push(new);
    }
    Ok(())
}

/// Has those go from the new space who were to go from the old one when it was closed.
pub(super) fn send_away(
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
        for gone in to_go(from, to, &wanted) {
            wish(store, to, Some(gone), &mut transaction)?;
        }
        if !matches!(wanted, Wish::Remove(_) | Wish::RemovePerson(_)) {
            continue;
        }
        from.unwish(&mut transaction, &wanted);
    }
    if !transaction.is_empty() {
        engine.store.commit(transaction.into())?;
        touched.push(new);
    }
    Ok(())
}

/// What a removal in the old space that came too late means in the new one.
fn to_go(from: &Space, to: &Space, wanted: &Wish) -> Vec<Wish> {
    let (Some(before), Some(after)) = (from.book(), to.book()) else {
        return Vec::new();
    };
    match wanted {
        Wish::RemovePerson(person) if !devices_of(after, *person).is_empty() => {
            vec![Wish::RemovePerson(*person)]
        }
        Wish::Remove(device) => {
            // It may be there with keys of its own by now, under its name.
            let name = before.roster(*device).map(|known| &known.device_name);
            let person = before.membership().member_ever(*device);
            let person = person.map(|member| member.person);
            let is_it = |known: &RosterMember| Some(&known.device_name) == name;
            let there = after.people().filter(|(member, known)| {
                Some(member.person) == person && known.is_some_and(is_it)
            });
            let other = there.filter(|(member, _)| Some(member.device) != to.device());
            other
                .map(|(member, _)| Wish::Remove(member.device))
                .collect()
        }
        _ => Vec::new(),
    }
}

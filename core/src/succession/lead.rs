//! What a founder's device does: everybody comes along, and the old space is closed.

use waymark_wire::membership::{Member, Rights};
use waymark_wire::signature::VerifyingKey;

use super::{carry, is_open, wish};
use crate::engine::Engine;
use crate::membership::{Book, Entrance, NewMember, RosterMember, Succession, Wish};
use crate::space::{Space, SpaceError};
use crate::store::{Store, Transaction};

/// Brings everybody of the old space along, and closes it once they are there. Where an own device
/// has founded another one first, this one goes on in that.
pub(super) fn lead(
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

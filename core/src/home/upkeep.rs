//! Bringing home and a person's other spaces into line. Every step can be cut off anywhere: it is
//! found undone and done the next time.

use waymark_wire::ids::SpaceId;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use super::list::{HomeList, Listed, Place, Reserve, keep_pending, pending_key, write};
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{KeySet, NewMember, Newcomer, SpaceKind, Use, WelcomeSpace, Wish};
use crate::space::{Space, SpaceError};
use crate::store::{Table, Transaction};

/// Does what is to be done, as far as it can be done now. Says which spaces have something new to
/// send, by local number.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn upkeep(engine: &mut Engine) -> Result<Vec<u32>, SpaceError> {
    let mut touched = Vec::new();
    super::recovery::phrases(engine, &mut touched)?;
    let Some(home) = super::home_of(engine) else {
        return Ok(touched);
    };
    let (number, home_key) = (home.number(), home.signing_key().verifying_key());
    // Its own membership comes first: with borrowed keys it would speak for somebody else.
    if !home.is_ready() || home.is_enrolling() || home.has_ended() {
        return Ok(touched);
    }
    let Some((home, store, _)) = engine.parts(number) else {
        return Ok(touched);
    };
    let list = HomeList::read(home, store)?;
    let is_member = |device| {
        let book = home.book();
        book.is_some_and(|book| book.membership().member(device).is_some())
    };
    let waits = |wish: &Wish| matches!(wish, Wish::Remove(device) if is_member(*device));
    let waits_for_removal = home.wishes(store)?.iter().any(waits);

    let others: Vec<(u32, SpaceId)> = engine
        .spaces()
        .iter()
        .filter(|space| !matches!(space.kind(), SpaceKind::Home | SpaceKind::Beacon))
        .map(|space| (space.number(), space.id()))
        .collect();
    for (other, id) in &others {
        let Some(space) = engine.space_by_number(*other) else {
            continue;
        };
        if space.has_ended() && !list.gone.contains(id) {
            put(engine, number, &Listed::Gone(*id), &mut touched)?;
            continue;
        }
        if !space.is_ready() || space.is_enrolling() || space.has_ended() {
            continue;
        }
        let own = space.signing_key().verifying_key();
        let is_closed = space
            .book()
            .is_some_and(|book| book.membership().is_closed());
        if !list.places.iter().any(|place| place.signing_key == own) {
            let place = Place {
                space: *id,
                signing_key: own,
                home_key,
            };
            put(engine, number, &Listed::Place(place), &mut touched)?;
        }
        if is_closed {
            continue;
        }
        keep_reserve(
            engine,
            (number, *other),
            &list,
            waits_for_removal,
            &mut touched,
        )?;
    }
    for (id, reserves) in &list.reserves {
        // One that is damaged is repaired first.
        let is_known =
            others.iter().any(|(_, known)| known == id) || engine.damage_of(id).is_some();
        if let Some(newest) = reserves.last().filter(|_| !list.gone.contains(id)) {
            if !is_known {
                touched.push(enrol(engine, number, newest)?);
            } else if let Some(again) = enrol_again(engine, newest)? {
                touched.push(again);
            }
        }
    }
    touched.sort_unstable();
    touched.dedup();
    Ok(touched)
}

/// Writes a record to home's list.
pub(super) fn put(
    engine: &mut Engine,
    home: u32,
    listed: &Listed,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    if let Some((home, store, _)) = engine.parts(home) {
        write(home, store, listed)?;
        touched.push(home.number());
    }
    Ok(())
}

/// Sees to it that a space has a reserve, and that home holds its keys.
fn keep_reserve(
    engine: &mut Engine,
    (home, other): (u32, u32),
    list: &HomeList,
    waits_for_removal: bool,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some((space, store, entropy)) = engine.parts(other) else {
        return Ok(());
    };
    let id = space.id();
    let members = reserves_in(space);
    let listed = list.reserves.get(&id).map(Vec::as_slice);
    let listed = listed.unwrap_or_default();
    let is_member = |reserve: &&Reserve| members.contains(&reserve.signing_key);
    if let Some(known) = listed.iter().rfind(is_member) {
        let welcome = space.welcome(&known.signing_key);
        let is_listed = |welcome: &WelcomeSpace| listed.iter().any(|one| one.is_as(welcome));
        // In a log that goes on otherwise it was added once more, and may have another number.
        if let Some(welcome) = welcome.filter(|w| !waits_for_removal && !is_listed(w)) {
            let again = Reserve::new(&welcome, known.keys.clone());
            put(engine, home, &Listed::Reserve(again), touched)?;
        }
        return Ok(());
    }
    let pending = store
        .get(Table::Home, &pending_key(&id))?
        .map(Zeroizing::new);
    // Another own device has made one, and lists it when it is safe to.
    if pending.is_none() && !members.is_empty() {
        return Ok(());
    }
    let keys = match &pending {
        Some(keys) => MembershipKeys::from_bytes(keys)?,
        None => MembershipKeys::generate(entropy),
    };
    let key = VerifyingKey(keys.signing_public()?);
    if let Some(welcome) = space.welcome(&key) {
        // Whoever is to be removed from home must not read the new keys there.
        if waits_for_removal {
            return Ok(());
        }
        let reserve = Reserve::new(&welcome, codec_bytes(&keys));
        put(engine, home, &Listed::Reserve(reserve), touched)?;
        let mut transaction = Transaction::new();
        transaction.delete(Table::Home, pending_key(&id));
        return Ok(engine.store.commit(transaction.into())?);
    }
    let Some(member) = reserve_member(space, &keys)? else {
        return Ok(());
    };
    let wish = Wish::Add(member);
    if space.wishes(store)?.contains(&wish) {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    keep_pending(&mut transaction, &id, &*keys.to_bytes());
    match space.wish(&mut transaction, &wish) {
        Ok(()) => {}
        // Not now: the space is full, or the keys were a member and are none any more.
        Err(SpaceError::NotAllowed(reason)) => {
            tracing::debug!(reason, "no reserve");
            transaction = Transaction::new();
            transaction.delete(Table::Home, pending_key(&id));
        }
        Err(error) => return Err(error),
    }
    store.commit(transaction.into())?;
    touched.push(other);
    Ok(())
}

/// Keys of this person's reserves that are members of a space.
pub(super) fn reserves_in(space: &Space) -> Vec<VerifyingKey> {
    let own = space.own_member().ok().map(|(person, _)| person);
    let Some((book, own)) = space.book().zip(own) else {
        return Vec::new();
    };
    book.people()
        .filter(|(member, known)| {
            member.person == own && known.is_some_and(|k| k.used_as == Some(Use::Reserve))
        })
        .map(|(member, _)| member.signing_key)
        .collect()
}

/// A reserve's membership beside this device's own.
pub(super) fn reserve_member(
    space: &Space,
    keys: &MembershipKeys,
) -> Result<Option<NewMember>, SpaceError> {
    let known = space.book().zip(space.device());
    let Some(own) = known.and_then(|(book, own)| book.roster(own)) else {
        return Ok(None);
    };
    let (person, rights) = space.own_member()?;
    let rights = if rights.include(Rights::ADMIN) {
        Rights::ADMIN
    } else {
        rights
    };
    Ok(Some(NewMember {
        person,
        keys: KeySet::of(keys)?,
        rights,
        role: own.role,
        name: own.name.clone(),
        device_name: String::new(),
        level: own.level,
        since: own.since,
        used_as: Some(Use::Reserve),
    }))
}

/// Enters a space with its reserve, to become a member with keys of this device's own.
fn enrol(engine: &mut Engine, home: u32, reserve: &Reserve) -> Result<u32, SpaceError> {
    let number = engine.next_number()?;
    let newcomer = newcomer(engine, home)?;
    let own = MembershipKeys::generate(engine.entropy.as_mut());
    let borrowed = MembershipKeys::from_bytes(&reserve.keys.0)?;
    let mut transaction = Transaction::new();
    let welcome = reserve.as_welcome();
    Space::join_with(&mut transaction, number, &welcome, &borrowed, &own);
    Space::wish_to_enrol(&mut transaction, number, newcomer);
    engine.adopt(transaction, &[number])?;
    Ok(number)
}

/// Takes a newer reserve, where the one that this device tried to enrol with was replaced.
fn enrol_again(engine: &mut Engine, reserve: &Reserve) -> Result<Option<u32>, SpaceError> {
    let Some(space) = engine.space(&reserve.space) else {
        return Ok(None);
    };
    if space.cursor().seq > 0 {
        return Ok(None);
    }
    let number = space.number();
    Ok(borrow(engine, number, reserve)?.then_some(number))
}

/// Enrols with the reserve that home has, where the keys that this device enters a space with lead no
/// further: those of a membership that it left to another device, which has renewed them since. Says
/// whether there are other keys now.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn borrow_reserve(engine: &mut Engine, number: u32) -> Result<bool, SpaceError> {
    let id = engine.space_by_number(number).map(Space::id);
    let home = super::home_of(engine).filter(|home| home.is_ready() && !home.is_enrolling());
    let Some((home, id)) = home.map(Space::number).zip(id) else {
        return Ok(false);
    };
    let Some((home, store, _)) = engine.parts(home) else {
        return Ok(false);
    };
    let list = HomeList::read(home, store)?;
    match list.reserves.get(&id).and_then(|known| known.last()) {
        Some(newest) if !list.gone.contains(&id) => borrow(engine, number, newest),
        _ => Ok(false),
    }
}

/// Has this device ask as another member, where the relay does not know the reserve with which it enters a
/// space as what it asked as: with the newest reserve that home lists, where that is another one, since
/// the one that it asked with may have been removed before it had read so; otherwise under another
/// number, where home lists that reserve under several: each is the one of some log. Says whether it
/// does.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn ask_as_listed(engine: &mut Engine, number: u32) -> Result<bool, SpaceError> {
    let space = engine.space_by_number(number);
    let Some(space) = space.filter(|space| space.is_enrolling()) else {
        return Ok(false);
    };
    let (id, key) = (space.id(), space.signing_key().verifying_key());
    let asked = space.device_to_read_as();
    let Some(home) = super::home_of(engine).map(Space::number) else {
        return Ok(false);
    };
    let Some((home, store, _)) = engine.parts(home) else {
        return Ok(false);
    };
    let list = HomeList::read(home, store)?;
    let known = list.reserves.get(&id).map(Vec::as_slice);
    let known = known.unwrap_or_default();
    let is_listed = known.iter().any(|reserve| reserve.signing_key == key);
    let newest = known.last().filter(|newest| newest.signing_key != key);
    if let Some(newest) = newest.filter(|_| is_listed && !list.gone.contains(&id)) {
        return borrow(engine, number, newest);
    }
    let mut listed: Vec<&Reserve> = known.iter().collect();
    listed.retain(|reserve| reserve.signing_key == key && Some(reserve.device) != asked);
    listed.sort_by_key(|reserve| reserve.device);
    let next = listed.iter().find(|reserve| Some(reserve.device) > asked);
    let Some(next) = next.or(listed.first()).map(|reserve| reserve.as_welcome()) else {
        return Ok(false);
    };
    let mut transaction = Transaction::new();
    let space = engine.space_by_number(number);
    let is_news = space.is_some_and(|space| space.welcome_again(&mut transaction, &next));
    if is_news {
        engine.adopt(transaction, &[number])?;
    }
    Ok(is_news)
}

fn borrow(engine: &mut Engine, number: u32, reserve: &Reserve) -> Result<bool, SpaceError> {
    let Some(space) = engine.space_by_number(number) else {
        return Ok(false);
    };
    if !space.is_enrolling() || space.signing_key().verifying_key() == reserve.signing_key {
        return Ok(false);
    }
    let mut transaction = Transaction::new();
    let borrowed = MembershipKeys::from_bytes(&reserve.keys.0)?;
    space.borrow_again(&mut transaction, &reserve.as_welcome(), &borrowed);
    engine.adopt(transaction, &[number])?;
    Ok(true)
}

/// What this device calls itself: as in home.
pub(super) fn newcomer(engine: &Engine, home: u32) -> Result<Newcomer, SpaceError> {
    let home = engine.space_by_number(home);
    let known = home.and_then(|home| home.book()?.roster(home.device()?));
    let known = known.ok_or(SpaceError::NotAllowed("home cannot be read yet"))?;
    Ok(Newcomer {
        name: known.name.clone(),
        device_name: known.device_name.clone(),
        level: known.level,
        since: known.since,
    })
}

fn codec_bytes(keys: &MembershipKeys) -> waymark_wire::codec::Bytes {
    waymark_wire::codec::Bytes(keys.to_bytes().to_vec())
}

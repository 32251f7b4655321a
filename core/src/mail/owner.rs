//! What the owner of the space does: takes the other in once both said yes, writes the welcome once
//! the log shows the membership, and takes all of it back where nothing came of it.

use waymark_wire::ids::{PersonTag, SpaceId};
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::Kept;
use super::cards::{self, card_keys, member};
use super::upkeep::{fail, settle, store};
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::home;
use crate::membership::{KeySet, SpaceKind, Welcome, WelcomeSpace, Wish};
use crate::pairing::Purpose;
use crate::role::Role;
use crate::space::{Founding, ONE_SUPPORTER, Space, SpaceError};
use crate::store::{Store, Transaction};

/// Has the other become a member of the space, and writes the welcome once it is.
pub(super) fn take_in(
    engine: &mut Engine,
    mut kept: Kept,
    now_ms: i64,
    touched: &mut Vec<u32>,
) -> Result<bool, SpaceError> {
    let other = kept.pairing.other_card();
    let Some((card, keys)) =
        other.and_then(|card| Some((card.clone(), card.keys.first()?.clone())))
    else {
        return Ok(false);
    };
    let purpose = kept.pairing.link().purpose;
    if purpose == Purpose::Client && kept.about.space.is_none() {
        return found(engine, kept, now_ms, touched);
    }
    let today = today(engine, now_ms);
    let mut tag = [0; 16];
    engine.entropy.fill(&mut tag);
    let Some(space) = space_of(engine, &kept) else {
        return fail(engine, kept, "the space is not here any more", now_ms);
    };
    if space.has_ended() || space.is_closed() {
        return fail(engine, kept, "the space has come to its end", now_ms);
    }
    if let Some(welcome) = space.welcome(&keys.signing_key) {
        return write_welcome(engine, kept, welcome, now_ms);
    }
    let waits = wish_for(space, engine.store.as_ref(), &keys.signing_key)?.is_some();
    if waits || !space.is_ready() || space.is_enrolling() {
        return Ok(false);
    }
    if purpose == Purpose::Supporter && has_others(space) {
        // Invited by another device of this person's, perhaps while this one was offline.
        kept.about.is_taken = Some(true);
        return fail(engine, kept, ONE_SUPPORTER, now_ms);
    }
    if kept.about.wanted {
        return fail(engine, kept, "it was not taken into the space", now_ms);
    }
    let place = match kept.about.role {
        Some(role) => Some((PersonTag(tag), Rights::WRITE, role)),
        None => cards::own_place(space)?,
    };
    let Some((person, rights, role)) = place else {
        return Ok(false);
    };
    let wish = Wish::Add(member(&card, keys, person, rights, role, today));
    let mut transaction = Transaction::new();
    match space.wish(&mut transaction, &wish) {
        Ok(()) => {}
        Err(SpaceError::NotAllowed(reason)) => return fail(engine, kept, reason, now_ms),
        Err(error) => return Err(error),
    }
    touched.push(space.number());
    kept.about.wanted = true;
    store(engine, transaction, kept)
}

/// Takes back what was begun for an invitation that has ended: who was not welcomed is no member.
pub(super) fn take_back(
    engine: &mut Engine,
    kept: Kept,
    touched: &mut Vec<u32>,
) -> Result<bool, SpaceError> {
    let is_begun = kept.about.wanted && !kept.about.welcomed;
    let key = kept.pairing.other_card().and_then(|card| card.keys.first());
    let key = key.map(|keys| keys.signing_key);
    let space = space_of(engine, &kept).filter(|space| !space.has_ended() && !space.is_closed());
    let Some((space, key)) = space.zip(key).filter(|_| is_begun) else {
        return settle(engine, kept);
    };
    let mut transaction = Transaction::new();
    let known = space.book();
    let joined = known.and_then(|book| book.membership().member_with_key(&key));
    if let Some(joined) = joined {
        let wish = Wish::Remove(joined.device);
        if space.wishes(engine.store.as_ref())?.contains(&wish) {
            return Ok(false);
        }
        match space.wish(&mut transaction, &wish) {
            Ok(()) => {}
            Err(SpaceError::NotAllowed(_)) => return settle(engine, kept),
            Err(error) => return Err(error),
        }
    } else if let Some(wish) = wish_for(space, engine.store.as_ref(), &key)? {
        space.unwish(&mut transaction, &wish);
    } else if space.is_drafting(engine.store.as_ref())? {
        // What is on its way may add it all the same.
        return Ok(false);
    } else {
        return settle(engine, kept);
    }
    touched.push(space.number());
    store(engine, transaction, kept)
}

/// The space that an invitation is about.
fn space_of<'e>(engine: &'e Engine, kept: &Kept) -> Option<&'e Space> {
    match kept.pairing.link().purpose {
        Purpose::Device => home::home_of(engine),
        _ => engine.space(&kept.about.space?),
    }
}

/// What wants this key added.
fn wish_for(
    space: &Space,
    store: &dyn Store,
    key: &VerifyingKey,
) -> Result<Option<Wish>, SpaceError> {
    let is_it = |wish: &Wish| matches!(wish, Wish::Add(new) if new.keys.signing_key == *key);
    Ok(space.wishes(store)?.into_iter().find(is_it))
}

/// Whether somebody else than this device's person is in a space.
pub(crate) fn has_others(space: &Space) -> bool {
    let own = space.own_member().ok().map(|(person, _)| person);
    let membership = space.book().map(crate::membership::Book::membership);
    membership.is_some_and(|known| known.members().any(|member| Some(member.person) != own))
}

fn write_welcome(
    engine: &mut Engine,
    mut kept: Kept,
    welcome: WelcomeSpace,
    now_ms: i64,
) -> Result<bool, SpaceError> {
    let card = kept.own_card();
    let keys = match card.as_ref().and_then(|card| card.keys.first()) {
        Some(own) => card_keys(engine.store.as_ref(), &own.signing_key)?,
        None => None,
    };
    let Some(keys) = keys else {
        return fail(engine, kept, "the keys of its card are gone", now_ms);
    };
    let spaces = vec![welcome];
    let (bytes, entropy) = (Welcome { spaces }.to_bytes(), engine.entropy.as_mut());
    match kept.pairing.welcome(&bytes, &keys, now_ms, entropy) {
        Ok(()) => {}
        Err(error) => return fail(engine, kept, &error.to_string(), now_ms),
    }
    kept.about.welcomed = true;
    store(engine, Transaction::new(), kept)
}

/// The invited client founds the care space that the inviting therapist is to join.
fn found(
    engine: &mut Engine,
    mut kept: Kept,
    now_ms: i64,
    touched: &mut Vec<u32>,
) -> Result<bool, SpaceError> {
    let (Some(card), Some(relay)) = (kept.own_card(), kept.about.relay.clone()) else {
        return fail(engine, kept, "it does not say where", now_ms);
    };
    let number = match engine.next_number() {
        Err(SpaceError::NotAllowed(reason)) => return fail(engine, kept, reason, now_ms),
        number => number?,
    };
    let keys = MembershipKeys::generate(engine.entropy.as_mut());
    let mut tag = [0; 16];
    engine.entropy.fill(&mut tag);
    let (set, person) = (KeySet::of(&keys)?, PersonTag(tag));
    let today = today(engine, now_ms);
    let founders = [member(
        &card,
        set,
        person,
        Rights::ADMIN,
        Role::Client,
        today,
    )];
    let founding = Founding {
        kind: SpaceKind::Care,
        relay,
        follows: None,
    };
    let mut transaction = Transaction::new();
    let entropy = engine.entropy.as_mut();
    let id: SpaceId = Space::create_in(
        &mut transaction,
        number,
        &founders,
        &keys,
        founding,
        entropy,
    )?;
    // In one commit with the space: a second try would leave a plan without anybody.
    kept.about.space = Some(id);
    kept.store(&mut transaction);
    engine.adopt(transaction, &[number])?;
    engine.mail.put(kept);
    touched.push(number);
    Ok(true)
}

/// Today's local date in days since 1970-01-01, as well as it is known.
fn today(engine: &Engine, now_ms: i64) -> i32 {
    let days = now_ms.div_euclid(24 * 60 * 60 * 1_000);
    let by_utc = || i32::try_from(days).unwrap_or_default();
    engine.mail.today.unwrap_or_else(by_utc)
}

//! Making a recovery phrase: drawn, written down by its person, made a member of home, announced by
//! its beacon.
//!
//! Words that nobody has on paper would shut everybody out: only they could end themselves. So they
//! become a member after their person has said that they are written down, and can be shown again or
//! given up until the log has them. They stay on the device only until their beacon is at the relay.

use waymark_wire::codec;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::list::{HomeList, Listed};
use super::recovery::{MADE, Row, beacon_space, row};
use super::upkeep::put;
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{KeySet, NewMember, SpaceKind, Use, Wish};
use crate::recovery::{Beacon, BeaconContent, Phrase, RecoveryKeys, seal_content};
use crate::space::{Space, SpaceError};
use crate::store::{Store, Table, Transaction};

/// Whether a lost phone could be made good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PhraseState {
    /// There is no phrase.
    None,
    /// There is one in home, or is to be, and the relay does not have everything yet that it needs.
    Pending,
    /// The words suffice.
    Ready,
    /// Words were drawn here, and nobody has said that they are written down.
    Unconfirmed,
}

/// How the phrase of this person stands.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn phrase_state(engine: &mut Engine) -> Result<PhraseState, SpaceError> {
    let made = made(engine)?;
    if made.as_ref().is_some_and(|(_, row)| !row.is_drawn()) {
        return Ok(PhraseState::Pending);
    }
    let Some(key) = super::home_of(engine)
        .and_then(phrase_in)
        .map(|(_, key)| key)
    else {
        return Ok(match made {
            Some(_) => PhraseState::Unconfirmed,
            None => PhraseState::None,
        });
    };
    // Whoever made it may have been lost before its beacon was up.
    Ok(match is_announced(engine, &key)? {
        true => PhraseState::Ready,
        false => PhraseState::Pending,
    })
}

/// Whether home says that a phrase's beacon is at the relay.
fn is_announced(engine: &mut Engine, key: &VerifyingKey) -> Result<bool, SpaceError> {
    let Some(number) = super::home_of(engine).map(Space::number) else {
        return Ok(false);
    };
    let Some((home, store, _)) = engine.parts(number) else {
        return Ok(false);
    };
    Ok(HomeList::read(home, store)?.beacons.contains(key))
}

/// The phrase's number and key in home.
fn phrase_in(home: &Space) -> Option<(DeviceNumber, VerifyingKey)> {
    let mut members = home.book()?.membership().members();
    let phrase = members.find(|member| member.rights == Rights::RECOVERY);
    phrase.map(|member| (member.device, member.signing_key))
}

/// Keeps a phrase that is to be made a member of home once [`confirm_phrase`] says so. `old` is the
/// phrase in whose place it is to come.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where there is no home here, another phrase is being made, or there is
/// one and `old` is not it; [`SpaceError`] where the store fails.
pub fn make_phrase(
    engine: &mut Engine,
    phrase: &Phrase,
    old: Option<&Phrase>,
) -> Result<(), SpaceError> {
    if made(engine)?.is_some() {
        return Err(SpaceError::NotAllowed("a phrase is being made already"));
    }
    let home = super::home_of(engine).ok_or(NO_HOME)?;
    // Asked now, so that nobody writes down what cannot be.
    let wish = wish_for(home, phrase, old)?;
    home.wish(&mut Transaction::new(), &wish)?;
    let mut transaction = Transaction::new();
    transaction.put(Table::Home, MADE, codec::encode(&Row::drawn(phrase)));
    Ok(engine.store.commit(transaction.into())?)
}

/// Has the phrase that was made here become a member of home with the next sync: its person has it on
/// paper. `old` is the phrase in whose place it comes, which signs that. Says which space has
/// something new to send, by local number.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where none waits to be confirmed, and as [`make_phrase`]; it still
/// waits then.
pub fn confirm_phrase(engine: &mut Engine, old: Option<&Phrase>) -> Result<u32, SpaceError> {
    let none = SpaceError::NotAllowed("no phrase waits to be confirmed");
    let (phrase, row) = made(engine)?
        .filter(|(_, row)| row.is_drawn())
        .ok_or(none)?;
    let home = super::home_of(engine).ok_or(NO_HOME)?;
    let number = home.number();
    let wish = wish_for(home, &phrase, old)?;
    let mut transaction = Transaction::new();
    home.wish(&mut transaction, &wish)?;
    transaction.put(Table::Home, MADE, codec::encode(&row.confirmed()));
    engine.store.commit(transaction.into())?;
    Ok(number)
}

/// Gives up the phrase that is being made here, as long as the log does not have it.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where none is being made, or it is a member of home or about to be;
/// [`SpaceError`] where the store fails.
pub fn cancel_phrase(engine: &mut Engine) -> Result<(), SpaceError> {
    let none = SpaceError::NotAllowed("no phrase is being made here");
    let (phrase, row) = made(engine)?.ok_or(none)?;
    let mut transaction = Transaction::new();
    if let Some(home) = super::home_of(engine).filter(|_| !row.is_drawn()) {
        let store = engine.store.as_ref();
        let key = key_of(&phrase)?;
        if home.welcome(&key).is_some() || home.is_drafting(store)? {
            let why = "it is a member of home, or about to be";
            return Err(SpaceError::NotAllowed(why));
        }
        if let Some(wish) = wished(home, store, &key)? {
            home.unwish(&mut transaction, &wish);
        }
    }
    transaction.delete(Table::Home, MADE);
    Ok(engine.store.commit(transaction.into())?)
}

/// The phrase that is being made here, to be shown again.
///
/// # Errors
/// [`SpaceError`] where the store fails or is damaged.
pub fn made_phrase(engine: &Engine) -> Result<Option<Phrase>, SpaceError> {
    Ok(made(engine)?.map(|(phrase, _)| phrase))
}

/// The phrase that is being made here. One that came second, or was replaced before its beacon was up,
/// is none any more.
fn made(engine: &Engine) -> Result<Option<(Phrase, Row)>, SpaceError> {
    let Some((phrase, row)) = row(engine, MADE)? else {
        return Ok(None);
    };
    let is_over = !row.is_drawn() && is_given_up(engine, &phrase)?;
    Ok((!is_over).then_some((phrase, row)))
}

/// Whether a phrase that was confirmed is no member and cannot become one any more.
fn is_given_up(engine: &Engine, phrase: &Phrase) -> Result<bool, SpaceError> {
    let home = super::home_of(engine);
    let Some(home) = home.filter(|home| home.book().is_some() && home.reaches_welcome()) else {
        return Ok(false);
    };
    let (store, key) = (engine.store.as_ref(), key_of(phrase)?);
    let may_come = home.welcome(&key).is_some()
        || wished(home, store, &key)?.is_some()
        || home.is_drafting(store)?
        // What a relay lost comes back.
        || home.has_lost();
    Ok(!may_come)
}

/// What wants a phrase to be a member.
fn wished(home: &Space, store: &dyn Store, key: &VerifyingKey) -> Result<Option<Wish>, SpaceError> {
    let is_it = |wish: &Wish| match wish {
        Wish::Add(new) | Wish::ReplacePhrase(_, new) => new.keys.signing_key == *key,
        _ => false,
    };
    Ok(home.wishes(store)?.into_iter().find(is_it))
}

fn key_of(phrase: &Phrase) -> Result<VerifyingKey, SpaceError> {
    let keys = RecoveryKeys::of(phrase)?.home;
    Ok(VerifyingKey(keys.signing_public()?))
}

/// What makes a phrase a member of home, in the place of `old` where there is one.
fn wish_for(home: &Space, phrase: &Phrase, old: Option<&Phrase>) -> Result<Wish, SpaceError> {
    let known = home.book().zip(home.device());
    let own = known.and_then(|(book, own)| book.roster(own));
    let own = own.ok_or(SpaceError::NotAllowed("home cannot be read yet"))?;
    let (person, _) = home.own_member()?;
    let member = NewMember {
        person,
        keys: KeySet::of(&RecoveryKeys::of(phrase)?.home)?,
        rights: Rights::RECOVERY,
        role: own.role,
        name: own.name.clone(),
        device_name: String::new(),
        level: own.level,
        since: own.since,
        used_as: Some(Use::Phrase),
    };
    match (phrase_in(home), old) {
        (None, _) => Ok(Wish::Add(member)),
        (Some((_, key)), Some(old)) if key == key_of(old)? => {
            let keys: MembershipKeys = RecoveryKeys::of(old)?.home;
            let seeds = codec::Bytes(keys.to_bytes().to_vec());
            Ok(Wish::ReplacePhrase(seeds, member))
        }
        (Some(_), Some(_)) => Err(SpaceError::NotAllowed("these words are not the phrase's")),
        (Some(_), None) => Err(SpaceError::NotAllowed(
            "only the phrase that there is makes room for another",
        )),
    }
}

/// What is left to do with the phrase that is being made here, as far as it can be done now.
pub(super) fn lead_on(engine: &mut Engine, touched: &mut Vec<u32>) -> Result<(), SpaceError> {
    let Some((phrase, row)) = row(engine, MADE)? else {
        return Ok(());
    };
    if row.is_drawn() {
        return Ok(());
    }
    if is_given_up(engine, &phrase)? {
        return forget(engine);
    }
    announce(engine, &phrase, touched)
}

/// Forgets the words, and the beacon if there is one here.
fn forget(engine: &mut Engine) -> Result<(), SpaceError> {
    let mut transaction = Transaction::new();
    transaction.delete(Table::Home, MADE);
    match beacon_space(engine).map(Space::number) {
        Some(beacon) => engine.forget(transaction, beacon),
        None => Ok(engine.store.commit(transaction.into())?),
    }
}

/// Puts the beacon up once home's log shows the phrase; once it is there, home lists that and the words
/// are forgotten.
fn announce(
    engine: &mut Engine,
    phrase: &Phrase,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some(home) = super::home_of(engine) else {
        return Ok(());
    };
    let (number, key) = (home.number(), key_of(phrase)?);
    if let Some(beacon) = beacon_space(engine) {
        let is_up = beacon.cursor().seq > 0 && beacon.is_sent(engine.store.as_ref())?;
        // With borrowed keys nothing is written in home.
        if is_up && home.is_ready() && !home.is_enrolling() {
            put(engine, number, &Listed::Beacon(key), touched)?;
            forget(engine)?;
        }
        return Ok(());
    }
    let Some(welcome) = home.welcome(&key) else {
        return Ok(());
    };
    let relay = welcome.relay.clone();
    let content = BeaconContent {
        home: welcome.space,
        relay: welcome.relay,
        membership_head: welcome.added_by,
        device: welcome.device,
        reaches: welcome.reaches,
    };
    let unusable = |_| SpaceError::NotAllowed("home's relay has no address for a beacon");
    let entry = seal_content(phrase, 1, &content, engine.entropy.as_mut()).map_err(unusable)?;
    let number = engine.next_number()?;
    let mut transaction = Transaction::new();
    let beacon = Beacon::found(phrase)?;
    let epoch_key = &beacon.epoch_key;
    Space::put_founded(
        &mut transaction,
        number,
        (SpaceKind::Beacon, relay),
        &RecoveryKeys::of(phrase)?.beacon,
        (&beacon.draft, epoch_key),
        &[entry],
    );
    engine.adopt(transaction, &[number])?;
    touched.push(number);
    Ok(())
}

const NO_HOME: SpaceError = SpaceError::NotAllowed("there is no home here");

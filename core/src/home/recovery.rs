//! The recovery phrase: made a member of home, announced by its beacon, and the way back from it.
//!
//! A phrase's words stay on the device only as long as something is left to do with them: until its
//! beacon is in the relay's log, or until home was entered with it.

use minicbor::{Decode, Encode};
use waymark_wire::chain::Cursor;
use waymark_wire::codec;
use waymark_wire::ids::{DeviceNumber, EntryId};
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{
    KeySet, NewMember, Newcomer, RelayAddress, SpaceKind, Use, WelcomeSpace, Wish,
};
use crate::recovery::{Beacon, BeaconContent, Phrase, RecoveryKeys, open_content, seal_content};
use crate::space::{Space, SpaceError};
use crate::store::{StoreError, Table, Transaction};

/// A phrase that is becoming a member of home.
const MADE: &[u8] = b"phrase made";
/// A phrase that home is looked for with.
const GIVEN: &[u8] = b"phrase given";

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    words: String,
    #[n(1)]
    newcomer: Option<Newcomer>,
}

/// Whether a lost phone could be made good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PhraseState {
    /// There is no phrase.
    None,
    /// A phrase was made, and the relay does not have everything yet that it needs.
    Pending,
    /// The words suffice.
    Ready,
}

/// How the phrase of this person stands.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub fn phrase_state(engine: &Engine) -> Result<PhraseState, SpaceError> {
    if engine.store.get(Table::Home, MADE)?.is_some() {
        return Ok(PhraseState::Pending);
    }
    Ok(match super::home_of(engine).and_then(phrase_in) {
        Some(_) => PhraseState::Ready,
        None => PhraseState::None,
    })
}

/// The phrase's number in home.
fn phrase_in(home: &Space) -> Option<DeviceNumber> {
    let mut members = home.book()?.membership().members();
    let phrase = members.find(|member| member.rights == Rights::RECOVERY);
    phrase.map(|member| member.device)
}

/// Makes a phrase a member of home. `old` is the phrase in whose place it comes, which signs that.
/// It happens with the next sync; then the phrase suffices.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where there is no home here, or there is a phrase and `old` is not it;
/// [`SpaceError`] where the store fails.
pub fn make_phrase(
    engine: &mut Engine,
    phrase: &Phrase,
    old: Option<&Phrase>,
) -> Result<u32, SpaceError> {
    let home = super::home_of(engine).ok_or(SpaceError::NotAllowed("there is no home here"))?;
    let number = home.number();
    if engine.store.get(Table::Home, MADE)?.is_some() {
        return Err(SpaceError::NotAllowed("a phrase is being made already"));
    }
    let Some((home, store, _)) = engine.parts(number) else {
        return Err(SpaceError::NotAllowed("there is no home here"));
    };
    let known = home.book().zip(home.device());
    let own = known.and_then(|(book, own)| book.roster(own));
    let own = own.ok_or(SpaceError::NotAllowed("home cannot be read yet"))?;
    let (person, _) = home.own_member()?;
    let keys = RecoveryKeys::of(phrase)?.home;
    let member = NewMember {
        person,
        keys: KeySet::of(&keys)?,
        rights: Rights::RECOVERY,
        role: own.role,
        name: own.name.clone(),
        device_name: String::new(),
        level: own.level,
        since: own.since,
        used_as: Some(Use::Phrase),
    };
    let wish = match (phrase_in(home), old) {
        (None, _) => Wish::Add(member),
        (Some(device), Some(old)) => {
            let keys = RecoveryKeys::of(old)?.home;
            let key = VerifyingKey(keys.signing_public()?);
            let known = home
                .book()
                .and_then(|book| book.membership().member(device));
            if known.is_none_or(|known| known.signing_key != key) {
                return Err(SpaceError::NotAllowed("these words are not the phrase's"));
            }
            Wish::ReplacePhrase(codec::Bytes(keys.to_bytes().to_vec()), member)
        }
        (Some(_), None) => {
            return Err(SpaceError::NotAllowed(
                "only the phrase that there is makes room for another",
            ));
        }
    };
    let row = Row {
        words: phrase.text().to_string(),
        newcomer: None,
    };
    let mut transaction = Transaction::new();
    home.wish(&mut transaction, &wish)?;
    transaction.put(Table::Home, MADE, codec::encode(&row));
    store.commit(transaction.into())?;
    Ok(number)
}

/// Begins to look for the home that a phrase is a member of, on a device that has none. `relay` is
/// where its beacon is.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where this device has a home; [`SpaceError`] where the store fails.
pub fn restore(
    engine: &mut Engine,
    phrase: &Phrase,
    newcomer: Newcomer,
    relay: &RelayAddress,
) -> Result<u32, SpaceError> {
    if super::home_of(engine).is_some() || engine.is_home_damaged() {
        return Err(SpaceError::NotAllowed("this device has a home already"));
    }
    let beacon = Beacon::found(phrase)?;
    let number = match beacon_space(engine) {
        // The words were typed again.
        Some(space) => space.number(),
        None => engine.next_number()?,
    };
    let row = Row {
        words: phrase.text().to_string(),
        newcomer: Some(newcomer),
    };
    let keys = RecoveryKeys::of(phrase)?.beacon;
    // What others would add to a beacon is read as anybody's; nothing is ever written there.
    let nobody = MembershipKeys::generate(engine.entropy.as_mut());
    let first = EntryId::from(beacon.space);
    let welcome = WelcomeSpace {
        space: beacon.space,
        kind: SpaceKind::Beacon,
        relay: relay.clone(),
        signing_key: VerifyingKey(keys.signing_public()?),
        device: DeviceNumber(0),
        added_by: first,
        reaches: Cursor::start(&beacon.space).after(&first).position(),
    };
    let mut transaction = Transaction::new();
    Space::erase(&mut transaction, number);
    Space::join_with(&mut transaction, number, &welcome, &keys, &nobody);
    transaction.put(Table::Home, GIVEN, codec::encode(&row));
    engine.adopt(transaction, &[number])?;
    Ok(number)
}

fn beacon_space(engine: &Engine) -> Option<&Space> {
    let mut spaces = engine.spaces().iter();
    spaces.find(|space| space.kind() == SpaceKind::Beacon)
}

/// What is left to do with phrases, as far as it can be done now.
pub(super) fn phrases(engine: &mut Engine, touched: &mut Vec<u32>) -> Result<(), SpaceError> {
    if let Some(row) = row(engine, MADE)? {
        announce(engine, &row, touched)?;
    }
    if let Some(row) = row(engine, GIVEN)? {
        enter(engine, &row, touched)?;
    }
    Ok(())
}

fn row(engine: &Engine, key: &[u8]) -> Result<Option<(Phrase, Row)>, SpaceError> {
    let Some(bytes) = engine.store.get(Table::Home, key)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    let broken = || {
        SpaceError::Store(StoreError::Damaged {
            table: Some(Table::Home),
            what: "a phrase cannot be read".into(),
        })
    };
    let row: Row = codec::decode(&bytes, usize::MAX).map_err(|_| broken())?;
    let phrase = Phrase::parse(&row.words).map_err(|_| broken())?;
    Ok(Some((phrase, row)))
}

/// Puts the beacon up once home's log shows the phrase, and forgets the words once it is there.
fn announce(
    engine: &mut Engine,
    (phrase, _): &(Phrase, Row),
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    if let Some(beacon) = beacon_space(engine) {
        let number = beacon.number();
        if beacon.cursor().seq > 0 && beacon.is_sent(engine.store.as_ref())? {
            let mut transaction = Transaction::new();
            transaction.delete(Table::Home, MADE);
            engine.forget(transaction, number)?;
        }
        return Ok(());
    }
    let Some(home) = super::home_of(engine) else {
        return Ok(());
    };
    let keys = RecoveryKeys::of(phrase)?;
    let Some(welcome) = home.welcome(&VerifyingKey(keys.home.signing_public()?)) else {
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
    let key = &beacon.epoch_key;
    Space::put_founded(
        &mut transaction,
        number,
        (SpaceKind::Beacon, relay),
        &keys.beacon,
        (&beacon.draft, key),
        &[entry],
    );
    engine.adopt(transaction, &[number])?;
    touched.push(number);
    Ok(())
}

/// Enters home once the beacon has told where it is.
fn enter(
    engine: &mut Engine,
    (phrase, row): &(Phrase, Row),
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some((beacon, newcomer)) = beacon_space(engine).zip(row.newcomer.clone()) else {
        return Ok(());
    };
    let number = beacon.number();
    let entries = beacon.entries(engine.store.as_ref())?;
    let contents = entries.iter().filter_map(|entry| {
        let content = open_content(phrase, entry).ok()?;
        Some((entry.header().counter, content))
    });
    let Some((_, content)) = contents.max_by_key(|(counter, _)| *counter) else {
        return Ok(());
    };
    let keys = RecoveryKeys::of(phrase)?.home;
    let own = MembershipKeys::generate(engine.entropy.as_mut());
    let welcome = WelcomeSpace {
        space: content.home,
        kind: SpaceKind::Home,
        relay: content.relay,
        signing_key: VerifyingKey(keys.signing_public()?),
        device: content.device,
        added_by: content.membership_head,
        reaches: content.reaches,
    };
    let home = engine.next_number()?;
    let mut transaction = Transaction::new();
    transaction.delete(Table::Home, GIVEN);
    Space::join_with(&mut transaction, home, &welcome, &keys, &own);
    Space::wish_to_enrol(&mut transaction, home, newcomer);
    Space::erase(&mut transaction, number);
    engine.adopt(transaction, &[home])?;
    engine.forget(Transaction::new(), number)?;
    touched.push(home);
    Ok(())
}

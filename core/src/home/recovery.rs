//! The way back from a recovery phrase, and where its words stand on a device. They stay only as long
//! as something is left to do with them: until a beacon is in the relay's log, or until home was
//! entered with them.

use minicbor::{Decode, Encode};
use waymark_wire::chain::Cursor;
use waymark_wire::codec;
use waymark_wire::ids::{DeviceNumber, EntryId};
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use super::phrase;
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{Newcomer, RelayAddress, SpaceKind, WelcomeSpace};
use crate::recovery::{Beacon, Phrase, RecoveryKeys, open_content};
use crate::space::{Space, SpaceError};
use crate::store::{StoreError, Table, Transaction};

/// A phrase that was drawn here, or is becoming a member of home.
pub(super) const MADE: &[u8] = b"phrase made";
/// A phrase that home is looked for with.
const GIVEN: &[u8] = b"phrase given";

#[derive(Decode, Encode)]
#[cbor(map)]
pub(super) struct Row {
    #[n(0)]
    words: String,
    #[n(1)]
    newcomer: Option<Newcomer>,
    /// Nobody has said yet that the words are written down.
    #[n(2)]
    drawn: Option<bool>,
}

impl Row {
    /// Words that nobody has said are written down.
    pub(super) fn drawn(phrase: &Phrase) -> Self {
        Self {
            words: phrase.text().to_string(),
            newcomer: None,
            drawn: Some(true),
        }
    }

    /// The same, written down.
    pub(super) fn confirmed(self) -> Self {
        Self {
            drawn: None,
            ..self
        }
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.drawn.unwrap_or_default()
    }
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
        drawn: None,
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

pub(super) fn beacon_space(engine: &Engine) -> Option<&Space> {
    let mut spaces = engine.spaces().iter();
    spaces.find(|space| space.kind() == SpaceKind::Beacon)
}

/// What is left to do with phrases, as far as it can be done now.
pub(super) fn phrases(engine: &mut Engine, touched: &mut Vec<u32>) -> Result<(), SpaceError> {
    phrase::lead_on(engine, touched)?;
    if let Some(row) = row(engine, GIVEN)? {
        enter(engine, &row, touched)?;
    }
    Ok(())
}

pub(super) fn row(engine: &Engine, key: &[u8]) -> Result<Option<(Phrase, Row)>, SpaceError> {
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

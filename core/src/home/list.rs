//! The list of a person's other spaces, as records of one document of home.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::signature::VerifyingKey;

use crate::gate::{Document, DocumentName};
use crate::membership::{RelayAddress, SpaceKind, WelcomeSpace};
use crate::space::{Space, SpaceError};
use crate::store::{Store, Transaction};

/// The document that holds the list. Kinds below 256 are those of plans.
pub const LIST: DocumentName = DocumentName { kind: 256, part: 0 };

/// One record of the list. A record never changes; later ones say more.
#[derive(Clone, Decode, Encode, Eq, PartialEq)]
#[non_exhaustive]
pub enum Listed {
    /// A reserve that is a member of a space.
    #[n(1)]
    Reserve(#[n(0)] Reserve),
    /// Which membership of a space is which device's of home.
    #[n(2)]
    Place(#[n(0)] Place),
    /// The person is in a space no longer.
    #[n(3)]
    Gone(#[n(0)] SpaceId),
    /// The beacon of the recovery phrase with this key in home is at the relay: its words suffice.
    #[n(4)]
    Beacon(#[n(0)] VerifyingKey),
}

/// Keys that every own device may enrol with.
#[derive(Clone, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Reserve {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// What it is for.
    #[n(1)]
    pub kind: SpaceKind,
    /// Where it is served.
    #[n(2)]
    pub relay: RelayAddress,
    /// The seeds of the reserve's keys.
    #[n(3)]
    pub keys: Bytes,
    /// The public signing key.
    #[n(4)]
    pub signing_key: VerifyingKey,
    /// Its number in the space.
    #[n(5)]
    pub device: DeviceNumber,
    /// The membership entry that added it.
    #[n(6)]
    pub added_by: EntryId,
    /// How far the log reaches at least.
    #[n(7)]
    pub reaches: Position,
}

/// One device's membership.
#[derive(Clone, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Place {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The device's key there.
    #[n(1)]
    pub signing_key: VerifyingKey,
    /// The device's key in home.
    #[n(2)]
    pub home_key: VerifyingKey,
}

impl Reserve {
    /// Keys with which a device can come into a space as this welcome says.
    pub(super) fn new(welcome: &WelcomeSpace, keys: Bytes) -> Self {
        Self {
            space: welcome.space,
            kind: welcome.kind,
            relay: welcome.relay.clone(),
            keys,
            signing_key: welcome.signing_key,
            device: welcome.device,
            added_by: welcome.added_by,
            reaches: welcome.reaches,
        }
    }

    /// Whether it is the membership that a welcome names.
    pub(super) fn is_as(&self, welcome: &WelcomeSpace) -> bool {
        let listed = (self.signing_key, self.device, self.added_by);
        listed == (welcome.signing_key, welcome.device, welcome.added_by)
    }

    /// The reserve as a welcome: whoever holds it is a member already.
    #[must_use]
    pub fn as_welcome(&self) -> WelcomeSpace {
        WelcomeSpace {
            space: self.space,
            kind: self.kind,
            relay: self.relay.clone(),
            signing_key: self.signing_key,
            device: self.device,
            added_by: self.added_by,
            reaches: self.reaches,
        }
    }
}

/// Everything that the list says.
#[derive(Default)]
pub struct HomeList {
    /// Reserves by space, the newest last.
    pub reserves: BTreeMap<SpaceId, Vec<Reserve>>,
    /// Which membership is whose.
    pub places: Vec<Place>,
    /// Spaces that the person has left.
    pub gone: Vec<SpaceId>,
    /// Phrases whose beacons are up.
    pub beacons: Vec<VerifyingKey>,
}

impl HomeList {
    /// Reads the list. What this version does not know is left out.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn read(home: &mut Space, store: &dyn Store) -> Result<Self, SpaceError> {
        let mut list = Self::default();
        for record in home.document(store, LIST)?.records() {
            match codec::decode::<Listed>(&record.bytes, limits::RECORD) {
                Ok(Listed::Reserve(reserve)) => {
                    list.reserves
                        .entry(reserve.space)
                        .or_default()
                        .push(reserve);
                }
                Ok(Listed::Place(place)) => list.places.push(place),
                Ok(Listed::Gone(space)) => list.gone.push(space),
                Ok(Listed::Beacon(phrase)) => list.beacons.push(phrase),
                Err(error) => tracing::debug!(%error, "a record of home is of a later version"),
            }
        }
        for reserves in list.reserves.values_mut() {
            reserves.sort_by_key(|reserve| reserve.reaches.seq);
        }
        Ok(list)
    }
}

/// Adds a record to the list; durable on return.
pub(super) fn write(
    home: &mut Space,
    store: &mut dyn Store,
    listed: &Listed,
) -> Result<(), SpaceError> {
    let bytes = codec::encode(listed);
    home.edit(store, LIST, |document: &mut Document| {
        Ok(document.put_record(&bytes)?.into_iter().collect())
    })?;
    Ok(())
}

/// Where the keys of a reserve wait until the log shows that it is a member.
pub(super) fn pending_key(space: &SpaceId) -> Vec<u8> {
    [b"reserve ".as_slice(), &space.0].concat()
}

/// Keeps the keys of a reserve that is to become a member.
pub(super) fn keep_pending(transaction: &mut Transaction, space: &SpaceId, keys: &[u8]) {
    transaction.put(crate::store::Table::Home, pending_key(space), keys);
}

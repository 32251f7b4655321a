//! What the one who added a device hands back to it: where its spaces are, and how far their logs
//! reach at least. A relay that shows less hides something and is not believed.

use minicbor::{Decode, Encode};
use waymark_wire::chain::Position;
use waymark_wire::codec::{self, CodecError};
use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};
use waymark_wire::signature::VerifyingKey;

use super::{RelayAddress, SpaceKind};

/// Bytes of a welcome, at most.
const LIMIT: usize = 16 * 1024;

/// One space that a device was added to.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WelcomeSpace {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// What it is for.
    #[n(1)]
    pub kind: SpaceKind,
    /// Where it is served.
    #[n(2)]
    pub relay: RelayAddress,
    /// The key of the card that is a member there.
    #[n(3)]
    pub signing_key: VerifyingKey,
    /// The number of that membership.
    #[n(6)]
    pub device: DeviceNumber,
    /// The membership entry that added it.
    #[n(4)]
    pub added_by: EntryId,
    /// How far the log reaches at least.
    #[n(5)]
    pub reaches: Position,
}

/// The spaces that a device was added to.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Welcome {
    /// At least one.
    #[n(0)]
    pub spaces: Vec<WelcomeSpace>,
}

/// Why a welcome is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WelcomeError {
    /// It cannot be read.
    #[error("the welcome is {0}")]
    Codec(#[from] CodecError),
    /// It names a relay whose address is more than scheme, host and port.
    #[error("the welcome's relay has no plain address")]
    Address,
    /// It names no space.
    #[error("the welcome names no space")]
    Empty,
}

impl Welcome {
    /// The bytes to hand back.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a welcome.
    ///
    /// # Errors
    /// [`WelcomeError`] where it is not what [`Welcome::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, WelcomeError> {
        let welcome: Self = codec::decode(bytes, LIMIT)?;
        if !welcome.spaces.iter().all(|space| space.relay.is_plain()) {
            return Err(WelcomeError::Address);
        }
        if welcome.spaces.is_empty() {
            Err(WelcomeError::Empty)
        } else {
            Ok(welcome)
        }
    }
}

//! The names of things. Each is a type of its own, so that none can stand where another belongs.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::codec::fixed_bytes;

fixed_bytes! {
    /// A space: the id of the first entry in its log, so that a relay cannot swap it.
    SpaceId, 32
}

impl SpaceId {
    /// Stands where a space's id is not known yet: in the first entry's own id, signature and seal.
    pub const ZERO: Self = Self([0; 32]);
}

fixed_bytes! {
    /// An entry: SHA-256 of the space's id and the entry without its signature.
    EntryId, 32
}

impl EntryId {
    /// Stands where the first entry would name its predecessor.
    pub const ZERO: Self = Self([0; 32]);
}

impl From<EntryId> for SpaceId {
    /// The id of a space's first entry *is* the space's id.
    fn from(id: EntryId) -> Self {
        Self(id.0)
    }
}

impl From<SpaceId> for EntryId {
    fn from(id: SpaceId) -> Self {
        Self(id.0)
    }
}

fixed_bytes! {
    /// A person within one space: random, shared by the memberships of that person's devices there
    /// and by nothing else.
    PersonTag, 16
}

fixed_bytes! {
    /// What an attachment is named by: the SHA-256 of its bytes.
    AttachmentHash, 32
}

impl AttachmentHash {
    /// The name of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }
}

fixed_bytes! {
    /// A relay's history: random, renewed whenever the relay is restored from a backup, so that an
    /// honest restore is told apart from a fork.
    Generation, 16
}

/// The number of a membership in its space, in the order of `add`, from 0; never given twice.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(transparent)]
pub struct DeviceNumber(#[n(0)] pub u16);

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {}", self.0)
    }
}

/// How many membership entries stand before one in its space's log: the first has height 0.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(transparent)]
pub struct Height(#[n(0)] pub u32);

//! What a relay holds of a space.

use minicbor::{Decode, Encode};

use crate::codec::Bytes;
use crate::proof::ReadProof;
use crate::receipt::Receipt;

/// Asks what the relay holds of one space.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct StatusRequest {
    /// That the sender may ask.
    #[n(0)]
    pub proof: ReadProof,
}

/// What the relay holds of the space.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct StatusAnswer {
    /// Bytes of all entries and attachments.
    #[n(0)]
    pub bytes: u64,
    /// Bytes that it may hold, where the operator set a quota.
    #[n(1)]
    pub quota: Option<u64>,
    /// The place from which on every entry is kept: 1 where nothing was dropped.
    #[n(2)]
    pub oldest: u64,
    /// The end of the log.
    #[n(3)]
    pub receipt: Receipt,
    /// For the next read proof.
    #[n(4)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
}

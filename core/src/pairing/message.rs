//! What stands in the slots, in clear.

use minicbor::{Decode, Encode};
use waymark_wire::codec::Bytes;
use waymark_wire::signature::Signature;

use super::transcript::Hash;
use super::{Purpose, Refusal};

/// One message: its number, then a map of its fields.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub(super) enum Message {
    /// Slot 0.
    #[n(0)]
    #[cbor(map)]
    Offer {
        #[n(0)]
        purpose: Purpose,
        #[n(1)]
        name: String,
        #[n(2)]
        commitment: Hash,
        /// Seconds since the Unix epoch.
        #[n(3)]
        expires: i64,
    },
    /// Slot 1.
    #[n(1)]
    #[cbor(map)]
    Answer {
        #[n(0)]
        card: Bytes,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 32],
    },
    /// Slot 2.
    #[n(2)]
    #[cbor(map)]
    Reveal {
        #[n(0)]
        card: Bytes,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 32],
    },
    /// Slots 3 and 4.
    #[n(3)]
    #[cbor(map)]
    Yes {
        #[n(0)]
        signature: Signature,
    },
    /// Slots 5 and 6.
    #[n(4)]
    #[cbor(map)]
    Welcome {
        #[n(0)]
        welcome: Bytes,
        #[n(1)]
        signature: Signature,
    },
    /// The next slot of who refuses.
    #[n(5)]
    #[cbor(map)]
    Refusal {
        #[n(0)]
        why: Refusal,
    },
}

/// Who invites to what: shown to the invited person before anything of theirs is sent. The name is
/// what the inviter says; only the comparison of the code shows that it is true.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Offer {
    /// What it is an invitation to.
    #[n(0)]
    pub purpose: Purpose,
    /// The inviter's name, 1 to 100 characters.
    #[n(1)]
    pub name: String,
    /// When the invitation ends, in milliseconds since the Unix epoch.
    #[n(2)]
    pub expires_ms: i64,
    /// What the inviter is bound to.
    #[n(3)]
    pub(super) commitment: Hash,
}

/// What a yes signs: slot and transcript.
pub(super) fn signed_yes(slot: u8, transcript: &Hash) -> Vec<u8> {
    [b"waymark/1 pairing yes".as_slice(), &[slot], &transcript.0].concat()
}

/// What a welcome signs: slot, transcript, and the welcome itself.
pub(super) fn signed_welcome(slot: u8, transcript: &Hash, welcome: &[u8]) -> Vec<u8> {
    [
        b"waymark/1 pairing welcome".as_slice(),
        &[slot],
        &transcript.0,
        welcome,
    ]
    .concat()
}

/// Bytes of one sealed message, at most: a card or welcome of 16 KiB with its padding. Two cards and
/// a welcome fit a mailbox of 64 KiB.
pub(super) const LIMIT: usize = 20 * 1024;

//! Appending entries to one space.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use crate::codec::{Bytes, decode_list};
use crate::ids::SpaceId;
use crate::limits;
use crate::receipt::Receipt;

/// Entries for one space, in order. The relay takes them one by one and stops at the first that it
/// refuses. The first entry of a space creates the space.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct AppendRequest {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// Whole entries, at most [`limits::APPEND_ENTRIES`].
    #[n(1)]
    #[cbor(decode_with = "decode_entries")]
    pub entries: Vec<Bytes>,
    /// What membership entries among them name by hash: agreement keys and sealed epoch keys.
    #[n(2)]
    #[cbor(decode_with = "decode_attachments", skip_if = "Vec::is_empty", default)]
    pub attachments: Vec<Bytes>,
    /// Lets the request create a space where the operator asks for a token.
    #[n(3)]
    pub admission: Option<Bytes>,
    /// These entries are given back to a relay that lost them: attachments that whoever does so does not
    /// have are not asked for. Absent: they are.
    #[n(4)]
    #[cbor(skip_if = "is_unset", default)]
    pub heals: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the encoder hands over a reference"
)]
const fn is_unset(flag: &bool) -> bool {
    !*flag
}

fn decode_entries<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Bytes>, Error> {
    decode_list(d, ctx, limits::APPEND_ENTRIES)
}

fn decode_attachments<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Bytes>, Error> {
    decode_list(d, ctx, limits::ATTACHMENTS)
}

/// Every entry was taken, or had been before: the same entry always has the same place.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct AppendAnswer {
    /// The place of each entry, in the order of the request.
    #[n(0)]
    pub seqs: Vec<u64>,
    /// The relay's word on its log, at the last of these places or later.
    #[n(1)]
    pub receipt: Receipt,
    /// For the next read proof.
    #[n(2)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
}

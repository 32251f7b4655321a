//! Reading: many spaces in one request, answered by a CBOR sequence of [`Frame`]s. With `live` the
//! answer stays open and goes on with what comes.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use super::RefusalCode;
use crate::chain::Position;
use crate::codec::{Bytes, decode_list};
use crate::ids::EntryId;
use crate::limits;
use crate::proof::ReadProof;
use crate::receipt::Receipt;
use crate::signature::VerifyingKey;

/// A request to read.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PullRequest {
    /// What to read, at most [`limits::SPACES`]; frames name a space by its place in this list.
    /// An empty list asks for a nonce and the relay's key.
    #[n(0)]
    #[cbor(decode_with = "decode_spaces")]
    pub spaces: Vec<PullSpace>,
    /// Seconds between heartbeats where the answer is to stay open; absent: it ends when all is
    /// sent.
    #[n(1)]
    pub live: Option<u16>,
}

/// One space to read, and from where.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PullSpace {
    /// That the sender may.
    #[n(0)]
    pub proof: ReadProof,
    /// The place that it has reached.
    #[n(1)]
    pub after: Position,
    /// Up to [`limits::EARLIER`] places before, newest first, for a relay that lost some.
    #[n(2)]
    #[cbor(decode_with = "decode_earlier", skip_if = "Vec::is_empty", default)]
    pub earlier: Vec<Position>,
    /// Whether own entries are to come whole, not as [`Frame::Own`]; absent: they are not.
    #[n(3)]
    #[cbor(skip_if = "is_unset", default)]
    pub whole: bool,
    /// Whether to start at a checkpoint, where there is one that has its quorum and reaches further
    /// than `after`; absent: not.
    #[n(4)]
    #[cbor(skip_if = "is_unset", default)]
    pub from_checkpoint: bool,
    /// Where there are any: these entries and no others, at most [`limits::PULL_IDS`], in this
    /// order, as far as they are snapshots, checkpoints, or kept by one.
    #[n(5)]
    #[cbor(decode_with = "decode_ids", skip_if = "Vec::is_empty", default)]
    pub ids: Vec<EntryId>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the encoder hands over a reference"
)]
const fn is_unset(flag: &bool) -> bool {
    !*flag
}

fn decode_spaces<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<PullSpace>, Error> {
    decode_list(d, ctx, limits::SPACES)
}

fn decode_earlier<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Position>, Error> {
    decode_list(d, ctx, limits::EARLIER)
}

fn decode_ids<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<EntryId>, Error> {
    decode_list(d, ctx, limits::PULL_IDS)
}

fn decode_acks<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<PlacedEntry>, Error> {
    decode_list(d, ctx, limits::CHECKPOINT_ACKS)
}

/// An entry with its place in the log.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub struct PlacedEntry {
    /// The place.
    #[n(0)]
    pub seq: u64,
    /// The whole entry.
    #[n(1)]
    pub entry: Bytes,
}

/// One item of a pull's answer.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(flat)]
pub enum Frame {
    /// Begins every answer.
    #[n(0)]
    Hello {
        /// The relay's key.
        #[n(0)]
        relay: VerifyingKey,
        /// For the next read proof.
        #[n(1)]
        #[cbor(decode_with = "crate::codec::decode_nonce")]
        nonce: Bytes,
    },
    /// What the membership entry that follows names by hash and the reader needs.
    #[n(1)]
    Attachment {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// The bytes.
        #[n(1)]
        bytes: Bytes,
    },
    /// The next entry of a space.
    #[n(2)]
    Entry {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// The entry's place in the log.
        #[n(1)]
        seq: u64,
        /// The whole entry.
        #[n(2)]
        entry: Bytes,
    },
    /// The next entry of a space, which the reader's own membership signed; not sent where
    /// [`PullSpace::whole`] is set.
    #[n(3)]
    Own {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// The entry's place in the log.
        #[n(1)]
        seq: u64,
        /// Its id.
        #[n(2)]
        id: EntryId,
        /// Its length in bytes.
        #[n(3)]
        length: u32,
    },
    /// Ends a page: the relay's word on the log so far.
    #[n(4)]
    Page {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// At the place that the page reached.
        #[n(1)]
        receipt: Receipt,
        /// The place of the newest entry; a larger one than the receipt's means more follows.
        #[n(2)]
        head: u64,
    },
    /// Nothing more comes of this space.
    #[n(5)]
    Refused {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// Why.
        #[n(1)]
        code: RefusalCode,
        /// With [`RefusalCode::UnknownPosition`]: the newest named place that the relay has too.
        #[n(2)]
        agreed: Option<Position>,
    },
    /// The answer is still open.
    #[n(6)]
    Heartbeat {
        /// For the next read proof.
        #[n(0)]
        #[cbor(decode_with = "crate::codec::decode_nonce")]
        nonce: Bytes,
    },
    /// The reader starts at this checkpoint, as [`PullSpace::from_checkpoint`] asked. Of what it
    /// covers the membership entries follow, in order, then the log from the next place on, where
    /// the checkpoint and the acks come once more.
    #[n(7)]
    Checkpoint {
        /// The space's place in the request.
        #[n(0)]
        space: u16,
        /// The checkpoint.
        #[n(1)]
        checkpoint: PlacedEntry,
        /// What others said of it, as far as it makes the quorum.
        #[n(2)]
        #[cbor(decode_with = "decode_acks")]
        acks: Vec<PlacedEntry>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Cursor;
    use crate::codec;
    use crate::ids::{DeviceNumber, SpaceId};
    use crate::signature::Signature;

    /// A device that asks as before is to be answered as before; one that lost its entries gets
    /// them back.
    #[test]
    fn whole_entries_are_sent_to_those_who_ask_for_them() {
        let space = SpaceId([1; 32]);
        let relay = VerifyingKey([2; 32]);
        let nonce = Bytes(vec![3; 16]);
        let sign = |_: &[u8]| Signature([4; 64]);
        let mut asked = PullSpace {
            proof: ReadProof::new(&relay, nonce, space, DeviceNumber(0), sign),
            after: Cursor::start(&space).position(),
            earlier: Vec::new(),
            whole: false,
            from_checkpoint: false,
            ids: Vec::new(),
        };
        let mut bytes = codec::encode(&asked);
        assert_eq!(bytes[0], 0xa2, "proof and place, and nothing else");
        assert_eq!(codec::decode(&bytes, 1_000), Ok(asked.clone()));
        bytes[0] += 1;
        bytes.extend([0x03, 0xf5]);
        asked.whole = true;
        assert_eq!(codec::encode(&asked), bytes);
        assert_eq!(codec::decode(&bytes, 1_000), Ok(asked.clone()));
        // So is a newcomer, and who fetches what it shows first.
        bytes[0] += 2;
        bytes.extend([0x04, 0xf5, 0x05, 0x81, 0x58, 32]);
        bytes.extend([9; 32]);
        asked.from_checkpoint = true;
        asked.ids = vec![EntryId([9; 32])];
        assert_eq!(codec::encode(&asked), bytes);
        assert_eq!(codec::decode(&bytes, 1_000), Ok(asked));
    }
}

//! The hash over a log: `chain = SHA-256(chain ‖ seq ‖ id)` from
//! `chain₀ = SHA-256("waymark/1 chain" ‖ space id)`. Equal chains mean equal logs, so a device that
//! has computed the chain through an entry knows that the relay holds the entry, and where.

use minicbor::{Decode, Encode};
use ring::digest::{Context, SHA256};

use crate::codec::fixed_bytes;
use crate::ids::{EntryId, SpaceId};

/// The chain after some entry, in full. On the wire its first 16 bytes travel ([`ChainTag`]).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The chain of an empty log.
    #[must_use]
    pub fn start(space: &SpaceId) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(b"waymark/1 chain");
        context.update(&space.0);
        Self::finish(context)
    }

    /// The chain after the entry `id` at `seq`.
    #[must_use]
    pub fn next(&self, seq: u64, id: &EntryId) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        context.update(&seq.to_be_bytes());
        context.update(&id.0);
        Self::finish(context)
    }

    /// What stands for this chain on the wire.
    #[must_use]
    pub fn tag(&self) -> ChainTag {
        let mut tag = [0; 16];
        tag.copy_from_slice(&self.0[..16]);
        ChainTag(tag)
    }

    fn finish(context: Context) -> Self {
        let mut chain = [0; 32];
        chain.copy_from_slice(context.finish().as_ref());
        Self(chain)
    }
}

fixed_bytes! {
    /// The first 16 bytes of a [`Chain`].
    ChainTag, 16
}

/// A place in a log: after the entry `seq`, with the chain there. Sequence numbers start at 1, so
/// that `seq` is also how many entries stand before the cursor.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, PartialEq)]
#[cbor(array)]
pub struct Position {
    /// The number of the last entry before this place; 0 before the first.
    #[n(0)]
    pub seq: u64,
    /// The chain through that entry.
    #[n(1)]
    pub chain: ChainTag,
}

/// A place in a log with the chain in full: what a reader carries forward.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// The number of the last entry before this place; 0 before the first.
    pub seq: u64,
    /// The chain through that entry.
    pub chain: Chain,
}

impl Cursor {
    /// Before the first entry of a log.
    #[must_use]
    pub fn start(space: &SpaceId) -> Self {
        Self {
            seq: 0,
            chain: Chain::start(space),
        }
    }

    /// The place after the entry `id`, which stands next.
    #[must_use]
    pub fn after(&self, id: &EntryId) -> Self {
        let seq = self.seq + 1;
        Self {
            seq,
            chain: self.chain.next(seq, id),
        }
    }

    /// What stands for this place on the wire.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            seq: self.seq,
            chain: self.chain.tag(),
        }
    }
}

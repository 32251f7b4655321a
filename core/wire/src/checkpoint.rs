//! A place in the log from which a newcomer may start. The body of a `checkpoint` entry is
//! `length of the public part 4 · public part (CBOR) · sealed private part`.
//!
//! The public part says what a relay has to know: up to where, and what of it has to stay. Which
//! snapshot is which document stands in the private part, which only members can open.

mod private;

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

pub use self::private::{ChangesDigest, CheckpointPrivate, SnapshotOf};
use crate::chain::{Chain, Cursor};
use crate::codec::{self, CodecError, decode_list};
use crate::entry::TAG;
use crate::ids::{EntryId, Height};
use crate::strict::is_strict_map;
use crate::{limits, padding};

/// A day, in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1_000;
/// How long a checkpoint rests after its quorum before anything goes for it, in milliseconds.
pub const REST: i64 = 30 * DAY;
/// How long nobody has to have called a checkpoint bad before it begins to rest, where there is no
/// quorum, in milliseconds.
pub const SILENCE: i64 = 90 * DAY;

/// The public part: what everybody may know of a checkpoint, and a relay holds against its log.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Checkpoint {
    /// The last entry that it covers, n: at least 1.
    #[n(0)]
    pub seq: u64,
    /// The chain through that entry, in full: whoever starts here goes on from it.
    #[n(1)]
    #[cbor(encode_with = "encode_chain", decode_with = "decode_chain")]
    pub chain: Chain,
    /// The height of the newest membership entry up to n.
    #[n(2)]
    pub height: Height,
    /// The counter that is next after n for every membership that there has been, by number; at
    /// most [`limits::CHECKPOINT_MEMBERSHIPS`].
    #[n(3)]
    #[cbor(decode_with = "decode_counters")]
    pub counters: Vec<u32>,
    /// The snapshot entries that hold what is left out, each once; at most
    /// [`limits::CHECKPOINT_SNAPSHOTS`]. Documents that did not change point to their old ones.
    #[n(4)]
    #[cbor(decode_with = "decode_snapshots", skip_if = "Vec::is_empty", default)]
    pub snapshots: Vec<EntryId>,
    /// Other entries up to n that have to stay, ascending; at most [`limits::CHECKPOINT_KEPT`].
    /// Membership entries and the snapshots stay without being named here.
    #[n(5)]
    #[cbor(decode_with = "decode_kept", skip_if = "Vec::is_empty", default)]
    pub kept: Vec<Kept>,
}

/// An entry that stays though a checkpoint covers its place.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub struct Kept {
    /// Its place.
    #[n(0)]
    pub seq: u64,
    /// Its id.
    #[n(1)]
    pub id: EntryId,
}

/// Why a body is none of a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The lengths do not fit.
    #[error("a checkpoint's body of {0} bytes does not have the stated parts")]
    Length(usize),
    /// It names something twice, out of order, or that it does not cover.
    #[error("a checkpoint's {0} are not in order")]
    Order(&'static str),
    /// A part cannot be read.
    #[error("a part of the checkpoint is {0}")]
    Part(#[from] CodecError),
    /// A part is not in the one form of CBOR that is signed.
    #[error("a part of the checkpoint is not in the strict form of CBOR")]
    Spelling,
}

/// The parts of a checkpoint's body.
#[derive(Clone, Debug)]
pub struct CheckpointBody<'b> {
    /// The public part.
    pub public: Checkpoint,
    /// The sealed private part.
    pub private: &'b [u8],
}

impl Checkpoint {
    /// The place from which a newcomer goes on.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        Cursor {
            seq: self.seq,
            chain: self.chain,
        }
    }

    /// Reads a public part.
    ///
    /// # Errors
    /// [`CheckpointError`] where it is too long, not in the strict form, or its lists are not in
    /// order.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > limits::CHECKPOINT_PUBLIC {
            return Err(CheckpointError::Length(bytes.len()));
        }
        if !is_strict_map(bytes) {
            return Err(CheckpointError::Spelling);
        }
        let read: Self = codec::decode(bytes, limits::CHECKPOINT_PUBLIC)?;
        read.is_in_order().map(|()| read)
    }

    /// The bytes of this public part.
    ///
    /// # Errors
    /// [`CheckpointError`] where it breaks a limit, or its lists are not in order.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        self.is_in_order()?;
        let lists = [
            (self.counters.len(), limits::CHECKPOINT_MEMBERSHIPS),
            (self.snapshots.len(), limits::CHECKPOINT_SNAPSHOTS),
            (self.kept.len(), limits::CHECKPOINT_KEPT),
        ];
        let bytes = codec::encode(self);
        if lists.iter().any(|(length, limit)| length > limit)
            || bytes.len() > limits::CHECKPOINT_PUBLIC
        {
            return Err(CheckpointError::Length(bytes.len()));
        }
        Ok(bytes)
    }

    fn is_in_order(&self) -> Result<(), CheckpointError> {
        if self.seq == 0 {
            return Err(CheckpointError::Order("places"));
        }
        let mut snapshots = self.snapshots.clone();
        snapshots.sort_unstable();
        if !snapshots.is_sorted_by(|one, next| one < next) {
            return Err(CheckpointError::Order("snapshots"));
        }
        let covered = |kept: &Kept| (1..=self.seq).contains(&kept.seq);
        let ascend = self.kept.is_sorted_by(|one, next| one.seq < next.seq);
        if !ascend || !self.kept.iter().all(covered) {
            return Err(CheckpointError::Order("kept entries"));
        }
        Ok(())
    }
}

impl<'b> CheckpointBody<'b> {
    /// Takes a body apart.
    ///
    /// # Errors
    /// [`CheckpointError`] where a length is wrong or the public part is not what this version
    /// knows.
    pub fn parse(body: &'b [u8]) -> Result<Self, CheckpointError> {
        let wrong = || CheckpointError::Length(body.len());
        let (length, rest) = body.split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| wrong())?;
        let (public, private) = rest.split_at_checked(length).ok_or_else(wrong)?;
        let padded = private.len().checked_sub(TAG).ok_or_else(wrong)?;
        if padded > limits::CHECKPOINT_PRIVATE || !padding::is_padded(padded) {
            return Err(wrong());
        }
        let public = Checkpoint::parse(public)?;
        Ok(Self { public, private })
    }

    /// Puts a body together from the public part and the sealed private one.
    ///
    /// # Errors
    /// [`CheckpointError`] where the public part breaks a limit or is not in order.
    pub fn assemble(public: &Checkpoint, private: &[u8]) -> Result<Vec<u8>, CheckpointError> {
        let public = public.to_bytes()?;
        let length =
            u32::try_from(public.len()).map_err(|_| CheckpointError::Length(public.len()))?;
        Ok([&length.to_be_bytes(), public.as_slice(), private].concat())
    }
}

fn encode_chain<C, W: minicbor::encode::Write>(
    chain: &Chain,
    e: &mut minicbor::Encoder<W>,
    _: &mut C,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    e.bytes(&chain.0)?.ok()
}

fn decode_chain<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Chain, Error> {
    let bytes = <[u8; 32]>::try_from(d.bytes()?);
    bytes
        .map(Chain)
        .map_err(|_| Error::message("a chain is not of 32 bytes"))
}

fn decode_counters<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<u32>, Error> {
    decode_list(d, ctx, limits::CHECKPOINT_MEMBERSHIPS)
}

fn decode_snapshots<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<EntryId>, Error> {
    decode_list(d, ctx, limits::CHECKPOINT_SNAPSHOTS)
}

fn decode_kept<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Kept>, Error> {
    decode_list(d, ctx, limits::CHECKPOINT_KEPT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry::{HEADER, Kind, SIGNATURE};

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            seq: 40,
            chain: Chain([1; 32]),
            height: Height(3),
            counters: vec![30, 10],
            snapshots: vec![EntryId([3; 32]), EntryId([2; 32])],
            kept: vec![
                Kept {
                    seq: 7,
                    id: EntryId([4; 32]),
                },
                Kept {
                    seq: 40,
                    id: EntryId([5; 32]),
                },
            ],
        }
    }

    #[test]
    fn a_body_comes_apart_as_it_was_put_together() {
        let private = [9; 256 + TAG];
        let body = CheckpointBody::assemble(&checkpoint(), &private).unwrap();
        let parsed = CheckpointBody::parse(&body).unwrap();
        assert_eq!(
            (parsed.public, parsed.private),
            (checkpoint(), &private[..])
        );
        for shorter in [0, 3, 4, body.len() - 1] {
            let cut = CheckpointBody::parse(&body[..shorter]);
            assert!(matches!(cut, Err(CheckpointError::Length(_))));
        }
    }

    /// The fullest one has to go through every relay, and one more must not make another entry.
    #[test]
    fn the_fullest_checkpoint_fits() {
        let many = |count: usize| (0u32..).take(count);
        let id = |at: u32| {
            let mut id = [7; 32];
            id[..4].copy_from_slice(&at.to_be_bytes());
            EntryId(id)
        };
        let mut full = Checkpoint {
            seq: u64::from(u32::MAX),
            counters: vec![u32::MAX; limits::CHECKPOINT_MEMBERSHIPS],
            snapshots: many(limits::CHECKPOINT_SNAPSHOTS).map(id).collect(),
            kept: many(limits::CHECKPOINT_KEPT)
                .map(|at| Kept {
                    seq: u64::from(u32::MAX - 100_000 + at),
                    id: id(at),
                })
                .collect(),
            ..checkpoint()
        };
        let private = vec![0; limits::CHECKPOINT_PRIVATE + TAG];
        let body = CheckpointBody::assemble(&full, &private).unwrap();
        let length = HEADER + body.len() + SIGNATURE;
        assert!(length <= Kind::Checkpoint.limit() && Kind::Checkpoint.limit() <= 256 * 1024);
        assert_eq!(CheckpointBody::parse(&body).unwrap().public, full);
        full.snapshots.push(EntryId([8; 32]));
        assert!(full.to_bytes().is_err());
        assert!(Checkpoint::parse(&codec::encode(&full)).is_err());
    }

    /// Two readers of one checkpoint could otherwise keep different entries for it.
    #[test]
    fn what_is_named_twice_or_out_of_order_is_refused() {
        let alter = |alter: &dyn Fn(&mut Checkpoint)| {
            let mut altered = checkpoint();
            alter(&mut altered);
            assert_eq!(
                altered.to_bytes().unwrap_err(),
                altered.is_in_order().unwrap_err()
            );
            Checkpoint::parse(&codec::encode(&altered)).unwrap_err()
        };
        let order = CheckpointError::Order;
        assert_eq!(alter(&|c| c.seq = 0), order("places"));
        assert_eq!(alter(&|c| c.seq = 39), order("kept entries"));
        assert_eq!(alter(&|c| c.kept[0].seq = 0), order("kept entries"));
        assert_eq!(alter(&|c| c.kept.swap(0, 1)), order("kept entries"));
        assert_eq!(alter(&|c| c.kept[1].seq = 7), order("kept entries"));
        let twice = alter(&|c| c.snapshots[1] = c.snapshots[0]);
        assert_eq!(twice, order("snapshots"));
        let mut longer = checkpoint().to_bytes().unwrap();
        longer.splice(0..1, [0xb8, 0x06]);
        assert_eq!(Checkpoint::parse(&longer), Err(CheckpointError::Spelling));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            at in 0usize..500,
            byte in any::<u8>(),
            noise in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = CheckpointBody::parse(&noise);
            let mut body = CheckpointBody::assemble(&checkpoint(), &[9; 256 + TAG]).unwrap();
            let at = at % body.len();
            body[at] = byte;
            let _ = CheckpointBody::parse(&body);
        }
    }
}

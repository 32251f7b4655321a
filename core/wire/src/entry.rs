//! One item in a space's log. Its layout is fixed, big-endian:
//!
//! `version 1 · kind 1 · device 2 · counter 4 · membership height 4 · seen seq 8 · seen chain 16 ·
//! salt 16` (52 bytes) `· body · signature 64`
//!
//! The bodies of `membership` and `checkpoint` entries have a public part (see [`crate::membership`]
//! and [`crate::checkpoint`]), that of an `ack` is public as a whole (see [`crate::ack`]); every other
//! body is sealed text. The space's id travels in the request and not in the entry, but both id and
//! signature cover it.

use ring::digest::{Context, SHA256};

use crate::chain::{ChainTag, Position};
use crate::ids::{DeviceNumber, EntryId, Height, SpaceId};
use crate::signature::{Signature, VerifyingKey};
use crate::{limits, padding};

/// The version of the protocol that this crate speaks.
pub const VERSION: u8 = 1;
/// Bytes of the header.
pub const HEADER: usize = 52;
/// Bytes of the signature.
pub const SIGNATURE: usize = 64;
/// Bytes that sealing adds to a padded text.
pub const TAG: usize = 16;

/// What an entry is. The numbers are fixed; those without a variant are kept and skipped.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Tells the others what its signer holds, or does not hold.
    Ack,
    /// What a device did in a space since its last push.
    Batch,
    /// Another member's batch, vouched for by a current writer: sealed like one.
    Carry,
    /// A place in the log from which a newcomer may start.
    Checkpoint,
    /// A change of who is in the space.
    Membership,
    /// A part of a document's changes up to a checkpoint.
    Snapshot,
    /// A kind of a later version.
    Unknown(u8),
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Membership,
            2 => Self::Batch,
            3 => Self::Snapshot,
            4 => Self::Checkpoint,
            5 => Self::Ack,
            6 => Self::Carry,
            other => Self::Unknown(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Membership => 1,
            Self::Batch => 2,
            Self::Snapshot => 3,
            Self::Checkpoint => 4,
            Self::Ack => 5,
            Self::Carry => 6,
            Self::Unknown(other) => other,
        }
    }

    /// The longest entry of this kind, in bytes.
    #[must_use]
    pub const fn limit(self) -> usize {
        let body = match self {
            // Length of the core, core, commitment, private part.
            Self::Membership => 4 + limits::MEMBERSHIP_CORE + 32 + limits::MEMBERSHIP_CORE + TAG,
            // Length of the public part, public part, private part.
            Self::Checkpoint => 4 + limits::CHECKPOINT_PUBLIC + limits::CHECKPOINT_PRIVATE + TAG,
            Self::Ack => limits::ACK,
            Self::Carry => limits::CARRY + TAG,
            Self::Snapshot => limits::SNAPSHOT_PART + TAG,
            _ => limits::BATCH + TAG,
        };
        HEADER + body + SIGNATURE
    }
}

/// The first 52 bytes of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What the entry is.
    pub kind: Kind,
    /// The membership that signed it.
    pub device: DeviceNumber,
    /// How many entries this membership has signed before: 0, 1, 2, … without holes.
    pub counter: u32,
    /// The newest membership entry that the signer had verified. A membership entry names its
    /// predecessor's height; the first entry of a space says 0.
    pub height: Height,
    /// How far the signer had read the log.
    pub seen: Position,
    /// Random, fresh for every sealing.
    pub salt: [u8; 16],
}

impl Header {
    /// The header as it stands on the wire, is signed, and is bound into the sealing.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = VERSION;
        bytes[1] = self.kind.number();
        bytes[2..4].copy_from_slice(&self.device.0.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.height.0.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.seen.seq.to_be_bytes());
        bytes[20..36].copy_from_slice(&self.seen.chain.0);
        bytes[36..52].copy_from_slice(&self.salt);
        bytes
    }

    fn parse(bytes: &[u8; HEADER]) -> Self {
        Self {
            kind: Kind::from_number(bytes[1]),
            device: DeviceNumber(u16::from_be_bytes(part(bytes, 2))),
            counter: u32::from_be_bytes(part(bytes, 4)),
            height: Height(u32::from_be_bytes(part(bytes, 8))),
            seen: Position {
                seq: u64::from_be_bytes(part(bytes, 12)),
                chain: ChainTag(part(bytes, 20)),
            },
            salt: part(bytes, 36),
        }
    }
}

/// Why bytes are no entry. Nothing is known of the signer then.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The body's length is none that padding makes.
    #[error("a body of {0} bytes is not padded")]
    NotPadded(usize),
    /// More bytes than an entry of its kind may have.
    #[error("an entry of {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// How many bytes there are.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Fewer bytes than any entry has.
    #[error("an entry of {0} bytes is cut off")]
    TooShort(usize),
    /// Another version of the protocol.
    #[error("version {0} of the protocol is not known")]
    Version(u8),
}

/// An entry whose lengths and version are right. Nothing else has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    bytes: Vec<u8>,
    header: Header,
}

impl Entry {
    /// Reads an entry: lengths first, then version, then kind (the order of checks is part of the
    /// protocol, so that everybody names the same reason).
    ///
    /// # Errors
    /// [`EntryError`] where lengths or version are wrong.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, EntryError> {
        let length = bytes.len();
        if length < HEADER + SIGNATURE {
            return Err(EntryError::TooShort(length));
        }
        let kind = Kind::from_number(bytes[1]);
        if length > kind.limit() {
            return Err(EntryError::TooLong {
                length,
                limit: kind.limit(),
            });
        }
        if bytes[0] != VERSION {
            return Err(EntryError::Version(bytes[0]));
        }
        let body = length - HEADER - SIGNATURE;
        let padded = match kind {
            // Of the first two a part is, which is looked at with the rest of the body.
            Kind::Checkpoint | Kind::Membership | Kind::Unknown(_) => None,
            Kind::Ack => Some(Some(body)),
            _ => Some(body.checked_sub(TAG)),
        };
        if padded.is_some_and(|padded| !padded.is_some_and(padding::is_padded)) {
            return Err(EntryError::NotPadded(body));
        }
        let header = Header::parse(&part(&bytes, 0));
        Ok(Self { bytes, header })
    }

    /// Puts an entry together: `sign` is given what has to be signed.
    ///
    /// `membership` is the id of the membership entry at `header.height`; for the first entry of a
    /// space it is zero, as `space` is.
    #[must_use]
    pub fn assemble(
        header: Header,
        body: &[u8],
        space: &SpaceId,
        membership: &EntryId,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + body.len() + SIGNATURE);
        bytes.extend_from_slice(&header.to_bytes());
        bytes.extend_from_slice(body);
        let id = entry_id(space, &bytes);
        let signature = sign(&signed_text(membership, &id));
        bytes.extend_from_slice(&signature.0);
        Self { bytes, header }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Everything between header and signature.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER..self.bytes.len() - SIGNATURE]
    }

    /// The whole entry.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole entry, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The entry's id in `space` ([`SpaceId::ZERO`] for the first entry of a space).
    #[must_use]
    pub fn id(&self, space: &SpaceId) -> EntryId {
        entry_id(space, &self.bytes[..self.bytes.len() - SIGNATURE])
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature(part(&self.bytes, self.bytes.len() - SIGNATURE))
    }

    /// Whether `key` signed this entry, whose id is `id`, over the membership entry `membership`.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey, membership: &EntryId, id: &EntryId) -> bool {
        key.verifies(&signed_text(membership, id), &self.signature())
    }
}

/// What a signature is over.
fn signed_text(membership: &EntryId, id: &EntryId) -> Vec<u8> {
    [b"waymark/1 entry".as_slice(), &membership.0, &id.0].concat()
}

fn entry_id(space: &SpaceId, unsigned: &[u8]) -> EntryId {
    let mut context = Context::new(&SHA256);
    context.update(&space.0);
    context.update(unsigned);
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    EntryId(id)
}

/// `N` bytes from `at`; the callers have checked that they are there.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::SigningKey;

    fn entry(body: usize) -> Entry {
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let header = Header {
            kind: Kind::Batch,
            device: DeviceNumber(3),
            counter: 9,
            height: Height(2),
            seen: Position {
                seq: 77,
                chain: ChainTag([5; 16]),
            },
            salt: [8; 16],
        };
        Entry::assemble(
            header,
            &vec![4; body],
            &SpaceId([6; 32]),
            &EntryId([7; 32]),
            |text| key.sign(text),
        )
    }

    /// The figure that the design states for a lone check-in.
    #[test]
    fn the_smallest_batch_is_an_entry_of_388_bytes() {
        let entry = entry(256 + TAG);
        assert_eq!(entry.bytes().len(), 388);
        assert_eq!(Entry::parse(entry.bytes().to_vec()), Ok(entry));
    }

    #[test]
    fn lengths_are_checked_before_anything_else() {
        assert_eq!(Entry::parse(vec![]), Err(EntryError::TooShort(0)));
        assert_eq!(
            Entry::parse(entry(300).into_bytes()),
            Err(EntryError::NotPadded(300))
        );
        let mut huge = vec![0; Kind::Batch.limit() + 1];
        huge[1] = 2;
        assert!(matches!(
            Entry::parse(huge),
            Err(EntryError::TooLong { .. })
        ));
        let mut other = entry(256 + TAG).into_bytes();
        other[0] = 2;
        assert_eq!(Entry::parse(other), Err(EntryError::Version(2)));
    }

    proptest! {
        /// A relay or a thief on the way could otherwise alter what a device signed.
        #[test]
        fn every_flipped_bit_breaks_the_signature(at in 0usize..388, bit in 0u8..8) {
            let key = SigningKey::from_seed(&[1; 32]).unwrap().verifying_key();
            let (space, membership) = (SpaceId([6; 32]), EntryId([7; 32]));
            let mut bytes = entry(256 + TAG).into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(entry) = Entry::parse(bytes) {
                let id = entry.id(&space);
                prop_assert!(!entry.is_signed_by(&key, &membership, &id));
            }
        }
    }

    #[test]
    fn an_entry_of_one_space_does_not_count_in_another() {
        let key = SigningKey::from_seed(&[1; 32]).unwrap().verifying_key();
        let entry = entry(256 + TAG);
        let id = entry.id(&SpaceId([6; 32]));
        assert!(entry.is_signed_by(&key, &EntryId([7; 32]), &id));
        assert!(!entry.is_signed_by(&key, &EntryId([8; 32]), &id));
        let elsewhere = entry.id(&SpaceId([9; 32]));
        assert!(!entry.is_signed_by(&key, &EntryId([7; 32]), &elsewhere));
    }
}

//! Proof that a device of a member's wrote two different changes under one number in a document: two
//! batches that it signed, with the keys that open these two and nothing else. Whoever holds it needs
//! nothing more to check it, and nobody can make it of what an honest device signed.
//!
//! It does not tell malice from a copied device (§5.14 of the protocol). And whoever gets it can read
//! what stands in the two batches.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes, CodecError};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::signature::VerifyingKey;
use waymark_wire::{limits, padding};
use zeroize::Zeroizing;

use crate::crypto::{EntryKey, open_alone};
use crate::gate::{DocumentName, Section, decode_batch};
use crate::space::actor;

/// The version of the form that is written and read here.
const VERSION: u8 = 1;
/// Bytes at most: two batches with their headers and signatures, and what stands beside them.
pub const LIMIT: usize = 2 * (limits::BATCH + 256) + 512;

/// Two batches of one device that contradict each other.
#[derive(Debug)]
pub struct Equivocation {
    /// The space.
    pub space: SpaceId,
    /// The key that signed both. Whose key it is, the membership says.
    pub signer: VerifyingKey,
    /// The one with the lower id.
    pub one: Signed,
    /// The other.
    pub other: Signed,
}

/// A batch as it was signed, and what opens it.
#[derive(Debug)]
pub struct Signed {
    /// The whole entry.
    pub entry: Entry,
    /// The membership entry over which it was signed.
    pub at: EntryId,
    /// The key of this entry alone.
    pub key: EntryKey,
}

/// Where two batches contradict each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Contradiction {
    /// The document.
    pub document: DocumentName,
    /// The number that stands for two changes of the device's there.
    pub change: u32,
    /// The id of the one entry.
    pub one: EntryId,
    /// And of the other.
    pub other: EntryId,
}

/// Why something proves nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EquivocationError {
    /// The bytes are none in the form that is written here.
    #[error("it cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// It reads, but not byte for byte as it would be written.
    #[error("it is not in the strict form")]
    NotStrict,
    /// A newer version has written it.
    #[error("it is of version {0}, and this one reads version 1")]
    Version(u8),
    /// One of them is no batch, or they do not stand in the order of their ids.
    #[error("it does not hold two batches")]
    NoBatches,
    /// One of them is not signed by this key in this space.
    #[error("a batch is not signed by this key in this space")]
    Unsigned,
    /// A key opens nothing that can be read.
    #[error("a batch does not open")]
    NotOpened,
    /// Both can be of one device that keeps the rules.
    #[error("the batches do not contradict each other")]
    Agree,
}

impl Equivocation {
    /// Makes a proof of two batches. `None` where they prove nothing.
    #[must_use]
    pub fn of(space: SpaceId, signer: VerifyingKey, one: Signed, other: Signed) -> Option<Self> {
        let (one, other) = match one.entry.id(&space) < other.entry.id(&space) {
            true => (one, other),
            false => (other, one),
        };
        let proof = Self {
            space,
            signer,
            one,
            other,
        };
        proof.verify().is_ok().then_some(proof)
    }

    /// Checks everything, with nothing but what stands here.
    ///
    /// # Errors
    /// [`EquivocationError`]: then nothing is proven.
    pub fn verify(&self) -> Result<Contradiction, EquivocationError> {
        let ids = [&self.one, &self.other].map(|signed| signed.entry.id(&self.space));
        let is_batch = |signed: &Signed| signed.entry.header().kind == Kind::Batch;
        if ids[0] >= ids[1] || !is_batch(&self.one) || !is_batch(&self.other) {
            return Err(EquivocationError::NoBatches);
        }
        for (signed, id) in [&self.one, &self.other].into_iter().zip(&ids) {
            if !signed.entry.is_signed_by(&self.signer, &signed.at, id) {
                return Err(EquivocationError::Unsigned);
            }
        }
        let sections = [self.open(&self.one)?, self.open(&self.other)?];
        let (document, change) = contradiction(&sections[0], &sections[1])?;
        Ok(Contradiction {
            document,
            change,
            one: ids[0],
            other: ids[1],
        })
    }

    /// The bytes to hand on.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let row = |signed: &Signed| SignedRow {
            entry: Bytes(signed.entry.bytes().to_vec()),
            at: signed.at,
            key: Bytes(signed.key.expose().to_vec()),
        };
        codec::encode(&Row {
            version: VERSION,
            space: self.space,
            signer: self.signer,
            one: row(&self.one),
            other: row(&self.other),
        })
    }

    /// Reads it; whether it proves anything is [`verify`](Self::verify)'s to say.
    ///
    /// # Errors
    /// [`EquivocationError`] where the bytes are not exactly what [`to_bytes`](Self::to_bytes) makes
    /// of something.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EquivocationError> {
        let row: Row = codec::decode(bytes, LIMIT)?;
        if row.version != VERSION {
            return Err(EquivocationError::Version(row.version));
        }
        let proof = Self {
            space: row.space,
            signer: row.signer,
            one: row.one.read()?,
            other: row.other.read()?,
        };
        match proof.to_bytes() == bytes {
            true => Ok(proof),
            false => Err(EquivocationError::NotStrict),
        }
    }

    fn open(&self, signed: &Signed) -> Result<Vec<Section>, EquivocationError> {
        let header = signed.entry.header().to_bytes();
        let sealed = signed.entry.body();
        let opened = open_alone(&signed.key, &self.space.0, &signed.at.0, &header, sealed);
        let padded = Zeroizing::new(opened.map_err(|_| EquivocationError::NotOpened)?);
        let text = padding::unpad(&padded).ok_or(EquivocationError::NotOpened)?;
        let author = actor(&self.space, &self.signer);
        decode_batch(author, text).map_err(|_| EquivocationError::NotOpened)
    }
}

/// The first document and number for which two batches of one device have different changes.
pub(crate) fn contradiction(
    one: &[Section],
    other: &[Section],
) -> Result<(DocumentName, u32), EquivocationError> {
    let mut found: Vec<(DocumentName, u32)> = Vec::new();
    for one in one {
        let mut same = other.iter().filter(|other| other.name() == one.name());
        let Some(other) = same.next() else {
            continue;
        };
        let numbered = (one.first_seq()..).zip(one.changes());
        let differs = |(number, body): &(u32, _)| {
            let at = number.checked_sub(other.first_seq());
            let at = at.and_then(|at| usize::try_from(at).ok());
            let there = at.and_then(|at| other.changes().get(at));
            there.is_some_and(|there| there != *body)
        };
        let mut parted = numbered.filter(differs);
        found.extend(parted.next().map(|(number, _)| (one.name(), number)));
    }
    found.into_iter().min().ok_or(EquivocationError::Agree)
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    version: u8,
    #[n(1)]
    space: SpaceId,
    #[n(2)]
    signer: VerifyingKey,
    #[n(3)]
    one: SignedRow,
    #[n(4)]
    other: SignedRow,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct SignedRow {
    #[n(0)]
    entry: Bytes,
    #[n(1)]
    at: EntryId,
    #[n(2)]
    key: Bytes,
}

impl SignedRow {
    fn read(self) -> Result<Signed, EquivocationError> {
        let entry = Entry::parse(self.entry.0).map_err(|_| EquivocationError::NoBatches)?;
        let key = Zeroizing::new(self.key.0);
        let key = EntryKey::from_slice("an entry's key", &key)
            .map_err(|_| EquivocationError::NotStrict)?;
        let at = self.at;
        Ok(Signed { entry, at, key })
    }
}

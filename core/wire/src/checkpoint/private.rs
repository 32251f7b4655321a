//! The private part of a checkpoint: which of the snapshots is which document.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use super::CheckpointError;
use crate::codec::{self, decode_list, fixed_bytes};
use crate::limits;
use crate::strict::is_strict_map;

fixed_bytes! {
    /// A digest of the set of a document's changes, by which two devices see whether they hold the
    /// same. A relay never sees one.
    ChangesDigest, 32
}

/// What one snapshot entry is.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub struct SnapshotOf {
    /// The kind of the document.
    #[n(0)]
    pub kind: u16,
    /// Which one of that kind: of a log its month, of a plan its episode.
    #[n(1)]
    pub part: u32,
    /// Which piece of the document's snapshot it is, from 0.
    #[n(2)]
    pub index: u16,
    /// Of how many: at least 1.
    #[n(3)]
    pub pieces: u16,
    /// Of all the document's changes up to the checkpoint.
    #[n(4)]
    pub changes: ChangesDigest,
}

/// What stands sealed in a checkpoint, beside its public part.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct CheckpointPrivate {
    /// What each snapshot is, in the order in which the public part names them.
    #[n(0)]
    #[cbor(decode_with = "decode_documents")]
    pub documents: Vec<SnapshotOf>,
}

impl CheckpointPrivate {
    /// Reads the text that was sealed, without its padding. `snapshots` is how many the public part
    /// names.
    ///
    /// # Errors
    /// [`CheckpointError`] where it is too long or not in the strict form, where it speaks of
    /// another number of snapshots, or where a piece is none of its pieces.
    pub fn parse(text: &[u8], snapshots: usize) -> Result<Self, CheckpointError> {
        if text.len() >= limits::CHECKPOINT_PRIVATE {
            return Err(CheckpointError::Length(text.len()));
        }
        if !is_strict_map(text) {
            return Err(CheckpointError::Spelling);
        }
        let read: Self = codec::decode(text, limits::CHECKPOINT_PRIVATE)?;
        let is_piece = |of: &SnapshotOf| of.index < of.pieces;
        if read.documents.len() == snapshots && read.documents.iter().all(is_piece) {
            Ok(read)
        } else {
            Err(CheckpointError::Order("documents"))
        }
    }

    /// The text to be padded and sealed.
    #[must_use]
    pub fn to_text(&self) -> Vec<u8> {
        codec::encode(self)
    }
}

fn decode_documents<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<SnapshotOf>, Error> {
    decode_list(d, ctx, limits::CHECKPOINT_SNAPSHOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(index: u16, pieces: u16) -> SnapshotOf {
        SnapshotOf {
            kind: u16::MAX,
            part: u32::MAX,
            index,
            pieces,
            changes: ChangesDigest([6; 32]),
        }
    }

    /// A device would otherwise take one document's snapshot for another's.
    #[test]
    fn each_snapshot_has_its_document() {
        let private = CheckpointPrivate {
            documents: vec![of(0, 2), of(1, 2)],
        };
        let text = private.to_text();
        assert_eq!(CheckpointPrivate::parse(&text, 2), Ok(private));
        for count in [0, 1, 3] {
            let refused = CheckpointPrivate::parse(&text, count);
            assert_eq!(refused, Err(CheckpointError::Order("documents")));
        }
        for wrong in [of(0, 0), of(2, 2)] {
            let documents = vec![wrong];
            let text = CheckpointPrivate { documents }.to_text();
            assert!(CheckpointPrivate::parse(&text, 1).is_err());
        }
        let trailing = [&text[..], &[0]].concat();
        let refused = CheckpointPrivate::parse(&trailing, 2);
        assert_eq!(refused, Err(CheckpointError::Spelling));
    }

    /// As many as the public part may name.
    #[test]
    fn the_fullest_private_part_fits() {
        let documents = vec![of(1_022, 1_023); limits::CHECKPOINT_SNAPSHOTS];
        let private = CheckpointPrivate { documents };
        let mut text = private.to_text();
        let read = CheckpointPrivate::parse(&text, limits::CHECKPOINT_SNAPSHOTS);
        assert_eq!(read.as_ref(), Ok(&private));
        crate::padding::pad(&mut text);
        assert!(text.len() <= limits::CHECKPOINT_PRIVATE);
    }
}

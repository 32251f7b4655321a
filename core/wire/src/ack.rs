//! The body of an `ack` entry: what its signer has to tell the others about what it holds. Whoever
//! lacks a key can seal nothing, so it is not sealed; it is padded like everything else.

use minicbor::{Decode, Encode};

use crate::ids::{EntryId, Height};
use crate::strict::is_strict_map;
use crate::{codec, limits, padding};

/// The code of [`Ack::KeyRefused`].
const KEY_REFUSED: u64 = 1;
/// The code of [`Ack::CheckpointOk`].
const CHECKPOINT_OK: u64 = 2;
/// The code of [`Ack::CheckpointBad`].
const CHECKPOINT_BAD: u64 = 3;

/// What an `ack` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ack {
    /// The checkpoint with this id is not what the log says: nothing may be dropped for it.
    CheckpointBad(EntryId, CheckpointFault),
    /// The signer has compared the checkpoint with this id with what it holds, and they are equal.
    CheckpointOk(EntryId),
    /// The signer does not hold the key of the epoch that starts at this height: what was sealed to
    /// it did not come, does not open, or is another key than the epoch's.
    KeyRefused(Height),
    /// Something of a later version, which is kept and skipped.
    Unknown(u64),
}

/// What is wrong with a checkpoint.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CheckpointFault {
    /// A change is another one than in the log.
    Altered,
    /// A snapshot unpacks to more than is allowed, or costs more to read.
    Bomb,
    /// A change is there that the log does not have.
    Invented,
    /// A change of the log is not there.
    Missing,
    /// Anything else, also what a later version names.
    Other,
}

impl CheckpointFault {
    /// The fault with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Missing,
            2 => Self::Invented,
            3 => Self::Altered,
            4 => Self::Bomb,
            _ => Self::Other,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Other => 0,
            Self::Missing => 1,
            Self::Invented => 2,
            Self::Altered => 3,
            Self::Bomb => 4,
        }
    }

    /// The stable name in documents and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Bomb => "bomb",
            Self::Invented => "invented",
            Self::Missing => "missing",
            Self::Other => "other",
        }
    }
}

/// What every ack has; what its code calls for stands beside it.
#[derive(Decode, Encode)]
#[cbor(map)]
struct Code {
    #[n(0)]
    code: u64,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct OfEpoch {
    #[n(0)]
    code: u64,
    #[n(1)]
    epoch: Height,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct OfCheckpoint {
    #[n(0)]
    code: u64,
    #[n(1)]
    checkpoint: EntryId,
    #[n(2)]
    fault: Option<u8>,
}

impl Ack {
    /// The body of the entry that says this.
    #[must_use]
    pub fn to_body(self) -> Vec<u8> {
        let mut body = match self {
            Self::CheckpointBad(checkpoint, fault) => codec::encode(&OfCheckpoint {
                code: CHECKPOINT_BAD,
                checkpoint,
                fault: Some(fault.number()),
            }),
            Self::CheckpointOk(checkpoint) => codec::encode(&OfCheckpoint {
                code: CHECKPOINT_OK,
                checkpoint,
                fault: None,
            }),
            Self::KeyRefused(epoch) => codec::encode(&OfEpoch {
                code: KEY_REFUSED,
                epoch,
            }),
            Self::Unknown(code) => codec::encode(&Code { code }),
        };
        padding::pad(&mut body);
        body
    }

    /// What a body says; `None` where it cannot be read. Such an entry is kept and skipped.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = padding::unpad(body).filter(|text| is_strict_map(text))?;
        // What else a later version says beside the code is not this one's to judge.
        let Code { code } = codec::decode(text, limits::ACK).ok()?;
        match code {
            KEY_REFUSED => {
                let row: OfEpoch = codec::decode(text, limits::ACK).ok()?;
                Some(Self::KeyRefused(row.epoch))
            }
            CHECKPOINT_OK => {
                let row: OfCheckpoint = codec::decode(text, limits::ACK).ok()?;
                Some(Self::CheckpointOk(row.checkpoint))
            }
            CHECKPOINT_BAD => {
                let row: OfCheckpoint = codec::decode(text, limits::ACK).ok()?;
                let fault = CheckpointFault::from_number(row.fault?);
                Some(Self::CheckpointBad(row.checkpoint, fault))
            }
            other => Some(Self::Unknown(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(text: &[u8]) -> Vec<u8> {
        let mut body = text.to_vec();
        padding::pad(&mut body);
        body
    }

    #[test]
    fn what_is_said_is_read() {
        let id = EntryId([7; 32]);
        for ack in [
            Ack::KeyRefused(Height(0)),
            Ack::KeyRefused(Height(u32::MAX)),
            Ack::CheckpointOk(id),
            Ack::CheckpointBad(id, CheckpointFault::Altered),
            Ack::CheckpointBad(id, CheckpointFault::Bomb),
            Ack::CheckpointBad(id, CheckpointFault::Invented),
            Ack::CheckpointBad(id, CheckpointFault::Missing),
            Ack::CheckpointBad(id, CheckpointFault::Other),
            Ack::Unknown(77),
        ] {
            let body = ack.to_body();
            assert_eq!((body.len(), Ack::parse(&body)), (256, Some(ack)));
        }
    }

    /// A device of today would otherwise stop at what one of tomorrow says.
    #[test]
    fn more_keys_and_other_codes_are_passed_over() {
        let more = padded(&[0xa3, 0x00, 0x01, 0x01, 0x05, 0x02, 0x41, 0x07]);
        assert_eq!(Ack::parse(&more), Some(Ack::KeyRefused(Height(5))));
        let other = padded(&[0xa2, 0x00, 0x04, 0x02, 0x80]);
        assert_eq!(Ack::parse(&other), Some(Ack::Unknown(4)));
    }

    /// Whoever finds a checkpoint wrong in a way that has no number here yet must be heard.
    #[test]
    fn an_unknown_fault_stops_a_checkpoint_too() {
        let id = EntryId([7; 32]);
        let text = [&[0xa3, 0, 3, 1, 0x58, 32][..], &id.0, &[2, 0x18, 99]].concat();
        let other = Ack::CheckpointBad(id, CheckpointFault::Other);
        assert_eq!(Ack::parse(&padded(&text)), Some(other));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for body in [
            vec![],
            vec![0; 256],
            padded(&[]),
            padded(&[0xa0]),
            // No epoch, one that is too high, and one in a longer spelling.
            padded(&[0xa1, 0x00, 0x01]),
            padded(&[0xa2, 0x00, 0x01, 0x01, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0]),
            padded(&[0xa2, 0x00, 0x01, 0x01, 0x18, 0x05]),
            padded(&[0xa2, 0x00, 0x01, 0x01, 0x05, 0x00]),
            // No checkpoint, and no fault.
            padded(&[0xa1, 0x00, 0x02]),
            padded(&[&[0xa2, 0, 3, 1, 0x58, 32][..], &[7; 32]].concat()),
        ] {
            assert_eq!(Ack::parse(&body), None, "{body:02x?}");
        }
    }
}

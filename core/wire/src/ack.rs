//! The body of an `ack` entry: what its signer has to tell the others about what it holds. Whoever
//! lacks a key can seal nothing, so it is not sealed; it is padded like everything else.

use minicbor::{Decode, Encode};

use crate::ids::Height;
use crate::strict::is_strict_map;
use crate::{codec, limits, padding};

/// The code of [`Ack::KeyRefused`].
const KEY_REFUSED: u64 = 1;

/// What an `ack` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ack {
    /// The signer does not hold the key of the epoch that starts at this height: what was sealed to
    /// it did not come, does not open, or is another key than the epoch's.
    KeyRefused(Height),
    /// Something of a later version, which is kept and skipped.
    Unknown(u64),
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    code: u64,
    #[n(1)]
    epoch: Option<Height>,
}

impl Ack {
    /// The body of the entry that says this.
    #[must_use]
    pub fn to_body(self) -> Vec<u8> {
        let mut body = codec::encode(&match self {
            Self::KeyRefused(epoch) => Row {
                code: KEY_REFUSED,
                epoch: Some(epoch),
            },
            Self::Unknown(code) => Row { code, epoch: None },
        });
        padding::pad(&mut body);
        body
    }

    /// What a body says; `None` where it cannot be read. Such an entry is kept and skipped.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = padding::unpad(body).filter(|text| is_strict_map(text))?;
        // What else a later version says beside the code is not this one's to judge.
        let row: Row = codec::decode(text, limits::ACK).ok()?;
        match row.code {
            KEY_REFUSED => row.epoch.map(Self::KeyRefused),
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
        for ack in [
            Ack::KeyRefused(Height(0)),
            Ack::KeyRefused(Height(u32::MAX)),
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
        let other = padded(&[0xa2, 0x00, 0x02, 0x02, 0x80]);
        assert_eq!(Ack::parse(&other), Some(Ack::Unknown(2)));
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
        ] {
            assert_eq!(Ack::parse(&body), None, "{body:02x?}");
        }
    }
}

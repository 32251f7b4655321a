//! The body of a membership entry: the signed core that everybody reads, and the sealed rest.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use super::{COMMITMENT, Op};
use crate::codec::{self, CodecError, decode_list};
use crate::entry::TAG;
use crate::ids::{AttachmentHash, DeviceNumber, EntryId};
use crate::strict::is_strict_map;
use crate::{limits, padding};

/// An epoch key sealed to one membership, named by the hash of the attachment.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub struct SealedKey {
    /// For whom.
    #[n(0)]
    pub device: DeviceNumber,
    /// The hash of the 1,168 bytes.
    #[n(1)]
    pub sealed: AttachmentHash,
}

/// The signed core of a membership entry.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Core {
    /// The entry that this one follows; zero for the first.
    #[n(0)]
    pub previous: EntryId,
    /// What it does, all or none.
    #[n(1)]
    #[cbor(decode_with = "decode_ops")]
    pub ops: Vec<Op>,
    /// The epoch key, sealed once to each membership that gets it by this entry, by number.
    #[n(2)]
    #[cbor(decode_with = "decode_keys")]
    pub keys: Vec<SealedKey>,
}

fn decode_ops<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Op>, Error> {
    decode_list(d, ctx, 2 * limits::MEMBERSHIPS)
}

fn decode_keys<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<SealedKey>, Error> {
    decode_list(d, ctx, limits::MEMBERSHIPS)
}

/// Why a body is none of a membership entry.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// The core cannot be read.
    #[error("the membership core is {0}")]
    Core(#[from] CodecError),
    /// The core is not in the one form of CBOR that is signed.
    #[error("the membership core is not in the strict form of CBOR")]
    Spelling,
    /// The lengths do not fit.
    #[error("a membership body of {0} bytes does not have the stated parts")]
    Length(usize),
}

/// The parts of a membership entry's body.
#[derive(Clone, Debug)]
pub struct MembershipBody<'b> {
    /// The public core.
    pub core: Core,
    /// Commitment and sealed roster.
    pub private: &'b [u8],
}

impl<'b> MembershipBody<'b> {
    /// Takes a body apart.
    ///
    /// # Errors
    /// [`BodyError`] where a length is wrong or the core is not what this version knows.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let wrong = || BodyError::Length(body.len());
        let (length, rest) = body.split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| wrong())?;
        if length > limits::MEMBERSHIP_CORE || length > rest.len() {
            return Err(wrong());
        }
        let (core, private) = rest.split_at(length);
        if !is_strict_map(core) {
            return Err(BodyError::Spelling);
        }
        let padded = private
            .len()
            .checked_sub(COMMITMENT + TAG)
            .ok_or_else(wrong)?;
        if padded > limits::MEMBERSHIP_CORE || !padding::is_padded(padded) {
            return Err(wrong());
        }
        Ok(Self {
            core: codec::decode(core, limits::MEMBERSHIP_CORE)?,
            private,
        })
    }

    /// Puts a body together from a core's bytes and the sealed private part.
    ///
    /// # Errors
    /// [`BodyError::Length`] where the core is longer than the protocol allows.
    pub fn assemble(core: &Core, private: &[u8]) -> Result<Vec<u8>, BodyError> {
        let core = codec::encode(core);
        let length = u32::try_from(core.len())
            .ok()
            .filter(|_| core.len() <= limits::MEMBERSHIP_CORE)
            .ok_or(BodyError::Length(core.len()))?;
        Ok([&length.to_be_bytes(), core.as_slice(), private].concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::PersonTag;
    use crate::membership::{Add, Rights, SUITE_XWING};
    use crate::signature::VerifyingKey;

    fn core() -> Core {
        Core {
            previous: EntryId([1; 32]),
            ops: vec![
                Op::Add(Add {
                    device: DeviceNumber(300),
                    person: PersonTag([2; 16]),
                    signing_key: VerifyingKey([3; 32]),
                    suite: SUITE_XWING,
                    agreement_key: AttachmentHash([4; 32]),
                    rights: Rights::WRITE,
                }),
                Op::Rotate(None),
            ],
            keys: vec![SealedKey {
                device: DeviceNumber(300),
                sealed: AttachmentHash([5; 32]),
            }],
        }
    }

    #[test]
    fn a_body_comes_apart_as_it_was_put_together() {
        let private = vec![9; COMMITMENT + 256 + TAG];
        let body = MembershipBody::assemble(&core(), &private).unwrap();
        let parsed = MembershipBody::parse(&body).unwrap();
        assert_eq!(parsed.core, core());
        assert_eq!(parsed.private, private);
    }

    /// Two readers of one core could otherwise take it differently, and part ways for ever.
    #[test]
    fn another_spelling_of_the_same_core_is_refused() {
        let private = vec![9; COMMITMENT + 256 + TAG];
        let body = MembershipBody::assemble(&core(), &private).unwrap();
        // The map's head with its length in a byte of its own, and the core's length to match.
        let mut longer = body.clone();
        longer.splice(4..5, [0xb8, 0x03]);
        longer[3] += 1;
        assert_eq!(longer[4..7], [0xb8, 0x03, 0x00]);
        assert!(matches!(
            MembershipBody::parse(&longer),
            Err(BodyError::Spelling)
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = MembershipBody::parse(&body);
        }

        #[test]
        fn nor_do_altered_ones(at in 0usize..200, byte in any::<u8>()) {
            let mut body = MembershipBody::assemble(&core(), &[9; COMMITMENT + 256 + TAG]).unwrap();
            let at = at % body.len();
            body[at] = byte;
            let _ = MembershipBody::parse(&body);
        }
    }
}

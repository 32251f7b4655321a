//! What a membership entry does.

use std::fmt;

use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Write};
use minicbor::{Decode, Encode, Encoder};

use crate::ids::{AttachmentHash, DeviceNumber, PersonTag};
use crate::signature::VerifyingKey;

/// What a membership may do: bits of one number.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, PartialEq)]
#[cbor(transparent)]
pub struct Rights(#[n(0)] u8);

impl Rights {
    /// May read the log.
    pub const READ: Self = Self(1);
    /// May append batches, and read.
    pub const WRITE: Self = Self(1 | 2);
    /// May change the membership, write and read.
    pub const ADMIN: Self = Self(1 | 2 | 4);

    /// Whether these rights include `others`.
    #[must_use]
    pub const fn include(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether these are rights of this version: nothing without `read`, no unknown bits.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self, Self::READ | Self::WRITE | Self::ADMIN)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::READ => "read",
            Self::WRITE => "write",
            Self::ADMIN => "admin",
            _ => "unknown",
        })
    }
}

/// A new membership.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Add {
    /// Its number: the next one.
    pub device: DeviceNumber,
    /// Whose device it is.
    pub person: PersonTag,
    /// The key that signs its entries and proofs.
    pub signing_key: VerifyingKey,
    /// The HPKE suite of its agreement key; [`super::SUITE_XWING`] is the only one.
    pub suite: u8,
    /// The hash of its agreement key, an attachment.
    pub agreement_key: AttachmentHash,
    /// What it may do.
    pub rights: Rights,
}

/// One change of the membership. The numbers are fixed; the layout of the reserved ones comes with
/// the version that allows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// 1: a new membership.
    Add(Add),
    /// An op that this version refuses: 2 remove, 3 rotate, 4 seal, 5 leave, 6 close, 7 forget, or
    /// one of a later version.
    Reserved(u8),
}

impl Op {
    /// The number on the wire.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Add(_) => 1,
            Self::Reserved(number) => *number,
        }
    }

    /// The op's name for people who read errors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.number() {
            1 => "add",
            2 => "remove",
            3 => "rotate",
            4 => "seal",
            5 => "leave",
            6 => "close",
            7 => "forget",
            _ => "unknown",
        }
    }
}

impl<C> Encode<C> for Op {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Add(add) => {
                e.array(7)?.u8(1)?;
                add.device.encode(e, ctx)?;
                add.person.encode(e, ctx)?;
                add.signing_key.encode(e, ctx)?;
                e.u8(add.suite)?;
                add.agreement_key.encode(e, ctx)?;
                add.rights.encode(e, ctx)
            }
            Self::Reserved(number) => e.array(1)?.u8(*number)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Op {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, Error> {
        let length = d
            .array()?
            .ok_or_else(|| Error::message("an op of indefinite length"))?;
        if length == 0 {
            return Err(Error::message("an op without number"));
        }
        let number = d.u8()?;
        if number != 1 {
            for _ in 1..length {
                d.skip()?;
            }
            return Ok(Self::Reserved(number));
        }
        if length != 7 {
            return Err(Error::message("an add with more or fewer than seven parts"));
        }
        Ok(Self::Add(Add {
            device: d.decode_with(ctx)?,
            person: d.decode_with(ctx)?,
            signing_key: d.decode_with(ctx)?,
            suite: d.u8()?,
            agreement_key: d.decode_with(ctx)?,
            rights: d.decode_with(ctx)?,
        }))
    }
}

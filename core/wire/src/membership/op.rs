//! What a membership entry does.

use std::fmt;

use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Write};
use minicbor::{Decode, Encode, Encoder};

use crate::ids::{AttachmentHash, DeviceNumber, PersonTag, SpaceId};
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
    /// What a recovery phrase has: those of an admin, and `lasting`, which means that nobody else
    /// ends this membership.
    pub const RECOVERY: Self = Self(1 | 2 | 4 | 8);

    /// Whether these rights include `others`.
    #[must_use]
    pub const fn include(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether a membership with these rights ends by its own signature alone.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        self.0 & 8 != 0
    }

    /// These rights as far as they are handed on: without `lasting`, which is no right over others.
    pub(super) const fn without_lasting(self) -> Self {
        Self(self.0 & !8)
    }

    /// Whether these are rights of this version: each with those below it, no unknown bits.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(
            self,
            Self::READ | Self::WRITE | Self::ADMIN | Self::RECOVERY
        )
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::READ => "read",
            Self::WRITE => "write",
            Self::ADMIN => "admin",
            Self::RECOVERY => "recovery",
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

/// The agreement key that a member takes in place of its former one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NewAgreementKey {
    /// The HPKE suite; [`super::SUITE_XWING`] is the only one.
    pub suite: u8,
    /// The hash of the key, an attachment.
    pub agreement_key: AttachmentHash,
}

/// One change of the membership. The numbers are fixed; the layout of a reserved one comes with the
/// version that allows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// 1: a new membership.
    Add(Add),
    /// 2: ends a membership.
    Remove(DeviceNumber),
    /// 3: starts an epoch with a new key, and gives the signer a new agreement key where one stands
    /// here.
    Rotate(Option<NewAgreementKey>),
    /// 4: hands the key of the epoch in force to a member once more.
    Seal(DeviceNumber),
    /// 5: ends every membership of the signer's person.
    Leave,
    /// 6: ends the space, which stays readable, and names the space that goes on in its place, if
    /// one does.
    Close(Option<SpaceId>),
    /// 7: something said before is forgotten: the epoch that the entry starts gives no key of one
    /// before it. What it is stands in the private part.
    Forget,
    /// An op of a later version, which this one refuses.
    Reserved(u8),
}

impl Op {
    /// The number on the wire.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Add(_) => 1,
            Self::Remove(_) => 2,
            Self::Rotate(_) => 3,
            Self::Seal(_) => 4,
            Self::Leave => 5,
            Self::Close(_) => 6,
            Self::Forget => 7,
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
            Self::Remove(device) | Self::Seal(device) => {
                e.array(2)?.u8(self.number())?;
                device.encode(e, ctx)
            }
            Self::Rotate(Some(new)) => {
                e.array(3)?.u8(3)?.u8(new.suite)?;
                new.agreement_key.encode(e, ctx)
            }
            Self::Close(Some(successor)) => {
                e.array(2)?.u8(6)?;
                successor.encode(e, ctx)
            }
            Self::Rotate(None)
            | Self::Leave
            | Self::Close(None)
            | Self::Forget
            | Self::Reserved(_) => e.array(1)?.u8(self.number())?.ok(),
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
        Ok(match (d.u8()?, length) {
            (1, 7) => Self::Add(Add {
                device: d.decode_with(ctx)?,
                person: d.decode_with(ctx)?,
                signing_key: d.decode_with(ctx)?,
                suite: d.u8()?,
                agreement_key: d.decode_with(ctx)?,
                rights: d.decode_with(ctx)?,
            }),
            (2, 2) => Self::Remove(d.decode_with(ctx)?),
            (3, 1) => Self::Rotate(None),
            (3, 3) => Self::Rotate(Some(NewAgreementKey {
                suite: d.u8()?,
                agreement_key: d.decode_with(ctx)?,
            })),
            (4, 2) => Self::Seal(d.decode_with(ctx)?),
            (5, 1) => Self::Leave,
            (6, 1) => Self::Close(None),
            (6, 2) => Self::Close(Some(d.decode_with(ctx)?)),
            (7, 1) => Self::Forget,
            (1..=7, _) => {
                return Err(Error::message("an op with more or fewer parts than it has"));
            }
            (number, _) => {
                for _ in 1..length {
                    d.skip()?;
                }
                Self::Reserved(number)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn of_all_forms() -> Vec<Op> {
        vec![
            Op::Add(Add {
                device: DeviceNumber(1),
                person: PersonTag([2; 16]),
                signing_key: VerifyingKey([3; 32]),
                suite: 1,
                agreement_key: AttachmentHash([4; 32]),
                rights: Rights::RECOVERY,
            }),
            Op::Remove(DeviceNumber(300)),
            Op::Rotate(None),
            Op::Rotate(Some(NewAgreementKey {
                suite: 1,
                agreement_key: AttachmentHash([5; 32]),
            })),
            Op::Seal(DeviceNumber(7)),
            Op::Leave,
            Op::Close(None),
            Op::Close(Some(SpaceId([6; 32]))),
            Op::Forget,
            Op::Reserved(8),
        ]
    }

    /// What one device signs has to be what every other one reads.
    #[test]
    fn every_op_is_read_as_it_was_written() {
        for op in of_all_forms() {
            let bytes = codec::encode(&op);
            assert_eq!(codec::decode::<Op>(&bytes, 200).as_ref(), Ok(&op));
        }
    }

    /// The numbers and layouts that chains already signed rest on.
    #[test]
    fn the_layouts_are_fixed() {
        let short = [
            (Op::Remove(DeviceNumber(300)), &[0x82, 2, 0x19, 1, 44][..]),
            (Op::Rotate(None), &[0x81, 3]),
            (Op::Seal(DeviceNumber(7)), &[0x82, 4, 7]),
            (Op::Leave, &[0x81, 5]),
            (Op::Close(None), &[0x81, 6]),
            (Op::Forget, &[0x81, 7]),
        ];
        for (op, bytes) in short {
            assert_eq!(codec::encode(&op), bytes);
        }
        let rights = [Rights::READ, Rights::WRITE, Rights::ADMIN, Rights::RECOVERY];
        assert_eq!(rights.map(|rights| rights.0), [1, 3, 7, 15]);
        let known: Vec<_> = (0..=u8::MAX).filter(|n| Rights(*n).is_known()).collect();
        assert_eq!(known, [1, 3, 7, 15]);
    }

    /// A part more or less would be signed, and passed over by some of those who read it.
    #[test]
    fn an_op_with_other_parts_than_its_own_is_refused() {
        for op in of_all_forms() {
            let bytes = codec::encode(&op);
            for length in (0..=8).filter(|length| 0x80 + length != bytes[0]) {
                let mut other = vec![0x80 + length];
                other.extend_from_slice(&bytes[1..]);
                other.resize(bytes.len() + 8, 0);
                let read = Op::decode(&mut Decoder::new(&other), &mut ());
                let is_other_form = matches!((op.number(), length), (3 | 6, 1) | (8, 1..));
                assert_eq!(read.is_ok(), is_other_form, "{op:?} in {length} parts");
            }
        }
        // An agreement key, or a space's id, that is none.
        for bytes in [
            &[0x83, 3, 1, 0x41, 0][..],
            &[0x82, 6, 0x41, 0],
            &[0x82, 2, 0x20],
        ] {
            assert!(codec::decode::<Op>(bytes, 200).is_err());
        }
    }
}

//! Changes of a membership that this device wants. A wish is kept as a wish: it is signed when its
//! turn comes, against the membership as it then is, and signed anew where another entry came first.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{DeviceNumber, Height, PersonTag, SpaceId};
use waymark_wire::signature::VerifyingKey;

use super::{Entrance, NewMember};
use crate::forgotten::Forgotten;
use crate::ids::RecordId;

/// One wish.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[non_exhaustive]
pub enum Wish {
    /// Somebody is to be added.
    #[n(1)]
    Add(#[n(0)] NewMember),
    /// A membership is to end; the key changes with it.
    #[n(2)]
    Remove(#[n(0)] DeviceNumber),
    /// The key is to change.
    #[n(3)]
    Rotate,
    /// A member is to get the key once more.
    #[n(4)]
    Seal(#[n(0)] DeviceNumber),
    /// This device's person wants to leave.
    #[n(5)]
    Leave,
    /// The space is to be closed, for good or for another one.
    #[n(6)]
    Close(#[n(0)] Option<Succession>),
    /// This device, which signs with keys that are not its own, wants a membership of its own.
    #[n(7)]
    Enrol(#[n(0)] Newcomer),
    /// The recovery phrase is to end, which signs that with these seeds, and another one is to come
    /// in its place.
    #[n(8)]
    ReplacePhrase(#[n(0)] Bytes, #[n(1)] NewMember),
    /// The key of the epoch that starts at this height has been in force for long: whoever replaces
    /// it, it is done.
    #[n(9)]
    Renew(#[n(0)] Height),
    /// Every membership of another person is to end, also those that come until then.
    #[n(10)]
    RemovePerson(#[n(0)] PersonTag),
    /// The membership with this key is to end, and whoever is not there yet is not to come. This is what
    /// becomes of a removal of somebody whose entering a relay has lost: numbers are given anew then.
    #[n(11)]
    RemoveKey(#[n(0)] VerifyingKey),
    /// Something is to be forgotten.
    #[n(12)]
    Forget(#[n(0)] ToForget),
}

/// What is to be forgotten.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ToForget {
    /// What a person named.
    #[n(0)]
    pub named: Forgotten,
    /// That, and all that belongs to it: as far as it is known so far.
    #[n(1)]
    pub all: Forgotten,
}

/// What goes on in the place of a space that is closed.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Succession {
    /// The space that goes on.
    #[n(0)]
    pub space: SpaceId,
    /// How the others enter it.
    #[n(1)]
    pub entrances: Vec<Entrance>,
    /// The membership that this was made for: where anybody came or went since, it is made anew.
    #[n(2)]
    pub height: Height,
}

/// What a device calls itself where it enrols. One of level 0, which there is not, is called as the
/// membership whose keys it borrows: what that is called could not be read when this was wanted.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Newcomer {
    /// The person's name.
    #[n(0)]
    pub name: String,
    /// The device's name.
    #[n(1)]
    pub device_name: String,
    /// The newest format level that it reads.
    #[n(2)]
    pub level: u16,
    /// Today's local date, in days since 1970-01-01.
    #[n(3)]
    pub since: i32,
}

impl Newcomer {
    /// One that is called as the membership whose keys it borrows.
    #[must_use]
    pub const fn as_before() -> Self {
        Self {
            name: String::new(),
            device_name: String::new(),
            level: 0,
            since: 0,
        }
    }
}

impl Wish {
    /// What tells this wish from others in one space.
    pub(crate) fn place(&self) -> Vec<u8> {
        let device = |number: u8, device: &DeviceNumber| {
            [&[number], device.0.to_be_bytes().as_slice()].concat()
        };
        match self {
            Self::Add(member) => [&[1], member.keys.signing_key.0.as_slice()].concat(),
            Self::Remove(number) => device(2, number),
            Self::Rotate => vec![3],
            Self::Seal(number) => device(4, number),
            Self::Leave => vec![5],
            Self::Close(_) => vec![6],
            Self::Enrol(_) => vec![7],
            Self::ReplacePhrase(..) => vec![8],
            Self::Renew(_) => vec![9],
            Self::RemovePerson(person) => [&[10], person.0.as_slice()].concat(),
            Self::RemoveKey(key) => [&[11], key.0.as_slice()].concat(),
            // What belongs to it may come to be more.
            Self::Forget(what) => {
                let named = RecordId::of(&codec::encode(&what.named));
                [&[12], named.0.as_slice()].concat()
            }
        }
    }
}

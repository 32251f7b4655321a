//! What a pairing is for, and who is who in it.

use minicbor::{Decode, Encode};
use serde::Serialize;

/// What somebody is invited to.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Purpose {
    /// Join a circle.
    #[n(5)]
    Circle,
    /// Be the inviting therapist's client: the *invited* person makes the care space.
    #[n(2)]
    Client,
    /// A further device of the inviter's own.
    #[n(3)]
    Device,
    /// Join the plan of the inviting client.
    #[n(1)]
    Plan,
    /// Support the inviting client.
    #[n(4)]
    Supporter,
}

/// One of the two in a pairing.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Side {
    /// Who was given the link.
    #[n(1)]
    Invited,
    /// Who made the link.
    #[n(0)]
    Inviter,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [
        Self::Plan,
        Self::Client,
        Self::Device,
        Self::Supporter,
        Self::Circle,
    ];

    /// Its number in links and offers.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Plan => 1,
            Self::Client => 2,
            Self::Device => 3,
            Self::Supporter => 4,
            Self::Circle => 5,
        }
    }

    /// The purpose with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.number() == number)
    }

    /// Who owns the space that the pairing is about, adds the other to it and writes the welcome.
    #[must_use]
    pub const fn owner(self) -> Side {
        match self {
            Self::Client => Side::Invited,
            Self::Circle | Self::Device | Self::Plan | Self::Supporter => Side::Inviter,
        }
    }

    /// The letter behind `waymark:`, so that a person or an app sees what a link is for.
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Plan => 'p',
            Self::Client => 'c',
            Self::Device => 'd',
            Self::Supporter => 's',
            Self::Circle => 'g',
        }
    }

    pub(super) fn from_letter(letter: char) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.letter() == letter)
    }
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Invited => Self::Inviter,
            Self::Inviter => Self::Invited,
        }
    }

    /// The slots that this side writes, in the order in which it does.
    pub(super) const fn slots(self) -> &'static [u8] {
        match self {
            Self::Invited => &[1, 3, 6],
            Self::Inviter => &[0, 2, 4, 5],
        }
    }

    /// The slot of this side's welcome.
    pub(super) const fn welcome_slot(self) -> u8 {
        match self {
            Self::Invited => 6,
            Self::Inviter => 5,
        }
    }

    /// The slot of this side's yes.
    pub(super) const fn yes_slot(self) -> u8 {
        match self {
            Self::Invited => 3,
            Self::Inviter => 4,
        }
    }
}

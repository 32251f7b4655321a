//! Where a pairing stands, and what has happened.

use std::fmt;

use minicbor::{Decode, Encode};

use super::{Code, Failure, Offer, Refusal};

/// Where a pairing stands, from this device's side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// Both said yes: the other's card may be believed. The owner adds it and writes the welcome,
    /// the other waits for that.
    Agreed,
    /// Invited only: waits until the inviter shows its card.
    Answered,
    /// The code can be compared; this device's person has not said yet whether it is equal.
    Comparing,
    /// This device's person has said yes; the other has not, or it is not known yet.
    Confirmed,
    /// All is done: the welcome is in the mailbox, or was read.
    Done,
    /// It is over, without result.
    Ended(Ending),
    /// Inviter only: waits for an answer.
    Inviting,
    /// Invited only: knows who invites to what; this device's person has not accepted yet.
    Offered,
    /// Invited only: looks for the offer.
    Opening,
}

/// Why a pairing is over without result.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ending {
    /// Its time is up, by this device's own clock.
    #[n(0)]
    Expired,
    /// This device found something wrong.
    #[n(1)]
    Failed(#[n(0)] Failure),
    /// The other side refused.
    #[n(2)]
    Refused(#[n(0)] Refusal),
    /// This side refused.
    #[n(3)]
    Withdrawn,
}

/// What came of reading the mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Both said yes: the other's card may be believed.
    Agreed,
    /// The other's part is there: show this code, and ask whether the other sees the same.
    Compare(Code),
    /// Owner only: the welcome is in the mailbox. Nothing is left to do.
    Delivered,
    /// It is over, without result.
    Ended(Ending),
    /// Invited only: ask this device's person whether to accept.
    Offered(Offer),
    /// The other said yes; this device's person has not yet.
    OtherConfirmed,
    /// The welcome, from the one who was compared. Nothing is left to do.
    Welcomed(Vec<u8>),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("its time is up"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Refused(Refusal::CodesDiffer) => f.write_str("the other saw another code"),
            Self::Refused(Refusal::Declined) => f.write_str("the other declined"),
            Self::Refused(Refusal::Fault) => f.write_str("the other found something wrong"),
            Self::Withdrawn => f.write_str("this device declined"),
        }
    }
}

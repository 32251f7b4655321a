//! What can go wrong, and what the two sides tell each other of it.

use minicbor::{Decode, Encode};

use super::{Ending, Stage};
use crate::crypto::CryptoError;
use crate::membership::CardError;

/// Why a pairing was ended by this device: what the mailbox holds cannot be what the other side
/// wrote in its turn. Nothing of it was believed; a new link is needed.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The relay shows other bytes in a slot than before.
    #[error("slot {0} of the mailbox has changed after it was read")]
    #[n(0)]
    Altered(#[n(0)] u8),
    /// The other's card is none, altered, or of another version.
    #[error("the card in slot {0} of the mailbox is refused")]
    #[n(1)]
    Card(#[n(0)] u8),
    /// The inviter shows another card than the one that it was bound to: somebody stands between.
    #[error("the inviter's card is not the one that it was bound to")]
    #[n(2)]
    Commitment,
    /// The text of a slot cannot be read.
    #[error("slot {0} of the mailbox holds no message of this version")]
    #[n(3)]
    Malformed(#[n(0)] u8),
    /// The inviter's card has another name than its offer had.
    #[error("the inviter's card has another name than the offer")]
    #[n(4)]
    Name,
    /// What stands in a slot was altered, cut, or written for another slot or mailbox.
    #[error("slot {0} of the mailbox does not open")]
    #[n(5)]
    NotOpened(#[n(0)] u8),
    /// A message that has no place here, or that comes before its time.
    #[error("slot {0} of the mailbox holds a message out of turn")]
    #[n(6)]
    OutOfTurn(#[n(0)] u8),
    /// The offer is for something else than the link.
    #[error("the offer is for another purpose than the link")]
    #[n(7)]
    Purpose,
    /// The other's card has a key of this device's own: somebody sends back what was sent.
    #[error("the other's card has one of this device's own keys")]
    #[n(8)]
    SameKeys,
    /// The yes or the welcome was not signed by the card that was compared.
    #[error("slot {0} of the mailbox is not signed by the card")]
    #[n(9)]
    Signature(#[n(0)] u8),
    /// Somebody else has written in this device's turn: the link is in other hands too, or was used
    /// on another device.
    #[error("slot {0} of the mailbox was written by somebody else")]
    #[n(10)]
    Taken(#[n(0)] u8),
}

impl Failure {
    /// Whether the other side is told. Not where it is not the other side's doing.
    pub(super) const fn is_told(self) -> bool {
        !matches!(self, Self::Altered(_) | Self::Taken(_))
    }
}

/// Why one side refuses, as it tells the other.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(index_only)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Refusal {
    /// The codes differ: somebody stands between.
    #[n(1)]
    CodesDiffer,
    /// The person does not want to, or not any more.
    #[n(0)]
    Declined,
    /// The device found something wrong in the mailbox.
    #[n(2)]
    Fault,
}

/// Why a call was refused. It has changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PairingError {
    /// This device's own card is none.
    #[error(transparent)]
    Card(#[from] CardError),
    /// Keys cannot be used.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The pairing is over.
    #[error("the pairing is over: {0}")]
    Ended(Ending),
    /// The end is not within the next 30 days.
    #[error("an invitation ends within the next 30 days")]
    Lifetime,
    /// The keys that were given are not those of this device's card.
    #[error("these are not the keys of this device's card")]
    NotCardKeys,
    /// The relay's address is more than scheme, host and port.
    #[error("the relay has no plain address")]
    Relay,
    /// The call has no place at this stage, or on this side.
    #[error("this has no place at this stage of a pairing ({0:?})")]
    Stage(Stage),
    /// The stored bytes are no pairing of this version.
    #[error("the stored pairing cannot be read")]
    Stored,
    /// The card or welcome does not fit a mailbox.
    #[error("{0} bytes do not fit the mailbox")]
    TooLarge(usize),
}

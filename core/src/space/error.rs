//! What can go wrong in one space.

use waymark_wire::entry::EntryError;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{MembershipError, Refusal};

use super::StartFault;
use crate::crypto::CryptoError;
use crate::gate::GateError;
use crate::membership::BookError;
use crate::store::StoreError;

/// Why a space did not do what was asked. Nothing has changed then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// This device does not start at the checkpoint that the relay offers, or cannot go on from it.
    #[error("the checkpoint at {seq} is refused: {why}")]
    Checkpoint {
        /// Its place.
        seq: u64,
        /// What is wrong.
        why: StartFault,
    },
    /// A key is unusable.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// An entry of the log has no right form: the relay altered or invented it.
    #[error("entry {seq} is refused: {why}")]
    Entry {
        /// Its place.
        seq: u64,
        /// What is wrong.
        why: EntryError,
    },
    /// A document is still to come from the relay.
    #[error("it is still on its way from the relay")]
    OnItsWay,
    /// The relay names an entry as this very membership's that this device never made, and does not
    /// show it.
    #[error("the relay names entry {seq} as this device's, which does not know it")]
    OwnUnknown {
        /// Its place.
        seq: u64,
    },
    /// The relay's log goes on from before somebody was removed, and with an entry of whoever it was.
    /// Nothing more is taken or sent until a person decides.
    #[error("the log goes back to before {by} was removed, and on with an entry of it")]
    Forked {
        /// Who signed what now stands there.
        by: DeviceNumber,
    },
    /// The relay's log lacks the entry by which something was forgotten, and this device has let go of
    /// what stood before it. It goes on once the log has that entry again.
    #[error("the log goes back to before entry {seq}, by which something was forgotten")]
    Forgotten {
        /// Its place.
        seq: u64,
    },
    /// The gate refused an edit.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A membership entry of the log breaks a rule, or a stored one does.
    #[error(transparent)]
    Membership(#[from] BookError),
    /// A membership entry of the log breaks a rule.
    #[error("membership entry {seq} is refused: {why}")]
    MembershipEntry {
        /// Its place.
        seq: u64,
        /// What is wrong.
        why: MembershipError,
    },
    /// This device may not, or cannot yet, do this here.
    #[error("this device cannot do this here: {0}")]
    NotAllowed(&'static str),
    /// The relay contradicts itself or what this device has verified.
    #[error("the relay is not to be believed: {0}")]
    Relay(&'static str),
    /// The log holds an entry under this device's own signature that it never made: it was restored
    /// from a backup, or copied.
    #[error("entry {seq} is of this device, which does not know it")]
    Restored {
        /// Its place.
        seq: u64,
    },
    /// The signature under an entry of the log is not its signer's.
    #[error("entry {seq} is refused: {signer} did not sign it")]
    Signature {
        /// Its place.
        seq: u64,
        /// Whose entry it claims to be.
        signer: DeviceNumber,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SpaceError {
    /// An entry's refusal at its place in the log.
    pub(super) fn refused(seq: u64, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Signer(signer) => Self::Signature { seq, signer },
            other => Self::MembershipEntry {
                seq,
                why: other.into(),
            },
        }
    }
}

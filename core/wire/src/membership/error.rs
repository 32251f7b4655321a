//! Why entries are refused: one reason for each rule.

use super::BodyError;
use crate::ids::{DeviceNumber, Height};
use crate::limits;
use crate::signature::KeyError;

/// Why a membership entry is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// Its body cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The space is closed: nothing follows.
    #[error("the space is closed")]
    Closed,
    /// A membership was added under another number than the next.
    #[error("{given} was added where {next} is next")]
    DeviceNumber {
        /// The number it was given.
        given: DeviceNumber,
        /// The next free one.
        next: DeviceNumber,
    },
    /// It does nothing.
    #[error("the entry holds no op")]
    Empty,
    /// A key that no honest device makes, or that is or was a member's.
    #[error("the key of {device} is refused: {why}")]
    Key {
        /// The membership that was to be added.
        device: DeviceNumber,
        /// What is wrong with it.
        why: KeyRefusal,
    },
    /// The sealed keys are not exactly those that the ops call for.
    #[error("the sealed epoch keys are not for exactly those who need one")]
    Keys,
    /// Nobody would be left who could change the membership.
    #[error("the last admin goes only by closing the space")]
    LastAdmin,
    /// It does not follow the newest entry.
    #[error("the entry does not follow the newest membership entry")]
    Moved,
    /// An op is about somebody who is no member, or is not after this entry.
    #[error("{0} is not a member")]
    NotMember(DeviceNumber),
    /// Its signer may not do this.
    #[error("{0} may not do this")]
    Rights(DeviceNumber),
    /// It removes others and keeps the epoch key that they know, or starts an epoch with a key that
    /// its signer, who goes, would know; or it forgets and keeps the key of what is forgotten.
    #[error(
        "an entry that removes others or forgets starts an epoch, and one that removes its signer \
         does not"
    )]
    Rotation,
    /// Somebody has gone who knows the epoch key: it is replaced before anything else.
    #[error("the epoch key has to be replaced first")]
    RotationDue,
    /// An op does not go with the others of its entry, or stands there twice.
    #[error("{0} does not go with the other ops of its entry")]
    Together(&'static str),
    /// The space would have more memberships than it may have, or has run out of numbers.
    #[error(
        "a space has at most {} memberships at a time and 65,536 in all",
        limits::MEMBERSHIPS
    )]
    TooMany,
    /// An op, a right or a suite that this version does not allow.
    #[error("{0} is not supported by this version")]
    Unsupported(&'static str),
    /// The signature or the signer is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is wrong with a key at `add`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRefusal {
    /// No honest device makes such a key.
    #[error(transparent)]
    Form(#[from] KeyError),
    /// It has a membership in this space, or had one.
    #[error("it is or was a member's")]
    Used,
}

/// Why an entry does not count at its place in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The space is closed.
    #[error("the space is closed")]
    Closed,
    /// Its height is of an epoch that is over (also where the next has yet to start, because
    /// somebody left), or of no entry yet.
    #[error("its membership height {0:?} is not of an epoch in force")]
    Stale(Height),
    /// Its kind is not allowed yet.
    #[error("entries of kind {0} are not supported by this version")]
    Kind(u8),
    /// No membership had this number at that height, or the signature is not its.
    #[error("{0} did not sign this")]
    Signer(DeviceNumber),
    /// Its signer may not write.
    #[error("{0} may not write")]
    Rights(DeviceNumber),
}

impl Refusal {
    /// A stable name, for keeping beside what was refused.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Stale(_) => "stale_membership",
            Self::Kind(_) => "unsupported",
            Self::Signer(_) => "signer",
            Self::Rights(_) => "rights",
        }
    }
}

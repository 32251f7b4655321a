//! What a relay says when it does not do what was asked.

use minicbor::{Decode, Encode};

use crate::chain::Position;
use crate::codec::Bytes;

/// Why. The numbers are fixed.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, PartialEq)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum RefusalCode {
    /// The body is not what the route takes.
    #[n(1)]
    BadRequest,
    /// Unknown space, unknown key or bad signature: the same answer for all three.
    #[n(2)]
    NotFound,
    /// The entry's membership height is of an epoch that is over, or not known here yet: read on,
    /// verify, seal again.
    #[n(3)]
    StaleMembership,
    /// Another membership entry came first: read on and decide anew.
    #[n(4)]
    MembershipMoved,
    /// The entry's counter is not the next one of its signer.
    #[n(5)]
    Counter,
    /// The entry breaks a rule that every reader would hold against it.
    #[n(6)]
    Forbidden,
    /// A kind or op that this relay does not support.
    #[n(7)]
    Unsupported,
    /// The nonce is too old or not this relay's: try again with the one given.
    #[n(8)]
    Nonce,
    /// The reader's place is not on this relay's log.
    #[n(9)]
    UnknownPosition,
    /// Larger than the protocol allows.
    #[n(10)]
    TooLarge,
    /// The relay cannot serve now: try again later.
    #[n(11)]
    Unavailable,
    /// A space may only be created with a token of the operator's.
    #[n(12)]
    Admission,
    /// An attachment that a membership entry names is missing or of the wrong size.
    #[n(13)]
    Attachment,
    /// The space is closed: nothing is added to it any more.
    #[n(14)]
    Closed,
    /// Something else was put into this slot of the mailbox before.
    #[n(15)]
    MailboxTaken,
    /// What stands after the reader's place is not kept any more: start at a checkpoint.
    #[n(16)]
    Dropped,
    /// The space holds as much as it may.
    #[n(17)]
    Quota,
    /// Too much in too short a time: try again when the relay says.
    #[n(18)]
    TooOften,
}

impl RefusalCode {
    /// The stable name in documents, logs and errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::StaleMembership => "stale_membership",
            Self::MembershipMoved => "membership_moved",
            Self::Counter => "counter",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::Nonce => "nonce",
            Self::UnknownPosition => "unknown_position",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Admission => "admission",
            Self::Attachment => "attachment",
            Self::Closed => "closed",
            Self::MailboxTaken => "mailbox_taken",
            Self::Dropped => "dropped",
            Self::Quota => "quota",
            Self::TooOften => "too_often",
        }
    }

    /// The HTTP status that carries it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::Attachment => 400,
            Self::Nonce => 401,
            Self::Admission | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::StaleMembership
            | Self::MembershipMoved
            | Self::Counter
            | Self::UnknownPosition
            | Self::Closed
            | Self::MailboxTaken
            | Self::Dropped => 409,
            Self::TooLarge => 413,
            Self::Unsupported => 422,
            Self::TooOften => 429,
            Self::Unavailable => 503,
            Self::Quota => 507,
        }
    }
}

/// The body of every answer that is not 200.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct RefusalAnswer {
    /// Why.
    #[n(0)]
    pub code: RefusalCode,
    /// What is wrong, for whoever debugs; never content.
    #[n(1)]
    pub detail: String,
    /// For the next read proof.
    #[n(2)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
    /// The places of the entries before the refused one, which were taken.
    #[n(3)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub seqs: Vec<u64>,
    /// The end of the log, to members only.
    #[n(4)]
    pub head: Option<Position>,
    /// With [`RefusalCode::StaleMembership`] and [`RefusalCode::MembershipMoved`], to members only:
    /// the membership entries above the height that was named, as far as one page holds them.
    #[n(5)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub membership: Vec<Bytes>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    /// A device of an older or a later version could otherwise take one reason for another.
    #[test]
    fn each_code_has_its_number_its_name_and_its_status() {
        for (code, number, name, status) in [
            (RefusalCode::BadRequest, 1, "bad_request", 400),
            (RefusalCode::NotFound, 2, "not_found", 404),
            (RefusalCode::StaleMembership, 3, "stale_membership", 409),
            (RefusalCode::MembershipMoved, 4, "membership_moved", 409),
            (RefusalCode::Counter, 5, "counter", 409),
            (RefusalCode::Forbidden, 6, "forbidden", 403),
            (RefusalCode::Unsupported, 7, "unsupported", 422),
            (RefusalCode::Nonce, 8, "nonce", 401),
            (RefusalCode::UnknownPosition, 9, "unknown_position", 409),
            (RefusalCode::TooLarge, 10, "too_large", 413),
            (RefusalCode::Unavailable, 11, "unavailable", 503),
            (RefusalCode::Admission, 12, "admission", 403),
            (RefusalCode::Attachment, 13, "attachment", 400),
            (RefusalCode::Closed, 14, "closed", 409),
            (RefusalCode::MailboxTaken, 15, "mailbox_taken", 409),
            (RefusalCode::Dropped, 16, "dropped", 409),
            (RefusalCode::Quota, 17, "quota", 507),
            (RefusalCode::TooOften, 18, "too_often", 429),
        ] {
            assert_eq!(codec::encode(&code), [number], "{name}");
            assert_eq!(codec::decode(&[number], 1), Ok(code));
            assert_eq!((code.name(), code.status()), (name, status));
        }
        assert!(codec::decode::<RefusalCode>(&[19], 1).is_err());
    }
}

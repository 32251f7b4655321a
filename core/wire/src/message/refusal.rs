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
            | Self::UnknownPosition => 409,
            Self::TooLarge => 413,
            Self::Unsupported => 422,
            Self::Unavailable => 503,
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

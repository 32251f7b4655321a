//! What a person is in a space: the domain role, constant for a membership's whole life.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The role of a person in a space. It is part of the membership, so it never changes in place:
/// whoever takes another role is removed and added with new keys (`docs/protocol.md`).
///
/// Exhaustive on purpose: a role decides who may write what, and a role this version does not know
/// must not be guessed at.
#[derive(
    Clone, Copy, Debug, Decode, Deserialize, Encode, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Role {
    /// The person whose plan it is; the root of consent.
    #[n(0)]
    Client,
    /// A parent or legal guardian, who sees what was granted.
    #[n(3)]
    Guardian,
    /// A friend, relative or partner whom the client chose.
    #[n(2)]
    Supporter,
    /// A clinician who shapes the plan together with the client.
    #[n(1)]
    Therapist,
}

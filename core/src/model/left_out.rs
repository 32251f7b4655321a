//! What a view leaves out, and why.

use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::kinds::Kind;

/// Why a record does not count. The record stays in its document; every device with the same
/// records leaves out the same ones.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Reason {
    /// Its bytes are not a record: wrong CBOR, wrong types, a field missing.
    Malformed,
    /// It lies in a document where its kind or its date does not belong.
    Misplaced,
    /// Its kind, or a code in it, is not known to this version.
    NeedsNewerApp,
    /// A value breaks the range of its field or of the measure it names.
    OutOfRange,
    /// None of its authors may write this.
    OutOfRole,
    /// It speaks of a record that is not here, or does not count.
    UnknownReference,
    /// What its device wrote is undone.
    Voided,
}

/// A record that does not count.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct LeftOut {
    /// The record.
    pub id: RecordId,
    /// The number of its kind, where that much could be read.
    pub kind: Option<u16>,
    /// Why it does not count.
    pub reason: Reason,
    /// The voids that undo it, where that is the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone_by: Vec<RecordId>,
}

impl LeftOut {
    /// A record of a known kind that does not count.
    pub(crate) fn of(id: RecordId, kind: Kind, reason: Reason) -> Self {
        Self {
            id,
            kind: Some(kind.number()),
            reason,
            undone_by: Vec::new(),
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Misplaced => "misplaced",
            Self::NeedsNewerApp => "needs_newer_app",
            Self::OutOfRange => "out_of_range",
            Self::OutOfRole => "out_of_role",
            Self::UnknownReference => "unknown_reference",
            Self::Voided => "voided",
        })
    }
}

impl std::error::Error for Reason {}

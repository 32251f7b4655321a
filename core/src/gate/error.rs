use thiserror::Error;

/// Why the gate refused something. Every variant has a stable [`reason`](GateError::reason), which
/// is stored with what was refused and shown to people; messages hold nothing of the content.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum GateError {
    /// An element is deleted that the change's own past had deleted already.
    #[error("a deleted element was already deleted in the change's past")]
    AlreadyDeleted,
    /// The device's own stored form of a document cannot be read back.
    #[error("the stored document is damaged: {0}")]
    Damaged(&'static str),
    /// The dependencies are not those of an honest commit: one lies in the past of another.
    #[error("a dependency lies in the past of another one")]
    Dependencies,
    /// Automerge refused or panicked on changes that passed every rule, or made other bytes than
    /// expected. The document is poisoned.
    #[error("the document engine failed: {0}")]
    Engine(&'static str),
    /// The author has a different change at this sequence number.
    #[error("another change of this device stands at sequence number {seq}")]
    Forked {
        /// The first sequence number that differs.
        seq: u32,
    },
    /// The rebuilt changes do not hash to what the section states.
    #[error("the rebuilt changes do not have the stated hash")]
    HashMismatch,
    /// The bytes are not a form of this codec.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A position of a local edit lies outside the text.
    #[error("the position lies outside the text")]
    OutOfBounds,
    /// Sequence numbers or operation counters would leave their range.
    #[error("sequence numbers or operation counters are exhausted")]
    Overflow,
    /// An earlier failure left the document unusable; it is to be loaded again from the store.
    #[error("the document is unusable after an earlier failure")]
    Poisoned,
    /// A text is made under an id that exists in the change's past.
    #[error("a text with this id exists already")]
    TextExists,
    /// A length is over its limit.
    #[error("{0} is over its limit")]
    TooLarge(&'static str),
    /// The author, or an actor that an operation names, is not and was not a member.
    #[error("an actor is not a member")]
    UnknownActor,
    /// An element is named that does not exist in the change's past.
    #[error("a named element does not exist in the change's past")]
    UnknownElement,
    /// A text is named that does not exist in the change's past.
    #[error("a named text does not exist in the change's past")]
    UnknownText,
}

impl GateError {
    /// A stable name for the refusal, for storing and for looking up a text for people.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::AlreadyDeleted => "already_deleted",
            Self::Damaged(_) => "damaged",
            Self::Dependencies => "dependencies",
            Self::Engine(_) => "engine",
            Self::Forked { .. } => "forked",
            Self::HashMismatch => "hash_mismatch",
            Self::Malformed(_) => "malformed",
            Self::OutOfBounds => "out_of_bounds",
            Self::Overflow => "overflow",
            Self::Poisoned => "poisoned",
            Self::TextExists => "text_exists",
            Self::TooLarge(_) => "too_large",
            Self::UnknownActor => "unknown_actor",
            Self::UnknownElement => "unknown_element",
            Self::UnknownText => "unknown_text",
        }
    }
}

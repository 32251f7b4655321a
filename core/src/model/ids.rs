//! Typed ids of the domain: the id of a record of one kind, and of a person.

use crate::ids::id;
pub use crate::ids::{IdError, RecordId, TextId};

/// Declares an id that is the id of a record of one kind.
macro_rules! record_id {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl $name {
            /// The id of the record.
            pub const fn record(self) -> RecordId {
                RecordId(self.0)
            }
        }

        impl From<RecordId> for $name {
            fn from(id: RecordId) -> Self {
                Self(id.0)
            }
        }

        impl From<$name> for RecordId {
            fn from(id: $name) -> Self {
                Self(id.0)
            }
        }
    };
}

id!(
    /// A person in one space: random, shared by the memberships of that person's devices.
    PersonTag
);
record_id!(
    /// A check-in.
    CheckInId
);
record_id!(
    /// A goal.
    GoalId
);
record_id!(
    /// A grant.
    GrantId
);
record_id!(
    /// A measure, known by the first record of its chain.
    MeasureId
);
record_id!(
    /// A note.
    NoteId
);
record_id!(
    /// A revision of a goal.
    RevisionId
);

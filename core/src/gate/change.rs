use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId};
use super::limits::MAX_COUNTER;
use crate::ids::{RecordId, TextId};

/// An immutable record with the id that follows from its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    id: RecordId,
    bytes: Vec<u8>,
}

impl Record {
    /// A record of these bytes; 1 to [`MAX_RECORD`](super::limits::MAX_RECORD) of them are allowed
    /// in a change.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            id: RecordId::of(&bytes),
            bytes,
        }
    }

    /// The first 16 bytes of the SHA-256 of the bytes.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// The record's own bytes, whatever they are: the gate never looks inside.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// One of the three things that a change does. `Insert` and `Delete` are runs, which stand for one
/// Automerge operation per character.
///
/// Exhaustive on purpose: the format knows these and nothing else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// Deletes `count` elements of a text whose counters follow each other, made by one actor.
    Delete {
        /// The operation that made the text.
        text: OpId,
        /// The element with the lowest counter.
        first: OpId,
        /// How many; at least 1.
        count: u32,
    },
    /// Inserts characters into a text, each after the one before it.
    Insert {
        /// The operation that made the text.
        text: OpId,
        /// The element that the first character follows; `None` is the text's beginning.
        after: Option<OpId>,
        /// At least one character; an element each (Unicode scalar values).
        chars: String,
    },
    /// Makes a text.
    MakeText {
        /// Its name, new in the change's past.
        id: TextId,
    },
    /// Puts a record under the key that follows from its bytes.
    Record(Record),
}

impl Op {
    /// How many operations of Automerge this is.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Delete { count, .. } => u64::from(*count),
            Self::Insert { chars, .. } => chars.chars().count() as u64,
            Self::MakeText { .. } | Self::Record(_) => 1,
        }
    }

    /// Whether it stands for no operation at all; no such op is well-formed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text and the element that the op names.
    pub(super) const fn names(&self) -> (Option<OpId>, Option<OpId>) {
        match self {
            Self::Delete { text, first, .. } => (Some(*text), Some(*first)),
            Self::Insert { text, after, .. } => (Some(*text), *after),
            Self::MakeText { .. } | Self::Record(_) => (None, None),
        }
    }
}

/// What a change says that its receiver cannot compute: this is all of it that travels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangeBody {
    /// The dependencies beside the author's own previous change, ascending. None of them lies in
    /// the past of another dependency.
    pub others: Vec<ChangeHash>,
    /// What it does; at least one op.
    pub ops: Vec<Op>,
}

/// A whole change in our own form, from which the exact Automerge change is rebuilt.
///
/// Automerge's author, time, message and extra bytes are always empty. Every change after its
/// author's first depends on the author's previous one, named as such even where a head has it in
/// its past: this is what Automerge's commit does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainChange {
    /// Who made it.
    pub actor: ActorId,
    /// 1 for the author's first change, then one more each time.
    pub seq: u32,
    /// The counter of the first operation: one more than the highest in the change's past.
    pub start_op: u32,
    /// The author's previous change; `None` exactly where `seq` is 1.
    pub previous: Option<ChangeHash>,
    /// What travels.
    pub body: ChangeBody,
}

impl PlainChange {
    /// The counter of the last operation.
    ///
    /// # Errors
    /// [`GateError::Overflow`] where it would be over [`MAX_COUNTER`].
    pub fn max_op(&self) -> Result<u32, GateError> {
        let last = u64::from(self.start_op) + self.body.operations().saturating_sub(1);
        u32::try_from(last)
            .ok()
            .filter(|max| *max <= MAX_COUNTER)
            .ok_or(GateError::Overflow)
    }

    /// The Automerge change that it is rebuilt to, for those who hold the gate against Automerge.
    ///
    /// # Errors
    /// [`GateError::Overflow`] where a number would leave its range.
    #[cfg(feature = "fuzzing")]
    pub fn to_chunk(&self) -> Result<Vec<u8>, GateError> {
        super::chunk::write(self).map(|chunk| chunk.bytes)
    }

    /// All dependencies in ascending order, as they stand in the Automerge change.
    #[must_use]
    pub fn deps(&self) -> Vec<ChangeHash> {
        let mut deps = Vec::with_capacity(self.body.others.len() + 1);
        deps.extend(self.previous);
        deps.extend(&self.body.others);
        deps.sort_unstable();
        deps
    }
}

impl ChangeBody {
    /// How many operations of Automerge this is.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.ops.iter().map(Op::len).sum()
    }

    /// Whether any op works on a text.
    pub(super) fn touches_text(&self) -> bool {
        self.ops.iter().any(|op| !matches!(op, Op::Record(_)))
    }

    /// The actors other than `own` that ops name, ascending.
    pub(super) fn other_actors(&self, own: ActorId) -> Vec<ActorId> {
        let mut actors: Vec<_> = self
            .ops
            .iter()
            .flat_map(|op| {
                let (text, element) = op.names();
                text.into_iter().chain(element)
            })
            .map(|id| id.actor)
            .filter(|actor| *actor != own)
            .collect();
        actors.sort_unstable();
        actors.dedup();
        actors
    }
}

/// Joins `op` to the last of `ops` where the two are one run, so that a change has one form only.
/// `last_counter` is the counter of the last operation before `op`, made by `actor`.
pub(super) fn push_run(ops: &mut Vec<Op>, op: Op, last: OpId) {
    if let Some(before) = ops.last_mut()
        && joins(before, &op, last)
    {
        match (before, op) {
            (Op::Insert { chars, .. }, Op::Insert { chars: more, .. }) => chars.push_str(&more),
            (Op::Delete { count, .. }, Op::Delete { count: more, .. }) => *count += more,
            _ => {}
        }
        return;
    }
    ops.push(op);
}

/// Whether `next` continues the run `before`, whose last operation is `last`.
pub(super) fn joins(before: &Op, next: &Op, last: OpId) -> bool {
    match (before, next) {
        (
            Op::Insert { text, .. },
            Op::Insert {
                text: next, after, ..
            },
        ) => text == next && *after == Some(last),
        (
            Op::Delete { text, first, count },
            Op::Delete {
                text: next,
                first: next_first,
                ..
            },
        ) => {
            text == next
                && first.actor == next_first.actor
                && first.counter.checked_add(*count) == Some(next_first.counter)
        }
        _ => false,
    }
}

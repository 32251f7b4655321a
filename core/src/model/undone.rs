//! What is undone in a space: what devices wrote from some point on that a client takes back as a
//! whole. Which voids hold is decided in `kinds/void.rs`; here they are held against what was put.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ActorId, OpId};
use crate::model::document::DocumentKey;
use crate::model::ids::RecordId;

/// What is undone in a space. It follows from the records of the plan alone, and holds for every
/// document of the space.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Undone(Vec<Holding>);

/// A void that holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Holding {
    /// The void.
    pub(crate) id: RecordId,
    /// The operation that put it into the plan.
    pub(crate) put: OpId,
    /// Whose operations are void.
    pub(crate) actor: ActorId,
    /// From which operation on, by kind and part of the document; where none is named, all.
    pub(crate) from: BTreeMap<(u16, u32), u32>,
}

impl Undone {
    /// Whether an operation in a document is undone.
    pub fn covers(&self, document: DocumentKey, op: &OpId) -> bool {
        self.0.iter().any(|void| void.covers(document, op))
    }

    /// Whether everything is undone that somebody writes from now on.
    pub fn goes_on_for(&self, actor: ActorId) -> bool {
        self.0.iter().any(|void| void.actor == actor)
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The voids that hold, the newest first.
    pub(crate) fn holding(&self) -> &[Holding] {
        &self.0
    }

    /// The voids that undo an operation.
    pub(crate) fn by(&self, document: DocumentKey, op: &OpId) -> BTreeSet<RecordId> {
        let by = self.0.iter().filter(|void| void.covers(document, op));
        by.map(|void| void.id).collect()
    }

    /// The same where the operation put a void: only a newer one undoes it.
    pub(crate) fn by_newer(&self, document: DocumentKey, op: &OpId) -> BTreeSet<RecordId> {
        let newer = self.0.iter().filter(|void| void.put > *op);
        let by = newer.filter(|void| void.covers(document, op));
        by.map(|void| void.id).collect()
    }

    /// One void more, older than those that are here.
    pub(crate) fn push(&mut self, holding: Holding) {
        self.0.push(holding);
    }
}

impl Holding {
    fn covers(&self, document: DocumentKey, op: &OpId) -> bool {
        let place = (u16::from(document.kind.code()), document.part);
        let from = self.from.get(&place).copied().unwrap_or_default();
        op.actor == self.actor && op.counter >= from
    }
}

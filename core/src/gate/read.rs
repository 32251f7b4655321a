use std::borrow::Cow;

use automerge::{ObjType, ROOT, ReadDoc, ScalarValueRef, Value, ValueRef};

use super::change::{ChangeBody, Op, PlainChange, Record, push_run};
use super::document::{self, Document};
use super::edit::op_id;
use super::error::GateError;
use super::id::{ActorId, ChangeHash, Named, OpId, record_key};
use crate::ids::{RecordId, TextId};

/// A record as it stands in a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordView<'a> {
    /// Its id.
    pub id: RecordId,
    /// Its bytes, whose hash the id is.
    pub bytes: Cow<'a, [u8]>,
    /// Every time that it was put, ascending; never empty.
    pub puts: Vec<OpId>,
}

impl RecordView<'_> {
    /// Everyone who put it, ascending, each once.
    #[must_use]
    pub fn authors(&self) -> Vec<ActorId> {
        let mut authors: Vec<_> = self.puts.iter().map(|put| put.actor).collect();
        authors.sort_unstable();
        authors.dedup();
        authors
    }
}

impl Document {
    /// All records, in the order of their keys (the base64url text of the id, as bytes).
    pub fn records(&self) -> impl Iterator<Item = RecordView<'_>> + '_ {
        self.doc.map_range(ROOT, ..).filter_map(|item| {
            let Ok(Named::Record(id)) = item.key.parse() else {
                return None;
            };
            let puts = if item.conflict {
                self.puts(id)
            } else {
                op_id(&item.id()).into_iter().collect()
            };
            match item.value {
                ValueRef::Scalar(ScalarValueRef::Bytes(bytes)) => {
                    Some(RecordView { id, bytes, puts })
                }
                _ => None,
            }
        })
    }

    /// Whether a record of this id is here.
    #[must_use]
    pub fn has_record(&self, id: &RecordId) -> bool {
        matches!(self.doc.get(ROOT, record_key(id).as_str()), Ok(Some(_)))
    }

    /// The record of this id.
    #[must_use]
    pub fn record(&self, id: &RecordId) -> Option<RecordView<'_>> {
        match self.doc.get(ROOT, record_key(id).as_str()) {
            Ok(Some((Value::Scalar(value), _))) => match value.into_owned() {
                automerge::ScalarValue::Bytes(bytes) => Some(RecordView {
                    id: *id,
                    bytes: Cow::Owned(bytes),
                    puts: self.puts(*id),
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The text of this name as it reads now. Where several devices made a text under one name
    /// without knowing of each other, all of them one after another, the oldest first.
    #[must_use]
    pub fn text(&self, id: &TextId) -> Option<String> {
        let made = self.made_texts(*id).into_iter();
        let read = made.map(|text| self.doc.text(text).ok());
        read.reduce(|all, one| Some(all? + &one?))?
    }

    /// The names of all texts, in the order of their keys.
    #[must_use]
    pub fn texts(&self) -> Vec<TextId> {
        self.doc
            .keys(ROOT)
            .filter_map(|key| match key.parse() {
                Ok(Named::Text(id)) => Some(id),
                _ => None,
            })
            .collect()
    }

    /// Everyone who has made a change here, ascending.
    ///
    /// # Errors
    /// [`GateError::Poisoned`], or [`GateError::Damaged`] where the document is not one of ours.
    pub fn actors(&mut self) -> Result<Vec<ActorId>, GateError> {
        self.usable()?;
        let past = self.take_past(false)?;
        let actors = past.actors();
        self.keep_past(past);
        Ok(actors)
    }

    fn puts(&self, id: RecordId) -> Vec<OpId> {
        let puts = self.doc.get_all(ROOT, record_key(&id).as_str());
        let puts = puts.unwrap_or_default();
        let mut puts: Vec<_> = puts.iter().filter_map(|(_, id)| op_id(id).ok()).collect();
        puts.sort_unstable();
        puts
    }
}

impl PlainChange {
    /// Our form of a change that stands in one of our documents. `previous` is its actor's change
    /// before it.
    pub(super) fn from_automerge(
        change: &automerge::Change,
        previous: Option<ChangeHash>,
    ) -> Result<Self, GateError> {
        use automerge::legacy::{ElementId, Key, ObjectId, OpType};

        const FOREIGN: GateError = GateError::Damaged("operation");
        let expanded = change.decode();
        let own = document::actor(change.actor_id())?;
        let id = |id: &automerge::legacy::OpId| -> Result<OpId, GateError> {
            Ok(OpId {
                counter: document::counter(id.counter())?,
                actor: document::actor(id.actor())?,
            })
        };
        let start_op = document::counter(change.start_op().get())?;
        let mut ops = Vec::new();
        for (counter, op) in (start_op..).zip(&expanded.operations) {
            let last = OpId {
                counter: counter - 1,
                actor: own,
            };
            let next = match (&op.obj, &op.key, &op.action) {
                (
                    ObjectId::Root,
                    Key::Map(_),
                    OpType::Put(automerge::ScalarValue::Bytes(bytes)),
                ) => Op::Record(Record::new(bytes.clone())),
                (ObjectId::Root, Key::Map(key), OpType::Make(ObjType::Text)) => {
                    match key.parse()? {
                        Named::Text(id) => Op::MakeText { id },
                        Named::Record(_) => return Err(FOREIGN),
                    }
                }
                (ObjectId::Id(text), Key::Seq(after), OpType::Put(value)) if op.insert => {
                    Op::Insert {
                        text: id(text)?,
                        after: match after {
                            ElementId::Head => None,
                            ElementId::Id(after) => Some(id(after)?),
                        },
                        chars: value.as_str().ok_or(FOREIGN)?.to_owned(),
                    }
                }
                (ObjectId::Id(text), Key::Seq(ElementId::Id(element)), OpType::Delete) => {
                    Op::Delete {
                        text: id(text)?,
                        first: id(element)?,
                        count: 1,
                    }
                }
                _ => return Err(FOREIGN),
            };
            push_run(&mut ops, next, last);
        }
        let others = change
            .deps()
            .iter()
            .map(|hash| ChangeHash(hash.0))
            .filter(|hash| Some(*hash) != previous)
            .collect();
        let body = ChangeBody { others, ops };
        let seq = document::seq(change.seq())?;
        Ok(Self {
            actor: own,
            seq,
            start_op,
            previous,
            body,
        })
    }
}

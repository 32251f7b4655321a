//! Edits made on this device. Each is one change, written in our own form first, and held against
//! the same rules as a received one.

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjType, ROOT, ReadDoc, Value};

use super::change::{Op, PlainChange, Record, push_run};
use super::chunk;
use super::document::{Document, StoredChange, actor, counter};
use super::error::GateError;
use super::id::{OpId, record_key, text_key};
use super::limits::{MAX_CHANGE, MAX_OPERATIONS, MAX_RECORD};
use super::rules;
use crate::ids::TextId;

impl Document {
    /// Puts a record of 1 to [`MAX_RECORD`] bytes. `None` where this very record is here already.
    ///
    /// # Errors
    /// [`GateError::TooLarge`], [`GateError::Malformed`] (an empty record), [`GateError::Overflow`];
    /// [`GateError::Engine`] and [`GateError::Poisoned`] as described at [`Document`].
    pub fn put_record(&mut self, bytes: &[u8]) -> Result<Option<StoredChange>, GateError> {
        self.put_records(&[bytes])
    }

    /// Puts several records as one change, [`MAX_CHANGE`] bytes in all; those that are here already,
    /// or occur twice, are left out. `None` where none is left.
    ///
    /// # Errors
    /// As [`put_record`](Self::put_record).
    pub fn put_records(&mut self, records: &[&[u8]]) -> Result<Option<StoredChange>, GateError> {
        self.usable()?;
        let mut ops: Vec<Op> = Vec::with_capacity(records.len());
        let mut seen = std::collections::HashSet::with_capacity(records.len());
        for bytes in records {
            if bytes.is_empty() {
                return Err(GateError::Malformed("record"));
            }
            if bytes.len() > MAX_RECORD {
                return Err(GateError::TooLarge("record"));
            }
            let record = Record::new(bytes.to_vec());
            if seen.insert(record.id()) && !self.has_record(&record.id()) {
                ops.push(Op::Record(record));
            }
        }
        let puts: Vec<_> = ops
            .iter()
            .filter_map(|op| match op {
                Op::Record(record) => Some((record_key(&record.id()), record.bytes().to_vec())),
                _ => None,
            })
            .collect();
        self.commit(ops, |transaction| {
            puts.into_iter()
                .try_for_each(|(key, bytes)| transaction.put(ROOT, key.as_str(), bytes))
        })
    }

    /// Makes an empty text under a name that is new here.
    ///
    /// # Errors
    /// [`GateError::TextExists`]; otherwise as [`put_record`](Self::put_record).
    pub fn make_text(&mut self, id: TextId) -> Result<StoredChange, GateError> {
        self.usable()?;
        let made = self.commit(vec![Op::MakeText { id }], |transaction| {
            transaction
                .put_object(ROOT, text_key(&id).as_str(), ObjType::Text)
                .map(drop)
        })?;
        made.ok_or(GateError::Engine("made nothing"))
    }

    /// Deletes `delete` characters of a text from `position` on and inserts `insert` there.
    /// Positions and lengths count Unicode scalar values (Rust `char`s). `None` where there is
    /// nothing to do. One change holds at most [`MAX_CHANGE`] bytes and [`MAX_OPERATIONS`]
    /// characters; do more in several steps.
    ///
    /// # Errors
    /// [`GateError::UnknownText`]; [`GateError::OutOfBounds`] where the range is not inside the
    /// text; [`GateError::TooLarge`]; otherwise as [`put_record`](Self::put_record).
    pub fn splice_text(
        &mut self,
        id: TextId,
        position: usize,
        delete: usize,
        insert: &str,
    ) -> Result<Option<StoredChange>, GateError> {
        self.usable()?;
        let object = match self.doc.get(ROOT, text_key(&id).as_str()) {
            Ok(Some((Value::Object(ObjType::Text), object))) => object,
            _ => return Err(GateError::UnknownText),
        };
        let text = op_id(&object)?;
        let end = position.checked_add(delete).ok_or(GateError::OutOfBounds)?;
        if end > self.doc.length(&object) {
            return Err(GateError::OutOfBounds);
        }
        if insert.len() > MAX_CHANGE || delete as u64 > MAX_OPERATIONS {
            return Err(GateError::TooLarge("change"));
        }
        let element = |at: usize| match self.doc.get(&object, at) {
            Ok(Some((_, element))) => op_id(&element),
            _ => Err(GateError::OutOfBounds),
        };
        let mut ops = Vec::new();
        if !insert.is_empty() {
            let after = position.checked_sub(1).map(element).transpose()?;
            ops.push(Op::Insert {
                text,
                after,
                chars: insert.to_owned(),
            });
        }
        for at in position..end {
            let op = Op::Delete {
                text,
                first: element(at)?,
                count: 1,
            };
            // Deletes join by the elements they name; what was last does not matter to them.
            push_run(&mut ops, op, text);
        }
        let count = isize::try_from(delete).map_err(|_| GateError::OutOfBounds)?;
        self.commit(ops, |transaction| {
            transaction.splice_text(&object, position, count, insert)
        })
    }

    /// Makes one change of `ops`, which `work` does to the document. Automerge's own commit is
    /// several times faster than applying a rebuilt change; that both are the same is checked by
    /// the hash.
    fn commit(
        &mut self,
        ops: Vec<Op>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<StoredChange>, GateError> {
        if ops.is_empty() {
            return Ok(None);
        }
        let change = self.next(ops);
        let stored = change.to_stored();
        if stored.len() > MAX_CHANGE || change.body.operations() > MAX_OPERATIONS {
            return Err(GateError::TooLarge("change"));
        }
        change.max_op()?;
        if change.body.touches_text() {
            self.check_own(&change)?;
        }
        let hash = chunk::write(&change)?.hash;
        self.commit_as(&change, hash, work)?;
        Ok(Some(StoredChange {
            actor: change.actor,
            hash,
            seq: change.seq,
            stored,
        }))
    }

    /// Holds an edit of a text against the index of elements, which learns of it.
    fn check_own(&mut self, change: &PlainChange) -> Result<(), GateError> {
        let mut past = self.take_past(true)?;
        let own = past.enter(change.actor)?;
        let checked = past
            .place(own, change.seq, &change.body.others)
            .and_then(|place| rules::check(&mut past, &place, change, true));
        if let Some(texts) = &mut past.texts {
            if checked.is_ok() {
                texts.keep();
            } else {
                texts.undo();
            }
        }
        self.keep_past(past);
        checked
    }
}

/// The operation that made an object or an element.
pub(super) fn op_id(id: &automerge::ObjId) -> Result<OpId, GateError> {
    match id {
        automerge::ObjId::Id(value, by, _) => Ok(OpId {
            counter: counter(*value)?,
            actor: actor(by)?,
        }),
        automerge::ObjId::Root => Err(GateError::Damaged("element")),
    }
}

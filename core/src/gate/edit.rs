//! Edits made on this device. Each is one change, written in our own form first, and held against
//! the same rules as a received one.

use std::ops::Range;

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId, ObjType, ROOT, ReadDoc};

use super::change::{Op, PlainChange, Record, push_run};
use super::chunk;
use super::document::{Document, StoredChange, actor, counter};
use super::error::GateError;
use super::id::{OpId, record_key, text_key};
use super::limits::{MAX_CHANGE, MAX_OPERATIONS, MAX_RECORD};
use super::rules;
use super::undone::IsUndone;
use crate::ids::TextId;

/// What an edit does to one text object.
struct Part {
    object: ObjId,
    /// Whether what is inserted goes here.
    inserts: bool,
    /// The character that it goes behind.
    before: Option<usize>,
    /// Characters that are deleted, in runs.
    gone: Vec<Range<usize>>,
}

impl Part {
    fn splice(self, transaction: &mut Transaction<'_>, insert: &str) -> Result<(), AutomergeError> {
        let insert = if self.inserts { insert } else { "" };
        let at = self.before.map_or(0, |before| before + 1);
        transaction.splice_text(&self.object, at, 0, insert)?;
        let length = insert.chars().count();
        let mut deleted = 0;
        for run in self.gone {
            let count = isize::try_from(run.len()).unwrap_or_default();
            transaction.splice_text(&self.object, run.start + length - deleted, count, "")?;
            deleted += run.len();
        }
        Ok(())
    }
}

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
        self.splice_shown(id, position, delete, insert, None)
    }

    /// The same in a text of which some operations are left out: position and range are those of
    /// what [`text_without`](Self::text_without) shows. What is hidden inside the range stays.
    ///
    /// # Errors
    /// As [`splice_text`](Self::splice_text).
    pub fn splice_shown(
        &mut self,
        id: TextId,
        position: usize,
        delete: usize,
        insert: &str,
        is_undone: Option<IsUndone<'_>>,
    ) -> Result<Option<StoredChange>, GateError> {
        self.usable()?;
        let end = position.checked_add(delete).ok_or(GateError::OutOfBounds)?;
        if insert.len() > MAX_CHANGE || delete as u64 > MAX_OPERATIONS {
            return Err(GateError::TooLarge("change"));
        }
        let parts = self.parts(id, position..end, is_undone)?;
        let mut ops = Vec::new();
        for part in &parts {
            let text = op_id(&part.object)?;
            let element = |at: usize| match self.doc.get(&part.object, at) {
                Ok(Some((_, element))) => op_id(&element),
                _ => Err(GateError::OutOfBounds),
            };
            if part.inserts && !insert.is_empty() {
                ops.push(Op::Insert {
                    text,
                    after: part.before.map(element).transpose()?,
                    chars: insert.to_owned(),
                });
            }
            for at in part.gone.iter().cloned().flatten() {
                let op = Op::Delete {
                    text,
                    first: element(at)?,
                    count: 1,
                };
                // Deletes join by the elements they name; what was last does not matter to them.
                push_run(&mut ops, op, text);
            }
        }
        self.commit(ops, |transaction| {
            parts
                .into_iter()
                .try_for_each(|part| part.splice(transaction, insert))
        })
    }

    /// What an edit does to each of the texts that were made under a name, which are read one after
    /// another.
    fn parts(
        &self,
        id: TextId,
        range: Range<usize>,
        is_undone: Option<IsUndone<'_>>,
    ) -> Result<Vec<Part>, GateError> {
        let made = self.made_texts(id);
        let last = made.len().checked_sub(1).ok_or(GateError::UnknownText)?;
        let mut parts = Vec::new();
        let (mut passed, mut inserts) = (0, true);
        for (number, object) in made.into_iter().enumerate() {
            // Whether the rest of the range is in it is seen where its places are looked for.
            let length = match number == last {
                true => usize::MAX,
                false => self.shown_length(&object, is_undone)?,
            };
            let here = |at: usize| at.saturating_sub(passed).min(length);
            let (start, end) = (here(range.start), here(range.end));
            let inserts_here = inserts && range.start <= passed.saturating_add(length);
            if inserts_here || start < end {
                let (before, gone) = self.places(&object, start..end, is_undone)?;
                parts.push(Part {
                    object,
                    inserts: inserts_here,
                    before,
                    gone,
                });
                inserts &= !inserts_here;
            }
            passed = passed.saturating_add(length);
        }
        Ok(parts)
    }

    /// How many characters of a text are shown.
    fn shown_length(
        &self,
        object: &ObjId,
        is_undone: Option<IsUndone<'_>>,
    ) -> Result<usize, GateError> {
        let Some(is_undone) = is_undone else {
            return Ok(self.doc.length(object));
        };
        let elements = self.elements_of(object)?;
        Ok(elements.iter().filter(|(by, _)| !is_undone(by)).count())
    }

    /// Where in a text the character before a range of what is shown stands, and where the range
    /// itself, in runs.
    fn places(
        &self,
        object: &ObjId,
        range: Range<usize>,
        is_undone: Option<IsUndone<'_>>,
    ) -> Result<(Option<usize>, Vec<Range<usize>>), GateError> {
        let Some(is_undone) = is_undone else {
            let fits = range.end <= self.doc.length(object);
            let before = range.start.checked_sub(1);
            let runs = (before, vec![range]);
            return fits.then_some(runs).ok_or(GateError::OutOfBounds);
        };
        let (mut before, mut runs) = (None, Vec::<Range<usize>>::new());
        let mut shown = 0;
        for (at, (by, _)) in self.elements_of(object)?.iter().enumerate() {
            if shown >= range.end {
                break;
            }
            if is_undone(by) {
                continue;
            }
            if shown < range.start {
                before = Some(at);
            } else if let Some(run) = runs.last_mut().filter(|run| run.end == at) {
                run.end += 1;
            } else {
                runs.push(at..at + 1);
            }
            shown += 1;
        }
        (shown >= range.end)
            .then_some((before, runs))
            .ok_or(GateError::OutOfBounds)
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
pub(super) fn op_id(id: &ObjId) -> Result<OpId, GateError> {
    match id {
        ObjId::Id(value, by, _) => Ok(OpId {
            counter: counter(*value)?,
            actor: actor(by)?,
        }),
        ObjId::Root => Err(GateError::Damaged("element")),
    }
}

//! A document without some of what was said in it: the same for everybody who had the same before.
//!
//! Each change stays, with its author, number and counters, so that everything that names another
//! operation still names it. What a forgotten record was put with puts a placeholder, which says
//! nothing but its own counter and a byte; a forgotten text is made under another name, and each
//! character that was typed into it is a space. What depends on such a change has another hash, and
//! nothing else.
//!
//! The byte is of a hash of what was forgotten. A device that comes back tells by it whether that is what
//! it had said itself, or what a copy of it had said under the same number; nobody else learns from it
//! what it was.
//!
//! A change comes out alike whatever stands beside it, since only its past decides. So what one device
//! has rewritten, and what another has of the same document and more, still merge.

use std::collections::{HashMap, HashSet};

use minicbor::{Decode, Encode};
use ring::digest::{Context, SHA256};
use waymark_wire::codec;

use super::change::{ChangeBody, Op, PlainChange, Record};
use super::chunk;
use super::document::{self, Document, guard};
use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId};
use super::past::{Past, Place};
use super::rules;
use super::texts::Texts;
use crate::forgotten::Forgotten;
use crate::ids::{RecordId, TextId};

/// What the new name of a forgotten text is made from, and the byte that is left.
const LABEL: &[u8] = b"waymark/1 forgotten";
/// What stands for a character of a forgotten text.
pub(super) const NOTHING: char = ' ';
/// The kind of a record that says nothing.
pub(super) const PLACEHOLDER: u16 = 13;

/// What stands in the place of a forgotten record.
#[derive(Decode, Encode)]
#[cbor(map)]
pub(super) struct Placeholder {
    #[n(0)]
    pub(super) kind: u16,
    /// Of the operation that puts it.
    #[n(2)]
    pub(super) counter: u32,
    /// Where its change puts such a record already, how many.
    #[n(3)]
    nth: Option<u32>,
    /// Of the record that is forgotten.
    #[n(4)]
    pub(super) tag: u8,
}

impl Document {
    /// The document without what is forgotten; `None` where nothing of it is here.
    ///
    /// # Errors
    /// [`GateError::Damaged`] where the document is not one of ours; [`GateError::Engine`] and
    /// [`GateError::Poisoned`] as described at [`Document`].
    pub fn forgetting(&self, forgotten: &Forgotten) -> Result<Option<Self>, GateError> {
        self.usable()?;
        if self.said_of(forgotten).is_empty() {
            return Ok(None);
        }
        let mut rewriting = Rewriting::of(forgotten);
        let mut changes = Vec::new();
        for change in guard(|| self.doc.get_changes(&[]))? {
            let actor = document::actor(change.actor_id())?;
            let hash = ChangeHash(change.hash().0);
            let previous = rewriting.last.insert(actor, hash);
            let plain = PlainChange::from_automerge(&change, previous)?;
            changes.push(match rewriting.rewrite(plain, hash)? {
                Some(chunk) => document::parse(&chunk)?,
                None => change,
            });
        }
        Self::of_changes(changes, self.actor()).map(Some)
    }

    /// The same, where all stays as it was said that these authors said from these numbers on; `None` where
    /// some of that is forgotten too.
    ///
    /// # Errors
    /// As [`forgetting`](Self::forgetting).
    pub fn forgetting_around(
        self,
        forgotten: &Forgotten,
        said: &[(ActorId, u32)],
    ) -> Result<Option<Self>, GateError> {
        let Some(rest) = self.forgetting(forgotten)? else {
            return Ok(Some(self));
        };
        for (author, from) in said {
            let before = self.changes_from(*author, *from)?;
            let after = rest.changes_from(*author, *from)?;
            for (before, after) in before.iter().zip(&after) {
                let before = PlainChange::from_stored(&before.stored)?;
                if before.body.ops != PlainChange::from_stored(&after.stored)?.body.ops {
                    return Ok(None);
                }
            }
        }
        Ok(Some(rest))
    }

    /// As much of it as is here.
    #[must_use]
    pub fn said_of(&self, forgotten: &Forgotten) -> Forgotten {
        let records = forgotten.records.iter().copied();
        let texts = forgotten.texts.iter().copied();
        Forgotten {
            records: records.filter(|id| self.has_record(id)).collect(),
            texts: texts
                .filter(|id| !self.made_texts(*id).is_empty())
                .collect(),
        }
    }
}

/// What has been read of a document's changes, each after all that it depends on.
struct Rewriting<'f> {
    forgotten: &'f Forgotten,
    /// The operations that made forgotten texts.
    texts: HashSet<OpId>,
    /// The new hashes of changes that have others now.
    hashes: HashMap<ChangeHash, ChangeHash>,
    /// The former hash of each actor's last change.
    last: HashMap<ActorId, ChangeHash>,
    /// The changes as they are now: what comes out keeps every rule.
    past: Past,
}

impl<'f> Rewriting<'f> {
    fn of(forgotten: &'f Forgotten) -> Self {
        let mut past = Past::default();
        past.texts = Some(Texts::default());
        Self {
            forgotten,
            texts: HashSet::new(),
            hashes: HashMap::new(),
            last: HashMap::new(),
            past,
        }
    }

    /// The next change as it is afterwards; `None` where that is as before.
    fn rewrite(
        &mut self,
        change: PlainChange,
        old: ChangeHash,
    ) -> Result<Option<chunk::Chunk>, GateError> {
        let own = self.past.enter(change.actor)?;
        let mut deps = change.previous.iter().chain(&change.body.others);
        let is_behind = deps.any(|dep| self.hashes.contains_key(dep));
        let mut others: Vec<_> = change
            .body
            .others
            .iter()
            .map(|dep| self.hash(dep))
            .collect();
        others.sort_unstable();
        let place = self.past.place(own, change.seq, &others)?;
        let (ops, is_kept) = self.ops(&change, &place)?;
        let change = PlainChange {
            previous: change.previous.map(|previous| self.hash(&previous)),
            body: ChangeBody { others, ops },
            ..change
        };
        rules::check(&mut self.past, &place, &change, true)?;
        if let Some(texts) = &mut self.past.texts {
            texts.keep();
        }
        let max_op = change.max_op()?;
        if is_kept && !is_behind {
            self.past.push(place, old, max_op);
            return Ok(None);
        }
        let chunk = chunk::write(&change)?;
        self.past.push(place, chunk.hash, max_op);
        self.hashes.insert(old, chunk.hash);
        Ok(Some(chunk))
    }

    /// What a change does afterwards, and whether that is all as before.
    fn ops(&mut self, change: &PlainChange, place: &Place) -> Result<(Vec<Op>, bool), GateError> {
        let forgotten = self.forgotten;
        let is_kept = |id: &RecordId| !forgotten.records.contains(id);
        let records = change.body.ops.iter().filter_map(|op| match op {
            Op::Record(record) => Some(record.id()),
            _ => None,
        });
        let kept: HashSet<_> = records.filter(is_kept).collect();
        let mut ops = Vec::with_capacity(change.body.ops.len());
        let mut is_same = true;
        let mut now = OpId {
            counter: change.start_op,
            actor: change.actor,
        };
        for op in &change.body.ops {
            let len = u32::try_from(op.len()).map_err(|_| GateError::Overflow)?;
            let other = match op {
                Op::Record(record) if !is_kept(&record.id()) => {
                    Some(Op::Record(placeholder(now.counter, record, &kept)))
                }
                Op::MakeText { id } if forgotten.texts.contains(id) => {
                    self.texts.insert(now);
                    let id = self.nameless(now, id, place);
                    Some(Op::MakeText { id })
                }
                Op::Insert { text, after, chars } if self.texts.contains(text) => {
                    let (text, after) = (*text, *after);
                    let chars = chars.chars().map(|_| NOTHING).collect();
                    Some(Op::Insert { text, after, chars })
                }
                _ => None,
            };
            is_same &= other.is_none();
            ops.push(other.unwrap_or_else(|| op.clone()));
            now.counter = now.counter.checked_add(len).ok_or(GateError::Overflow)?;
        }
        Ok((ops, is_same))
    }

    /// The name that a forgotten text has afterwards. Somebody may have given it to another text, in
    /// whose place this one must not be.
    fn nameless(&self, made: OpId, text: &TextId, place: &Place) -> TextId {
        let bound = |actor| place.bound(actor, made.counter);
        let is_taken = |id: &TextId| {
            let texts = self.past.texts.as_ref();
            texts.is_some_and(|texts| texts.made(id, bound))
        };
        let mut nth = 0;
        while is_taken(&nameless(made, text, nth)) {
            nth += 1;
        }
        nameless(made, text, nth)
    }

    fn hash(&self, old: &ChangeHash) -> ChangeHash {
        self.hashes.get(old).copied().unwrap_or(*old)
    }
}

/// What is left of the bytes of a forgotten record or the name of a forgotten text.
pub(super) fn tag(of: &[u8]) -> u8 {
    let mut context = Context::new(&SHA256);
    context.update(LABEL);
    context.update(of);
    context
        .finish()
        .as_ref()
        .first()
        .copied()
        .unwrap_or_default()
}

/// The `nth` name for a forgotten text, which an operation made.
pub(super) fn nameless(made: OpId, text: &TextId, nth: u32) -> TextId {
    let mut context = Context::new(&SHA256);
    context.update(LABEL);
    context.update(&made.actor.0);
    context.update(&made.counter.to_be_bytes());
    context.update(&nth.to_be_bytes());
    context.update(&[tag(&text.0)]);
    let hash = context.finish();
    TextId(std::array::from_fn(|at| hash.as_ref()[at]))
}

/// The record that stands in the place of a forgotten one. `beside` is what its change puts, too:
/// nobody puts one record twice in a change.
fn placeholder(counter: u32, forgotten: &Record, beside: &HashSet<RecordId>) -> Record {
    let tag = tag(forgotten.bytes());
    let record = |nth: u32| {
        let placeholder = Placeholder {
            kind: PLACEHOLDER,
            counter,
            nth: Some(nth).filter(|nth| *nth > 0),
            tag,
        };
        Record::new(codec::encode(&placeholder))
    };
    let mut nth = 0;
    while beside.contains(&record(nth).id()) {
        nth += 1;
    }
    record(nth)
}

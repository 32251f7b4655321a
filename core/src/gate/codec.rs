//! One change as bytes: as it travels in a section, and as a device stores it.
//!
//! # A change in a section
//!
//! Numbers are unsigned LEB128 of at most 32 bits in the shortest form.
//!
//! ```text
//! flags     1 byte   bit 0: other dependencies follow
//!                    bit 1: a list of ops follows; otherwise one record. Other bits are 0
//! others    bit 0:   number (1..=255), then that many hashes of 32 bytes, strictly ascending
//! record    bit 1 clear: length (1..=65,536), then the bytes
//! list      bit 1 set:   number of named actors, then 16 bytes each, strictly ascending;
//!                        the author is not among them and each is used;
//!                        number of ops, at least 1; then each op:
//!   0  record      length, bytes
//!   1  make text   16 bytes of id
//!   2  insert      text reference, element reference, length in bytes, UTF-8
//!   3  delete      text reference, element reference, number of elements (1..=131,072)
//! text reference       0: the same text as the op before; otherwise 1 + actor, then the counter
//! element reference    0: the beginning of the text (insert only); otherwise the same
//! actor                0: the author; n: the nth named actor
//! ```
//!
//! At most 131,072 bytes, and 131,072 operations: a character inserted or deleted is one, a record
//! and a new text are one each. A change has one form only: a list that is a single record is not allowed, `0` stands wherever it
//! can, an op that would continue the run of the one before is joined to it, and a record stands in
//! a change once. Left out because the receiver computes it: actor, sequence number, the author's
//! previous change (always a dependency), the first operation's counter (one more than the highest
//! in the past), record keys.
//!
//! # A stored change
//!
//! ```text
//! actor     16 bytes
//! seq       number, at least 1
//! start_op  number, at least 1
//! previous  32 bytes, only where seq > 1
//! change    as above
//! ```

use super::change::{ChangeBody, Op, PlainChange, Record, joins};
use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId};
use super::limits::{MAX_CHANGE, MAX_COUNTER, MAX_OPERATIONS, MAX_OTHERS, MAX_RECORD};
use super::varint::{Reader, put};
use crate::ids::TextId;

const FLAG_OTHERS: u8 = 1;
const FLAG_LIST: u8 = 2;
const RECORD: u8 = 0;
const MAKE_TEXT: u8 = 1;
const INSERT: u8 = 2;
const DELETE: u8 = 3;

impl PlainChange {
    /// The stored form: everything that is needed to rebuild the change without its document.
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend(self.actor.0);
        put(&mut out, self.seq.into());
        put(&mut out, self.start_op.into());
        if let Some(previous) = self.previous {
            out.extend(previous.0);
        }
        self.body.encode(self.actor, &mut out);
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`GateError::Malformed`] or [`GateError::TooLarge`] where the bytes are not one.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, GateError> {
        let mut reader = Reader::new(bytes);
        let actor = ActorId(reader.array("stored change")?);
        let seq = counter(&mut reader, "stored change")?;
        let start_op = counter(&mut reader, "stored change")?;
        let previous = if seq > 1 {
            Some(ChangeHash(reader.array("stored change")?))
        } else {
            None
        };
        let body = ChangeBody::decode(actor, &mut reader)?;
        if !reader.is_empty() {
            return Err(GateError::Malformed("stored change"));
        }
        Ok(Self {
            actor,
            seq,
            start_op,
            previous,
            body,
        })
    }
}

impl ChangeBody {
    /// Appends the change as it travels.
    pub(super) fn encode(&self, author: ActorId, out: &mut Vec<u8>) {
        let lone = match self.ops.as_slice() {
            [Op::Record(record)] => Some(record),
            _ => None,
        };
        let others = if self.others.is_empty() {
            0
        } else {
            FLAG_OTHERS
        };
        out.push(others | if lone.is_some() { 0 } else { FLAG_LIST });
        if !self.others.is_empty() {
            put(out, self.others.len() as u64);
            for hash in &self.others {
                out.extend(hash.0);
            }
        }
        match lone {
            Some(record) => put_bytes(out, record.bytes()),
            None => self.encode_list(author, out),
        }
    }

    fn encode_list(&self, author: ActorId, out: &mut Vec<u8>) {
        let actors = self.other_actors(author);
        put(out, actors.len() as u64);
        for actor in &actors {
            out.extend(actor.0);
        }
        put(out, self.ops.len() as u64);
        let put_id = |out: &mut Vec<u8>, id: OpId| {
            // Every named actor is in the list, by its making.
            let at = if id.actor == author {
                0
            } else {
                1 + actors.binary_search(&id.actor).unwrap_or_default() as u64
            };
            put(out, 1 + at);
            put(out, id.counter.into());
        };
        let mut current = None;
        let mut put_text = |out: &mut Vec<u8>, text: OpId| {
            if current == Some(text) {
                put(out, 0);
            } else {
                put_id(out, text);
                current = Some(text);
            }
        };
        for op in &self.ops {
            match op {
                Op::Record(record) => {
                    out.push(RECORD);
                    put_bytes(out, record.bytes());
                }
                Op::MakeText { id } => {
                    out.push(MAKE_TEXT);
                    out.extend(id.0);
                }
                Op::Insert { text, after, chars } => {
                    out.push(INSERT);
                    put_text(out, *text);
                    match after {
                        Some(after) => put_id(out, *after),
                        None => put(out, 0),
                    }
                    put_bytes(out, chars.as_bytes());
                }
                Op::Delete { text, first, count } => {
                    out.push(DELETE);
                    put_text(out, *text);
                    put_id(out, *first);
                    put(out, (*count).into());
                }
            }
        }
    }

    /// Reads one change of `author` and leaves what follows it. Everything that the bytes alone
    /// decide is decided here.
    pub(super) fn decode(author: ActorId, reader: &mut Reader<'_>) -> Result<Self, GateError> {
        let before = reader.remaining();
        let flags = reader.byte("change")?;
        if flags > (FLAG_OTHERS | FLAG_LIST) {
            return Err(GateError::Malformed("change flags"));
        }
        let mut others = Vec::new();
        if flags & FLAG_OTHERS != 0 {
            let count = reader.length(MAX_OTHERS, "dependencies")?;
            for _ in 0..count {
                let hash = ChangeHash(reader.array("dependencies")?);
                if others.last().is_some_and(|last| *last >= hash) {
                    return Err(GateError::Malformed("dependencies"));
                }
                others.push(hash);
            }
            if others.is_empty() {
                return Err(GateError::Malformed("dependencies"));
            }
        }
        let ops = if flags & FLAG_LIST == 0 {
            vec![Op::Record(record(reader)?)]
        } else {
            Decoder::new(author, reader)?.ops()?
        };
        if before - reader.remaining() > MAX_CHANGE {
            return Err(GateError::TooLarge("change"));
        }
        let body = Self { others, ops };
        if body.operations() > MAX_OPERATIONS {
            return Err(GateError::TooLarge("operations"));
        }
        Ok(body)
    }
}

/// Reads a list of ops.
struct Decoder<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// The author, then the named actors.
    actors: Vec<ActorId>,
    used: Vec<bool>,
    text: Option<OpId>,
}

impl<'r, 'a> Decoder<'r, 'a> {
    fn new(author: ActorId, reader: &'r mut Reader<'a>) -> Result<Self, GateError> {
        let count = reader.number("actors")? as usize;
        let mut actors = vec![author];
        for _ in 0..count {
            let actor = ActorId(reader.array("actors")?);
            if actor == author || (actors.len() > 1 && actors.last() >= Some(&actor)) {
                return Err(GateError::Malformed("actors"));
            }
            actors.push(actor);
        }
        let mut used = vec![false; actors.len()];
        used[0] = true;
        Ok(Self {
            reader,
            actors,
            used,
            text: None,
        })
    }

    fn ops(mut self) -> Result<Vec<Op>, GateError> {
        let count = self.reader.number("ops")?;
        let mut ops: Vec<Op> = Vec::new();
        let mut records = Vec::new();
        // Whether an insert continues the run before it shows only when its counters are known:
        // `rules` sees to that.
        for _ in 0..count {
            let op = self.op()?;
            if let Op::Record(record) = &op {
                records.push(record.id());
            }
            if let (Some(before @ Op::Delete { .. }), Op::Delete { first, .. }) = (ops.last(), &op)
                && joins(before, &op, *first)
            {
                return Err(GateError::Malformed("run"));
            }
            ops.push(op);
        }
        records.sort_unstable();
        let repeated = records.windows(2).any(|pair| pair[0] == pair[1]);
        if repeated || ops.is_empty() || matches!(ops.as_slice(), [Op::Record(_)]) {
            return Err(GateError::Malformed("ops"));
        }
        if self.used.contains(&false) {
            return Err(GateError::Malformed("actors"));
        }
        Ok(ops)
    }

    fn op(&mut self) -> Result<Op, GateError> {
        match self.reader.byte("op")? {
            RECORD => Ok(Op::Record(record(self.reader)?)),
            MAKE_TEXT => Ok(Op::MakeText {
                id: TextId(self.reader.array("text id")?),
            }),
            INSERT => {
                let text = self.text()?;
                let after = self.id()?;
                let len = self.reader.length(MAX_CHANGE, "inserted text")?;
                let chars = std::str::from_utf8(self.reader.take(len, "inserted text")?)
                    .map_err(|_| GateError::Malformed("inserted text"))?;
                if chars.is_empty() {
                    return Err(GateError::Malformed("inserted text"));
                }
                Ok(Op::Insert {
                    text,
                    after,
                    chars: chars.to_owned(),
                })
            }
            DELETE => {
                let text = self.text()?;
                let first = self.id()?.ok_or(GateError::Malformed("deleted element"))?;
                let count = self.reader.number("deleted elements")?;
                if count == 0 {
                    return Err(GateError::Malformed("deleted elements"));
                }
                if u64::from(count) > MAX_OPERATIONS {
                    return Err(GateError::TooLarge("deleted elements"));
                }
                Ok(Op::Delete { text, first, count })
            }
            _ => Err(GateError::Malformed("op")),
        }
    }

    fn text(&mut self) -> Result<OpId, GateError> {
        let text = match self.id()? {
            Some(id) if self.text == Some(id) => None,
            Some(id) => Some(id),
            None => self.text,
        };
        self.text = text;
        text.ok_or(GateError::Malformed("text reference"))
    }

    fn id(&mut self) -> Result<Option<OpId>, GateError> {
        let Some(at) = (self.reader.number("reference")? as usize).checked_sub(1) else {
            return Ok(None);
        };
        let actor = *self
            .actors
            .get(at)
            .ok_or(GateError::Malformed("reference"))?;
        self.used[at] = true;
        Ok(Some(OpId {
            counter: counter(self.reader, "reference")?,
            actor,
        }))
    }
}

fn record(reader: &mut Reader<'_>) -> Result<Record, GateError> {
    let len = reader.length(MAX_RECORD, "record")?;
    if len == 0 {
        return Err(GateError::Malformed("record"));
    }
    Ok(Record::new(reader.take(len, "record")?.to_vec()))
}

fn counter(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, GateError> {
    match reader.number(what)? {
        0 => Err(GateError::Malformed(what)),
        value if value > MAX_COUNTER => Err(GateError::Overflow),
        value => Ok(value),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

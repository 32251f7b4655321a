//! Writes the exact bytes of an Automerge change chunk for our three operations.
//!
//! Automerge 0.12 offers no way to say "this change": its builder takes half a dozen allocations an
//! operation, and its parser must never see a foreign column. So the columns are written here, and
//! the parser only ever reads what this file wrote. Tests hold it against Automerge's own commits
//! byte for byte.

use ring::digest::{SHA256, digest};

use super::change::{Op, PlainChange, Record};
use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId, record_key, text_key};
use super::rle::{Counts, Deltas, Runs};
use super::varint::{put, put_signed};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHUNK_DOCUMENT: u8 = 0;
const CHUNK_CHANGE: u8 = 1;

// Column numbers: id * 16 + type.
const OBJ_ACTOR: u64 = 0x01;
const OBJ_COUNTER: u64 = 0x02;
const KEY_ACTOR: u64 = 0x11;
const KEY_COUNTER: u64 = 0x13;
const KEY_STRING: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const PRED_COUNT: u64 = 0x70;
const PRED_ACTOR: u64 = 0x71;
const PRED_COUNTER: u64 = 0x73;

const ACTION_SET: u64 = 1;
const ACTION_DELETE: u64 = 3;
const ACTION_MAKE_TEXT: u64 = 4;
const META_NULL: u64 = 0;
const META_STRING: u64 = 6;
const META_BYTES: u64 = 7;

/// A change as Automerge stores it.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) hash: ChangeHash,
}

/// Rebuilds the chunk of a change. Its ops must have passed the rules: a delete run costs memory by
/// its count.
pub(super) fn write(change: &PlainChange) -> Result<Chunk, GateError> {
    change.max_op()?;
    let body = match change.body.ops.as_slice() {
        [Op::Record(record)] => lone_record(change, record),
        _ => several(change)?,
    };
    let (bytes, hash) = framed(CHUNK_CHANGE, &body);
    Ok(Chunk { bytes, hash })
}

/// What most changes are, written straight away: the general way takes three times as long.
fn lone_record(change: &PlainChange, record: &Record) -> Vec<u8> {
    const SINGLE: u8 = 0x7f;
    let key = record_key(&record.id());
    let key = key.as_str().as_bytes();
    let mut meta = Vec::with_capacity(8);
    meta.push(SINGLE);
    put(&mut meta, (record.bytes().len() as u64) << 4 | META_BYTES);
    let columns = [
        (KEY_STRING, key.len() + 2),
        (INSERT, 1),
        (ACTION, 2),
        (VALUE_META, meta.len()),
        (VALUE, record.bytes().len()),
        (PRED_COUNT, 2),
    ];
    let mut body = Vec::with_capacity(record.bytes().len() + change.body.others.len() * 32 + 160);
    begin(&mut body, change, &[]);
    put(&mut body, columns.len() as u64);
    for (spec, len) in columns {
        put(&mut body, spec);
        put(&mut body, len as u64);
    }
    body.push(SINGLE);
    put_bytes(&mut body, key);
    body.push(1); // one that does not insert
    body.push(SINGLE);
    put(&mut body, ACTION_SET);
    body.extend(meta);
    body.extend(record.bytes());
    body.extend([SINGLE, 0]);
    body
}

fn several(change: &PlainChange) -> Result<Vec<u8>, GateError> {
    let others = change.body.other_actors(change.actor);
    let columns = Columns::of(change, &others)?;
    let mut body = Vec::with_capacity(columns.data.len() + change.body.others.len() * 32 + 128);
    begin(&mut body, change, &others);
    put(&mut body, columns.specs.len() as u64);
    for (spec, len) in &columns.specs {
        put(&mut body, *spec);
        put(&mut body, *len as u64);
    }
    body.extend(columns.data);
    Ok(body)
}

/// What stands in front of the columns.
fn begin(body: &mut Vec<u8>, change: &PlainChange, others: &[ActorId]) {
    let deps = change.deps();
    put(body, deps.len() as u64);
    for dep in deps {
        body.extend(dep.0);
    }
    put_bytes(body, &change.actor.0);
    put(body, change.seq.into());
    put(body, change.start_op.into());
    put_signed(body, 0); // time
    put(body, 0); // message
    put(body, others.len() as u64);
    for actor in others {
        put_bytes(body, &actor.0);
    }
}

/// A chunk that holds a whole document.
pub(super) fn document(body: &[u8]) -> Vec<u8> {
    framed(CHUNK_DOCUMENT, body).0
}

/// The chunk around a body, and its hash, which covers the type and the length too.
fn framed(kind: u8, body: &[u8]) -> (Vec<u8>, ChangeHash) {
    let mut bytes = Vec::with_capacity(body.len() + 14);
    bytes.extend(MAGIC);
    bytes.extend([0; 4]);
    bytes.push(kind);
    put(&mut bytes, body.len() as u64);
    bytes.extend(body);
    let mut hash = ChangeHash([0; 32]);
    hash.0
        .copy_from_slice(digest(&SHA256, &bytes[8..]).as_ref());
    bytes[4..8].copy_from_slice(&hash.0[..4]);
    (bytes, hash)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The columns that are not empty, one after another.
struct Columns {
    specs: Vec<(u64, usize)>,
    data: Vec<u8>,
}

impl Columns {
    fn of(change: &PlainChange, others: &[ActorId]) -> Result<Self, GateError> {
        let actor = |id: OpId| index(change.actor, others, id.actor);
        let ops = &change.body.ops;
        let mut columns = Self {
            specs: Vec::with_capacity(12),
            data: Vec::new(),
        };

        let mut actors = Runs::default();
        let mut counters = Runs::default();
        for op in ops {
            let text = op.names().0;
            actors.push(text.map(actor).transpose()?, op.len());
            counters.push(text.map(|id| u64::from(id.counter)), op.len());
        }
        columns.add(OBJ_ACTOR, |out| actors.finish(out));
        columns.add(OBJ_COUNTER, |out| counters.finish(out));

        let mut actors = Runs::default();
        let mut counters = Deltas::default();
        let mut keys = Runs::default();
        let mut start = u64::from(change.start_op);
        for op in ops {
            let len = op.len();
            match op {
                Op::Record(record) => {
                    actors.push(None, 1);
                    counters.skip(1);
                    keys.push(Some(record_key(&record.id())), 1);
                }
                Op::MakeText { id } => {
                    actors.push(None, 1);
                    counters.skip(1);
                    keys.push(Some(text_key(id)), 1);
                }
                Op::Insert { after, .. } => {
                    actors.push(after.map(actor).transpose()?, 1);
                    counters.push(after.map_or(0, |id| id.counter.into()), 1);
                    // Every further character follows the one before it.
                    actors.push(Some(0), len.saturating_sub(1));
                    counters.push(start, len.saturating_sub(1));
                    keys.push(None, len);
                }
                Op::Delete { first, .. } => {
                    actors.push(Some(actor(*first)?), len);
                    counters.push(first.counter.into(), len);
                    keys.push(None, len);
                }
            }
            start += len;
        }
        columns.add(KEY_ACTOR, |out| actors.finish(out));
        columns.add(KEY_COUNTER, |out| counters.finish(out));
        columns.add(KEY_STRING, |out| keys.finish(out));

        let mut inserts = Counts::default();
        let mut actions = Runs::default();
        let mut metas = Runs::default();
        for op in ops {
            inserts.push(matches!(op, Op::Insert { .. }), op.len());
            match op {
                Op::Record(record) => {
                    actions.push(Some(ACTION_SET), 1);
                    metas.push(Some((record.bytes().len() as u64) << 4 | META_BYTES), 1);
                }
                Op::MakeText { .. } => {
                    actions.push(Some(ACTION_MAKE_TEXT), 1);
                    metas.push(Some(META_NULL), 1);
                }
                Op::Insert { chars, .. } => {
                    actions.push(Some(ACTION_SET), op.len());
                    for char in chars.chars() {
                        metas.push(Some((char.len_utf8() as u64) << 4 | META_STRING), 1);
                    }
                }
                Op::Delete { .. } => {
                    actions.push(Some(ACTION_DELETE), op.len());
                    metas.push(Some(META_NULL), op.len());
                }
            }
        }
        columns.add(INSERT, |out| inserts.finish(out));
        columns.add(ACTION, |out| actions.finish(out));
        columns.add(VALUE_META, |out| metas.finish(out));
        columns.add(VALUE, |out| {
            for op in ops {
                match op {
                    Op::Record(record) => out.extend_from_slice(record.bytes()),
                    Op::Insert { chars, .. } => out.extend_from_slice(chars.as_bytes()),
                    Op::MakeText { .. } | Op::Delete { .. } => {}
                }
            }
        });

        // A delete names the operation it succeeds, which is the element itself: nothing in a text
        // is ever overwritten.
        let mut preds = Runs::<u64>::default();
        let mut actors = Runs::default();
        let mut counters = Deltas::default();
        for op in ops {
            if let Op::Delete { first, count, .. } = op {
                preds.push(Some(1), op.len());
                actors.push(Some(actor(*first)?), op.len());
                counters.push(first.counter.into(), u64::from(*count));
            } else {
                preds.push(Some(0), op.len());
            }
        }
        columns.add(PRED_COUNT, |out| preds.finish(out));
        columns.add(PRED_ACTOR, |out| actors.finish(out));
        columns.add(PRED_COUNTER, |out| counters.finish(out));
        Ok(columns)
    }

    fn add(&mut self, spec: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.data.len();
        write(&mut self.data);
        if self.data.len() > start {
            self.specs.push((spec, self.data.len() - start));
        }
    }
}

/// Actors stand in a chunk as numbers: 0 is the author, the others follow in ascending order.
fn index(own: ActorId, others: &[ActorId], actor: ActorId) -> Result<u64, GateError> {
    if actor == own {
        return Ok(0);
    }
    let at = others
        .binary_search(&actor)
        .map_err(|_| GateError::UnknownActor)?;
    Ok(at as u64 + 1)
}

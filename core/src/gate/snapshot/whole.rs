//! The exact bytes of an Automerge document for records alone, so that a new device loads a diary
//! in one step: applying the same changes one after another takes five times as long.
//!
//! As with a change's chunk, Automerge only ever reads what this file wrote, and computes every
//! hash again. Tests hold it against Automerge's own bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::gate::change::{Op, PlainChange};
use crate::gate::chunk;
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, ChangeHash, Key, record_key};
use crate::gate::rle::{Counts, Deltas, Runs};
use crate::gate::varint::put;

const CHANGE_ACTOR: u64 = 0x01;
const CHANGE_SEQ: u64 = 0x03;
const CHANGE_MAX_OP: u64 = 0x13;
const CHANGE_TIME: u64 = 0x23;
const CHANGE_DEPS: u64 = 0x40;
const CHANGE_DEP: u64 = 0x43;
const CHANGE_EXTRA: u64 = 0x56;
const KEY_STRING: u64 = 0x15;
const ID_ACTOR: u64 = 0x21;
const ID_COUNTER: u64 = 0x23;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const SUCCESSORS: u64 = 0x80;

const ACTION_SET: u64 = 1;
const META_BYTES: u64 = 7;

/// Changes of records alone, from a document's beginning on.
#[derive(Default)]
pub(super) struct Whole {
    changes: Vec<Row>,
    places: HashMap<ChangeHash, u32>,
    heads: BTreeSet<ChangeHash>,
    puts: Vec<Put>,
    bytes: usize,
}

struct Row {
    actor: ActorId,
    seq: u32,
    max_op: u32,
    deps: Vec<u32>,
}

struct Put {
    key: Key,
    counter: u32,
    actor: ActorId,
    bytes: Vec<u8>,
}

impl Whole {
    /// Adds a change all of whose dependencies are here.
    pub(super) fn add(&mut self, change: PlainChange, hash: ChangeHash) -> Result<(), GateError> {
        let mut deps = Vec::new();
        for dep in change.deps() {
            let place = self.places.get(&dep).ok_or(GateError::Dependencies)?;
            deps.push(*place);
            self.heads.remove(&dep);
        }
        self.heads.insert(hash);
        let place = u32::try_from(self.changes.len()).map_err(|_| GateError::Overflow)?;
        self.places.insert(hash, place);
        self.changes.push(Row {
            actor: change.actor,
            seq: change.seq,
            max_op: change.max_op()?,
            deps,
        });
        for (counter, op) in (change.start_op..).zip(change.body.ops) {
            if let Op::Record(record) = op {
                self.bytes += record.bytes().len();
                self.puts.push(Put {
                    key: record_key(&record.id()),
                    counter,
                    actor: change.actor,
                    bytes: record.into_bytes(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.changes.len() as u64
    }

    /// The changes that no other one depends on, ascending.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// The document's bytes, as Automerge saves it without packing.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let actors: BTreeSet<_> = self.changes.iter().map(|row| row.actor).collect();
        let numbers: BTreeMap<_, _> = actors.iter().copied().zip(0_u64..).collect();
        let number = |actor: &ActorId| numbers.get(actor).copied().unwrap_or_default();

        let mut body = Vec::with_capacity(self.bytes + self.puts.len() * 32 + 4096);
        put(&mut body, actors.len() as u64);
        for actor in &actors {
            put(&mut body, actor.0.len() as u64);
            body.extend(actor.0);
        }
        put(&mut body, self.heads.len() as u64);
        for head in &self.heads {
            body.extend(head.0);
        }
        let changes = changes(&self.changes, number);
        let puts = puts(&mut self.puts, number);
        for columns in [&changes, &puts] {
            put(&mut body, columns.len() as u64);
            for (spec, data) in columns {
                put(&mut body, *spec);
                put(&mut body, data.len() as u64);
            }
        }
        for (_, data) in changes.into_iter().chain(puts) {
            body.extend(data);
        }
        for head in &self.heads {
            put(
                &mut body,
                self.places.get(head).copied().unwrap_or(0).into(),
            );
        }
        chunk::document(&body)
    }
}

/// The columns that are not empty.
type Columns = Vec<(u64, Vec<u8>)>;

fn changes(rows: &[Row], number: impl Fn(&ActorId) -> u64) -> Columns {
    let mut actors = Runs::default();
    let [mut seqs, mut max_ops, mut times, mut deps] = [(); 4].map(|()| Deltas::default());
    let mut counts = Runs::default();
    let mut extras = Runs::default();
    for row in rows {
        actors.push(Some(number(&row.actor)), 1);
        seqs.push(row.seq.into(), 1);
        max_ops.push(row.max_op.into(), 1);
        times.push(0, 1);
        counts.push(Some(row.deps.len() as u64), 1);
        for dep in &row.deps {
            deps.push((*dep).into(), 1);
        }
        extras.push(Some(META_BYTES), 1);
    }
    let mut columns = Columns::new();
    add(&mut columns, CHANGE_ACTOR, |out| actors.finish(out));
    add(&mut columns, CHANGE_SEQ, |out| seqs.finish(out));
    add(&mut columns, CHANGE_MAX_OP, |out| max_ops.finish(out));
    add(&mut columns, CHANGE_TIME, |out| times.finish(out));
    add(&mut columns, CHANGE_DEPS, |out| counts.finish(out));
    add(&mut columns, CHANGE_DEP, |out| deps.finish(out));
    add(&mut columns, CHANGE_EXTRA, |out| extras.finish(out));
    columns
}

/// Operations stand in the order of their keys, those of one key in their own.
fn puts(puts: &mut [Put], number: impl Fn(&ActorId) -> u64) -> Columns {
    puts.sort_unstable_by(|one, other| {
        let order = |put: &Put| (put.counter, put.actor);
        let keys = one.key.as_str().cmp(other.key.as_str());
        keys.then_with(|| order(one).cmp(&order(other)))
    });
    let mut keys = Runs::default();
    let mut actors = Runs::default();
    let mut counters = Deltas::default();
    let mut metas = Runs::default();
    for put in &*puts {
        keys.push(Some(put.key), 1);
        actors.push(Some(number(&put.actor)), 1);
        counters.push(put.counter.into(), 1);
        metas.push(Some((put.bytes.len() as u64) << 4 | META_BYTES), 1);
    }
    let count = puts.len() as u64;
    let mut inserts = Counts::default();
    inserts.push(false, count);
    let mut actions = Runs::default();
    actions.push(Some(ACTION_SET), count);
    let mut successors = Runs::default();
    successors.push(Some(0_u64), count);
    let mut columns = Columns::new();
    add(&mut columns, KEY_STRING, |out| keys.finish(out));
    add(&mut columns, ID_ACTOR, |out| actors.finish(out));
    add(&mut columns, ID_COUNTER, |out| counters.finish(out));
    add(&mut columns, INSERT, |out| inserts.finish(out));
    add(&mut columns, ACTION, |out| actions.finish(out));
    add(&mut columns, VALUE_META, |out| metas.finish(out));
    add(&mut columns, VALUE, |out| {
        for put in puts {
            // Given back as soon as it is copied, or there would be two of everything.
            out.append(&mut std::mem::take(&mut put.bytes));
        }
    });
    add(&mut columns, SUCCESSORS, |out| successors.finish(out));
    columns
}

fn add(columns: &mut Columns, spec: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut data = Vec::new();
    write(&mut data);
    if !data.is_empty() {
        columns.push((spec, data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::document::Document;

    /// If these bytes were not Automerge's own, a new device could hold another document than the
    /// others and only find out when it writes.
    #[test]
    fn it_is_what_automerge_saves() {
        let mut devices = [3, 1, 2].map(|n| Document::new(ActorId([n; 16])));
        let mut whole = Whole::default();
        let mut reader = Document::new(ActorId([9; 16]));
        // Everybody writes, some the same; now and then one hears all others.
        for round in 0..40_u8 {
            let mut made = Vec::new();
            for (at, device) in (0_u8..).zip(&mut devices) {
                let long = vec![round; usize::from(round) + 1];
                let own = [round, at];
                let records: [&[u8]; 2] = [&own, &long];
                made.extend(
                    device
                        .put_records(&records[..1 + usize::from(round % 2)])
                        .unwrap(),
                );
                made.extend(device.put_record(&long).unwrap());
            }
            let mut made: Vec<_> = made
                .iter()
                .map(|change| (PlainChange::from_stored(&change.stored).unwrap(), change))
                .collect();
            made.sort_by_key(|(change, _)| (change.start_op, change.actor));
            for (change, stored) in made {
                let section = crate::gate::Section::build(
                    crate::gate::DocumentName { kind: 1, part: 0 },
                    [&stored.stored],
                )
                .unwrap();
                reader.accept(&|_| true, &section).unwrap();
                for device in &mut devices {
                    if round % 7 == 3 || device.actor() == ActorId([2; 16]) {
                        drop(device.accept(&|_| true, &section));
                    }
                }
                whole.add(change, stored.hash).unwrap();
            }
        }
        assert_eq!(whole.heads(), reader.heads());
        assert_eq!(whole.len(), reader.change_count());
        assert_eq!(whole.into_bytes(), reader.save().unwrap());
    }
}

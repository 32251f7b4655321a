use std::collections::HashMap;

use ring::digest::{Context, SHA256};

use super::columns::Runs;
use super::hand::{Hands, Spot};
use super::part::PartHeader;
use super::{CHECKED, DELETE, INSERT, MAKE_TEXT, RECORD};
use crate::gate::change::{Op, PlainChange};
use crate::gate::document::{self, Document, guard};
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, ChangeHash, DocumentName, OpId};
use crate::gate::limits::{
    MAX_PART, MAX_PART_CHANGES, MAX_PART_OPERATIONS, MAX_PART_UNPACKED, MAX_PARTS,
};
use crate::gate::packing;
use crate::gate::varint::put;

/// Changes that are asked of Automerge at once.
const AT_ONCE: usize = 4_096;
/// What a change and an op take at most beside dependencies, records, text and ids.
const AROUND: usize = 64;
/// What a content has around its columns at most.
const FRAME: usize = 256;

impl Document {
    /// The parts of a snapshot of those changes that `is_in` names by actor and number: of each
    /// actor the first ones up to some number, and nothing without what it depends on. All of them
    /// are what `&|_, _| true` names.
    ///
    /// # Errors
    /// [`GateError::Malformed`] where there is no change; [`GateError::Damaged`] where a change
    /// that is in depends on one that is not; [`GateError::TooLarge`] where it takes more than
    /// [`MAX_PARTS`] parts; [`GateError::Engine`] and [`GateError::Poisoned`] as described at
    /// [`Document`].
    pub fn to_snapshot(
        &self,
        name: DocumentName,
        is_in: &dyn Fn(ActorId, u32) -> bool,
    ) -> Result<Vec<Vec<u8>>, GateError> {
        self.usable()?;
        let mut order = Vec::new();
        for meta in guard(|| self.doc.get_changes_meta(&[]))? {
            let actor = document::actor(&meta.actor)?;
            if is_in(actor, document::seq(meta.seq)?) {
                order.push((document::counter(meta.start_op)?, actor, meta.hash));
            }
        }
        if order.is_empty() {
            return Err(GateError::Malformed("snapshot"));
        }
        order.sort_unstable();
        let mut writer = Writer::new(name);
        // All of them at once would take several times the document.
        for some in order.chunks(AT_ONCE) {
            let hashes = some.iter().map(|(_, _, hash)| *hash);
            let changes = guard(|| self.doc.bundle(hashes)?.to_changes())?
                .map_err(|_| GateError::Engine("lost a change"))?;
            let changes: HashMap<_, _> = changes.iter().map(|c| (c.hash(), c)).collect();
            for (_, actor, hash) in some {
                let change = changes.get(hash);
                let change = change.ok_or(GateError::Engine("lost a change"))?;
                let change = PlainChange::from_automerge(change, writer.last_of(actor))?;
                writer.add(&change, ChangeHash(hash.0))?;
            }
        }
        writer.finish()
    }
}

/// Takes changes in order and gives parts.
struct Writer {
    name: DocumentName,
    /// Packed, without their headers.
    parts: Vec<Vec<u8>>,
    part: Columns,
    places: HashMap<ChangeHash, u32>,
    authors: HashMap<ActorId, Author>,
    hands: Hands,
    /// The author of the last change and its hash.
    last: Option<(u32, ChangeHash)>,
    running: Context,
}

struct Author {
    number: u32,
    seq: u32,
    last: ChangeHash,
}

#[derive(Default)]
struct Columns {
    changes: u32,
    operations: u64,
    authors: Vec<u8>,
    new_authors: u32,
    author: Runs,
    others: Vec<u8>,
    expected: u32,
    ops: Runs,
    kinds: Runs,
    references: Vec<u8>,
    lengths: Vec<u8>,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(name: DocumentName) -> Self {
        let mut running = Context::new(&SHA256);
        running.update(CHECKED);
        Self {
            name,
            parts: Vec::new(),
            part: Columns::default(),
            places: HashMap::new(),
            authors: HashMap::new(),
            hands: Hands::default(),
            last: None,
            running,
        }
    }

    fn last_of(&self, actor: &ActorId) -> Option<ChangeHash> {
        self.authors.get(actor).map(|author| author.last)
    }

    fn add(&mut self, change: &PlainChange, hash: ChangeHash) -> Result<(), GateError> {
        const LACKS: GateError = GateError::Damaged("changes without others");
        let seq = self.authors.get(&change.actor).map_or(0, |a| a.seq);
        if change.seq != seq + 1 {
            return Err(LACKS);
        }
        let place = u32::try_from(self.places.len()).map_err(|_| GateError::Overflow)?;
        let distances: Option<Vec<_>> = change
            .body
            .others
            .iter()
            .map(|other| Some(place - self.places.get(other)?))
            .collect();
        let mut distances = distances.ok_or(LACKS)?;
        distances.sort_unstable();
        if self.part.changes > 0 && !self.part.has_room_for(change) {
            self.end_part()?;
        }

        let number = self.enter(change, hash)?;
        self.part.changes += 1;
        self.part.operations += change.body.operations();
        self.part.author.push(number);
        let before = self.last.filter(|(author, _)| *author != number);
        let expected: &[u32] = if before.is_some() { &[1] } else { &[] };
        if distances == expected {
            self.part.expected += 1;
        } else {
            put(&mut self.part.others, self.part.expected.into());
            self.part.expected = 0;
            put(&mut self.part.others, distances.len() as u64);
            for distance in distances {
                put(&mut self.part.others, distance.into());
            }
        }
        self.add_ops(number, change)?;

        self.last = Some((number, hash));
        self.places.insert(hash, place);
        self.running.update(&hash.0);
        Ok(())
    }

    /// The author's number, new where this is the first change.
    fn enter(&mut self, change: &PlainChange, hash: ChangeHash) -> Result<u32, GateError> {
        let next = u32::try_from(self.authors.len()).map_err(|_| GateError::Overflow)?;
        let author = self.authors.entry(change.actor).or_insert_with(|| {
            self.hands.enter();
            self.part.new_authors += 1;
            self.part.authors.extend(change.actor.0);
            Author {
                number: next,
                seq: 0,
                last: hash,
            }
        });
        author.seq = change.seq;
        author.last = hash;
        Ok(author.number)
    }

    fn add_ops(&mut self, by: u32, change: &PlainChange) -> Result<(), GateError> {
        let ops = &change.body.ops;
        let count = u32::try_from(ops.len()).map_err(|_| GateError::Overflow)?;
        self.part.ops.push(count);
        let mut now = change.start_op;
        for op in ops {
            let part = &mut self.part;
            match op {
                Op::Record(record) => {
                    part.kinds.push(RECORD);
                    put(&mut part.lengths, record.bytes().len() as u64);
                    part.bytes.extend(record.bytes());
                }
                Op::MakeText { id } => {
                    part.kinds.push(MAKE_TEXT);
                    part.bytes.extend(id.0);
                    self.hands.made_text(by, now);
                }
                Op::Insert { text, after, chars } => {
                    part.kinds.push(INSERT);
                    let text = spot(&self.authors, text)?;
                    self.hands.put_text(&mut part.references, by, text);
                    let after = after.as_ref().map(|after| spot(&self.authors, after));
                    let after = after.transpose()?;
                    self.hands.put_element(&mut part.references, by, after);
                    put(&mut part.lengths, chars.len() as u64);
                    part.bytes.extend(chars.as_bytes());
                }
                Op::Delete { text, first, count } => {
                    part.kinds.push(DELETE);
                    let text = spot(&self.authors, text)?;
                    self.hands.put_text(&mut part.references, by, text);
                    let first = spot(&self.authors, first)?;
                    self.hands
                        .put_element(&mut part.references, by, Some(first));
                    put(&mut part.references, (*count).into());
                    self.hands.deleted(by, first);
                }
            }
            now += u32::try_from(op.len()).map_err(|_| GateError::Overflow)?;
            if matches!(op, Op::Insert { .. }) {
                self.hands.inserted(by, now - 1);
            }
        }
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), GateError> {
        let content = std::mem::take(&mut self.part).content(&self.running);
        let packed = packing::pack(&content, MAX_PART - PartHeader::LENGTH);
        self.parts
            .push(packed.ok_or(GateError::TooLarge("snapshot part"))?);
        if self.parts.len() > MAX_PARTS {
            return Err(GateError::TooLarge("snapshot"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Vec<u8>>, GateError> {
        self.end_part()?;
        let count = u16::try_from(self.parts.len()).map_err(|_| GateError::Overflow)?;
        let parts = (0..count).zip(&mut self.parts).map(|(index, packed)| {
            let mut part = Vec::with_capacity(PartHeader::LENGTH + packed.len());
            let header = PartHeader {
                name: self.name,
                index,
                count,
            };
            header.put(&mut part);
            part.append(packed);
            part
        });
        Ok(parts.collect())
    }
}

impl Columns {
    fn has_room_for(&self, change: &PlainChange) -> bool {
        let body = &change.body;
        let ops: usize = body.ops.iter().map(|op| AROUND + content_of(op)).sum();
        let change = AROUND + 5 * body.others.len() + ops;
        self.len() + change <= MAX_PART_UNPACKED
            && (self.changes as usize) < MAX_PART_CHANGES
            && self.operations + body.operations() <= MAX_PART_OPERATIONS
    }

    fn len(&self) -> usize {
        let runs = self.author.len() + self.ops.len() + self.kinds.len();
        let plain = self.authors.len() + self.others.len() + self.references.len();
        FRAME + runs + plain + self.lengths.len() + self.bytes.len()
    }

    fn content(self, running: &Context) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        put(&mut out, self.changes.into());
        put(&mut out, self.new_authors.into());
        out.extend(self.authors);
        let columns = [
            self.author.finish(),
            self.others,
            self.ops.finish(),
            self.kinds.finish(),
            self.references,
            self.lengths,
            self.bytes,
        ];
        for column in columns {
            put(&mut out, column.len() as u64);
            out.extend(column);
        }
        out.extend(&running.clone().finish().as_ref()[..8]);
        out
    }
}

/// Bytes that an op has in the last column.
fn content_of(op: &Op) -> usize {
    match op {
        Op::Record(record) => record.bytes().len(),
        Op::MakeText { .. } => 16,
        Op::Insert { chars, .. } => chars.len(),
        Op::Delete { .. } => 0,
    }
}

fn spot(authors: &HashMap<ActorId, Author>, id: &OpId) -> Result<Spot, GateError> {
    let author = authors.get(&id.actor);
    author
        .map(|author| (author.number, id.counter))
        .ok_or(GateError::Damaged("changes without others"))
}

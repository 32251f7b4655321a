use std::collections::HashSet;

use ring::digest::{Context, SHA256};

use super::digest::ChangesDigest;
use super::hand::{Hands, Spot};
use super::part::{Part, PartHeader, unpack};
use super::{CHECKED, DELETE, INSERT, MAKE_TEXT, RECORD};
use crate::gate::change::{ChangeBody, Op, PlainChange, Record};
use crate::gate::chunk::{self, Chunk};
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, ChangeHash, DocumentName, OpId};
use crate::gate::limits::{
    MAX_CHANGE, MAX_COUNTER, MAX_OPERATIONS, MAX_PART_OPERATIONS, MAX_PARTS, MAX_RECORD,
};
use crate::gate::past::Past;
use crate::gate::rules;
use crate::gate::texts::Texts;
use crate::gate::varint::Reader;
use crate::ids::TextId;

/// What a snapshot holds, all of which passed the rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SnapshotSummary {
    /// How many changes there are.
    pub changes: u64,
    /// The digest of the set of them.
    pub digest: ChangesDigest,
    /// Every author, ascending, with the number of that author's last change.
    pub authors: Vec<(ActorId, u32)>,
}

/// Holds every change of a snapshot against the rules, and says what it holds. Nothing is applied to
/// anything; this takes some hundred bytes for a change, not the document.
///
/// `is_member` says whether an actor is *or ever was* a member of the space.
///
/// # Errors
/// Why the snapshot is refused.
pub fn inspect_snapshot<P: AsRef<[u8]>>(
    name: DocumentName,
    is_member: &dyn Fn(&ActorId) -> bool,
    parts: &[P],
) -> Result<SnapshotSummary, GateError> {
    let mut past = Past::default();
    past.texts = Some(Texts::default());
    let mut judge = Judge::new(name, is_member, parts.len())?;
    for part in parts {
        judge.part(&mut past, part.as_ref(), &mut |_| Ok(()))?;
        if let Some(texts) = &mut past.texts {
            texts.keep();
        }
    }
    judge.finish()
}

/// A change of a snapshot that passed every rule.
pub(super) struct Judged {
    pub(super) change: PlainChange,
    pub(super) chunk: Chunk,
}

/// Reads the parts of one snapshot in order, and holds every change against its past.
pub(super) struct Judge<'a> {
    name: DocumentName,
    is_member: &'a dyn Fn(&ActorId) -> bool,
    parts: usize,
    read: usize,
    authors: Vec<Author>,
    ids: Vec<ActorId>,
    entered: HashSet<u16>,
    hands: Hands,
    hashes: Vec<ChangeHash>,
    /// The author of the last change, and where it stands in the order.
    last: Option<(u32, (u32, ActorId))>,
    running: Context,
}

struct Author {
    /// The actor's number in the past.
    own: u16,
    seq: u32,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        name: DocumentName,
        is_member: &'a dyn Fn(&ActorId) -> bool,
        parts: usize,
    ) -> Result<Self, GateError> {
        match parts {
            0 => return Err(GateError::Malformed("snapshot")),
            1..=MAX_PARTS => {}
            _ => return Err(GateError::TooLarge("snapshot")),
        }
        let mut running = Context::new(&SHA256);
        running.update(CHECKED);
        Ok(Self {
            name,
            is_member,
            parts,
            read: 0,
            authors: Vec::new(),
            ids: Vec::new(),
            entered: HashSet::new(),
            hands: Hands::default(),
            hashes: Vec::new(),
            last: None,
            running,
        })
    }

    /// Whether a part works on texts; true too where it cannot be read, which is for
    /// [`part`](Self::part) to say.
    pub(super) fn has_texts(bytes: &[u8]) -> bool {
        let has = || -> Result<bool, GateError> {
            let content = unpack(PartHeader::split(bytes)?.1)?;
            Part::read(&content)?.kinds.has_other_than(RECORD)
        };
        has().unwrap_or(true)
    }

    /// Reads the next part. New changes enter the past, and all go to `take`, in order. After an
    /// error the caller takes the past back.
    pub(super) fn part(
        &mut self,
        past: &mut Past,
        bytes: &[u8],
        take: &mut dyn FnMut(Judged) -> Result<(), GateError>,
    ) -> Result<(), GateError> {
        let (header, packed) = PartHeader::split(bytes)?;
        let is_next = usize::from(header.index) == self.read;
        if header.name != self.name || !is_next || usize::from(header.count) != self.parts {
            return Err(GateError::Malformed("order of snapshot parts"));
        }
        let content = unpack(packed)?;
        let mut part = Part::read(&content)?;
        let known = self.enter(past, &part.authors)?;
        let mut operations = 0;
        for _ in 0..part.changes {
            let judged = self.change(past, &mut part)?;
            operations += judged.change.body.operations();
            if operations > MAX_PART_OPERATIONS {
                return Err(GateError::TooLarge("operations"));
            }
            take(judged)?;
        }
        if !part.is_done() || self.authors[known..].iter().any(|author| author.seq == 0) {
            return Err(GateError::Malformed("snapshot part"));
        }
        if self.running.clone().finish().as_ref()[..8] != part.check {
            return Err(GateError::HashMismatch);
        }
        self.read += 1;
        Ok(())
    }

    /// What all parts hold.
    pub(super) fn finish(self) -> Result<SnapshotSummary, GateError> {
        if self.read != self.parts {
            return Err(GateError::Malformed("order of snapshot parts"));
        }
        let seqs = self.authors.iter().map(|author| author.seq);
        let mut authors: Vec<_> = self.ids.iter().copied().zip(seqs).collect();
        authors.sort_unstable();
        Ok(SnapshotSummary {
            changes: self.hashes.len() as u64,
            digest: ChangesDigest::of(self.hashes),
            authors,
        })
    }

    /// Takes in the part's new authors, and says how many there were.
    fn enter(&mut self, past: &mut Past, new: &[ActorId]) -> Result<usize, GateError> {
        let known = self.authors.len();
        for actor in new {
            if !(self.is_member)(actor) {
                return Err(GateError::UnknownActor);
            }
            let own = past.enter(*actor)?;
            if !self.entered.insert(own) {
                return Err(GateError::Malformed("authors"));
            }
            self.authors.push(Author { own, seq: 0 });
            self.ids.push(*actor);
            self.hands.enter();
        }
        Ok(known)
    }

    fn change(&mut self, past: &mut Past, part: &mut Part<'_>) -> Result<Judged, GateError> {
        let by = part.author.next()?;
        let at = by as usize;
        let author = self.authors.get(at).ok_or(GateError::Malformed("author"))?;
        let is_first = author.seq == 0;
        // Authors are numbered in the order of their first changes.
        if is_first && at > 0 && self.authors[at - 1].seq == 0 {
            return Err(GateError::Malformed("authors"));
        }
        if author.seq >= MAX_COUNTER {
            return Err(GateError::Overflow);
        }
        let (own, seq, actor) = (author.own, author.seq + 1, self.ids[at]);
        let others = self.others(by, part)?;
        let place = past.place(own, seq, &others)?;
        let order = (place.start_op, actor);
        if self.last.is_some_and(|(_, last)| last >= order) {
            return Err(GateError::Malformed("order of changes"));
        }
        let ops = self.ops(by, place.start_op, part)?;
        let change = PlainChange {
            actor,
            seq,
            start_op: place.start_op,
            previous: past.hash(own, seq - 1),
            body: well_formed(actor, ChangeBody { others, ops })?,
        };
        let is_new = seq > past.seq(own);
        rules::check(past, &place, &change, is_new)?;
        let chunk = chunk::write(&change)?;
        if is_new {
            past.push(place, chunk.hash, change.max_op()?);
        } else if past.hash(own, seq) != Some(chunk.hash) {
            return Err(GateError::Forked { seq });
        }
        self.authors[at].seq = seq;
        self.hashes.push(chunk.hash);
        self.running.update(&chunk.hash.0);
        self.last = Some((by, order));
        Ok(Judged { change, chunk })
    }

    fn others(&self, by: u32, part: &mut Part<'_>) -> Result<Vec<ChangeHash>, GateError> {
        const WRONG: GateError = GateError::Malformed("dependencies");
        let expected = match self.last {
            Some((last, _)) if last != by => vec![1],
            _ => Vec::new(),
        };
        let distances = match part.distances()? {
            Some(stated) if stated == expected => return Err(WRONG),
            Some(stated) => stated,
            None => expected,
        };
        let hash = |distance: u32| {
            let at = self.hashes.len().checked_sub(distance as usize)?;
            self.hashes.get(at).copied()
        };
        let others: Option<Vec<_>> = distances.into_iter().map(hash).collect();
        let mut others = others.ok_or(WRONG)?;
        others.sort_unstable();
        Ok(others)
    }

    fn ops(&mut self, by: u32, start_op: u32, part: &mut Part<'_>) -> Result<Vec<Op>, GateError> {
        let count = part.ops.next()?;
        if count == 0 {
            return Err(GateError::Malformed("ops"));
        }
        let mut ops = Vec::new();
        let mut operations = 0;
        for _ in 0..count {
            let op = self.op(by, start_op, operations, part)?;
            operations += op.len();
            if operations > MAX_OPERATIONS {
                return Err(GateError::TooLarge("operations"));
            }
            if matches!(op, Op::Insert { .. }) {
                let last = counter(start_op, operations)?;
                self.hands.inserted(by, last - 1);
            }
            ops.push(op);
        }
        Ok(ops)
    }

    fn op(
        &mut self,
        by: u32,
        start_op: u32,
        before: u64,
        part: &mut Part<'_>,
    ) -> Result<Op, GateError> {
        match part.kinds.next()? {
            RECORD => {
                let len = part.lengths.length(MAX_RECORD, "record")?;
                if len == 0 {
                    return Err(GateError::Malformed("record"));
                }
                let bytes = part.bytes.take(len, "record")?;
                Ok(Op::Record(Record::new(bytes.to_vec())))
            }
            MAKE_TEXT => {
                let id = TextId(part.bytes.array("text id")?);
                self.hands.made_text(by, counter(start_op, before)?);
                Ok(Op::MakeText { id })
            }
            INSERT => {
                let text = self.hands.read_text(&mut part.references, by)?;
                let after = self.hands.read_element(&mut part.references, by)?;
                let len = part.lengths.length(MAX_CHANGE, "inserted text")?;
                let chars = std::str::from_utf8(part.bytes.take(len, "inserted text")?)
                    .map_err(|_| GateError::Malformed("inserted text"))?;
                if chars.is_empty() {
                    return Err(GateError::Malformed("inserted text"));
                }
                Ok(Op::Insert {
                    text: self.op_id(text),
                    after: after.map(|after| self.op_id(after)),
                    chars: chars.to_owned(),
                })
            }
            DELETE => {
                let text = self.hands.read_text(&mut part.references, by)?;
                let first = self.hands.read_element(&mut part.references, by)?;
                let first = first.ok_or(GateError::Malformed("deleted element"))?;
                let count = part.references.number("deleted elements")?;
                if count == 0 {
                    return Err(GateError::Malformed("deleted elements"));
                }
                self.hands.deleted(by, first);
                Ok(Op::Delete {
                    text: self.op_id(text),
                    first: self.op_id(first),
                    count,
                })
            }
            _ => Err(GateError::Malformed("op")),
        }
    }

    /// The operation that a reference names, whose author the hands have.
    fn op_id(&self, (author, counter): Spot) -> OpId {
        OpId {
            counter,
            actor: self.ids[author as usize],
        }
    }
}

fn counter(start_op: u32, operations: u64) -> Result<u32, GateError> {
    u32::try_from(u64::from(start_op) + operations)
        .ok()
        .filter(|counter| *counter <= MAX_COUNTER)
        .ok_or(GateError::Overflow)
}

/// A change that could have come in a batch, too: in its one form and within the same limits.
fn well_formed(author: ActorId, body: ChangeBody) -> Result<ChangeBody, GateError> {
    if matches!(body.ops.as_slice(), [Op::Record(_)]) {
        // Record and dependencies are within theirs, which together is less than a change's.
        return Ok(body);
    }
    let mut bytes = Vec::new();
    body.encode(author, &mut bytes);
    let mut reader = Reader::new(&bytes);
    if ChangeBody::decode(author, &mut reader)? != body || !reader.is_empty() {
        return Err(GateError::Malformed("change"));
    }
    Ok(body)
}

//! What the relays said that they took, entry by entry, and where their logs stood: read from what went
//! over the wire.

use std::collections::{BTreeMap, BTreeSet};

use waymark_server::inspect::StoredEntry;
use waymark_wire::chain::Position;
use waymark_wire::codec::{self, SequenceReader};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::{MembershipBody, Op};
use waymark_wire::message::{
    APPEND_PATH, AppendAnswer, AppendRequest, Frame, PULL_PATH, PullRequest, RefusalAnswer,
};
use waymark_wire::signature::VerifyingKey;

use super::standing::{Standing, Tree, body_of};

/// Every log, as far as anybody was told that something was taken.
#[derive(Default)]
pub(super) struct Ledger {
    /// Relays lose what they took, and put something else in its place.
    is_lied_to: bool,
    /// The logs; where relays lie, as they are in the end.
    logs: BTreeMap<SpaceId, BTreeMap<u64, Entry>>,
    /// All that was ever said to be taken.
    taken: BTreeMap<SpaceId, BTreeMap<EntryId, Entry>>,
    /// Every place where a log was ever said to stand.
    positions: BTreeSet<(SpaceId, u64, [u8; 16])>,
    /// Entries by which a member took another agreement key, and when they were taken.
    renewals: Vec<(SpaceId, EntryId, i64)>,
    /// Membership entries of which nothing is left anywhere: no relay has them any more, and no device.
    forgotten: BTreeSet<EntryId>,
    /// What cannot be.
    pub(super) wrong: Option<String>,
}

impl Ledger {
    /// An empty one, of relays that lie or do not.
    pub(super) fn new(is_lied_to: bool) -> Self {
        Self {
            is_lied_to,
            ..Self::default()
        }
    }

    /// Notes what a request was and what was answered.
    pub(super) fn note(&mut self, now: i64, path: &str, body: &[u8], answer: (u16, &[u8])) {
        match path {
            APPEND_PATH => self.note_append(now, body, answer),
            PULL_PATH => self.note_pages(body, answer),
            _ => {}
        }
    }

    fn note_append(&mut self, now: i64, body: &[u8], (status, answer): (u16, &[u8])) {
        let Ok(request) = codec::decode::<AppendRequest>(body, limits::APPEND_BODY) else {
            return;
        };
        let seqs = if status == 200 {
            let answer = codec::decode::<AppendAnswer>(answer, usize::MAX);
            answer.map(|answer| {
                self.note_position(request.space, answer.receipt.position);
                answer.seqs
            })
        } else {
            codec::decode::<RefusalAnswer>(answer, usize::MAX).map(|answer| answer.seqs)
        };
        for (seq, bytes) in seqs.unwrap_or_default().into_iter().zip(request.entries) {
            let Ok(entry) = Entry::parse(bytes.0) else {
                self.wrong = Some("the relay took what is no entry".into());
                return;
            };
            let log = self.logs.entry(request.space).or_default();
            let before = log.get(&seq).map(Entry::bytes);
            if before.is_some_and(|before| before != entry.bytes()) && !self.is_lied_to {
                self.wrong = Some(format!("the relay put two entries at {seq}"));
                return;
            }
            log.insert(seq, entry.clone());
            let body = body_of(&entry);
            let is_first = body.as_ref().is_some_and(|b| b.core.previous.0 == [0; 32]);
            let id = entry.id(if is_first {
                &SpaceId::ZERO
            } else {
                &request.space
            });
            let renews = |op: &Op| matches!(op, Op::Rotate(Some(_)));
            let renews = body.is_some_and(|body| body.core.ops.iter().any(renews));
            let taken = self.taken.entry(request.space).or_default();
            if taken.insert(id, entry).is_none() && renews {
                self.renewals.push((request.space, id, now));
            }
        }
    }

    fn note_pages(&mut self, body: &[u8], (status, answer): (u16, &[u8])) {
        let Ok(request) = codec::decode::<PullRequest>(body, limits::PULL_BODY) else {
            return;
        };
        if status != 200 || request.spaces.is_empty() {
            return;
        }
        let mut reader = SequenceReader::new(limits::FRAME);
        reader.push(answer);
        while let Ok(Some(frame)) = reader.next_item::<Frame>() {
            let Frame::Page { space, receipt, .. } = frame else {
                continue;
            };
            if let Some(asked) = request.spaces.get(usize::from(space)) {
                self.note_position(asked.proof.space, receipt.position);
            }
        }
    }

    fn note_position(&mut self, space: SpaceId, Position { seq, chain }: Position) {
        self.positions.insert((space, seq, chain.0));
    }

    /// Whether a relay ever said that a log stands so.
    pub(super) fn stood_at(&self, space: &SpaceId, at: Position) -> bool {
        at.seq == 0 || self.positions.contains(&(*space, at.seq, at.chain.0))
    }

    /// Takes what the relays have at last for the logs.
    pub(super) fn settle(&mut self, stored: impl Iterator<Item = StoredEntry>) {
        self.logs.clear();
        for stored in stored {
            let known = self.taken.get(&stored.space);
            if !known.is_some_and(|known| known.contains_key(&stored.id)) {
                self.wrong = Some(format!("a relay has what no device sent: {}", stored.id));
            }
            if let Ok(entry) = Entry::parse(stored.bytes) {
                let log = self.logs.entry(stored.space).or_default();
                log.insert(stored.seq, entry);
            }
        }
    }

    /// Notes what nobody can bring back any more: no relay has it, and no device `holds` what it was
    /// signed with.
    pub(super) fn note_forgotten(&mut self, stored: &[StoredEntry], holds: impl Fn(&[u8]) -> bool) {
        let stored: BTreeSet<EntryId> = stored.iter().map(|stored| stored.id).collect();
        for (id, entry) in self.taken.values().flatten() {
            let is_membership = entry.header().kind == Kind::Membership;
            let signature = entry.bytes().last_chunk::<64>();
            if is_membership
                && !stored.contains(id)
                && !signature.is_some_and(|signature| holds(signature))
            {
                self.forgotten.insert(*id);
            }
        }
    }

    /// Whether nobody could bring an entry back, from some time on.
    pub(super) fn is_forgotten(&self, id: &EntryId) -> bool {
        self.forgotten.contains(id)
    }

    /// All that was ever taken in a space.
    pub(super) fn taken(&self, space: &SpaceId) -> impl Iterator<Item = (&EntryId, &Entry)> {
        self.taken.get(space).into_iter().flatten()
    }

    /// What was taken in a space and is not in its log.
    pub(super) fn missing(&self, space: &SpaceId) -> Vec<(&EntryId, &Entry)> {
        let log = self.logs.get(space).into_iter().flat_map(BTreeMap::values);
        let log: BTreeSet<&[u8]> = log.map(Entry::bytes).collect();
        let taken = self.taken(space);
        taken
            .filter(|(_, entry)| !log.contains(entry.bytes()))
            .collect()
    }

    /// The entries of a log, in their order.
    pub(super) fn log(&self, space: &SpaceId) -> Vec<Entry> {
        let log = self.logs.get(space).into_iter().flat_map(BTreeMap::values);
        log.cloned().collect()
    }

    /// All spaces.
    pub(super) fn spaces(&self) -> Vec<SpaceId> {
        self.taken.keys().copied().collect()
    }

    /// The membership of a space, in every line that there was.
    pub(super) fn tree(&self, space: &SpaceId) -> Tree {
        self.taken.get(space).map(Tree::of).unwrap_or_default()
    }

    /// Whether an end of the space was taken that is not in its log.
    pub(super) fn lost_an_end(&self, space: &SpaceId) -> bool {
        let closes = |op: &Op| matches!(op, Op::Close(_));
        let missing = self.missing(space).into_iter();
        let mut bodies = missing.filter_map(|(_, entry)| body_of(entry));
        bodies.any(|body| body.core.ops.iter().any(closes))
    }

    /// Whether a member with one of these keys took another agreement key after a time.
    pub(super) fn renewed_since(&self, space: &SpaceId, keys: &[VerifyingKey], since: i64) -> bool {
        let renewals = self.renewals.iter();
        let mut renewals = renewals
            .filter(|(of, _, at)| of == space && *at >= since)
            .peekable();
        if renewals.peek().is_none() {
            return false;
        }
        let tree = self.tree(space);
        let is_its = |id: &EntryId| {
            let entry = self.taken.get(space)?.get(id)?;
            let signer = usize::from(entry.header().device.0);
            let standing = tree.standing(tree.place_of(id, entry)?)?;
            Some(keys.contains(&standing.places.get(signer)?.key))
        };
        renewals.any(|(_, id, _)| is_its(id).unwrap_or_default())
    }

    /// How many entries there are in all logs.
    pub(super) fn len(&self) -> usize {
        self.logs.values().map(BTreeMap::len).sum()
    }

    /// All entries' bytes.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.taken
            .values()
            .flat_map(|log| log.values().map(Entry::bytes))
    }

    /// What stands in the logs, and what was lost of them, for whoever looks for a fault.
    pub(super) fn print(&self) {
        for (space, log) in &self.logs {
            println!("log {space}");
            for (seq, entry) in log {
                println!("  {seq} {}", told(entry));
            }
            for (_, entry) in self.missing(space) {
                println!("  lost: {}", told(entry));
            }
        }
    }

    /// How a space stands at the end of its log; `None` where the relays have nothing of it.
    pub(super) fn standing(&self, space: &SpaceId) -> Option<Standing> {
        let log = self.logs.get(space)?;
        let mut standing = Standing::default();
        for entry in log.values() {
            if entry.header().kind == Kind::Membership {
                let body = MembershipBody::parse(entry.body()).ok()?;
                let signer = usize::from(entry.header().device.0);
                let of = if standing.ids.is_empty() {
                    SpaceId::ZERO
                } else {
                    *space
                };
                standing.take(entry.id(&of), &body.core.ops, signer);
            }
        }
        (!standing.ids.is_empty()).then_some(standing)
    }

    /// The last batch of a log that none of the `bad` signed.
    pub(super) fn last_batch(&self, space: &SpaceId, bad: &[u16]) -> Option<&Entry> {
        let mut newest_first = self.logs.get(space)?.values().rev();
        newest_first.find(|entry| {
            let header = entry.header();
            header.kind == Kind::Batch && !bad.contains(&header.device.0)
        })
    }
}

/// An entry in a line.
fn told(entry: &Entry) -> String {
    let header = entry.header();
    let ops = match MembershipBody::parse(entry.body()) {
        Ok(body) if header.kind == Kind::Membership => body.core.ops,
        _ => Vec::new(),
    };
    let ops = ops.iter().map(|op| match op {
        Op::Add(add) => format!("add {} {}", add.device, add.rights),
        Op::Remove(device) => format!("remove {device}"),
        Op::Seal(device) => format!("seal {device}"),
        Op::Rotate(Some(_)) => "rotate with a new key".to_owned(),
        other => other.name().to_owned(),
    });
    let ops: Vec<String> = ops.collect();
    format!(
        "{:?} by {} #{} at {} {}",
        header.kind,
        header.device,
        header.counter,
        header.height.0,
        ops.join(", ")
    )
}

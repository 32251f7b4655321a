//! What the relays took, entry by entry, and who was in each space by it: read from the entries that
//! went over the wire, by a fold of its own.

use std::collections::BTreeMap;

use waymark_core::crypto::{EpochKey, open, open_roster};
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::{MembershipBody, Op};
use waymark_wire::message::{APPEND_PATH, AppendAnswer, AppendRequest, RefusalAnswer};
use waymark_wire::signature::VerifyingKey;

/// Every log, as far as anybody was told that something was taken.
#[derive(Default)]
pub(super) struct Ledger {
    logs: BTreeMap<SpaceId, BTreeMap<u64, Entry>>,
    /// Members that took another agreement key: in which space, their number there, when.
    renewals: Vec<(SpaceId, u16, i64)>,
    /// What cannot be.
    pub(super) wrong: Option<String>,
}

/// A membership as the log shows it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: VerifyingKey,
    person: [u8; 16],
    /// The height of the entry that ended it.
    pub(super) ended: Option<u32>,
}

/// Who is and was in a space.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// By number.
    pub(super) places: Vec<Place>,
    /// The heights of the entries that started an epoch.
    pub(super) starts: Vec<u32>,
    pub(super) is_closed: bool,
    /// The space that goes on in its place.
    pub(super) successor: Option<SpaceId>,
    /// The membership entries' ids, by height.
    ids: Vec<EntryId>,
}

impl Standing {
    /// The number that a key has now.
    pub(super) fn number_of(&self, key: &VerifyingKey) -> Option<u16> {
        let has = |place: &Place| place.key == *key && place.ended.is_none();
        let place = self.places.iter().position(has)?;
        u16::try_from(place).ok()
    }

    /// The numbers of everybody who is in it.
    pub(super) fn numbers(&self) -> Vec<u16> {
        let current = self.places.iter().zip(0..);
        let current = current.filter(|(place, _)| place.ended.is_none());
        current.map(|(_, number)| number).collect()
    }
}

impl Ledger {
    /// Notes what a request was and what was answered.
    pub(super) fn note(
        &mut self,
        now: i64,
        path: &str,
        body: &[u8],
        (status, answer): (u16, &[u8]),
    ) {
        if path != APPEND_PATH {
            return;
        }
        let Ok(request) = codec::decode::<AppendRequest>(body, limits::APPEND_BODY) else {
            return;
        };
        let seqs = if status == 200 {
            codec::decode::<AppendAnswer>(answer, usize::MAX).map(|answer| answer.seqs)
        } else {
            codec::decode::<RefusalAnswer>(answer, usize::MAX).map(|answer| answer.seqs)
        };
        let log = self.logs.entry(request.space).or_default();
        for (seq, bytes) in seqs.unwrap_or_default().into_iter().zip(request.entries) {
            let Ok(entry) = Entry::parse(bytes.0) else {
                self.wrong = Some("the relay took what is no entry".into());
                return;
            };
            let before = log.get(&seq).map(Entry::bytes);
            if before.is_some_and(|before| before != entry.bytes()) {
                self.wrong = Some(format!("the relay put two entries at {seq}"));
                return;
            }
            let renews = |op: &Op| matches!(op, Op::Rotate(Some(_)));
            let ops = MembershipBody::parse(entry.body()).ok();
            if before.is_none() && ops.is_some_and(|body| body.core.ops.iter().any(renews)) {
                let number = entry.header().device.0;
                self.renewals.push((request.space, number, now));
            }
            log.insert(seq, entry);
        }
    }

    /// Whether a member with one of these keys took another agreement key after a time.
    pub(super) fn renewed_since(&self, space: &SpaceId, keys: &[VerifyingKey], since: i64) -> bool {
        let Some(standing) = self.standing(space) else {
            return false;
        };
        let is_its = |number: u16| {
            let place = standing.places.get(usize::from(number));
            place.is_some_and(|place| keys.contains(&place.key))
        };
        let mut renewals = self.renewals.iter();
        renewals.any(|(of, number, at)| of == space && *at >= since && is_its(*number))
    }

    /// How many entries there are in all logs.
    pub(super) fn len(&self) -> usize {
        self.logs.values().map(BTreeMap::len).sum()
    }

    /// All entries' bytes.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.logs
            .values()
            .flat_map(|log| log.values().map(Entry::bytes))
    }

    /// What stands in the logs, for whoever looks for a fault.
    pub(super) fn print(&self) {
        for (space, log) in &self.logs {
            println!("log {space}");
            for (seq, entry) in log {
                let header = entry.header();
                let ops = match MembershipBody::parse(entry.body()) {
                    Ok(body) if header.kind == Kind::Membership => body.core.ops,
                    _ => Vec::new(),
                };
                let ops: Vec<String> = ops
                    .iter()
                    .map(|op| match op {
                        Op::Add(add) => format!("add {} {}", add.device, add.rights),
                        Op::Remove(device) => format!("remove {device}"),
                        Op::Seal(device) => format!("seal {device}"),
                        other => other.name().to_owned(),
                    })
                    .collect();
                println!(
                    "  {seq} {:?} by {} #{} at {} {}",
                    header.kind,
                    header.device,
                    header.counter,
                    header.height.0,
                    ops.join(", ")
                );
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
                standing.take(&body.core.ops, signer);
                let of = if standing.ids.is_empty() {
                    SpaceId::ZERO
                } else {
                    *space
                };
                standing.ids.push(entry.id(&of));
            }
        }
        (!standing.ids.is_empty()).then_some(standing)
    }

    /// The entries sealed at a membership of this height or later, but the first of the space.
    pub(super) fn since(&self, space: &SpaceId, height: u32) -> impl Iterator<Item = &Entry> {
        let log = self.logs.get(space);
        log.into_iter()
            .flat_map(BTreeMap::values)
            .skip(1)
            .filter(move |entry| {
                let header = entry.header();
                let is_change = u32::from(header.kind == Kind::Membership);
                header.height.0 + is_change >= height
            })
    }

    /// The last batch of a log.
    pub(super) fn last_batch(&self, space: &SpaceId) -> Option<&Entry> {
        let mut newest_first = self.logs.get(space)?.values().rev();
        newest_first.find(|entry| entry.header().kind == Kind::Batch)
    }
}

impl Standing {
    fn take(&mut self, ops: &[Op], signer: usize) {
        let height = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        if height == 0 {
            self.starts.push(0);
        }
        for op in ops {
            match op {
                Op::Add(add) => self.places.push(Place {
                    key: add.signing_key,
                    person: add.person.0,
                    ended: None,
                }),
                Op::Remove(device) => {
                    if let Some(place) = self.places.get_mut(usize::from(device.0)) {
                        place.ended = Some(height);
                    }
                }
                Op::Rotate(_) => self.starts.push(height),
                Op::Leave => {
                    let person = self.places.get(signer).map(|place| place.person);
                    let own = self.places.iter_mut();
                    let own = own.filter(|p| Some(p.person) == person && p.ended.is_none());
                    own.for_each(|place| place.ended = Some(height));
                }
                Op::Close(successor) => {
                    self.is_closed = true;
                    self.successor = *successor;
                }
                Op::Seal(_) | Op::Reserved(_) => {}
            }
        }
    }

    /// Whether an entry behind the first opens with an epoch key.
    pub(super) fn opens(&self, space: &SpaceId, entry: &Entry, key: &EpochKey) -> bool {
        let header = entry.header();
        let height = usize::try_from(header.height.0).unwrap_or(usize::MAX);
        let Some(at) = self.ids.get(height) else {
            return false;
        };
        if header.kind != Kind::Membership {
            return open(key, &space.0, &at.0, &header.to_bytes(), entry.body()).is_ok();
        }
        let Ok(body) = MembershipBody::parse(entry.body()) else {
            return false;
        };
        open_roster(key, &space.0, &at.0, &header.to_bytes(), body.private).is_ok()
    }
}

//! One append at its turn, within the writer's transaction: which entries are taken, and what is
//! written for them, whatever engine keeps them.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use waymark_wire::chain::Cursor;
use waymark_wire::entry::Entry;
#[cfg(feature = "postgres")]
use waymark_wire::ids::EntryId;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::Membership;
use waymark_wire::message::RefusalCode;

use super::candidate::{Named, named_by};
use super::checkpoints::weigh;
use super::noting::{InSpace, gone, note};
use super::quota::{Held, Quota};
use super::reading::{membership, membership_above};
use super::rows::{Fault, Rows, SpaceNumber};
use super::rules::{self, Reason};
use super::{AppendOutcome, Attachment, Candidate, Day, Prepared, Refused};
use crate::cache::Cache;
use crate::logging::Short;

/// The state of a space's log at its end.
pub(super) struct Space {
    number: SpaceNumber,
    membership: Arc<Membership>,
    head: Cursor,
    next_counters: HashMap<DeviceNumber, u64>,
    /// The last day that it is known to be noted as used on.
    used: Option<Day>,
}

#[cfg(feature = "postgres")]
impl Space {
    /// The end of its log.
    pub(super) const fn head(&self) -> Cursor {
        self.head
    }

    /// The newest membership entry.
    pub(super) fn membership_head(&self) -> EntryId {
        self.membership.head()
    }

    /// Goes on after entries of others, none of which changed the membership.
    pub(super) fn go_on_from(&mut self, head: Cursor) {
        self.head = head;
        self.next_counters.clear();
    }
}

/// What a group changes beside its rows.
#[derive(Default)]
pub(super) struct Changes {
    /// What each space takes more, or less.
    pub(super) bytes: HashMap<SpaceNumber, i64>,
    /// Memberships after their newest entry.
    pub(super) memberships: Vec<Arc<Membership>>,
    /// Spaces that were let go.
    pub(super) retired: Vec<SpaceId>,
    /// When the append that is being taken arrived, in milliseconds since the Unix epoch.
    now: i64,
}

/// Appends what was prepared, as far as it is taken; what was written is durable with the
/// transaction that `db` is in.
pub(super) fn append<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    prepared: Prepared,
) -> Result<AppendOutcome, Fault> {
    let mut outcome = AppendOutcome {
        seqs: Vec::with_capacity(prepared.candidates.len()),
        is_new: false,
        head: None,
        refused: None,
    };
    changes.now = prepared.now;
    for candidate in &prepared.candidates {
        let reason = match take(db, spaces, changes, &prepared, candidate) {
            Ok(Ok((seq, is_new))) => {
                outcome.seqs.push(seq);
                outcome.is_new |= is_new;
                continue;
            }
            Ok(Err(reason)) => reason,
            // One damaged space must not stop the others.
            Err(Fault::Damaged(what)) => {
                tracing::error!(space = %Short(&prepared.space), "the database is damaged: {what}");
                spaces.remove(&prepared.space);
                Reason::new(RefusalCode::Unavailable, "the log of this space is damaged")
            }
            Err(fault @ Fault::Engine(_)) => return Err(fault),
        };
        outcome.refused = Some(refuse(db, spaces, &prepared.space, reason)?);
        break;
    }
    if !outcome.seqs.is_empty() {
        let space = spaces.get(&prepared.space);
        outcome.head = space.map(|space| space.head.position());
    }
    outcome.refused = outcome.refused.or(prepared.then);
    Ok(outcome)
}

/// What becomes of one entry: its place and whether it is new, or why it is not taken.
type Taken = Result<(u64, bool), Reason>;

/// Takes one entry.
fn take<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    prepared: &Prepared,
    candidate: &Candidate,
) -> Result<Taken, Fault> {
    let entry = &candidate.entry;
    let header = entry.header();
    if !load(db, spaces, &prepared.space)? {
        match create(db, spaces, changes, prepared, candidate)? {
            Some(created) => return Ok(created),
            None => load(db, spaces, &prepared.space)?,
        };
    }
    let Some(space) = spaces.get(&prepared.space) else {
        return Err(Fault::Damaged("a space was not kept"));
    };
    if let Err(reason) = rules::authenticate(&space.membership, candidate) {
        return Ok(Err(reason));
    }
    let next = match space.next_counters.get(&header.device) {
        Some(next) => *next,
        None => db.next_counter(space.number, header.device, u64::MAX)?,
    };
    let is_member = space.membership.member(header.device).is_some();
    if !is_member && !ended_itself(db, space, header.device, next)? {
        return Ok(Err(rules::not_found()));
    }
    if u64::from(header.counter) < next {
        let stored = db.by_counter(space.number, header.device, header.counter)?;
        if let Some((seq, id)) = stored
            && id == candidate.id
        {
            return Ok(Ok((seq, false)));
        }
    }
    if !is_member {
        return Ok(Err(rules::not_found()));
    }
    let changed = match rules::judge(&space.membership, candidate, next) {
        Ok(changed) => changed,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Some(checkpoint) = &candidate.checkpoint {
        let facts = InSpace {
            db,
            number: space.number,
        };
        let dropped = db.dropped(space.number)?;
        let weighed = weigh(checkpoint, &space.membership, dropped, &facts)?;
        if let Err(reason) = weighed {
            return Ok(Err(reason.told_to_member(entry)));
        }
    }
    let attached = match attached(db, Some(space.number), entry, prepared)? {
        Ok(attached) => attached,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = weigh_room(
        db,
        space,
        changes,
        prepared.terms.quota,
        candidate,
        &attached,
    )? {
        return Ok(Err(reason.told_to_member(entry)));
    }
    let before = changed.map(|after| mem::replace(&mut space.membership, Arc::new(after)));
    let seq = put(db, space, changes, candidate, &attached)?;
    note_use(db, space, prepared.terms.day)?;
    if let Some(before) = before {
        let gone = gone(db, space.number, &space.membership)?;
        let dropped = rules::dropped(&before, &space.membership, gone);
        let mut bytes = 0;
        for hash in &dropped.agreement_keys {
            bytes += db.drop_attachment(space.number, hash)?;
        }
        for named in &dropped.sealed {
            bytes += db.drop_sealed(space.number, named)?;
        }
        *changes.bytes.entry(space.number).or_default() -= bytes;
        let is_gone = |device| space.membership.member(device).is_none();
        for member in before.members().filter(|member| is_gone(member.device)) {
            db.set_wake(space.number, member.device, None)?;
        }
    }
    space.next_counters.insert(header.device, next + 1);
    Ok(Ok((seq, true)))
}

/// Whether a membership that is over was ended by an entry of its own, its last. Who has left may
/// ask again for what was taken, because an answer may have been lost; who was removed is a stranger.
fn ended_itself<R: Rows>(
    db: &R,
    space: &Space,
    device: DeviceNumber,
    next: u64,
) -> Result<bool, Fault> {
    let membership = &space.membership;
    let until = membership.member_ever(device).and_then(|m| m.until);
    let ended_by = until.and_then(|until| membership.id_at(until));
    let last = next.checked_sub(1).and_then(|n| u32::try_from(n).ok());
    let last = match last {
        Some(last) => db.by_counter(space.number, device, last)?,
        None => None,
    };
    Ok(last.is_some_and(|(_, id)| Some(id) == ended_by))
}

/// Takes the first entry of a space; `None` where somebody else has just made the space.
fn create<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    prepared: &Prepared,
    candidate: &Candidate,
) -> Result<Option<Taken>, Fault> {
    let entry = &candidate.entry;
    if !candidate.is_founding {
        let reason = rules::not_found_at_cost(entry, &candidate.id);
        return Ok(Some(Err(reason)));
    }
    if !prepared.may_create {
        let detail = "creating a space needs a token";
        let reason = Reason::new(RefusalCode::Admission, detail);
        return Ok(Some(Err(reason)));
    }
    let membership = match rules::found(candidate) {
        Ok(membership) => membership,
        Err(reason) => return Ok(Some(Err(reason))),
    };
    let attached = match attached(db, None, entry, prepared)? {
        Ok(attached) => attached,
        Err(reason) => return Ok(Some(Err(reason))),
    };
    let Some(number) = db.insert_space(&prepared.space)? else {
        return Ok(None);
    };
    let mut space = Space {
        number,
        membership: Arc::new(membership),
        head: Cursor::start(&prepared.space),
        next_counters: HashMap::from([(entry.header().device, 1)]),
        used: None,
    };
    let seq = put(db, &mut space, changes, candidate, &attached)?;
    note_use(db, &mut space, prepared.terms.day)?;
    spaces.insert(prepared.space, space);
    Ok(Some(Ok((seq, true))))
}

/// Notes with an entry the day on which it came, once a day.
fn note_use<R: Rows>(db: &R, space: &mut Space, day: Option<Day>) -> Result<(), Fault> {
    if let Some(day) = day
        && space.used < Some(day)
    {
        db.touch(space.number, day)?;
        space.used = Some(day);
    }
    Ok(())
}

/// Looks whether there is room in the space for an entry with what comes along.
fn weigh_room<R: Rows>(
    db: &R,
    space: &Space,
    changes: &Changes,
    quota: Quota,
    candidate: &Candidate,
    attached: &[Attached<'_>],
) -> Result<Result<(), Reason>, Fault> {
    if quota.is_boundless() {
        return Ok(Ok(()));
    }
    let brought = attached.iter().filter(|attached| attached.given.is_some());
    let brought: usize = brought.map(|attached| attached.named.size()).sum();
    let entry = &candidate.entry;
    let bytes = u64::try_from(entry.bytes().len() + brought).unwrap_or(u64::MAX);
    let unsaved = changes.bytes.get(&space.number).copied().unwrap_or(0);
    let held = Held {
        bytes: db.bytes(space.number)?.saturating_add_signed(unsaved),
        entries: space.head.seq.saturating_sub(db.dropped(space.number)?),
    };
    Ok(quota.weigh(entry.header().kind, bytes, held))
}

/// Writes an entry that was decided on, after the log's end.
fn put<R: Rows>(
    db: &R,
    space: &mut Space,
    changes: &mut Changes,
    candidate: &Candidate,
    attached: &[Attached<'_>],
) -> Result<u64, Fault> {
    let entry = &candidate.entry;
    let at = space.head.after(&candidate.id);
    db.insert_entry(space.number, &at, entry, &candidate.id)?;
    space.head = at;
    let written = (entry, &candidate.id, at.seq);
    note(db, space.number, &space.membership, written, changes.now)?;
    let height = space.membership.height();
    let mut bytes = i64::try_from(entry.bytes().len()).unwrap_or(i64::MAX);
    for Attached { named, given } in attached {
        let named_at = named.is_sealed_key.then_some(height);
        let is_added = match given {
            Some(given) => db.insert_attachment(space.number, given, named_at)?,
            None => false,
        };
        if is_added {
            bytes += i64::try_from(named.size()).unwrap_or(i64::MAX);
        } else if named.is_sealed_key {
            db.name_again(space.number, &named.hash, height)?;
        }
    }
    if space.membership.head() == candidate.id {
        db.insert_membership(space.number, height, at.seq)?;
        changes.memberships.push(space.membership.clone());
    }
    *changes.bytes.entry(space.number).or_default() += bytes;
    Ok(at.seq)
}

/// Something that an entry names by hash, with its bytes where they were given.
struct Attached<'a> {
    named: Named,
    given: Option<&'a Attachment>,
}

/// Finds everything that an entry names by hash, with the bytes where they were given: what was not
/// is kept already, or is with nobody who gives the entry back.
fn attached<'a, R: Rows>(
    db: &R,
    number: Option<SpaceNumber>,
    entry: &Entry,
    prepared: &'a Prepared,
) -> Result<Result<Vec<Attached<'a>>, Reason>, Fault> {
    let mut attached = Vec::new();
    for named in named_by(entry) {
        let given = prepared.attachments.iter().find(|g| g.hash == named.hash);
        let given = given.filter(|given| given.bytes.len() == named.size());
        if given.is_none() {
            let kept = match number {
                Some(number) => db.attachment_size(number, &named.hash)?,
                None => None,
            };
            if kept != Some(named.size()) {
                if prepared.heals {
                    continue;
                }
                return Ok(Err(rules::attachment("is missing")));
            }
        }
        attached.push(Attached { named, given });
    }
    Ok(Ok(attached))
}

/// Keeps the token by which a membership is woken, or takes it away. One that is over has none.
pub(super) fn set_wake<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    (id, device): (SpaceId, DeviceNumber),
    token: Option<&[u8]>,
) -> Result<(), Fault> {
    load(db, spaces, &id)?;
    let Some(space) = spaces.get(&id) else {
        return Ok(());
    };
    let token = token.filter(|_| space.membership.member(device).is_some());
    db.set_wake(space.number, device, token)
}

/// Sees to it that the space's state is in memory; `false` where there is no such space.
pub(super) fn load<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    id: &SpaceId,
) -> Result<bool, Fault> {
    if spaces.get(id).is_some() {
        return Ok(true);
    }
    let Some(number) = db.lock(id)? else {
        return Ok(false);
    };
    let space = Space {
        number,
        membership: Arc::new(membership(db, number)?),
        head: db.head(number, id)?,
        next_counters: HashMap::new(),
        used: None,
    };
    spaces.insert(*id, space);
    Ok(true)
}

/// Adds to a refusal what a member may know.
fn refuse<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    id: &SpaceId,
    reason: Reason,
) -> Result<Refused, Fault> {
    let space = spaces.get(id);
    let known = reason.member_at.zip(space);
    let (head, membership) = match known {
        Some((height, space)) => (
            Some(space.head.position()),
            if reason.calls_for_membership() {
                membership_above(db, space.number, height)?
            } else {
                Vec::new()
            },
        ),
        None => (None, Vec::new()),
    };
    Ok(Refused {
        head,
        membership,
        ..Refused::from(reason)
    })
}

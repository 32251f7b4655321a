//! A void: the client's word that what one device wrote from some point on does not count. It is
//! never changed: another one replaces it, which takes it back or names another point.
//!
//! Since when is said by operations. A document numbers them, so that every device finds the same
//! ones in any order, after compaction too, and whatever their writer says of dates. Documents that
//! are not named are void from the beginning: the device may write in any.
//!
//! Voids are weighed from the newest operation to the oldest. One holds unless a newer one that
//! holds undoes the device that wrote it, or replaces it. So two that undo each other's devices have
//! one outcome, and the last word is with those who are still members.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::ids::{ActorId, OpId};
use crate::model::codes::Undoing;
use crate::model::document::DocumentKey;
use crate::model::ids::{PersonTag, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::json;
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, Put, RecordKind, write};
use crate::model::records::Entry;
use crate::model::text::{LINK_LIMIT, check_count, in_range, read_links};
use crate::model::time::{read_date_opt, read_instant, write_date, write_instant};
use crate::model::undone::{Holding, Undone};
use crate::role::Role;

/// Documents that a void names, at most.
const DOCUMENT_LIMIT: usize = 1_024;

/// A void as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Void {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    /// Whose writing it is about.
    #[n(2)]
    pub(crate) actor: ActorId,
    #[n(3)]
    pub(crate) undoing: u8,
    /// From which operation on, by document, ascending.
    #[n(4)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) from: Vec<Point>,
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RecordId>,
    /// The day that somebody named: for show.
    #[n(6)]
    pub(crate) since: Option<i32>,
}

/// The first void operation of a document.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point {
    #[n(0)]
    kind: u16,
    #[n(1)]
    part: u32,
    #[n(2)]
    counter: u32,
}

impl RecordKind for Void {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "undo what a device wrote";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_date_opt(self.since)?;
        read_links(self.replaces.len())?;
        let is_whole = match Undoing::read(self.undoing)? {
            Undoing::Undone => self.from.len() <= DOCUMENT_LIMIT,
            Undoing::Restored => self.from.is_empty() && !self.replaces.is_empty(),
        };
        let place = |point: &Point| (point.kind, point.part);
        in_range(is_whole && self.from.iter().all(|point| point.counter > 0))?;
        in_range(self.from.is_sorted_by(|a, b| place(a) < place(b)))
    }

    fn links(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }
}

/// What to undo, or to let count again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewVoid {
    /// Whose writing.
    pub actor: ActorId,
    /// What of it stays: for each document in which something does, the first operation that does
    /// not. At most 1,024.
    pub from: BTreeMap<DocumentKey, u32>,
    /// The day that the person named, for show.
    pub since: Option<NaiveDate>,
}

impl NewVoid {
    /// Makes the record. It replaces every void of that device that holds.
    ///
    /// # Errors
    /// If it names too many documents, or the role is not the client's.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        check_count("documents", self.from.len(), DOCUMENT_LIMIT)?;
        let point = |(document, counter): (&DocumentKey, &u32)| Point {
            kind: document.kind.code().into(),
            part: document.part,
            counter: (*counter).max(1),
        };
        let mut from: Vec<_> = self.from.iter().map(point).collect();
        from.sort_unstable();
        let since = self.since.map(|since| write_date("day", since));
        let void = Void {
            from,
            since: since.transpose()?,
            ..void(self.actor, Undoing::Undone, plan, stamp)?
        };
        write(&void, stamp)
    }

    /// Makes the record that lets count again what a device wrote.
    ///
    /// # Errors
    /// If nothing of the device's is undone, or the role is not the client's.
    pub fn restored(actor: ActorId, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        let void = void(actor, Undoing::Restored, plan, stamp)?;
        match void.replaces.is_empty() {
            true => Err(InputError::NothingUndone),
            false => write(&void, stamp),
        }
    }
}

fn void(actor: ActorId, undoing: Undoing, plan: &Plan, stamp: &Stamp) -> Result<Void, InputError> {
    let holding = plan.undone().holding().iter();
    let of_actor = holding.filter(|void| void.actor == actor);
    let replaces: BTreeSet<_> = of_actor.map(|void| void.id).collect();
    check_count("voids to replace", replaces.len(), LINK_LIMIT)?;
    Ok(Void {
        kind: Kind::Void,
        at: write_instant(stamp.at)?,
        actor,
        undoing: undoing.code(),
        from: Vec::new(),
        replaces: replaces.into_iter().collect(),
        since: None,
    })
}

/// A void that holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct VoidView {
    /// The void.
    pub id: RecordId,
    /// Whose writing it is about.
    pub actor: ActorId,
    /// The day that the person named.
    #[serde(serialize_with = "json::date_opt")]
    pub since: Option<NaiveDate>,
    /// Who undid it.
    pub by: Vec<PersonTag>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
}

impl Plan {
    /// The voids that hold, oldest first.
    pub fn voids(&self) -> Vec<VoidView> {
        let holding = self.undone().holding().iter();
        let ids: BTreeSet<_> = holding.map(|void| void.id).collect();
        let entries = ids.into_iter().filter_map(|id| self.records().get(id));
        let mut views: Vec<_> = entries.filter_map(view).collect();
        views.sort_by_key(|void| (void.at, void.id));
        views
    }
}

fn view(entry: Entry<'_, Void>) -> Option<VoidView> {
    Some(VoidView {
        id: entry.id,
        actor: entry.record.actor,
        since: read_date_opt(entry.record.since).ok()?,
        by: entry.authors.iter().map(|author| author.person).collect(),
        at: read_instant(entry.record.at).ok()?,
    })
}

/// Which of a plan's voids hold.
pub(crate) fn holding(voids: &BTreeMap<RecordId, (Void, BTreeSet<Put>)>) -> Undone {
    let mut puts: Vec<(OpId, RecordId, &Void)> = Vec::new();
    for (id, (void, of)) in voids {
        let by_client = of.iter().filter(|put| void.may_write(put.author.role));
        puts.extend(by_client.map(|put| (put.op, *id, void)));
    }
    puts.sort_unstable_by_key(|(op, id, _)| std::cmp::Reverse((*op, *id)));
    let mut undone = Undone::default();
    let mut replaced = BTreeSet::new();
    for (put, id, void) in puts {
        if undone.covers(DocumentKey::PLAN, &put) || replaced.contains(&id) {
            continue;
        }
        replaced.extend(below(voids, void));
        if Undoing::read(void.undoing) == Ok(Undoing::Undone) {
            let of = |point: &Point| ((point.kind, point.part), point.counter);
            undone.push(Holding {
                id,
                put,
                actor: void.actor,
                from: void.from.iter().map(of).collect(),
            });
        }
    }
    undone
}

/// The voids of the same device that one replaces, also by way of others.
fn below(voids: &BTreeMap<RecordId, (Void, BTreeSet<Put>)>, new: &Void) -> BTreeSet<RecordId> {
    let (mut below, mut waiting) = (BTreeSet::new(), new.replaces.clone());
    while let Some(id) = waiting.pop() {
        if let Some((old, _)) = voids.get(&id)
            && old.actor == new.actor
            && below.insert(id)
        {
            waiting.extend(&old.replaces);
        }
    }
    below
}

#[cfg(test)]
mod tests;

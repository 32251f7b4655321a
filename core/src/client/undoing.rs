//! Undoing what one device wrote: a member's device that turned bad, was stolen or was taken over
//! floods or falsifies a plan, and the client takes all of it back at once.
//!
//! It changes what is shown, and nobody's membership: whoever is not to write or read any more is
//! removed besides. Nothing is lost by it: what is undone stays in the documents, listed with its
//! reason, and counts again when the client says so.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::Member;

use super::cache::{care, log_months, name_of};
use super::{Inner, People, PlanId, WaymarkError, count, space_of};
use crate::engine::Engine;
use crate::gate::{ActorId, RecordView};
use crate::membership::Book;
use crate::model::{
    DocumentKey, DocumentKind, LeftOut, NewVoid, RecordId, VoidView, claimed_at, is_timeless, json,
    local_date,
};
use crate::space;

/// A device of which something is undone in a plan.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct UndoneDevice {
    /// The record that undoes it, as [`LeftOut::undone_by`] names it.
    pub id: RecordId,
    /// The device's number in the plan.
    pub number: u16,
    /// The name of the person whose device it is, once this device can read it.
    pub name: Option<String>,
    /// The device's name, once this device can read it.
    pub device_name: Option<String>,
    /// The first day that the client named; none where everything is undone.
    #[serde(serialize_with = "json::date_opt")]
    pub since: Option<NaiveDate>,
    /// How many records are left out because of it. What only speaks of these is not among them.
    pub records: u32,
    /// The name of the person who undid it, once this device can read it.
    pub undone_by: Option<String>,
    /// When, by that person's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
}

impl People<'_> {
    /// Undoes what one device wrote in a plan and its logs, by the device's number there: since a
    /// day, or all of it. Everything that it writes from now on is undone too, so whoever is to go
    /// on writing is removed and added with new keys. It replaces what was undone of that device
    /// before.
    ///
    /// The device said itself when it wrote what. What comes after the first record of that day in the
    /// device's own order is undone whatever it says; what it dated back stays, and another call with
    /// an earlier day takes it along. Edits of texts bear no date: those behind the device's last
    /// record before that day are undone.
    ///
    /// Who may read does not change: what a device said of grants lets nobody in any more, and takes
    /// back what it took back. As long as another of the client's own devices is a member it can take
    /// back what this one undid, so remove a stolen one first.
    ///
    /// # Errors
    /// `not_found`, also for a number that nobody has or had; `not_allowed` for anybody but the
    /// client, for this device itself, and where the plan is closed; or the storage's.
    pub fn undo_device(
        &self,
        plan: PlanId,
        number: u16,
        since: Option<NaiveDate>,
    ) -> Result<UndoneDevice, WaymarkError> {
        let id = space_of(plan);
        let actor = self.0.actor_of(id, number)?;
        let new = {
            let inner = &mut *self.0.shared.lock();
            let (space, _, _) = care(&mut inner.engine, id)?;
            if space.actor() == actor {
                return Err(WaymarkError::NotAllowed {
                    reason: "what this device wrote is withdrawn, not undone".into(),
                });
            }
            let from = match since {
                Some(since) => self.0.points(&mut inner.engine, id, actor, since)?,
                None => BTreeMap::new(),
            };
            NewVoid { actor, from, since }
        };
        let written = self.0.write_void(id, |p, stamp| new.record(p, stamp))?;
        let mut undone = self.undone_devices(plan)?;
        undone.retain(|undone| undone.id == written);
        undone.pop().ok_or_else(|| WaymarkError::Internal {
            reason: "what was undone is missing".into(),
        })
    }

    /// Lets count again what a device wrote, all of it: what [`People::undo_device`] undid.
    ///
    /// # Errors
    /// `not_found`, also where nothing of this device's is undone; `not_allowed` for anybody but the
    /// client, and where the plan is closed; or the storage's.
    pub fn redo_device(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        let id = space_of(plan);
        let actor = self.0.actor_of(id, number)?;
        let restored = |p: &_, stamp: &_| NewVoid::restored(actor, p, stamp);
        self.0.write_void(id, restored).map(drop)
    }

    /// The devices of which something is undone in a plan, oldest first.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn undone_devices(&self, plan: PlanId) -> Result<Vec<UndoneDevice>, WaymarkError> {
        let id = space_of(plan);
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let folded = self.0.views.plan(engine, id)?;
        let voids = folded.voids();
        if voids.is_empty() {
            return Ok(Vec::new());
        }
        let mut left_out: Vec<LeftOut> = folded.left_out();
        for month in log_months(engine, id)? {
            left_out.extend(self.0.views.log(engine, id, month)?.left_out());
        }
        let (space, _, _) = care(engine, id)?;
        let Some(book) = space.book() else {
            return Ok(Vec::new());
        };
        let view = |void: VoidView| view(&id, book, &void, &left_out);
        Ok(voids.into_iter().filter_map(view).collect())
    }
}

impl Inner {
    /// Fails where what this device writes in a plan is undone: nobody is to write what nobody sees.
    pub(super) fn is_heard(&self, engine: &mut Engine, id: SpaceId) -> Result<(), WaymarkError> {
        let plan = self.views.plan(engine, id)?;
        let (space, _, _) = care(engine, id)?;
        match plan.undone().goes_on_for(space.actor()) {
            true => Err(WaymarkError::NotAllowed {
                reason: "what this device writes here is undone by the client".into(),
            }),
            false => Ok(()),
        }
    }

    fn actor_of(&self, id: SpaceId, number: u16) -> Result<ActorId, WaymarkError> {
        let inner = &mut *self.shared.lock();
        let (space, _, _) = care(&mut inner.engine, id)?;
        let membership = space.book().map(Book::membership);
        let member = membership.and_then(|known| known.member_ever(DeviceNumber(number)));
        let member = member.ok_or_else(|| WaymarkError::not_found(format!("member {number}")))?;
        Ok(space::actor(&id, &member.signing_key))
    }

    /// From which operation on a device's writing is of a day or later, by document: where it has
    /// written something before.
    fn points(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        actor: ActorId,
        since: NaiveDate,
    ) -> Result<BTreeMap<DocumentKey, u32>, WaymarkError> {
        let zone = self.zone();
        let is_before = |bytes: &[u8]| {
            // What cannot be read is no reason to keep what stands before it.
            claimed_at(bytes).is_some_and(|at| local_date(at, zone, 0) < since)
        };
        let (space, store, _) = care(engine, id)?;
        let names: Vec<_> = space.document_names().collect();
        let mut points = BTreeMap::new();
        for name in names {
            let kind = u8::try_from(name.kind).ok();
            let Some(kind) = kind.and_then(|kind| DocumentKind::read(kind).ok()) else {
                continue;
            };
            let part = name.part;
            let document = space.document(store, name_of(DocumentKey { kind, part }))?;
            let mut puts: Vec<(u32, bool)> = Vec::new();
            for record in document.records() {
                // What several devices find by themselves is of no day: it goes or stays with what the
                // device wrote after it.
                if is_timeless(&record.bytes) {
                    continue;
                }
                let kept = is_before(&record.bytes);
                puts.extend(counters(&record, actor).map(|counter| (counter, kept)));
            }
            puts.sort_unstable();
            let kept = puts.iter().take_while(|(_, kept)| *kept).last();
            if let Some((counter, _)) = kept {
                points.insert(DocumentKey { kind, part }, counter.saturating_add(1));
            }
        }
        Ok(points)
    }
}

fn counters<'r>(record: &'r RecordView<'_>, actor: ActorId) -> impl Iterator<Item = u32> + 'r {
    let own = record.puts.iter().filter(move |put| put.actor == actor);
    own.map(|put| put.counter)
}

fn view(id: &SpaceId, book: &Book, void: &VoidView, left_out: &[LeftOut]) -> Option<UndoneDevice> {
    let everybody = book.membership().everybody();
    let is_it = |member: &&Member| space::actor(id, &member.signing_key) == void.actor;
    let member = everybody.iter().find(is_it)?;
    let known = book.roster(member.device);
    let by = |known: &Member| void.by.iter().any(|person| person.0 == known.person.0);
    let mut by = everybody.iter().filter(|member| by(member));
    let by = by.find_map(|member| book.roster(member.device));
    let records = left_out
        .iter()
        .filter(|left| left.undone_by.contains(&void.id));
    Some(UndoneDevice {
        id: void.id,
        number: member.device.0,
        name: known.map(|known| known.name.clone()),
        device_name: known.map(|known| known.device_name.clone()),
        since: void.since,
        records: count(records.count()),
        undone_by: by.map(|known| known.name.clone()),
        at: void.at,
    })
}

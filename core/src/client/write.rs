//! Writing records: checked against the plan, put into their documents, durable on return.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use waymark_wire::ids::SpaceId;

use super::cache::{People, care, fold_plan, name_of};
use super::{Inner, WaymarkError};
use crate::driver::Shares;
use crate::engine::Engine;
use crate::gate::{Document, DocumentName, GateError, OpId, StoredChange};
use crate::model::{
    Author, DocumentKey, InputError, Log, NewRecord, Plan, Put, RecordId, SourceRecord, Stamp,
    claimed_at, reached,
};
use crate::role::Role;
use crate::space::SpaceError;

impl Inner {
    /// The time, by the client's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.clock.now().0).unwrap_or_default()
    }

    /// Who writes in a space, now or at another instant.
    ///
    /// # Errors
    /// `not_allowed` where the space is closed, or what this device writes there is undone.
    pub(super) fn stamp(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
    ) -> Result<Stamp, WaymarkError> {
        let stamp = self.own_stamp(engine, id, at)?;
        self.is_heard(engine, id)?;
        Ok(stamp)
    }

    /// The client's stamp, where this device is the client's and is heard.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub(super) fn client_stamp(
        &self,
        engine: &mut Engine,
        id: SpaceId,
    ) -> Result<Option<Stamp>, WaymarkError> {
        let (space, _, _) = care(engine, id)?;
        if space.own_role() != Some(Role::Client) {
            return Ok(None);
        }
        match self.stamp(engine, id, None) {
            // Nothing more is written in a plan that is closed, or by a device that is undone.
            Err(WaymarkError::NotAllowed { .. }) => Ok(None),
            stamp => stamp.map(Some),
        }
    }

    fn own_stamp(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
    ) -> Result<Stamp, WaymarkError> {
        let (space, _, _) = care(engine, id)?;
        if let Some(next) = space.book().and_then(|book| book.membership().successor()) {
            let next = super::PlanId(next.0);
            return Err(WaymarkError::NotAllowed {
                reason: format!("the plan is closed, and {next} goes on in its place"),
            });
        }
        let own = People::of(space)
            .own(space)
            .ok_or_else(|| WaymarkError::NotAllowed {
                reason: "this device is not a member of the space yet".into(),
            })?;
        Ok(Stamp {
            person: own.person,
            role: own.role,
            at: at.unwrap_or_else(|| self.now()),
            time_zone: self.zone().name().to_owned(),
        })
    }

    /// Writes one record that `make` makes from the plan and the stamp.
    pub(super) fn write(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        make: impl Fn(&Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        self.commit(id, at, |engine, stamp| {
            let plan = self.views.plan(engine, id)?;
            Ok(vec![make(&plan, stamp)?])
        })
    }

    /// Writes a record that undoes or redoes what a device wrote: also a device that is undone itself.
    pub(super) fn write_void(
        &self,
        id: SpaceId,
        make: impl Fn(&Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        let record = {
            let inner = &mut *self.shared.lock();
            let stamp = self.own_stamp(&mut inner.engine, id, None)?;
            let plan = self.views.plan(&mut inner.engine, id)?;
            let record = make(&plan, &stamp)?;
            let written = record.id;
            put(inner, id, vec![record])?;
            written
        };
        self.shared.wake();
        Ok(record)
    }

    /// Writes several records, all or none; those of one document become one change.
    pub(super) fn write_all(
        &self,
        id: SpaceId,
        make: impl Fn(&Plan, &Stamp) -> Result<Vec<NewRecord>, InputError>,
    ) -> Result<(), WaymarkError> {
        let written = self.commit(id, None, |engine, stamp| {
            let plan = self.views.plan(engine, id)?;
            Ok(make(&plan, stamp)?)
        });
        written.map(drop)
    }

    /// Writes records of the plan, all or none, each of which may speak of those before it. The id
    /// of the first is returned.
    pub(super) fn write_steps(
        &self,
        id: SpaceId,
        steps: &[&Step<'_>],
    ) -> Result<RecordId, WaymarkError> {
        self.commit(id, None, |engine, stamp| {
            let mut plan = self.views.plan(engine, id)?;
            let mut records: Vec<NewRecord> = Vec::new();
            for step in steps {
                if !records.is_empty() {
                    plan = Arc::new(plan_with(engine, id, &records, stamp)?);
                }
                let made: Vec<RecordId> = records.iter().map(|record| record.id).collect();
                records.push(step(&made, &plan, stamp)?);
            }
            Ok(records)
        })
    }

    /// Writes a record of a month's log, which `make` may look at.
    pub(super) fn write_in_month(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        month: Option<DocumentKey>,
        make: impl Fn(&Plan, Option<&Log>, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        self.commit(id, at, |engine, stamp| {
            let plan = self.views.plan(engine, id)?;
            let log = month
                .map(|month| self.views.log(engine, id, month))
                .transpose()?;
            Ok(vec![make(&plan, log.as_deref(), stamp)?])
        })
    }

    /// Writes records of a month's log, all or none. The id of the first is returned.
    pub(super) fn write_all_in_month(
        &self,
        id: SpaceId,
        month: DocumentKey,
        make: impl Fn(&Plan, &Log, &Stamp) -> Result<Vec<NewRecord>, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        self.commit(id, None, |engine, stamp| {
            let plan = self.views.plan(engine, id)?;
            let log = self.views.log(engine, id, month)?;
            Ok(make(&plan, &log, stamp)?)
        })
    }

    /// Makes records and puts them into their documents, all or none. The id of the first is
    /// returned.
    fn commit(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        make: impl Fn(&mut Engine, &Stamp) -> Result<Vec<NewRecord>, WaymarkError>,
    ) -> Result<RecordId, WaymarkError> {
        let first = {
            let inner = &mut *self.shared.lock();
            let mut stamp = self.stamp(&mut inner.engine, id, at)?;
            let mut records = make(&mut inner.engine, &stamp)?;
            // Who says the same about the same thing twice in one millisecond, or at once with somebody
            // else, would write the very same bytes, and it would be said once. An import states its own
            // instants: the same diary twice is the same diary.
            while at.is_none() && is_taken(&mut inner.engine, id, &records)? {
                stamp.at += TimeDelta::milliseconds(1);
                let later = make(&mut inner.engine, &stamp)?;
                if later == records {
                    break;
                }
                records = later;
            }
            let first = records.first().map(|record| record.id);
            let may_bring = records.iter().any(reached::may_bring);
            put(inner, id, records)?;
            if may_bring {
                self.find_or_wait(inner, id);
            }
            first
        };
        self.shared.wake();
        first.ok_or_else(|| WaymarkError::Internal {
            reason: "no record was made".into(),
        })
    }
}

/// Whether one of the records stands in its document already. It is another thing's: a second goal that
/// begins in the same millisecond would become a wording of the first, and of two glasses of water that a
/// widget hands over at once one would count.
fn is_taken(engine: &mut Engine, id: SpaceId, records: &[NewRecord]) -> Result<bool, WaymarkError> {
    let (space, store, _) = care(engine, id)?;
    for record in records {
        // What says neither who nor when is anybody's, and no later instant makes another of it.
        if claimed_at(&record.bytes).is_none() {
            continue;
        }
        let document = match space.document(store, name_of(record.document)) {
            // What is written into it meanwhile joins what comes.
            Err(SpaceError::OnItsWay) => continue,
            document => document?,
        };
        if document.record(&record.id).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts records into their documents, all or none.
pub(super) fn put(
    inner: &mut Shares,
    id: SpaceId,
    records: Vec<NewRecord>,
) -> Result<(), WaymarkError> {
    let (space, store, _) = care(&mut inner.engine, id)?;
    space.edit_many(store, edits(records))?;
    let number = space.number();
    inner.machine.local_change(number);
    Ok(())
}

/// The plan as it will be with some more records, to check the next one against.
fn plan_with(
    engine: &mut Engine,
    id: SpaceId,
    records: &[NewRecord],
    stamp: &Stamp,
) -> Result<Plan, WaymarkError> {
    let (space, store, _) = care(engine, id)?;
    let author = Author {
        person: stamp.person,
        role: stamp.role,
    };
    // It comes after everything that is there.
    let op = OpId {
        counter: u32::MAX,
        actor: space.actor(),
    };
    let puts = [Put { op, author }];
    let more: Vec<_> = records
        .iter()
        .map(|record| SourceRecord {
            id: record.id,
            document: record.document,
            puts: &puts,
            bytes: &record.bytes,
        })
        .collect();
    fold_plan(space, store, &more)
}

/// Makes a record from the ids of those made before it, the plan with them, and the stamp.
pub(super) type Step<'s> = dyn Fn(&[RecordId], &Plan, &Stamp) -> Result<NewRecord, InputError> + 's;

pub(super) type Edit = Box<dyn FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>>;

fn edits(records: Vec<NewRecord>) -> Vec<(DocumentName, Edit)> {
    let mut by_document: Vec<(DocumentName, Vec<Vec<u8>>)> = Vec::new();
    for record in records {
        let name = name_of(record.document);
        match by_document.iter_mut().find(|(known, _)| *known == name) {
            Some((_, records)) => records.push(record.bytes),
            None => by_document.push((name, vec![record.bytes])),
        }
    }
    by_document
        .into_iter()
        .map(|(name, records)| {
            let edit: Edit = Box::new(move |document: &mut Document| {
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                Ok(document.put_records(&records)?.into_iter().collect())
            });
            (name, edit)
        })
        .collect()
}

//! Writing records: checked against the plan, put into their documents, durable on return.

use chrono::{DateTime, Utc};
use waymark_wire::ids::SpaceId;

use super::cache::{People, care, name_of, with_records};
use super::{Inner, WaymarkError};
use crate::driver::Shares;
use crate::engine::Engine;
use crate::gate::{Document, DocumentName, GateError, StoredChange};
use crate::model::{
    Author, DocumentKey, InputError, Log, NewRecord, Plan, RecordId, SourceRecord, Stamp,
};

/// Puts records into their documents, all or none.
fn put(inner: &mut Shares, id: SpaceId, records: Vec<NewRecord>) -> Result<(), WaymarkError> {
    let (space, store, _) = care(&mut inner.engine, id)?;
    space.edit_many(store, edits(records))?;
    let number = space.number();
    inner.machine.local_change(number);
    Ok(())
}

/// The plan as it will be with one more record, to check the next one against.
fn plan_with(
    engine: &mut Engine,
    id: SpaceId,
    record: &NewRecord,
    stamp: &Stamp,
) -> Result<Plan, WaymarkError> {
    let (space, store, _) = care(engine, id)?;
    let people = People::of(space);
    let authors = [Author {
        person: stamp.person,
        role: stamp.role,
    }];
    let more = SourceRecord {
        id: record.id,
        document: record.document,
        authors: &authors,
        bytes: &record.bytes,
    };
    with_records(
        space,
        store,
        &people,
        DocumentKey::PLAN,
        &[more],
        |records| Plan::fold(records, people.has_therapist),
    )
}

type Edit = Box<dyn FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>>;

impl Inner {
    /// The time, by the client's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.clock.now().0).unwrap_or_default()
    }

    /// Who writes in a space, now or at another instant.
    pub(super) fn stamp(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
    ) -> Result<Stamp, WaymarkError> {
        let (space, _, _) = care(engine, id)?;
        let own = People::of(space)
            .own(space)
            .ok_or_else(|| WaymarkError::NotAllowed {
                reason: "this device is not a member of the space yet".into(),
            })?;
        Ok(Stamp {
            person: own.person,
            role: own.role,
            at: at.unwrap_or_else(|| self.now()),
            time_zone: self.config.time_zone.clone(),
        })
    }

    /// Writes one record that `make` makes from the plan and the stamp.
    pub(super) fn write(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        make: impl FnOnce(&Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        let mut first = None;
        self.write_all(id, at, |plan, stamp| {
            let record = make(plan, stamp)?;
            first = Some(record.id);
            Ok(vec![record])
        })?;
        first.ok_or_else(|| WaymarkError::Internal {
            reason: "no record was made".into(),
        })
    }

    /// Writes several records, all or none; those of one document become one change.
    pub(super) fn write_all(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        make: impl FnOnce(&Plan, &Stamp) -> Result<Vec<NewRecord>, InputError>,
    ) -> Result<(), WaymarkError> {
        {
            let inner = &mut *self.shared.lock();
            let plan = self.views.plan(&mut inner.engine, id)?;
            let stamp = self.stamp(&mut inner.engine, id, at)?;
            let records = make(&plan, &stamp)?;
            put(inner, id, records)?;
        }
        self.shared.wake();
        Ok(())
    }

    /// Writes two records of the plan, all or none, the second of which speaks of the first.
    pub(super) fn write_pair(
        &self,
        id: SpaceId,
        first: impl FnOnce(&Plan, &Stamp) -> Result<NewRecord, InputError>,
        second: impl FnOnce(RecordId, &Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        let first = {
            let inner = &mut *self.shared.lock();
            let plan = self.views.plan(&mut inner.engine, id)?;
            let stamp = self.stamp(&mut inner.engine, id, None)?;
            let first = first(&plan, &stamp)?;
            let plan = plan_with(&mut inner.engine, id, &first, &stamp)?;
            let second = second(first.id, &plan, &stamp)?;
            let id_of_first = first.id;
            put(inner, id, vec![first, second])?;
            id_of_first
        };
        self.shared.wake();
        Ok(first)
    }

    /// Writes a record of a month's log, which `make` may look at.
    pub(super) fn write_in_month(
        &self,
        id: SpaceId,
        at: Option<DateTime<Utc>>,
        month: Option<DocumentKey>,
        make: impl FnOnce(&Plan, Option<&Log>, &Stamp) -> Result<NewRecord, InputError>,
    ) -> Result<RecordId, WaymarkError> {
        let made = {
            let inner = &mut *self.shared.lock();
            let plan = self.views.plan(&mut inner.engine, id)?;
            let stamp = self.stamp(&mut inner.engine, id, at)?;
            let log = month.map(|month| self.views.log(&mut inner.engine, id, month));
            let record = make(&plan, log.transpose()?.as_deref(), &stamp)?;
            let made = record.id;
            put(inner, id, vec![record])?;
            made
        };
        self.shared.wake();
        Ok(made)
    }
}

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

//! Views that were folded already, with the heads of the documents that they were folded from. A
//! view that is thrown away comes back equal.

mod going;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use waymark_wire::ids::{Height, SpaceId};

use self::going::Goings;
use super::WaymarkError;
use crate::engine::Engine;
use crate::gate::{ActorId, ChangeHash, Document, DocumentName, OpId};
use crate::membership::{Book, SpaceKind};
use crate::model::{
    Author, DocumentKey, DocumentKind, Log, PersonTag, Plan, Put, RecordId, SourceRecord, Undone,
};
use crate::role::Role;
use crate::space::{self, Places, Space, Standing};
use crate::store::Store;

/// Months whose logs stay folded.
const MONTHS: usize = 24;

/// The folded views of a device.
#[derive(Default)]
pub(crate) struct Views(Mutex<Folded>);

#[derive(Default)]
struct Folded {
    /// How often something had been forgotten.
    forgot: u64,
    plans: BTreeMap<SpaceId, (Made, Arc<Plan>)>,
    logs: BTreeMap<(SpaceId, u32), (Made, Arc<Log>)>,
    places: BTreeMap<SpaceId, Places>,
    goings: BTreeMap<SpaceId, Goings>,
}

/// What a view was made from.
#[derive(Eq, PartialEq)]
struct Made {
    heads: Vec<ChangeHash>,
    height: Option<Height>,
    undone: Undone,
}

impl Views {
    /// Drops all of them.
    pub(crate) fn clear(&self) {
        *self.lock() = Folded::default();
    }

    fn lock(&self) -> MutexGuard<'_, Folded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that still hold: none where something was forgotten since they were made.
    fn fresh(&self, engine: &Engine) -> MutexGuard<'_, Folded> {
        let mut folded = self.lock();
        let forgot = engine.forgot();
        if folded.forgot != forgot {
            *folded = Folded {
                forgot,
                ..Folded::default()
            };
        }
        folded
    }

    /// The plan of a care space.
    pub(crate) fn plan(&self, engine: &mut Engine, id: SpaceId) -> Result<Arc<Plan>, WaymarkError> {
        let mut folded = self.fresh(engine);
        let (space, store, _) = care(engine, id)?;
        let made = made(space, store, DocumentKey::PLAN, &Undone::default())?;
        if let Some((from, plan)) = folded.plans.get(&id)
            && *from == made
        {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(fold_plan(space, store, &[])?);
        folded.plans.insert(id, (made, Arc::clone(&plan)));
        Ok(plan)
    }

    /// Keeps a plan that was folded before a text was edited here: that changes no record.
    pub(crate) fn keep(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        before: &Arc<Plan>,
    ) -> Result<(), WaymarkError> {
        let (space, store, _) = care(engine, id)?;
        let made = made(space, store, DocumentKey::PLAN, &Undone::default())?;
        let mut folded = self.lock();
        if let Some(known) = folded.plans.get_mut(&id)
            && Arc::ptr_eq(&known.1, before)
        {
            known.0 = made;
        }
        Ok(())
    }

    /// The log of one month of a care space.
    pub(crate) fn log(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        month: DocumentKey,
    ) -> Result<Arc<Log>, WaymarkError> {
        let plan = self.plan(engine, id)?;
        let undone = plan.undone();
        let mut folded = self.fresh(engine);
        let (space, store, _) = care(engine, id)?;
        let made = made(space, store, month, undone)?;
        if let Some((from, log)) = folded.logs.get(&(id, month.part))
            && *from == made
        {
            return Ok(Arc::clone(log));
        }
        let log = Arc::new(fold_log(space, store, month, undone)?);
        if folded.logs.len() >= MONTHS {
            folded.logs.pop_first();
        }
        folded
            .logs
            .insert((id, month.part), (made, Arc::clone(&log)));
        Ok(log)
    }

    /// Where records that this device's person wrote stand in the log of a care space, and for each
    /// place asked about the devices that have said that they have read up to it.
    pub(crate) fn standings(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        records: &BTreeSet<RecordId>,
    ) -> Result<BTreeMap<RecordId, (Standing, BTreeSet<PersonTag>)>, WaymarkError> {
        let mut folded = self.fresh(engine);
        let (space, store, _) = care(engine, id)?;
        let mut places = folded.places.remove(&id);
        let standings = space.standings(store, &mut places, records);
        let Some(places) = places else {
            return Ok(standings.map(|_| BTreeMap::new())?);
        };
        let everybody = space.book().map(Book::membership);
        let person = |device| {
            let member = everybody?.member_ever(device)?;
            Some(PersonTag(member.person.0))
        };
        let readers = |standing: Standing| match standing {
            Standing::InLog(seq) => places.read_up_to(seq).filter_map(person).collect(),
            Standing::Unknown | Standing::Waits => BTreeSet::new(),
        };
        let standings = standings?.into_iter();
        let standings = standings
            .map(|(id, standing)| (id, (standing, readers(standing))))
            .collect();
        folded.places.insert(id, places);
        Ok(standings)
    }
}

/// A care space with the store.
pub(crate) fn care(
    engine: &mut Engine,
    id: SpaceId,
) -> Result<(&mut Space, &mut dyn Store, &mut dyn crate::crypto::Entropy), WaymarkError> {
    let unknown = || WaymarkError::not_found(format!("plan {id}"));
    is_readable(engine, &id)?;
    let parts = engine.space_mut(&id).ok_or_else(unknown)?;
    if parts.0.kind() == SpaceKind::Care {
        Ok(parts)
    } else {
        Err(unknown())
    }
}

/// Fails where a space is not to be found because it is damaged.
pub(super) fn is_readable(engine: &Engine, id: &SpaceId) -> Result<(), WaymarkError> {
    let damage = engine.damage_of(id).filter(|_| engine.space(id).is_none());
    let what = damage.map(|damage| damage.what.to_string());
    what.map_or(Ok(()), |reason| Err(WaymarkError::Damaged { reason }))
}

/// The months of a care space that have a log, in order.
pub(crate) fn log_months(
    engine: &mut Engine,
    id: SpaceId,
) -> Result<Vec<DocumentKey>, WaymarkError> {
    let (space, _, _) = care(engine, id)?;
    let kind = u16::from(DocumentKind::Log.code());
    let logs = space.document_names().filter(|name| name.kind == kind);
    let mut months: Vec<_> = logs
        .map(|name| DocumentKey {
            kind: DocumentKind::Log,
            part: name.part,
        })
        .collect();
    months.sort_unstable();
    Ok(months)
}

/// A document's name as the gate has it.
pub(crate) fn name_of(key: DocumentKey) -> DocumentName {
    DocumentName {
        kind: u16::from(key.kind.code()),
        part: key.part,
    }
}

/// Who is behind the actors of a space.
pub(crate) struct People {
    authors: BTreeMap<ActorId, Author>,
    /// The date from which on a therapist has a say, if there is one.
    pub(crate) therapist_since: Option<NaiveDate>,
}

impl People {
    pub(crate) fn of(space: &Space) -> Self {
        let mut authors = BTreeMap::new();
        let mut therapist_since: Option<NaiveDate> = None;
        let mut persons = BTreeSet::new();
        if let Some(book) = space.book() {
            for member in book.membership().everybody() {
                // Later devices are added by the person, who says what date it is.
                let is_first = persons.insert(member.person);
                let Some(known) = book.roster(member.device) else {
                    continue;
                };
                if is_first && known.role == Role::Therapist {
                    let since = NaiveDate::from_epoch_days(known.since).unwrap_or(NaiveDate::MIN);
                    therapist_since = therapist_since.into_iter().chain([since]).min();
                }
                let actor = space::actor(&space.id(), &member.signing_key);
                let person = PersonTag(member.person.0);
                authors.insert(
                    actor,
                    Author {
                        person,
                        role: known.role,
                    },
                );
            }
        }
        // What it will be, once it is a member with its own keys, it is already to those who hold it.
        let borrowed = space.book().zip(space.device());
        if space.is_enrolling()
            && let Some((book, device)) = borrowed
            && let Some((member, known)) = book.membership().member(device).zip(book.roster(device))
        {
            let person = PersonTag(member.person.0);
            let role = known.role;
            authors.insert(space.actor(), Author { person, role });
        }
        Self {
            authors,
            therapist_since,
        }
    }

    /// Who is behind some operations that put a record.
    pub(crate) fn puts_of(&self, puts: &[OpId]) -> Vec<Put> {
        let put = |op: &OpId| {
            let author = *self.authors.get(&op.actor)?;
            Some(Put { op: *op, author })
        };
        puts.iter().filter_map(put).collect()
    }

    /// The client, whose plan it is.
    pub(crate) fn client(&self) -> Option<Author> {
        let mut all = self.authors.values();
        all.find(|author| author.role == Role::Client).copied()
    }

    /// Everybody who is or was there.
    pub(crate) fn persons(&self) -> BTreeSet<PersonTag> {
        self.authors.values().map(|author| author.person).collect()
    }

    /// The therapists who are or were there.
    pub(crate) fn therapists(&self) -> BTreeSet<Author> {
        let all = self.authors.values().copied();
        all.filter(|author| author.role == Role::Therapist)
            .collect()
    }

    /// This device's person and role.
    pub(crate) fn own(&self, space: &Space) -> Option<Author> {
        self.authors.get(&space.actor()).copied()
    }
}

fn made(
    space: &mut Space,
    store: &dyn Store,
    key: DocumentKey,
    undone: &Undone,
) -> Result<Made, WaymarkError> {
    Ok(Made {
        heads: space.heads(store, name_of(key))?,
        height: space.book().map(|book| book.membership().height()),
        undone: undone.clone(),
    })
}

/// Folds the plan of a space, with some more records.
pub(crate) fn fold_plan(
    space: &mut Space,
    store: &dyn Store,
    more: &[SourceRecord<'_>],
) -> Result<Plan, WaymarkError> {
    let people = People::of(space);
    with_records(space, store, &people, DocumentKey::PLAN, more, |records| {
        Plan::fold(records, people.therapist_since)
    })
}

/// Folds the log of a month.
pub(crate) fn fold_log(
    space: &mut Space,
    store: &dyn Store,
    month: DocumentKey,
    undone: &Undone,
) -> Result<Log, WaymarkError> {
    let people = People::of(space);
    with_records(space, store, &people, month, &[], |records| {
        Log::fold(month, records, undone)
    })
}

/// Folds the records of one document, and some more.
pub(crate) fn with_records<T>(
    space: &mut Space,
    store: &dyn Store,
    people: &People,
    key: DocumentKey,
    more: &[SourceRecord<'_>],
    fold: impl FnOnce(Vec<SourceRecord<'_>>) -> T,
) -> Result<T, WaymarkError> {
    let document: &Document = space.document(store, name_of(key))?;
    let records: Vec<_> = document.records().collect();
    let puts: Vec<Vec<Put>> = records
        .iter()
        .map(|record| people.puts_of(&record.puts))
        .collect();
    let sources = records
        .iter()
        .zip(&puts)
        .map(|(record, puts)| SourceRecord {
            id: record.id,
            document: key,
            puts,
            bytes: &record.bytes,
        })
        .chain(more.iter().copied())
        .collect();
    Ok(fold(sources))
}

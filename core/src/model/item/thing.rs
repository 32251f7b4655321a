//! An item as people see it: what its chain of records says now.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::chain::Chain;
use crate::model::ids::{PersonTag, RecordId};
use crate::model::item::body::Newer;
use crate::model::item::{Fields, Item, Place};
use crate::model::json;
use crate::model::kinds::kind_of::Said;
use crate::model::kinds::{Content, Kind};
use crate::model::plan::Plan;
use crate::model::record::{Author, RecordKind};
use crate::model::records::{Entry, Records};
use crate::model::time::{read_date, read_instant};

/// An item with what its records say.
#[derive(Clone, Debug)]
pub(crate) struct Thing<F> {
    /// The first record, by which it is known.
    pub(crate) id: RecordId,
    /// What it says. Where people contradict each other, what is settled, then what the lower id says.
    pub(crate) fields: F,
    /// What others say about it at the same time, where that is something else.
    pub(crate) others: Vec<F>,
    /// Every record that nothing replaces.
    pub(crate) heads: Vec<RecordId>,
    /// Who began it.
    pub(crate) authors: Vec<Author>,
    /// When it began, by the writer's clock; twins do not say.
    pub(crate) at: Option<DateTime<Utc>>,
    /// When it was changed last, by the clock of who did.
    pub(crate) changed_at: Option<DateTime<Utc>>,
    /// The day that it is about, in a log.
    pub(crate) date: Option<NaiveDate>,
    /// Whether somebody removed it while somebody else changed it.
    pub(crate) was_removed: bool,
    /// Fields of a newer app.
    pub(crate) newer: Newer,
}

impl<F> Thing<F> {
    /// Who began it.
    pub(crate) fn persons(&self) -> Vec<PersonTag> {
        self.authors.iter().map(|author| author.person).collect()
    }
}

impl Thing<Content> {
    /// The same, where it is of the kind with these fields.
    fn of<F: Said>(self) -> Option<Thing<F>> {
        Some(Thing {
            id: self.id,
            fields: F::of(self.fields)?,
            others: self.others.into_iter().filter_map(F::of).collect(),
            heads: self.heads,
            authors: self.authors,
            at: self.at,
            changed_at: self.changed_at,
            date: self.date,
            was_removed: self.was_removed,
            newer: self.newer,
        })
    }
}

impl Records {
    /// The items of a kind, with what each record of theirs says.
    pub(crate) fn items(&self, kind: Kind) -> impl Iterator<Item = Entry<'_, Item>> {
        let items = self.of::<Item>();
        items.filter(move |entry| entry.record.rules.kind == kind)
    }

    /// One record of an item, if it counts and is of that kind.
    pub(crate) fn item(&self, kind: Kind, id: RecordId) -> Option<Entry<'_, Item>> {
        self.get::<Item>(id)
            .filter(|entry| entry.record.rules.kind == kind)
    }

    /// The items of a kind that are not removed, in the order in which they began, beside the plan.
    pub(crate) fn things<F: Fields>(&self, plan: &Self) -> Vec<Thing<F>> {
        let things = self.things_of(F::KIND, plan).into_iter();
        things.filter_map(Thing::of).collect()
    }

    /// The same where what they say is of whatever kind.
    pub(crate) fn things_of(&self, kind: Kind, plan: &Self) -> Vec<Thing<Content>> {
        let mut of_first: BTreeMap<RecordId, Vec<Entry<'_, Item>>> = BTreeMap::new();
        for entry in self.items(kind) {
            // What stands in the plan itself was settled when it was read.
            if entry.record.rules.place == Place::Plan || entry.record.fits(plan).is_ok() {
                let first = entry.record.first(entry.id);
                of_first.entry(first).or_default().push(entry);
            }
        }
        let things = of_first.into_iter();
        let mut things: Vec<_> = things
            .filter_map(|(first, entries)| self.thing(first, &entries))
            .collect();
        things.sort_by_key(|thing| (thing.date, thing.at, thing.id));
        things
    }

    fn thing(&self, first: RecordId, entries: &[Entry<'_, Item>]) -> Option<Thing<Content>> {
        let links = entries.iter().map(|entry| {
            let replaces = self.through(&entry.record.replaces);
            (entry.id, replaces)
        });
        let heads = Chain::new(links).heads();
        let of_head = |id: &RecordId| entries.iter().find(|entry| entry.id == *id);
        let says: Vec<_> = heads.iter().filter_map(of_head).collect();
        let living = says.iter().filter_map(|entry| entry.record.body.as_ref());
        let mut living: Vec<_> = living.collect();
        living.sort_by_key(|body| !body.content.is_settled());
        let mut living = living.into_iter();
        let shown = living.next()?;
        let mut others: Vec<Content> = Vec::new();
        for other in living.map(|body| &body.content) {
            if *other != shown.content && !others.contains(other) {
                others.push(other.clone());
            }
        }
        let begun = entries.iter().find(|entry| entry.id == first);
        let begun = begun.or_else(|| entries.first())?;
        let at = |entry: &Entry<'_, Item>| {
            let at = entry.record.at?;
            read_instant(at).ok()
        };
        let day = entries.iter().find_map(|entry| entry.record.day.as_ref());
        Some(Thing {
            id: first,
            fields: shown.content.clone(),
            others,
            was_removed: says.iter().any(|entry| entry.record.body.is_none()),
            authors: begun.authors.to_vec(),
            at: at(begun),
            changed_at: says.iter().filter_map(|entry| at(entry)).max(),
            date: day.and_then(|day| read_date(day.date).ok()),
            newer: shown.newer.clone(),
            heads,
        })
    }
}

impl Plan {
    /// The items of a kind of the plan, in the order in which they began.
    pub(crate) fn things<F: Fields>(&self) -> Vec<Thing<F>> {
        self.records().things(self.records())
    }
}

/// An item of a plan or a log: a habit, a review, a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ItemView {
    /// Its id, which stays when it is changed.
    pub id: RecordId,
    /// What it says. Where people contradict each other, what one of them says: on every device the
    /// same one.
    pub content: Content,
    /// What others say at the same time; changing the item settles it.
    pub others: Vec<Content>,
    /// Who began it.
    pub authors: Vec<PersonTag>,
    /// When it began, by the writer's clock; none where several devices found it by themselves.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
    /// When it was changed last, by the clock of who did.
    #[serde(serialize_with = "json::instant_opt")]
    pub changed_at: Option<DateTime<Utc>>,
    /// The local date that it is about, where it is of a day.
    #[serde(serialize_with = "json::date_opt")]
    pub date: Option<NaiveDate>,
    /// Whether somebody removed it while somebody else changed it, which wins.
    pub was_removed: bool,
    /// Whether a newer app has put something into it that this one does not show, and keeps.
    pub needs_newer_app: bool,
}

impl<F: Into<Content>> From<Thing<F>> for ItemView {
    fn from(thing: Thing<F>) -> Self {
        Self {
            id: thing.id,
            authors: thing.persons(),
            content: thing.fields.into(),
            others: thing.others.into_iter().map(Into::into).collect(),
            at: thing.at,
            changed_at: thing.changed_at,
            date: thing.date,
            was_removed: thing.was_removed,
            needs_newer_app: !thing.newer.is_empty(),
        }
    }
}

//! Writing items: to add one, to change it, to remove it.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::model::chain::Chain;
use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp, role_name};
use crate::model::item::body::{Body, Newer};
use crate::model::item::{Changes, Day, Fields, Item, Place, Rules, Thing};
use crate::model::kinds::{Content, Kind};
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::write;
use crate::model::text::{LINK_LIMIT, check_count};
use crate::model::time::{offset_minutes, write_date, write_instant, zone};

impl Content {
    /// Makes the record of a new item, in a log for a day: without one it is the stamp's. Where there
    /// is one for each of something else, it takes the place of all that was said for that thing.
    ///
    /// # Errors
    /// Names the field and its limit, or what the item names and the plan does not have.
    pub(crate) fn add(
        &self,
        plan: &Plan,
        date: Option<NaiveDate>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let rules = self.rules();
        self.checked(plan)?;
        let of = self.only_for();
        let only = of.map(|thing| only(plan, rules.kind, thing));
        let (replaces, newer) = only.unwrap_or_default();
        check_count("versions to replace", replaces.len(), LINK_LIMIT)?;
        let item = Item {
            rules,
            at: match rules.is_twin {
                true => None,
                false => Some(write_instant(stamp.at)?),
            },
            body: Some(Body::of(self.clone(), newer)),
            of,
            replaces,
            day: rules.day(plan, date, stamp)?,
        };
        write(&item, stamp)
    }

    /// Makes the record that changes an item of the plan, or of the log that it stands in. It replaces
    /// all that is said about it at the moment, and so settles what people contradict each other in.
    ///
    /// # Errors
    /// As [`Self::add`]; if there is no such item, or it is somebody else's.
    pub(crate) fn change(
        &self,
        plan: &Plan,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let rules = self.rules();
        self.checked(plan)?;
        if rules.changes == Changes::Never {
            return Err(InputError::NotWithdrawable(id));
        }
        if self.only_for().is_some_and(|thing| thing != id) {
            return Err(InputError::UnknownRecord(id));
        }
        let thing = rules.own_thing(plan, log, id, stamp)?;
        let body = Body::of(self.clone(), thing.newer.clone());
        rules.next(plan, &thing, Some(body), stamp)
    }

    fn checked(&self, plan: &Plan) -> Result<(), InputError> {
        self.check()?;
        let links = self.links();
        check_count("links", links.len(), LINK_LIMIT)?;
        let mut missing = links.iter().filter(|link| !link.holds(plan.records()));
        missing
            .next()
            .map_or(Ok(()), |link| Err(InputError::UnknownRecord(link.id)))?;
        self.rating()
            .map_or(Ok(()), |rating| plan.check_rating(rating))
    }
}

impl Kind {
    /// Makes the record that removes an item of the kind. Changing it brings it back.
    ///
    /// # Errors
    /// If there is no such item, or it is somebody else's.
    pub(crate) fn remove(
        self,
        plan: &Plan,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let rules = self.rules().ok_or(InputError::UnknownRecord(id))?;
        let thing = rules.own_thing(plan, log, id, stamp)?;
        rules.next(plan, &thing, None, stamp)
    }
}

impl Plan {
    /// As [`Content::add`].
    pub(crate) fn add<F: Fields>(
        &self,
        fields: &F,
        date: Option<NaiveDate>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let content: Content = fields.clone().into();
        content.add(self, date, stamp)
    }

    /// As [`Content::change`].
    pub(crate) fn change<F: Fields>(
        &self,
        log: Option<&Log>,
        id: RecordId,
        fields: &F,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let content: Content = fields.clone().into();
        content.change(self, log, id, stamp)
    }

    /// As [`Kind::remove`].
    pub(crate) fn remove<F: Fields>(
        &self,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        F::KIND.remove(self, log, id, stamp)
    }
}

/// The heads of the one item of a kind for a thing, and what a newer app has put into it.
fn only(plan: &Plan, kind: Kind, thing: RecordId) -> (Vec<RecordId>, Newer) {
    let records = plan.records();
    let of_thing = records
        .items(kind)
        .filter(|entry| entry.record.of == Some(thing));
    let links = of_thing.map(|entry| (entry.id, records.through(&entry.record.replaces)));
    let heads = Chain::new(links).heads();
    let mut known = heads.iter().filter_map(|id| {
        let item = records.item(kind, *id)?.record;
        item.body.as_ref().map(|body| body.newer.clone())
    });
    let newer = known.next().unwrap_or_default();
    (heads, newer)
}

impl Rules {
    fn next(
        &'static self,
        plan: &Plan,
        thing: &Thing<Content>,
        body: Option<Body>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        check_count("versions to replace", thing.heads.len(), LINK_LIMIT)?;
        let mut said = thing.others.iter().chain([&thing.fields]);
        if !said.all(|old| old.may_replace(stamp.role)) {
            return Err(InputError::NotYourRole {
                action: self.action,
                role: role_name(stamp.role),
            });
        }
        let at = match self.is_twin && body.is_some() {
            true => None,
            false => Some(write_instant(stamp.at)?),
        };
        let item = Item {
            rules: self,
            at,
            body,
            of: Some(thing.id),
            replaces: thing.heads.clone(),
            day: self.day(plan, thing.date, stamp)?,
        };
        write(&item, stamp)
    }

    fn own_thing(
        &self,
        plan: &Plan,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<Thing<Content>, InputError> {
        let records = log.map_or(plan.records(), Log::records);
        let mut things = records.things_of(self.kind, plan.records()).into_iter();
        let thing = things.find(|thing| thing.id == id);
        let thing = thing.ok_or(InputError::UnknownRecord(id))?;
        let mut persons = thing.authors.iter().map(|author| author.person);
        let is_own = persons.any(|person| person == stamp.person);
        match self.changes == Changes::ByAll || is_own {
            true => Ok(thing),
            false => Err(InputError::NotYours(id)),
        }
    }

    /// The day that an item is about, where those of the kind are.
    pub(crate) fn day(
        &self,
        plan: &Plan,
        date: Option<NaiveDate>,
        stamp: &Stamp,
    ) -> Result<Option<Day>, InputError> {
        if self.place == Place::Plan {
            return Ok(None);
        }
        let date = date.map_or_else(|| plan.local_date(stamp), Ok)?;
        // Twins do not say where they were found either.
        let tz = match self.is_twin {
            true => Tz::UTC,
            false => zone(&stamp.time_zone)?,
        };
        Ok(Some(Day {
            date: write_date("date", date)?,
            time_zone: tz.name().to_owned(),
            offset: offset_minutes(stamp.at, tz),
        }))
    }
}

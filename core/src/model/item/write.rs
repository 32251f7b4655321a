//! Writing items: to add one, to change it, to remove it.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::model::chain::Chain;
use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp, role_name};
use crate::model::item::body::{Body, Newer};
use crate::model::item::{Changes, Day, Fields, Item, Place, Thing};
use crate::model::kinds::kind_of::Of;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::write;
use crate::model::text::{LINK_LIMIT, check_count};
use crate::model::time::{offset_minutes, write_date, write_instant, zone};

impl Plan {
    /// Makes the record of a new item, in a log for a day: without one it is the stamp's. Where there
    /// is one for each of something else, it takes the place of all that was said for that thing.
    ///
    /// # Errors
    /// Names the field and its limit, or what the item names and the plan does not have.
    pub(crate) fn add<F: Fields>(
        &self,
        fields: &F,
        date: Option<NaiveDate>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError>
    where
        Item<F>: Of,
    {
        self.checked(fields)?;
        let of = fields.only_for();
        let only = of.map(|thing| self.only::<F>(thing));
        let (replaces, newer) = only.unwrap_or_default();
        check_count("versions to replace", replaces.len(), LINK_LIMIT)?;
        let item = Item {
            kind: F::KIND,
            at: match F::TWINS {
                true => None,
                false => Some(write_instant(stamp.at)?),
            },
            body: Some(Body::of(fields.clone(), newer)),
            of,
            replaces,
            day: self.day_of::<F>(date, stamp)?,
        };
        write(&item, stamp)
    }

    /// The heads of the one item for a thing, and what a newer app has put into it.
    fn only<F: Fields>(&self, thing: RecordId) -> (Vec<RecordId>, Newer)
    where
        Item<F>: Of,
    {
        let records = self.records();
        let all = records.of::<Item<F>>();
        let of_thing = all.filter(|entry| entry.record.of == Some(thing));
        let links = of_thing.map(|entry| (entry.id, records.through(&entry.record.replaces)));
        let heads = Chain::new(links).heads();
        let mut known = heads.iter().filter_map(|id| {
            let item = records.get::<Item<F>>(*id)?.record;
            item.body.as_ref().map(|body| body.newer.clone())
        });
        let newer = known.next().unwrap_or_default();
        (heads, newer)
    }

    /// Makes the record that changes an item of the plan, or of the log that it stands in. It replaces
    /// all that is said about it at the moment, and so settles what people contradict each other in.
    ///
    /// # Errors
    /// As [`Self::add`]; if there is no such item, or it is somebody else's.
    pub(crate) fn change<F: Fields>(
        &self,
        log: Option<&Log>,
        id: RecordId,
        fields: &F,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError>
    where
        Item<F>: Of,
    {
        self.checked(fields)?;
        if F::CHANGES == Changes::Never {
            return Err(InputError::NotWithdrawable(id));
        }
        if fields.only_for().is_some_and(|thing| thing != id) {
            return Err(InputError::UnknownRecord(id));
        }
        let thing = self.own_thing::<F>(log, id, stamp)?;
        let body = Body::of(fields.clone(), thing.newer.clone());
        self.next(&thing, Some(body), stamp)
    }

    /// Makes the record that removes an item. Changing it brings it back.
    ///
    /// # Errors
    /// If there is no such item, or it is somebody else's.
    pub(crate) fn remove<F: Fields>(
        &self,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError>
    where
        Item<F>: Of,
    {
        let thing = self.own_thing::<F>(log, id, stamp)?;
        self.next(&thing, None, stamp)
    }

    fn next<F: Fields>(
        &self,
        thing: &Thing<F>,
        body: Option<Body<F>>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError>
    where
        Item<F>: Of,
    {
        check_count("versions to replace", thing.heads.len(), LINK_LIMIT)?;
        let mut said = thing.others.iter().chain([&thing.fields]);
        if !said.all(|old| old.may_replace(stamp.role)) {
            return Err(InputError::NotYourRole {
                action: F::ACTION,
                role: role_name(stamp.role),
            });
        }
        let at = match F::TWINS && body.is_some() {
            true => None,
            false => Some(write_instant(stamp.at)?),
        };
        let item = Item {
            kind: F::KIND,
            at,
            body,
            of: Some(thing.id),
            replaces: thing.heads.clone(),
            day: self.day_of::<F>(thing.date, stamp)?,
        };
        write(&item, stamp)
    }

    fn checked<F: Fields>(&self, fields: &F) -> Result<(), InputError> {
        fields.check()?;
        let links = fields.links();
        check_count("links", links.len(), LINK_LIMIT)?;
        let mut missing = links.iter().filter(|link| !link.holds(self.records()));
        missing
            .next()
            .map_or(Ok(()), |link| Err(InputError::UnknownRecord(link.id)))?;
        fields
            .rating()
            .map_or(Ok(()), |rating| self.check_rating(rating))
    }

    fn own_thing<F: Fields>(
        &self,
        log: Option<&Log>,
        id: RecordId,
        stamp: &Stamp,
    ) -> Result<Thing<F>, InputError>
    where
        Item<F>: Of,
    {
        let records = log.map_or(self.records(), Log::records);
        let mut things = records.things::<F>(self.records()).into_iter();
        let thing = things.find(|thing| thing.id == id);
        let thing = thing.ok_or(InputError::UnknownRecord(id))?;
        let mut persons = thing.authors.iter().map(|author| author.person);
        let is_own = persons.any(|person| person == stamp.person);
        match F::CHANGES == Changes::ByAll || is_own {
            true => Ok(thing),
            false => Err(InputError::NotYours(id)),
        }
    }

    pub(crate) fn day_of<F: Fields>(
        &self,
        date: Option<NaiveDate>,
        stamp: &Stamp,
    ) -> Result<Option<Day>, InputError> {
        if F::PLACE == Place::Plan {
            return Ok(None);
        }
        let date = date.map_or_else(|| self.local_date(stamp), Ok)?;
        // Twins do not say where they were found either.
        let tz = match F::TWINS {
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

//! Writing items: to add one, to change it, to remove it.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::body::{Body, Newer};
use crate::model::item::{Changes, Day, Fields, Item, Place, Thing};
use crate::model::kinds::kind_of::Of;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::write;
use crate::model::text::{LINK_LIMIT, check_count};
use crate::model::time::{offset_minutes, write_date, write_instant, zone};

impl Plan {
    /// Makes the record of a new item, in a log for a day: without one it is the stamp's.
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
        let item = Item {
            kind: F::KIND,
            at: match F::TWINS {
                true => None,
                false => Some(write_instant(stamp.at)?),
            },
            body: Some(Body::of(fields.clone(), Newer::default())),
            of: None,
            replaces: Vec::new(),
            day: self.day_of::<F>(date, stamp)?,
        };
        write(&item, stamp)
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

    fn day_of<F: Fields>(
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

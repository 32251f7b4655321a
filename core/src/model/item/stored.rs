//! What every item obeys, whatever its kind.

use super::*;
use crate::model::kinds::kind_of::Of;
use crate::model::kinds::measure::admitted;

impl RecordKind for Item {
    fn action(&self) -> &'static str {
        self.rules.action
    }

    fn is_of_plan(&self) -> bool {
        self.rules.is_of_plan
    }

    fn home(&self) -> Result<Home, Reason> {
        match (self.rules.place, &self.day) {
            (Place::Plan, None) => Ok(Home::Plan),
            (Place::Log, Some(day)) => Ok(Home::Log(read_date(day.date)?)),
            (Place::Plan, Some(_)) | (Place::Log, None) => Err(Reason::OutOfRange),
        }
    }

    fn check(&self) -> Result<(), Reason> {
        self.at.map(read_instant).transpose()?;
        let is_twin = self.rules.is_twin && self.body.is_some();
        in_range(self.at.is_none() == is_twin)?;
        read_links(self.replaces.len())?;
        if let Some(day) = &self.day {
            in_range(is_zone_name(&day.time_zone))?;
            in_range((-OFFSET_LIMIT..=OFFSET_LIMIT).contains(&day.offset))?;
        }
        // The first says something, and each later one names the first.
        in_range(self.of.is_some() || (self.body.is_some() && self.replaces.is_empty()))?;
        let is_one = !self.rules.one_for.is_empty();
        in_range(!is_one || self.of.is_some())?;
        in_range(self.content().is_none_or(|content| {
            (!is_one || content.only_for() == self.of) && content.check().is_ok()
        }))
    }

    fn may_write(&self, role: Role) -> bool {
        match self.content() {
            Some(content) => content.may_write(role),
            None => self.rules.writers.contains(&role),
        }
    }

    fn links(&self) -> Vec<RecordId> {
        let named = self.named().into_iter().map(|link| link.id);
        named.chain(self.of).chain(self.replaces()).collect()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        let about = self.named().into_iter().filter(|link| link.is_about);
        about.map(|link| link.id).chain(self.of).collect()
    }

    fn fits(&self, plan: &Records) -> Result<(), Reason> {
        let named = self.named();
        let holds = named.iter().all(|link| link.holds(plan));
        holds.then_some(()).ok_or(Reason::UnknownReference)?;
        let rating = self.content().and_then(Content::rating);
        in_range(rating.is_none_or(|rating| admitted(plan, rating)))
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let item = entry.record;
        let rules = item.rules;
        if rules.place == Place::Plan {
            item.fits(records)?;
        }
        let Some(first) = item.of else {
            return Ok(());
        };
        match records.item(rules.kind, first) {
            _ if !rules.one_for.is_empty() => {
                let thing = Link::about(first, rules.one_for);
                let holds = thing.holds(records);
                holds.then_some(()).ok_or(Reason::UnknownReference)?;
            }
            Some(first) => in_range(first.record.of.is_none())?,
            None if records.knows(first) => {}
            None => return Err(Reason::UnknownReference),
        }
        let is_same = |id: &RecordId| match records.item(rules.kind, *id) {
            Some(old) => old.record.first(*id) == first,
            None => records.find(*id).is_none(),
        };
        in_range(item.replaces.iter().all(is_same))?;
        let mut replaced = item.replaces.iter().filter_map(|id| {
            let (record, _) = records.find_or_undone(*id)?;
            let old = Self::of(record)?;
            old.content().filter(|_| old.rules.kind == rules.kind)
        });
        let may_replace = |old: &Content| {
            let mut authors = entry.authors.iter();
            authors.any(|author| old.may_replace(author.role))
        };
        let may_all = replaced.all(may_replace);
        may_all.then_some(()).ok_or(Reason::OutOfRole)?;
        match (rules.changes, &item.body) {
            (Changes::ByAll, _) => Ok(()),
            (Changes::Never, Some(_)) => Err(Reason::OutOfRange),
            (Changes::ByAuthor | Changes::Never, _) => {
                let wrote = |authors: &[Author]| {
                    let mut persons = entry.authors.iter().map(|author| author.person);
                    persons.any(|person| authors.iter().any(|author| author.person == person))
                };
                let is_own = records
                    .find_or_undone(first)
                    .is_none_or(|(_, authors)| wrote(authors));
                is_own.then_some(()).ok_or(Reason::OutOfRole)
            }
        }
    }
}

impl Item {
    /// What it says, unless it removes.
    pub(crate) fn content(&self) -> Option<&Content> {
        self.body.as_ref().map(|body| &body.content)
    }

    /// The first record of its chain.
    pub(crate) fn first(&self, id: RecordId) -> RecordId {
        self.of.unwrap_or(id)
    }

    fn named(&self) -> Vec<Link> {
        self.content().map(Content::links).unwrap_or_default()
    }
}

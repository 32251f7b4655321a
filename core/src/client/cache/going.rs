//! How goals went, month by month, with the heads of the months that it was made from. One more
//! check-in costs no more than its own month, and a correction no more than the days since.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;

use super::{People, Views, care, log_months, name_of};
use crate::client::WaymarkError;
use crate::engine::Engine;
use crate::gate::{ActorId, ChangeHash};
use crate::model::{Author, DocumentKey, GoalId, GoalMonths, InputError, Plan, SaidDays, Undone};

/// A goal by months, each with its heads.
pub(in crate::client) type Going = GoalMonths<Vec<ChangeHash>>;

/// What is known of the goals of a space.
#[derive(Default)]
pub(super) struct Goings {
    /// Who was behind which actor, and what was undone.
    authors: BTreeMap<ActorId, Author>,
    undone: Undone,
    goals: BTreeMap<GoalId, Going>,
}

/// What a month does that has not come to this device yet.
#[derive(Clone, Copy, Eq, PartialEq)]
enum OnItsWay {
    /// Nothing is told without it.
    Fails,
    /// It counts when it is here.
    IsPassedOver,
}

impl Views {
    /// Looks at each of some goals up to today. Each month is read once for all of them, and only where
    /// something in it is new.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, what `look` says, or the storage's.
    pub(in crate::client) fn going<T>(
        &self,
        (engine, id): (&mut Engine, SpaceId),
        plan: &Plan,
        goals: &[GoalId],
        today: NaiveDate,
        look: impl Fn(&mut Going) -> Result<T, InputError>,
    ) -> Result<Vec<T>, WaymarkError> {
        let mut goings = self.known(engine, id, plan, goals, (today, OnItsWay::Fails))?;
        let mut seen = Vec::with_capacity(goals.len());
        for goal in goals {
            let going = goings.goals.get_mut(goal);
            seen.extend(going.map(&look));
        }
        self.lock().goings.insert(id, goings);
        let seen: Result<Vec<_>, _> = seen.into_iter().collect();
        Ok(seen?)
    }

    /// On how many days goals were done, in all months that are here.
    ///
    /// # Errors
    /// The storage's.
    pub(in crate::client) fn done_days(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        plan: &Plan,
        goals: &BTreeSet<GoalId>,
    ) -> Result<BTreeMap<GoalId, u32>, WaymarkError> {
        let begun = |goal: &GoalId| plan.first_in_force(*goal).is_some();
        let goals: Vec<_> = goals.iter().copied().filter(begun).collect();
        // Days ahead that were logged count, too.
        let last = log_months(engine, id)?.pop().and_then(DocumentKey::month);
        let Some(last) = last.filter(|_| !goals.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let until = (last, OnItsWay::IsPassedOver);
        let goings = self.known(engine, id, plan, &goals, until)?;
        let done = |goal| Some((goal, goings.goals.get(&goal)?.done_days()));
        let done = goals.into_iter().filter_map(done).collect();
        self.lock().goings.insert(id, goings);
        Ok(done)
    }

    /// What is known of a space, with each month of some goals up to a date read where something in it is
    /// new.
    fn known(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        plan: &Plan,
        goals: &[GoalId],
        (today, on_its_way): (NaiveDate, OnItsWay),
    ) -> Result<Goings, WaymarkError> {
        let mut goings = self.goings(engine, id, plan)?;
        for goal in goals {
            let known = goings.goals.get(goal);
            if known.is_none_or(|known| !known.holds_beside(plan)) {
                goings.goals.insert(*goal, Going::of(plan, *goal)?);
            }
        }
        let begun = goals.iter().filter_map(|goal| plan.first_in_force(*goal));
        if let Some(first) = begun.min().and_then(DocumentKey::log)
            && let Some(last) = DocumentKey::log(today)
        {
            for part in first.part..=last.part {
                let month = DocumentKey { part, ..first };
                match self.read(engine, (id, month), plan, (&mut goings, goals, today)) {
                    Err(WaymarkError::Offline { .. }) if on_its_way == OnItsWay::IsPassedOver => {}
                    read => read?,
                }
            }
        }
        Ok(goings)
    }

    /// Takes out what still holds.
    fn goings(
        &self,
        engine: &mut Engine,
        id: SpaceId,
        plan: &Plan,
    ) -> Result<Goings, WaymarkError> {
        let known = self.fresh(engine).goings.remove(&id).unwrap_or_default();
        let (space, _, _) = care(engine, id)?;
        let authors = People::of(space).authors;
        if known.authors == authors && known.undone == *plan.undone() {
            return Ok(known);
        }
        Ok(Goings {
            authors,
            undone: plan.undone().clone(),
            goals: BTreeMap::new(),
        })
    }

    /// Reads a month for the goals that do not know it as it is.
    fn read(
        &self,
        engine: &mut Engine,
        (id, month): (SpaceId, DocumentKey),
        plan: &Plan,
        (goings, goals, today): (&mut Goings, &[GoalId], NaiveDate),
    ) -> Result<(), WaymarkError> {
        let (space, store, _) = care(engine, id)?;
        let heads = space.heads(store, name_of(month))?;
        let goings = goings.goals.iter_mut();
        let behind = goings.filter(|(goal, going)| {
            goals.contains(goal) && going.reaches(month, today) && !going.has(month, &heads)
        });
        let behind: Vec<_> = behind.collect();
        if behind.is_empty() {
            return Ok(());
        }
        let mut said: BTreeMap<GoalId, SaidDays> = match heads.is_empty() {
            true => BTreeMap::new(),
            false => self.log(engine, id, month)?.said(plan),
        };
        for (goal, going) in behind {
            let days = said.remove(goal).unwrap_or_default();
            going.put(month, heads.clone(), days);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Beginning anew: a plan in which nobody reads what was before, but what the client takes along.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;
use waymark_wire::membership::Rights;

use super::cache::{care, log_months};
use super::copying::{Purpose, Taken};
use super::people::own_profile;
use super::{Inner, People, PlanId, WaymarkError, space_of};
use crate::engine::Engine;
use crate::membership::{Book, SpaceKind};
use crate::model::{DocumentKey, GoalId};
use crate::role::Role;
use crate::space::{Founding, Space, SpaceError};
use crate::store::Transaction;
use crate::succession;

/// What is taken along into a plan that goes on in the place of another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Keep {
    /// The goals, with their statuses, wordings, verdicts, and the notes about them.
    pub goals: Vec<GoalId>,
    /// The check-ins on these goals from this local date on; none where it is not given.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub check_ins_from: Option<NaiveDate>,
}

impl People<'_> {
    /// Founds a plan that goes on in the place of another: "from now on". Nobody can join a plan and
    /// not read its past, so whoever is invited into the new one reads what `keep` takes along, and
    /// nothing else of the old one. Everybody who is in the old one is brought along by itself, and
    /// then the old one is closed: it stays readable to those who were in it. The settings of the
    /// plan and the grants come along.
    ///
    /// # Errors
    /// `not_found`, also for a goal; `not_allowed` for anybody but the client, and where the plan is
    /// closed or was followed by another already; or the storage's.
    pub fn begin_anew(&self, plan: PlanId, keep: &Keep) -> Result<PlanId, WaymarkError> {
        let old = space_of(plan);
        let today = self.0.calendar_date();
        let inner = &mut *self.0.shared.lock();
        self.0.may_begin_anew(&mut inner.engine, old)?;
        let taken = self.0.take_along(&mut inner.engine, old, keep, today)?;
        let (number, new) = self.0.found_after(&mut inner.engine, old)?;
        let put = self.0.put_along(&mut inner.engine, (old, new), taken);
        if let Err(error) = put {
            let mut transaction = Transaction::new();
            succession::unmark(&mut transaction, &new);
            inner.engine.forget(transaction, number)?;
            return Err(error);
        }
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(PlanId(new.0))
    }
}

impl Inner {
    fn may_begin_anew(&self, engine: &mut Engine, old: SpaceId) -> Result<(), WaymarkError> {
        let stamp = self.stamp(engine, old, None)?;
        // Anybody can found a space that says it follows this one.
        let follows = |space: &Space| {
            space.book().and_then(Book::follows) == Some(old) && succession::is_founder(space)
        };
        let is_closed = engine.space(&old).is_some_and(Space::is_closed);
        let refused = if stamp.role != Role::Client {
            Some("only the client begins anew")
        } else if is_closed {
            Some("the plan is closed")
        } else if engine.spaces().iter().any(follows) {
            Some("another plan goes on in the place of this one already")
        } else {
            None
        };
        match refused {
            Some(reason) => Err(SpaceError::NotAllowed(reason).into()),
            None => Ok(()),
        }
    }

    /// What is chosen of the old plan.
    fn take_along(
        &self,
        engine: &mut Engine,
        old: SpaceId,
        keep: &Keep,
        today: NaiveDate,
    ) -> Result<Taken, WaymarkError> {
        let plan = self.views.plan(engine, old)?;
        let known: BTreeSet<GoalId> = plan.goal_ids().into_iter().collect();
        let goals: BTreeSet<GoalId> = keep.goals.iter().copied().collect();
        if let Some(unknown) = goals.difference(&known).next() {
            return Err(WaymarkError::not_found(format!("goal {unknown}")));
        }
        let mut taken = Taken::default();
        let mut named = BTreeSet::new();
        if let Some(from) = keep.check_ins_from {
            for month in log_months(engine, old)? {
                let log = self.views.log(engine, old, month)?;
                let (chosen, elsewhere) = log.chosen(&goals, from);
                named.extend(elsewhere);
                if !chosen.is_empty() {
                    let texts = BTreeSet::new();
                    taken.take(engine, old, month, chosen, &texts, plan.undone())?;
                }
            }
        }
        let chosen = plan.chosen(&goals, &named, today);
        let texts = plan.texts_of(&chosen);
        let undone = plan.undone();
        taken.take(engine, old, DocumentKey::PLAN, chosen, &texts, undone)?;
        taken.take_says(engine, old, &plan, today)?;
        Ok(taken)
    }

    /// Founds the new space, for this device alone.
    fn found_after(
        &self,
        engine: &mut Engine,
        old: SpaceId,
    ) -> Result<(u32, SpaceId), WaymarkError> {
        let profile = own_profile(engine)?;
        let (space, _, _) = care(engine, old)?;
        let (person, rights) = space.own_member()?;
        if !rights.include(Rights::ADMIN) {
            return Err(SpaceError::NotAllowed("only the client begins anew").into());
        }
        // Whoever follows knows no other relay than the one that they are at.
        let relay = space.relay().clone();
        let number = engine.next_number()?;
        let founding = Founding {
            kind: SpaceKind::Care,
            relay,
            follows: Some(old),
        };
        let mut transaction = Transaction::new();
        let (founder, keys) = self.founder(engine, &profile, person)?;
        let entropy = engine.entropy.as_mut();
        let id = Space::create_in(
            &mut transaction,
            number,
            &[founder],
            &keys,
            founding,
            entropy,
        )?;
        succession::mark(&mut transaction, &id);
        engine.adopt(transaction, &[number])?;
        Ok((number, id))
    }

    /// Puts what was taken into the new space, which from then on is one.
    fn put_along(
        &self,
        engine: &mut Engine,
        (old, new): (SpaceId, SpaceId),
        taken: Taken,
    ) -> Result<(), WaymarkError> {
        let stamp = self.stamp(engine, new, None)?;
        let edits = taken.edits(old, &stamp, Purpose::Take)?;
        let mut transaction = Transaction::new();
        succession::unmark(&mut transaction, &new);
        let (space, store, _) = care(engine, new)?;
        space.edit_with(store, transaction, edits)?;
        Ok(())
    }
}

//! A list of plans with what each asks for today, for whoever looks after many.
//!
//! What the list shows of a plan is kept on this device, sealed like everything there, and read without
//! loading a document ([`kept`]). It goes when something of the plan changes, and is made again when
//! somebody looks, or at the end of the next sync; it is never sent.

mod kept;

use chrono::NaiveDate;
use serde::Serialize;
use waymark_wire::ids::{Height, SpaceId};

use self::kept::{Kept, Row};
use super::cache::{fold_log, fold_plan, log_months};
use super::{Inner, People, PlanId, WaymarkError};
use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::model::{DocumentKey, Glance, Log, Outlook, PlanDay};
use crate::role::Role;
use crate::space::Space;
use crate::store::{Store, Table, Transaction};

/// That somebody has looked at the list, so that it is kept up to date.
const WANTED: &[u8] = b"summaries wanted";

/// A plan in a list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlanSummary {
    /// The plan.
    pub plan: PlanId,
    /// Whose it is, once this device can read that.
    pub client: Option<String>,
    /// Whether it is closed: nothing more is written.
    pub closed: bool,
    /// Today, as [`super::Goals::today`] says; none where the plan is still on its way to this device or damaged.
    pub today: Option<PlanDay>,
}

impl People<'_> {
    /// Every plan with what it asks for today, in the order in which this device came to know them.
    /// It reads no plan that has not changed since the last time.
    ///
    /// # Errors
    /// The storage's.
    pub fn summaries(&self) -> Result<Vec<PlanSummary>, WaymarkError> {
        let engine = &mut self.0.shared.lock().engine;
        let kept = Kept::read(engine.store.as_ref())?;
        let mut wanted = Transaction::new();
        if kept.is_empty() && engine.store.get(Table::Meta, WANTED)?.is_none() {
            wanted.put(Table::Meta, WANTED, []);
        }
        self.0.summarised(engine, kept, wanted)
    }
}

impl Inner {
    /// Makes the rows again that changes have dropped, where somebody looks at them. What fails is done
    /// when they are looked at.
    pub(super) fn keep_summaries(&self) {
        let engine = &mut self.shared.lock().engine;
        let kept = match engine.store.get(Table::Meta, WANTED) {
            Ok(None) => return,
            Ok(Some(_)) => Kept::read(engine.store.as_ref())
                .map_err(WaymarkError::from)
                .and_then(|kept| self.summarised(engine, kept, Transaction::new()))
                .map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "the list of plans was not kept up to date");
        }
    }

    /// The list; what was not kept of it is kept now, together with what else there is to write.
    fn summarised(
        &self,
        engine: &mut Engine,
        kept: Kept,
        mut transaction: Transaction,
    ) -> Result<Vec<PlanSummary>, WaymarkError> {
        let care = |space: &&Space| space.kind() == SpaceKind::Care;
        let spaces = engine.spaces().iter().filter(care);
        let (mut todays, mut summaries) = (Todays::of(self), Vec::new());
        let mut missing = Vec::new();
        for space in spaces {
            let known = Known::of(space);
            let glance = kept.of(known.number, known.height);
            let today = glance.and_then(|glance| {
                let role = space.own_role();
                glance.on(todays.of_plan(role, glance))
            });
            if today.is_none() {
                missing.push((summaries.len(), known));
            }
            summaries.push(PlanSummary {
                plan: PlanId(space.id().0),
                client: client_of(space),
                closed: space.is_closed(),
                today,
            });
        }
        let mut made = Vec::new();
        for (place, known) in missing {
            summaries[place].today = self.look_anew(engine, known, &mut made)?;
        }
        kept.keep(made, &mut transaction);
        if !transaction.is_empty() {
            engine.store.commit_soon(transaction.into())?;
        }
        Ok(summaries)
    }

    /// Today of a plan from its documents, and its row.
    fn look_anew(
        &self,
        engine: &mut Engine,
        known: Known,
        made: &mut Vec<Row>,
    ) -> Result<Option<PlanDay>, WaymarkError> {
        let folded = match self.fold_apart(engine, known.id) {
            Ok(folded) => folded,
            // It comes, or is repaired: then the list shows it.
            Err(WaymarkError::Damaged { .. } | WaymarkError::Offline { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (outlook, today) = folded;
        let day = outlook.on(today);
        made.push(Row::new(known.number, known.height, outlook));
        Ok(day)
    }

    /// Folds a plan and the months that are needed, without keeping them: there may be hundreds.
    fn fold_apart(
        &self,
        engine: &mut Engine,
        id: SpaceId,
    ) -> Result<(Outlook, NaiveDate), WaymarkError> {
        let months = log_months(engine, id)?;
        let (space, store, _) = super::cache::care(engine, id)?;
        space.briefly(|space| self.look(space, store, months))
    }

    fn look(
        &self,
        space: &mut Space,
        store: &dyn Store,
        months: Vec<DocumentKey>,
    ) -> Result<(Outlook, NaiveDate), WaymarkError> {
        let plan = fold_plan(space, store, &[])?;
        let settings = plan.settings();
        let known = settings.time_zone.as_deref();
        let today = self.today(space.own_role(), known, settings.cut_off_hour);
        let (from, to) = Outlook::reach(today);
        let reach = DocumentKey::log(from)..=DocumentKey::log(to);
        let mut logs: Vec<Log> = Vec::new();
        // From the newest back: beyond what is needed only to the newest with a check-in.
        for month in months.into_iter().rev() {
            let is_near = reach.contains(&Some(month));
            if !is_near && logs.iter().any(|log| !log.is_empty()) {
                continue;
            }
            logs.push(fold_log(space, store, month, plan.undone())?);
        }
        Ok((Outlook::of(&plan, &logs, today), today))
    }
}

/// What decides which day it is: whether this device is the client's, the plan's time zone, and the hour
/// at which its days begin.
type Reckoning<'r> = (bool, Option<&'r str>, u8);

/// Today by what decides it: most plans of a list have the same.
struct Todays<'r> {
    inner: &'r Inner,
    known: Vec<(Reckoning<'r>, NaiveDate)>,
}

impl<'r> Todays<'r> {
    const fn of(inner: &'r Inner) -> Self {
        let known = Vec::new();
        Self { inner, known }
    }

    fn of_plan(&mut self, role: Option<Role>, glance: Glance<'r>) -> NaiveDate {
        let zone = glance.time_zone;
        let key = (role == Some(Role::Client), zone, glance.cut_off_hour);
        if let Some((_, today)) = self.known.iter().find(|(known, _)| *known == key) {
            return *today;
        }
        let today = self.inner.today(role, zone, glance.cut_off_hour);
        self.known.push((key, today));
        today
    }
}

/// A plan, and what its membership is made of.
#[derive(Clone, Copy)]
struct Known {
    id: SpaceId,
    number: u32,
    height: Option<Height>,
}

impl Known {
    fn of(space: &Space) -> Self {
        Self {
            id: space.id(),
            number: space.number(),
            height: space.book().map(|book| book.membership().height()),
        }
    }
}

/// Whose plan it is, as far as this device can read that.
fn client_of(space: &Space) -> Option<String> {
    let book = space.book()?;
    let mut all = book.membership().everybody().iter();
    all.find_map(|member| {
        let known = book.roster(member.device)?;
        (known.role == Role::Client).then(|| known.name.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Phone, day};
    use crate::model::{NewCheckIn, Outcome};
    use crate::space::{SUMMARY_PAGE, summary_key};

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn today(phone: &Phone) -> PlanDay {
        let mut all = phone.client.people().summaries().unwrap();
        assert_eq!(all.len(), 1);
        let of = all.remove(0);
        assert_eq!((of.plan, of.client.as_deref()), (phone.plan, Some("Kim")));
        of.today.unwrap()
    }

    fn has_row(phone: &Phone) -> bool {
        let inner = phone.client.inner.shared.lock();
        let store = inner.engine.store.as_ref();
        let page = store.get(Table::Meta, SUMMARY_PAGE).unwrap();
        let kept = Kept::read(store).unwrap();
        assert_eq!(page.is_some(), !kept.is_empty(), "there is one plan");
        page.is_some()
    }

    /// A therapist would look at numbers of yesterday, or at none until every plan was read.
    #[test]
    fn the_list_is_kept_until_something_changes_and_knows_the_days_to_come() {
        let phone = Phone::new();
        let goal = phone.goal("Walk");
        let seen = today(&phone);
        assert_eq!((seen.goals, seen.expected, seen.done), (1, 1, 0));
        assert!(has_row(&phone));
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        phone.client.check_ins().log(phone.plan, &check_in).unwrap();
        assert!(!has_row(&phone), "it is older than the log");
        let seen = today(&phone);
        assert_eq!((seen.expected, seen.done), (1, 1));
        assert_eq!(seen.last_check_in, Some(day(1)));
        // The next day nobody wrote anything: it is shown from the same row.
        phone.clock.advance(DAY);
        assert!(has_row(&phone));
        let seen = today(&phone);
        assert_eq!((seen.date, seen.expected, seen.done), (day(2), 1, 0));
        // Farther than it looks ahead it is made again.
        phone.clock.advance(20 * DAY);
        assert_eq!(today(&phone).date, day(22));
    }

    /// What a damaged row says would stand for the plan; one that is gone would hide it.
    #[test]
    fn a_row_that_is_gone_or_cannot_be_read_comes_back_equal() {
        let phone = Phone::new();
        phone.goal("Walk");
        let seen = today(&phone);
        let spoil = |value: Option<&[u8]>, page: Option<&[u8]>| {
            let inner = &mut *phone.client.inner.shared.lock();
            let number = inner.engine.spaces().iter().map(Space::number);
            let mut transaction = Transaction::new();
            for number in number.collect::<Vec<_>>() {
                match value {
                    Some(value) => transaction.put(Table::Meta, summary_key(number), value),
                    None => transaction.delete(Table::Meta, summary_key(number)),
                };
            }
            if let Some(page) = page {
                transaction.put(Table::Meta, SUMMARY_PAGE, page);
            }
            inner.engine.store.commit(transaction.into()).unwrap();
        };
        for value in [None, Some(&b"nonsense"[..]), Some(&[][..])] {
            spoil(value, None);
            assert_eq!(today(&phone), seen, "by the page");
            spoil(value, Some(b"nonsense"));
            assert_eq!(today(&phone), seen, "by the documents");
            assert!(has_row(&phone));
        }
    }

    /// A client's check-in would not be seen, or the others would be read again for it.
    #[test]
    fn of_several_plans_only_the_one_that_changed_is_made_again() {
        let phone = Phone::new();
        phone.goal("Walk");
        let other = phone.client.people().create_plan().unwrap();
        let seen = || phone.client.people().summaries().unwrap();
        let before = seen();
        let new = NewCheckIn {
            goal: None,
            ..NewCheckIn::new(crate::model::GoalId([0; 16]), Outcome::NoteOnly)
        };
        phone.client.check_ins().log(other, &new).unwrap();
        {
            let inner = phone.client.inner.shared.lock();
            let store = inner.engine.store.as_ref();
            assert_eq!(store.get(Table::Meta, SUMMARY_PAGE).unwrap(), None);
            let left = Kept::read(store).unwrap();
            let of_plan =
                |space: &Space| left.of(space.number(), Known::of(space).height).is_some();
            let care = inner.engine.spaces().iter();
            let care = care.filter(|space| space.kind() == SpaceKind::Care);
            let has: Vec<_> = care.map(of_plan).collect();
            assert_eq!(has, [true, false]);
        }
        let after = seen();
        assert_eq!(after[0], before[0]);
        let last = |list: &[PlanSummary]| list[1].today.as_ref().unwrap().last_check_in;
        assert_eq!((last(&before), last(&after)), (None, Some(day(1))));
        assert_eq!(seen(), after, "by the page");
    }

    /// A phone that nobody looks at such a list on would fold its plan after each sync for nothing.
    #[test]
    fn rows_are_made_only_where_somebody_looks() {
        let phone = Phone::new();
        phone.client.inner.keep_summaries();
        assert!(!has_row(&phone));
        today(&phone);
        phone.goal("Walk");
        assert!(!has_row(&phone));
        phone.client.inner.keep_summaries();
        assert!(has_row(&phone));
        assert_eq!(today(&phone).goals, 1);
    }
}

//! A list of plans with what each asks for today, for whoever looks after many.
//!
//! What the list shows of a plan is kept in a row on this device, sealed like everything there, and
//! read without loading a document. The row goes when something of the plan changes, and is made again
//! when somebody looks, or at the end of the next sync; it is never sent.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use minicbor::{Decode, Encode};
use serde::Serialize;
use waymark_wire::codec;
use waymark_wire::ids::{Height, SpaceId};

use super::cache::{fold_log, fold_plan, log_months};
use super::{Inner, People, PlanId, WaymarkError};
use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::model::{DocumentKey, Log, Outlook, PlanDay};
use crate::role::Role;
use crate::space::{SUMMARIES, Space, summary_key};
use crate::store::{Store, StoreError, Table, Transaction};

/// That somebody has looked at the list, so that it is kept up to date.
const WANTED: &[u8] = b"summaries wanted";

/// How the rows are made. Another number is made by another version, and made again.
const FORM: u16 = 1;

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

/// The row of a plan.
#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    height: Option<Height>,
    #[n(1)]
    outlook: Outlook,
    #[n(2)]
    form: u16,
}

impl People<'_> {
    /// Every plan with what it asks for today, in the order in which this device came to know them.
    /// It reads no plan that has not changed since the last time.
    ///
    /// # Errors
    /// The storage's.
    pub fn summaries(&self) -> Result<Vec<PlanSummary>, WaymarkError> {
        let engine = &mut self.0.shared.lock().engine;
        let mut wanted = Transaction::new();
        if engine.store.get(Table::Meta, WANTED)?.is_none() {
            wanted.put(Table::Meta, WANTED, []);
        }
        self.0.summarised(engine, wanted)
    }
}

impl Inner {
    /// Makes the rows again that changes have dropped, where somebody looks at them. What fails is done
    /// when they are looked at.
    pub(super) fn keep_summaries(&self) {
        let engine = &mut self.shared.lock().engine;
        let kept = match engine.store.get(Table::Meta, WANTED) {
            Ok(None) => return,
            Ok(Some(_)) => self.summarised(engine, Transaction::new()).map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "the list of plans was not kept up to date");
        }
    }

    /// The list; the rows that were not there are kept together with what else there is to write.
    fn summarised(
        &self,
        engine: &mut Engine,
        mut made: Transaction,
    ) -> Result<Vec<PlanSummary>, WaymarkError> {
        let mut rows = rows(engine.store.as_ref())?;
        let care = |space: &&Space| space.kind() == SpaceKind::Care;
        let known: Vec<_> = engine.spaces().iter().filter(care).map(Known::of).collect();
        let mut summaries = Vec::with_capacity(known.len());
        for known in known {
            let row = rows.remove(&known.number);
            let row = row.filter(|row| (row.form, row.height) == (FORM, known.height));
            let kept = row.and_then(|row| {
                let Outlook {
                    time_zone,
                    cut_off_hour,
                    ..
                } = &row.outlook;
                let today = self.today(known.role, time_zone.as_deref(), *cut_off_hour);
                row.outlook.on(today)
            });
            let today = match kept {
                Some(day) => Some(day),
                None => self.look_anew(engine, &known, &mut made)?,
            };
            summaries.push(PlanSummary {
                plan: PlanId(known.id.0),
                client: known.client,
                closed: known.closed,
                today,
            });
        }
        if !made.is_empty() {
            engine.store.commit_soon(made.into())?;
        }
        Ok(summaries)
    }

    /// Today of a plan from its documents, and its row.
    fn look_anew(
        &self,
        engine: &mut Engine,
        known: &Known,
        made: &mut Transaction,
    ) -> Result<Option<PlanDay>, WaymarkError> {
        let folded = match self.fold_apart(engine, known.id) {
            Ok(folded) => folded,
            // It comes, or is repaired: then the list shows it.
            Err(WaymarkError::Damaged { .. } | WaymarkError::Offline { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (outlook, today) = folded;
        let day = outlook.on(today);
        let height = known.height;
        let row = Row {
            height,
            outlook,
            form: FORM,
        };
        made.put(Table::Meta, summary_key(known.number), codec::encode(&row));
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

/// What is in memory of a space as long as it is open.
struct Known {
    id: SpaceId,
    number: u32,
    height: Option<Height>,
    client: Option<String>,
    /// This device's.
    role: Option<Role>,
    closed: bool,
}

impl Known {
    fn of(space: &Space) -> Self {
        let book = space.book();
        let client = book.and_then(|book| {
            let mut all = book.membership().everybody().iter();
            all.find_map(|member| {
                let known = book.roster(member.device)?;
                (known.role == Role::Client).then(|| known.name.clone())
            })
        });
        Self {
            id: space.id(),
            number: space.number(),
            height: book.map(|book| book.membership().height()),
            client,
            role: space.own_role(),
            closed: space.is_closed(),
        }
    }
}

/// The rows that are there and can be read; the others are made again.
fn rows(store: &dyn Store) -> Result<BTreeMap<u32, Row>, StoreError> {
    let rows = match store.scan(Table::Meta, SUMMARIES, None, usize::MAX) {
        Err(StoreError::Damaged { .. }) => Vec::new(),
        rows => rows?,
    };
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let number = key.strip_prefix(SUMMARIES)?.try_into().ok()?;
        let row = codec::decode(&value, usize::MAX).ok()?;
        Some((u32::from_be_bytes(number), row))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Phone, day};
    use crate::model::{NewCheckIn, Outcome};

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
        !rows(inner.engine.store.as_ref()).unwrap().is_empty()
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
        let spoil = |value: Option<&[u8]>| {
            let inner = &mut *phone.client.inner.shared.lock();
            let number = inner.engine.spaces().iter().map(Space::number);
            let mut transaction = Transaction::new();
            for number in number.collect::<Vec<_>>() {
                match value {
                    Some(value) => transaction.put(Table::Meta, summary_key(number), value),
                    None => transaction.delete(Table::Meta, summary_key(number)),
                };
            }
            inner.engine.store.commit(transaction.into()).unwrap();
        };
        for value in [None, Some(&b"nonsense"[..]), Some(&[][..])] {
            spoil(value);
            assert_eq!(today(&phone), seen);
        }
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

//! The log of one month: its check-ins, and which of them count.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::chain::Chain;
use crate::model::document::DocumentKey;
use crate::model::ids::{CheckInId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::ItemView;
use crate::model::kinds::Kind;
use crate::model::kinds::check_in::{self, CheckIn, CheckInState, CheckInView};
use crate::model::kinds::withdrawal::NewWithdrawal;
use crate::model::left_out::LeftOut;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::record::{RecordKind, SourceRecord};
use crate::model::records::{Entry, Records};
use crate::model::undone::Undone;
use crate::model::views::{ConflictKind, ConflictView};

/// The log of one month. It holds what the month alone decides; what counts beside the plan is
/// asked with the plan, so that a change of the plan needs no second fold.
#[derive(Clone, Debug)]
pub struct Log {
    records: Records,
}

/// A month of check-ins beside a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct LogView {
    /// Every check-in, also those that were corrected or withdrawn, by date and instant.
    pub check_ins: Vec<CheckInView>,
    /// Entries with several corrections.
    pub conflicts: Vec<ConflictView>,
    /// Records that do not count, each with its reason, by id.
    pub left_out: Vec<LeftOut>,
}

/// Months in order, each once: one that is handed over twice must not count twice.
pub(crate) fn months(logs: &[impl Borrow<Log>]) -> impl Iterator<Item = &Log> {
    let logs = logs.iter().map(Borrow::borrow);
    let months: BTreeMap<_, &Log> = logs.map(|log: &Log| (log.month(), log)).collect();
    months.into_values()
}

/// Which check-ins of a month count.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    states: BTreeMap<RecordId, CheckInState>,
    conflicts: Vec<ConflictView>,
    misfits: Vec<LeftOut>,
}

impl Log {
    /// Folds the records of one month's log, given in any order, without what the plan
    /// [undoes](Plan::undone).
    pub fn fold<'a>(
        month: DocumentKey,
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
        undone: &Undone,
    ) -> Self {
        Self {
            records: Records::read(month, sources, undone),
        }
    }

    /// The document.
    pub fn month(&self) -> DocumentKey {
        self.records.document()
    }

    /// How many check-ins there are, also those that were corrected or withdrawn.
    pub fn len(&self) -> usize {
        self.records.of::<CheckIn>().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The month beside a plan.
    pub fn view(&self, plan: &Plan) -> LogView {
        let counting = self.counting(plan);
        let view = |entry: Entry<'_, CheckIn>| {
            let state = *counting.states.get(&entry.id)?;
            let lost = |old: &RecordId| counting.states.get(old) == Some(&CheckInState::Withdrawn);
            let corrects_withdrawn = state != CheckInState::Withdrawn
                && entry.record.replaces.iter().any(|old| lost(&old.record()));
            check_in::view(entry, state, corrects_withdrawn)
        };
        let mut check_ins: Vec<_> = self.records.of::<CheckIn>().filter_map(view).collect();
        check_ins.sort_by_key(|check_in| (check_in.date, check_in.at, check_in.id));
        let mut left_out: Vec<_> = self.records.left_out().cloned().collect();
        left_out.extend(counting.misfits);
        let others = self.records.all().filter_map(|(id, record, _)| {
            let reason = record.fits(plan.records()).err()?;
            Some(LeftOut::of(id, record.kind(), reason))
        });
        left_out.extend(others);
        left_out.sort();
        LogView {
            check_ins,
            conflicts: counting.conflicts,
            left_out,
        }
    }

    /// Records of the month that do not count, whatever the plan says, by id.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.records.left_out().cloned().collect()
    }

    /// A check-in with everything it replaced: what to withdraw so that nothing of an entry shows.
    pub fn with_replaced(&self, id: CheckInId) -> Vec<RecordId> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![id.record()]);
        while let Some(id) = waiting.pop() {
            if let Some(entry) = self.records.get::<CheckIn>(id)
                && found.insert(id)
            {
                waiting.extend(self.links(&entry));
            }
        }
        found.into_iter().collect()
    }

    /// Makes the record that takes back check-ins of this month.
    ///
    /// # Errors
    /// If one is unknown here, or was written by somebody else.
    pub fn withdraw(
        &self,
        withdrawal: &NewWithdrawal,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        withdrawal.record_in(&self.records, stamp)
    }

    /// Whether dates lie in its month.
    pub(crate) fn reaches(&self, dates: &RangeInclusive<NaiveDate>) -> bool {
        let part = self.month().part;
        let first = DocumentKey::log(*dates.start()).is_none_or(|first| first.part <= part);
        first && DocumentKey::log(*dates.end()).is_none_or(|last| part <= last.part)
    }

    /// The items of a kind, in the order of their days.
    pub fn items(&self, kind: Kind, plan: &Plan) -> Vec<ItemView> {
        kind.items(&self.records, plan.records())
    }

    /// The records.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// The check-ins that count beside a plan.
    pub(crate) fn counted<'a>(&'a self, plan: &Plan) -> Vec<Entry<'a, CheckIn>> {
        let counting = self.counting(plan);
        let counts = |entry: &Entry<'_, CheckIn>| {
            counting.states.get(&entry.id) == Some(&CheckInState::Counted)
        };
        self.records.of::<CheckIn>().filter(counts).collect()
    }

    /// Decides which check-ins count. Nothing disappears: each one has a state or a reason.
    fn counting(&self, plan: &Plan) -> Counting {
        let mut counting = Counting::default();
        let mut fitting = BTreeMap::new();
        for entry in self.records.of::<CheckIn>() {
            match entry.record.fits(plan) {
                Ok(()) => {
                    fitting.insert(entry.id, entry);
                }
                Err(reason) => {
                    let left_out = LeftOut::of(entry.id, Kind::CheckIn, reason);
                    counting.misfits.push(left_out);
                }
            }
        }
        let chain = Chain::new(fitting.values().map(|entry| (entry.id, self.links(entry))));
        let alive = |id: &RecordId| !self.records.is_withdrawn(*id);
        let replaced = self.replaced_by_living(&fitting, alive);
        for group in chain.groups() {
            let mut heads: Vec<_> = group
                .iter()
                .filter(|id| alive(id) && !replaced.contains(*id))
                .copied()
                .collect();
            // The larger quantity, where none is less than zero; then the lower id.
            heads.sort_by_key(|id| (std::cmp::Reverse(quantity(&fitting, id)), *id));
            for id in &group {
                let state = match (alive(id), heads.iter().position(|head| head == id)) {
                    (false, _) => CheckInState::Withdrawn,
                    (true, None) => CheckInState::Replaced,
                    (true, Some(0)) => CheckInState::Counted,
                    (true, Some(_)) => CheckInState::SetAside,
                };
                counting.states.insert(*id, state);
            }
            if heads.len() > 1 {
                let (kind, records) = (ConflictKind::Corrections, heads);
                counting.conflicts.push(ConflictView { kind, records });
            }
        }
        counting
    }

    /// The entries that a correction which still stands replaces, also by way of others that do not.
    fn replaced_by_living(
        &self,
        entries: &BTreeMap<RecordId, Entry<'_, CheckIn>>,
        alive: impl Fn(&RecordId) -> bool,
    ) -> BTreeSet<RecordId> {
        let mut replaced = BTreeSet::new();
        let links = |entry: &Entry<'_, CheckIn>| self.links(entry);
        let living = entries.values().filter(|entry| alive(&entry.id));
        let mut waiting: Vec<_> = living.flat_map(links).collect();
        while let Some(id) = waiting.pop() {
            if replaced.insert(id) {
                waiting.extend(entries.get(&id).into_iter().flat_map(links));
            }
        }
        replaced
    }

    /// What an entry corrects.
    fn links(&self, entry: &Entry<'_, CheckIn>) -> Vec<RecordId> {
        self.records.through(&entry.record.replaces())
    }
}

fn quantity(entries: &BTreeMap<RecordId, Entry<'_, CheckIn>>, id: &RecordId) -> Option<Quantity> {
    entries.get(id)?.record.quantity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client};
    use crate::model::{GoalId, NewCheckIn, Outcome};

    fn log(
        space: &mut Space,
        goal: GoalId,
        amount: Option<f64>,
        replaces: &[RecordId],
    ) -> RecordId {
        space.clock += 1;
        let month = space.log();
        let check_in = NewCheckIn {
            quantity: amount,
            replaces: replaces.iter().map(|id| CheckInId::from(*id)).collect(),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        space.put(client(), |p, s| check_in.record(p, Some(&month), s))
    }

    fn states(space: &Space) -> BTreeMap<RecordId, CheckInState> {
        let view = space.log().view(&space.plan());
        view.check_ins
            .into_iter()
            .map(|entry| (entry.id.into(), entry.state))
            .collect()
    }

    #[test]
    fn of_two_corrections_the_larger_counts_and_people_see_both() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = log(&mut space, goal, Some(4.0), &[]);
        let mut tablet = space.clone();
        let none = log(&mut space, goal, None, &[first]);
        let seven = log(&mut tablet, goal, Some(7.0), &[first]);
        let zero = log(&mut tablet, goal, Some(0.0), &[first]);
        space.merge(&tablet);
        let states = states(&space);
        assert_eq!(states[&first], CheckInState::Replaced);
        assert_eq!(states[&seven], CheckInState::Counted);
        assert_eq!(
            (states[&zero], states[&none]),
            (CheckInState::SetAside, CheckInState::SetAside)
        );
        let conflicts = space.log().view(&space.plan()).conflicts;
        assert_eq!(
            conflicts[0].records,
            [seven, zero, none],
            "no quantity is below zero"
        );
    }

    #[test]
    fn a_correction_of_a_correction_replaces_both() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = log(&mut space, goal, Some(9.0), &[]);
        let second = log(&mut space, goal, Some(5.0), &[first]);
        let third = log(&mut space, goal, Some(1.0), &[second]);
        let states = states(&space);
        assert_eq!(states[&third], CheckInState::Counted);
        assert_eq!(
            (states[&first], states[&second]),
            (CheckInState::Replaced, CheckInState::Replaced)
        );
    }

    #[test]
    fn an_entry_is_deleted_with_all_it_replaced() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = log(&mut space, goal, Some(9.0), &[]);
        let second = log(&mut space, goal, Some(5.0), &[first]);
        let month = space.log();
        let records = month.with_replaced(second.into());
        space.put(client(), |_, s| {
            month.withdraw(&NewWithdrawal { records }, s)
        });
        let states = states(&space);
        assert_eq!(states.len(), 2);
        assert!(
            states
                .values()
                .all(|state| *state == CheckInState::Withdrawn)
        );
    }

    #[test]
    fn an_edit_wins_over_a_deletion_it_did_not_know_and_is_marked() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = log(&mut space, goal, Some(4.0), &[]);
        let mut tablet = space.clone();
        let withdrawal = NewWithdrawal {
            records: vec![first],
        };
        let month = space.log();
        space.put(client(), |_, s| month.withdraw(&withdrawal, s));
        assert_eq!(states(&space)[&first], CheckInState::Withdrawn);
        let edit = log(&mut tablet, goal, Some(6.0), &[first]);
        space.merge(&tablet);
        let view = space.log().view(&space.plan());
        let edited = view
            .check_ins
            .iter()
            .find(|entry| entry.id.record() == edit)
            .unwrap();
        assert_eq!(edited.state, CheckInState::Counted);
        assert!(edited.corrects_withdrawn);
    }

    #[test]
    fn taking_back_a_correction_shows_the_entry_again_but_never_twice() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = log(&mut space, goal, Some(4.0), &[]);
        let second = log(&mut space, goal, Some(5.0), &[first]);
        let mut tablet = space.clone();
        let withdrawal = NewWithdrawal {
            records: vec![second],
        };
        let month = space.log();
        space.put(client(), |_, s| month.withdraw(&withdrawal, s));
        assert_eq!(states(&space)[&first], CheckInState::Counted);
        // Meanwhile the other device corrected the correction: that one alone counts.
        let third = log(&mut tablet, goal, Some(6.0), &[second]);
        space.merge(&tablet);
        let states = states(&space);
        assert_eq!(
            (states[&first], states[&third]),
            (CheckInState::Replaced, CheckInState::Counted)
        );
    }
}

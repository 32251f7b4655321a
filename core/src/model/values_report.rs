//! Which values check-ins served, and to what share.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::kinds::check_in_reason::CheckInReason;
use crate::model::kinds::value::Value;
use crate::model::log::{Log, months};
use crate::model::logged::logged;
use crate::model::plan::Plan;
use crate::model::time::read_date;

/// The whole, in tenths of a percent.
const WHOLE: u128 = 1_000;

/// Which values the check-ins of some dates served. A check-in that served two counts for both.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ValuesReport {
    /// The values, those that were served most first. Their shares sum to 1,000 where there are any.
    pub shares: Vec<ValueShare>,
    /// How many check-ins name a value.
    pub with_value: u32,
    /// How many check-ins name none.
    pub without_value: u32,
}

/// One value's share.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ValueShare {
    /// The value.
    pub value: RecordId,
    /// What it is called; none where it was removed.
    pub name: Option<String>,
    /// How many check-ins served it.
    pub check_ins: u32,
    /// Its share in tenths of a percent, 0 to 1,000.
    pub per_mille: u16,
}

/// The report over some dates, both ends included. The logs must cover the months of the dates. A
/// reason that was given for an entry speaks for its correction, too.
pub fn values_report(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    dates: &RangeInclusive<NaiveDate>,
) -> ValuesReport {
    let mut values_of: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for reason in logged::<CheckInReason>(plan, logs) {
        let CheckInReason {
            check_in, values, ..
        } = reason.fields;
        values_of
            .entry(check_in.record())
            .or_default()
            .extend(values);
    }
    let mut counts: BTreeMap<RecordId, u32> = BTreeMap::new();
    let (mut with_value, mut without_value) = (0, 0);
    for log in months(logs) {
        for entry in log.counted(plan) {
            if !read_date(entry.record.date).is_ok_and(|date| dates.contains(&date)) {
                continue;
            }
            let versions = log.with_replaced(entry.id.into());
            let named = versions.iter().filter_map(|id| values_of.get(id));
            let served: BTreeSet<_> = named.flatten().copied().collect();
            match served.is_empty() {
                true => without_value += 1,
                false => with_value += 1,
            }
            for value in served {
                *counts.entry(value).or_default() += 1;
            }
        }
    }
    ValuesReport {
        shares: shares(plan, &counts),
        with_value,
        without_value,
    }
}

fn shares(plan: &Plan, counts: &BTreeMap<RecordId, u32>) -> Vec<ValueShare> {
    let things = plan.things::<Value>().into_iter();
    let names: BTreeMap<_, _> = things.map(|thing| (thing.id, thing.fields.name)).collect();
    let parts = per_mille(&counts.values().copied().collect::<Vec<_>>());
    let counted = counts.iter().zip(parts);
    let mut shares: Vec<_> = counted
        .map(|((value, check_ins), per_mille)| ValueShare {
            value: *value,
            name: names.get(value).cloned(),
            check_ins: *check_ins,
            per_mille,
        })
        .collect();
    shares.sort_by_key(|share| (Reverse(share.check_ins), share.value));
    shares
}

/// Shares that sum to the whole: each is rounded down, and what remains goes to the largest
/// remainders, of equal ones to the first.
fn per_mille(counts: &[u32]) -> Vec<u16> {
    let total: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    if total == 0 {
        return vec![0; counts.len()];
    }
    let scaled = |count: &u32| u128::from(*count) * WHOLE;
    let mut parts: Vec<u128> = counts.iter().map(|count| scaled(count) / total).collect();
    let mut order: Vec<(Reverse<u128>, usize)> = counts
        .iter()
        .enumerate()
        .map(|(place, count)| (Reverse(scaled(count) % total), place))
        .collect();
    order.sort_unstable();
    let left = WHOLE.saturating_sub(parts.iter().sum());
    let left = usize::try_from(left).unwrap_or_default();
    for (_, place) in order.into_iter().take(left) {
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
        }
    }
    let part = |part| u16::try_from(part).unwrap_or(u16::MAX);
    parts.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::item::Fields;
    use crate::model::kinds::Kind;
    use crate::model::testing::{Space, client, day};
    use crate::model::{CheckInId, GoalId, NewCheckIn, NewWithdrawal, Outcome};

    fn check_in(space: &mut Space, goal: GoalId, replaces: &[CheckInId]) -> CheckInId {
        space.clock += 1;
        let log = space.log();
        let check_in = NewCheckIn {
            replaces: replaces.to_vec(),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        let id = space.put(client(), |p, s| check_in.record(p, Some(&log), s));
        id.into()
    }

    fn matters(space: &mut Space, check_in: CheckInId, values: &[RecordId]) -> RecordId {
        space.clock += 1;
        let reason = CheckInReason {
            check_in,
            why: None,
            values: values.to_vec(),
        };
        space.put(client(), |p, s| p.add(&reason, None, s))
    }

    fn value(space: &mut Space) -> RecordId {
        space.clock += 1;
        let value = Value::sample(space);
        space.put(client(), |p, s| p.add(&value, None, s))
    }

    fn report(space: &Space) -> ValuesReport {
        values_report(&space.plan(), &[space.log()], &(day(1)..=day(31)))
    }

    fn of(report: &ValuesReport, value: RecordId) -> (u32, u16) {
        let mut shares = report.shares.iter();
        let share = shares.find(|share| share.value == value).unwrap();
        (share.check_ins, share.per_mille)
    }

    /// A person who acts for three values alike would see 99.9 % of it.
    #[test]
    fn shares_sum_to_a_hundred_percent() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let values = [value(&mut space), value(&mut space), value(&mut space)];
        for value in values {
            let entry = check_in(&mut space, goal, &[]);
            matters(&mut space, entry, &[value, value]);
        }
        check_in(&mut space, goal, &[]);
        let report = report(&space);
        assert_eq!((report.with_value, report.without_value), (3, 1));
        let parts: Vec<_> = report.shares.iter().map(|share| share.per_mille).collect();
        assert_eq!(parts, [334, 333, 333]);
        assert_eq!(report.shares[0].name.as_deref(), Some("Family"));
        let none = values_report(&space.plan(), &[space.log()], &(day(2)..=day(31)));
        assert_eq!((none.shares.len(), none.without_value), (0, 0));
    }

    /// Correcting a quantity would take away why it mattered, and taking an entry back would leave it.
    #[test]
    fn a_reason_goes_with_its_entry() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let (family, health) = (value(&mut space), value(&mut space));
        let first = check_in(&mut space, goal, &[]);
        matters(&mut space, first, &[family]);
        let corrected = check_in(&mut space, goal, &[first]);
        matters(&mut space, corrected, &[family, health]);
        let two = report(&space);
        assert_eq!((two.with_value, two.without_value), (1, 0));
        assert_eq!((of(&two, family), of(&two, health)), ((1, 500), (1, 500)));
        let log = space.log();
        let records = log.with_replaced(corrected);
        space.put(client(), |_, s| log.withdraw(&NewWithdrawal { records }, s));
        assert_eq!(report(&space).shares, []);
    }

    /// Letting go of a value would rewrite what the past was for.
    #[test]
    fn a_value_that_was_removed_keeps_its_share_without_a_name() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let family = value(&mut space);
        let entry = check_in(&mut space, goal, &[]);
        matters(&mut space, entry, &[family]);
        space.put(client(), |p, s| Kind::Value.remove(p, None, family, s));
        let report = report(&space);
        assert_eq!(of(&report, family), (1, 1_000));
        assert_eq!(report.shares[0].name, None);
    }

    proptest! {
        /// Some mixture of values would sum to something else than the whole.
        #[test]
        fn every_mixture_sums_to_the_whole(counts in prop::collection::vec(1_u32.., 1..60)) {
            let parts = per_mille(&counts);
            prop_assert_eq!(parts.iter().map(|part| u32::from(*part)).sum::<u32>(), 1_000);
            let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
            for (count, part) in counts.iter().zip(&parts) {
                let exact = f64::from(*count) * 1_000.0 / total;
                prop_assert!((exact - f64::from(*part)).abs() < 1.001);
            }
        }
    }
}

//! What check-ins say about a day, in the few values that judging needs. Those of several days add up
//! to what they say about a week or a month.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::model::codes::{Comparison, Outcome};
use crate::model::day::excuses;
use crate::model::ids::GoalId;
use crate::model::kinds::check_in::CheckIn;
use crate::model::kinds::target::Aim;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::records::Entry;
use crate::model::time::read_date;

/// What some check-ins say together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Said {
    /// The first of done, partial, excused, rest and note.
    first: Option<Outcome>,
    /// The same where an amount is to be judged: of an entry with a quantity only a reason counts,
    /// since how much was done the quantity has said.
    beside_amount: Option<Outcome>,
    /// The sum of the quantities.
    pub(crate) quantity: Option<Quantity>,
    /// Whether the day is excused for every goal. It takes nothing from an amount for a week or month.
    is_excused: bool,
}

impl Said {
    /// What an excuse says that is not a check-in.
    pub(crate) const EXCUSED: Self = Self {
        first: None,
        beside_amount: None,
        quantity: None,
        is_excused: true,
    };

    /// What entries say.
    pub(crate) fn of(entries: &[Entry<'_, CheckIn>]) -> Self {
        let said = entries.iter().map(|entry| Self::entry(entry.record));
        said.fold(Self::default(), Self::plus)
    }

    fn entry(entry: &CheckIn) -> Self {
        let outcome = entry.outcome();
        let is_reason = matches!(outcome, Outcome::Excused | Outcome::Rest);
        Self {
            first: Some(outcome),
            beside_amount: (entry.quantity.is_none() || is_reason).then_some(outcome),
            quantity: entry.quantity,
            is_excused: false,
        }
    }

    /// What two say together, in any order.
    pub(crate) fn plus(self, other: Self) -> Self {
        let first = |one: Option<Outcome>, two| one.into_iter().chain(two).min_by_key(order);
        let quantities = self.quantity.into_iter().chain(other.quantity);
        Self {
            first: first(self.first, other.first),
            beside_amount: first(self.beside_amount, other.beside_amount),
            quantity: quantities.reduce(Quantity::plus),
            is_excused: self.is_excused || other.is_excused,
        }
    }

    /// What a day came to, if anything was said about it.
    pub(crate) fn of_day(self, aim: Option<Aim>) -> Option<Outcome> {
        let excused = self.is_excused.then_some(Outcome::Excused);
        self.outcome(aim)
            .into_iter()
            .chain(excused)
            .min_by_key(order)
    }

    /// What was achieved, if anything was said.
    pub(crate) fn outcome(self, aim: Option<Aim>) -> Option<Outcome> {
        let Some(aim) = aim else {
            return self.first;
        };
        if self.beside_amount == Some(Outcome::Done) {
            return Some(Outcome::Done);
        }
        match (aim.comparison, self.quantity) {
            (Comparison::AtLeast, Some(sum)) if sum >= aim.value => Some(Outcome::Done),
            (Comparison::AtLeast, Some(sum)) if !sum.is_zero() => Some(Outcome::Partial),
            (Comparison::AtMost, Some(sum)) if sum <= aim.value => Some(Outcome::Done),
            _ => self.beside_amount,
        }
    }

    /// How much of an amount was done, where it is one to reach and something of it was.
    pub(crate) fn share(self, aim: Option<Aim>) -> Option<f64> {
        let aim = aim.filter(|aim| aim.comparison == Comparison::AtLeast)?;
        let sum = self.quantity.filter(|sum| !sum.is_zero())?;
        Some((sum.amount() / aim.value.amount()).min(1.0))
    }
}

/// What is said in a month about each day of a goal of which something is.
pub(crate) type SaidDays = BTreeMap<NaiveDate, Said>;

impl Log {
    /// What the month says about each of its goals. Which goals there are, and what their targets and
    /// measures take, says the plan.
    pub(crate) fn said(&self, plan: &Plan) -> BTreeMap<GoalId, SaidDays> {
        let mut goals: BTreeMap<GoalId, SaidDays> = BTreeMap::new();
        for Entry { record, .. } in self.counted(plan) {
            if let (Some(goal), Ok(date)) = (record.goal, read_date(record.date)) {
                let said = goals.entry(goal).or_default().entry(date).or_default();
                *said = said.plus(Said::entry(record));
            }
        }
        for date in excuses(plan, &[self]).into_keys() {
            for goal in plan.goal_ids() {
                let said = goals.entry(goal).or_default().entry(date).or_default();
                *said = said.plus(Said::EXCUSED);
            }
        }
        goals
    }
}

/// Done, partial, excused, rest, note.
const fn order(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Partial => 1,
        Outcome::Excused => 2,
        Outcome::Rest => 3,
        Outcome::NoteOnly => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::model::codes::Period;

    fn said() -> impl Strategy<Value = Said> {
        let outcome = || proptest::option::of((0..5_usize).prop_map(|n| Outcome::ALL[n]));
        let quantity = proptest::option::of((0..40_u32).prop_map(f64::from));
        (outcome(), outcome(), quantity, any::<bool>()).prop_map(
            |(first, beside_amount, quantity, is_excused)| Said {
                first,
                beside_amount,
                quantity: quantity.and_then(Quantity::new),
                is_excused,
            },
        )
    }

    proptest! {
        /// A week that spans two months would be judged by the order in which they were read.
        #[test]
        fn parts_add_up_in_any_order(parts in vec(said(), 0..8), at in 0..8_usize) {
            let sum = |parts: &[Said]| parts.iter().copied().fold(Said::default(), Said::plus);
            let at = at.min(parts.len());
            let (one, two) = parts.split_at(at);
            let whole = sum(&parts);
            prop_assert_eq!(sum(one).plus(sum(two)), whole);
            prop_assert_eq!(sum(two).plus(sum(one)), whole);
        }
    }

    /// Too much of something would be a share of an amount that was to be reached.
    #[test]
    fn only_what_is_to_be_reached_has_a_share() {
        let five = Said {
            quantity: Quantity::new(5.0),
            ..Said::default()
        };
        let ten = |comparison| {
            let value = Quantity::new(10.0)?;
            Some(Aim {
                comparison,
                value,
                period: Period::Day,
            })
        };
        assert_eq!(five.share(ten(Comparison::AtLeast)), Some(0.5));
        assert_eq!(
            five.plus(five).plus(five).share(ten(Comparison::AtLeast)),
            Some(1.0)
        );
        assert_eq!(five.share(ten(Comparison::AtMost)), None);
        assert_eq!(Said::default().share(ten(Comparison::AtLeast)), None);
        assert_eq!(five.share(None), None);
    }
}

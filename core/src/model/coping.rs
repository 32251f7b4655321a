//! Coping strategies by how they helped. A strategy that nobody has rated yet has no place rather
//! than the last: nothing is known of it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::item::Thing;
use crate::model::kinds::coping_strategy::CopingStrategy;
use crate::model::kinds::reading::{CopingReading, Reading, ReadingOf};
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;

/// A strategy with how it helped.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CopingView {
    /// The strategy's id.
    pub id: RecordId,
    /// What it is.
    pub strategy: CopingStrategy,
    /// Its place by how it helped, from 1; none where no use says how.
    pub place: Option<u32>,
    /// How much it helped on average, 0 to 10; none where no use says so.
    pub helped: Option<f64>,
    /// How many uses say how much it helped.
    pub n: u32,
    /// How many times it was used.
    pub uses: u32,
    /// By how much it became easier on average: before less after; none where no use tells both.
    pub eased: Option<f64>,
    /// How many uses tell both.
    pub eased_n: u32,
}

/// A sum, and of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: i64,
    n: u32,
}

impl Mean {
    fn add(&mut self, value: Option<i64>) {
        if let Some(value) = value {
            self.sum = self.sum.saturating_add(value);
            self.n = self.n.saturating_add(1);
        }
    }

    fn value(self) -> Option<f64> {
        // Sums are far below 2^53.
        (self.n > 0).then(|| self.sum as f64 / f64::from(self.n))
    }

    /// Compares without dividing, so that equal means are equal on every device; none is less.
    fn compare(self, other: Self) -> Ordering {
        let cross = |a: Self, b: Self| i128::from(a.sum) * i128::from(b.n);
        match (self.n, other.n) {
            (0, _) | (_, 0) => (self.n > 0).cmp(&(other.n > 0)),
            _ => cross(self, other).cmp(&cross(other, self)),
        }
    }
}

/// What the uses of one strategy say.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    uses: u32,
    helped: Mean,
    eased: Mean,
}

impl Told {
    fn add(&mut self, of: &CopingReading) {
        self.uses = self.uses.saturating_add(1);
        self.helped.add(of.helped.map(i64::from));
        let eased = of.before.zip(of.after);
        self.eased
            .add(eased.map(|(before, after)| i64::from(before) - i64::from(after)));
    }
}

/// The coping strategies by their uses on some dates, both ends included: those first that helped most
/// on average. Equal ones stand in the order of the person's own ranks, then of their ids; after them,
/// without a place, those that no use says anything of, in the same order. The logs must cover the
/// months of the dates.
pub fn coping(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    dates: &RangeInclusive<NaiveDate>,
) -> Vec<CopingView> {
    let mut told: BTreeMap<RecordId, Told> = BTreeMap::new();
    for thing in logged::<Reading>(plan, logs) {
        if let (Some(date), ReadingOf::ACopingUse(of)) = (thing.date, &thing.fields.of)
            && dates.contains(&date)
        {
            told.entry(of.strategy).or_default().add(of);
        }
    }
    plan.ranked(&told)
}

impl Plan {
    fn ranked(&self, told: &BTreeMap<RecordId, Told>) -> Vec<CopingView> {
        let told = |thing: &Thing<CopingStrategy>| told.get(&thing.id).copied().unwrap_or_default();
        let strategies = self.things::<CopingStrategy>().into_iter();
        let mut ranked: Vec<_> = strategies.map(|thing| (told(&thing), thing)).collect();
        // Whoever has no rank of their own comes after those who have.
        let own = |thing: &Thing<CopingStrategy>| thing.fields.rank.unwrap_or(u8::MAX);
        ranked.sort_by(|(a_told, a), (b_told, b)| {
            let by_help = b_told.helped.compare(a_told.helped);
            by_help.then_with(|| (own(a), a.id).cmp(&(own(b), b.id)))
        });
        let placed = (1..).zip(ranked);
        let placed = placed.map(|(place, (told, thing))| CopingView {
            id: thing.id,
            strategy: thing.fields,
            place: (told.helped.n > 0).then_some(place),
            helped: told.helped.value(),
            n: told.helped.n,
            uses: told.uses,
            eased: told.eased.value(),
            eased_n: told.eased.n,
        });
        placed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day};

    fn strategies(ranks: &[Option<u8>]) -> (Space, Vec<RecordId>) {
        let mut space = Space::default();
        let add = |(n, rank): (usize, &Option<u8>)| {
            space.clock += 1;
            let strategy = CopingStrategy {
                label: format!("Strategy {n}"),
                when_to_use: None,
                rank: *rank,
            };
            space.put(client(), |plan, s| plan.add(&strategy, None, s))
        };
        let ids = ranks.iter().enumerate().map(add).collect();
        (space, ids)
    }

    fn helped(strategy: RecordId, helped: u8) -> CopingReading {
        CopingReading {
            strategy,
            before: None,
            after: None,
            helped: Some(helped),
        }
    }

    /// Notes uses on a day.
    fn note(space: &mut Space, uses: &[CopingReading], on: u32) {
        for of in uses {
            space.clock += 1;
            let reading = Reading::new(ReadingOf::ACopingUse(of.clone()));
            space.put(client(), |plan, s| plan.add(&reading, Some(day(on)), s));
        }
    }

    fn views(space: &Space) -> Vec<CopingView> {
        coping(&space.plan(), &[space.log()], &(day(1)..=day(31)))
    }

    fn places(space: &Space) -> Vec<(RecordId, Option<u32>)> {
        let views = views(space).into_iter();
        views.map(|view| (view.id, view.place)).collect()
    }

    /// In a hard hour a person would be shown first what helps least.
    #[test]
    fn what_helped_most_comes_first_with_how_often_that_was_said() {
        let (mut space, ids) = strategies(&[Some(1), Some(2)]);
        let uses = [
            helped(ids[0], 4),
            helped(ids[1], 9),
            helped(ids[1], 6),
            helped(ids[0], 3),
            helped(ids[0], 5),
        ];
        note(&mut space, &uses, 1);
        let shown: Vec<_> = views(&space)
            .iter()
            .map(|view| (view.id, view.place, view.helped, view.n))
            .collect();
        assert_eq!(
            shown,
            [
                (ids[1], Some(1), Some(7.5), 2),
                (ids[0], Some(2), Some(4.0), 3)
            ]
        );
    }

    /// What was never tried would look as if it did not help at all.
    #[test]
    fn what_is_unused_or_unrated_has_no_place_and_no_mean() {
        let (mut space, ids) = strategies(&[None, Some(7), Some(3)]);
        let only_used = CopingReading {
            helped: None,
            before: Some(8),
            after: Some(5),
            ..helped(ids[1], 0)
        };
        let unrated = CopingReading {
            before: None,
            ..only_used.clone()
        };
        note(&mut space, &[helped(ids[0], 0), only_used, unrated], 1);
        // Helped by 0 is still said.
        let expected = [(ids[0], Some(1)), (ids[2], None), (ids[1], None)];
        assert_eq!(places(&space), expected);
        let views = views(&space);
        assert_eq!((views[0].helped, views[1].helped), (Some(0.0), None));
        assert_eq!((views[2].helped, views[2].n, views[2].uses), (None, 0, 2));
        assert_eq!((views[2].eased, views[2].eased_n), (Some(3.0), 1));
    }

    /// What helped a year ago would stand above what helps today.
    #[test]
    fn only_uses_of_the_days_that_are_asked_for_speak() {
        let (mut space, ids) = strategies(&[Some(1), Some(2)]);
        note(&mut space, &[helped(ids[0], 9)], 1);
        note(&mut space, &[helped(ids[1], 2)], 9);
        let (plan, log) = (space.plan(), space.log());
        let seen = coping(&plan, &[&log, &log], &(day(2)..=day(9)));
        let seen: Vec<_> = seen.iter().map(|view| (view.id, view.n)).collect();
        assert_eq!(seen, [(ids[1], 1), (ids[0], 0)]);
    }

    /// The list would stand otherwise on the tablet than on the phone.
    #[test]
    fn equal_means_stand_by_their_own_rank_then_their_id() {
        let (mut space, ids) = strategies(&[None, Some(2), Some(1), None]);
        let mut unranked = [ids[0], ids[3]];
        unranked.sort();
        // One third and two sixths are the same.
        let uses = [
            (ids[0], [0, 0, 1].repeat(2)),
            (ids[1], vec![0, 0, 1]),
            (ids[2], [1, 0, 0].repeat(3)),
            (ids[3], vec![1, 0, 0]),
        ];
        let uses = uses.iter().flat_map(|(id, all)| {
            let of_one = all.iter();
            of_one.map(|value| helped(*id, *value))
        });
        let mut uses: Vec<_> = uses.collect();
        let order = [ids[2], ids[1], unranked[0], unranked[1]];
        let expected: Vec<_> = order.into_iter().zip((1..).map(Some)).collect();
        let mut other = space.clone();
        note(&mut space, &uses, 1);
        assert_eq!(places(&space), expected);
        uses.reverse();
        note(&mut other, &uses, 1);
        assert_eq!(places(&other), expected);
    }

    #[test]
    fn uses_of_what_is_removed_are_of_nothing() {
        let (mut space, ids) = strategies(&[None]);
        note(&mut space, &[helped(ids[0], 9)], 1);
        space.clock += 1;
        space.put(client(), |plan, s| {
            plan.remove::<CopingStrategy>(None, ids[0], s)
        });
        assert!(views(&space).is_empty());
    }
}

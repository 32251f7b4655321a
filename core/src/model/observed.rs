//! Days of observance: planned rest on the schedule of every goal.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use crate::model::kinds::observance::{Observance, YearlyDay};
use crate::model::plan::Plan;
use crate::model::records::Records;

/// The days that the observances of a plan name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Observed {
    dates: BTreeSet<NaiveDate>,
    yearly: Vec<Yearly>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Yearly {
    day: YearlyDay,
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
}

impl Observed {
    /// Those among the records of a plan.
    pub(crate) fn of(records: &Records) -> Self {
        let mut observed = Self::default();
        for thing in records.things::<Observance>(records) {
            let Observance {
                dates,
                yearly,
                from,
                until,
                ..
            } = thing.fields;
            observed.dates.extend(dates);
            let yearly = yearly.map(|day| Yearly { day, from, until });
            observed.yearly.extend(yearly);
        }
        observed
    }

    /// Whether a date is one of them.
    pub(crate) fn has(&self, date: NaiveDate) -> bool {
        let falls_on = |yearly: &Yearly| {
            yearly.day.in_year(date.year()) == Some(date)
                && yearly.from.is_none_or(|from| from <= date)
                && yearly.until.is_none_or(|until| date <= until)
        };
        self.dates.contains(&date) || self.yearly.iter().any(falls_on)
    }
}

impl Plan {
    /// Whether the client observes a day.
    pub(crate) fn is_observed(&self, date: NaiveDate) -> bool {
        self.observed().has(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::day::{DayPlan, DayResult};
    use crate::model::testing::{Space, client, day, revision};
    use crate::model::{
        GoalId, Kind, NewCheckIn, NewRevision, Outcome, Pause, RecordId, Schedule, SchedulePattern,
        day_results, progress,
    };

    /// A goal in force from the 1st of May 2026, a Friday.
    fn begun(pattern: SchedulePattern) -> (Space, GoalId) {
        let mut space = Space::default();
        let goal = space.goal(client());
        let schedule = Schedule {
            pattern,
            ..Schedule::daily()
        };
        let schedule = Some(schedule);
        let wording = revision(goal);
        space.propose(
            client(),
            NewRevision {
                schedule,
                ..wording
            },
            1,
        );
        (space, goal)
    }

    fn observe(space: &mut Space, observance: &Observance) -> RecordId {
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.add(observance, None, stamp))
    }

    fn done(space: &mut Space, goal: GoalId, days: impl IntoIterator<Item = u32>) {
        for on in days {
            space.clock += 1;
            let check_in = NewCheckIn {
                date: Some(day(on)),
                ..NewCheckIn::new(goal, Outcome::Done)
            };
            space.put(client(), |plan, stamp| check_in.record(plan, None, stamp));
        }
    }

    fn plans(space: &Space, goal: GoalId, days: std::ops::RangeInclusive<u32>) -> Vec<DayPlan> {
        let dates = day(*days.start())..=day(*days.end());
        let views = day_results(&space.plan(), &[space.log()], goal, dates, day(31)).unwrap();
        views.iter().map(|view| view.plan).collect()
    }

    fn on(days: impl IntoIterator<Item = u32>) -> Observance {
        Observance {
            dates: days.into_iter().map(day).collect(),
            ..Observance::default()
        }
    }

    /// Whoever keeps a holy day would lose a streak by it.
    #[test]
    fn a_rest_day_from_observance_does_not_break_a_streak() {
        let (mut space, goal) = begun(SchedulePattern::Daily);
        done(&mut space, goal, [1, 2, 3, 7, 8]);
        let seen =
            |space: &Space| progress(&space.plan(), &[space.log()], goal, day(9), 1).unwrap();
        // Three days without are two too many.
        assert_eq!(seen(&space).streak, 2);
        observe(&mut space, &on([4, 5]));
        observe(&mut space, &Observance::every_year(5, 6));
        let kept = seen(&space);
        assert_eq!((kept.streak, kept.slips), (5, Vec::new()));
        assert_eq!((kept.done, kept.expected), (5, 5));
        let views = day_results(&space.plan(), &[space.log()], goal, day(4)..=day(4), day(9));
        assert_eq!(views.unwrap()[0].result, DayResult::NotExpected);
    }

    /// A week that has fewer days left than it asks for would count as one left out.
    #[test]
    fn a_week_with_too_few_days_left_by_observance_is_not_expected() {
        let (mut space, goal) = begun(SchedulePattern::TimesAWeek { times: 3 });
        // Three days in the weeks of the 4th and the 18th, none in those between them.
        done(&mut space, goal, [4, 5, 6, 18, 19, 20]);
        let seen =
            |space: &Space| progress(&space.plan(), &[space.log()], goal, day(25), 0).unwrap();
        assert_eq!(seen(&space).streak, 1, "the week of the 11th was left out");
        observe(&mut space, &on(11..=15));
        assert_eq!(seen(&space).streak, 2);
        assert_eq!(
            plans(&space, goal, 15..=16),
            [DayPlan::Rest, DayPlan::AnyDay]
        );
    }

    /// A pause would look like a holiday, or a free day like a task.
    #[test]
    fn only_days_that_were_meant_become_rest() {
        let mut schedule = Schedule::daily();
        schedule.pauses = vec![Pause {
            from: day(4),
            to: day(4),
        }];
        schedule.end = Some(day(6));
        let mut space = Space::default();
        observe(&mut space, &on(4..=7));
        let plan = space.plan();
        let off = plan.days_off(GoalId([0; 16]));
        let on = |of_may| off.plan_of(&schedule, day(of_may));
        assert_eq!(
            [on(3), on(4), on(5), on(7)],
            [
                DayPlan::Expected,
                DayPlan::Paused,
                DayPlan::Rest,
                DayPlan::NotScheduled
            ]
        );
    }

    /// A day that is observed no more would be demanded for all the years in which it was.
    #[test]
    fn one_that_ended_stays_rest_in_the_past_and_one_that_was_removed_does_not() {
        let (mut space, goal) = begun(SchedulePattern::Daily);
        let observance = Observance::every_year(5, 8);
        let id = observe(&mut space, &observance);
        let change = |space: &mut Space, from, until| {
            space.clock += 1;
            let (from, until) = (Some(day(from)), Some(day(until)));
            let observance = Observance {
                from,
                until,
                ..observance.clone()
            };
            space.put(client(), |plan, s| plan.change(None, id, &observance, s));
        };
        change(&mut space, 1, 8);
        assert_eq!(plans(&space, goal, 8..=8), [DayPlan::Rest]);
        let next_year = day(8).with_year(2027).unwrap();
        assert!(!space.plan().is_observed(next_year));
        change(&mut space, 9, 31);
        assert_eq!(plans(&space, goal, 8..=8), [DayPlan::Expected]);
        change(&mut space, 1, 31);
        space.clock += 1;
        space.put(client(), |plan, s| {
            Kind::Observance.remove(plan, None, id, s)
        });
        assert_eq!(plans(&space, goal, 8..=8), [DayPlan::Expected]);
    }
}

//! Random lives of a goal, told to the fold and to its slow twin, which shares nothing with it.

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::slow::{Agreed, Figures, Given, Logged, Story};
use super::*;
use crate::model::testing::{Space, client, day, minutes, per_day, revision, therapist};
use crate::model::{
    Comparison, DocumentKey, LifecycleStatus, NewCheckIn, NewRevision, NewStatus, NewVerdict,
    Outcome, Pause, Period, RecordId, RevisionId, Schedule, SchedulePattern, Target, Verdict,
    Weekday,
};

/// Days of a life, from the 1st of May 2026 on.
const DAYS: i32 = 150;

/// A wording so many days after the one before.
#[derive(Clone, Debug)]
struct Wording {
    after: i32,
    schedule: Option<Schedule>,
    target: Option<(Comparison, u32, Period)>,
}

/// The same said on some days in a row.
#[derive(Clone, Debug)]
struct Run {
    from: i32,
    days: i32,
    outcome: Outcome,
    quantity: Option<u32>,
}

/// What happens, in its order.
#[derive(Clone, Debug)]
enum Event {
    Said(Run),
    /// A correction of something that was said.
    Corrected(Index, Outcome, Option<u32>),
    /// A status that is given so many days after the beginning.
    Given(i32, LifecycleStatus),
    /// Somebody looks, so many days after the last time.
    Seen(i32),
}

fn at(offset: i32) -> NaiveDate {
    day(1) + TimeDelta::days(offset.into())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        7 => Just(Outcome::Done),
        1 => Just(Outcome::Partial),
        1 => Just(Outcome::Rest),
        1 => Just(Outcome::Excused),
        1 => Just(Outcome::NoteOnly),
    ]
}

fn status() -> impl Strategy<Value = LifecycleStatus> {
    use LifecycleStatus::{
        Accepted, Active, Cancelled, Completed, EnteredInError, OnHold, Planned, Proposed, Rejected,
    };
    let runs = prop_oneof![4 => Just(Active), 1 => select(vec![Proposed, Planned, Accepted])];
    let rests = select(vec![Cancelled, Completed, EnteredInError, Rejected]);
    prop_oneof![2 => runs, 1 => Just(OnHold), 1 => rests]
}

fn quantity() -> impl Strategy<Value = Option<u32>> {
    weighted(0.4, 0..30_u32)
}

fn some_days(of: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Weekday>> {
    subsequence(Weekday::ALL.to_vec(), of)
}

fn pattern() -> impl Strategy<Value = SchedulePattern> {
    prop_oneof![
        3 => Just(SchedulePattern::Daily),
        2 => some_days(1..=7).prop_map(|days| SchedulePattern::Weekdays { days }),
        3 => (1..=5_u16).prop_map(|times| SchedulePattern::TimesAWeek { times }),
        2 => (1..=4_u16).prop_map(|days| SchedulePattern::EveryDays { days }),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let pauses = vec((0..DAYS, 0..25_i32), 0..3);
    let rest = (weighted(0.2, some_days(0..=2)), vec(0..DAYS, 0..4));
    let bounds = (weighted(0.3, -5..40_i32), weighted(0.2, 60..DAYS));
    (pattern(), bounds, rest, pauses).prop_map(|(pattern, (start, end), rest, pauses)| {
        let needs_start = matches!(pattern, SchedulePattern::EveryDays { .. });
        let pause = |(from, days)| Pause {
            from: at(from),
            to: at(from + days),
        };
        Schedule {
            pattern,
            start: start.or(needs_start.then_some(-3)).map(at),
            end: end.map(at),
            planned_rest: rest.0.unwrap_or_default(),
            rest_dates: rest.1.into_iter().map(at).collect(),
            pauses: pauses.into_iter().map(pause).collect(),
        }
    })
}

fn wording() -> impl Strategy<Value = Wording> {
    let comparison = prop_oneof![3 => Just(Comparison::AtLeast), 1 => Just(Comparison::AtMost)];
    let period = prop_oneof![
        3 => Just(Period::Day), 2 => Just(Period::Week), 1 => Just(Period::Month),
    ];
    let target = weighted(0.5, (comparison, 5..60_u32, period));
    (1..60_i32, weighted(0.85, schedule()), target).prop_map(|(after, schedule, target)| Wording {
        after,
        schedule,
        target,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let run = (0..DAYS, 1..20_i32, outcome(), quantity());
    prop_oneof![
        6 => run.prop_map(|(from, days, outcome, quantity)| Event::Said(Run {
            from, days, outcome, quantity,
        })),
        3 => (any::<Index>(), outcome(), quantity())
            .prop_map(|(which, outcome, quantity)| Event::Corrected(which, outcome, quantity)),
        2 => (0..DAYS, status()).prop_map(|(on, status)| Event::Given(on, status)),
        2 => (0..70_i32).prop_map(Event::Seen),
    ]
}

/// A goal with everything that people agreed and said about it.
struct Life {
    space: Space,
    goal: GoalId,
    agreed: Vec<Agreed>,
    given: Vec<Given>,
    logged: Vec<Logged>,
}

impl Life {
    fn begin(wordings: &[Wording]) -> Self {
        let mut space = Space::default();
        let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
        let goal = space.goal(client());
        let mut life = Self {
            space,
            goal,
            agreed: Vec::new(),
            given: Vec::new(),
            logged: Vec::new(),
        };
        let (mut offset, mut last) = (0, None);
        for wording in wordings {
            offset += wording.after;
            let target = wording.target.map(|(comparison, value, period)| Target {
                comparison,
                period,
                ..per_day(value.into(), measure)
            });
            let new = NewRevision {
                replaces: last.into_iter().collect(),
                schedule: wording.schedule.clone(),
                target,
                ..revision(goal)
            };
            last = Some(life.agree(&new, at(offset)));
            life.agreed.push(Agreed {
                from: at(offset),
                schedule: wording.schedule.clone(),
                target: wording.target,
            });
        }
        life
    }

    fn agree(&mut self, new: &NewRevision, on: NaiveDate) -> RevisionId {
        let id = self.space.put(client(), |p, s| new.record(p, s));
        for who in [client(), therapist()] {
            let verdict = NewVerdict {
                revision: id.into(),
                verdict: Verdict::Agree,
                date: Some(on),
            };
            // A therapist has no say in a client's first.
            if who == client() || !self.agreed.is_empty() {
                self.space.put(who, |p, s| verdict.record(p, s));
            }
        }
        id.into()
    }

    fn log(&mut self, date: NaiveDate, outcome: Outcome, quantity: Option<u32>) {
        self.write(None, date, outcome, quantity);
    }

    fn write(
        &mut self,
        corrects: Option<RecordId>,
        date: NaiveDate,
        outcome: Outcome,
        quantity: Option<u32>,
    ) {
        self.space.clock += 1;
        let check_in = NewCheckIn {
            date: Some(date),
            quantity: quantity.map(f64::from),
            replaces: corrects.into_iter().map(Into::into).collect(),
            ..NewCheckIn::new(self.goal, outcome)
        };
        let month = self.space.log_of(DocumentKey::log(date).unwrap());
        let id = self
            .space
            .put(client(), |p, s| check_in.record(p, Some(&month), s));
        self.logged.push(Logged {
            id,
            corrects,
            date,
            outcome,
            quantity,
        });
    }

    fn give(&mut self, on: NaiveDate, to: LifecycleStatus) {
        let status = NewStatus {
            goal: self.goal,
            to,
            achievement: None,
            reason: None,
        };
        // Clocks run wrong: one after another may be given for an earlier date.
        let clock = self.space.clock;
        self.space.clock = (on - day(1)).num_milliseconds() + clock % 1000;
        self.space.put(client(), |p, s| status.record(p, s));
        self.space.clock = clock + 1;
        self.given.push(Given { on, status: to });
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Said(run) => {
                for offset in run.from..run.from + run.days {
                    self.log(at(offset), run.outcome, run.quantity);
                }
            }
            Event::Corrected(which, outcome, quantity) if !self.logged.is_empty() => {
                let old = which.get(&self.logged).clone();
                self.write(Some(old.id), old.date, *outcome, *quantity);
            }
            Event::Given(on, status) => self.give(at(*on), *status),
            Event::Corrected(..) | Event::Seen(_) => {}
        }
    }

    /// Reads what changed of the months since the last time, as a device does.
    fn read(&self, months: &mut GoalMonths<usize>, today: NaiveDate) {
        let plan = self.space.plan();
        for log in self.space.logs() {
            let from = log.len();
            if months.reaches(log.month(), today) && !months.has(log.month(), &from) {
                let said = log.said(&plan).remove(&self.goal);
                months.put(log.month(), from, said.unwrap_or_default());
            }
        }
    }
}

fn figures(view: &ProgressView) -> Figures {
    Figures {
        unit: view.unit,
        streak: view.streak,
        best: view.best,
        slips: view.slips.clone(),
        done: view.done,
        expected: view.expected,
        strength: view.strength,
        total: view.total,
        message: view.message,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A figure that a person holds on to would be another one than was promised, or would depend on
    /// how often they had looked.
    #[test]
    fn the_fold_its_slow_twin_and_what_was_kept_say_the_same(
        wordings in vec(wording(), 1..4),
        events in vec(event(), 1..16),
        grace in 0..=2_u8,
    ) {
        let mut life = Life::begin(&wordings);
        let mut plan = life.space.plan();
        let mut kept = GoalMonths::of(&plan, life.goal).unwrap();
        let mut today = at(0);
        for event in events.iter().chain([&Event::Seen(3), &Event::Seen(30)]) {
            life.happen(event);
            let Event::Seen(later) = event else {
                continue;
            };
            plan = life.space.plan();
            if !kept.holds_beside(&plan) {
                kept = GoalMonths::of(&plan, life.goal).unwrap();
            }
            today += TimeDelta::days((*later).into());
            let fresh = progress(&plan, &life.space.logs(), life.goal, today, grace).unwrap();
            life.read(&mut kept, today);
            prop_assert_eq!(&kept.view(today, grace).unwrap(), &fresh);
            let slow = Story::of(&life.agreed, &life.given, &life.logged, today).figures(grace.into());
            prop_assert_eq!(figures(&fresh), slow);
        }
    }

    /// Somebody's best would be taken from them by a day on which they only waited.
    #[test]
    fn the_best_does_not_fall_as_days_pass(
        wording in wording(),
        events in vec(event(), 1..12),
        grace in 0..=2_u8,
    ) {
        let mut life = Life::begin(&[wording]);
        events.iter().for_each(|event| life.happen(event));
        let mut months = GoalMonths::of(&life.space.plan(), life.goal).unwrap();
        life.read(&mut months, at(DAYS + 30));
        let best = (0..DAYS + 30).map(|offset| months.view(at(offset), grace).unwrap().best);
        let best: Vec<u32> = best.collect();
        prop_assert!(best.is_sorted(), "{best:?}");
    }
}

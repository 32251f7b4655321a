//! The vectors of our domain model (§5.5), and what a person would be told wrongly.

mod aside;
mod weeks;

use chrono::Days;

use super::*;
use crate::model::testing::{Space, client, day, minutes, per_day, revision};
use crate::model::{
    Comparison, DayResult, LifecycleStatus, MeasureId, NewRevision, Outcome, Pause, Period,
    PeriodView, Schedule, SchedulePattern, Target, Verdict, day_results, period_results,
};

/// A goal in force from the 1st of May 2026, a Friday.
fn begun(pattern: SchedulePattern) -> (Space, GoalId) {
    let schedule = Schedule {
        pattern,
        ..Schedule::daily()
    };
    begun_on(1, Some(schedule), None)
}

/// A goal in force from a day of May, with so many minutes as its target.
fn begun_on(on: u32, schedule: Option<Schedule>, target: Option<Target>) -> (Space, GoalId) {
    let mut space = Space::default();
    let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
    let goal = space.goal(client());
    let target = target.map(|target| Target {
        measure: Some(measure),
        ..target
    });
    let wording = NewRevision {
        schedule,
        target,
        ..revision(goal)
    };
    space.propose(client(), wording, on);
    (space, goal)
}

/// At least so many minutes in that time.
fn amount(value: f64, period: Period) -> Target {
    Target {
        period,
        ..per_day(value, MeasureId([0; 16]))
    }
}

fn paused(pattern: SchedulePattern, from: u32, to: u32) -> Schedule {
    let (from, to) = (day(from), day(to));
    Schedule {
        pattern,
        pauses: vec![Pause { from, to }],
        ..Schedule::daily()
    }
}

fn say(space: &mut Space, goal: GoalId, outcome: Outcome, days: &[u32]) {
    for date in days {
        space.say(goal, outcome, *date);
    }
}

fn seen(space: &Space, goal: GoalId, on: u32, grace: u8) -> ProgressView {
    progress(&space.plan(), &[space.log()], goal, day(on), grace).unwrap()
}

/// The first vector: daily, rest on the 3rd and 7th, nothing on the 9th.
fn ten_days() -> (Space, GoalId) {
    let (mut space, goal) = begun(SchedulePattern::Daily);
    say(&mut space, goal, Outcome::Done, &[1, 2, 4, 5, 6, 8, 10]);
    say(&mut space, goal, Outcome::Rest, &[3, 7]);
    (space, goal)
}

#[test]
fn a_day_left_out_is_a_slip_and_rest_is_none() {
    let (space, goal) = ten_days();
    let ten = seen(&space, goal, 10, 1);
    assert_eq!((ten.streak, ten.slips), (7, vec![day(9)]));
    assert_eq!((ten.done, ten.expected), (7, 8));
    assert_eq!(seen(&space, goal, 10, 0).streak, 1);
    let eleven = seen(&space, goal, 11, 1);
    assert_eq!(
        (eleven.streak, eleven.expected),
        (7, 8),
        "today is still open"
    );
}

/// Somebody who had a hard week would be told what they lost, and not that today is a good day.
#[test]
fn after_one_too_many_it_begins_again_and_the_best_stays() {
    let (space, goal) = ten_days();
    let later = seen(&space, goal, 13, 1);
    assert_eq!((later.streak, later.best), (0, 7));
    assert_eq!(later.message, ProgressMessage::Restart);
    let texts = crate::catalogue::texts(crate::catalogue::Language::English);
    for message in [
        ProgressMessage::KeepGoing,
        ProgressMessage::NotBegun,
        ProgressMessage::Restart,
        ProgressMessage::Resting,
    ] {
        assert!(texts.has(message.key()), "{message:?}");
    }
}

#[test]
fn rest_lengthens_no_streak() {
    let (mut space, goal) = begun(SchedulePattern::Daily);
    say(&mut space, goal, Outcome::Rest, &[4, 5, 6, 8, 9, 10]);
    say(&mut space, goal, Outcome::Done, &[7]);
    assert_eq!(seen(&space, goal, 10, 1).streak, 1);
}

/// A check-in that comes late from an old phone would leave a slip that never was.
#[test]
fn a_day_that_arrives_late_is_no_slip_any_more() {
    let (mut space, goal) = ten_days();
    say(&mut space, goal, Outcome::Done, &[9]);
    let ten = seen(&space, goal, 10, 1);
    assert_eq!((ten.streak, ten.slips), (8, Vec::new()));
}

#[test]
fn strength_follows_its_vectors() {
    let (mut space, goal) = begun(SchedulePattern::Daily);
    let days: Vec<u32> = (1..=30).collect();
    say(&mut space, goal, Outcome::Done, &days);
    let rounded = |on| (seen(&space, goal, on, 1).strength * 10_000.0).round() / 10_000.0;
    assert_eq!(rounded(7), 0.3115);
    assert_eq!(rounded(30), 0.7980);
    let june = day(31) + Days::new(1);
    let after = progress(&space.plan(), &[space.log()], goal, june, 1).unwrap();
    assert_eq!((after.strength * 10_000.0).round() / 10_000.0, 0.7566);
}

#[test]
fn grace_has_a_range_and_a_goal_must_be_there() {
    let (space, goal) = ten_days();
    let none: [Log; 0] = [];
    assert!(progress(&space.plan(), &none, goal, day(10), 3).is_err());
    let nobody = GoalId([9; 16]);
    let error = progress(&space.plan(), &none, nobody, day(10), 1).unwrap_err();
    assert_eq!(error, InputError::UnknownGoal(nobody));
}

/// Who does without a plan of days would be told that nothing had begun.
#[test]
fn without_a_schedule_nothing_is_expected_and_what_is_done_counts() {
    let (mut space, goal) = begun_on(1, None, None);
    say(&mut space, goal, Outcome::Done, &[2, 3, 20]);
    let seen = seen(&space, goal, 31, 0);
    assert_eq!((seen.streak, seen.best, seen.total), (3, 3, 3));
    assert_eq!((seen.done, seen.expected), (0, 0));
    assert_eq!(seen.slips, []);
    assert_eq!(seen.message, ProgressMessage::KeepGoing);
}

/// Ten minutes of thirty for a week would be a third of a day, and too much would be all of it.
#[test]
fn only_an_amount_to_reach_on_a_day_has_a_share() {
    let weekly = amount(30.0, Period::Week);
    let (mut space, goal) = begun_on(1, Some(Schedule::daily()), Some(weekly));
    let first = space.plan().in_force_on(goal, day(1)).unwrap();
    for date in 1..=5 {
        space.say_amount(goal, Outcome::Partial, 10.0, date);
    }
    let next = NewRevision {
        replaces: vec![first],
        ..revision(goal)
    };
    let next = space.propose(crate::model::testing::therapist(), next, 6);
    space.verdict(client(), next, Verdict::Agree, 6);
    let six = seen(&space, goal, 6, 1);
    assert_eq!((six.unit, six.strength), (ProgressUnit::Day, 0.0));

    let at_most = Target {
        comparison: Comparison::AtMost,
        ..amount(3.0, Period::Day)
    };
    let (mut space, goal) = begun_on(1, Some(Schedule::daily()), Some(at_most));
    space.say_amount(goal, Outcome::NoteOnly, 0.0, 1);
    let one = seen(&space, goal, 2, 1).strength;
    space.say_amount(goal, Outcome::NoteOnly, 9.0, 2);
    say(&mut space, goal, Outcome::Partial, &[2]);
    assert_eq!(seen(&space, goal, 3, 1).strength, one);
}

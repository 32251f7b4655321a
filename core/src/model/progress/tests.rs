//! The vectors of our domain model (§5.5), and what a person would be told wrongly.

use chrono::Days;

use super::*;
use crate::model::testing::{Space, client, day, revision};
use crate::model::{NewCheckIn, NewRevision, Outcome, Schedule, SchedulePattern};

/// A goal in force from the 1st of May 2026, a Friday.
fn begun(pattern: SchedulePattern) -> (Space, GoalId) {
    let mut space = Space::default();
    let goal = space.goal(client());
    let schedule = Schedule {
        pattern,
        ..Schedule::daily()
    };
    let wording = NewRevision {
        schedule: Some(schedule),
        ..revision(goal)
    };
    space.propose(client(), wording, 1);
    (space, goal)
}

fn say(space: &mut Space, goal: GoalId, outcome: Outcome, days: &[u32]) {
    for date in days {
        space.clock += 1;
        let check_in = NewCheckIn {
            date: Some(day(*date)),
            ..NewCheckIn::new(goal, outcome)
        };
        space.put(client(), |plan, stamp| check_in.record(plan, None, stamp));
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

/// Whoever goes three times a week would be told of four days a week on which they did not.
#[test]
fn so_many_times_a_week_counts_weeks() {
    let (mut space, goal) = begun(SchedulePattern::TimesAWeek { times: 2 });
    // Weeks from the 4th, 11th and 18th.
    say(&mut space, goal, Outcome::Done, &[4, 6, 11, 12, 13, 20]);
    let seen_on = |on| seen(&space, goal, on, 0);
    assert_eq!(seen_on(17).unit, ProgressUnit::Week);
    assert_eq!(seen_on(24).streak, 2, "the week from the 18th is not over");
    let later = seen_on(25);
    assert_eq!((later.streak, later.best), (0, 2));
    assert_eq!((later.done, later.expected), (5, 6));
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

//! Goals that are on hold, over, or in a time off.

use super::weeks::weeks;
use super::*;

/// A goal gets a status at noon of a day of May.
fn give(space: &mut Space, goal: GoalId, to: LifecycleStatus, on: i64) {
    let clock = std::mem::replace(&mut space.clock, (on - 1) * 86_400_000);
    space.stand(goal, to);
    space.clock = clock + 1;
}

/// Who put a goal aside for a while, or reached it, would be told each day that they left it out.
#[test]
fn a_day_on_which_a_goal_was_on_hold_or_over_is_not_missed() {
    for status in [LifecycleStatus::OnHold, LifecycleStatus::Completed] {
        let (mut space, goal) = begun(SchedulePattern::Daily);
        say(&mut space, goal, Outcome::Done, &[1, 2, 3, 6]);
        give(&mut space, goal, status, 4);
        let away = seen(&space, goal, 20, 1);
        assert_eq!((away.streak, away.slips), (4, Vec::new()));
        assert_eq!((away.done, away.expected), (3, 3));
        assert_eq!(away.message, ProgressMessage::Resting);
        give(&mut space, goal, LifecycleStatus::Active, 21);
        let back = seen(&space, goal, 22, 1);
        assert_eq!(back.message, ProgressMessage::KeepGoing);
        assert_eq!((back.streak, back.slips), (4, vec![day(21)]));
        let dates = day(4)..=day(22);
        let days = day_results(&space.plan(), &[space.log()], goal, dates, day(22)).unwrap();
        let on = |of_may: usize| days[of_may - 4].result;
        assert_eq!(on(4), DayResult::NotExpected);
        assert_eq!(on(6), DayResult::Done);
        assert_eq!(on(20), DayResult::NotExpected);
        assert_eq!((on(21), on(22)), (DayResult::Missed, DayResult::Open));
    }
}

/// Whoever put a goal aside, reached it or is away would be told that today is a good day to begin
/// again, once the streak before that had ended.
#[test]
fn a_goal_that_is_aside_is_not_said_to_begin_again() {
    let (mut space, goal) = ten_days();
    assert_eq!(seen(&space, goal, 13, 1).message, ProgressMessage::Restart);
    for status in [LifecycleStatus::OnHold, LifecycleStatus::Completed] {
        give(&mut space, goal, status, 14);
        assert_eq!(seen(&space, goal, 13, 1).message, ProgressMessage::Restart);
        assert_eq!(seen(&space, goal, 15, 1).message, ProgressMessage::Resting);
    }
    let away = Schedule {
        end: Some(day(20)),
        ..paused(SchedulePattern::Daily, 10, 12)
    };
    let (mut space, goal) = begun_on(1, Some(away), None);
    say(&mut space, goal, Outcome::Done, &[1]);
    let message = |on| seen(&space, goal, on, 1).message;
    assert_eq!(message(9), ProgressMessage::Restart);
    assert_eq!(message(10), ProgressMessage::Resting);
    assert_eq!(message(13), ProgressMessage::Restart);
    assert_eq!(message(21), ProgressMessage::Resting);
}

/// A week in which the goal was put aside would be one that was left out.
#[test]
fn a_week_or_an_amount_that_was_on_hold_is_not_expected() {
    let weekly = amount(30.0, Period::Week);
    for schedule in [Some(Schedule::daily()), None] {
        let (mut space, goal) = begun_on(4, schedule, Some(weekly.clone()));
        space.say_amount(goal, Outcome::Done, 30.0, 4);
        give(&mut space, goal, LifecycleStatus::OnHold, 11);
        give(&mut space, goal, LifecycleStatus::Active, 18);
        let seen = seen(&space, goal, 25, 1);
        assert_eq!((seen.done, seen.expected), (1, 2), "not the 11th");
        assert_eq!(seen.slips, [day(18)]);
        let results: Vec<_> = weeks(&space, goal, (4, 24), 25)
            .iter()
            .map(|week| week.result)
            .collect();
        let expected = [DayResult::Done, DayResult::NotExpected, DayResult::Missed];
        assert_eq!(results, expected);
    }
    let three = SchedulePattern::TimesAWeek { times: 3 };
    let (mut space, goal) = begun(three);
    // Two days are left of the week of the 4th.
    give(&mut space, goal, LifecycleStatus::OnHold, 6);
    give(&mut space, goal, LifecycleStatus::Active, 11);
    let later = seen(&space, goal, 18, 1);
    assert_eq!((later.done, later.expected), (0, 3), "the 11th alone");
}

/// What is kept of the months would go on to say what was said before the goal was on hold.
#[test]
fn a_status_changes_what_figures_are_made_from() {
    let (mut space, goal) = begun(SchedulePattern::Daily);
    let months: GoalMonths<()> = GoalMonths::of(&space.plan(), goal).unwrap();
    give(&mut space, goal, LifecycleStatus::Active, 2);
    assert!(months.holds_beside(&space.plan()), "it ran already");
    give(&mut space, goal, LifecycleStatus::OnHold, 3);
    assert!(!months.holds_beside(&space.plan()));
}

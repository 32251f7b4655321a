//! Weeks that are counted as a whole.

use super::*;

pub(super) fn weeks(
    space: &Space,
    goal: GoalId,
    (from, to): (u32, u32),
    today: u32,
) -> Vec<PeriodView> {
    let (dates, today) = (day(from)..=day(to), day(today));
    period_results(
        &space.plan(),
        &[space.log()],
        goal,
        Period::Week,
        dates,
        today,
    )
    .unwrap()
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

/// A week off would be counted as one in which nothing was done.
#[test]
fn a_week_that_was_wholly_paused_is_not_expected() {
    let schedule = paused(SchedulePattern::Daily, 11, 17);
    let weekly = amount(30.0, Period::Week);
    let (mut space, goal) = begun_on(1, Some(schedule), Some(weekly));
    space.say_amount(goal, Outcome::Done, 30.0, 4);
    space.say_amount(goal, Outcome::Done, 30.0, 24);
    let seen = seen(&space, goal, 25, 0);
    assert_eq!((seen.streak, seen.slips), (2, Vec::new()));
    assert_eq!((seen.done, seen.expected), (2, 2));
}

/// Who began on a Wednesday would have done by then what they did before they had the goal.
#[test]
fn days_before_a_goal_began_are_neither_free_nor_done() {
    let three = SchedulePattern::TimesAWeek { times: 3 };
    let schedule = Schedule {
        pattern: three,
        ..Schedule::daily()
    };
    let (mut space, goal) = begun_on(6, Some(schedule.clone()), None);
    say(&mut space, goal, Outcome::Done, &[4, 5, 6]);
    assert_eq!(seen(&space, goal, 11, 0).total, 0, "one of three");
    // On Saturday two days are left for three times.
    let (mut space, goal) = begun_on(9, Some(schedule), None);
    say(&mut space, goal, Outcome::Done, &[11, 12, 13]);
    let later = seen(&space, goal, 18, 0);
    assert_eq!((later.streak, later.strength), (1, 1.0 - kept_in_a_week()));
}

/// What is left of strength after a week.
fn kept_in_a_week() -> f64 {
    0.5_f64.powf((1.0_f64 / 7.0).sqrt() / 13.0)
}

/// A week that was done although most of it was off would ask for more than was asked.
#[test]
fn a_week_with_too_few_days_left_counts_in_the_streak_alone() {
    let three = SchedulePattern::TimesAWeek { times: 3 };
    let (mut space, goal) = begun_on(1, Some(paused(three, 11, 15)), None);
    say(&mut space, goal, Outcome::Done, &[4, 5, 6, 11, 12, 16, 18]);
    let before = seen(&space, goal, 17, 0).strength;
    let after = seen(&space, goal, 18, 0);
    assert_eq!((after.streak, after.strength), (2, before));
    let later = seen(&space, goal, 25, 1);
    assert_eq!((later.streak, later.slips), (2, vec![day(18)]));
    assert_eq!((later.done, later.expected), (4, 6));
}

/// Somebody back from a month off would see weeks from before it as the last four.
#[test]
fn consistency_looks_back_four_full_weeks_and_no_further() {
    let once = SchedulePattern::TimesAWeek { times: 1 };
    let (mut space, goal) = begun_on(1, Some(paused(once, 11, 31)), None);
    say(&mut space, goal, Outcome::Done, &[4]);
    let seen_on = |june: u32| {
        let on = day(31) + Days::new(june.into());
        progress(&space.plan(), &[space.log()], goal, on, 1).unwrap()
    };
    let done = |view: ProgressView| (view.done, view.expected);
    assert_eq!(done(seen_on(7)), (1, 1), "the 4th of May is four weeks ago");
    assert_eq!(done(seen_on(8)), (0, 1), "the week from the 1st of June");
}

/// A week would be reached by what was done before there was a goal, or after it had ended.
#[test]
fn a_week_counts_no_day_before_its_goal_and_none_outside_of_start_and_end() {
    let schedule = Schedule {
        end: Some(day(20)),
        ..Schedule::daily()
    };
    let weekly = amount(30.0, Period::Week);
    let (mut space, goal) = begun_on(6, Some(schedule), Some(weekly));
    for date in [5, 7, 19, 21] {
        space.say_amount(goal, Outcome::Partial, 20.0, date);
    }
    let told = weeks(&space, goal, (4, 31), 31);
    let result = |week: &PeriodView| (week.result, week.quantity, week.entries.len());
    let told: Vec<_> = told.iter().map(result).collect();
    assert_eq!(told[0], (DayResult::Partial, Some(20.0), 1));
    assert_eq!(told[1], (DayResult::Missed, None, 0));
    assert_eq!(told[2], (DayResult::Partial, Some(20.0), 1));
    assert_eq!(told[3], (DayResult::NotExpected, None, 0), "it had ended");
    let seen = seen(&space, goal, 31, 0);
    assert_eq!((seen.total, seen.done, seen.expected), (0, 0, 2));
}

/// Who did two of three in their first week would be told that nothing had begun.
#[test]
fn a_person_has_begun_with_their_first_day() {
    let (mut space, goal) = begun(SchedulePattern::TimesAWeek { times: 3 });
    let message = |space: &Space, on| seen(space, goal, on, 0).message;
    assert_eq!(message(&space, 5), ProgressMessage::NotBegun);
    say(&mut space, goal, Outcome::Done, &[4, 5]);
    assert_eq!(seen(&space, goal, 5, 0).total, 0);
    assert_eq!(message(&space, 5), ProgressMessage::KeepGoing);
    assert_eq!(message(&space, 10), ProgressMessage::KeepGoing);
    assert_eq!(message(&space, 11), ProgressMessage::Restart);
    say(&mut space, goal, Outcome::Done, &[12]);
    assert_eq!(message(&space, 12), ProgressMessage::KeepGoing);
}

/// Whoever drank little until Wednesday would be told that the week is won, and for next Sunday's party
/// that it is lost.
#[test]
fn a_limit_for_a_week_is_open_until_the_week_is_over_and_days_to_come_do_not_count() {
    let at_most = Target {
        comparison: Comparison::AtMost,
        ..amount(30.0, Period::Week)
    };
    let (mut space, goal) = begun_on(4, Some(Schedule::daily()), Some(at_most));
    space.say_amount(goal, Outcome::NoteOnly, 20.0, 4);
    space.say_amount(goal, Outcome::NoteOnly, 40.0, 10);
    let told = |today| {
        let week = weeks(&space, goal, (4, 10), today).remove(0);
        (week.result, week.quantity, week.entries.len())
    };
    assert_eq!(told(6), (DayResult::Open, Some(20.0), 1));
    assert_eq!(told(9), (DayResult::Open, Some(20.0), 1));
    assert_eq!(told(10), (DayResult::Open, Some(60.0), 2));
    assert_eq!(told(11), (DayResult::Missed, Some(60.0), 2));
    let (mut space, goal) = begun_on(4, None, Some(amount(30.0, Period::Week)));
    space.say_amount(goal, Outcome::Done, 30.0, 6);
    let result = |today| weeks(&space, goal, (4, 10), today)[0].result;
    assert_eq!(result(5), DayResult::Open);
    assert_eq!(result(6), DayResult::Done, "what is reached stays so");
}

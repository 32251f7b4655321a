//! The vectors of our domain model (§5.5), and what a person would be told wrongly.

use chrono::Days;

use super::*;
use crate::model::testing::{Space, client, day, minutes, per_day, revision};
use crate::model::{
    Comparison, DayResult, LifecycleStatus, MeasureId, NewCheckIn, NewRevision, NewStatus, Outcome,
    Pause, Period, PeriodView, Schedule, SchedulePattern, Target, Verdict, day_results,
    period_results,
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

fn say_amount(space: &mut Space, goal: GoalId, outcome: Outcome, minutes: f64, date: u32) {
    space.clock += 1;
    let check_in = NewCheckIn {
        date: Some(day(date)),
        quantity: Some(minutes),
        ..NewCheckIn::new(goal, outcome)
    };
    space.put(client(), |plan, stamp| check_in.record(plan, None, stamp));
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

/// A week off would be counted as one in which nothing was done.
#[test]
fn a_week_that_was_wholly_paused_is_not_expected() {
    let schedule = paused(SchedulePattern::Daily, 11, 17);
    let weekly = amount(30.0, Period::Week);
    let (mut space, goal) = begun_on(1, Some(schedule), Some(weekly));
    say_amount(&mut space, goal, Outcome::Done, 30.0, 4);
    say_amount(&mut space, goal, Outcome::Done, 30.0, 24);
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

/// Ten minutes of thirty for a week would be a third of a day, and too much would be all of it.
#[test]
fn only_an_amount_to_reach_on_a_day_has_a_share() {
    let weekly = amount(30.0, Period::Week);
    let (mut space, goal) = begun_on(1, Some(Schedule::daily()), Some(weekly));
    let first = space.plan().in_force_on(goal, day(1)).unwrap();
    for date in 1..=5 {
        say_amount(&mut space, goal, Outcome::Partial, 10.0, date);
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
    say_amount(&mut space, goal, Outcome::NoteOnly, 0.0, 1);
    let one = seen(&space, goal, 2, 1).strength;
    say_amount(&mut space, goal, Outcome::NoteOnly, 9.0, 2);
    say(&mut space, goal, Outcome::Partial, &[2]);
    assert_eq!(seen(&space, goal, 3, 1).strength, one);
}

/// A goal gets a status at noon of a day of May.
fn give(space: &mut Space, goal: GoalId, to: LifecycleStatus, on: i64) {
    let status = NewStatus {
        goal,
        to,
        achievement: None,
        reason: None,
    };
    let clock = std::mem::replace(&mut space.clock, (on - 1) * 86_400_000);
    space.put(client(), |plan, stamp| status.record(plan, stamp));
    space.clock = clock + 1;
}

fn weeks(space: &Space, goal: GoalId, (from, to): (u32, u32), today: u32) -> Vec<PeriodView> {
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
        assert_eq!(away.message, ProgressMessage::KeepGoing);
        give(&mut space, goal, LifecycleStatus::Active, 21);
        let back = seen(&space, goal, 22, 1);
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

/// A week in which the goal was put aside would be one that was left out.
#[test]
fn a_week_or_an_amount_that_was_on_hold_is_not_expected() {
    let weekly = amount(30.0, Period::Week);
    for schedule in [Some(Schedule::daily()), None] {
        let (mut space, goal) = begun_on(4, schedule, Some(weekly.clone()));
        say_amount(&mut space, goal, Outcome::Done, 30.0, 4);
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
        say_amount(&mut space, goal, Outcome::Partial, 20.0, date);
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

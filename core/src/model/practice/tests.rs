//! Practice that counts, and timers that run.

use super::*;
use crate::model::ids::RecordId;
use crate::model::kinds::Kind;
use crate::model::kinds::timer_start::TimerStart;
use crate::model::testing::{Space, client, day, minutes, per_day, revision, therapist};
use crate::model::{Content, DayResult, NewMeasure, NewRevision, day_results};

const MINUTE: i64 = 60_000;

/// A goal of ten a day, counted in a unit.
fn ten_a_day(space: &mut Space, unit: &str) -> GoalId {
    let measure = NewMeasure {
        unit: Some(unit.into()),
        ..minutes()
    };
    let measure = space.put(client(), |p, s| measure.record(p, s)).into();
    let goal = space.goal(client());
    let target = Some(per_day(10.0, measure));
    let ten = NewRevision {
        target,
        ..revision(goal)
    };
    space.propose(client(), ten, 1);
    goal
}

fn practise(space: &mut Space, goal: Option<GoalId>, minutes: u16) -> RecordId {
    space.clock += 1;
    let practice = NewPractice {
        goal,
        practice: Some("Breathing".into()),
        minutes,
        ..NewPractice::default()
    };
    space.put(client(), |p, s| practice.record(p, s))
}

fn result(space: &Space, goal: GoalId) -> (DayResult, Option<f64>) {
    let (plan, log) = (space.plan(), space.log());
    let days = day_results(&plan, &[log], goal, day(1)..=day(1), day(2)).unwrap();
    (days[0].result, days[0].quantity)
}

fn readings(space: &Space) -> Vec<Content> {
    let items = space.log().items(Kind::Reading, &space.plan());
    items.into_iter().map(|item| item.content).collect()
}

fn start(space: &mut Space, goal: Option<GoalId>) -> RecordId {
    space.clock += 1;
    let timer = TimerStart {
        goal,
        practice: Some("Breathing".into()),
    };
    space.put(client(), |p, s| p.add(&timer, None, s))
}

fn running(space: &Space) -> Vec<RunningTimer> {
    let now = Space::stamp(client(), space.clock).at;
    running_timers(&space.plan(), &[space.log()], now)
}

fn days(space: &Space, goal: Option<GoalId>) -> Vec<PracticeDay> {
    practice_days(&space.plan(), &[space.log()], goal, &(day(1)..=day(31)))
}

fn stop(space: &mut Space, timer: RecordId, minutes: Option<u16>) -> Result<(), InputError> {
    let stamp = Space::stamp(client(), space.clock);
    for record in stop_timer(&space.plan(), &space.log(), timer, minutes, &stamp)? {
        space.store(record, client());
    }
    Ok(())
}

/// Somebody who sat twice, as the day allowed, would be told that it was not enough.
#[test]
fn four_and_six_minutes_are_ten_and_nine_are_a_part() {
    let mut space = Space::default();
    let goal = ten_a_day(&mut space, "min");
    practise(&mut space, Some(goal), 4);
    assert_eq!(result(&space, goal), (DayResult::Partial, Some(4.0)));
    let mut tablet = space.clone();
    practise(&mut space, Some(goal), 6);
    assert_eq!(result(&space, goal), (DayResult::Done, Some(10.0)));
    let days = day_results(
        &space.plan(),
        &[space.log()],
        goal,
        day(1)..=day(31),
        day(31),
    );
    let met = days
        .unwrap()
        .into_iter()
        .filter(|day| day.result == DayResult::Done);
    assert_eq!(met.count(), 1, "the day is met once");
    practise(&mut tablet, Some(goal), 5);
    assert_eq!(result(&tablet, goal), (DayResult::Partial, Some(9.0)));
    assert_eq!(readings(&space), [], "nothing is written twice");
}

/// Ten minutes on a walk would be taken for ten walks.
#[test]
fn minutes_count_toward_no_goal_that_counts_something_else() {
    let mut space = Space::default();
    let goal = ten_a_day(&mut space, "count");
    practise(&mut space, Some(goal), 12);
    practise(&mut space, None, 3);
    assert_eq!(result(&space, goal), (DayResult::Missed, None));
    let kept: Vec<_> = readings(&space)
        .into_iter()
        .filter_map(|content| match content {
            Content::AReading(Reading {
                of: ReadingOf::APractice(practice),
                goal,
                ..
            }) => Some((goal, practice.minutes)),
            _ => None,
        })
        .collect();
    assert_eq!(kept, [(Some(goal), 12), (None, 3)]);
}

/// An app that was ended in the middle, or the other phone, would have lost the time.
#[test]
fn a_timer_runs_on_over_a_restart_and_on_the_other_device() {
    let mut phone = Space::default();
    let goal = ten_a_day(&mut phone, "min");
    let mut tablet = phone.clone();
    tablet.device = 1;
    let timer = start(&mut phone, Some(goal));
    assert_eq!(running(&phone)[0].minutes, 0);
    // Everything that there is stands in the records.
    tablet.merge(&phone);
    tablet.clock += 11 * MINUTE + 59_999;
    let shown = running(&tablet);
    assert_eq!((shown[0].id, shown[0].minutes), (timer, 11));
    assert_eq!((shown[0].goal, shown[0].date), (Some(goal), day(1)));
    stop(&mut tablet, timer, None).unwrap();
    phone.merge(&tablet);
    for device in [&phone, &tablet] {
        assert_eq!(running(device), []);
        assert_eq!(result(device, goal), (DayResult::Done, Some(11.0)));
    }
    let again = stop(&mut phone, timer, None);
    assert_eq!(again, Err(InputError::UnknownRecord(timer)));
}

/// Whoever stopped it on the phone, and on the tablet that had not heard of that yet, would have
/// practised twice.
#[test]
fn a_timer_that_two_devices_stop_counts_once() {
    for is_for_goal in [true, false] {
        let mut phone = Space::default();
        let goal = ten_a_day(&mut phone, "min");
        let timer = start(&mut phone, is_for_goal.then_some(goal));
        let mut tablet = phone.clone();
        tablet.device = 1;
        phone.clock += 11 * MINUTE;
        stop(&mut phone, timer, None).unwrap();
        tablet.clock += 12 * MINUTE;
        stop(&mut tablet, timer, None).unwrap();
        phone.merge(&tablet);
        tablet.merge(&phone);
        for device in [&phone, &tablet] {
            assert_eq!(running(device), []);
            let view = device.log().view(&device.plan());
            assert_eq!(view.left_out, []);
            let days = days(device, None);
            assert_eq!((days.len(), days[0].entries), (1, 1));
            let items = device.log().items(Kind::Reading, &device.plan());
            if is_for_goal {
                // The larger correction, as of every entry; people see that there are two.
                assert_eq!(result(device, goal), (DayResult::Done, Some(12.0)));
                assert_eq!((days[0].minutes, view.conflicts.len()), (12.0, 1));
                assert_eq!(items, []);
            } else {
                assert_eq!((items.len(), items[0].others.len()), (1, 1));
                assert!([11.0, 12.0].contains(&days[0].minutes));
            }
        }
        assert_eq!(days(&phone, None), days(&tablet, None));
    }
}

/// A person who practised in the morning and in the evening would not see the day as a whole.
#[test]
fn a_day_comes_to_the_sum_of_what_was_practised_on_it() {
    let mut space = Space::default();
    let goal = ten_a_day(&mut space, "min");
    practise(&mut space, Some(goal), 4);
    practise(&mut space, Some(goal), 6);
    practise(&mut space, None, 20);
    // The unit of the target is that of an amount without one; steps are no minutes.
    let check_in = |quantity, unit: Option<&str>, on| NewCheckIn {
        quantity: Some(quantity),
        unit: unit.map(Into::into),
        date: Some(day(on)),
        goal: unit.is_none().then_some(goal),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    for said in [check_in(2.5, None, 3), check_in(900.0, Some("count"), 3)] {
        space.clock += 1;
        space.put(client(), |p, s| said.record(p, None, s));
    }
    let seen = |goal| -> Vec<_> {
        let days = days(&space, goal).into_iter();
        days.map(|day| (day.date, day.minutes, day.entries))
            .collect()
    };
    assert_eq!(seen(None), [(day(1), 30.0, 3), (day(3), 2.5, 1)]);
    assert_eq!(seen(Some(goal)), [(day(1), 10.0, 2), (day(3), 2.5, 1)]);
    let within = day(2)..=day(2);
    let none = practice_days(&space.plan(), &[space.log()], None, &within);
    assert_eq!(none, []);
}

/// A timer that somebody forgot would claim a day of practice, and one of a clock that is ahead less
/// than none; past midnight the minutes would stand on the wrong day.
#[test]
fn what_a_timer_says_is_within_a_day_and_belongs_to_the_day_of_its_start() {
    let mut space = Space::default();
    let first = start(&mut space, None);
    let started = space.clock;
    space.clock = started - 5 * MINUTE;
    assert_eq!(running(&space)[0].minutes, 0);
    // A day and a half later.
    space.clock = started + 36 * 60 * MINUTE;
    assert_eq!(running(&space)[0].minutes, 1_440);
    stop(&mut space, first, Some(20)).unwrap();
    let items = space.log().items(Kind::Reading, &space.plan());
    assert_eq!(items[0].date, Some(day(1)));
    let practice = PracticeReading {
        practice: Some("Breathing".into()),
        minutes: 20,
    };
    let told = Reading::new(ReadingOf::APractice(practice));
    assert_eq!(items[0].content, told.into());
}

/// A therapist's app would start and end what the client does.
#[test]
fn only_the_client_practises() {
    let mut space = Space::default();
    let timer = start(&mut space, None);
    let practice = NewPractice {
        minutes: 5,
        ..NewPractice::default()
    };
    let refused = space.refused(therapist(), |p, s| practice.record(p, s));
    assert!(matches!(refused, InputError::NotYourRole { .. }));
    let stamp = Space::stamp(therapist(), space.clock);
    assert!(stop_timer(&space.plan(), &space.log(), timer, None, &stamp).is_err());
    let long = NewPractice {
        minutes: 1_441,
        ..practice
    };
    let refused = space.refused(client(), |p, s| long.record(p, s));
    assert_eq!(refused.to_string(), "minutes 1441 is outside 0–1440");
}

//! When it rings, and when it does not.

use std::ops::RangeInclusive;

use super::*;
use crate::model::testing::{Space, client, day, minutes, per_day, revision, therapist};
use crate::model::time::zone;
use crate::model::{
    Comparison, HabitPlace, MeasureId, NewRevision, Observance, Outcome, Pause, Period,
    ReminderText, Schedule, SchedulePattern, Target, Verdict, Weekday,
};

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn add(space: &mut Space, reminder: &Reminder) -> RecordId {
    space.clock += 1;
    space.put(client(), |plan, stamp| plan.add(reminder, None, stamp))
}

/// An active goal in force from the 1st of May 2026, a Friday, with a reminder at nine.
fn begun(wording: impl FnOnce(GoalId) -> NewRevision) -> (Space, GoalId) {
    let mut space = Space::default();
    let goal = space.goal(client());
    space.propose(client(), wording(goal), 1);
    space.stand(goal, LifecycleStatus::Active);
    let reminder = Reminder {
        about: Some(goal.record()),
        ..Reminder::at(9, 0)
    };
    add(&mut space, &reminder);
    (space, goal)
}

fn with_schedule(schedule: Schedule) -> (Space, GoalId) {
    begun(|goal| NewRevision {
        schedule: Some(schedule),
        ..revision(goal)
    })
}

fn next_in(space: &Space, from: &str, until: &str, name: &str) -> Vec<NextReminder> {
    let (times, zone) = ((utc(from), utc(until)), zone(name).unwrap());
    next_reminders(&space.plan(), &[space.log()], times, zone, REMINDER_LIMIT).unwrap()
}

/// The days of May on which it rings.
fn rings(space: &Space, days: RangeInclusive<u32>) -> Vec<u32> {
    let midnight = |of_may: u32| day(of_may).and_time(NaiveTime::MIN).and_utc();
    let times = (midnight(*days.start()), midnight(days.end() + 1));
    let logs = [space.log()];
    let next = next_reminders(&space.plan(), &logs, times, Tz::UTC, REMINDER_LIMIT).unwrap();
    next.iter().map(|next| next.date.day()).collect()
}

/// The instants and wall times at which a daily reminder rings in a zone.
fn daily(hour: u16, minute: u16, name: &str, days: [&str; 2]) -> Vec<(String, String)> {
    let mut space = Space::default();
    add(&mut space, &Reminder::at(hour, minute));
    let [from, until] = days.map(|day| format!("{day}T12:00:00Z"));
    let next = next_in(&space, &from, &until, name).into_iter();
    next.map(|next| {
        let clock = format!(
            "{} {:02}:{:02}",
            next.date,
            next.minute / 60,
            next.minute % 60
        );
        assert_eq!(next.arguments[0].value, clock[11..]);
        (clock, next.at.format("%dT%H:%MZ").to_string())
    })
    .collect()
}

fn pair(clock: &str, at: &str) -> (String, String) {
    (clock.into(), at.into())
}

/// In spring it would be left out, or ring at a time that no clock shows.
#[test]
fn a_time_that_the_clocks_skip_rings_once_shifted() {
    assert_eq!(
        daily(2, 30, "Europe/Berlin", ["2026-03-27", "2026-03-30"]),
        [
            pair("2026-03-28 02:30", "28T01:30Z"),
            pair("2026-03-29 03:30", "29T01:30Z"),
            pair("2026-03-30 02:30", "30T00:30Z"),
        ]
    );
    assert_eq!(
        daily(2, 30, "America/New_York", ["2026-03-07", "2026-03-09"]),
        [
            pair("2026-03-08 03:30", "08T07:30Z"),
            pair("2026-03-09 02:30", "09T06:30Z"),
        ]
    );
    // Half an hour is skipped: from 2:00 to 2:30.
    assert_eq!(
        daily(2, 15, "Australia/Lord_Howe", ["2026-10-02", "2026-10-04"]),
        [
            pair("2026-10-03 02:15", "02T15:45Z"),
            pair("2026-10-04 02:45", "03T15:45Z"),
        ]
    );
}

/// In autumn it would ring twice, or an hour late.
#[test]
fn a_time_that_the_clocks_repeat_rings_once_at_the_first() {
    assert_eq!(
        daily(2, 30, "Europe/Berlin", ["2026-10-24", "2026-10-26"]),
        [
            pair("2026-10-25 02:30", "25T00:30Z"),
            pair("2026-10-26 02:30", "26T01:30Z"),
        ]
    );
    assert_eq!(
        daily(1, 30, "America/New_York", ["2026-10-31", "2026-11-02"]),
        [
            pair("2026-11-01 01:30", "01T05:30Z"),
            pair("2026-11-02 01:30", "02T06:30Z"),
        ]
    );
    // Half an hour comes twice: from 1:30 to 2:00.
    assert_eq!(
        daily(1, 45, "Australia/Lord_Howe", ["2026-04-03", "2026-04-05"]),
        [
            pair("2026-04-04 01:45", "03T14:45Z"),
            pair("2026-04-05 01:45", "04T14:45Z"),
        ]
    );
    // Between the two it has rung already.
    let mut space = Space::default();
    add(&mut space, &Reminder::at(2, 30));
    let between = next_in(
        &space,
        "2026-10-25T00:45:00Z",
        "2026-10-25T12:00:00Z",
        "Europe/Berlin",
    );
    assert_eq!(between, []);
}

/// On the day after one that the law skips it would ring twice.
#[test]
fn a_date_that_the_law_skips_rings_nothing() {
    assert_eq!(
        daily(9, 0, "Pacific/Apia", ["2011-12-29", "2012-01-01"]),
        [
            pair("2011-12-29 09:00", "29T19:00Z"),
            pair("2011-12-31 09:00", "30T19:00Z"),
            pair("2012-01-01 09:00", "31T19:00Z"),
        ]
    );
}

/// A traveller would be woken at the time of home.
#[test]
fn in_travel_it_is_at_the_wall_clock_of_where_the_client_is() {
    let mut space = Space::default();
    add(&mut space, &Reminder::at(8, 0));
    let at = |name| {
        let next = next_in(&space, "2026-05-05T00:00:00Z", "2026-05-06T00:00:00Z", name);
        next.iter()
            .map(|next| next.at.format("%dT%H:%MZ").to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(at("Europe/Berlin"), ["05T06:00Z"]);
    assert_eq!(at("Asia/Tokyo"), ["05T23:00Z"]);
}

/// What is meant for a night before the cut-off would be taken for that of the day before.
#[test]
fn its_date_is_the_calendars_whenever_a_day_begins() {
    let schedule = Schedule {
        rest_dates: vec![day(4)],
        ..Schedule::daily()
    };
    let (mut space, goal) = with_schedule(schedule);
    let night = Reminder {
        about: Some(goal.record()),
        ..Reminder::at(1, 0)
    };
    add(&mut space, &night);
    let next = next_in(
        &space,
        "2026-05-03T00:00:00Z",
        "2026-05-05T08:00:00Z",
        "UTC",
    );
    let told: Vec<_> = next
        .iter()
        .map(|next| (next.date.day(), next.minute / 60))
        .collect();
    assert_eq!(told, [(3, 1), (3, 9), (5, 1)]);
}

/// Whoever rests would be asked why nothing is done.
#[test]
fn nothing_rings_on_a_day_that_asks_nothing() {
    let schedule = Schedule {
        planned_rest: vec![Weekday::Sunday],
        rest_dates: vec![day(4)],
        pauses: vec![Pause {
            from: day(6),
            to: day(7),
        }],
        start: Some(day(2)),
        end: Some(day(14)),
        ..Schedule::daily()
    };
    let (mut space, goal) = with_schedule(schedule);
    assert_eq!(rings(&space, 1..=20), [2, 5, 8, 9, 11, 12, 13, 14]);
    space.say(goal, Outcome::Excused, 8);
    space.say(goal, Outcome::Rest, 9);
    space.clock += 1;
    let observed = Observance {
        dates: vec![day(11)],
        ..Observance::default()
    };
    space.put(client(), |plan, stamp| plan.add(&observed, None, stamp));
    space.clock += 1;
    let log = space.log();
    space.put(client(), |plan, stamp| {
        let excuse = log.excuse(plan, day(12), stamp);
        excuse.map(Option::unwrap)
    });
    assert_eq!(rings(&space, 1..=20), [2, 5, 13, 14]);
    // One that reminds of nothing in particular keeps those of the whole plan.
    let mut general = space.clone();
    add(&mut general, &Reminder::at(10, 0));
    assert_eq!(rings(&general, 8..=13), [8, 9, 10, 13, 13]);
}

/// A goal that was set down would go on ringing, and one that nobody agreed to would begin.
#[test]
fn only_an_active_goal_with_a_wording_in_force_rings() {
    let (mut space, goal) = with_schedule(Schedule::daily());
    assert_eq!(rings(&space, 1..=2), [1, 2]);
    for status in LifecycleStatus::ALL {
        space.stand(goal, *status);
        let is_active = *status == LifecycleStatus::Active;
        assert_eq!(!rings(&space, 1..=2).is_empty(), is_active, "{status:?}");
    }
    let mut space = Space::default();
    let goal = space.goal(therapist());
    let proposed = space.propose(therapist(), revision(goal), 1);
    space.stand(goal, LifecycleStatus::Active);
    let reminder = Reminder {
        about: Some(goal.record()),
        ..Reminder::at(9, 0)
    };
    add(&mut space, &reminder);
    assert!(rings(&space, 1..=9).is_empty());
    space.verdict(client(), proposed, Verdict::Agree, 5);
    assert_eq!(rings(&space, 3..=7), [5, 6, 7]);
}

/// What was done in the morning would be asked for in the evening.
#[test]
fn what_is_done_rings_no_more() {
    let (mut space, goal) = with_schedule(Schedule::daily());
    space.say(goal, Outcome::Done, 4);
    space.say(goal, Outcome::Partial, 5);
    space.say(goal, Outcome::NoteOnly, 6);
    assert_eq!(rings(&space, 4..=6), [5, 6]);

    let pattern = SchedulePattern::TimesAWeek { times: 2 };
    let twice = Schedule {
        pattern,
        ..Schedule::daily()
    };
    let (mut space, goal) = with_schedule(twice);
    space.say(goal, Outcome::Done, 4);
    assert_eq!(rings(&space, 4..=12), [5, 6, 7, 8, 9, 10, 11, 12]);
    space.say(goal, Outcome::Done, 6);
    assert_eq!(
        rings(&space, 4..=12),
        [11, 12],
        "the next week begins on the 11th"
    );
}

/// A goal that counts a week would ring when it is reached; one that sets a limit never.
#[test]
fn a_target_of_a_week_rings_until_it_is_reached_and_a_limit_to_the_end() {
    let with = |target: Target| {
        let mut space = Space::default();
        let measure = space.put(client(), |p, s| minutes().record(p, s));
        let goal = space.goal(client());
        let target = Some(Target {
            measure: Some(measure.into()),
            ..target
        });
        let wording = revision(goal);
        space.propose(client(), NewRevision { target, ..wording }, 1);
        space.stand(goal, LifecycleStatus::Active);
        let about = Some(goal.record());
        add(
            &mut space,
            &Reminder {
                about,
                ..Reminder::at(9, 0)
            },
        );
        let amounts = [(4, 20.0), (5, 10.0)];
        for (on, amount) in amounts {
            space.say_amount(goal, Outcome::Partial, amount, on);
        }
        space
    };
    let a_day = per_day(30.0, MeasureId([0; 16]));
    let weekly = Target {
        period: Period::Week,
        ..a_day.clone()
    };
    assert_eq!(rings(&with(weekly), 4..=11), [11]);
    let at_most = Target {
        comparison: Comparison::AtMost,
        ..a_day.clone()
    };
    assert_eq!(rings(&with(at_most), 4..=5), [4, 5]);
    assert_eq!(
        rings(&with(a_day), 4..=5),
        [4, 5],
        "twenty and ten are not thirty"
    );
}

/// A goal that starts on a Wednesday would be silent all week for what was done on the Monday before,
/// and one that ends midweek for what came after.
#[test]
fn what_was_done_before_a_goal_or_outside_of_its_start_and_end_silences_nothing() {
    let twice = Schedule {
        pattern: SchedulePattern::TimesAWeek { times: 2 },
        start: Some(day(6)),
        end: Some(day(14)),
        ..Schedule::daily()
    };
    let (mut space, goal) = with_schedule(twice);
    for on in [4, 5, 15, 16] {
        space.say(goal, Outcome::Done, on);
    }
    let all = [6, 7, 8, 9, 10, 11, 12, 13, 14];
    assert_eq!(rings(&space, 4..=20), all);
    space.say(goal, Outcome::Done, 6);
    space.say(goal, Outcome::Done, 7);
    assert_eq!(rings(&space, 4..=20), [11, 12, 13, 14]);

    // So it is with an amount, here before anything was in force.
    let mut space = Space::default();
    let measure = space.put(client(), |p, s| minutes().record(p, s));
    let goal = space.goal(client());
    let weekly = Target {
        period: Period::Week,
        ..per_day(30.0, measure.into())
    };
    let wording = NewRevision {
        target: Some(weekly),
        ..revision(goal)
    };
    space.propose(client(), wording, 6);
    space.stand(goal, LifecycleStatus::Active);
    let about = Some(goal.record());
    let reminder = Reminder::at(9, 0);
    add(&mut space, &Reminder { about, ..reminder });
    for on in [4, 6] {
        space.say_amount(goal, Outcome::Partial, 20.0, on);
    }
    assert_eq!(rings(&space, 4..=10), [6, 7, 8, 9, 10]);
}

/// A goal without a schedule that two devices set aside at odds would ring through its days off.
#[test]
fn a_goal_without_a_schedule_rings_on_no_day_on_which_it_rests() {
    let (space, goal) = begun(|goal| NewRevision {
        schedule: None,
        ..revision(goal)
    });
    let (mut phone, mut tablet) = (space.clone(), space);
    for (device, to, on) in [
        (&mut phone, LifecycleStatus::OnHold, 5),
        (&mut tablet, LifecycleStatus::Cancelled, 8),
    ] {
        device.clock = (on - 1) * 86_400_000;
        device.stand(goal, to);
    }
    phone.merge(&tablet);
    // Both come from an active goal, which it is until somebody chooses, and from the 8th on again.
    assert_eq!(phone.plan().status(goal), Some(LifecycleStatus::Active));
    assert_eq!(rings(&phone, 3..=9), [3, 4, 8, 9]);
}

/// Who wants it on some mornings only would be woken on all.
#[test]
fn weekdays_narrow_the_days_of_the_goal_and_one_that_is_off_is_silent() {
    let (mut space, goal) = begun(|goal| NewRevision {
        schedule: None,
        ..revision(goal)
    });
    assert_eq!(
        rings(&space, 4..=6),
        [4, 5, 6],
        "without a schedule nothing says when not"
    );
    let plan = space.plan();
    let id = plan.things::<Reminder>()[0].id;
    let mut change = |weekdays: &[Weekday], is_on| {
        space.clock += 1;
        let reminder = Reminder {
            about: Some(goal.record()),
            weekdays: weekdays.to_vec(),
            is_on,
            ..Reminder::at(9, 0)
        };
        space.put(client(), |plan, s| plan.change(None, id, &reminder, s));
        rings(&space, 4..=12)
    };
    // The 5th is a Tuesday.
    assert_eq!(change(&[Weekday::Tuesday], true), [5, 12]);
    assert!(change(&[Weekday::Tuesday], false).is_empty());
}

/// Two devices that hang two habits on each other would keep an app busy without end.
#[test]
fn habits_that_hang_on_each_other_in_a_ring_ring_finitely_each_on_its_own_days() {
    let schedule = Schedule {
        pattern: SchedulePattern::Weekdays {
            days: vec![Weekday::Monday],
        },
        ..Schedule::daily()
    };
    let (mut space, goal) = with_schedule(schedule);
    let habit = |goal| Habit {
        goal,
        ..Habit::on_cue("Stretch", "the news")
    };
    let mut hang = |goal| {
        space.clock += 1;
        space.put(client(), |plan, s| plan.add(&habit(goal), None, s))
    };
    let (tea, walk) = (hang(Some(goal)), hang(None));
    for (id, on, goal) in [(tea, walk, Some(goal)), (walk, tea, None)] {
        space.clock += 1;
        let ringed = Habit {
            anchor: Some(on),
            cue: None,
            place: HabitPlace::After,
            ..habit(goal)
        };
        space.put(client(), |plan, s| plan.change(None, id, &ringed, s));
    }
    assert_eq!(space.plan().routine().cycles.len(), 1);
    let about = |id, hour| Reminder {
        about: Some(id),
        ..Reminder::at(hour, 0)
    };
    add(&mut space, &about(tea, 10));
    add(&mut space, &about(walk, 11));
    let next = next_in(
        &space,
        "2026-05-04T09:30:00Z",
        "9999-01-01T00:00:00Z",
        "UTC",
    );
    assert_eq!(next.len(), 64);
    let of = |id| next.iter().filter(move |next| next.about == Some(id));
    assert!(of(tea).all(|next| next.date.weekday() == chrono::Weekday::Mon));
    assert!(of(tea).count() > 5 && of(walk).count() > 40);
    // What hangs nowhere any more reminds of nothing.
    space.clock += 1;
    space.put(client(), |plan, s| plan.remove::<Habit>(None, walk, s));
    let next = next_in(
        &space,
        "2026-05-04T09:30:00Z",
        "2026-05-05T12:00:00Z",
        "UTC",
    );
    assert_eq!(
        next.iter().map(|next| next.about).collect::<Vec<_>>(),
        [Some(tea)]
    );
}

/// An app that asks for a whole life would wait, or flood the system.
#[test]
fn they_come_in_order_and_no_more_than_asked_for() {
    let mut space = Space::default();
    add(&mut space, &Reminder::at(20, 0));
    add(&mut space, &Reminder::at(7, 0));
    let plan = space.plan();
    let ask = |times, limit| next_reminders(&plan, &[space.log()], times, Tz::UTC, limit);
    let begin = utc("2026-05-01T07:00:00Z");
    let told = ask((begin, DateTime::<Utc>::MAX_UTC), 3).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|next| next.at.format("%dT%H").to_string())
        .collect();
    assert_eq!(told, ["01T20", "02T07", "02T20"], "at seven it has rung");
    assert_eq!(ask((begin, begin), 64).unwrap(), []);
    assert_eq!(ask((DateTime::<Utc>::MIN_UTC, begin), 64).unwrap(), []);
    for limit in [0, 65, u32::MAX] {
        let refused = ask((begin, begin), limit).unwrap_err();
        let expected = format!("reminders {limit} is outside 1–64");
        assert_eq!(refused.to_string(), expected);
    }
}

/// A schedule with a day a year would never ring; one that is over would be looked for without end.
#[test]
fn whatever_is_asked_no_more_than_a_year_and_some_is_looked_at() {
    let rare = Schedule {
        pattern: SchedulePattern::EveryDays { days: 366 },
        start: Some(day(1)),
        ..Schedule::daily()
    };
    let (space, _) = with_schedule(rare);
    let next = next_in(
        &space,
        "2026-05-02T00:00:00Z",
        "9999-12-31T00:00:00Z",
        "UTC",
    );
    let dates: Vec<_> = next.iter().map(|next| next.date.to_string()).collect();
    assert_eq!(dates, ["2027-05-02"]);
}

/// Whoever looks at a locked screen would read what a goal is.
#[test]
fn what_is_told_names_a_neutral_sentence_and_nothing_of_the_goal() {
    let (mut space, goal) = with_schedule(Schedule::daily());
    for text in ReminderText::ALL {
        let reminder = Reminder {
            about: Some(goal.record()),
            text: *text,
            ..Reminder::at(12, 0)
        };
        add(&mut space, &reminder);
    }
    let next = next_in(
        &space,
        "2026-05-04T00:00:00Z",
        "2026-05-05T00:00:00Z",
        "UTC",
    );
    assert_eq!(next.len(), 1 + ReminderText::ALL.len());
    for next in next {
        for language in crate::catalogue::Language::ALL {
            let texts = crate::catalogue::texts(*language);
            let said = texts.say(&next.key, &next.arguments).unwrap();
            assert!(!said.contains("editat") && !said.contains('{'), "{said}");
        }
    }
}

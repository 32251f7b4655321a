//! The acceptance checks of the domain that this part answers for, in the words of an app.

use crate::model::testing::{Space, client, day, minutes, mood, per_day, revision, therapist};
use crate::model::{
    CheckInState, DayResult, DocumentKey, LifecycleStatus, Log, NewCheckIn, NewGoal, NewRevision,
    NewStatus, Outcome, Plan, Rating, RevisionState, SourceRecord, Target, Verdict, day_results,
};

#[test]
fn row_1_a_goal_made_offline_keeps_its_id() {
    let mut space = Space::default();
    let area = Some("Rest".to_owned());
    let goal = space
        .put(client(), |p, s| NewGoal { area: area.clone() }.record(p, s))
        .into();
    let kept: Vec<(_, _, Vec<u8>)> = space
        .records
        .iter()
        .map(|stored| {
            (
                stored.record.id,
                stored.puts.clone(),
                stored.record.bytes.clone(),
            )
        })
        .collect();
    // Closed and opened again: the same bytes, the same goal.
    let sources = kept.iter().map(|(id, puts, bytes)| SourceRecord {
        id: *id,
        document: DocumentKey::PLAN,
        puts,
        bytes,
    });
    let seen = Plan::fold(sources, Some(chrono::NaiveDate::MIN))
        .goal(goal, day(1))
        .unwrap();
    assert_eq!((seen.id, seen.area), (goal, area));
    assert_eq!(seen.status, LifecycleStatus::Proposed);
}

#[test]
fn row_10_one_acceptance_leaves_a_revision_pending_and_two_put_it_in_force() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let first = space.propose(client(), revision(goal), 1);
    let now = space.plan().goal(goal, day(2)).unwrap();
    assert_eq!(
        now.in_force.map(|revision| revision.id),
        Some(first),
        "the client's own first"
    );
    assert!(!now.discussed);
    let next = NewRevision {
        replaces: vec![first],
        statement: "Meditate in the morning".into(),
        ..revision(goal)
    };
    let next = space.propose(therapist(), next, 3);
    let now = space.plan().goal(goal, day(9)).unwrap();
    assert_eq!(
        now.proposals.iter().map(|open| open.id).collect::<Vec<_>>(),
        [next]
    );
    assert_eq!(now.in_force.unwrap().id, first);
    space.verdict(client(), next, Verdict::Agree, 6);
    let now = space.plan().goal(goal, day(6)).unwrap();
    assert_eq!(now.statement, "Meditate in the morning");
    assert_eq!(now.in_force.as_ref().unwrap().in_force_from, Some(day(6)));
    assert!(now.discussed && now.proposals.is_empty());
    assert_eq!(space.plan().in_force_on(goal, day(5)), Some(first));
}

#[test]
fn row_10_a_therapist_who_speaks_makes_a_clients_first_revision_discussed() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let first = space.propose(client(), revision(goal), 1);
    space.verdict(therapist(), first, Verdict::Disagree, 4);
    let now = space.plan().goal(goal, day(5)).unwrap();
    assert!(now.discussed);
    assert_eq!(now.in_force.unwrap().state, RevisionState::InForce);
}

#[test]
fn row_12_a_revision_keeps_measure_value_unit_and_due_date() {
    let mut space = Space::default();
    let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
    let goal = space.goal(client());
    let target = Target {
        due: Some(day(30)),
        ..per_day(10.0, measure)
    };
    let new = NewRevision {
        statement: "Meditate 10 min daily to reduce stress until 2026-05-30".into(),
        target: Some(target.clone()),
        ..revision(goal)
    };
    space.propose(client(), new, 1);
    let kept = space
        .plan()
        .goal(goal, day(1))
        .unwrap()
        .in_force
        .unwrap()
        .target;
    assert_eq!(
        kept,
        Some(Target {
            unit: Some("min".into()),
            ..target
        })
    );
}

#[test]
fn row_13_a_target_value_without_measure_is_refused() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let target = Target {
        measure: None,
        ..per_day(10.0, crate::model::MeasureId([0; 16]))
    };
    let new = NewRevision {
        target: Some(target),
        ..revision(goal)
    };
    let error = space.refused(client(), |p, s| new.record(p, s));
    assert_eq!(error.to_string(), "a target value needs a measure");
}

/// A goal of ten minutes a day, in force from the 1st.
fn ten_minutes(space: &mut Space) -> (crate::model::GoalId, crate::model::RevisionId) {
    let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
    let goal = space.goal(client());
    let new = NewRevision {
        target: Some(per_day(10.0, measure)),
        ..revision(goal)
    };
    let first = space.propose(client(), new, 1);
    (goal, first)
}

fn check_in(space: &mut Space, goal: crate::model::GoalId, on: u32, minutes: f64) {
    space.say_amount(goal, Outcome::Partial, minutes, on);
}

#[test]
fn row_14_four_and_six_minutes_are_ten_and_nine_are_partial() {
    let mut space = Space::default();
    let (goal, _) = ten_minutes(&mut space);
    check_in(&mut space, goal, 2, 4.0);
    check_in(&mut space, goal, 2, 6.0);
    check_in(&mut space, goal, 3, 9.0);
    let days = day_results(&space.plan(), &[space.log()], goal, day(2)..=day(3), day(4)).unwrap();
    assert_eq!(
        (days[0].result, days[0].quantity),
        (DayResult::Done, Some(10.0))
    );
    assert_eq!(
        (days[1].result, days[1].quantity),
        (DayResult::Partial, Some(9.0))
    );
    assert_eq!(days[0].unit.as_deref(), Some("min"));
}

#[test]
fn row_19_from_ten_to_fifteen_minutes_no_past_day_turns() {
    let mut space = Space::default();
    let (goal, first) = ten_minutes(&mut space);
    (1..=10).for_each(|on| check_in(&mut space, goal, on, 12.0));
    let target = space
        .plan()
        .revision(first, day(1))
        .unwrap()
        .target
        .unwrap();
    let more = NewRevision {
        replaces: vec![first],
        target: Some(Target {
            value: Some(15.0),
            ..target
        }),
        effective_from: Some(day(6)),
        ..revision(goal)
    };
    let next = space.propose(therapist(), more, 3);
    space.verdict(client(), next, Verdict::Agree, 4);
    let days = day_results(
        &space.plan(),
        &[space.log()],
        goal,
        day(1)..=day(10),
        day(11),
    )
    .unwrap();
    for view in days {
        let (result, judge) = match view.date < day(6) {
            true => (DayResult::Done, first),
            false => (DayResult::Partial, next),
        };
        assert_eq!(
            (view.result, view.judged_by),
            (result, Some(judge)),
            "{}",
            view.date
        );
    }
}

#[test]
fn row_28_a_therapists_goal_is_proposed_until_the_client_accepts() {
    let mut space = Space::default();
    let goal = space.goal(therapist());
    let first = space.propose(therapist(), revision(goal), 1);
    let active = NewStatus {
        goal,
        to: LifecycleStatus::Active,
        achievement: None,
        reason: None,
    };
    assert!(
        active
            .record(&space.plan(), &Space::stamp(therapist(), 0))
            .is_err()
    );
    let now = space.plan().goal(goal, day(9)).unwrap();
    assert_eq!(
        (now.status, now.in_force),
        (LifecycleStatus::Proposed, None)
    );
    space.verdict(client(), first, Verdict::Agree, 2);
    space.put(client(), |p, s| active.record(p, s));
    let now = space.plan().goal(goal, day(9)).unwrap();
    assert_eq!(
        (now.status, now.in_force.is_some()),
        (LifecycleStatus::Active, true)
    );
}

#[test]
fn row_33_twenty_one_offline_check_ins_arrive_once_and_in_order() {
    let mut phone = Space::default();
    let (goal, _) = ten_minutes(&mut phone);
    let measure = phone.put(client(), |p, s| mood().record(p, s)).into();
    let mut tablet = phone.clone();
    for n in 1..=21 {
        phone.clock += 1_000;
        let new = NewCheckIn {
            date: Some(day(n)),
            ratings: vec![Rating { measure, value: 5 }],
            note: Some(format!("day {n}")),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        phone.put(client(), |p, s| new.record(p, None, s));
    }
    // They come in any order, and some of them twice.
    let mut sent = phone.clone();
    sent.records.reverse();
    tablet.merge(&sent);
    tablet.merge(&phone);
    let seen = tablet.log().view(&tablet.plan());
    let notes: Vec<_> = seen
        .check_ins
        .iter()
        .map(|entry| entry.note.clone().unwrap_or_default())
        .collect();
    assert_eq!(
        notes,
        (1..=21).map(|n| format!("day {n}")).collect::<Vec<_>>()
    );
    assert!(
        seen.check_ins
            .iter()
            .all(|entry| entry.state == CheckInState::Counted)
    );
    assert!(seen.left_out.is_empty());
}

#[test]
fn a_check_in_in_the_log_of_another_month_does_not_count_there() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let new = NewCheckIn {
        date: Some(day(31)),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    let id = space.put(client(), |p, s| new.record(p, None, s));
    let june = DocumentKey {
        part: space.log().month().part + 1,
        ..space.log().month()
    };
    let stored = space
        .records
        .iter()
        .find(|stored| stored.record.id == id)
        .unwrap();
    let log = Log::fold(
        june,
        [SourceRecord {
            document: june,
            ..stored.source()
        }],
        space.plan().undone(),
    );
    let view = log.view(&space.plan());
    assert!(view.check_ins.is_empty());
    assert_eq!(view.left_out[0].reason, crate::model::Reason::Misplaced);
}

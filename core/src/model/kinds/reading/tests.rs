//! The rules of readings.

use chrono::{DateTime, Utc};

use super::*;
use crate::model::testing::{Space, client, mood};
use crate::model::{
    Content, CopingStrategy, MeasureId, NewMeasure, NewRecord, Reason, RecordId, Stamp,
};

fn emotion(intensity: u8, after: Option<u8>) -> Reading {
    Reading::new(ReadingOf::AnEmotion(EmotionReading {
        emotion: "Fear".into(),
        intensity,
        trigger: Some("A call".into()),
        skill: Some("Breathing".into()),
        after,
    }))
}

fn of_goal(goal: GoalId, of: ReadingOf) -> Reading {
    Reading {
        goal: Some(goal),
        ..Reading::new(of)
    }
}

fn add(space: &mut Space, reading: &Reading) -> RecordId {
    space.clock += 1;
    space.put(client(), |plan, stamp| plan.add(reading, None, stamp))
}

fn refused(space: &Space, reading: &Reading) -> String {
    let refused = space.refused(client(), |plan, stamp| plan.add(reading, None, stamp));
    refused.to_string()
}

fn contents(space: &Space) -> Vec<Content> {
    let items = space.log().items(Kind::Reading, &space.plan());
    items.into_iter().map(|item| item.content).collect()
}

/// One of every type.
pub(crate) fn every_type(space: &mut Space) -> Vec<Reading> {
    let goal = space.goal(client());
    let measure = space.put(client(), |p, s| mood().record(p, s)).into();
    let strategy = CopingStrategy::sample(space);
    let strategy = space.put(client(), |p, s| p.add(&strategy, None, s));
    vec![
        emotion(80, Some(45)),
        Reading::new(ReadingOf::APractice(PracticeReading {
            practice: Some("Breathing".into()),
            minutes: 4,
        })),
        Reading::sample(space),
        Reading::new(ReadingOf::AnExercise(ExerciseReading {
            exercise: "grounding".into(),
            seconds: 90,
            before: Some(8),
            after: Some(3),
        })),
        Reading::new(ReadingOf::ACopingUse(CopingReading {
            strategy,
            before: Some(9),
            after: Some(4),
            helped: Some(7),
        })),
        of_goal(
            goal,
            ReadingOf::ARuler(RulerReading {
                ruler: Ruler::Readiness,
                value: 10,
            }),
        ),
        of_goal(
            goal,
            ReadingOf::AnOutcome(OutcomeReading { measure, value: 6 }),
        ),
    ]
}

/// A night would come back as a ruler, or not at all.
#[test]
fn every_type_reads_as_it_was_written() {
    let mut space = Space::default();
    let readings = every_type(&mut space);
    for reading in &readings {
        add(&mut space, reading);
    }
    let written: Vec<_> = readings.into_iter().map(Content::from).collect();
    assert_eq!(contents(&space), written);
}

/// What somebody forgot to say would look as if nothing had changed.
#[test]
fn the_change_of_a_feeling_is_none_without_an_after() {
    assert_eq!(emotion(80, Some(45)).change(), Some(-35));
    assert_eq!(emotion(0, Some(100)).change(), Some(100));
    assert_eq!(emotion(80, None).change(), None);
}

/// How a use helped is what strategies are ranked by; a use of nothing would rank nothing.
#[test]
fn a_coping_use_names_a_strategy_and_may_leave_open_how_it_helped() {
    let mut space = Space::default();
    let strategy = CopingStrategy::sample(&mut space);
    let strategy = space.put(client(), |p, s| p.add(&strategy, None, s));
    let coping = CopingReading {
        strategy,
        before: Some(8),
        after: None,
        helped: None,
    };
    let using = |coping: &CopingReading| Reading::new(ReadingOf::ACopingUse(coping.clone()));
    assert_eq!(using(&coping).change(), None);
    add(&mut space, &using(&coping));
    let goal = space.goal(client());
    let unknown = CopingReading {
        strategy: goal.record(),
        ..coping.clone()
    };
    let error = refused(&space, &using(&unknown));
    assert_eq!(error, format!("unknown record {goal}"));
    let beyond = CopingReading {
        helped: Some(11),
        ..coping
    };
    let error = refused(&space, &using(&beyond));
    assert_eq!(error, "helped 11 is outside 0–10");
}

/// A ruler from 0 to 10 would have an eleventh step, or belong to nothing.
#[test]
fn rulers_take_0_to_10_and_a_goal() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let at = |value| {
        let ruler = Ruler::Importance;
        ReadingOf::ARuler(RulerReading { ruler, value })
    };
    for value in 0..=10 {
        add(&mut space, &of_goal(goal, at(value)));
    }
    assert_eq!(contents(&space).len(), 11, "the history is kept");
    let error = refused(&space, &of_goal(goal, at(11)));
    assert_eq!(error, "ruler 11 is outside 0–10");
    let error = refused(&space, &Reading::new(at(5)));
    assert_eq!(error, "a ruler needs a goal");
}

/// A rating of 11 out of 10 would bend every curve; and one that was right when it was given would go
/// when the scale is narrowed.
#[test]
fn an_outcome_lies_on_its_measure_when_written_and_when_read() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let measure: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
    let rated = |value| {
        of_goal(
            goal,
            ReadingOf::AnOutcome(OutcomeReading { measure, value }),
        )
    };
    let error = refused(&space, &rated(11));
    assert_eq!(
        error,
        format!("rating 11 of measure {measure} is outside 0–10")
    );
    add(&mut space, &rated(9));
    // From a device that did not check: written beside a plan with a wider scale.
    let mut wide = space.clone();
    let scale = |max| NewMeasure {
        measure: Some(measure),
        max,
        ..mood()
    };
    wide.put(client(), |p, s| scale(20).record(p, s));
    let smuggled = record(&wide, &rated(11));
    let smuggled = space.store(smuggled, client());
    let view = space.log().view(&space.plan());
    let left: Vec<_> = view.left_out.iter().map(|l| (l.id, l.reason)).collect();
    assert_eq!(left, [(smuggled, Reason::OutOfRange)]);
    assert_eq!(contents(&space), [rated(9).into()]);
    space.clock += 1;
    space.put(client(), |p, s| scale(5).record(p, s));
    assert_eq!(contents(&space), [rated(9).into()]);
    assert!(refused(&space, &rated(9)).ends_with("is outside 0–5"));
}

fn record(space: &Space, reading: &Reading) -> NewRecord {
    let stamp: Stamp = Space::stamp(client(), 500);
    space.plan().add(reading, None, &stamp).unwrap()
}

/// What a person exports would not say what it is.
#[test]
fn an_export_names_the_type() {
    let json = serde_json::to_value(emotion(80, None)).unwrap();
    assert_eq!(json["of"]["type"], "emotion");
    assert_eq!(json["of"]["intensity"], 80);
    let night = serde_json::to_value(Reading::sample(&mut Space::default())).unwrap();
    let bed: DateTime<Utc> = night["of"]["bed"].as_str().unwrap().parse().unwrap();
    assert_eq!(bed, sleep::night().bed);
}

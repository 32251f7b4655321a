//! Evidence of growth: what went well in some time, and how far a person has come in it.

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::ItemView;
use crate::model::json;
use crate::model::kinds::milestone::Milestone;
use crate::model::kinds::milestone_reached::MilestoneReached;
use crate::model::kinds::win::Win;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::progress::{Passage, ProgressUnit, passage};
use crate::model::series::{GoalRulers, rulers};

/// What went well in some time. It follows from the records alone, so that everybody who has them sees
/// the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GrowthView {
    /// The first date.
    #[serde(serialize_with = "json::date")]
    pub from: NaiveDate,
    /// The last date.
    #[serde(serialize_with = "json::date")]
    pub to: NaiveDate,
    /// The wins of that time, oldest first.
    pub wins: Vec<ItemView>,
    /// Every milestone that was ever reached, in the order in which they were set: when one was, nobody
    /// wrote down.
    pub milestones: Vec<MilestoneOnTheWay>,
    /// How far each goal came, in the order in which they were made.
    pub goals: Vec<GoalGrowth>,
}

/// A milestone that was reached.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MilestoneOnTheWay {
    /// The milestone.
    pub milestone: RecordId,
    /// The goal that it leads to.
    pub goal: GoalId,
    /// What it is.
    pub text: String,
}

/// How far a goal came in some time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GoalGrowth {
    /// The goal.
    pub goal: GoalId,
    /// Its wording on the last date.
    pub statement: String,
    /// How importance, confidence and readiness went within the dates; the trend is the last less the
    /// first.
    pub rulers: GoalRulers,
    /// What is counted, as on the last date.
    pub unit: ProgressUnit,
    /// Units that were done within the dates.
    pub done: u32,
    /// The longest streak up to the day before the first date …
    pub best_before: u32,
    /// … and up to the last.
    pub best: u32,
    /// How far it was a habit on the day before the first date, from 0 to 1 …
    pub strength_before: f64,
    /// … and on the last.
    pub strength: f64,
}

/// What went well between two dates, both included. The logs must cover every month since the goals
/// were first in force. `grace` is 0 to 2.
///
/// # Errors
/// If the grace is out of its range, or the dates end before they begin.
pub fn growth(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    dates: RangeInclusive<NaiveDate>,
    grace: u8,
) -> Result<GrowthView, InputError> {
    let goals = goals_on(plan, *dates.end()).into_iter();
    let passages: Result<Vec<_>, _> = goals
        .map(|(goal, _)| passage(plan, logs, goal, &dates, grace))
        .collect();
    growth_with(plan, logs, &dates, passages?)
}

/// The same with what is known of the goals already, in their order. The logs need cover only the
/// months of the dates.
pub(crate) fn growth_with(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    dates: &RangeInclusive<NaiveDate>,
    passages: Vec<Passage>,
) -> Result<GrowthView, InputError> {
    let (from, to) = (*dates.start(), *dates.end());
    if to < from {
        return Err(InputError::Needs {
            field: "the last date",
            needs: "a first date that is not later",
        });
    }
    let mut rulers = rulers(plan, logs, |date| dates.contains(&date));
    let of_goal = |((goal, statement), passage): ((GoalId, String), Passage)| GoalGrowth {
        goal,
        statement,
        rulers: rulers.remove(&goal).unwrap_or_default(),
        unit: passage.after.unit,
        done: passage.after.total.saturating_sub(passage.before.total),
        best_before: passage.before.best,
        best: passage.after.best,
        strength_before: passage.before.strength,
        strength: passage.after.strength,
    };
    let wins = plan.things::<Win>().into_iter();
    let settings = plan.known_settings();
    let is_meant =
        |at: Option<DateTime<Utc>>| at.is_some_and(|at| dates.contains(&settings.date_of(at)));
    Ok(GrowthView {
        from,
        to,
        wins: wins
            .filter(|win| is_meant(win.at))
            .map(ItemView::from)
            .collect(),
        milestones: milestones(plan),
        goals: goals_on(plan, to)
            .into_iter()
            .zip(passages)
            .map(of_goal)
            .collect(),
    })
}

/// The goals with their wording on a date, in the order in which they were made.
pub(crate) fn goals_on(plan: &Plan, date: NaiveDate) -> Vec<(GoalId, String)> {
    let goals = plan.goals(date).into_iter();
    goals.map(|goal| (goal.id, goal.statement)).collect()
}

fn milestones(plan: &Plan) -> Vec<MilestoneOnTheWay> {
    let reached = plan.things::<MilestoneReached>().into_iter();
    let reached: Vec<RecordId> = reached.map(|reached| reached.fields.milestone).collect();
    let milestones = plan.things::<Milestone>().into_iter();
    let milestones = milestones.filter(|milestone| reached.contains(&milestone.id));
    let view = |milestone: crate::model::item::Thing<Milestone>| MilestoneOnTheWay {
        milestone: milestone.id,
        goal: milestone.fields.goal,
        text: milestone.fields.text,
    };
    milestones.map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::model::kinds::reading::{Reading, ReadingOf, Ruler, RulerReading};
    use crate::model::kinds::win::WinKind;
    use crate::model::testing::{Space, client, day, revision, therapist};

    fn rate(space: &mut Space, goal: GoalId, value: u8, on: u32) {
        space.clock += 1;
        let ruler = Ruler::Confidence;
        let reading = Reading {
            goal: Some(goal),
            ..Reading::new(ReadingOf::ARuler(RulerReading { ruler, value }))
        };
        space.put(client(), |p, s| p.add(&reading, Some(day(on)), s));
    }

    fn win(space: &mut Space, text: &str, on: u32) {
        // The clock stands at noon of the 1st.
        space.clock = i64::from(on - 1) * 86_400_000;
        let win = Win {
            text: text.into(),
            of: WinKind::Step,
            goal: None,
        };
        space.put(client(), |p, s| p.add(&win, None, s));
    }

    fn begun() -> (Space, GoalId) {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 1);
        (space, goal)
    }

    fn seen(space: &Space, from: u32, to: u32) -> GrowthView {
        growth(&space.plan(), &space.logs(), day(from)..=day(to), 1).unwrap()
    }

    /// A person who looks back at a hard month would not see how far they have come.
    #[test]
    fn what_went_well_stands_beside_how_far_a_goal_came() {
        let (mut space, goal) = begun();
        for on in (1..=3).chain(11..=16) {
            space.say(goal, Outcome::Done, on);
        }
        for (value, on) in [(2, 9), (4, 10), (5, 14), (7, 20)] {
            rate(&mut space, goal, value, on);
        }
        let milestone = Milestone {
            goal,
            text: "Nine times".into(),
            done_days: Some(9),
        };
        let milestone = space.put(client(), |p, s| p.add(&milestone, None, s));
        for (text, on) in [("before", 9), ("first", 10), ("last", 20), ("after", 21)] {
            win(&mut space, text, on);
        }
        assert_eq!(seen(&space, 10, 20).milestones, [], "not reached yet");
        let reached = MilestoneReached { milestone };
        space.put(client(), |p, s| p.add(&reached, None, s));
        let seen = seen(&space, 10, 20);
        let wins = seen.wins.iter().map(|win| match &win.content {
            crate::model::Content::AWin(win) => win.text.as_str(),
            _ => "no win",
        });
        assert_eq!(wins.collect::<Vec<_>>(), ["first", "last"]);
        assert_eq!(seen.milestones.len(), 1);
        assert_eq!(
            (seen.milestones[0].goal, seen.milestones[0].milestone),
            (goal, milestone)
        );
        let [goal] = seen.goals.as_slice() else {
            panic!("{:?}", seen.goals);
        };
        assert_eq!(goal.rulers.confidence.trend, Some(3), "4, 5, 7");
        assert_eq!((goal.best_before, goal.best, goal.done), (3, 6, 6));
        assert!(goal.strength > goal.strength_before && goal.strength_before > 0.0);
    }

    /// What somebody shows to a person they trust would not be what that person sees.
    #[test]
    fn two_devices_with_the_same_records_see_the_same() {
        let (mut phone, goal) = begun();
        let mut tablet = phone.clone();
        tablet.device = 1;
        phone.say(goal, Outcome::Done, 2);
        win(&mut phone, "on the phone", 3);
        rate(&mut tablet, goal, 4, 2);
        win(&mut tablet, "on the tablet", 2);
        let milestone = Milestone {
            goal,
            text: "Once".into(),
            done_days: Some(1),
        };
        let milestone = phone.put(therapist(), |p, s| p.add(&milestone, None, s));
        tablet.merge(&phone);
        for device in [&mut phone, &mut tablet] {
            device.clock += 5;
            let reached = MilestoneReached { milestone };
            device.put(client(), |p, s| p.add(&reached, None, s));
        }
        rate(&mut phone, goal, 6, 5);
        let before = tablet.clone();
        tablet.merge(&phone);
        phone.merge(&before);
        phone.records.reverse();
        let (mine, theirs) = (seen(&phone, 1, 31), seen(&tablet, 1, 31));
        assert_eq!(mine, theirs);
        assert_eq!((mine.wins.len(), mine.milestones.len()), (2, 1));
        assert_eq!(mine.goals[0].rulers.confidence.trend, Some(2));
    }

    /// A time that ends before it begins would look like one in which nothing went well.
    #[test]
    fn dates_that_end_before_they_begin_are_refused() {
        let (space, _) = begun();
        let none: [Log; 0] = [];
        assert!(growth(&space.plan(), &none, day(2)..=day(1), 1).is_err());
        assert!(growth(&space.plan(), &none, day(1)..=day(1), 3).is_err());
    }
}

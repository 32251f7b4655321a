//! What a day asks for: every goal that runs, with how its day stands.

use std::borrow::Borrow;

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::day::{DayView, day_results};
use crate::model::ids::GoalId;
use crate::model::log::{Log, months};
use crate::model::plan::Plan;
use crate::model::said::SaidDays;

/// A goal on a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GoalToday {
    /// The goal.
    pub goal: GoalId,
    /// Its wording in force.
    pub statement: String,
    /// Whether the client looks at it first for now.
    pub in_focus: bool,
    /// How the day stands.
    pub day: DayView,
    /// Whether the day still asks for something: not where it is off, where it is done, or where its week
    /// or month is, of a goal that counts those. Of a goal without a schedule every day does.
    pub asks: bool,
}

/// The goals that hold on a date and are neither over nor on hold, those in the focus first, else in the
/// order that people gave them. The logs must cover the months of the date and of its ISO week.
pub fn today(plan: &Plan, logs: &[impl Borrow<Log>], date: NaiveDate) -> Vec<GoalToday> {
    let mut said: Vec<_> = months(logs).map(|log| log.said(plan)).collect();
    let mut of_goal = |goal: GoalId| -> SaidDays {
        let days = said.iter_mut().filter_map(|month| month.remove(&goal));
        days.flatten().collect()
    };
    let goals = plan.goals(date).into_iter();
    let goals = goals.filter(|goal| goal.status.runs() && goal.in_force.is_some());
    let mut list: Vec<_> = goals
        .filter_map(|goal| {
            let course = plan.course(goal.id)?;
            let days = day_results(plan, logs, goal.id, date..=date, date).ok()?;
            Some(GoalToday {
                goal: goal.id,
                statement: goal.statement,
                in_focus: goal.in_focus,
                day: days.into_iter().next()?,
                asks: course.asks(date, &of_goal(goal.id)),
            })
        })
        .collect();
    list.sort_by_key(|goal| !goal.in_focus);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{
        DayResult, LifecycleStatus, NewRevision, Outcome, Schedule, SchedulePattern,
    };

    fn goal(space: &mut Space, statement: &str, schedule: Schedule) -> GoalId {
        space.clock += 1;
        let goal = space.goal(client());
        let wording = NewRevision {
            statement: statement.into(),
            schedule: Some(schedule),
            ..revision(goal)
        };
        space.propose(client(), wording, 1);
        goal
    }

    /// The first thing an app shows would name what rests, hide what waits, or ask twice.
    #[test]
    fn the_goals_of_a_day_stand_with_what_they_still_ask_for() {
        let mut space = Space::default();
        let walk = goal(&mut space, "Walk", Schedule::daily());
        let twice = Schedule {
            pattern: SchedulePattern::TimesAWeek { times: 2 },
            ..Schedule::daily()
        };
        let swim = goal(&mut space, "Swim", twice);
        let away = Schedule {
            rest_dates: vec![day(7)],
            ..Schedule::daily()
        };
        goal(&mut space, "Read", away);
        let over = goal(&mut space, "Call", Schedule::daily());
        let proposed = space.goal(therapist());
        space.propose(therapist(), revision(proposed), 1);
        space.stand(over, LifecycleStatus::Completed);
        space.put(client(), |p, s| p.focus_on(swim, s));
        space.say(swim, Outcome::Done, 4);
        space.say(walk, Outcome::Done, 6);
        let seen = |space: &Space, on| {
            let list = today(&space.plan(), &space.logs(), day(on)).into_iter();
            let row = |it: GoalToday| (it.statement, it.day.result, it.asks);
            list.map(row).collect::<Vec<_>>()
        };
        let row = |name: &str, result, asks| (name.to_owned(), result, asks);
        use DayResult::{Done, NotExpected, Open};
        let expected = [
            row("Swim", NotExpected, true),
            row("Walk", Done, false),
            row("Read", Open, true),
        ];
        assert_eq!(seen(&space, 6), expected);
        space.say(swim, Outcome::Done, 6);
        let expected = [
            row("Swim", NotExpected, false),
            row("Walk", Open, true),
            row("Read", NotExpected, false),
        ];
        assert_eq!(seen(&space, 7), expected);
    }
}

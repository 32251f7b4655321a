//! How a goal's importance, confidence and readiness went over time.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::Thing;
use crate::model::json;
use crate::model::kinds::reading::{Reading, ReadingOf, Ruler, RulerReading};
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;

/// The rulers of a goal.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GoalRulers {
    /// How much it matters.
    pub importance: RulerSeries,
    /// How sure the client is of being able to.
    pub confidence: RulerSeries,
    /// How ready the client is to begin.
    pub readiness: RulerSeries,
}

/// One ruler over time.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RulerSeries {
    /// The points, by date and instant.
    pub points: Vec<RulerPoint>,
    /// The newest value, 0 to 10; none without a point.
    pub newest: Option<u8>,
    /// The last value less the first, −10 to 10; none with fewer than two points.
    pub trend: Option<i8>,
}

/// One point on a ruler.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RulerPoint {
    /// The reading.
    pub reading: RecordId,
    /// The local date that it is about.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// When it was written, by the writer's clock.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
    /// Where on the ruler, 0 to 10.
    pub value: u8,
}

/// The rulers of a goal over some dates, both ends included. The logs must cover the months of the
/// dates.
///
/// # Errors
/// [`InputError::UnknownGoal`].
pub fn goal_rulers(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    goal: GoalId,
    dates: &RangeInclusive<NaiveDate>,
) -> Result<GoalRulers, InputError> {
    plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
    let mut rulers = rulers(plan, logs, |date| dates.contains(&date));
    Ok(rulers.remove(&goal).unwrap_or_default())
}

/// The rulers of every goal that has some, on the days that are meant.
pub(crate) fn rulers(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    is_meant: impl Fn(NaiveDate) -> bool,
) -> BTreeMap<GoalId, GoalRulers> {
    let mut goals: BTreeMap<GoalId, GoalRulers> = BTreeMap::new();
    for thing in logged::<Reading>(plan, logs) {
        if let (Some(goal), Some((ruler, point))) = (thing.fields.goal, point(&thing))
            && is_meant(point.date)
        {
            let rulers = goals.entry(goal).or_default();
            let series = match ruler {
                Ruler::Importance => &mut rulers.importance,
                Ruler::Confidence => &mut rulers.confidence,
                Ruler::Readiness => &mut rulers.readiness,
            };
            series.add(point);
        }
    }
    goals
}

fn point(thing: &Thing<Reading>) -> Option<(Ruler, RulerPoint)> {
    let ReadingOf::ARuler(RulerReading { ruler, value }) = thing.fields.of else {
        return None;
    };
    let point = RulerPoint {
        reading: thing.id,
        date: thing.date?,
        at: thing.at,
        value,
    };
    Some((ruler, point))
}

impl RulerSeries {
    fn add(&mut self, point: RulerPoint) {
        let first = self.points.first().map(|first| first.value);
        self.trend = first.and_then(|first| point.value.checked_signed_diff(first));
        self.newest = Some(point.value);
        self.points.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day};

    fn rate(space: &mut Space, goal: GoalId, ruler: Ruler, value: u8, on: u32) -> RecordId {
        space.clock += 1;
        let reading = Reading {
            goal: Some(goal),
            ..Reading::new(ReadingOf::ARuler(RulerReading { ruler, value }))
        };
        space.put(client(), |p, s| p.add(&reading, Some(day(on)), s))
    }

    fn rulers(space: &Space, goal: GoalId) -> GoalRulers {
        let may = day(1)..=day(31);
        goal_rulers(&space.plan(), &[space.log()], goal, &may).unwrap()
    }

    /// That confidence grows is what a person holds on to; one value says nothing about growing.
    #[test]
    fn a_trend_is_the_last_less_the_first_and_needs_two() {
        let mut space = Space::default();
        let goal = space.goal(client());
        assert_eq!(rulers(&space, goal), GoalRulers::default());
        // Told late: the days decide, not the order of writing.
        rate(&mut space, goal, Ruler::Confidence, 7, 20);
        let one = rulers(&space, goal).confidence;
        assert_eq!((one.trend, one.newest), (None, Some(7)));
        rate(&mut space, goal, Ruler::Confidence, 4, 1);
        rate(&mut space, goal, Ruler::Confidence, 5, 10);
        let confidence = rulers(&space, goal).confidence;
        let values: Vec<_> = confidence
            .points
            .iter()
            .map(|p| (p.date, p.value))
            .collect();
        assert_eq!(values, [(day(1), 4), (day(10), 5), (day(20), 7)]);
        assert_eq!((confidence.trend, confidence.newest), (Some(3), Some(7)));
        let later = day(2)..=day(19);
        let later = goal_rulers(&space.plan(), &[space.log()], goal, &later).unwrap();
        let later = later.confidence;
        assert_eq!((later.trend, later.newest), (None, Some(5)));
    }

    /// The confidence in one goal would speak for another, or for how much it matters.
    #[test]
    fn rulers_and_goals_stay_apart() {
        let mut space = Space::default();
        let (walk, sleep) = (space.goal(client()), {
            space.clock += 1;
            space.goal(client())
        });
        rate(&mut space, walk, Ruler::Importance, 9, 1);
        rate(&mut space, walk, Ruler::Readiness, 2, 1);
        rate(&mut space, sleep, Ruler::Confidence, 3, 2);
        let (walk, sleep) = (rulers(&space, walk), rulers(&space, sleep));
        assert_eq!(
            (walk.importance.newest, walk.readiness.newest),
            (Some(9), Some(2))
        );
        assert_eq!(
            (walk.confidence.newest, sleep.confidence.newest),
            (None, Some(3))
        );
        let unknown = RecordId([9; 16]).into();
        let may = day(1)..=day(31);
        let refused = goal_rulers(&space.plan(), &[space.log()], unknown, &may);
        assert_eq!(refused, Err(InputError::UnknownGoal(unknown)));
    }

    /// Two devices would tell a person two stories.
    #[test]
    fn a_correction_takes_the_place_of_its_point_on_every_device() {
        let mut phone = Space::default();
        let goal = phone.goal(client());
        rate(&mut phone, goal, Ruler::Confidence, 4, 1);
        let last = rate(&mut phone, goal, Ruler::Confidence, 5, 2);
        let mut tablet = phone.clone();
        let corrected = Reading {
            goal: Some(goal),
            ..Reading::new(ReadingOf::ARuler(RulerReading {
                ruler: Ruler::Confidence,
                value: 8,
            }))
        };
        let log = tablet.log();
        tablet.put(client(), |p, s| p.change(Some(&log), last, &corrected, s));
        rate(&mut phone, goal, Ruler::Confidence, 6, 3);
        let mut merged = tablet.clone();
        merged.merge(&phone);
        phone.merge(&tablet);
        assert_eq!(rulers(&phone, goal), rulers(&merged, goal));
        let points = rulers(&phone, goal).confidence.points;
        let values: Vec<_> = points.iter().map(|point| point.value).collect();
        assert_eq!(values, [4, 8, 6]);
    }
}

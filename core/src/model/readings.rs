//! Readings with what follows from each.

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::json;
use crate::model::kinds::reading::{Reading, SleepFigures};
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;

/// A reading with what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReadingView {
    /// Its id, which stays when it is changed.
    pub id: RecordId,
    /// The local date that it is about.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// When it was written, by the writer's clock.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
    /// What it says. Where two devices changed it at once, what one of them says: on every device the
    /// same one.
    pub reading: Reading,
    /// What others say at the same time; changing the reading settles it.
    pub others: Vec<Reading>,
    /// What it was after less what it was before: of a feeling −100 to 100, of an exercise or a coping
    /// strategy −10 to 10; none where one of both is not said.
    pub change: Option<i8>,
    /// What follows from a night.
    pub night: Option<SleepFigures>,
}

/// The readings of some dates, both ends included, by date and instant. The logs must cover the months
/// of the dates.
pub fn readings(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    dates: &RangeInclusive<NaiveDate>,
) -> Vec<ReadingView> {
    let things = logged::<Reading>(plan, logs).into_iter();
    let views = things.filter_map(|thing| {
        let date = thing.date.filter(|date| dates.contains(date))?;
        Some(ReadingView {
            id: thing.id,
            date,
            at: thing.at,
            change: thing.fields.change(),
            night: thing.fields.night(),
            reading: thing.fields,
            others: thing.others,
        })
    });
    views.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Fields;
    use crate::model::kinds::reading::{ExerciseReading, ReadingOf};
    use crate::model::testing::{Space, client, day};

    /// A night would stand on another day than the one that the client noted it for.
    #[test]
    fn each_stands_on_its_day_with_what_follows() {
        let mut space = Space::default();
        let night = Reading::sample(&mut space);
        space.put(client(), |p, s| p.add(&night, Some(day(3)), s));
        let exercise = Reading::new(ReadingOf::AnExercise(ExerciseReading {
            exercise: "grounding".into(),
            seconds: 90,
            before: Some(8),
            after: Some(3),
        }));
        space.put(client(), |p, s| p.add(&exercise, Some(day(2)), s));
        let (plan, log) = (space.plan(), space.log());
        let within = |from, to| readings(&plan, &[&log, &log], &(day(from)..=day(to)));
        let all = within(1, 31);
        let days: Vec<_> = all.iter().map(|view| (view.date, view.change)).collect();
        assert_eq!(days, [(day(2), Some(-5)), (day(3), None)]);
        assert_eq!(all[1].night.map(|night| night.asleep_minutes), Some(420));
        assert_eq!(within(3, 3), all[1..]);
        assert_eq!(within(4, 31), []);
    }
}

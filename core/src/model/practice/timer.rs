//! Timers that run, and what stopping one writes.
//!
//! Two devices that stop one timer must not both log its minutes. So what is practised is logged in
//! two steps: an entry of nothing that follows from the timer's own record alone, which is one and the
//! same whoever writes it, and a correction of it with the minutes. Two corrections of one entry are
//! what they always are: of check-ins the larger counts, of readings one is shown, and people see that
//! there are two. No app has to know of timers for that. (Where one device knows already that the goal
//! counts something else and the other does not, one writes a check-in and the other a reading: the
//! goal's day still counts once.)

use std::borrow::Borrow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::NewPractice;
use crate::model::codes::Outcome;
use crate::model::ids::{GoalId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::body::{Body, Newer};
use crate::model::item::check::DAY_MINUTES;
use crate::model::item::{Day, Fields, Item, Rules};
use crate::model::json;
use crate::model::kinds::Kind;
use crate::model::kinds::check_in::{CheckIn, NewCheckIn};
use crate::model::kinds::reading::Reading;
use crate::model::kinds::timer_start::TimerStart;
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::record::write;
use crate::model::time::write_instant;

/// A timer that runs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RunningTimer {
    /// The timer.
    pub id: RecordId,
    /// The goal that the practice is to count toward.
    pub goal: Option<GoalId>,
    /// What is practised.
    pub practice: Option<String>,
    /// The local date on which it was started, and for which it will count.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// When it was started, by the clock of the device.
    #[serde(serialize_with = "json::instant")]
    pub started_at: DateTime<Utc>,
    /// Whole minutes since then, 0 to 1,440.
    pub minutes: u16,
}

/// The timers that run, oldest first, at an instant of the device's clock. The logs are those of the
/// months in which one may have been started.
pub fn running_timers(
    plan: &Plan,
    logs: &[impl Borrow<Log>],
    now: DateTime<Utc>,
) -> Vec<RunningTimer> {
    let things = logged::<TimerStart>(plan, logs).into_iter();
    let timers = things.filter_map(|thing| {
        let started_at = thing.at?;
        Some(RunningTimer {
            id: thing.id,
            goal: thing.fields.goal,
            practice: thing.fields.practice,
            date: thing.date?,
            started_at,
            minutes: minutes_between(started_at, now),
        })
    });
    timers.collect()
}

/// Makes the records that stop a timer: what was practised, on the day on which it was started, and
/// its removal. `minutes` are told where it ran on unnoticed; without them they are those since the
/// start.
///
/// # Errors
/// If no such timer runs in the log, or as [`NewPractice::record`].
pub fn stop_timer(
    plan: &Plan,
    log: &Log,
    timer: RecordId,
    minutes: Option<u16>,
    stamp: &Stamp,
) -> Result<Vec<NewRecord>, InputError> {
    let mut running = running_timers(plan, &[log], stamp.at).into_iter();
    let found = running.find(|running| running.id == timer);
    let start = log.records().item(TimerStart::KIND, timer);
    let day = start.as_ref().and_then(|start| start.record.day.as_ref());
    let (found, day) = found.zip(day).ok_or(InputError::UnknownRecord(timer))?;
    let practice = NewPractice {
        goal: found.goal,
        practice: found.practice,
        minutes: minutes.unwrap_or(found.minutes),
        date: Some(found.date),
        note: None,
    };
    practice.check()?;
    let begun = Begun {
        at: write_instant(found.started_at)?,
        date: found.date,
        day,
        stamp,
    };
    let [nothing, practised] = match practice.counted_for(plan, found.date)? {
        Some(goal) => begun.check_ins(plan, goal, &practice)?,
        None => begun.readings(plan, practice)?,
    };
    let removal = plan.remove::<TimerStart>(Some(log), timer, stamp)?;
    Ok(vec![practised, nothing, removal])
}

/// When and on what day a timer was started, as its record says, and who stops it.
struct Begun<'a> {
    at: i64,
    date: NaiveDate,
    day: &'a Day,
    stamp: &'a Stamp,
}

impl Begun<'_> {
    /// The check-in of nothing that follows from the timer, and the one that corrects it.
    fn check_ins(
        &self,
        plan: &Plan,
        goal: GoalId,
        practice: &NewPractice,
    ) -> Result<[NewRecord; 2], InputError> {
        let said = practice.check_in(goal, self.date);
        let nothing = CheckIn {
            kind: Kind::CheckIn,
            at: self.at,
            goal: said.goal,
            date: self.day.date,
            time_zone: self.day.time_zone.clone(),
            offset: self.day.offset,
            outcome: Outcome::NoteOnly.code(),
            quantity: Some(Quantity::default()),
            unit: said.unit.clone(),
            ratings: BTreeMap::new(),
            note: said.note.clone(),
            replaces: Vec::new(),
            revision_seen: None,
        };
        let nothing = write(&nothing, self.stamp)?;
        let correction = NewCheckIn {
            replaces: vec![nothing.id.into()],
            ..said
        };
        Ok([nothing, correction.made(plan, self.stamp)?])
    }

    /// The same of readings.
    fn readings(&self, plan: &Plan, practice: NewPractice) -> Result<[NewRecord; 2], InputError> {
        let said = practice.reading();
        let nothing = NewPractice {
            minutes: 0,
            ..practice
        };
        const RULES: &Rules = &Rules::of::<Reading>();
        let item = Item {
            rules: RULES,
            at: Some(self.at),
            body: Some(Body::of(nothing.reading(), Newer::default())),
            of: None,
            replaces: Vec::new(),
            day: Some(self.day.clone()),
        };
        let nothing = write(&item, self.stamp)?;
        let correction = Item {
            at: Some(write_instant(self.stamp.at)?),
            body: Some(Body::of(said, Newer::default())),
            of: Some(nothing.id),
            replaces: vec![nothing.id],
            day: RULES.day(plan, Some(self.date), self.stamp)?,
            ..item
        };
        Ok([nothing, write(&correction, self.stamp)?])
    }
}

/// Whole minutes from one instant to another. Clocks of two devices may differ: never less than none,
/// and at most a day's.
fn minutes_between(start: DateTime<Utc>, end: DateTime<Utc>) -> u16 {
    let minutes = (end - start).num_minutes().clamp(0, DAY_MINUTES.into());
    u16::try_from(minutes).unwrap_or(DAY_MINUTES)
}

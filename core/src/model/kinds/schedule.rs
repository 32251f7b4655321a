//! The schedule of a revision, in local dates: which days it is meant for, and which are rest.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::Weekday;
use crate::model::day::DayPlan;
use crate::model::input::InputError;
use crate::model::json;
use crate::model::left_out::Reason;
use crate::model::text::{check_count, in_range};
use crate::model::time::{read_date, read_date_opt, write_date};

/// Dates of rest at most: every day of a year.
const REST_LIMIT: usize = 366;
/// Pauses at most.
const PAUSE_LIMIT: usize = 64;
/// Longest distance of two days of a schedule.
const EVERY_LIMIT: u16 = 366;

const DAILY: u8 = 1;
const WEEKDAYS: u8 = 2;
const TIMES_A_WEEK: u8 = 3;
const EVERY_DAYS: u8 = 4;

/// A schedule as stored, inside a revision. Weekdays are a set of bits, Monday the lowest.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct StoredSchedule {
    #[n(0)]
    pub(crate) pattern: u8,
    /// The weekdays, the times or the days of the pattern.
    #[n(1)]
    pub(crate) argument: Option<u16>,
    #[n(2)]
    pub(crate) start: Option<i32>,
    #[n(3)]
    pub(crate) end: Option<i32>,
    #[n(4)]
    pub(crate) planned_rest: Option<u16>,
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) rest_dates: Vec<i32>,
    /// First and last day of each pause.
    #[n(6)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) pauses: Vec<(i32, i32)>,
}

/// When something is to be done.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Schedule {
    /// On which days.
    pub pattern: SchedulePattern,
    /// The first day; `EveryDays` counts from it and needs it.
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub start: Option<NaiveDate>,
    /// The last day.
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub end: Option<NaiveDate>,
    /// Days of every week that are rest.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub planned_rest: Vec<Weekday>,
    /// Single days of rest, up to 366.
    #[serde(serialize_with = "json::dates")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub rest_dates: Vec<NaiveDate>,
    /// Times off, up to 64.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pauses: Vec<Pause>,
}

/// The days that a schedule is meant for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum SchedulePattern {
    /// Every day.
    Daily,
    /// Every so many days from the start.
    EveryDays {
        /// The distance, 1 to 366.
        days: u16,
    },
    /// So many times in an ISO week, on any days.
    TimesAWeek {
        /// How many, 1 to 7.
        times: u16,
    },
    /// On these weekdays.
    Weekdays {
        /// At least one.
        days: Vec<Weekday>,
    },
}

/// A time off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Pause {
    /// The first day off.
    #[serde(serialize_with = "json::date")]
    pub from: NaiveDate,
    /// The last day off.
    #[serde(serialize_with = "json::date")]
    pub to: NaiveDate,
}

impl Schedule {
    /// Every day, without an end.
    pub fn daily() -> Self {
        Self {
            pattern: SchedulePattern::Daily,
            start: None,
            end: None,
            planned_rest: Vec::new(),
            rest_dates: Vec::new(),
            pauses: Vec::new(),
        }
    }

    /// What the schedule by itself means for a day; days that the client observes are rest beside it.
    /// Rest and pause matter only on days it is meant for.
    pub fn plan_of(&self, date: NaiveDate) -> DayPlan {
        let weekday = Weekday::from(date.weekday());
        let meant = match &self.pattern {
            SchedulePattern::Daily | SchedulePattern::TimesAWeek { .. } => true,
            SchedulePattern::Weekdays { days } => days.contains(&weekday),
            SchedulePattern::EveryDays { days } => self.start.is_some_and(|start| {
                date.signed_duration_since(start).num_days() % i64::from((*days).max(1)) == 0
            }),
        };
        if !self.is_within(date) || !meant {
            return DayPlan::NotScheduled;
        }
        if self.is_paused(date) {
            return DayPlan::Paused;
        }
        if self.planned_rest.contains(&weekday) || self.rest_dates.contains(&date) {
            return DayPlan::Rest;
        }
        match self.pattern {
            SchedulePattern::TimesAWeek { .. } => DayPlan::AnyDay,
            _ => DayPlan::Expected,
        }
    }

    /// Whether a date lies in a time off or behind the end.
    pub(crate) fn is_set_aside(&self, date: NaiveDate) -> bool {
        self.is_paused(date) || self.end.is_some_and(|end| end < date)
    }

    fn is_paused(&self, date: NaiveDate) -> bool {
        let mut pauses = self.pauses.iter();
        pauses.any(|pause| (pause.from..=pause.to).contains(&date))
    }

    /// Whether a date lies between start and end.
    pub(crate) fn is_within(&self, date: NaiveDate) -> bool {
        self.start.is_none_or(|start| start <= date) && self.end.is_none_or(|end| date <= end)
    }

    /// Checks a schedule and makes it ready to store.
    pub(crate) fn store(&self) -> Result<StoredSchedule, InputError> {
        let (pattern, argument) = match &self.pattern {
            SchedulePattern::Daily => (DAILY, None),
            SchedulePattern::Weekdays { days } if days.is_empty() => {
                return Err(InputError::Empty { field: "weekdays" });
            }
            SchedulePattern::Weekdays { days } => (WEEKDAYS, Some(bits(days))),
            SchedulePattern::TimesAWeek { times } => {
                (TIMES_A_WEEK, Some(within("times a week", *times, 7)?))
            }
            SchedulePattern::EveryDays { .. } if self.start.is_none() => {
                return Err(InputError::Needs {
                    field: "every so many days",
                    needs: "a start",
                });
            }
            SchedulePattern::EveryDays { days } => (
                EVERY_DAYS,
                Some(within("days between", *days, EVERY_LIMIT)?),
            ),
        };
        check_count("dates of rest", self.rest_dates.len(), REST_LIMIT)?;
        check_count("pauses", self.pauses.len(), PAUSE_LIMIT)?;
        if let (Some(start), Some(end)) = (self.start, self.end)
            && end < start
        {
            return Err(InputError::Needs {
                field: "an end",
                needs: "a start that is not later",
            });
        }
        let date =
            |date: Option<NaiveDate>, field| date.map(|date| write_date(field, date)).transpose();
        let mut pauses = Vec::new();
        for pause in &self.pauses {
            if pause.to < pause.from {
                return Err(InputError::Needs {
                    field: "a pause",
                    needs: "an end after its start",
                });
            }
            pauses.push((
                write_date("pause", pause.from)?,
                write_date("pause", pause.to)?,
            ));
        }
        let mut rest_dates = BTreeSet::new();
        for date in &self.rest_dates {
            rest_dates.insert(write_date("date of rest", *date)?);
        }
        Ok(StoredSchedule {
            pattern,
            argument,
            start: date(self.start, "start")?,
            end: date(self.end, "end")?,
            planned_rest: (!self.planned_rest.is_empty()).then(|| bits(&self.planned_rest)),
            rest_dates: rest_dates.into_iter().collect(),
            pauses,
        })
    }
}

impl StoredSchedule {
    /// The schedule, if it obeys its ranges.
    pub(crate) fn view(&self) -> Result<Schedule, Reason> {
        in_range(self.rest_dates.len() <= REST_LIMIT && self.pauses.len() <= PAUSE_LIMIT)?;
        let argument = self.argument.unwrap_or_default();
        let pattern = match self.pattern {
            DAILY => SchedulePattern::Daily,
            WEEKDAYS => SchedulePattern::Weekdays {
                days: weekdays(argument)?,
            },
            TIMES_A_WEEK => SchedulePattern::TimesAWeek { times: argument },
            EVERY_DAYS => SchedulePattern::EveryDays { days: argument },
            _ => return Err(Reason::NeedsNewerApp),
        };
        let mut pauses = Vec::with_capacity(self.pauses.len());
        for (from, to) in &self.pauses {
            pauses.push(Pause {
                from: read_date(*from)?,
                to: read_date(*to)?,
            });
        }
        let schedule = Schedule {
            pattern,
            start: read_date_opt(self.start)?,
            end: read_date_opt(self.end)?,
            planned_rest: weekdays(self.planned_rest.unwrap_or_default())?,
            rest_dates: self
                .rest_dates
                .iter()
                .map(|day| read_date(*day))
                .collect::<Result<_, _>>()?,
            pauses,
        };
        // The rules of writing, once more.
        schedule
            .store()
            .map(|_| schedule)
            .map_err(|_| Reason::OutOfRange)
    }
}

fn within(field: &'static str, value: u16, max: u16) -> Result<u16, InputError> {
    match (1..=max).contains(&value) {
        true => Ok(value),
        false => Err(InputError::Outside {
            field,
            value: value.into(),
            min: 1,
            max: max.into(),
        }),
    }
}

fn bits(days: &[Weekday]) -> u16 {
    days.iter()
        .fold(0, |bits, day| bits | 1 << (day.code() - 1))
}

fn weekdays(bits: u16) -> Result<Vec<Weekday>, Reason> {
    in_range(bits < 1 << 7)?;
    let is_set = |day: &&Weekday| bits >> (day.code() - 1) & 1 == 1;
    Ok(Weekday::ALL.iter().filter(is_set).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// 2026-05-04 is a Monday.
    fn week(schedule: &Schedule) -> Vec<DayPlan> {
        (4..=10)
            .map(|d| schedule.plan_of(NaiveDate::from_ymd_opt(2026, 5, d).unwrap()))
            .collect()
    }

    #[test]
    fn a_week_of_each_pattern() {
        use DayPlan::{AnyDay, Expected, NotScheduled, Paused, Rest};
        let mut schedule = Schedule {
            planned_rest: vec![Weekday::Sunday],
            rest_dates: vec![day("2026-05-06")],
            pauses: vec![Pause {
                from: day("2026-05-08"),
                to: day("2026-05-09"),
            }],
            ..Schedule::daily()
        };
        let rest = [Expected, Expected, Rest, Expected, Paused, Paused, Rest];
        assert_eq!(week(&schedule), rest);
        schedule.pattern = SchedulePattern::TimesAWeek { times: 3 };
        assert_eq!(
            week(&schedule),
            [AnyDay, AnyDay, Rest, AnyDay, Paused, Paused, Rest]
        );
        let other_days = Schedule {
            pattern: SchedulePattern::EveryDays { days: 3 },
            start: Some(day("2026-05-05")),
            end: Some(day("2026-05-09")),
            ..Schedule::daily()
        };
        assert_eq!(
            week(&other_days),
            [
                NotScheduled,
                Expected,
                NotScheduled,
                NotScheduled,
                Expected,
                NotScheduled,
                NotScheduled
            ]
        );
    }

    #[test]
    fn a_schedule_survives_storing() {
        let schedule = Schedule {
            pattern: SchedulePattern::Weekdays {
                days: vec![Weekday::Monday, Weekday::Sunday],
            },
            start: Some(day("2026-01-01")),
            end: Some(day("2026-12-31")),
            planned_rest: vec![Weekday::Saturday],
            rest_dates: vec![day("2026-05-06")],
            pauses: vec![Pause {
                from: day("2026-05-08"),
                to: day("2026-05-09"),
            }],
        };
        assert_eq!(schedule.store().unwrap().view(), Ok(schedule));
    }

    #[test]
    fn a_schedule_without_sense_is_refused() {
        let mut wrong = Schedule::daily();
        wrong.pattern = SchedulePattern::EveryDays { days: 2 };
        let error = wrong.store().unwrap_err();
        assert_eq!(error.to_string(), "every so many days needs a start");
        wrong.pattern = SchedulePattern::TimesAWeek { times: 8 };
        assert_eq!(
            wrong.store().unwrap_err().to_string(),
            "times a week 8 is outside 1–7"
        );
        wrong.pattern = SchedulePattern::Weekdays { days: Vec::new() };
        assert_eq!(wrong.store().unwrap_err().to_string(), "weekdays is empty");
        let mut newer = Schedule::daily().store().unwrap();
        newer.pattern = 9;
        assert_eq!(newer.view(), Err(Reason::NeedsNewerApp));
    }
}

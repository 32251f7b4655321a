//! What a client lives through and reports: the same whether it was made up or recorded.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use waymark_core::model::{Outcome, local_date};

/// The hour at which a new day begins, as plans have it unless somebody chose.
const CUT_OFF_HOUR: u8 = 3;

/// A diary of one person: everything that the demonstration's devices are to hold in the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diary {
    /// Where the person lives.
    pub(crate) zone: Tz,
    /// The first day.
    pub(crate) first: NaiveDate,
    /// How many days, at least one.
    pub(crate) days: u32,
    /// What is aimed at.
    pub(crate) aim: Aim,
    /// What is rated; at least two.
    pub(crate) scales: Vec<Scale>,
    /// The reports, by instant; no two at the same.
    pub(crate) reports: Vec<Report>,
}

/// The goal, and how it is to change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Aim {
    /// The area of life.
    pub(crate) area: &'static str,
    /// What is counted.
    pub(crate) counted: &'static str,
    /// The unit that it is counted in, in records.
    pub(crate) unit: &'static str,
    /// The unit in a sentence.
    pub(crate) units: &'static str,
    /// The wording at first, and how much a day.
    pub(crate) first: (&'static str, u16),
    /// The wording that the therapist proposes, and how much a day.
    pub(crate) later: (&'static str, u16),
    /// Why the therapist proposes it.
    pub(crate) rationale: &'static str,
}

/// Something that is rated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Scale {
    /// What.
    pub(crate) label: &'static str,
    /// The lowest rating.
    pub(crate) min: i32,
    /// The highest rating.
    pub(crate) max: i32,
}

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// What it says about its day.
    pub(crate) outcome: Outcome,
    /// How much of what the goal counts.
    pub(crate) quantity: Option<u16>,
    /// Ratings by the index of their scale, ascending.
    pub(crate) ratings: Vec<(usize, i32)>,
    /// A note.
    pub(crate) note: Option<String>,
}

impl Diary {
    /// The number of the day on which an instant lies; the first day is 1.
    pub(crate) fn day_of(&self, at: DateTime<Utc>) -> u32 {
        let days = (date_of(at, self.zone) - self.first).num_days();
        u32::try_from(days + 1).unwrap_or(0)
    }

    /// The date of a day.
    pub(crate) fn date(&self, day: u32) -> NaiveDate {
        let later = chrono::Days::new(u64::from(day.saturating_sub(1)));
        self.first.checked_add_days(later).unwrap_or(self.first)
    }

    /// The instant of a wall-clock time on a day.
    pub(crate) fn at(&self, day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
        let local = self
            .date(day)
            .and_hms_opt(hour, minute, 0)
            .unwrap_or_default();
        waymark_core::model::instant_of(local, self.zone).unwrap_or_default()
    }

    /// The reports of a day, with their indices.
    pub(crate) fn on(&self, day: u32) -> impl Iterator<Item = (usize, &Report)> {
        let reports = self.reports.iter().enumerate();
        reports.filter(move |(_, report)| self.day_of(report.at) == day)
    }
}

/// The day that an instant counts to.
pub(crate) fn date_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    local_date(at, zone, CUT_OFF_HOUR)
}

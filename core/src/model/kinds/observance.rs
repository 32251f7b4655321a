//! Days that the client observes, of a faith, a family or a country: planned rest for every goal
//! (`model/observed.rs`).

use chrono::NaiveDate;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::input::InputError;
use crate::model::item::Fields;
use crate::model::item::check::{between, date_opt};
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, TextField, check_count};
use crate::model::time::write_date;
use crate::model::{cbor, json};
use crate::role::Role;

const NAME: TextField = TextField::optional("observance", LABEL_LIMIT);
/// Dates at most: every day of a year.
const DATES_LIMIT: usize = 366;
/// A year that has all days.
const LEAP_YEAR: i32 = 2_000;

/// A day of every year.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct YearlyDay {
    /// The month, 1 to 12.
    #[n(0)]
    pub month: u8,
    /// The day of the month. The 29th of February is the 28th in years that do not have it.
    #[n(1)]
    pub day: u8,
}

/// Days that the client observes: single dates, a day of every year, or both.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Observance {
    /// Its name, at most 100 characters. Whoever reads the plan reads it; the client may leave it out.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub name: Option<String>,
    /// Local dates, up to 366: for what moves from year to year, or lasts several days.
    #[n(1)]
    #[cbor(with = "cbor::dates", skip_if = "Vec::is_empty")]
    #[serde(serialize_with = "json::dates")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub dates: Vec<NaiveDate>,
    /// The same day every year.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub yearly: Option<YearlyDay>,
    /// The first date on which that one may fall; without it, any of the past too.
    #[n(3)]
    #[cbor(with = "cbor::date", has_nil)]
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub from: Option<NaiveDate>,
    /// The last date on which it may fall. To end an observance say so here: one that is removed is no
    /// rest in the past either.
    #[n(4)]
    #[cbor(with = "cbor::date", has_nil)]
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub until: Option<NaiveDate>,
}

impl YearlyDay {
    /// Its date in a year.
    pub(crate) fn in_year(self, year: i32) -> Option<NaiveDate> {
        let date = |day| NaiveDate::from_ymd_opt(year, self.month.into(), day);
        let day = u32::from(self.day);
        date(day).or_else(|| date(day.checked_sub(1)?))
    }

    fn check(self) -> Result<(), InputError> {
        between("month", self.month, 1, 12)?;
        let is_day =
            |day: &u32| NaiveDate::from_ymd_opt(LEAP_YEAR, self.month.into(), *day).is_some();
        let last = (28..=31).filter(is_day).max().unwrap_or(28);
        between("day", self.day, 1, last.into())
    }
}

impl Fields for Observance {
    const KIND: Kind = Kind::Observance;
    const KEYS: u64 = 5;
    const ACTION: &'static str = "keep days free";
    const WRITERS: &'static [Role] = &[Role::Client];

    fn check(&self) -> Result<(), InputError> {
        NAME.check_opt(self.name.as_deref())?;
        check_count("dates", self.dates.len(), DATES_LIMIT)?;
        for date in &self.dates {
            write_date("date", *date)?;
        }
        self.yearly.map_or(Ok(()), YearlyDay::check)?;
        date_opt("first date", self.from)?;
        date_opt("last date", self.until)?;
        let needs = |field, needs| Err(InputError::Needs { field, needs });
        match (self.yearly, self.from, self.until) {
            (None, None, None) if self.dates.is_empty() => {
                needs("an observance", "dates or a day of the year")
            }
            (None, Some(_), _) | (None, _, Some(_)) => {
                needs("a first or last date", "a day of the year")
            }
            (_, Some(from), Some(until)) if until < from => {
                needs("a last date", "a first one that is not later")
            }
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::day;
        Self {
            name: Some("Midsummer".into()),
            dates: vec![day(14), day(15)],
            from: Some(day(1)),
            until: Some(day(31)),
            ..Self::every_year(6, 24)
        }
    }
}

#[cfg(test)]
impl Observance {
    /// A day of every year.
    pub(crate) fn every_year(month: u8, day: u8) -> Self {
        Self {
            yearly: Some(YearlyDay { month, day }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::day;

    fn refused(observance: &Observance) -> String {
        observance.check().unwrap_err().to_string()
    }

    /// A day that no year has would never be rest, and nobody would be told why.
    #[test]
    fn it_names_days_that_there_are() {
        let none = "an observance needs dates or a day of the year";
        assert_eq!(refused(&Observance::default()), none);
        assert_eq!(Observance::every_year(2, 29).check(), Ok(()));
        let day_of = |month, day| refused(&Observance::every_year(month, day));
        assert_eq!(day_of(2, 30), "day 30 is outside 1–29");
        assert_eq!(day_of(4, 31), "day 31 is outside 1–30");
        assert_eq!(day_of(13, 1), "month 13 is outside 1–12");
        assert_eq!(day_of(1, 0), "day 0 is outside 1–31");
        let backwards = Observance {
            from: Some(day(2)),
            until: Some(day(1)),
            ..Observance::every_year(5, 1)
        };
        assert!(refused(&backwards).starts_with("a last date needs"));
        let nothing_to_end = Observance {
            dates: vec![day(1)],
            until: Some(day(2)),
            ..Observance::default()
        };
        assert!(refused(&nothing_to_end).ends_with("needs a day of the year"));
    }

    /// Who was born on a leap day would have it every fourth year.
    #[test]
    fn a_leap_day_is_the_day_before_in_other_years() {
        let leap_day = YearlyDay { month: 2, day: 29 };
        let date = |year| leap_day.in_year(year).unwrap().to_string();
        assert_eq!(
            (date(2028), date(2026)),
            ("2028-02-29".into(), "2026-02-28".into())
        );
    }
}

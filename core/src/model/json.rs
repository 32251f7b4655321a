//! How dates and instants look in JSON: ISO 8601 text.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serializer;

/// An instant with milliseconds: `2026-05-01T06:58:00.000Z`.
pub(crate) fn instant<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// An instant or null.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
pub(crate) fn instant_opt<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, to),
        None => to.serialize_none(),
    }
}

/// A date: `2026-05-01`.
pub(crate) fn date<S: Serializer>(date: &NaiveDate, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(date)
}

/// A date or null.
pub(crate) fn date_opt<S: Serializer>(date: &Option<NaiveDate>, to: S) -> Result<S::Ok, S::Error> {
    match date {
        Some(date) => to.collect_str(date),
        None => to.serialize_none(),
    }
}

/// A list of dates.
pub(crate) fn dates<S: Serializer>(dates: &[NaiveDate], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(dates.iter().map(NaiveDate::to_string))
}

/// Whatever shows itself as text.
pub(crate) fn shown<S: Serializer>(
    shown: &impl std::fmt::Display,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_str(shown)
}

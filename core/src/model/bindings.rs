//! How dates and instants cross to the bindings: a date as ISO 8601 text, an instant as the
//! platform's own (`Instant`, `Date`, `datetime`).
//!
//! What does not convert is the facade's own error, so that an app sees `invalid_input` and not a
//! fault of the bindings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{NaiveDate, Utc};

use crate::client::WaymarkError;

/// What the bindings call an instant.
type DateTime = chrono::DateTime<Utc>;

uniffi::custom_type!(NaiveDate, String, {
    remote,
    try_lift: |text| Ok(text.parse().map_err(|_| refused("a date is written as 2026-05-01"))?),
    lower: |date| date.to_string(),
});

uniffi::custom_type!(DateTime, SystemTime, {
    remote,
    try_lift: |time| Ok(lift(time).ok_or_else(|| refused("an instant lies beyond all dates"))?),
    lower: |at| lower(at),
});

fn refused(rule: &str) -> WaymarkError {
    WaymarkError::InvalidInput {
        reason: rule.into(),
    }
}

// chrono's own conversion panics out of range.
fn lift(time: SystemTime) -> Option<DateTime> {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).ok()?, after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
            match before.subsec_nanos() {
                0 => (seconds, 0),
                nanos => (seconds.checked_sub(1)?, 1_000_000_000 - nanos),
            }
        }
    };
    DateTime::from_timestamp(seconds, nanos)
}

fn lower(at: DateTime) -> SystemTime {
    let nanos = Duration::from_nanos(at.timestamp_subsec_nanos().into());
    let seconds = Duration::from_secs(at.timestamp().unsigned_abs());
    let whole = match at.timestamp() < 0 {
        true => UNIX_EPOCH.checked_sub(seconds),
        false => UNIX_EPOCH.checked_add(seconds),
    };
    // Every instant in chrono's range has a SystemTime where seconds are 64 bits wide.
    whole
        .and_then(|whole| whole.checked_add(nanos))
        .unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_crosses_and_comes_back_also_before_1970() {
        for text in [
            "2026-05-01T10:00:00.123Z",
            "1969-12-31T23:59:59.999Z",
            "1900-01-01T00:00:00Z",
        ] {
            let at = chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            assert_eq!(lift(lower(at)), Some(at));
        }
        let far = UNIX_EPOCH
            .checked_add(Duration::from_secs(1 << 60))
            .unwrap();
        assert_eq!(lift(far), None);
    }
}

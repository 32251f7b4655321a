//! Dates and instants: stamped once on the device, then never recomputed.

use chrono::{
    DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use crate::model::input::InputError;
use crate::model::left_out::Reason;

/// The hour at which a new day begins, unless the plan says otherwise.
pub(crate) const DEFAULT_CUT_OFF_HOUR: u8 = 3;
/// The latest cut-off hour: later, "today" would mean yesterday all morning.
pub(crate) const CUT_OFF_LIMIT: u8 = 11;

/// Longest name of a time zone, in bytes; the longest in use has 32.
const ZONE_LIMIT: usize = 64;
/// Furthest offset from UTC in minutes; the furthest ever used is under 16 hours.
pub(crate) const OFFSET_LIMIT: i16 = 18 * 60;
/// Local dates lie in 1900–9999.
const FIRST_DAY: i32 = -25_567;
const LAST_DAY: i32 = 2_932_896;
const DAY_MS: i64 = 86_400_000;

/// The local date of an instant: the date of the wall clock less the cut-off hour, with the offset
/// that holds at that instant. With a cut-off of 3, 02:59 belongs to the day before.
pub fn local_date(at: DateTime<Utc>, zone: Tz, cut_off_hour: u8) -> NaiveDate {
    let local = at.with_timezone(&zone).naive_local();
    let cut_off = TimeDelta::hours(i64::from(cut_off_hour));
    local.checked_sub_signed(cut_off).unwrap_or(local).date()
}

/// The instant of a wall-clock time, for diaries that were kept in local times. A time that
/// happened twice (autumn) means the first; one that never happened (spring) is shifted by the
/// length of the gap. `None` only outside the range of dates.
pub fn instant_of(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Some(at.to_utc()),
        LocalResult::Ambiguous(first, second) => Some(first.min(second).to_utc()),
        LocalResult::None => {
            // The offset from before the gap. Gaps are an hour, or a whole day (Apia 2011-12-30).
            let before = (1..=48).find_map(|hours| {
                let earlier = local.checked_sub_signed(TimeDelta::hours(hours))?;
                zone.from_local_datetime(&earlier).latest()
            })?;
            let offset = TimeDelta::seconds(before.offset().fix().local_minus_utc().into());
            Some(local.checked_sub_signed(offset)?.and_utc())
        }
    }
}

/// The zone with this IANA name.
///
/// # Errors
/// [`InputError::UnknownTimeZone`] if this version's tables do not have it.
pub fn zone(name: &str) -> Result<Tz, InputError> {
    name.parse().map_err(|_| InputError::UnknownTimeZone)
}

/// Minutes that the zone is ahead of UTC at an instant.
pub(crate) fn offset_minutes(at: DateTime<Utc>, zone: Tz) -> i16 {
    let seconds = at.with_timezone(&zone).offset().fix().local_minus_utc();
    // Offsets of old local mean time have seconds; the record keeps whole minutes.
    i16::try_from(seconds.div_euclid(60)).unwrap_or_default()
}

/// Whether a zone's name could be one. Names this version does not know are kept: newer tables
/// have more, and the date was stamped with them.
pub(crate) fn is_zone_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    !name.is_empty() && name.len() <= ZONE_LIMIT && name.bytes().all(plain)
}

/// A stored date: days since 1970-01-01.
pub(crate) fn read_date(days: i32) -> Result<NaiveDate, Reason> {
    match (FIRST_DAY..=LAST_DAY).contains(&days) {
        true => NaiveDate::from_epoch_days(days).ok_or(Reason::OutOfRange),
        false => Err(Reason::OutOfRange),
    }
}

/// A stored date that may be missing.
pub(crate) fn read_date_opt(days: Option<i32>) -> Result<Option<NaiveDate>, Reason> {
    days.map(read_date).transpose()
}

/// A date to store.
pub(crate) fn write_date(field: &'static str, date: NaiveDate) -> Result<i32, InputError> {
    let days = date.to_epoch_days();
    match (FIRST_DAY..=LAST_DAY).contains(&days) {
        true => Ok(days),
        false => Err(InputError::DateOutside { field }),
    }
}

/// A stored instant: milliseconds since the epoch, UTC.
pub(crate) fn read_instant(ms: i64) -> Result<DateTime<Utc>, Reason> {
    match (FIRST_DAY..=LAST_DAY).contains(&i32::try_from(ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    {
        true => DateTime::from_timestamp_millis(ms).ok_or(Reason::OutOfRange),
        false => Err(Reason::OutOfRange),
    }
}

/// An instant to store.
pub(crate) fn write_instant(at: DateTime<Utc>) -> Result<i64, InputError> {
    let ms = at.timestamp_millis();
    read_instant(ms)
        .map(|_| ms)
        .map_err(|_| InputError::DateOutside { field: "instant" })
}

/// The day after, within the range of dates.
pub(crate) fn next_day(date: NaiveDate) -> Option<NaiveDate> {
    date.checked_add_days(Days::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_late_evening_still_belongs_to_its_day() {
        let berlin = zone("Europe/Berlin").unwrap();
        assert_eq!(
            local_date(utc("2026-05-02T00:59:59Z"), berlin, 3),
            day("2026-05-01")
        );
        assert_eq!(
            local_date(utc("2026-05-02T01:00:00Z"), berlin, 3),
            day("2026-05-02")
        );
        // In winter the same wall clock is an hour later in UTC.
        assert_eq!(
            local_date(utc("2026-01-02T01:59:59Z"), berlin, 3),
            day("2026-01-01")
        );
        assert_eq!(
            local_date(utc("2026-01-02T02:00:00Z"), berlin, 3),
            day("2026-01-02")
        );
    }

    #[test]
    fn a_diary_in_local_times_keeps_every_line_when_clocks_change() {
        let berlin = zone("Europe/Berlin").unwrap();
        let instant = |text| instant_of(local(text), berlin).unwrap();
        assert_eq!(
            instant("2026-10-25T02:30:00"),
            utc("2026-10-25T00:30:00Z"),
            "the first 02:30"
        );
        assert_eq!(
            instant("2026-03-29T02:30:00"),
            utc("2026-03-29T01:30:00Z"),
            "shown as 03:30"
        );
        let apia = zone("Pacific/Apia").unwrap();
        assert_eq!(
            instant_of(local("2011-12-30T10:00:00"), apia),
            Some(utc("2011-12-30T20:00:00Z")),
            "a day that never was: the same time on the next"
        );
    }

    #[test]
    fn dates_and_instants_stay_in_four_digit_years() {
        assert_eq!(read_date(FIRST_DAY), Ok(day("1900-01-01")));
        assert_eq!(read_date(LAST_DAY), Ok(day("9999-12-31")));
        assert_eq!(read_date(LAST_DAY + 1), Err(Reason::OutOfRange));
        assert_eq!(read_instant(i64::MAX), Err(Reason::OutOfRange));
        assert_eq!(read_instant(i64::MIN), Err(Reason::OutOfRange));
        assert!(write_instant(DateTime::<Utc>::MAX_UTC).is_err());
    }
}

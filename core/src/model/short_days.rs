//! Local dates that were too short to ask anything of anybody: those of which a device saw less than
//! twelve hours, by travel or by law.
//!
//! ```text
//!  Honolulu  ──10th, 21:00┐                 the 11th lasted from 19:00 on
//!                         └11th, 19:00──►  Auckland
//! ```
//!
//! A date that a traveller lives twice is long, not short.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use crate::model::time::{CUT_OFF_LIMIT, local_date, next_day, write_instant};

/// A date that lasted less is excused.
const SHORTEST: TimeDelta = TimeDelta::hours(12);
/// Dates that are longer ago are not looked for.
const LOOKED_BACK: TimeDelta = TimeDelta::days(400);

/// That a device is in a time zone, from an instant to the next such word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stay {
    /// When the device noticed it.
    pub since: DateTime<Utc>,
    /// The zone.
    pub zone: Tz,
}

/// The local dates up to today that last less than twelve hours on a device, in order; also those that
/// it skips. `stays` says where the device was and is. It is taken to have been at the first place
/// before, and to remain at the last, so that today is known to be short before it is over. Dates
/// before the first stay are none of the device's, and no more than 400 days are looked at.
pub fn short_days(stays: &[Stay], now: DateTime<Utc>, cut_off_hour: u8) -> Vec<NaiveDate> {
    let mut stays: Vec<Stay> = stays.iter().filter(|s| s.since <= now).copied().collect();
    stays.sort_by_key(|stay| stay.since);
    let (Some(first), Some(last)) = (stays.first().copied(), stays.last().copied()) else {
        return Vec::new();
    };
    // A clock that is beyond all dates knows no days.
    if write_instant(now).is_err() {
        return Vec::new();
    }
    let begin = first.since.max(now - LOOKED_BACK);
    let date_in = |zone: Tz, at| local_date(at, zone, cut_off_hour);
    let zone_then = stays.iter().rev().find(|stay| stay.since <= begin);
    let first_date = date_in(zone_then.unwrap_or(&first).zone, begin);
    let today = date_in(last.zone, now);

    let mut lasted: BTreeMap<NaiveDate, TimeDelta> = BTreeMap::new();
    for (place, stay) in stays.iter().enumerate() {
        let end = stays.get(place + 1).map(|next| next.since);
        // A date that had begun before is seen whole.
        let start = if place == 0 {
            begin - TimeDelta::days(3)
        } else {
            stay.since
        };
        let mut at = start.max(begin - TimeDelta::days(3));
        while end.map_or_else(|| date_in(stay.zone, at) <= today, |end| at < end) {
            let border = border_after(at, stay.zone, cut_off_hour);
            let border = end.map_or(border, |end| border.min(end));
            *lasted.entry(date_in(stay.zone, at)).or_default() += border - at;
            at = border;
        }
    }
    let mut short = Vec::new();
    let mut next = Some(first_date);
    while let Some(date) = next.filter(|date| *date <= today) {
        if lasted.get(&date).is_none_or(|lasted| *lasted < SHORTEST) {
            short.push(date);
        }
        next = next_day(date);
    }
    short
}

/// Whether there is a short day at any hour at which a plan lets a day begin: without one no plan needs
/// to be asked.
pub fn has_short_days(stays: &[Stay], now: DateTime<Utc>) -> bool {
    (0..=CUT_OFF_LIMIT).any(|hour| !short_days(stays, now, hour).is_empty())
}

/// The end of the local date that an instant lies in, or an earlier one at which the clocks change.
fn border_after(at: DateTime<Utc>, zone: Tz, cut_off_hour: u8) -> DateTime<Utc> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let (here, second) = (offset(at), TimeDelta::seconds(1));
    let local = at.with_timezone(&zone).naive_local();
    let cut_off = TimeDelta::hours(i64::from(cut_off_hour));
    let date = local_date(at, zone, cut_off_hour);
    let Some(end) = next_day(date) else {
        return DateTime::<Utc>::MAX_UTC;
    };
    let border = at + ((end.and_time(NaiveTime::MIN) + cut_off) - local);
    if offset(border - second) == here {
        return border;
    }
    // The clocks change between these.
    let (mut before, mut after) = (at, border - second);
    while after - before > second {
        let middle = before + (after - before) / 2;
        match offset(middle) == here {
            true => before = middle,
            false => after = middle,
        }
    }
    // They do so at a whole second.
    after.with_nanosecond(0).unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::time::zone;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn stay(since: &str, name: &str) -> Stay {
        let (since, zone) = (utc(since), zone(name).unwrap());
        Stay { since, zone }
    }

    fn short(stays: &[Stay], now: &str, cut_off_hour: u8) -> Vec<String> {
        let dates = short_days(stays, utc(now), cut_off_hour).into_iter();
        dates.map(|date| date.to_string()).collect()
    }

    /// Samoa went to bed on the 29th and rose on the 31st: everybody there would have left out a day
    /// that never was.
    #[test]
    fn a_date_that_the_law_skips_is_short_whenever_a_day_begins() {
        let apia = [stay("2011-12-01T00:00:00Z", "Pacific/Apia")];
        for cut_off in [0, 3, 11] {
            assert_eq!(
                short(&apia, "2012-01-05T00:00:00Z", cut_off),
                ["2011-12-30"]
            );
        }
        // It is known as soon as the clocks have changed: midnight of the 31st is 10:00 UTC.
        assert!(short(&apia, "2011-12-30T09:59:59Z", 0).is_empty());
        assert_eq!(short(&apia, "2011-12-30T10:00:00Z", 0), ["2011-12-30"]);
    }

    /// Whoever was not there yet would be excused for what others lived through.
    #[test]
    fn a_date_before_the_device_is_none_of_its_own() {
        let apia = [stay("2012-01-01T00:00:00Z", "Pacific/Apia")];
        assert!(short(&apia, "2012-01-05T00:00:00Z", 3).is_empty());
        assert!(short(&[], "2012-01-05T00:00:00Z", 3).is_empty());
    }

    /// A passenger to Auckland would be told that nothing was done on a day of five hours.
    #[test]
    fn a_date_that_a_journey_over_the_date_line_swallows_is_short() {
        let journey = [
            stay("2026-05-01T00:00:00Z", "Pacific/Honolulu"),
            // 19:00 on the 11th in Auckland, 21:00 on the 10th in Honolulu.
            stay("2026-05-11T07:00:00Z", "Pacific/Auckland"),
        ];
        // 5 hours with a day that begins at midnight, 8 with one that begins at three.
        for cut_off in [0, 3] {
            let known_at_once = short(&journey, "2026-05-11T07:00:01Z", cut_off);
            assert_eq!(known_at_once, ["2026-05-11"]);
            assert_eq!(
                short(&journey, "2026-05-20T00:00:00Z", cut_off),
                ["2026-05-11"]
            );
        }
        // With one that begins at eight it lasted 13 hours.
        assert!(short(&journey, "2026-05-20T00:00:00Z", 8).is_empty());
        assert!(has_short_days(&journey, utc("2026-05-20T00:00:00Z")));
        assert!(!has_short_days(&journey, utc("2026-05-10T00:00:00Z")));
    }

    /// Who lands early in the day has lost most of the one before.
    #[test]
    fn it_may_be_the_date_that_was_left() {
        let journey = [
            stay("2026-05-01T00:00:00Z", "Pacific/Honolulu"),
            // 08:00 on the 10th in Honolulu, 06:00 on the 11th in Auckland.
            stay("2026-05-10T18:00:00Z", "Pacific/Auckland"),
        ];
        assert_eq!(short(&journey, "2026-05-20T00:00:00Z", 3), ["2026-05-10"]);
    }

    /// Who lives a day twice needs no excuse for it, nor for the days beside it.
    #[test]
    fn a_date_that_is_lived_twice_is_not_short() {
        let journey = [
            stay("2026-05-01T00:00:00Z", "Pacific/Auckland"),
            // 01:00 on the 11th in Auckland, 03:00 on the 10th in Honolulu: the 11th had just begun.
            stay("2026-05-10T13:00:00Z", "Pacific/Honolulu"),
        ];
        for now in [
            "2026-05-10T13:00:00Z",
            "2026-05-11T13:00:00Z",
            "2026-05-20T00:00:00Z",
        ] {
            assert!(short(&journey, now, 0).is_empty(), "{now}");
        }
    }

    /// A flight to Tokyo makes a day short by seven hours, and a change of the clocks by one: no excuse.
    #[test]
    fn other_journeys_and_clock_changes_leave_days_long_enough() {
        let journey = [
            stay("2026-03-01T00:00:00Z", "Europe/Berlin"),
            stay("2026-04-10T12:00:00Z", "Asia/Tokyo"),
            stay("2026-04-20T12:00:00Z", "America/New_York"),
            stay("2026-10-20T12:00:00Z", "Australia/Lord_Howe"),
        ];
        assert!(short(&journey[..3], "2026-12-01T00:00:00Z", 3).is_empty());
        // From New York to Lord Howe it is fifteen hours: of the 20th 8:00 to 23:00 are missing, and
        // nine of the twenty-four are left.
        assert_eq!(short(&journey, "2026-12-01T00:00:00Z", 0), ["2026-10-20"]);
    }

    /// A clock that runs wild would stop the app, or keep it busy.
    #[test]
    fn a_clock_beyond_all_dates_knows_no_short_days() {
        let early = Stay {
            since: DateTime::<Utc>::MIN_UTC,
            zone: Tz::UTC,
        };
        for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert!(short_days(&[early], now, 3).is_empty());
        }
        assert!(short_days(&[early], utc("9999-12-31T23:59:59Z"), 3).is_empty());
    }

    const ZONES: [Tz; 8] = [
        Tz::Pacific__Honolulu,
        Tz::Pacific__Auckland,
        Tz::Pacific__Apia,
        Tz::Pacific__Kiritimati,
        Tz::America__New_York,
        Tz::Europe__Berlin,
        Tz::Asia__Kathmandu,
        Tz::Australia__Lord_Howe,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever the journey, the dates are those of which a clock that is looked at every five
        /// minutes shows less than twelve hours. (Kathmandu's days begin at a quarter to the hour, which
        /// ten minutes do not divide.)
        #[test]
        fn short_dates_are_those_that_a_clock_shows_little_of(
            hops in proptest::collection::vec((0_usize..ZONES.len(), 0_i64..72 * 6), 1..6),
            year in 0_i64..2,
            cut_off in 0_u8..=11,
        ) {
            // Around New Year 2012, and a hundred days later.
            let base = utc("2011-12-20T00:00:00Z") + TimeDelta::days(year * 100);
            let mut since = base;
            let stays: Vec<Stay> = hops.iter().map(|(zone, tens)| {
                since += TimeDelta::minutes(tens * 10);
                Stay { since, zone: ZONES[*zone] }
            }).collect();
            let now = since + TimeDelta::days(5);
            let zone_at = |at| {
                let been = stays.iter().rev().find(|stay| stay.since <= at);
                been.unwrap_or(&stays[0]).zone
            };
            let seen = |at| local_date(at, zone_at(at), cut_off);
            let mut looks: BTreeMap<NaiveDate, u32> = BTreeMap::new();
            let mut at = stays[0].since - TimeDelta::days(3);
            while at < now + TimeDelta::days(4) {
                *looks.entry(seen(at)).or_default() += 1;
                at += TimeDelta::minutes(5);
            }
            let (first, today) = (seen(stays[0].since), seen(now));
            let days = first.iter_days().take_while(|date| *date <= today);
            let short: Vec<_> =
                days.filter(|date| looks.get(date).copied().unwrap_or_default() < 144).collect();
            prop_assert_eq!(short_days(&stays, now, cut_off), short);
        }
    }
}

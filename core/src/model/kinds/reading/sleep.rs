//! A night, and the arithmetic of sleep diaries: time in bed from bed to rising, time asleep from
//! lights out to waking less what was lain awake, efficiency as the share of the one in the other.
//! Instants and not wall clocks are subtracted, so that a night in which clocks change is as long as
//! it was.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::types::check_minutes;
use crate::model::input::InputError;
use crate::model::item::check::between;
use crate::model::json;
use crate::model::time::write_instant;

/// Time in bed at most.
const IN_BED_MINUTES: i64 = 1_440;

/// A night. Each instant is not before the one above it, and the whole is at most 24 hours.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SleepReading {
    /// When the client went to bed.
    #[serde(serialize_with = "json::instant")]
    pub bed: DateTime<Utc>,
    /// When the client wanted to sleep.
    #[serde(serialize_with = "json::instant")]
    pub lights_out: DateTime<Utc>,
    /// When the client woke for the last time.
    #[serde(serialize_with = "json::instant")]
    pub wake: DateTime<Utc>,
    /// When the client got up.
    #[serde(serialize_with = "json::instant")]
    pub rise: DateTime<Utc>,
    /// Minutes from lights out until the client slept.
    pub latency_minutes: u16,
    /// Minutes that the client lay awake in between.
    pub awake_minutes: u16,
    /// How often the client woke, 0 to 100.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub awakenings: Option<u8>,
}

/// What follows from a night.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SleepFigures {
    /// Whole minutes asleep.
    pub asleep_minutes: u32,
    /// Whole minutes in bed.
    pub in_bed_minutes: u32,
    /// How much of the time in bed the client slept, 0 to 100 percent.
    pub efficiency: f64,
}

impl SleepReading {
    /// What follows from it; none where the times contradict each other.
    pub fn figures(&self) -> Option<SleepFigures> {
        let in_bed_minutes = u32::try_from((self.rise - self.bed).num_minutes()).ok()?;
        let asleep_minutes = u32::try_from(self.dark_minutes() - self.awake()).ok()?;
        (in_bed_minutes > 0).then(|| SleepFigures {
            asleep_minutes,
            in_bed_minutes,
            efficiency: f64::from(asleep_minutes * 100) / f64::from(in_bed_minutes),
        })
    }

    pub(super) fn check(&self) -> Result<(), InputError> {
        let moments = [self.bed, self.lights_out, self.wake, self.rise];
        for at in moments {
            write_instant(at)?;
        }
        if !moments.is_sorted() {
            return Err(InputError::Needs {
                field: "a night",
                needs: "bed, lights out, waking and rising in this order",
            });
        }
        let in_bed = (self.rise - self.bed).num_minutes();
        between("minutes in bed", in_bed, 1, IN_BED_MINUTES)?;
        check_minutes("minutes until sleep", self.latency_minutes)?;
        check_minutes("minutes awake", self.awake_minutes)?;
        between(
            "minutes without sleep",
            self.awake(),
            0,
            self.dark_minutes(),
        )?;
        between("awakenings", self.awakenings.unwrap_or_default(), 0, 100)
    }

    /// Whole minutes from lights out to waking.
    fn dark_minutes(&self) -> i64 {
        (self.wake - self.lights_out).num_minutes()
    }

    fn awake(&self) -> i64 {
        i64::from(self.latency_minutes) + i64::from(self.awake_minutes)
    }
}

/// A night in Berlin, from 23:00 on 2026-04-30 to 07:00.
#[cfg(test)]
pub(super) fn night() -> SleepReading {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let (bed, rise) = (at("2026-04-30T21:00:00Z"), at("2026-05-01T05:00:00Z"));
    SleepReading {
        bed,
        lights_out: bed,
        wake: rise,
        rise,
        latency_minutes: 30,
        awake_minutes: 30,
        awakenings: Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{instant_of, zone};

    fn berlin(local: &str) -> DateTime<Utc> {
        let zone = zone("Europe/Berlin").unwrap();
        instant_of(local.parse().unwrap(), zone).unwrap()
    }

    /// Client and therapist would decide on bedtimes by figures that no sleep diary gives.
    #[test]
    fn a_night_from_eleven_to_seven() {
        let figures = night().figures().unwrap();
        assert_eq!((figures.asleep_minutes, figures.in_bed_minutes), (420, 480));
        assert_eq!(figures.efficiency, 87.5);
    }

    /// In the night in which summer time ends an hour would be missing, and a night of good sleep look
    /// worse or better than it was; the other way in spring.
    #[test]
    fn a_night_in_which_clocks_change_is_as_long_as_it_was() {
        let of = |bed: &str, rise: &str| SleepReading {
            bed: berlin(bed),
            lights_out: berlin(bed),
            wake: berlin(rise),
            rise: berlin(rise),
            ..night()
        };
        let autumn = of("2026-10-24T23:00:00", "2026-10-25T07:00:00");
        let figures = autumn.figures().unwrap();
        assert_eq!((figures.asleep_minutes, figures.in_bed_minutes), (480, 540));
        let spring = of("2026-03-28T23:00:00", "2026-03-29T07:00:00");
        assert_eq!(spring.figures().unwrap().in_bed_minutes, 420);
    }

    /// A slip of the finger would give a night of less than no sleep.
    #[test]
    fn times_that_contradict_each_other_are_refused() {
        let refused = |night: SleepReading| night.check().unwrap_err().to_string();
        let night = night();
        assert_eq!(night.check(), Ok(()));
        let early = SleepReading {
            lights_out: night.bed - chrono::TimeDelta::minutes(1),
            ..night.clone()
        };
        assert_eq!(
            refused(early),
            "a night needs bed, lights out, waking and rising in this order"
        );
        let awake = SleepReading {
            awake_minutes: 451,
            ..night.clone()
        };
        assert_eq!(refused(awake), "minutes without sleep 481 is outside 0–480");
        let long = SleepReading {
            rise: night.bed + chrono::TimeDelta::minutes(1_441),
            ..night.clone()
        };
        assert_eq!(refused(long), "minutes in bed 1441 is outside 1–1440");
        let none = SleepReading {
            lights_out: night.bed,
            wake: night.bed,
            rise: night.bed,
            ..night
        };
        assert_eq!(none.figures(), None);
        assert_eq!(refused(none), "minutes in bed 0 is outside 1–1440");
    }
}

//! How the fields of items look in CBOR where minicbor has no form of its own: dates as days since
//! 1970-01-01, instants as milliseconds since the epoch.
//!
//! Each module is used as `#[cbor(with = "…")]`: [`date`] and [`instant`] on a field that may be
//! missing, [`dates`] on a list.

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{Encoder, Write};

use crate::model::time::{read_date, read_instant};

/// Declares a module for a type and the number it is kept as.
macro_rules! kept_as {
    ($(#[$doc:meta])* $module:ident: $type:ty as $kept:ty, $write:expr, $read:expr) => {
        $(#[$doc])*
        pub(crate) mod $module {
            use super::*;

            pub(crate) fn encode<C, W: Write>(
                value: &Option<$type>,
                e: &mut Encoder<W>,
                context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                let kept: Option<$kept> = value.as_ref().map($write);
                minicbor::Encode::encode(&kept, e, context)
            }

            pub(crate) fn decode<C>(
                d: &mut Decoder<'_>,
                context: &mut C,
            ) -> Result<Option<$type>, Error> {
                let position = d.position();
                let kept: Option<$kept> = minicbor::Decode::decode(d, context)?;
                let outside = || Error::message("out of range").at(position);
                kept.map(|kept| $read(kept).ok_or_else(outside)).transpose()
            }

            pub(crate) fn nil() -> Option<Option<$type>> {
                Some(None)
            }

            pub(crate) fn is_nil(value: &Option<$type>) -> bool {
                value.is_none()
            }
        }
    };
}

kept_as!(
    /// A date.
    date: NaiveDate as i32,
    NaiveDate::to_epoch_days,
    |days| read_date(days).ok()
);
kept_as!(
    /// An instant.
    instant: DateTime<Utc> as i64,
    DateTime::timestamp_millis,
    |ms| read_instant(ms).ok()
);

/// A list of dates.
pub(crate) mod dates {
    use super::*;

    pub(crate) fn encode<C, W: Write>(
        dates: &[NaiveDate],
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let kept: Vec<i32> = dates.iter().map(NaiveDate::to_epoch_days).collect();
        minicbor::Encode::encode(&kept, e, context)
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, context: &mut C) -> Result<Vec<NaiveDate>, Error> {
        let position = d.position();
        let kept: Vec<i32> = minicbor::Decode::decode(d, context)?;
        let outside = |_| Error::message("out of range").at(position);
        let dates = kept.into_iter().map(read_date);
        dates.collect::<Result<_, _>>().map_err(outside)
    }
}

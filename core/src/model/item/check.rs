//! Checks that fields of items share.

use chrono::NaiveDate;

use crate::model::input::InputError;
use crate::model::text::{TextField, check_count};
use crate::model::time::write_date;

/// Texts in one list at most.
const TEXTS_LIMIT: usize = 20;

/// Minutes of a day.
pub(crate) const DAY_MINUTES: u16 = 1_440;

/// A whole number between two others, both allowed.
pub(crate) fn between(
    field: &'static str,
    value: impl Into<i64>,
    min: i64,
    max: i64,
) -> Result<(), InputError> {
    let value = value.into();
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(InputError::Outside {
            field,
            value,
            min,
            max,
        }),
    }
}

/// The same for a number that may be missing.
pub(crate) fn between_opt(
    field: &'static str,
    value: Option<impl Into<i64>>,
    min: i64,
    max: i64,
) -> Result<(), InputError> {
    value.map_or(Ok(()), |value| between(field, value, min, max))
}

/// A list of at most 20 texts, each of which obeys the rule of its field.
pub(crate) fn texts(
    name: &'static str,
    each: TextField,
    texts: &[String],
) -> Result<(), InputError> {
    check_count(name, texts.len(), TEXTS_LIMIT)?;
    texts.iter().try_for_each(|text| each.check(text))
}

/// A date that can be kept.
pub(crate) fn date_opt(field: &'static str, date: Option<NaiveDate>) -> Result<(), InputError> {
    date.map_or(Ok(()), |date| write_date(field, date).map(drop))
}

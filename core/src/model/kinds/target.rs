//! The target of a revision: how much of what, over which time.

use chrono::NaiveDate;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::{Comparison, Period};
use crate::model::ids::MeasureId;
use crate::model::input::InputError;
use crate::model::json;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::text::{LABEL_LIMIT, TextField, in_range};
use crate::model::time::{read_date_opt, write_date};

const UNIT: TextField = TextField::required("unit", LABEL_LIMIT);

/// A target as stored, inside a revision.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct StoredTarget {
    #[n(0)]
    pub(crate) measure: Option<MeasureId>,
    #[n(1)]
    pub(crate) comparison: Option<u8>,
    #[n(2)]
    pub(crate) value: Option<Quantity>,
    #[n(3)]
    pub(crate) unit: Option<String>,
    #[n(4)]
    pub(crate) period: Option<u8>,
    #[n(5)]
    pub(crate) due: Option<i32>,
}

/// What is to be reached: 10 minutes a day, at most 3 a week, all of it by June.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Target {
    /// What is counted. A value needs it (FHIR R4 invariant gol-1).
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub measure: Option<MeasureId>,
    /// On which side of the value it is met.
    pub comparison: Comparison,
    /// The amount for one period; check-ins' quantities are summed against it. Without one, days
    /// are judged by what check-ins say.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value: Option<f64>,
    /// The unit of the amount; when writing, left out it is the measure's.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unit: Option<String>,
    /// Over which time the amount is summed.
    pub period: Period,
    /// By when, as a local date.
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub due: Option<NaiveDate>,
}

/// What days and periods are judged against: a value with its period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) comparison: Comparison,
    pub(crate) value: Quantity,
    pub(crate) period: Period,
}

impl Target {
    /// Checks a target and makes it ready to store.
    pub(crate) fn store(&self, plan: &Plan) -> Result<StoredTarget, InputError> {
        if self.value.is_some() && self.measure.is_none() {
            return Err(InputError::Needs {
                field: "a target value",
                needs: "a measure",
            });
        }
        UNIT.check_opt(self.unit.as_deref())?;
        let measure = match self.measure {
            None => None,
            Some(id) => Some(plan.measure(id).ok_or(InputError::UnknownMeasure(id))?),
        };
        let quantity = |amount| {
            Quantity::new(amount).ok_or(InputError::NotAnAmount {
                field: "target value",
            })
        };
        Ok(StoredTarget {
            measure: self.measure,
            comparison: Some(self.comparison.code()),
            value: self.value.map(quantity).transpose()?,
            unit: self
                .unit
                .clone()
                .or(measure.and_then(|measure| measure.unit)),
            period: Some(self.period.code()),
            due: self
                .due
                .map(|due| write_date("due date", due))
                .transpose()?,
        })
    }
}

impl StoredTarget {
    /// What it must obey by itself.
    pub(crate) fn check(&self) -> Result<(), Reason> {
        self.comparison()?;
        self.period()?;
        read_date_opt(self.due)?;
        UNIT.read_opt(self.unit.as_deref())?;
        in_range(self.value.is_none_or(Quantity::in_range))?;
        in_range(self.value.is_none() || self.measure.is_some())
    }

    /// The target as an app sees it.
    pub(crate) fn view(&self) -> Option<Target> {
        Some(Target {
            measure: self.measure,
            comparison: self.comparison().ok()?,
            value: self.value.map(Quantity::amount),
            unit: self.unit.clone(),
            period: self.period().ok()?,
            due: read_date_opt(self.due).ok()?,
        })
    }

    /// What to judge against, if there is a value.
    pub(crate) fn aim(&self) -> Option<Aim> {
        let (comparison, period) = (self.comparison().ok()?, self.period().ok()?);
        Some(Aim {
            comparison,
            value: self.value?,
            period,
        })
    }

    fn comparison(&self) -> Result<Comparison, Reason> {
        self.comparison
            .map_or(Ok(Comparison::AtLeast), Comparison::read)
    }

    fn period(&self) -> Result<Period, Reason> {
        self.period.map_or(Ok(Period::Day), Period::read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, minutes, per_day};

    #[test]
    fn a_value_without_a_measure_is_refused_when_writing_and_when_reading() {
        let target = Target {
            measure: None,
            ..per_day(10.0, MeasureId([0; 16]))
        };
        let error = target.store(&Space::default().plan()).unwrap_err();
        assert_eq!(error.to_string(), "a target value needs a measure");
        let stored = StoredTarget {
            measure: None,
            comparison: None,
            value: Quantity::new(10.0),
            unit: None,
            period: None,
            due: None,
        };
        assert_eq!(stored.check(), Err(Reason::OutOfRange));
    }

    #[test]
    fn a_target_survives_storing_and_takes_the_unit_of_its_measure() {
        let mut space = Space::default();
        let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
        let target = Target {
            unit: None,
            due: NaiveDate::from_ymd_opt(2026, 6, 30),
            ..per_day(7.5, measure)
        };
        let view = target.store(&space.plan()).unwrap().view().unwrap();
        assert_eq!(
            view,
            Target {
                unit: Some("min".into()),
                ..target
            }
        );
    }
}

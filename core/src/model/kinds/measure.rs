//! A measure: something that can be rated or counted, with its scale. A chain, known by its first
//! record; a rating counts if any version of its measure admits it, so that narrowing a scale
//! later makes no old rating disappear.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::chain::Chain;
use crate::model::ids::{MeasureId, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::kinds::check_in::Rating;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{self, LABEL_LIMIT, TextField, in_range, read_links};
use crate::model::time::{read_instant, write_instant};
use crate::role::Role;

const LABEL: TextField = TextField::required("label", LABEL_LIMIT);
const UNIT: TextField = TextField::required("unit", LABEL_LIMIT);
const LOW: TextField = TextField::optional("low label", LABEL_LIMIT);
const HIGH: TextField = TextField::optional("high label", LABEL_LIMIT);

/// The furthest end of a scale from zero.
const SCALE_LIMIT: i32 = 1_000_000;

/// A version of a measure as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Measure {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    /// The first record of the chain; none in the first itself.
    #[n(2)]
    pub(crate) of: Option<MeasureId>,
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RecordId>,
    #[n(4)]
    pub(crate) label: String,
    #[n(5)]
    pub(crate) min: i32,
    #[n(6)]
    pub(crate) max: i32,
    #[n(7)]
    pub(crate) step: i32,
    #[n(8)]
    pub(crate) unit: Option<String>,
    #[n(9)]
    pub(crate) low_label: Option<String>,
    #[n(10)]
    pub(crate) high_label: Option<String>,
}

impl RecordKind for Measure {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "define a measure";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_links(self.replaces.len())?;
        LABEL.read(&self.label)?;
        UNIT.read_opt(self.unit.as_deref())?;
        LOW.read_opt(self.low_label.as_deref())?;
        HIGH.read_opt(self.high_label.as_deref())?;
        in_range(scale(self.min, self.max, self.step).is_ok())
    }

    fn links(&self) -> Vec<RecordId> {
        let first = self.of.map(MeasureId::record);
        self.replaces.iter().copied().chain(first).collect()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let Some(first) = entry.record.of else {
            return Ok(());
        };
        match records.get::<Self>(first.record()) {
            Some(first) if first.record.of.is_none() => Ok(()),
            _ => Err(Reason::UnknownReference),
        }
    }
}

impl Measure {
    /// Whether the scale has that value.
    pub(crate) fn admits(&self, value: i32) -> bool {
        (self.min..=self.max).contains(&value)
            && (i64::from(value) - i64::from(self.min)) % i64::from(self.step) == 0
    }

    /// The measure that this is a version of.
    pub(crate) fn measure(&self, id: RecordId) -> MeasureId {
        self.of.unwrap_or_else(|| id.into())
    }
}

/// A measure to define, or the next version of one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewMeasure {
    /// The measure to change; none for a new one.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub measure: Option<MeasureId>,
    /// What is rated or counted, 1 to 100 characters.
    pub label: String,
    /// The smallest rating, from −1,000,000.
    pub min: i32,
    /// The largest rating, up to 1,000,000, above `min`.
    pub max: i32,
    /// The distance between two ratings, 1 or more; `max` lies on a step.
    pub step: i32,
    /// The unit of quantities: `min`, `km`; 1 to 100 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unit: Option<String>,
    /// What `min` means, at most 100 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub low_label: Option<String>,
    /// What `max` means, at most 100 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub high_label: Option<String>,
}

impl NewMeasure {
    /// Makes the record. The id of the first one is the measure's.
    ///
    /// # Errors
    /// If a text is too long, the scale has no sense, or the measure to change is unknown.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        LABEL.check(&self.label)?;
        UNIT.check_opt(self.unit.as_deref())?;
        LOW.check_opt(self.low_label.as_deref())?;
        HIGH.check_opt(self.high_label.as_deref())?;
        scale(self.min, self.max, self.step)?;
        let replaces = match self.measure {
            None => Vec::new(),
            Some(id) => plan
                .measure_state(id)
                .ok_or(InputError::UnknownMeasure(id))?
                .chain
                .heads(),
        };
        text::check_count("versions to replace", replaces.len(), text::LINK_LIMIT)?;
        let measure = Measure {
            kind: Kind::Measure,
            at: write_instant(stamp.at)?,
            of: self.measure,
            replaces,
            label: self.label.clone(),
            min: self.min,
            max: self.max,
            step: self.step,
            unit: self.unit.clone(),
            low_label: self.low_label.clone(),
            high_label: self.high_label.clone(),
        };
        write(&measure, stamp)
    }
}

/// A measure.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MeasureView {
    /// The measure.
    pub id: MeasureId,
    /// What is rated or counted.
    pub label: String,
    /// The smallest rating.
    pub min: i32,
    /// The largest rating.
    pub max: i32,
    /// The distance between two ratings.
    pub step: i32,
    /// The unit of quantities.
    pub unit: Option<String>,
    /// What `min` means.
    pub low_label: Option<String>,
    /// What `max` means.
    pub high_label: Option<String>,
    /// Versions that contradict each other; the one with the lower id is shown here. Empty when
    /// people agree.
    pub conflict: Vec<RecordId>,
}

/// The versions of one measure.
#[derive(Clone, Debug)]
pub(crate) struct MeasureState {
    pub(crate) versions: Vec<RecordId>,
    pub(crate) chain: Chain,
}

impl MeasureState {
    /// The version that is shown.
    pub(crate) fn current(&self) -> Option<RecordId> {
        self.chain.heads().first().copied()
    }

    /// Whether a version admits the rating.
    pub(crate) fn admits(&self, records: &Records, value: i32) -> bool {
        let mut versions = self
            .versions
            .iter()
            .filter_map(|id| records.get::<Measure>(*id));
        versions.any(|version| version.record.admits(value))
    }

    /// The measure as an app sees it.
    pub(crate) fn view(&self, id: MeasureId, records: &Records) -> Option<MeasureView> {
        let heads = self.chain.heads();
        let measure = records.get::<Measure>(self.current()?)?.record;
        Some(MeasureView {
            id,
            label: measure.label.clone(),
            min: measure.min,
            max: measure.max,
            step: measure.step,
            unit: measure.unit.clone(),
            low_label: measure.low_label.clone(),
            high_label: measure.high_label.clone(),
            conflict: if heads.len() > 1 { heads } else { Vec::new() },
        })
    }
}

impl Plan {
    /// Checks a rating that somebody wants to write against the scale that is shown.
    pub(crate) fn check_rating(&self, rating: Rating) -> Result<(), InputError> {
        let Rating { measure, value } = rating;
        let scale = self
            .scale(measure)
            .ok_or(InputError::UnknownMeasure(measure))?;
        let (min, max, step) = (scale.min, scale.max, scale.step);
        if !(min..=max).contains(&value) {
            return Err(InputError::RatingOutside {
                measure,
                value,
                min,
                max,
            });
        }
        match scale.admits(value) {
            true => Ok(()),
            false => Err(InputError::RatingOffStep {
                measure,
                value,
                min,
                step,
            }),
        }
    }
}

/// Whether a version of its measure admits a rating that was read. Of a measure that is forgotten
/// nobody knows.
pub(crate) fn admitted(plan: &Records, rating: Rating) -> bool {
    let is_of = |entry: &Entry<'_, Measure>| entry.record.measure(entry.id) == rating.measure;
    let mut versions = plan.of::<Measure>().filter(is_of);
    versions.any(|version| version.record.admits(rating.value))
        || plan.may_have_forgotten(rating.measure.record())
}

fn scale(min: i32, max: i32, step: i32) -> Result<(), InputError> {
    let limit = SCALE_LIMIT;
    outside("smallest rating", min, -limit, limit - 1)?;
    outside("largest rating", max, min + 1, limit)?;
    outside("step", step, 1, max - min)?;
    match (max - min) % step {
        0 => Ok(()),
        _ => Err(InputError::Needs {
            field: "step",
            needs: "a largest rating that lies on one",
        }),
    }
}

fn outside(field: &'static str, value: i32, min: i32, max: i32) -> Result<(), InputError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(InputError::Outside {
            field,
            value: value.into(),
            min: min.into(),
            max: max.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, mood, therapist};

    #[test]
    fn a_measure_keeps_its_id_when_it_changes() {
        let mut space = Space::default();
        let id: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
        let wider = NewMeasure {
            measure: Some(id),
            max: 20,
            ..mood()
        };
        space.put(therapist(), |p, s| wider.record(p, s));
        let measures = space.plan().measures();
        assert_eq!(measures.len(), 1);
        assert_eq!((measures[0].id, measures[0].max), (id, 20));
    }

    #[test]
    fn two_changes_offline_are_shown_and_every_device_takes_the_same() {
        let mut space = Space::default();
        let id: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
        let mut tablet = space.clone();
        let (five, seven) = (
            NewMeasure {
                measure: Some(id),
                max: 5,
                ..mood()
            },
            NewMeasure {
                measure: Some(id),
                max: 7,
                ..mood()
            },
        );
        let first = space.put(client(), |p, s| five.record(p, s));
        let second = tablet.put(therapist(), |p, s| seven.record(p, s));
        space.merge(&tablet);
        let shown = space.plan().measures().remove(0);
        assert_eq!(shown.conflict.len(), 2);
        assert_eq!(shown.max, if first < second { 5 } else { 7 });
    }

    #[test]
    fn a_scale_without_sense_is_refused() {
        let space = Space::default();
        for (wrong, error) in [
            (
                NewMeasure { min: 10, ..mood() },
                "largest rating 10 is outside 11–1000000",
            ),
            (NewMeasure { step: 0, ..mood() }, "step 0 is outside 1–10"),
            (
                NewMeasure { step: 3, ..mood() },
                "step needs a largest rating that lies on one",
            ),
            (
                NewMeasure {
                    min: i32::MIN,
                    ..mood()
                },
                "smallest rating -2147483648 is outside -1000000–999999",
            ),
            (
                NewMeasure {
                    label: "  ".into(),
                    ..mood()
                },
                "label is empty",
            ),
        ] {
            assert_eq!(
                space
                    .refused(client(), |p, s| wrong.record(p, s))
                    .to_string(),
                error
            );
        }
    }
}

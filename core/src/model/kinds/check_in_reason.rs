//! Why a check-in mattered: in the client's own words, and by which values. It stands beside the
//! check-in, on the same day, because a check-in never changes.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::{CheckInId, RecordId};
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link, Place};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField, check_count};
use crate::role::Role;

const WHY: TextField = TextField::optional("why", STATEMENT_LIMIT);
/// Values at most.
const VALUE_LIMIT: usize = 20;

/// Why a check-in mattered. It says something: why, or at least one value.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct CheckInReason {
    /// The check-in.
    #[n(0)]
    pub check_in: CheckInId,
    /// In the client's own words, at most 500 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub why: Option<String>,
    /// The values that it served, up to 20.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub values: Vec<RecordId>,
}

impl Fields for CheckInReason {
    const KIND: Kind = Kind::CheckInReason;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "say why it mattered";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::ByAuthor;
    const PLACE: Place = Place::Log;

    fn check(&self) -> Result<(), InputError> {
        WHY.check_opt(self.why.as_deref())?;
        check_count("values", self.values.len(), VALUE_LIMIT)?;
        let is_silent = self.why.as_deref().is_none_or(|why| why.trim().is_empty());
        match is_silent && self.values.is_empty() {
            true => Err(InputError::Empty { field: "why" }),
            false => Ok(()),
        }
    }

    fn links(&self) -> Vec<Link> {
        let values = self.values.iter().map(|value| Link::to(*value, &[]));
        let check_in = Link::about(self.check_in, &[]);
        [check_in].into_iter().chain(values).collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        use crate::model::testing::client;
        use crate::model::{NewCheckIn, Outcome, Value};
        let goal = space.goal(client());
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        let check_in = space.put(client(), |p, s| check_in.record(p, None, s));
        let value = Value::sample(space);
        let value = space.put(client(), |p, s| p.add(&value, None, s));
        Self {
            check_in: check_in.into(),
            why: Some("For my children".into()),
            values: vec![value],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reason that says nothing would count a check-in as one that has one.
    #[test]
    fn it_says_why_or_names_a_value() {
        let mut reason = CheckInReason {
            check_in: RecordId([1; 16]).into(),
            why: Some(" ".into()),
            values: Vec::new(),
        };
        assert_eq!(reason.check().unwrap_err().to_string(), "why is empty");
        reason.values = vec![RecordId([2; 16])];
        assert_eq!(reason.check(), Ok(()));
        reason.values = vec![RecordId([2; 16]); 21];
        let error = reason.check().unwrap_err();
        assert_eq!(error.to_string(), "21 values, at most 20 are allowed");
    }
}

//! A step of an action plan: what, when, where, and how far it is. Its statuses are those that FHIR R4
//! has for an activity of a care plan.

use chrono::NaiveDate;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::{DAY_MINUTES, between_opt, date_opt};
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{LABEL_LIMIT, STATEMENT_LIMIT, TextField};
use crate::model::{cbor, json};

const WHAT: TextField = TextField::required("step", STATEMENT_LIMIT);
const PLACE: TextField = TextField::optional("place", LABEL_LIMIT);

codes! {
    /// How far a step is: FHIR R4 `care-plan-activity-status`, code by code.
    StepStatus {
        /// Given up before it was begun.
        Cancelled = 6 "cancelled",
        /// Done.
        Completed = 5 "completed",
        /// Written by mistake.
        EnteredInError = 9 "entered-in-error",
        /// Being done.
        InProgress = 3 "in-progress",
        /// Not begun.
        NotStarted = 1 "not-started",
        /// Paused.
        OnHold = 4 "on-hold",
        /// A time was set for it.
        Scheduled = 2 "scheduled",
        /// Ended on the way.
        Stopped = 7 "stopped",
        /// Nobody can say.
        Unknown = 8 "unknown",
    }
}

/// A step on the way to a goal.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct ActionStep {
    /// What is to be done, 1 to 500 characters.
    #[n(0)]
    pub what: String,
    /// The goal that it leads to.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// How far it is.
    #[n(2)]
    pub status: StepStatus,
    /// The local date by which it is to be done.
    #[n(3)]
    #[cbor(with = "cbor::date", has_nil)]
    #[serde(serialize_with = "json::date_opt")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub due: Option<NaiveDate>,
    /// Where, at most 100 characters.
    #[n(4)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub place: Option<String>,
    /// How long it may take, 1 to 1,440 minutes.
    #[n(5)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub minutes: Option<u16>,
}

impl Fields for ActionStep {
    const KIND: Kind = Kind::ActionStep;
    const KEYS: u64 = 6;
    const ACTION: &'static str = "plan a step";

    fn check(&self) -> Result<(), InputError> {
        WHAT.check(&self.what)?;
        PLACE.check_opt(self.place.as_deref())?;
        date_opt("due", self.due)?;
        between_opt("minutes", self.minutes, 1, DAY_MINUTES.into())
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            what: "Find a quiet place".into(),
            goal: Some(goal),
            status: StepStatus::Scheduled,
            due: Some(crate::model::testing::day(9)),
            place: Some("at home".into()),
            minutes: Some(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step would leave for a record of care under a status that nobody gave it.
    #[test]
    fn statuses_are_those_of_fhir_r4() {
        let mut codes: Vec<_> = StepStatus::ALL.iter().map(|s| s.as_str()).collect();
        codes.sort_unstable();
        let r4 = [
            "cancelled",
            "completed",
            "entered-in-error",
            "in-progress",
            "not-started",
            "on-hold",
            "scheduled",
            "stopped",
            "unknown",
        ];
        assert_eq!(codes, r4);
    }
}

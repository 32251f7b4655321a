//! When a therapist has a say in a plan.

use std::collections::BTreeSet;

use chrono::NaiveDate;

/// When a therapist has a say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TherapistsSay {
    /// From this date on, if at all.
    pub(crate) since: Option<NaiveDate>,
    /// From the first date to before the second, in spaces that the plan was copied from.
    pub(crate) earlier: BTreeSet<(NaiveDate, NaiveDate)>,
}

impl TherapistsSay {
    /// Whether one has a say on a date.
    pub(crate) fn is_on(&self, date: NaiveDate) -> bool {
        let mut earlier = self.earlier.iter();
        self.since.is_some_and(|since| since <= date)
            || earlier.any(|(from, until)| *from <= date && date < *until)
    }
}

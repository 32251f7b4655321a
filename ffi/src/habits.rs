//! Habits: the order of a day; and what follows from single items.

use std::sync::Arc;

use waymark_core::catalogue::Language;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{Activity, IfThen, RoutineView};

use crate::session::Session;

/// The habits of plans and what follows from them. They are written as items.
#[derive(uniffi::Object)]
pub struct Habits(pub(crate) Arc<Session>);

#[uniffi::export]
impl Habits {
    /// The habits in the order of a day, with the rings in which they hang on each other.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn routine(&self, plan: PlanId) -> Result<RoutineView, WaymarkError> {
        self.0.call(|c| c.habits().routine(plan))
    }
}

/// How much more mastery there was in an activity than expected, −10 to 10; none where one of both
/// is not said.
#[uniffi::export]
pub fn mastery_gain(activity: Activity) -> Option<i8> {
    activity.mastery_gain()
}

/// How much more pleasure there was in an activity than expected, −10 to 10; none where one of both
/// is not said.
#[uniffi::export]
pub fn pleasure_gain(activity: Activity) -> Option<i8> {
    activity.pleasure_gain()
}

/// An if-then plan as a sentence in a language: "If it rains, then I will dance".
#[uniffi::export]
pub fn if_then_sentence(language: Language, if_then: IfThen) -> String {
    if_then.sentence(language)
}

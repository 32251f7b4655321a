//! Habits: the order of a day.

use std::sync::Arc;

use super::{Inner, PlanId, WaymarkError};
use crate::model::RoutineView;

/// The habits of a plan and what follows from them. They are written as [items](super::Items).
#[derive(Clone, Copy)]
pub struct Habits<'c>(pub(super) &'c Arc<Inner>);

impl Habits<'_> {
    /// The habits in the order of a day, with the rings in which they hang on each other.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn routine(&self, plan: PlanId) -> Result<RoutineView, WaymarkError> {
        Ok(super::Goals(self.0).fold(plan)?.routine())
    }
}

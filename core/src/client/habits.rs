//! Habits: the order of a day.

use std::sync::Arc;

use super::{Inner, PlanId, WaymarkError, space_of};
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
        let inner = &mut *self.0.shared.lock();
        let folded = self.0.views.plan(&mut inner.engine, space_of(plan))?;
        Ok(folded.routine())
    }
}

//! Having something forgotten by everybody.

use std::sync::Arc;

use waymark_core::client::{ForgetPreview, Forgettable, GivenUpView, PlanId, WaymarkError};

use crate::session::Session;

/// Having something forgotten by everybody, and what of this device's own words went with what others
/// had forgotten.
#[derive(uniffi::Object)]
pub struct Forgetting(pub(crate) Arc<Session>);

#[uniffi::export]
impl Forgetting {
    /// What [`Forgetting::forget`] would have everybody forget, as far as this device has read: for the
    /// person to see first. Nothing is done.
    ///
    /// # Errors
    /// `not_found` for an unknown plan or item, `not_allowed` where this person does not lead the plan
    /// or it is closed, `invalid_input` where nothing is named, `locked`, or the storage's.
    pub fn preview(
        &self,
        plan: PlanId,
        items: Vec<Forgettable>,
    ) -> Result<ForgetPreview, WaymarkError> {
        self.0.call(|c| c.forgetting().preview(plan, &items))
    }

    /// Has everybody forget these and all that belongs to them, with the next sync. Each device rewrites
    /// what it holds; the relay lets go of what it keeps once another person's device has seen that the
    /// rest is there, after thirty days at the latest. What somebody has read, they may have kept.
    ///
    /// # Errors
    /// As [`Forgetting::preview`]; nothing is done then.
    pub fn forget(
        &self,
        plan: PlanId,
        items: Vec<Forgettable>,
    ) -> Result<ForgetPreview, WaymarkError> {
        self.0.call(|c| c.forgetting().forget(plan, &items))
    }

    /// Whether something is to be forgotten here and is not yet: it happens with a sync.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn is_pending(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        self.0.call(|c| c.forgetting().is_pending(plan))
    }

    /// What of this device's words, which nobody had yet, went with what others had forgotten. What
    /// they said is not kept.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn given_up(&self, plan: PlanId) -> Result<Vec<GivenUpView>, WaymarkError> {
        self.0.call(|c| c.forgetting().given_up(plan))
    }

    /// The person has seen what went: it is listed no more.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn dismiss_given_up(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.forgetting().dismiss_given_up(plan))
    }
}

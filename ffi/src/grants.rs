//! Grants: what for and how long somebody may read a plan.

use chrono::NaiveDate;
use waymark_core::client::{GrantView, PlanId, WaymarkError};
use waymark_core::model::{GrantId, PersonTag};

use crate::People;

#[uniffi::export]
impl People {
    /// Every grant that was ever given in a plan, oldest first, also those that are over.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn grants(&self, plan: PlanId) -> Result<Vec<GrantView>, WaymarkError> {
        self.0.call(|c| c.people().grants(plan))
    }

    /// Grants a member of a plan that they read it, from today on, for a purpose of 1 to 500
    /// characters, to the end of a day or until it is withdrawn. It adds nobody. Once all grants of
    /// a person are over, the next of the client's devices that syncs removes the person from the
    /// plan. What was received before stays with the receiver.
    ///
    /// `until` is the last day, which still counts.
    ///
    /// # Errors
    /// `invalid_input` where nobody in the plan has this tag, or the purpose or the last day is out
    /// of bounds; `not_allowed` for anybody but the client, and for one's own tag; `not_found`,
    /// `locked`, or the storage's.
    #[uniffi::method(default(until = None))]
    pub fn grant(
        &self,
        plan: PlanId,
        person: PersonTag,
        purpose: String,
        until: Option<NaiveDate>,
    ) -> Result<GrantId, WaymarkError> {
        self.0
            .call(|c| c.people().grant(plan, person, &purpose, until))
    }

    /// Takes a grant back. Where it was the person's last, the person is removed from the plan with
    /// the next sync. What was received before stays with the receiver.
    ///
    /// # Errors
    /// `not_found` where the plan has no such grant, `not_allowed` where somebody else gave it,
    /// `locked`, or the storage's.
    pub fn withdraw_grant(&self, plan: PlanId, id: GrantId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().withdraw_grant(plan, id))
    }
}

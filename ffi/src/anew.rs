//! Beginning anew: "from now on", and from the therapist's copy.

use waymark_core::client::{Keep, OfferView, PlanId, WaymarkError};
use waymark_core::model::PersonTag;

use crate::People;

#[uniffi::export]
impl People {
    /// Founds a plan that goes on in the place of another: "from now on". Whoever is invited into it
    /// reads what `keep` takes along, and nothing else of the old one. Everybody who is in the old
    /// one is brought along with the next syncs, and then the old one is closed: it stays readable
    /// to those who were in it. The settings of the plan and the grants come along.
    ///
    /// # Errors
    /// `not_found`, also for a goal; `not_allowed` for anybody but the client, and where the plan is
    /// closed or was followed by another already; `locked`, or the storage's.
    pub fn begin_anew(&self, plan: PlanId, keep: Keep) -> Result<PlanId, WaymarkError> {
        self.0.call(|c| c.people().begin_anew(plan, &keep))
    }

    /// Offers the client of a plan a copy of another plan that this device holds: of everything that
    /// counts there, with whose it was. It is for a client who lost the old one and comes anew; that
    /// it is the same person is for the therapist to know. It can be offered again when there is
    /// more.
    ///
    /// # Errors
    /// `not_found` for either plan; `not_allowed` for anybody but a therapist of both, and where
    /// `to` is closed; `locked`, or the storage's.
    pub fn offer_copy(&self, of: PlanId, to: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().offer_copy(of, to))
    }

    /// The copies of other plans that therapists offer here.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn offers(&self, plan: PlanId) -> Result<Vec<OfferView>, WaymarkError> {
        self.0.call(|c| c.people().offers(plan))
    }

    /// Takes over what somebody offers: from now on it counts in this plan as what it was in the
    /// other one. Says how many records came.
    ///
    /// # Errors
    /// `not_found` where this person offers nothing; `not_allowed` for anybody but the client, and
    /// where the plan is closed; `locked`, or the storage's.
    pub fn take_over(&self, plan: PlanId, person: PersonTag) -> Result<u32, WaymarkError> {
        self.0.call(|c| c.people().take_over(plan, person))
    }
}

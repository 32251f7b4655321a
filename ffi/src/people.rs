//! People: who shares what with whom. How that is seen and taken back is in `members`, what for and
//! how long in `grants`, how a plan goes on in the place of another in `anew`, what is left when every
//! device is lost in `recovery`.

use std::sync::Arc;

use waymark_core::client::{PlanId, PlanSummary, WaymarkError};
use waymark_core::membership::SpaceKind;

use crate::session::Session;

/// Who shares what. A client begins, creates a plan, and adds a therapist's device by its card; the
/// therapist's device accepts the welcome that comes back. A person's own second device does the
/// same.
#[derive(uniffi::Object)]
pub struct People(pub(crate) Arc<Session>);

#[uniffi::export]
impl People {
    /// Begins as a new person with this device. A device of somebody who has begun elsewhere hands
    /// over a card instead.
    ///
    /// # Errors
    /// `invalid_input` for a name that is empty or over 100 characters, `not_allowed` where the
    /// device has begun already, `locked`, or the storage's.
    pub fn begin(&self, name: String, device_name: String) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().begin(&name, &device_name))
    }

    /// Creates a plan of one's own, which nobody else reads until somebody is added.
    ///
    /// # Errors
    /// `not_allowed` where the device has not begun, `locked`, or the storage's.
    pub fn create_plan(&self) -> Result<PlanId, WaymarkError> {
        self.0.call(|c| c.people().create_plan())
    }

    /// Creates a space of one's own: a plan, a support space for one supporter or guardian, or a
    /// circle. Nobody else reads it until somebody is added.
    ///
    /// # Errors
    /// `invalid_input` for other kinds of space, `not_allowed` where the device has not begun,
    /// `locked`, or the storage's.
    pub fn create_space(&self, kind: SpaceKind) -> Result<PlanId, WaymarkError> {
        self.0.call(|c| c.people().create_space(kind))
    }

    /// The plans that this device is in or was welcomed to, oldest first.
    ///
    /// # Errors
    /// `locked`.
    pub fn plans(&self) -> Result<Vec<PlanId>, WaymarkError> {
        self.0.call(|c| Ok(c.people().plans()))
    }

    /// Every plan with what it asks for today, in the order in which this device came to know them:
    /// for whoever looks after many. It reads no plan that has not changed since the last time.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn summaries(&self) -> Result<Vec<PlanSummary>, WaymarkError> {
        self.0.call(|c| c.people().summaries())
    }

    /// The spaces of a kind that this device is in or was welcomed to, oldest first.
    ///
    /// # Errors
    /// `locked`.
    pub fn spaces(&self, kind: SpaceKind) -> Result<Vec<PlanId>, WaymarkError> {
        self.0.call(|c| Ok(c.people().spaces(kind)))
    }

    /// This device's card, to hand to whoever adds it: fresh keys and the names.
    ///
    /// # Errors
    /// `invalid_input` for a name that is empty or over 100 characters, `locked`, or the storage's.
    pub fn card(&self, name: String, device_name: String) -> Result<Vec<u8>, WaymarkError> {
        self.0.call(|c| c.people().card(&name, &device_name))
    }

    /// Adds a therapist's device to a plan. It happens with the next sync; then there is a welcome
    /// to hand back.
    ///
    /// # Errors
    /// `bad_card`, `not_found`; `not_allowed` where this is not the client's device or the other
    /// one is in already; `locked`, or the storage's.
    pub fn add_therapist(&self, plan: PlanId, card: Vec<u8>) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().add_therapist(plan, &card))
    }

    /// Adds another device of this person to every plan. It happens with the next sync; then there
    /// is a welcome to hand back.
    ///
    /// # Errors
    /// `bad_card` also where the card has too few keys; `not_allowed`, `locked`, or the storage's.
    pub fn add_own_device(&self, card: Vec<u8>) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().add_own_device(&card))
    }

    /// What to hand back to a device that was added, once the relay's log shows it; nothing before
    /// that.
    ///
    /// # Errors
    /// `bad_card`, `locked`, or the storage's.
    pub fn welcome(&self, card: Vec<u8>) -> Result<Option<Vec<u8>>, WaymarkError> {
        self.0.call(|c| c.people().welcome(&card))
    }

    /// Accepts a welcome: this device is in the plans that it names, and reads them with the next
    /// sync.
    ///
    /// # Errors
    /// `bad_card` where the welcome cannot be read or is not for a card of this device; `locked`,
    /// or the storage's.
    pub fn accept(&self, welcome: Vec<u8>) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().accept(&welcome))
    }
}

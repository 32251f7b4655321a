//! Undoing what one device wrote.

use chrono::NaiveDate;
use waymark_core::client::{PlanId, UndoneDevice, WaymarkError};

use crate::People;

#[uniffi::export]
impl People {
    /// Undoes what one device wrote in a plan and its logs, by the device's number there: since a
    /// day, or all of it, and everything that it writes from now on. It replaces what was undone of
    /// that device before.
    ///
    /// The day is as the device itself stamped its records. Edits of texts bear no date: those behind
    /// the device's last record before that day are undone. Who may read does not change.
    ///
    /// # Errors
    /// `not_found`, also for a number that nobody has or had; `not_allowed` for anybody but the
    /// client, for this device itself, and where the plan is closed; `locked`, or the storage's.
    #[uniffi::method(default(since = None))]
    pub fn undo_device(
        &self,
        plan: PlanId,
        number: u16,
        since: Option<NaiveDate>,
    ) -> Result<UndoneDevice, WaymarkError> {
        self.0.call(|c| c.people().undo_device(plan, number, since))
    }

    /// Lets count again what a device wrote, all of it: what [`People::undo_device`] undid.
    ///
    /// # Errors
    /// `not_found`, also where nothing of this device's is undone; `not_allowed` for anybody but the
    /// client, and where the plan is closed; `locked`, or the storage's.
    pub fn redo_device(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().redo_device(plan, number))
    }

    /// The devices of which something is undone in a plan, oldest first.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn undone_devices(&self, plan: PlanId) -> Result<Vec<UndoneDevice>, WaymarkError> {
        self.0.call(|c| c.people().undone_devices(plan))
    }
}

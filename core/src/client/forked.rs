//! A relay whose log undoes a removal: what a person decides about it.

use super::{People, PlanId, WaymarkError, space_of};

impl People<'_> {
    /// Follows the relay's log of a space although it goes on from before somebody was removed, and
    /// with an entry of whoever it was (the status says so, as `relay_untrusted`). Until then nothing
    /// is sent there. The removal is wanted again with it. The other way is to begin anew elsewhere.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where the log goes on as this device knows it; or the storage's.
    pub fn follow_relay(&self, plan: PlanId) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let parts = inner.engine.space_mut(&space_of(plan));
        let (space, store, _) = parts.ok_or_else(|| WaymarkError::not_found("space"))?;
        space.follow_fork(store)?;
        let number = space.number();
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(())
    }
}

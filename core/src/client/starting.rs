//! A checkpoint that not enough people have confirmed: what a person decides about it.

use super::{People, PlanId, WaymarkError, space_of};
use crate::space::SpaceError;
use crate::sync::Problem;

impl People<'_> {
    /// Starts at the checkpoint of a space that this device refuses because nobody, or somebody, says of
    /// it what it takes, and the relay has nothing else (the status says so, as `relay_untrusted`). What
    /// came before it is then on the word of whoever published it. The other way is to wait until the
    /// people of the space have published another one.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where no checkpoint was refused; or the storage's.
    pub fn start_unconfirmed(&self, plan: PlanId) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let parts = inner.engine.space_mut(&space_of(plan));
        let (space, store, _) = parts.ok_or_else(|| WaymarkError::not_found("space"))?;
        let number = space.number();
        let problem = inner.machine.status(number).problem;
        let is_refused = matches!(problem, Some(Problem::Space(SpaceError::Checkpoint { .. })));
        if !is_refused {
            let why = "this device has refused no checkpoint there";
            return Err(SpaceError::NotAllowed(why).into());
        }
        space.accept_unconfirmed(store)?;
        inner.machine.start_soon(number);
        self.0.shared.wake();
        Ok(())
    }
}

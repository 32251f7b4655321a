//! Back to the log itself. Where a newcomer started at a checkpoint whose snapshots turn out to be
//! wrong, and the relay still has the log from its first entry on, nothing that came from there is
//! believed. What this device wrote meanwhile is put aside, and takes its place again when the log was
//! read.

use super::{Space, SpaceError};
use crate::crypto::Entropy;
use crate::space::repair::doubt;
use crate::store::{Store, Transaction};

impl Space {
    /// Whether the log could be read from its start instead of from the checkpoint: this device had
    /// nothing of it before.
    #[must_use]
    pub fn may_read_anew(&self) -> bool {
        let start = self.start.as_ref();
        start.is_some_and(|start| start.row.is_new && !start.is_on_trial())
    }

    /// Has the log be read from its first entry on, whose first page is there to be taken next.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn read_anew(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        if !self.may_read_anew() {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        doubt(store, &mut transaction, self.number, false, entropy)?;
        store.commit(transaction.into())?;
        self.distrust();
        self.refresh(store)
    }
}

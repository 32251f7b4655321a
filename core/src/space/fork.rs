//! Two successors of one membership entry: the one that this device has read, which the relay lost or
//! hides, and the one that it shows now. There is one log, and it is the relay's, so the branch that
//! it shows goes on and what was wanted in the other is wanted again; with one exception. A relay could
//! otherwise undo a removal: show the log as of before, and let whoever was removed go on. So the
//! branch whose first signer is removed in the other is not followed, whoever else follows it, until a
//! person says so ([`Space::follow_fork`]).

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{MembershipBody, Op};

use super::{Space, SpaceError};
use crate::store::{Store, Transaction};

impl Space {
    /// Follows the relay's log although it undoes a removal: a person decided so.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where nothing was lost, [`SpaceError`] where the store fails.
    pub fn follow_fork(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        self.refresh(store)?;
        if self.lost.is_empty() {
            let why = "its log goes on as this device knows it";
            return Err(SpaceError::NotAllowed(why));
        }
        self.state.follows_fork = true;
        let mut transaction = Transaction::new();
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.follows_fork = false;
            return Err(error.into());
        }
        Ok(())
    }

    /// Looks at the next membership entry of the log before it is taken.
    ///
    /// # Errors
    /// [`SpaceError::Forked`] where it stands in the place of one that this device has read, and is
    /// signed by somebody who was removed there.
    pub(super) fn judge_fork(&self, store: &dyn Store, entry: &Entry) -> Result<(), SpaceError> {
        let height = entry.header().height;
        let id = entry.id(&self.state.id);
        let mut lost = self
            .lost
            .iter()
            .filter(|lost| lost.kind == Kind::Membership);
        let is_fork = lost
            .clone()
            .any(|lost| lost.height == height && lost.id != id);
        if !is_fork || self.state.follows_fork {
            return Ok(());
        }
        let signer = entry.header().device;
        let removes = |lost: &super::lost::Lost| -> Result<bool, SpaceError> {
            let own = self.own_lost(store, &lost.id)?;
            Ok(own.is_some_and(|entry| ends(&entry, signer)))
        };
        if lost.try_fold(false, |found, lost| {
            Ok::<_, SpaceError>(found || removes(lost)?)
        })? {
            return Err(SpaceError::Forked { by: signer });
        }
        Ok(())
    }
}

/// Whether an entry ends a membership against its will.
fn ends(entry: &Entry, device: DeviceNumber) -> bool {
    let body = MembershipBody::parse(entry.body());
    body.is_ok_and(|body| {
        let mut ops = body.core.ops.iter();
        entry.header().device != device && ops.any(|op| *op == Op::Remove(device))
    })
}

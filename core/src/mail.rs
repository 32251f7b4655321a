//! The invitations of this device: pairings that outlive the process, and what they come to.
//!
//! A pairing knows neither network nor database ([`crate::pairing`]). Here it is stored before
//! anything of it is sent, and led on as far as nobody has to be asked: an offer that was accepted
//! before it was seen is answered, who was compared is wanted in the space, a welcome goes out once
//! the log shows the membership, and one that comes is followed. The sync machine carries the
//! mailbox's messages.
//!
//! - [`Mail`]: the invitations that there are.
//! - [`Kept`]: one of them, with what it is about.
//! - [`upkeep`]: leads all of them on; called whenever the sync machine has nothing else to do.
//! - `cards`: the keys of cards that wait to be welcomed.

pub(crate) mod cards;
mod entering;
mod kept;
mod owner;
mod upkeep;

use std::collections::BTreeMap;

use waymark_wire::message::MailboxId;

#[cfg(feature = "http")]
pub(crate) use self::entering::kind_of;
pub use self::kept::{About, Kept};
#[cfg(feature = "http")]
pub(crate) use self::owner::has_others;
pub use self::upkeep::{Upkept, upkeep};
use crate::space::SpaceError;
use crate::store::{Store, Table, Transaction};

/// The invitations of a device, by mailbox. What is here is stored.
#[derive(Debug, Default)]
pub struct Mail {
    kept: BTreeMap<MailboxId, Kept>,
    /// Today's local date in days since 1970-01-01, as the app's clock and time zone last had it.
    pub(crate) today: Option<i32>,
}

impl Mail {
    /// Invitations that may be open at a time.
    pub const OPEN: usize = 32;

    /// What is stored.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn load(store: &dyn Store) -> Result<Self, SpaceError> {
        let mut mail = Self::default();
        // One that is damaged keeps no other from going on.
        for (_, value) in store.sift(Table::Home, PREFIX)?.rows {
            match Kept::from_bytes(&value) {
                Ok(kept) => mail.put(kept),
                Err(error) => tracing::warn!(%error, "an invitation is of a later version"),
            }
        }
        Ok(mail)
    }

    /// Every invitation, with its mailbox.
    pub fn all(&self) -> impl Iterator<Item = (&MailboxId, &Kept)> {
        self.kept.iter()
    }

    /// The invitation with this mailbox.
    #[must_use]
    pub fn get(&self, mailbox: &MailboxId) -> Option<&Kept> {
        self.kept.get(mailbox)
    }

    /// A copy to work on, which counts once it is stored ([`Kept::store`]) and put back.
    #[must_use]
    pub fn copy(&self, mailbox: &MailboxId) -> Option<Kept> {
        Kept::from_bytes(&self.kept.get(mailbox)?.to_bytes()).ok()
    }

    /// Takes over what has been stored.
    pub fn put(&mut self, kept: Kept) {
        self.kept.insert(kept.mailbox(), kept);
    }

    /// Commits a change of an invitation with what belongs to it, and takes it over.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails; nothing is changed then.
    pub fn commit(
        &mut self,
        store: &mut dyn Store,
        mut transaction: Transaction,
        kept: Kept,
    ) -> Result<(), SpaceError> {
        kept.store(&mut transaction);
        store.commit(transaction.into())?;
        self.put(kept);
        Ok(())
    }

    /// Forgets an invitation, with the keys of its card.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails; it is still there then.
    pub fn remove(&mut self, store: &mut dyn Store, mailbox: &MailboxId) -> Result<(), SpaceError> {
        if let Some(kept) = self.kept.get(mailbox) {
            let mut transaction = Transaction::new();
            kept.erase(&mut transaction);
            store.commit(transaction.into())?;
            self.kept.remove(mailbox);
        }
        Ok(())
    }
}

/// The start of the keys of invitations' rows; the mailbox follows.
const PREFIX: &[u8] = b"pairing ";

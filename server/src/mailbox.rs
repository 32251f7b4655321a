//! Where mailboxes are kept: a few sealed messages between two who share a secret and no space yet.
//! [`Mailboxes`] stands beside [`Log`](crate::log::Log) and promises less: a mailbox is gone some
//! days after it was made. What every engine has to decide alike is in [`rules`] and [`putting`], and what every
//! engine has to hold is the conformance suite beside it.

pub(crate) mod putting;
pub(crate) mod rules;

#[cfg(test)]
pub(crate) mod conformance;

use std::future::Future;

use waymark_wire::limits;
use waymark_wire::message::{MailboxId, MailboxSlot, RefusalCode};

use crate::log::LogError;

/// The mailboxes. Instants are milliseconds since the Unix epoch by the relay's clock, and a mailbox
/// whose end has come is none.
pub trait Mailboxes: Send + Sync + 'static {
    /// Puts something into a slot, and tells all that the mailbox holds then, by slot. What it tells
    /// is durable. Mailboxes that have ended are removed on the way, some at a time.
    ///
    /// # Errors
    /// [`LogError`] where it could not be done; nothing is known of the slot then.
    fn put(&self, put: Put, now: i64) -> impl Future<Output = Result<PutOutcome, LogError>> + Send;

    /// All that the mailbox holds, by slot, or `None` where there is none.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read.
    fn open(
        &self,
        mailbox: MailboxId,
        now: i64,
    ) -> impl Future<Output = Result<Option<Vec<MailboxSlot>>, LogError>> + Send;

    /// Removes mailboxes that have ended, some at a time: whether there may be more.
    ///
    /// # Errors
    /// [`LogError`] where it could not be done.
    fn sweep(&self, now: i64) -> impl Future<Output = Result<bool, LogError>> + Send;
}

/// What a [`Put`] came to: all that the mailbox holds then, or why it was not taken.
pub type PutOutcome = Result<Vec<MailboxSlot>, PutRefused>;

/// Something for one slot of a mailbox.
#[derive(Clone, Debug)]
pub struct Put {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Which slot, and what for it.
    pub slot: MailboxSlot,
    /// For how many days the mailbox is kept, where this makes it.
    pub days: u8,
    /// Whether this may make the mailbox.
    pub may_create: bool,
}

/// Why a [`Put`] was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PutRefused {
    /// A mailbox may only be made with a token of the operator's.
    #[error("making a mailbox needs a token")]
    Admission,
    /// The mailbox would hold more than it may.
    #[error("a mailbox holds at most {} bytes", limits::MAILBOX)]
    Full,
    /// Something else stands in the slot.
    #[error("something else was put into this slot before")]
    Taken,
    /// There is no such mailbox, and only slot 0 makes one.
    #[error("not found")]
    Unknown,
}

impl PutRefused {
    /// What whoever asked is told.
    #[must_use]
    pub const fn code(self) -> RefusalCode {
        match self {
            Self::Admission => RefusalCode::Admission,
            Self::Full => RefusalCode::TooLarge,
            Self::Taken => RefusalCode::MailboxTaken,
            Self::Unknown => RefusalCode::NotFound,
        }
    }
}

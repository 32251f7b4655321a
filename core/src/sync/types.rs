//! What goes in and out of the sync machine: plain data.

use waymark_wire::ids::SpaceId;
use waymark_wire::message::{MailboxId, RefusalCode};

use crate::space::{Change, SpaceError, Unfulfilled};

/// Milliseconds since the Unix epoch, UTC. The machine uses differences only.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time and so many milliseconds.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Names a request until it ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// What the machine wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Give up a request; nothing of it is to be handed in any more.
    Cancel(RequestId),
    /// POST `body` to `url`. Where the status is 200 and `streamed` is set, hand the answer in as
    /// it comes ([`super::Machine::handle_chunk`], then `handle_end`), otherwise whole
    /// (`handle_answer`).
    Request {
        /// The request's name.
        id: RequestId,
        /// The whole address.
        url: String,
        /// The body.
        body: Vec<u8>,
        /// Whether the answer comes in pieces.
        streamed: bool,
    },
}

/// What the app may want to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Others changed documents of a space.
    Changed {
        /// The space.
        space: SpaceId,
        /// The changes.
        changes: Vec<Change>,
    },
    /// A relay that had lost a part of a space's log has it again, from this device or another.
    Healed {
        /// The space.
        space: SpaceId,
        /// Its operator said that it was restored from a backup: its receipts are of a new history.
        is_restored: bool,
    },
    /// Something was forgotten, here too.
    Forgotten {
        /// The space.
        space: SpaceId,
        /// Whether something that was written here and nobody had yet went with it.
        given_up: bool,
    },
    /// The relay told two stories of a space's log, and this device keeps what proves it. Said once for
    /// each of the relay's generations; the space goes on as it can.
    Forked {
        /// The space.
        space: SpaceId,
    },
    /// Who is in a space changed, or this device can now read it.
    Membership {
        /// The space.
        space: SpaceId,
    },
    /// An invitation went on, or its mailbox's state changed.
    Pairing {
        /// Its mailbox, by which it is named.
        id: MailboxId,
    },
    /// How many spaces this device can read, of those that it knows: while it joins, both grow.
    Progress {
        /// Spaces that it can read.
        ready: usize,
        /// Spaces that it knows.
        known: usize,
    },
    /// This device was restored from a backup, or copied, or had built on words that a relay has lost for
    /// good: it becomes another member of the space than before, and what it had not sent is sent as
    /// that. The old membership stays until somebody ends it.
    Restored {
        /// The space.
        space: SpaceId,
    },
    /// A space's sync state changed.
    Status {
        /// The space.
        space: SpaceId,
    },
    /// A change of the membership that was wanted cannot be any more.
    Unfulfilled {
        /// The space.
        space: SpaceId,
        /// What was wanted, and why it cannot be.
        unfulfilled: Box<Unfulfilled>,
    },
}

/// Why a request had no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// No connection, or it broke.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The answer is longer than answers are.
    TooLarge,
}

/// Why a space is not in sync.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The relay did not answer.
    #[error("the relay cannot be reached")]
    Offline,
    /// The relay refuses.
    #[error("the relay refuses: {}", .0.name())]
    Refused(RefusalCode),
    /// The relay's log lacks what this device has seen there.
    #[error("the relay has lost entries that this device has seen")]
    RolledBack,
    /// What the relay sent is no answer of this protocol.
    #[error("the relay's answer cannot be read: {0}")]
    Garbled(String),
    /// The space refused what the relay sent, or the device's own store failed.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

/// How a space stands with its relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpaceStatus {
    /// When the relay's log was last read to its end.
    pub synced: Option<Timestamp>,
    /// Why it is not in sync, if it is not.
    pub problem: Option<Problem>,
}

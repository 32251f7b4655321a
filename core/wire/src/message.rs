//! The bodies of requests and answers: CBOR maps with integer keys, so that a later version can add
//! fields that this one skips. Space ids stand in bodies, never in paths.

mod append;
mod mailbox;
mod pull;
mod refusal;
mod status;
mod wake;

pub use self::append::{AppendAnswer, AppendRequest};
pub use self::mailbox::{MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot};
pub use self::pull::{Frame, PlacedEntry, PullRequest, PullSpace};
pub use self::refusal::{RefusalAnswer, RefusalCode};
pub use self::status::{StatusAnswer, StatusRequest};
pub use self::wake::{WakeAnswer, WakeRequest};

/// Where append requests are posted.
pub const APPEND_PATH: &str = "/v1/append";
/// Where mailbox requests are posted.
pub const MAILBOX_PATH: &str = "/v1/mailbox";
/// Where pull requests are posted.
pub const PULL_PATH: &str = "/v1/pull";
/// Where status requests are posted.
pub const STATUS_PATH: &str = "/v1/status";
/// Where wake requests are posted.
pub const WAKE_PATH: &str = "/v1/wake";

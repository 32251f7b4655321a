//! Two devices that have never met, becoming known to each other over a one-time mailbox of a
//! relay: without I/O, without a clock, and without believing the relay or the link's way.
//!
//! ```text
//! slot  by        holds
//!  0    inviter   the offer: purpose, name, end, and a commitment to nonce and card
//!  1    invited   its card and a nonce
//!  2    inviter   the card and nonce it committed to       ── both screens: 123 456
//!  3    invited   yes, signed by its card
//!  4    inviter   yes, signed by its card
//!  5    inviter   the welcome, where the inviter owns the space
//!  6    invited   the welcome, where the invited one does
//! ```
//!
//! Mailbox and keys follow from the secret in the link, so the relay reads nothing. Whoever gets
//! hold of the link *and* of the mailbox can still stand in the middle; the code that both people
//! compare tells them, because each side is bound to its part before it sees the other's: one guess
//! in a million, once. What comes after the comparison is signed by the cards that were compared,
//! so that holding the link is not enough to slip in a yes or another space. A refusal stands in the
//! next slot of who refuses; it is not signed, because whoever could forge one could as well fill
//! the slot with anything. The bytes are specified in `docs/crypto.md`.
//!
//! - [`Link`]: what is shown as a QR code, sent, or typed.
//! - [`Pairing`]: one side; says what to put or read, and is handed what the mailbox holds.
//! - [`Stage`], [`Event`], [`Ending`], [`Failure`]: where it stands and what has happened.

mod failure;
mod link;
mod machine;
mod message;
mod progress;
mod purpose;
mod reading;
mod secret;
mod short;
mod stage;
mod transcript;

pub use self::failure::{Failure, PairingError, Refusal};
pub use self::link::{Link, LinkError};
pub use self::machine::{Invitation, Pairing, Request};
pub use self::message::Offer;
pub use self::purpose::{Purpose, Side};
pub use self::secret::LinkSecret;
pub use self::short::ShortCodeError;
pub use self::stage::{Ending, Event, Stage};
pub use self::transcript::Code;

//! The relay: it puts sealed entries into one order per space, and can read none of them.
//!
//! - [`Relay`]: opens a data directory and serves; the binary `waymark-server` is this with flags.
//! - [`Config`] and [`Limits`]: what an operator may set.
//! - [`log`]: where entries are kept: the trait [`log::Log`] and SQLite behind it.
//! - [`mailbox`]: where mailboxes are kept: the trait [`mailbox::Mailboxes`], with SQLite behind it
//!   too.
//! - [`bus`]: how live readers hear that a space moved: the trait [`bus::Bus`].
//! - [`inspect`]: what an operator sees in a data directory; [`restore`]: what to do after putting a
//!   backup back.
//!
//! Inside, `node` holds what every request works with, and `http` has a file for each route.
#![forbid(unsafe_code)]

pub mod bus;
mod cache;
mod clock;
mod config;
mod data_dir;
mod http;
pub mod inspect;
pub mod log;
mod logging;
pub mod mailbox;
mod node;
mod nonce;
mod relay;
mod restore;
#[cfg(feature = "simulation")]
mod simulated;
#[cfg(test)]
mod testing;

pub use self::config::{Config, Limits};
pub use self::data_dir::OpenError;
pub use self::relay::Relay;
pub use self::restore::{Restored, restore};

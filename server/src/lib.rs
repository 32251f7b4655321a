//! The relay: it puts sealed entries into one order per space, and can read none of them.
//!
//! - [`Relay`]: opens a data directory and serves; the binary `waymark-server` is this with flags.
//! - [`Config`] and [`Limits`]: what an operator may set.
//! - [`log`]: where entries are kept: the trait [`log::Log`], and SQLite behind it or, with the feature
//!   `postgres`, PostgreSQL.
//! - [`mailbox`]: where mailboxes are kept: the trait [`mailbox::Mailboxes`], with the same behind it.
//! - [`bus`]: how live readers hear that a space moved: the trait [`bus::Bus`], within a process
//!   or, with the feature `nats`, between several.
//! - [`inspect`]: what an operator sees in a data directory; [`check`]: whether it is what the relay
//!   took; [`stats`]: how much it is; [`backup`]: a copy of it; [`restore`]: what to do after
//!   putting one back.
//!
//! Inside, `node` holds what every request works with, and `http` has a file for each route.
#![forbid(unsafe_code)]

mod admission;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "the tests beside the library use the rest")]
mod authority;
mod backup;
pub mod bus;
mod cache;
mod certificate;
mod check;
mod clock;
mod collect;
mod config;
mod data_dir;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "the tests beside the library use the rest")]
mod engines;
mod http;
pub mod inspect;
pub mod log;
mod logging;
pub mod mailbox;
mod metrics;
mod node;
mod nonce;
mod places;
mod rates;
mod relay;
mod restore;
#[cfg(feature = "postgres")]
mod shared;
#[cfg(feature = "simulation")]
mod simulated;
mod stats;
#[cfg(test)]
mod testing;
mod uses;
#[cfg(feature = "wake")]
mod wake;

pub use self::admission::{Tokens, TokensError};
pub use self::backup::{BackupError, backup};
pub use self::certificate::{Certificate, CertificateError};
pub use self::check::{LookError, check};
pub use self::collect::{CollectError, Collectable, collect, collectable};
pub use self::config::{Config, Limits};
pub use self::data_dir::OpenError;
#[cfg(feature = "postgres")]
pub use self::log::{Shards, ShardsError, StoreAddress, StoreAddressError};
pub use self::rates::RateLimits;
pub use self::relay::{Relay, Replacing};
pub use self::restore::{Restored, restore};
#[cfg(feature = "postgres")]
pub use self::shared::{
    check_shared, collect_shared, collectable_shared, restore_shared, stats_shared,
};
pub use self::stats::{SpaceSize, Stats, stats};
#[cfg(feature = "wake")]
pub use self::wake::{Gateway, GatewayError};

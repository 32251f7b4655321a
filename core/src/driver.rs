//! The only async code, and the only place that reads a clock or a random source: tokio and reqwest
//! carry out what the sync machine wants.
//!
//! - [`Driver`]: runs the machine over HTTP until it is settled, or for as long as it is told.
//! - [`Listener`]: what the app is told, from one thread of its own, never under a lock.
//! - [`SystemEntropy`], [`SystemClock`]: the system's randomness and time.

mod clock;
mod entropy;
mod http;
mod listen;
mod run;

pub use self::clock::{Clock, SystemClock};
pub use self::entropy::SystemEntropy;
pub use self::http::{Http, HttpError};
pub use self::listen::Listener;
pub use self::run::{Driver, Shared, Shares, SyncFailed};

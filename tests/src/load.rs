//! Load on a relay: what pushers and readers meet, beside what the same bytes cost without one.
//!
//! - [`Server`]: the relay's own program as a child process, and what it takes of the machine.
//! - [`Service`]: how a relay is spoken to, or the bare stream that it is measured against.
//! - [`drive`]: pushers and readers, and how long they waited.
//! - [`through_log`]: appends without HTTP, beside bare rows of the same engines.
//! - [`soak`]: a long run through a network that breaks, after which nothing may have grown or gone.
//! - [`measures`]: the rows of `docs/benchmarks.md` that come of all that.

mod bare;
mod connection;
mod drive;
mod engines;
pub mod measures;
mod process;
mod service;
pub mod soak;
mod stream;
mod through_log;
mod writer;

pub use self::connection::Connection;
pub use self::drive::{Drive, Driven, drive};
pub use self::engines::Engine;
pub use self::process::{Cpu, Server, raise_descriptors};
pub use self::service::{Service, is_loopback};
pub use self::stream::serve as serve_stream;
pub use self::through_log::appends as through_log;

//! The relay over real HTTP, in this process and as a program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is missing"
)]

mod alike;
mod append;
#[path = "../../src/authority.rs"]
mod authority;
mod bounds;
mod checking;
mod checkpoints;
mod client;
mod collecting;
mod ended;
#[cfg(feature = "nats")]
#[allow(dead_code, reason = "the tests beside the code use the rest")]
#[path = "../../src/engines.rs"]
mod engines;
mod faults;
mod flood;
mod limits;
mod live;
#[cfg(feature = "nats")]
mod lossy;
mod mailbox;
#[cfg(feature = "nats")]
mod node_faults;
#[cfg(feature = "nats")]
mod nodes;
mod process;
mod proofs;
mod pull;
mod renewal;
mod restore;
#[cfg(feature = "nats")]
mod sealed;
#[cfg(feature = "nats")]
mod shards;
#[allow(dead_code, reason = "the tests beside the code use it too")]
#[path = "../../src/testing.rs"]
mod testing;
#[cfg(feature = "wake")]
mod waking;
mod watching;
mod writers;

//! The relay over real HTTP, in this process and as a program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is missing"
)]

mod append;
mod checking;
mod checkpoints;
mod client;
mod ended;
#[cfg(feature = "nats")]
#[allow(dead_code, reason = "the tests beside the code use the rest")]
#[path = "../../src/engines.rs"]
mod engines;
mod live;
mod mailbox;
#[cfg(feature = "nats")]
mod nodes;
mod process;
mod proofs;
mod pull;
mod restore;
#[allow(dead_code, reason = "the tests beside the code use it too")]
#[path = "../../src/testing.rs"]
mod testing;

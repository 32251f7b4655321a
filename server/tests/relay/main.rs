//! The relay over real HTTP, in this process and as a program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is missing"
)]

mod append;
mod client;
mod live;
mod process;
mod proofs;
mod pull;
#[path = "../../src/testing.rs"]
mod testing;

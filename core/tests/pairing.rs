//! Pairing between two devices that have only a link and a relay that may lie.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of it is a test"
)]

#[path = "pairing/flows.rs"]
mod flows;
#[path = "pairing/lies.rs"]
mod lies;
#[path = "pairing/middle.rs"]
mod middle;
#[path = "pairing/refusals.rs"]
mod refusals;
#[path = "pairing/support.rs"]
mod support;

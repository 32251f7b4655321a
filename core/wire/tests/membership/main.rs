//! The rules that relay and devices run over membership entries.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod basics;
mod closing;
mod epochs;
mod forgetting;
mod phrase;
mod properties;
mod removal;
mod support;

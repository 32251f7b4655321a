//! Invitations over a real relay: from the link to the first shared plan, and everything that may
//! come between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

#[path = "invitations/endings.rs"]
mod endings;
#[path = "invitations/flows.rs"]
mod flows;
#[path = "invitations/misuse.rs"]
mod misuse;
#[path = "invitations/relays.rs"]
mod relays;
#[path = "invitations/support.rs"]
mod support;
#[path = "invitations/supporters.rs"]
mod supporters;

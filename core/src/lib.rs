//! Waymark's core: goals that a client and a therapist share, kept offline first, encrypted end to
//! end, and merged without loss.
//!
//! An edit's way to another screen:
//!
//! ```text
//! client ── facade ─▶ model ─▶ gate ─▶ store          durable, offline
//!                       │
//!                     space ── seals ─▶ sync ─▶ driver ─▶ relay
//!                                                           │
//! client ◀─ change ── model ◀─ gate ◀─ space ◀─ sync ◀─ driver ◀─┘
//! ```
//!
//! - [`client`]: the facade that an app sees; begin there.
//! - [`model`]: the domain: records, chains, texts, views.
//! - [`catalogue`]: texts and templates that ship with the engine.
//! - [`ids`]: the names of records and texts.
//! - [`forgotten`]: which of them are forgotten.
//! - [`gate`]: the checks on every byte before Automerge sees it; the batch codec.
//! - [`crypto`]: membership keys, sealing, HPKE.
//! - [`membership`]: who is in a space, contact cards, welcomes.
//! - [`pairing`]: two devices become known to each other, over a mailbox.
//! - [`mail`]: invitations, and what they come to.
//! - [`recovery`]: the recovery phrase and what can be reached with it alone.
//! - [`store`]: the device's database.
//! - [`succession`]: a space that goes on in the place of another.
//! - [`space`]: one space on one device.
//! - [`engine`]: all of a device's spaces.
//! - [`equivocation`]: proof that a member's device wrote two changes under one number.
//! - [`sync`]: the sync state machine, without I/O.
//! - [`driver`]: the only async code.
#![cfg_attr(not(feature = "uniffi"), forbid(unsafe_code))]

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!("waymark_core");

pub mod catalogue;
#[cfg(feature = "http")]
pub mod client;
pub mod crypto;
#[cfg(feature = "http")]
pub mod driver;
pub mod engine;
pub mod equivocation;
pub mod forgotten;
pub mod gate;
pub mod home;
pub mod ids;
pub mod mail;
pub mod membership;
pub mod model;
pub mod pairing;
pub mod recovery;
pub mod role;
pub mod space;
pub mod store;
pub mod succession;
pub mod sync;

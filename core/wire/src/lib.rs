//! The protocol that Waymark devices and relays speak. The relay links this crate and nothing else
//! of ours, so whatever a relay can know or enforce stands here, and nothing that opens an entry.
//!
//! - [`ids`]: spaces, entries, devices, persons: the names of things.
//! - [`limits`]: every length that the protocol bounds; part of its version.
//! - [`codec`]: CBOR (RFC 8949) as this protocol uses it, and CBOR sequences (RFC 8742).
//! - [`strict`]: the one form of CBOR in which something is signed or hashed.
//! - [`padding`]: which sizes a sealed text may have.
//! - [`signature`]: Ed25519 keys, and which of them are refused.
//! - [`entry`]: the fixed layout of one item in a space's log.
//! - [`ack`]: what a member tells the others about what it holds.
//! - [`checkpoint`]: a place in the log from which a newcomer may start.
//! - [`chain`]: the hash over a log that lets a device prove what it has seen.
//! - [`membership`]: the public part of membership entries and the rules that both sides enforce.
//! - [`proof`] and [`receipt`]: how a reader shows who it is, and what a relay commits itself to.
//! - [`evidence`]: what proves that a relay told two stories.
//! - [`message`]: the bodies of requests and answers.
//!
//! `docs/protocol.md` says the same in prose and CDDL, with vectors.
#![forbid(unsafe_code)]

pub mod ack;
pub mod chain;
pub mod checkpoint;
pub mod codec;
pub mod entry;
pub mod evidence;
pub mod ids;
pub mod limits;
pub mod membership;
pub mod message;
pub mod padding;
pub mod proof;
pub mod receipt;
pub mod signature;
pub mod strict;

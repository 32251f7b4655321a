//! The public part of membership entries: who is in a space, with which keys and rights. Relays and
//! devices run the same rules over it ([`Membership`]), and neither takes the other's word.
//!
//! The body of a `membership` entry is
//! `length of the core 4 · core (CBOR) · commitment 32 · sealed private part`.
//! Names, roles and relays stand in the private part, which only members can open.

mod core;
mod error;
mod op;
mod rules;
mod state;

pub use self::core::{BodyError, Core, MembershipBody, SealedKey};
pub use self::error::{KeyRefusal, MembershipError, Refusal};
pub use self::op::{Add, NewAgreementKey, Op, Rights};
pub use self::state::{Member, Membership};

/// Bytes of the commitment before a sealed private part.
pub const COMMITMENT: usize = 32;
/// Bytes of an X-Wing public key, the attachment that an `add` names, and a `rotate` that renews its
/// signer's.
pub const AGREEMENT_KEY: usize = 1_216;
/// Bytes of a sealed epoch key, the attachment that a [`SealedKey`] names.
pub const SEALED_KEY: usize = 1_168;
/// The HPKE suite with X-Wing (KEM 0x647a), HKDF-SHA-256 and ChaCha20-Poly1305.
pub const SUITE_XWING: u8 = 1;

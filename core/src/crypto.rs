//! The keys of a membership and everything that is sealed with them.
//!
//! ```text
//! membership keys ── Ed25519 seed ──▶ signatures under entries          (keys)
//!               └── X-Wing seed ────▶ opens the epoch keys sent to it   (keys, epoch)
//! epoch key ── HKDF per entry ──────▶ the one-off key of an entry       (seal)
//! storage key ── HKDF per database ─▶ the key of the device's own rows  (storage)
//!            └── HKDF ─────────────▶ the key of what extensions drop    (dropped)
//! ```
//!
//! AEAD, HKDF, HMAC, SHA-256 and Ed25519 come from `ring`; HPKE with X-Wing from `hpke`, because
//! `ring` has neither ML-KEM nor an X25519 key that lives longer than one exchange. The exact bytes
//! are specified in `docs/crypto.md`.
//!
//! Nothing here reads a random source: whoever needs randomness passes an [`Entropy`].

mod agreement;
mod dropped;
mod entropy;
mod epoch;
mod error;
mod keys;
mod seal;
mod secret;
mod storage;

pub use agreement::{AGREEMENT_KEY_LEN, AgreementPublicKey, AgreementSecretKey};
pub use dropped::DropKey;
pub use entropy::{Entropy, SeededEntropy};
pub use epoch::{
    EpochInfo, EpochKey, SEALED_EPOCH_KEY_LEN, SUITE_XWING, open_epoch_key, seal_epoch_key,
};
pub use error::CryptoError;
pub use keys::{MEMBERSHIP_KEYS_LEN, MembershipKeys};
pub(crate) use seal::hkdf;
pub use seal::{
    EntryKey, HEADER_LEN, ROSTER_OVERHEAD, SEAL_OVERHEAD, entry_key, open, open_alone, open_roster,
    seal, seal_roster,
};
pub use secret::Secret;
pub use storage::{DATABASE_SALT_LEN, STORAGE_OVERHEAD, StorageKey};

//! Sealing what an app's own extensions leave for it.

use std::fmt;

use crate::crypto::seal::hkdf;
use crate::crypto::storage::{open_under, seal_under};
use crate::crypto::{CryptoError, Entropy, Secret};

/// The key of the drop box, which follows from the app's storage key. Extensions hold it; it opens
/// nothing of the database.
///
/// Every intent gets a random 96-bit nonce, and there are a few a day.
pub struct DropKey(Secret<32>);

impl DropKey {
    /// The drop box's key of this storage key.
    ///
    /// # Errors
    /// None that 32 bytes can cause; the key library's signature asks for one.
    pub fn derive(storage_key: &[u8; 32]) -> Result<Self, CryptoError> {
        let key = hkdf::<32>(&[], storage_key, INFO)?;
        Secret::from_slice("drop box key", key.as_slice()).map(Self)
    }

    /// A copy of the key itself, to hand to extensions.
    ///
    /// # Errors
    /// As [`DropKey::derive`].
    pub fn copied(&self) -> Result<Secret<32>, CryptoError> {
        Secret::from_slice("drop box key", self.0.expose())
    }

    /// Seals an intent: nonce ‖ sealed text ‖ tag.
    ///
    /// # Errors
    /// [`CryptoError::TooLong`] from 256 GiB on.
    pub fn seal(&self, text: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, CryptoError> {
        seal_under(self.0.expose(), INFO, text, entropy)
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`CryptoError::NotOpened`] where it was altered, cut, or sealed under another key.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        open_under(self.0.expose(), INFO, sealed)
    }
}

impl fmt::Debug for DropKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DropKey(..)")
    }
}

/// What the key is derived for, and what every intent is bound to.
const INFO: &[u8] = b"waymark/1 drop box";

//! The storage key, which the platform keeps.

use waymark_core::client::WaymarkError;
use zeroize::Zeroizing;

/// Bytes of a storage key.
const KEY_BYTES: usize = 32;

/// What an app implements to hand over the key of the database: 32 random bytes, made at the first
/// start and kept by the platform (Keychain, Keystore) so that they never leave the device.
#[uniffi::export(foreign)]
pub trait KeyProvider: Send + Sync {
    /// The key, always the same. Called once by every opening and resuming, on the thread that
    /// does it.
    ///
    /// # Errors
    /// Where there is no key, or none at the moment. Anything else that is thrown counts as
    /// unavailable.
    fn storage_key(&self) -> Result<Vec<u8>, KeyProviderError>;
}

/// Why there is no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
pub enum KeyProviderError {
    /// It is gone for good; opening says `key_lost`.
    #[error("the key is gone: {reason}")]
    Gone {
        /// What the platform said.
        reason: String,
    },
    /// It cannot be had at the moment, as before the first unlock; opening says `locked`.
    #[error("the key cannot be had now: {reason}")]
    Unavailable {
        /// What the platform said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyProviderError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // A foreign exception comes with its whole stack trace.
        let first = error.reason.lines().next().unwrap_or_default();
        Self::Unavailable {
            reason: first.chars().take(200).collect(),
        }
    }
}

impl From<KeyProviderError> for WaymarkError {
    fn from(error: KeyProviderError) -> Self {
        let reason = error.to_string();
        match error {
            KeyProviderError::Gone { .. } => Self::KeyLost { reason },
            KeyProviderError::Unavailable { .. } => Self::Locked { reason },
        }
    }
}

/// Asks for the key.
pub(crate) fn storage_key(
    provider: &dyn KeyProvider,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, WaymarkError> {
    let bytes = Zeroizing::new(provider.storage_key()?);
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
    key.map(Zeroizing::new)
        .map_err(|_| WaymarkError::InvalidInput {
            reason: format!("a storage key has {KEY_BYTES} bytes, not {}", bytes.len()),
        })
}

//! What can go wrong with keys and sealed bytes.

/// Why a key or a sealed text was refused.
///
/// No variant tells what the bytes said: a sealed text that does not open has said nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// Bytes of a fixed-size item had another length.
    #[error("{what} has {expected} bytes, not {found}")]
    Length {
        /// The item.
        what: &'static str,
        /// Its length in bytes.
        expected: usize,
        /// The length that was given.
        found: usize,
    },
    /// The text was altered, cut, or sealed for another place or under another key.
    #[error("the sealed text does not open with this key at this place")]
    NotOpened,
    /// The text is longer than the cipher takes (256 GiB), so it cannot have come from Waymark.
    #[error("the text is too long to be sealed")]
    TooLong,
    /// A public key that no honest device makes, and that would weaken what is sealed to it.
    #[error("the agreement key is unusable: {0}")]
    UnusableKey(&'static str),
    /// The sealed roster commits to another epoch key than the one that this device holds. Whoever
    /// sealed it has handed different keys to different members.
    #[error("the sealed roster commits to another epoch key")]
    WrongCommitment,
}

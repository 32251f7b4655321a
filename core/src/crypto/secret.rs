//! Bytes that must not linger in memory, appear in a log or be compared byte by byte.

use std::fmt;
use std::hint::black_box;

use zeroize::{Zeroize, Zeroizing};

use crate::crypto::{CryptoError, Entropy};

/// `N` secret bytes: overwritten when dropped, shown as `Secret(..)`, compared in constant time.
///
/// They live on the heap, so that moving the value leaves no copy behind on the stack. There is no
/// `Clone`: a second copy of a key is a decision, taken with [`Secret::expose`].
pub struct Secret<const N: usize>(Box<Zeroizing<[u8; N]>>);

impl<const N: usize> Secret<N> {
    /// Fresh random bytes.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::filled_by(|bytes| entropy.fill(bytes))
    }

    /// A copy of `bytes`, which must be exactly `N` long. `what` names them in the error.
    ///
    /// # Errors
    /// [`CryptoError::Length`].
    pub fn from_slice(what: &'static str, bytes: &[u8]) -> Result<Self, CryptoError> {
        let found = bytes.len();
        let bytes = <&[u8; N]>::try_from(bytes).map_err(|_| CryptoError::Length {
            what,
            expected: N,
            found,
        })?;
        Ok(Self::filled_by(|secret| secret.copy_from_slice(bytes)))
    }

    /// The bytes themselves, for the one call that needs them.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    fn filled_by(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; N]));
        fill(&mut bytes);
        Self(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Secret<N> {
    fn from(mut bytes: [u8; N]) -> Self {
        let secret = Self::filled_by(|secret| secret.copy_from_slice(&bytes));
        bytes.zeroize();
        secret
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        equal_in_constant_time(self.expose(), other.expose())
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// Whether two arrays are equal, looking at every byte whatever the first difference is.
///
/// `ring` has this only as a deprecated internal; the black boxes keep the optimiser from turning
/// the fold into an early return.
pub(super) fn equal_in_constant_time<const N: usize>(left: &[u8; N], right: &[u8; N]) -> bool {
    let difference = left
        .iter()
        .zip(right)
        .fold(0, |sum, (l, r)| black_box(sum | (l ^ r)));
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key in a log is a plan in the hands of whoever reads the log.
    #[test]
    fn debug_output_shows_no_byte() {
        assert_eq!(format!("{:?}", Secret::from([0xab_u8; 4])), "Secret(..)");
    }

    #[test]
    fn equality_sees_a_difference_in_every_byte() {
        let bytes = [7_u8; 32];
        assert_eq!(Secret::from(bytes), Secret::from(bytes));
        for place in 0..bytes.len() {
            let mut other = bytes;
            other[place] ^= 0x80;
            assert_ne!(Secret::from(bytes), Secret::from(other), "byte {place}");
        }
    }

    #[test]
    fn a_slice_of_another_length_is_refused_by_name() {
        let refused = Secret::<32>::from_slice("storage key", &[0; 31]);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "storage key has 32 bytes, not 31"
        );
    }
}

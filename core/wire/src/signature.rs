//! Ed25519 (RFC 8032) through ring, and which public keys are refused.
//!
//! ring accepts keys of small order, under which one signature can fit many messages, and encodings
//! that are not canonical, under which one key has two names. Both are refused where a membership
//! is added, before a key is ever used.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::codec::fixed_bytes;

fixed_bytes! {
    /// An Ed25519 public key, encoded as in RFC 8032 §5.1.2.
    VerifyingKey, 32
}

fixed_bytes! {
    /// An Ed25519 signature, encoded as in RFC 8032 §5.1.6.
    Signature, 64
}

/// Why a public key is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// The coordinate is not below the field's prime, or the sign of a zero is negative.
    #[error("the key's encoding is not canonical")]
    NotCanonical,
    /// The point is of order 1, 2, 4 or 8.
    #[error("the key is of small order")]
    SmallOrder,
}

impl VerifyingKey {
    /// A good key of nobody's: the generator of the curve (RFC 8032 §5.1). For a check whose outcome is
    /// not looked at, where there is no key and that is not to be seen from how long it takes.
    pub const NOBODY: Self = Self([
        0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
        0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
        0x66, 0x66,
    ]);

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, &signature.0)
            .is_ok()
    }

    /// Refuses what no honest device makes.
    ///
    /// # Errors
    /// [`KeyError`] says which.
    pub fn check(&self) -> Result<(), KeyError> {
        let mut y = self.0;
        let negative = y[31] & 0x80 != 0;
        y[31] &= 0x7f;
        // p = 2^255 - 19, little-endian.
        let below_prime = y[31] != 0x7f || y[1..31].iter().any(|b| *b != 0xff) || y[0] < 0xed;
        if !below_prime {
            return Err(KeyError::NotCanonical);
        }
        if !SMALL_ORDER.contains(&y) {
            return Ok(());
        }
        // y = ±1 means x = 0, whose sign can only be positive.
        if negative && (y == SMALL_ORDER[1] || y == SMALL_ORDER[2]) {
            return Err(KeyError::NotCanonical);
        }
        Err(KeyError::SmallOrder)
    }
}

/// The y coordinates of the eight points of small order: 0 (order 4), 1 (order 1), -1 (order 2) and
/// the two of order 8; each pair ±x shares one.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// An Ed25519 key pair, made from its 32-byte seed.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key pair of `seed`, which has to be random and secret. `None` only where ring refuses
    /// the seed, which it does for no 32 bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey(key)
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        Signature(signature)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_message_only() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let signature = key.sign(b"a");
        let public = key.verifying_key();
        assert_eq!(public.check(), Ok(()));
        assert!(public.verifies(b"a", &signature));
        assert!(!public.verifies(b"b", &signature));
        assert!(!VerifyingKey([9; 32]).verifies(b"a", &signature));
    }

    /// With a key of small order, whoever added it could show one signature for many entries.
    #[test]
    fn keys_of_small_order_are_refused() {
        for y in SMALL_ORDER {
            let mut negative = y;
            negative[31] |= 0x80;
            assert_eq!(VerifyingKey(y).check(), Err(KeyError::SmallOrder));
            assert!(VerifyingKey(negative).check().is_err());
        }
    }

    #[test]
    fn a_second_name_for_a_key_is_refused() {
        // p itself, p + 1, and 2^255 - 1.
        for low in [0xed, 0xee, 0xff] {
            let mut key = [0xff; 32];
            key[0] = low;
            assert_eq!(VerifyingKey(key).check(), Err(KeyError::NotCanonical));
            key[31] = 0x7f;
            assert_eq!(VerifyingKey(key).check(), Err(KeyError::NotCanonical));
        }
    }
}

//! X-Wing keys (X25519 with ML-KEM-768): what epoch keys are sealed to.

use std::fmt;

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};

use crate::crypto::{CryptoError, Entropy, Secret};

/// The length of an X-Wing public key in bytes: 1,184 of ML-KEM-768 and 32 of X25519.
pub const AGREEMENT_KEY_LEN: usize = 1_216;

/// An X-Wing public key that was checked: its ML-KEM part is reduced (FIPS 203, 7.2), its X25519
/// part is canonical and not of low order.
#[derive(Clone, Eq, PartialEq)]
pub struct AgreementPublicKey(<XWing as Kem>::PublicKey);

impl AgreementPublicKey {
    /// Reads and checks a public key of [`AGREEMENT_KEY_LEN`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`] or [`CryptoError::UnusableKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        if bytes.len() != AGREEMENT_KEY_LEN {
            return Err(CryptoError::Length {
                what: "agreement key",
                expected: AGREEMENT_KEY_LEN,
                found: bytes.len(),
            });
        }
        let x25519 = bytes
            .last_chunk()
            .ok_or(CryptoError::UnusableKey("no X25519 part"))?;
        if !is_canonical(x25519) {
            return Err(CryptoError::UnusableKey("X25519 part is not canonical"));
        }
        if is_low_order(x25519) {
            return Err(CryptoError::UnusableKey("X25519 part has a low order"));
        }
        <XWing as Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| CryptoError::UnusableKey("ML-KEM part is not reduced"))
    }

    /// The key as it travels.
    pub fn to_bytes(&self) -> [u8; AGREEMENT_KEY_LEN] {
        self.0.to_bytes().into()
    }

    pub(super) fn hpke(&self) -> &<XWing as Kem>::PublicKey {
        &self.0
    }
}

impl fmt::Debug for AgreementPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgreementPublicKey(..)")
    }
}

/// The seed of an X-Wing key pair (32 bytes, from which SHAKE-256 makes both parts).
#[derive(Debug, Eq, PartialEq)]
pub struct AgreementSecretKey(Secret<32>);

impl AgreementSecretKey {
    /// A fresh key pair.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::generate(entropy))
    }

    /// The key pair of a seed.
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// The seed, for the device's own sealed database and nothing else.
    pub fn seed(&self) -> &Secret<32> {
        &self.0
    }

    /// The public part. Computed anew on each call (a tenth of a millisecond).
    ///
    /// # Errors
    /// None that a seed can cause; the key library's signature asks for one.
    pub fn public_key(&self) -> Result<AgreementPublicKey, CryptoError> {
        Ok(AgreementPublicKey(XWing::sk_to_pk(&self.hpke()?)))
    }

    pub(super) fn hpke(&self) -> Result<<XWing as Kem>::PrivateKey, CryptoError> {
        <XWing as Kem>::PrivateKey::from_bytes(self.0.expose())
            .map_err(|_| CryptoError::UnusableKey("not a seed"))
    }
}

/// Whether the bytes are the only encoding of their value: below 2^255 − 19.
fn is_canonical(u: &[u8; 32]) -> bool {
    // Little-endian, so the comparison starts at the last byte.
    u.iter().rev().lt(FIELD_PRIME.iter().rev())
}

/// Whether a Diffie-Hellman with this u-coordinate gives zero whatever the other side's secret is.
pub(super) fn is_low_order(u: &[u8; 32]) -> bool {
    // X25519 ignores the highest bit (RFC 7748, section 5).
    let mut masked = *u;
    masked[31] &= 0x7f;
    LOW_ORDER.contains(&masked)
}

/// 2^255 − 19, little-endian.
const FIELD_PRIME: [u8; 32] = small(0xed, 0xff, 0x7f);

const fn small(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Every u-coordinate of order 1, 2, 4 or 8 on Curve25519 and on its twist, below 2^255: 0, 1, the
/// two of order 8, p − 1, and p and p + 1, the second encodings of 0 and 1.
const LOW_ORDER: [[u8; 32]; 7] = [
    small(0x00, 0x00, 0x00),
    small(0x01, 0x00, 0x00),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    small(0xec, 0xff, 0x7f),
    small(0xed, 0xff, 0x7f),
    small(0xee, 0xff, 0x7f),
];

#[cfg(test)]
mod tests {
    use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
    use ring::rand::SystemRandom;

    use super::*;
    use crate::crypto::SeededEntropy;

    fn public_bytes() -> [u8; AGREEMENT_KEY_LEN] {
        AgreementSecretKey::generate(&mut SeededEntropy::new([1; 32]))
            .public_key()
            .unwrap()
            .to_bytes()
    }

    fn with_x25519(u: [u8; 32]) -> Result<AgreementPublicKey, CryptoError> {
        let mut bytes = public_bytes();
        bytes[AGREEMENT_KEY_LEN - 32..].copy_from_slice(&u);
        AgreementPublicKey::from_bytes(&bytes)
    }

    #[test]
    fn an_honest_key_is_read_and_written_byte_for_byte() {
        let key = AgreementPublicKey::from_bytes(&public_bytes()).unwrap();
        assert_eq!(key.to_bytes(), public_bytes());
    }

    #[test]
    fn another_length_is_refused() {
        let bytes = public_bytes();
        for cut in [&bytes[1..], &bytes[..1_184], &[]] {
            let refused = AgreementPublicKey::from_bytes(cut).unwrap_err();
            assert!(matches!(refused, CryptoError::Length { .. }));
        }
    }

    /// What is sealed to such a key would rest on ML-KEM alone. `ring` refuses an exchange that
    /// gives zero, and so says independently of the list which keys those are.
    #[test]
    fn keys_of_low_order_are_refused_and_are_what_ring_calls_so() {
        for (place, u) in LOW_ORDER.iter().enumerate() {
            let secret = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).unwrap();
            let agreed = agree_ephemeral(secret, &UnparsedPublicKey::new(&X25519, u), |_| ());
            assert!(agreed.is_err(), "{place} is of low order");
            assert!(with_x25519(*u).is_err(), "{place}");
            let mut high = *u;
            high[31] |= 0x80;
            assert!(is_low_order(&high) && with_x25519(high).is_err(), "{place}");
        }
    }

    /// Two encodings of one key would be two names for one member.
    #[test]
    fn a_second_encoding_is_refused() {
        // 9 + p, the base point once more, and the base point with the ignored bit set.
        for u in [small(0xf6, 0xff, 0x7f), small(0x09, 0x00, 0x80)] {
            assert_eq!(
                with_x25519(u),
                Err(CryptoError::UnusableKey("X25519 part is not canonical"))
            );
        }
        assert!(with_x25519(small(0x09, 0x00, 0x00)).is_ok());
    }

    #[test]
    fn an_unreduced_lattice_part_is_refused() {
        let mut bytes = public_bytes();
        // The first coefficient, twelve bits, becomes 4,095; the modulus is 3,329.
        bytes[0] = 0xff;
        bytes[1] |= 0x0f;
        assert_eq!(
            AgreementPublicKey::from_bytes(&bytes),
            Err(CryptoError::UnusableKey("ML-KEM part is not reduced"))
        );
    }
}

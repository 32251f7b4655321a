//! The two key pairs of a membership.

use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::crypto::{AgreementPublicKey, AgreementSecretKey, CryptoError, Entropy, Secret};

/// The length of [`MembershipKeys`] as stored: two seeds.
pub const MEMBERSHIP_KEYS_LEN: usize = 64;

/// What one device is in one space: an Ed25519 key that signs its entries and an X-Wing key that
/// epoch keys are sealed to. Fresh and random for every membership, so that nothing ties a device's
/// places together.
///
/// Only the seeds are kept, because they are overwritten when dropped; `ring`'s expanded key is not.
/// Expanding the seed for each signature doubles its cost, to some 40 µs.
#[derive(Debug, Eq, PartialEq)]
pub struct MembershipKeys {
    signing: Secret<32>,
    agreement: AgreementSecretKey,
}

impl MembershipKeys {
    /// Fresh keys.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self {
            signing: Secret::generate(entropy),
            agreement: AgreementSecretKey::generate(entropy),
        }
    }

    /// Keys as [`to_bytes`](Self::to_bytes) wrote them: the Ed25519 seed, then the X-Wing seed.
    ///
    /// # Errors
    /// [`CryptoError::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let bytes = Secret::<MEMBERSHIP_KEYS_LEN>::from_slice("membership keys", bytes)?;
        let (signing, agreement) = bytes.expose().split_at(32);
        Ok(Self {
            signing: Secret::from_slice("signing seed", signing)?,
            agreement: AgreementSecretKey::from_seed(Secret::from_slice(
                "agreement seed",
                agreement,
            )?),
        })
    }

    /// Puts a fresh agreement key in place of the old one, which is returned: it still opens what
    /// was sealed to it until the new one is seen in the log.
    pub fn renew_agreement(&mut self, entropy: &mut dyn Entropy) -> AgreementSecretKey {
        let fresh = AgreementSecretKey::generate(entropy);
        std::mem::replace(&mut self.agreement, fresh)
    }

    /// Both seeds, for the device's own sealed database and nothing else.
    pub fn to_bytes(&self) -> Zeroizing<[u8; MEMBERSHIP_KEYS_LEN]> {
        let mut bytes = Zeroizing::new([0; MEMBERSHIP_KEYS_LEN]);
        bytes[..32].copy_from_slice(self.signing.expose());
        bytes[32..].copy_from_slice(self.agreement.seed().expose());
        bytes
    }

    /// The Ed25519 seed, for a signer that is kept expanded while a space is open.
    pub(crate) fn signing_seed(&self) -> &[u8; 32] {
        self.signing.expose()
    }

    /// The Ed25519 public key.
    ///
    /// # Errors
    /// None that a seed can cause; the key library's signature asks for one.
    pub fn signing_public(&self) -> Result<[u8; 32], CryptoError> {
        let public = *self.key_pair()?.public_key();
        fixed("signing key", public.as_ref())
    }

    /// The Ed25519 signature of `message`.
    ///
    /// # Errors
    /// None that a seed can cause; the key library's signature asks for one.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        fixed("signature", self.key_pair()?.sign(message).as_ref())
    }

    /// The X-Wing public key.
    ///
    /// # Errors
    /// None that a seed can cause; the key library's signature asks for one.
    pub fn agreement_public(&self) -> Result<AgreementPublicKey, CryptoError> {
        self.agreement.public_key()
    }

    /// The X-Wing key that opens what was sealed to this membership.
    pub fn agreement(&self) -> &AgreementSecretKey {
        &self.agreement
    }

    fn key_pair(&self) -> Result<Ed25519KeyPair, CryptoError> {
        Ed25519KeyPair::from_seed_unchecked(self.signing.expose())
            .map_err(|_| CryptoError::UnusableKey("not a signing seed"))
    }
}

fn fixed<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; N], CryptoError> {
    bytes.try_into().map_err(|_| CryptoError::Length {
        what,
        expected: N,
        found: bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;
    use crate::crypto::{EpochInfo, EpochKey, SeededEntropy, open_epoch_key, seal_epoch_key};

    fn keys(seed: u8) -> MembershipKeys {
        MembershipKeys::generate(&mut SeededEntropy::new([seed; 32]))
    }

    #[test]
    fn a_signature_verifies_under_the_public_key_and_under_no_other() {
        let signature = keys(1).sign(b"entry").unwrap();
        let verify = |keys: &MembershipKeys, message: &[u8]| {
            UnparsedPublicKey::new(&ED25519, keys.signing_public().unwrap())
                .verify(message, &signature)
                .is_ok()
        };
        assert!(verify(&keys(1), b"entry"));
        assert!(!verify(&keys(1), b"entries"));
        assert!(!verify(&keys(2), b"entry"));
    }

    /// A device that could not read its keys back would be locked out of its own plan.
    #[test]
    fn stored_keys_are_the_same_keys() {
        let stored = keys(1).to_bytes();
        let read = MembershipKeys::from_bytes(stored.as_slice()).unwrap();
        assert_eq!(read, keys(1));
        assert_eq!(read.signing_public(), keys(1).signing_public());
        assert_eq!(read.agreement_public(), keys(1).agreement_public());
        let cut = MembershipKeys::from_bytes(&stored[1..]);
        assert!(matches!(cut, Err(CryptoError::Length { .. })));
    }

    /// RFC 8032, 7.1, first test: the seed is used as the standard says.
    #[test]
    fn the_public_key_of_a_seed_is_as_published() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        let keys = MembershipKeys::from_bytes(&[seed, [0; 32]].concat()).unwrap();
        let public = keys.signing_public().unwrap();
        assert_eq!(public[..4], [0xd7, 0x5a, 0x98, 0x01]);
        assert_eq!(public[28..], [0xf7, 0x07, 0x51, 0x1a]);
    }

    /// Between sending a rotation and seeing it in the log, both keys are needed.
    #[test]
    fn a_renewed_agreement_key_leaves_the_old_one_usable() {
        let mut keys = keys(1);
        let info = EpochInfo::new(&[1; 32], &[2; 32], None, 3);
        let epoch_key = EpochKey::generate(&mut SeededEntropy::new([4; 32]));
        let mut entropy = SeededEntropy::new([5; 32]);
        let before = keys.agreement_public().unwrap();
        let sealed = seal_epoch_key(&before, &info, &epoch_key, &mut entropy).unwrap();
        let signing = keys.signing_public();
        let old = keys.renew_agreement(&mut entropy);
        assert_ne!(keys.agreement_public().unwrap(), before);
        assert_eq!(keys.signing_public(), signing);
        assert_eq!(open_epoch_key(&old, &info, &sealed), Ok(epoch_key));
        assert!(open_epoch_key(keys.agreement(), &info, &sealed).is_err());
    }
}

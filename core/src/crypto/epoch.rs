//! Epoch keys and how they reach a member.
//!
//! HPKE (RFC 9180) in base mode: KEM X-Wing (0x647a), HKDF-SHA-256, ChaCha20-Poly1305, no
//! associated data. Everything that a sealed key must be bound to stands in [`EpochInfo`].

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open,
    single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

use crate::crypto::agreement::is_low_order;
use crate::crypto::entropy::HpkeRandom;
use crate::crypto::{AgreementPublicKey, AgreementSecretKey, CryptoError, Entropy, Secret};

/// The suite byte of the one suite there is: X-Wing, HKDF-SHA-256, ChaCha20-Poly1305.
pub const SUITE_XWING: u8 = 1;
/// The length of a sealed epoch key: 1,120 bytes of encapsulation, 32 of key, 16 of tag.
pub const SEALED_EPOCH_KEY_LEN: usize = ENCAPSULATION_LEN + 32 + 16;

/// The key of one epoch of one space: 32 random bytes, known to the members of that epoch.
#[derive(Debug, Eq, PartialEq)]
pub struct EpochKey(Secret<32>);

impl EpochKey {
    /// A fresh key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::generate(entropy))
    }

    /// A key that was stored or opened. It must have 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        Secret::from_slice("epoch key", bytes).map(Self)
    }

    /// The bytes, for the device's own sealed database and the link to the previous epoch.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// What a sealed epoch key is bound to: it opens for this membership of this epoch and no other.
#[derive(Clone, Eq, PartialEq)]
pub struct EpochInfo([u8; EPOCH_LABEL.len() + 3 * 32 + 2]);

impl EpochInfo {
    /// The binding of the key that the membership entry after `predecessor` hands to `device`.
    ///
    /// `epoch` is the id of the entry that started the epoch. An entry cannot contain its own id, so
    /// it is `None` where that very entry starts the epoch, and stands as 32 zero bytes.
    pub fn new(
        space_id: &[u8; 32],
        predecessor: &[u8; 32],
        epoch: Option<&[u8; 32]>,
        device: u16,
    ) -> Self {
        let parts: [&[u8]; 5] = [
            EPOCH_LABEL,
            space_id,
            predecessor,
            epoch.unwrap_or(&[0; 32]),
            &device.to_be_bytes(),
        ];
        let mut info = Self([0; _]);
        let mut rest = info.0.as_mut_slice();
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        info
    }

    /// The info string as HPKE takes it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EpochInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochInfo(..)")
    }
}

/// Seals `key` to one member: the encapsulation, then the sealed key.
///
/// # Errors
/// None that a checked recipient can cause; a failure of the HPKE library would read
/// [`CryptoError::UnusableKey`].
pub fn seal_epoch_key(
    recipient: &AgreementPublicKey,
    info: &EpochInfo,
    key: &EpochKey,
    entropy: &mut dyn Entropy,
) -> Result<[u8; SEALED_EPOCH_KEY_LEN], CryptoError> {
    let (encapsulation, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        recipient.hpke(),
        info.as_bytes(),
        key.expose(),
        &[],
        &mut HpkeRandom(entropy),
    )
    .map_err(|_| CryptoError::UnusableKey("sealing to it failed"))?;
    let both = [encapsulation.to_bytes().as_slice(), &sealed].concat();
    both.try_into().map_err(|both: Vec<u8>| length(both.len()))
}

/// Opens an epoch key that was sealed to `recipient` with the same `info`.
///
/// An encapsulation whose X25519 part has a low order is refused. Implementations differ there
/// (RFC 7748 leaves it open), and two members must not disagree on whether a key opens.
///
/// # Errors
/// [`CryptoError::Length`] and [`CryptoError::NotOpened`].
pub fn open_epoch_key(
    recipient: &AgreementSecretKey,
    info: &EpochInfo,
    sealed: &[u8],
) -> Result<EpochKey, CryptoError> {
    let sealed: &[u8; SEALED_EPOCH_KEY_LEN] =
        sealed.try_into().map_err(|_| length(sealed.len()))?;
    let (encapsulation, text) = sealed.split_at(ENCAPSULATION_LEN);
    if encapsulation.last_chunk().is_none_or(is_low_order) {
        return Err(CryptoError::NotOpened);
    }
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation)
        .map_err(|_| CryptoError::NotOpened)?;
    let key = single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &recipient.hpke()?,
        &encapsulation,
        info.as_bytes(),
        text,
        &[],
    )
    .map_err(|_| CryptoError::NotOpened)?;
    EpochKey::from_slice(&Zeroizing::new(key))
}

fn length(found: usize) -> CryptoError {
    CryptoError::Length {
        what: "sealed epoch key",
        expected: SEALED_EPOCH_KEY_LEN,
        found,
    }
}

const EPOCH_LABEL: &[u8] = b"waymark/1 epoch key";
const ENCAPSULATION_LEN: usize = 1_120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    fn secret(seed: u8) -> AgreementSecretKey {
        AgreementSecretKey::generate(&mut SeededEntropy::new([seed; 32]))
    }

    fn info() -> EpochInfo {
        EpochInfo::new(&[1; 32], &[2; 32], Some(&[3; 32]), 4)
    }

    fn epoch_key() -> EpochKey {
        EpochKey::generate(&mut SeededEntropy::new([5; 32]))
    }

    fn sealed() -> [u8; SEALED_EPOCH_KEY_LEN] {
        let recipient = secret(6).public_key().unwrap();
        let mut entropy = SeededEntropy::new([7; 32]);
        seal_epoch_key(&recipient, &info(), &epoch_key(), &mut entropy).unwrap()
    }

    #[test]
    fn a_member_opens_what_was_sealed_to_it_and_nobody_else_does() {
        let opened = open_epoch_key(&secret(6), &info(), &sealed()).unwrap();
        assert_eq!(opened, epoch_key());
        let other = open_epoch_key(&secret(8), &info(), &sealed());
        assert_eq!(other, Err(CryptoError::NotOpened));
    }

    #[test]
    fn info_has_the_specified_bytes() {
        let spelled = [
            b"waymark/1 epoch key".as_slice(),
            &[1; 32],
            &[2; 32],
            &[3; 32],
            &[0, 4],
        ];
        assert_eq!(info().as_bytes(), spelled.concat());
        let first = EpochInfo::new(&[1; 32], &[2; 32], None, 4);
        assert_eq!(first.as_bytes()[83..115], [0; 32]);
    }

    /// A key that opened elsewhere could be replayed into another space, epoch or membership.
    #[test]
    fn every_bound_field_is_checked() {
        let elsewhere = [
            EpochInfo::new(&[9; 32], &[2; 32], Some(&[3; 32]), 4),
            EpochInfo::new(&[1; 32], &[9; 32], Some(&[3; 32]), 4),
            EpochInfo::new(&[1; 32], &[2; 32], Some(&[9; 32]), 4),
            EpochInfo::new(&[1; 32], &[2; 32], None, 4),
            EpochInfo::new(&[1; 32], &[2; 32], Some(&[3; 32]), 9),
        ];
        for (place, info) in elsewhere.iter().enumerate() {
            let opened = open_epoch_key(&secret(6), info, &sealed());
            assert_eq!(opened, Err(CryptoError::NotOpened), "{place}");
        }
    }

    #[test]
    fn an_altered_or_cut_key_is_refused() {
        for byte in (0..SEALED_EPOCH_KEY_LEN)
            .step_by(37)
            .chain([1_087, 1_119, 1_167])
        {
            let mut altered = sealed();
            altered[byte] ^= 1;
            let opened = open_epoch_key(&secret(6), &info(), &altered);
            assert_eq!(opened, Err(CryptoError::NotOpened), "byte {byte}");
        }
        for cut in [0, 1_120, SEALED_EPOCH_KEY_LEN - 1] {
            let opened = open_epoch_key(&secret(6), &info(), &sealed()[..cut]);
            assert_eq!(opened, Err(length(cut)));
        }
    }

    #[test]
    fn an_encapsulation_of_low_order_is_refused() {
        let mut altered = sealed();
        altered[ENCAPSULATION_LEN - 32..ENCAPSULATION_LEN].fill(0);
        let opened = open_epoch_key(&secret(6), &info(), &altered);
        assert_eq!(opened, Err(CryptoError::NotOpened));
    }

    /// draft-connolly-cfrg-xwing-kem-08, appendix C, first vector: the key pair of a seed, the
    /// encapsulation of given randomness (its two ends) and the shared secret are as published.
    #[test]
    fn the_kem_is_x_wing_as_published() {
        struct Fixed(Vec<u8>);
        impl Entropy for Fixed {
            fn fill(&mut self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.0);
            }
        }

        let seed = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26";
        let randomness = "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
                          35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2";
        let secret = Secret::from_slice("seed", &unhex(seed)).unwrap();
        let secret = AgreementSecretKey::from_seed(secret);
        let public = secret.public_key().unwrap();
        assert_eq!(public.to_bytes()[..8], unhex("e2236b35a8c24b39"));
        assert_eq!(public.to_bytes()[1_209..], unhex("cd049040ef6534"));

        let mut entropy = Fixed(unhex(randomness));
        let sealed = seal_epoch_key(&public, &info(), &epoch_key(), &mut entropy).unwrap();
        assert_eq!(sealed[..8], unhex("b83aa828d4d62b9a"));
        assert_eq!(sealed[1_112..1_120], unhex("74a079d3e6fb2e15"));

        let encapsulation =
            <XWing as Kem>::EncappedKey::from_bytes(&sealed[..ENCAPSULATION_LEN]).unwrap();
        let shared = XWing::decap(&secret.hpke().unwrap(), None, &encapsulation).unwrap();
        let published = "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384";
        assert_eq!(shared.0.as_slice(), unhex(published));
    }

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
            .collect()
    }
}

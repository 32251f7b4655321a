//! Sealing the rows of the device's own database.

use std::fmt;

use ring::aead::{Aad, Nonce};

use crate::crypto::seal::{hkdf, one_off_key};
use crate::crypto::secret::equal_in_constant_time;
use crate::crypto::{CryptoError, Entropy, Secret};

/// The length of the random salt that every database draws when it is made.
pub const DATABASE_SALT_LEN: usize = 16;
/// By how many bytes a sealed row is longer than its value: nonce and tag.
pub const STORAGE_OVERHEAD: usize = NONCE_LEN + 16;

/// The key of one database, derived from the app's storage key and the database's salt. The app's
/// key itself is not kept.
///
/// Each value gets a random 96-bit nonce. After 2^32 values under one key the chance that two share
/// one is still below 2^-32, and a phone that stores a value every second gets there in 136 years.
pub struct StorageKey {
    sealing: Secret<32>,
    check: [u8; 32],
}

impl StorageKey {
    /// The key of the database with this salt.
    ///
    /// # Errors
    /// None that 32 and 16 bytes can cause; the key library's signature asks for one.
    pub fn derive(
        storage_key: &[u8; 32],
        salt: &[u8; DATABASE_SALT_LEN],
    ) -> Result<Self, CryptoError> {
        let sealing = hkdf::<32>(salt, storage_key, b"waymark/1 storage")?;
        let check = hkdf::<32>(salt, storage_key, b"waymark/1 storage check")?;
        Ok(Self {
            sealing: Secret::from_slice("database key", sealing.as_slice())?,
            check: *check,
        })
    }

    /// A value that the database may keep in clear to recognise its key: it tells nothing about the
    /// key, and no row is sealed with it.
    pub fn check_value(&self) -> &[u8; 32] {
        &self.check
    }

    /// Whether a database with this check value was made under this key.
    pub fn fits(&self, check_value: &[u8; 32]) -> bool {
        equal_in_constant_time(&self.check, check_value)
    }

    /// Seals `value` for its place: nonce ‖ sealed value ‖ tag.
    ///
    /// # Errors
    /// [`CryptoError::TooLong`] from 256 GiB on.
    pub fn seal(
        &self,
        table: u8,
        key: &[u8],
        value: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        seal_under(self.sealing.expose(), &place(table, key), value, entropy)
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    ///
    /// # Errors
    /// [`CryptoError::NotOpened`] when the row was altered, cut or moved from another place.
    pub fn open(&self, table: u8, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        open_under(self.sealing.expose(), &place(table, key), sealed)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

/// Seals `value`, bound to `place`, under a random nonce: nonce ‖ sealed value ‖ tag.
pub(super) fn seal_under(
    key: &[u8; 32],
    place: &[u8],
    value: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut sealed = Vec::with_capacity(STORAGE_OVERHEAD + value.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(value);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = one_off_key(key)?
        .seal_in_place_separate_tag(nonce, Aad::from(place), &mut sealed[NONCE_LEN..])
        .map_err(|_| CryptoError::TooLong)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal_under`] made for the same place.
pub(super) fn open_under(
    key: &[u8; 32],
    place: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (nonce, text) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(CryptoError::NotOpened)?;
    let mut value = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let len = one_off_key(key)?
        .open_in_place(nonce, Aad::from(place), &mut value)
        .map_err(|_| CryptoError::NotOpened)?
        .len();
    value.truncate(len);
    Ok(value)
}

/// What a row is bound to: format version ‖ table ‖ key.
fn place(table: u8, key: &[u8]) -> Vec<u8> {
    [&[FORMAT, table], key].concat()
}

/// The version of the sealed row.
const FORMAT: u8 = 1;
const NONCE_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    fn key() -> StorageKey {
        StorageKey::derive(&[1; 32], &[2; 16]).unwrap()
    }

    fn sealed(value: &[u8]) -> Vec<u8> {
        let mut entropy = SeededEntropy::new([3; 32]);
        key().seal(4, b"key", value, &mut entropy).unwrap()
    }

    #[test]
    fn a_value_comes_back_and_grows_by_the_stated_overhead() {
        for value in [b"".as_slice(), b"went for a walk", &[7; 70_000]] {
            let row = sealed(value);
            assert_eq!(row.len(), value.len() + STORAGE_OVERHEAD);
            assert_eq!(key().open(4, b"key", &row).unwrap(), value);
        }
    }

    /// Somebody with the file but without the key must not be able to move a row: an old plan put
    /// in the place of the new one would open otherwise.
    #[test]
    fn a_moved_altered_or_cut_row_does_not_open() {
        let row = sealed(b"went for a walk");
        assert!(key().open(5, b"key", &row).is_err());
        assert!(key().open(4, b"kez", &row).is_err());
        assert!(key().open(4, b"", &row).is_err());
        for byte in 0..row.len() {
            let mut altered = row.clone();
            altered[byte] ^= 1;
            assert!(key().open(4, b"key", &altered).is_err(), "byte {byte}");
            assert!(
                key().open(4, b"key", &row[..byte]).is_err(),
                "cut at {byte}"
            );
        }
    }

    #[test]
    fn another_storage_key_or_another_salt_is_recognised() {
        let check = *key().check_value();
        assert!(key().fits(&check));
        for other in [([9; 32], [2; 16]), ([1; 32], [9; 16])] {
            let other = StorageKey::derive(&other.0, &other.1).unwrap();
            assert!(!other.fits(&check));
            assert!(other.open(4, b"key", &sealed(b"x")).is_err());
        }
    }

    /// Two equal values under one nonce would show that they are equal, and more.
    #[test]
    fn the_same_value_is_never_sealed_to_the_same_bytes() {
        let mut entropy = SeededEntropy::new([3; 32]);
        let first = key().seal(4, b"key", b"value", &mut entropy).unwrap();
        let second = key().seal(4, b"key", b"value", &mut entropy).unwrap();
        assert_ne!(first[..12], second[..12]);
        assert_ne!(first[12..], second[12..]);
    }
}

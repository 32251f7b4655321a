//! Sealing what an entry carries.
//!
//! Every entry has a key of its own, derived from the epoch key with the entry's random salt, and
//! is sealed with a zero nonce. So there is no nonce to coordinate between devices, and a device
//! restored from a backup cannot use one twice. Space, membership entry and header stand in both
//! the derivation and the associated data: an entry opens only where it was written.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::crypto::secret::equal_in_constant_time;
use crate::crypto::{CryptoError, EpochKey, Secret};

/// The length of an entry's header. Its last 16 bytes are the salt.
pub const HEADER_LEN: usize = 52;
/// By how many bytes [`seal`] makes a text longer.
pub const SEAL_OVERHEAD: usize = TAG_LEN;
/// By how many bytes [`seal_roster`] makes a text longer.
pub const ROSTER_OVERHEAD: usize = COMMITMENT_LEN + TAG_LEN;

/// Seals `padded`, the already padded content of an entry, for one place in one space.
///
/// The key is HKDF-SHA-256(`epoch_key`, salt of the header, info) with info = `"waymark/1 seal"` ‖
/// space id ‖ membership entry id ‖ header; the cipher ChaCha20-Poly1305 with a zero nonce and info
/// as associated data.
///
/// The header's salt must be fresh random bytes: two texts under one header share one key stream.
/// A vector is sealed in place, and not even moved if it has [`SEAL_OVERHEAD`] bytes to spare.
///
/// # Errors
/// [`CryptoError::TooLong`] from 256 GiB on.
pub fn seal(
    epoch_key: &EpochKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
    padded: impl Into<Vec<u8>>,
) -> Result<Vec<u8>, CryptoError> {
    let mut text = padded.into();
    let info = info(ENTRY_LABEL, space_id, membership_entry_id, header);
    let key = one_off_key(derive::<KEY_LEN>(epoch_key, header, &info)?.as_slice())?;
    key.seal_in_place_append_tag(zero_nonce(), Aad::from(&info), &mut text)
        .map_err(|_| CryptoError::TooLong)?;
    Ok(text)
}

/// Opens what [`seal`] made for the same place, and returns the padded content. A vector is opened in
/// place, a slice is copied.
///
/// # Errors
/// [`CryptoError::NotOpened`] when a byte of it, of the header or of the ids differs, or the key.
pub fn open(
    epoch_key: &EpochKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
    sealed: impl Into<Vec<u8>>,
) -> Result<Vec<u8>, CryptoError> {
    let info = info(ENTRY_LABEL, space_id, membership_entry_id, header);
    let key = one_off_key(derive::<KEY_LEN>(epoch_key, header, &info)?.as_slice())?;
    open_with(&key, &info, sealed.into())
}

/// The key of one entry alone. It opens that entry, and tells nothing of the epoch key nor of any other
/// entry: what is handed to somebody who is to read this one.
pub type EntryKey = Secret<KEY_LEN>;

/// Derives the key of one entry, under which [`seal`] has sealed it.
///
/// # Errors
/// [`CryptoError::TooLong`] never with texts as short as these.
pub fn entry_key(
    epoch_key: &EpochKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
) -> Result<EntryKey, CryptoError> {
    let info = info(ENTRY_LABEL, space_id, membership_entry_id, header);
    let derived = derive::<KEY_LEN>(epoch_key, header, &info)?;
    EntryKey::from_slice("an entry's key", derived.as_slice())
}

/// Opens what [`seal`] made for the same place, with the key of that entry alone.
///
/// # Errors
/// [`CryptoError::NotOpened`] when a byte of it, of the header or of the ids differs, or the key.
pub fn open_alone(
    key: &EntryKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
    sealed: impl Into<Vec<u8>>,
) -> Result<Vec<u8>, CryptoError> {
    let info = info(ENTRY_LABEL, space_id, membership_entry_id, header);
    open_with(&one_off_key(key.expose())?, &info, sealed.into())
}

/// Seals the private part of a membership entry so that it also *commits* to the epoch key: no
/// other key opens it, not even to another text, so members who can all open it hold the same key.
/// (ChaCha20-Poly1305 alone does not promise that: one can be built that opens under two keys.)
///
/// Like [`seal`], with `"waymark/1 seal roster"` in front of info and 64 bytes derived: the key and
/// the commitment, which stands in clear before the sealed text.
///
/// # Errors
/// [`CryptoError::TooLong`] from 256 GiB on.
pub fn seal_roster(
    epoch_key: &EpochKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
    padded: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let info = info(ROSTER_LABEL, space_id, membership_entry_id, header);
    let (key, commitment) = committed_key(epoch_key, header, &info)?;
    let mut sealed = Vec::with_capacity(ROSTER_OVERHEAD + padded.len());
    sealed.extend_from_slice(&commitment);
    sealed.extend_from_slice(padded);
    let tag = key
        .seal_in_place_separate_tag(
            zero_nonce(),
            Aad::from(&info),
            &mut sealed[COMMITMENT_LEN..],
        )
        .map_err(|_| CryptoError::TooLong)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal_roster`] made for the same place.
///
/// # Errors
/// [`CryptoError::WrongCommitment`] when it was sealed under another epoch key, or for another
/// place; [`CryptoError::NotOpened`] when the text itself was altered.
pub fn open_roster(
    epoch_key: &EpochKey,
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
    sealed: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let info = info(ROSTER_LABEL, space_id, membership_entry_id, header);
    let (key, commitment) = committed_key(epoch_key, header, &info)?;
    let (stated, text) = sealed
        .split_first_chunk::<COMMITMENT_LEN>()
        .ok_or(CryptoError::NotOpened)?;
    if !equal_in_constant_time(stated, &commitment) {
        return Err(CryptoError::WrongCommitment);
    }
    open_with(&key, &info, text.to_vec())
}

fn info(
    label: &[u8],
    space_id: &[u8; 32],
    membership_entry_id: &[u8; 32],
    header: &[u8; HEADER_LEN],
) -> Vec<u8> {
    [label, space_id, membership_entry_id, header].concat()
}

fn derive<const N: usize>(
    epoch_key: &EpochKey,
    header: &[u8; HEADER_LEN],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    let salt = &header[HEADER_LEN - SALT_LEN..];
    hkdf(salt, epoch_key.expose(), info)
}

fn committed_key(
    epoch_key: &EpochKey,
    header: &[u8; HEADER_LEN],
    info: &[u8],
) -> Result<(LessSafeKey, [u8; COMMITMENT_LEN]), CryptoError> {
    let derived = derive::<{ KEY_LEN + COMMITMENT_LEN }>(epoch_key, header, info)?;
    let (key, commitment) = derived.split_at(KEY_LEN);
    let mut stated = [0; COMMITMENT_LEN];
    stated.copy_from_slice(commitment);
    Ok((one_off_key(key)?, stated))
}

fn open_with(key: &LessSafeKey, info: &[u8], mut text: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
    let len = key
        .open_in_place(zero_nonce(), Aad::from(info), &mut text)
        .map_err(|_| CryptoError::NotOpened)?
        .len();
    text.truncate(len);
    Ok(text)
}

/// HKDF-SHA-256 to `N` bytes.
pub(crate) fn hkdf<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    struct Bytes(usize);
    impl KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }

    let mut derived = Zeroizing::new([0; N]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Bytes(N))
        // HKDF gives at most 255 × 32 bytes; nothing here asks for more than 64.
        .and_then(|okm| okm.fill(derived.as_mut_slice()))
        .map_err(|_| CryptoError::TooLong)?;
    Ok(derived)
}

/// A ChaCha20-Poly1305 key of 32 bytes.
pub(super) fn one_off_key(bytes: &[u8]) -> Result<LessSafeKey, CryptoError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| CryptoError::Length {
        what: "cipher key",
        expected: KEY_LEN,
        found: bytes.len(),
    })?;
    Ok(LessSafeKey::new(key))
}

/// Safe only because every key is used for one text.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

const ENTRY_LABEL: &[u8] = b"waymark/1 seal";
const ROSTER_LABEL: &[u8] = b"waymark/1 seal roster";
const SALT_LEN: usize = 16;
const KEY_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;
const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Entropy, SeededEntropy};

    type Sealer = fn(&EpochKey, &Place, &[u8]) -> Vec<u8>;
    type Opener = fn(&EpochKey, &Place, &[u8]) -> Result<Vec<u8>, CryptoError>;

    #[derive(Clone)]
    struct Place {
        space: [u8; 32],
        membership: [u8; 32],
        header: [u8; HEADER_LEN],
    }

    fn place() -> Place {
        let mut header = [0; HEADER_LEN];
        SeededEntropy::new([1; 32]).fill(&mut header);
        Place {
            space: [2; 32],
            membership: [3; 32],
            header,
        }
    }

    fn epoch_key(seed: u8) -> EpochKey {
        EpochKey::generate(&mut SeededEntropy::new([seed; 32]))
    }

    fn seal_entry(key: &EpochKey, at: &Place, text: &[u8]) -> Vec<u8> {
        seal(key, &at.space, &at.membership, &at.header, text).unwrap()
    }

    fn open_entry(key: &EpochKey, at: &Place, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        open(key, &at.space, &at.membership, &at.header, sealed)
    }

    fn seal_private(key: &EpochKey, at: &Place, text: &[u8]) -> Vec<u8> {
        seal_roster(key, &at.space, &at.membership, &at.header, text).unwrap()
    }

    fn open_private(key: &EpochKey, at: &Place, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        open_roster(key, &at.space, &at.membership, &at.header, sealed)
    }

    const FORMS: [(Sealer, Opener, usize); 2] = [
        (seal_entry, open_entry, SEAL_OVERHEAD),
        (seal_private, open_private, ROSTER_OVERHEAD),
    ];

    #[test]
    fn what_was_sealed_opens_and_grows_by_the_stated_overhead() {
        for (seal, open, overhead) in FORMS {
            for len in [0, 1, 256, 262_144] {
                let text = vec![9; len];
                let sealed = seal(&epoch_key(1), &place(), &text);
                assert_eq!(sealed.len(), len + overhead);
                assert_eq!(open(&epoch_key(1), &place(), &sealed), Ok(text));
            }
        }
    }

    /// A relay that moves an entry to another space, another height or another header would
    /// otherwise be able to put words into a plan.
    #[test]
    fn every_bound_byte_is_checked() {
        for (seal, open, _) in FORMS {
            let sealed = seal(&epoch_key(1), &place(), b"ten minutes outside");
            for byte in 0..32 {
                let mut moved = place();
                moved.space[byte] ^= 1;
                assert!(open(&epoch_key(1), &moved, &sealed).is_err());
                let mut moved = place();
                moved.membership[byte] ^= 1;
                assert!(open(&epoch_key(1), &moved, &sealed).is_err());
            }
            for byte in 0..HEADER_LEN {
                let mut moved = place();
                moved.header[byte] ^= 1;
                assert!(open(&epoch_key(1), &moved, &sealed).is_err());
            }
            for byte in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[byte] ^= 1;
                assert!(open(&epoch_key(1), &place(), &altered).is_err());
            }
            for len in 0..sealed.len() {
                assert!(open(&epoch_key(1), &place(), &sealed[..len]).is_err());
            }
        }
    }

    /// A member who hands two keys to two members must be told from a relay that flips a byte.
    #[test]
    fn another_key_breaks_the_commitment_and_an_altered_text_does_not() {
        let sealed = seal_private(&epoch_key(1), &place(), b"roster");
        let other = open_private(&epoch_key(2), &place(), &sealed);
        assert_eq!(other, Err(CryptoError::WrongCommitment));
        let mut altered = sealed.clone();
        altered[COMMITMENT_LEN] ^= 1;
        let damaged = open_private(&epoch_key(1), &place(), &altered);
        assert_eq!(damaged, Err(CryptoError::NotOpened));
    }

    /// The two forms must not stand in for one another.
    #[test]
    fn an_entry_does_not_open_as_a_roster() {
        let sealed = seal_private(&epoch_key(1), &place(), b"roster");
        let text = &sealed[COMMITMENT_LEN..];
        assert!(open_entry(&epoch_key(1), &place(), text).is_err());
        assert!(open_entry(&epoch_key(1), &place(), &sealed).is_err());
    }

    /// RFC 5869, A.1: what is derived is HKDF-SHA-256 and takes its arguments in the right order.
    #[test]
    fn derivation_is_hkdf_as_published() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let derived = hkdf::<42>(&salt, &[0x0b; 22], &info).unwrap();
        let hex: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }
}

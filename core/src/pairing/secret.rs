//! The secret in a link, and what follows from it: the mailbox and a key for each slot.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use waymark_wire::message::MailboxId;
use waymark_wire::padding;

use crate::crypto::{CryptoError, Entropy, Secret, hkdf};

/// Sixteen random bytes that whoever has the link knows, and nobody else: not the relay either.
#[derive(Debug)]
pub struct LinkSecret {
    secret: Secret<{ Self::LEN }>,
    mailbox: MailboxId,
}

impl LinkSecret {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// A fresh one.
    ///
    /// # Errors
    /// None that random bytes can cause; the key derivation's signature asks for one.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, CryptoError> {
        Self::new(Secret::generate(entropy))
    }

    /// The one with these bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`] where they are not [`LinkSecret::LEN`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        Self::new(Secret::from_slice("link secret", bytes)?)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        self.secret.expose()
    }

    /// The mailbox: HKDF-SHA-256(no salt, secret, `"waymark/1 pairing mailbox"`), 32 bytes. The relay
    /// learns it and can compute nothing else from it.
    #[must_use]
    pub const fn mailbox(&self) -> &MailboxId {
        &self.mailbox
    }

    /// Seals what is to stand in a slot: a random nonce, then the padded text under the slot's key,
    /// bound to mailbox and slot.
    pub(super) fn seal(
        &self,
        slot: u8,
        text: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut padded = text.to_vec();
        padding::pad(&mut padded);
        self.slot_key(slot)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.place(slot)),
                &mut padded,
            )
            .map_err(|_| CryptoError::TooLong)?;
        Ok([nonce.as_slice(), &padded].concat())
    }

    /// Opens what stands in a slot, without its padding; `None` where no end of the text is marked.
    pub(super) fn open(&self, slot: u8, sealed: &[u8]) -> Result<Option<Vec<u8>>, CryptoError> {
        let (nonce, text) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(CryptoError::NotOpened)?;
        let mut text = text.to_vec();
        let padded = self
            .slot_key(slot)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(self.place(slot)),
                &mut text,
            )
            .map_err(|_| CryptoError::NotOpened)?;
        Ok(padding::unpad(padded).map(<[u8]>::to_vec))
    }

    fn new(secret: Secret<{ Self::LEN }>) -> Result<Self, CryptoError> {
        let mailbox = MailboxId(*hkdf(&[], secret.expose(), MAILBOX_LABEL)?);
        Ok(Self { secret, mailbox })
    }

    fn slot_key(&self, slot: u8) -> Result<LessSafeKey, CryptoError> {
        let info = [SLOT_LABEL, &[slot]].concat();
        let key = hkdf::<32>(&[], self.secret.expose(), &info)?;
        UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())
            .map(LessSafeKey::new)
            .map_err(|_| CryptoError::NotOpened)
    }

    /// What a sealed text is bound to: mailbox and slot.
    fn place(&self, slot: u8) -> Vec<u8> {
        [self.mailbox.0.as_slice(), &[slot]].concat()
    }
}

impl PartialEq for LinkSecret {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl Eq for LinkSecret {}

const MAILBOX_LABEL: &[u8] = b"waymark/1 pairing mailbox";
const SLOT_LABEL: &[u8] = b"waymark/1 pairing slot";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    fn secret(seed: u8) -> LinkSecret {
        LinkSecret::generate(&mut SeededEntropy::new([seed; 32])).unwrap()
    }

    fn sealed() -> Vec<u8> {
        let mut entropy = SeededEntropy::new([9; 32]);
        secret(1).seal(3, b"yes", &mut entropy).unwrap()
    }

    #[test]
    fn a_text_opens_in_its_own_slot_under_its_own_secret_only() {
        let opened = secret(1).open(3, &sealed()).unwrap();
        assert_eq!(opened.as_deref(), Some(b"yes".as_slice()));
        assert!(secret(1).open(4, &sealed()).is_err(), "another slot");
        assert!(secret(2).open(3, &sealed()).is_err(), "another mailbox");
    }

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let sealed = sealed();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(secret(1).open(3, &altered).is_err(), "byte {at}");
            assert!(secret(1).open(3, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    /// The relay sees lengths: a yes must not be told from a no by them.
    #[test]
    fn short_texts_have_one_length() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let longer = secret(1).seal(3, &[7; 200], &mut entropy).unwrap();
        assert_eq!(longer.len(), sealed().len());
    }

    /// Two texts under one nonce would give both away.
    #[test]
    fn each_sealing_has_its_own_nonce() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let first = secret(1).seal(3, b"yes", &mut entropy).unwrap();
        let second = secret(1).seal(3, b"yes", &mut entropy).unwrap();
        assert_ne!(first[..NONCE_LEN], second[..NONCE_LEN]);
    }
}

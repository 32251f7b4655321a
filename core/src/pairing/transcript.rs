//! What binds the two sides: the commitment, the hash of all that was said, and the code.

use std::fmt;

use minicbor::{Decode, Encode};
use ring::digest::{Context, SHA256};
use waymark_wire::message::MailboxId;

use crate::crypto::{CryptoError, hkdf};

/// A SHA-256.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(transparent)]
pub(super) struct Hash(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) [u8; 32],
);

impl Hash {
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// What the inviter binds itself to before it has seen anything: SHA-256(`"waymark/1 pairing
    /// commit"` ‖ nonce ‖ card). The nonce hides the card from whoever tries candidates, and makes the
    /// code unpredictable.
    pub(super) fn commitment(nonce: &[u8; 32], card: &[u8]) -> Self {
        Self::of(&[b"waymark/1 pairing commit", nonce, card])
    }

    /// All that was said up to the comparison, from the hashes of slots 0, 1 and 2 in clear.
    pub(super) fn transcript(mailbox: &MailboxId, slots: &[Self; 3]) -> Self {
        let [offer, answer, reveal] = slots;
        Self::of(&[
            b"waymark/1 pairing transcript",
            &mailbox.0,
            &offer.0,
            &answer.0,
            &reveal.0,
        ])
    }
}

/// The six digits that both people compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Code(u32);

impl Code {
    /// From what was said: eight bytes of HKDF-SHA-256(no salt, transcript, `"waymark/1 pairing
    /// code"`), big-endian, modulo a million.
    pub(super) fn of(transcript: &Hash) -> Result<Self, CryptoError> {
        let bytes = hkdf::<8>(&[], &transcript.0, b"waymark/1 pairing code")?;
        // The remainder is below a million.
        let digits = u64::from_be_bytes(*bytes) % 1_000_000;
        Ok(Self(u32::try_from(digits).unwrap_or(0)))
    }
}

impl fmt::Display for Code {
    /// As `123 456`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People read it out digit by digit; a lost zero would look like another code.
    #[test]
    fn a_code_has_six_digits() {
        assert_eq!(Code(7).to_string(), "000 007");
        assert_eq!(Code(999_999).to_string(), "999 999");
    }
}

//! Nonces without state: `unix seconds 8 · the first 16 bytes of HMAC-SHA-256(secret, seconds)`.
//! They say only that this relay spoke to somebody within the last ten minutes, by its own clock;
//! since every mutation is idempotent or compare-and-swap, that is all they need to say.

use ring::hmac::{HMAC_SHA256, Key, sign};
use waymark_wire::codec::Bytes;

/// Seconds for which a nonce is good.
pub(crate) const LIFETIME: u64 = 600;

const MAC: usize = 16;

/// Gives nonces and knows them again.
#[derive(Debug)]
pub(crate) struct Nonces(Key);

impl Nonces {
    /// Nonces under a secret that all nodes of one relay share.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(Key::new(HMAC_SHA256, secret))
    }

    /// A nonce given at `now`, in seconds since the Unix epoch.
    pub(crate) fn give(&self, now: u64) -> Bytes {
        let mut nonce = now.to_be_bytes().to_vec();
        nonce.extend_from_slice(&self.mac(now));
        Bytes(nonce)
    }

    /// Whether `nonce` was given here, and not too long before `now`.
    pub(crate) fn is_good(&self, nonce: &Bytes, now: u64) -> bool {
        let Some((given, mac)) = nonce.0.split_first_chunk::<8>() else {
            return false;
        };
        let given = u64::from_be_bytes(*given);
        let expected = self.mac(given);
        // Compares all bytes, so that the time it takes says nothing.
        let differs = mac
            .iter()
            .zip(expected)
            .fold(0, |differs, (a, b)| differs | (a ^ b));
        let is_ours = mac.len() == MAC && differs == 0;
        is_ours && given <= now && now - given <= LIFETIME
    }

    fn mac(&self, given: u64) -> [u8; MAC] {
        let mut mac = [0; MAC];
        let tag = sign(
            &self.0,
            &[b"waymark nonce", &given.to_be_bytes()[..]].concat(),
        );
        mac.copy_from_slice(&tag.as_ref()[..MAC]);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise whoever recorded a request could read with it for ever.
    #[test]
    fn a_nonce_is_good_for_ten_minutes_at_its_relay() {
        let nonces = Nonces::new(&[1; 32]);
        let nonce = nonces.give(1_000_000);
        assert_eq!(nonce.0.len(), 24);
        assert!(nonces.is_good(&nonce, 1_000_000));
        assert!(nonces.is_good(&nonce, 1_000_600));
        assert!(!nonces.is_good(&nonce, 1_000_601));
        assert!(!nonces.is_good(&nonce, 999_999));
        assert!(!Nonces::new(&[2; 32]).is_good(&nonce, 1_000_000));
    }

    #[test]
    fn nothing_else_is_one() {
        let nonces = Nonces::new(&[1; 32]);
        let good = nonces.give(1_000_000);
        for at in 0..24 {
            let mut wrong = good.clone();
            wrong.0[at] ^= 1;
            assert!(!nonces.is_good(&wrong, 1_000_001), "{at}");
        }
        for length in 0..24 {
            assert!(!nonces.is_good(&Bytes(good.0[..length].to_vec()), 1_000_000));
        }
        let mut long = good;
        long.0.push(0);
        assert!(!nonces.is_good(&long, 1_000_000));
    }
}

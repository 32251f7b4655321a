//! Where random bytes come from: always an argument.

use std::convert::Infallible;
use std::fmt;

use hpke::rand_core::{TryCryptoRng, TryRng};
use ring::hmac;

use crate::crypto::Secret;

/// A source of random bytes.
///
/// The one that production uses reads the operating system and lives in the driver; everything
/// below takes the source as an argument, so that a simulation repeats itself to the byte.
pub trait Entropy: Send {
    /// Fills `bytes` with unpredictable bytes. A source that cannot do so must not return.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

impl<E: Entropy + ?Sized> Entropy for Box<E> {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

/// Random-looking bytes that follow from a seed alone, for simulation, vectors and tests.
///
/// **Never for production**, but for one entry that must follow from a secret alone (the first one
/// of [`crate::recovery::Beacon`]): whoever knows the seed knows every key made from it, and a restored
/// backup of the state would draw the same keys again.
///
/// Block *n* of the stream is HMAC-SHA-256(seed, *n* as eight big-endian bytes), and every call of
/// [`fill`](Entropy::fill) starts at a new block.
pub struct SeededEntropy {
    seed: Secret<32>,
    next_block: u64,
}

impl SeededEntropy {
    /// The stream of `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Secret::from(seed),
            next_block: 0,
        }
    }

    /// An independent stream for one part of a simulation, the same for the same seed and label
    /// wherever this stream has got to. So a device added to a scenario leaves the others' keys as
    /// they were.
    pub fn for_part(&self, label: &[u8]) -> Self {
        let mut mac = hmac::Context::with_key(&self.key());
        // Longer than a block number, so never equal to one.
        mac.update(b"part of a simulation: ");
        mac.update(label);
        let mut seed = [0; 32];
        seed.copy_from_slice(mac.sign().as_ref());
        Self::new(seed)
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.seed.expose())
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        let key = self.key();
        for chunk in bytes.chunks_mut(32) {
            let block = hmac::sign(&key, &self.next_block.to_be_bytes());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
            self.next_block += 1;
        }
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededEntropy")
            .field("next_block", &self.next_block)
            .finish_non_exhaustive()
    }
}

/// An [`Entropy`] in the shape that `hpke` asks for.
pub(super) struct HpkeRandom<'a>(pub(super) &'a mut dyn Entropy);

impl TryRng for HpkeRandom<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for HpkeRandom<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(entropy: &mut impl Entropy, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        entropy.fill(&mut bytes);
        bytes
    }

    /// Without this, a failing simulation could not be run again from its seed.
    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
        let (mut a, mut b) = (SeededEntropy::new([1; 32]), SeededEntropy::new([1; 32]));
        let first = draw(&mut a, 100);
        assert_eq!(first, draw(&mut b, 100));
        assert_ne!(first, draw(&mut a, 100), "the stream moves on");
        assert_ne!(first, draw(&mut SeededEntropy::new([2; 32]), 100));
    }

    /// Two draws that overlapped would hand the same key out twice.
    #[test]
    fn short_draws_do_not_overlap() {
        let mut entropy = SeededEntropy::new([3; 32]);
        let draws: Vec<_> = (0..64).map(|_| draw(&mut entropy, 12)).collect();
        for (place, bytes) in draws.iter().enumerate() {
            assert!(!draws[..place].contains(bytes));
        }
    }

    #[test]
    fn parts_differ_from_one_another_and_do_not_depend_on_what_was_drawn() {
        let mut entropy = SeededEntropy::new([4; 32]);
        let phone = draw(&mut entropy.for_part(b"phone"), 32);
        assert_ne!(phone, draw(&mut entropy.for_part(b"tablet"), 32));
        assert_ne!(phone, draw(&mut entropy, 32));
        assert_eq!(phone, draw(&mut entropy.for_part(b"phone"), 32));
    }
}

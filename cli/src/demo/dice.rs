//! Chance that follows from the seed alone.

use waymark_core::crypto::{Entropy, SeededEntropy};

/// A stream of chance for one purpose. The same seed and purpose give the same stream, whatever
/// other purposes have drawn.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    /// The stream of a seed for a purpose.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self(SeededEntropy::new(bytes).for_part(purpose.as_bytes()))
    }

    /// 32 bytes, for keys and for further seeds.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill(&mut bytes);
        bytes
    }

    /// A number from 0 up to but not `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let drawn = u64::from_be_bytes(bytes) % u64::from(limit.max(1));
        u32::try_from(drawn).unwrap_or(0)
    }

    /// A number in a range, both ends included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several things; none only where there are none.
    pub(crate) fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let limit = u32::try_from(things.len()).unwrap_or(u32::MAX);
        things.get(usize::try_from(self.below(limit)).unwrap_or(0))
    }
}

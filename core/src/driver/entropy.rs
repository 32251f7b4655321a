//! The system's randomness.

use ring::rand::{SecureRandom, SystemRandom};

use crate::crypto::Entropy;

/// The operating system's random source, through ring.
#[derive(Clone, Debug)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    /// # Panics
    /// Where the operating system has no randomness to give. Nothing secret can be made then, and
    /// going on with anything weaker would be worse than stopping.
    #[expect(
        clippy::expect_used,
        reason = "without randomness there is nothing safe to do"
    )]
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0
            .fill(bytes)
            .expect("the operating system gives random bytes");
    }
}

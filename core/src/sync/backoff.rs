//! When to try again: each space and each relay waits alone, twice as long each time.

use super::Timestamp;
use crate::crypto::Entropy;

const FIRST_MS: i64 = 500;
const LONGEST_MS: i64 = 300_000;

/// How often something failed in a row, and when it may be tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    retry_at: Option<Timestamp>,
    /// Before this the relay does not want to be asked.
    told: Option<Timestamp>,
}

impl Backoff {
    /// Whether it may be tried.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.retry_at().is_none_or(|at| at <= now)
    }

    /// When it may be tried, if it is waiting.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at.max(self.told)
    }

    /// It failed: wait, a quarter more or less, so that many devices do not come back at once.
    pub(super) fn failed(&mut self, now: Timestamp, entropy: &mut dyn Entropy) {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let base = (FIRST_MS << self.failures.min(12)).min(LONGEST_MS);
        let wait = base * (192 + i64::from(byte[0]) / 2) / 256;
        self.failures += 1;
        self.retry_at = Some(now.plus(wait));
    }

    /// It worked, or is to be tried at once.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// It waits because the relay refused, which does not want to be asked again before `until`.
    pub(super) fn told(&mut self, until: Timestamp) {
        if self.retry_at.is_some() {
            self.told = Some(until);
        }
    }

    /// Try at once, but remember the failures. What the relay wants is not hurried.
    pub(super) fn hurry(&mut self) {
        self.retry_at = None;
    }

    /// The wait is over; remember the failures.
    pub(super) fn lapse(&mut self) {
        self.retry_at = None;
        self.told = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    /// A relay that is overrun would otherwise be overrun by those who obey it not.
    #[test]
    fn nothing_hurries_what_a_relay_wants() {
        let mut entropy = SeededEntropy::new([1; 32]);
        let mut backoff = Backoff::default();
        // What does not wait was not refused.
        backoff.told(Timestamp(60_000));
        assert!(backoff.is_over(Timestamp(0)));
        backoff.failed(Timestamp(0), &mut entropy);
        backoff.told(Timestamp(60_000));
        backoff.hurry();
        assert!(!backoff.is_over(Timestamp(59_999)));
        assert_eq!(backoff.retry_at(), Some(Timestamp(60_000)));
        assert!(backoff.is_over(Timestamp(60_000)));
        backoff.lapse();
        assert_eq!(backoff.retry_at(), None);
        // What was told of one wait is not told of the next.
        backoff.failed(Timestamp(70_000), &mut entropy);
        assert!(backoff.retry_at().unwrap() < Timestamp(75_000));
        backoff.hurry();
        assert!(backoff.is_over(Timestamp(70_000)));
    }

    #[test]
    fn waits_grow_to_five_minutes_and_no_further() {
        let mut entropy = SeededEntropy::new([1; 32]);
        let mut backoff = Backoff::default();
        let mut last = 0;
        for round in 0..40 {
            backoff.failed(Timestamp(0), &mut entropy);
            let wait = backoff.retry_at().unwrap().0;
            assert!(wait <= LONGEST_MS * 5 / 4, "{wait}");
            assert!(round > 8 || wait > last, "{wait} after {last}");
            last = wait;
        }
        assert!(last >= LONGEST_MS * 3 / 4);
    }
}

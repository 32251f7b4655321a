//! A clock that stands still until the test turns it.

use std::sync::atomic::{AtomicI64, Ordering};

use waymark_core::driver::Clock;
use waymark_core::sync::Timestamp;

/// A clock that stands still until the test turns it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock at a time in milliseconds since the Unix epoch.
    #[must_use]
    pub const fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    /// Turns it forward, or back.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

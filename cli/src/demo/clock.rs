//! The clock of all devices in the story: it stands still until the story turns it.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use waymark_core::driver::Clock;
use waymark_core::sync::Timestamp;

/// A clock that stands still until it is turned.
#[derive(Debug, Default)]
pub(crate) struct StoryClock(AtomicI64);

impl StoryClock {
    /// Turns it to an instant.
    pub(crate) fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_millis(), Ordering::SeqCst);
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

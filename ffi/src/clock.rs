//! A clock that a test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use waymark_core::driver::Clock;
use waymark_core::sync::Timestamp;

use crate::DateTime;

/// A clock that stands still until it is turned, for tests of an app: streaks, reminders and grants of
/// weeks in a moment. It is an object rather than something an app implements, because the library
/// reads the time while it holds its own lock.
#[derive(uniffi::Object)]
pub struct ManualClock(AtomicI64);

#[uniffi::export]
impl ManualClock {
    /// A clock that shows this instant.
    #[uniffi::constructor]
    pub fn new(at: DateTime) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(at.timestamp_millis())))
    }

    /// Turns it forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let turned = |now: i64| Some(now.saturating_add(by));
        // It is never refused.
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, turned);
    }

    /// What it shows.
    pub fn now(&self) -> DateTime {
        let millis = self.0.load(Ordering::SeqCst);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::MAX_UTC)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

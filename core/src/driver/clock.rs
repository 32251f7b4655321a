//! The time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::sync::Timestamp;

/// What tells the time. An app takes [`SystemClock`]; tests bring their own.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Timestamp(millis)
    }
}

/// A time that only goes forward, whatever somebody does to the device's clock: what the sync
/// machine is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    started: Instant,
    at: Timestamp,
}

impl Steady {
    pub(super) fn starting(at: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            at,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.at.plus(passed)
    }
}

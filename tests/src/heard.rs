//! A listener that remembers what it was told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use waymark_core::client::{Change, ChangeListener};

use crate::Device;

/// What a device was told of changes, in order.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Vec<Change>>);

impl ChangeListener for Heard {
    fn changed(&self, changes: Vec<Change>) {
        self.lock().extend(changes);
    }
}

impl Heard {
    /// Listens to a device from now on.
    #[must_use]
    pub fn from(device: &Device) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        device.client().listen(Arc::clone(&heard) as _);
        heard
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> Vec<Change> {
        self.lock().clone()
    }

    /// How many records it was told of so far, each as often as it was told.
    #[must_use]
    pub fn records(&self) -> Vec<waymark_core::model::RecordId> {
        let records = |change: Change| match change {
            Change::Records { records, .. } => records,
            _ => Vec::new(),
        };
        self.all().into_iter().flat_map(records).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until `happened`, at most 20 seconds: what others write takes its way.
///
/// # Panics
/// Where it has not happened by then.
pub async fn until(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it has not happened: {what}");
}

//! How a client is opened, and opened again after it was suspended.

use std::sync::{Arc, Mutex, PoisonError};

use waymark_core::client::{Client, Config, WaymarkError};
use waymark_core::driver::{Clock, SystemClock};

use crate::clock::ManualClock;
use crate::key::storage_key;
use crate::listening::Listeners;
use crate::{KeyProvider, WaymarkConfig};

/// What a client is opened with each time.
pub(crate) struct Opening {
    config: Mutex<WaymarkConfig>,
    key_provider: Arc<dyn KeyProvider>,
    clock: Arc<dyn Clock>,
    listeners: Arc<Listeners>,
}

impl Opening {
    /// With the system's clock, or with one that a test turns.
    pub(crate) fn new(
        config: WaymarkConfig,
        key_provider: Arc<dyn KeyProvider>,
        clock: Option<Arc<ManualClock>>,
        listeners: Arc<Listeners>,
    ) -> Self {
        Self {
            config: Mutex::new(config),
            key_provider,
            clock: match clock {
                Some(clock) => clock,
                None => Arc::new(SystemClock),
            },
            listeners,
        }
    }

    /// Opens the database; its key is asked for, and kept by nobody but the client.
    pub(crate) fn open(&self) -> Result<Client, WaymarkError> {
        let config = Config::from(
            self.config
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        );
        let key = storage_key(self.key_provider.as_ref())?;
        let client = Client::open_with(config, &key, Arc::clone(&self.clock))?;
        client.listen(Arc::clone(&self.listeners) as _);
        Ok(client)
    }

    /// From now on the device is in this time zone.
    pub(crate) fn move_to(&self, time_zone: &str) {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        time_zone.clone_into(&mut config.time_zone);
    }
}

//! A client whose network is a simulation: nothing is sent by itself. Whoever drives it carries out the
//! effects of its sync machine and hands in what comes of them, at times of a clock of its own, so that
//! a whole fleet runs in one thread and alike twice.

use std::sync::{Arc, OnceLock};

use super::{Client, Config, WaymarkError};
use crate::crypto::Entropy;
use crate::driver::{Clock, Http, Shares};
use crate::engine::Engine;
use crate::store::Store;
use crate::sync::Machine;

/// Never used, and costly to make.
static HTTP: OnceLock<Http> = OnceLock::new();

impl Client {
    /// A client on any store and randomness, without a network.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn simulated(
        config: Config,
        store: Box<dyn Store>,
        entropy: Box<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WaymarkError> {
        let http = match HTTP.get() {
            Some(http) => http.clone(),
            None => {
                let made = Http::new(&[])?;
                HTTP.get_or_init(|| made).clone()
            }
        };
        Self::with_http(config, (store, entropy), clock, http)
    }

    /// Lends the device and its sync machine, as the driver has them.
    pub fn drive<T>(&self, f: impl FnOnce(&mut Engine, &mut Machine) -> T) -> T {
        let Shares { engine, machine } = &mut *self.inner.shared.lock();
        f(engine, machine)
    }

    /// What a sync does before it begins: what the calendar asks for.
    pub fn before_sync(&self) {
        self.inner.look_at_the_date();
    }

    /// What a sync does when everything was read: grants that are over end, and what was reached is
    /// found. Says whether there is anything new to send.
    #[must_use]
    pub fn after_sync(&self) -> bool {
        self.inner.after_merge()
    }
}

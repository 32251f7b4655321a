//! The relays of a run: the real ones, handed one request after another by a clock that the run turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use waymark_server::{Config, Relay};

use super::ledger::Ledger;

/// Where relays keep what they must not lose: in memory, where the system has such a place.
const MEMORY: &str = "/dev/shm";

/// A relay of a run.
pub(super) struct SimRelay {
    /// Its address.
    pub(super) url: String,
    /// Nobody answers there before this time.
    pub(super) down_until: i64,
    relay: Option<Relay>,
    directory: TempDir,
    seed: [u8; 32],
    now: Arc<AtomicI64>,
    runtime: Arc<Runtime>,
}

impl SimRelay {
    pub(super) fn new(number: usize, seed: [u8; 32], runtime: Arc<Runtime>) -> Self {
        let directory = TempDir::new_in(MEMORY).or_else(|_| TempDir::new());
        let mut relay = Self {
            url: format!("http://relay-{number}"),
            down_until: i64::MIN,
            relay: None,
            directory: directory.expect("a directory"),
            seed,
            now: Arc::new(AtomicI64::new(0)),
            runtime,
        };
        relay.start();
        relay
    }

    fn start(&mut self) {
        let now = Arc::clone(&self.now);
        let clock = move || {
            let millis = now.load(Ordering::Relaxed);
            Duration::from_millis(u64::try_from(millis).unwrap_or_default())
        };
        let config = Config::new(self.directory.path());
        let relay = self
            .runtime
            .block_on(async { Relay::simulated(config, self.seed, clock) });
        self.relay = Some(relay.expect("the relay opens"));
    }

    /// Stops it and starts it again on what it has.
    pub(super) fn restart(&mut self) {
        if let Some(relay) = self.relay.take() {
            self.runtime.block_on(relay.stop());
        }
        self.start();
    }

    /// Answers a request, and enters into the ledger what it took.
    pub(super) fn answer(
        &mut self,
        now: i64,
        path: &str,
        body: &[u8],
        ledger: &mut Ledger,
    ) -> (u16, Vec<u8>) {
        self.now.store(now, Ordering::Relaxed);
        let relay = self.relay.as_ref().expect("it runs");
        let (status, answer) = self.runtime.block_on(relay.answer(path, body.to_vec()));
        ledger.note(now, path, body, (status, &answer));
        (status, answer)
    }
}

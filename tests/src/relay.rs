//! A relay on a free loopback port, with a directory that outlives it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waymark_core::driver::Clock;
use waymark_server::{Config, Relay};

use crate::{TestClock, fixture};

/// What the keys of a relay follow from that goes by a clock of the test's.
const SEED: [u8; 32] = [3; 32];

/// A relay on a free loopback port.
#[derive(Debug)]
pub struct TestRelay {
    directory: TempDir,
    address: SocketAddr,
    /// What it goes by, where that is not the system's time.
    clock: Option<Arc<TestClock>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl TestRelay {
    /// Starts a relay with a new directory.
    pub async fn start() -> Self {
        Self::start_in(TempDir::new().expect("a directory"), None).await
    }

    /// Starts a relay with a new directory that goes by `clock`. It looks whether something may be
    /// dropped when it starts.
    pub async fn start_by(clock: Arc<TestClock>) -> Self {
        Self::start_in(TempDir::new().expect("a directory"), Some(clock)).await
    }

    /// Starts a relay with a copy of the directory of a [`fixture`].
    pub async fn restored(name: &str) -> Self {
        Self::start_in(fixture::copy(name), None).await
    }

    async fn start_in(directory: TempDir, clock: Option<Arc<TestClock>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut relay = Self {
            directory,
            address,
            clock,
            running: None,
        };
        relay.serve(listener);
        relay
    }

    /// Stops it; its port answers no more.
    pub async fn stop(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            let _ = stop.send(());
            let _ = serving.await;
        }
    }

    /// Starts it again on the same port and directory.
    pub async fn restart(&mut self) {
        self.stop().await;
        let listener = TcpListener::bind(self.address)
            .await
            .expect("its port again");
        self.serve(listener);
    }

    /// A backup of what it holds now.
    pub async fn backup(&mut self) -> TempDir {
        self.stop().await;
        let backup = fixture::copy_of(self.directory());
        self.restart().await;
        backup
    }

    /// Puts a backup in the place of what it holds: everything since is lost.
    pub async fn put_back(&mut self, backup: TempDir) {
        self.stop().await;
        self.directory = backup;
        self.restart().await;
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn serve(&mut self, listener: TcpListener) {
        let config = Config::new(self.directory.path());
        let relay = match &self.clock {
            Some(clock) => {
                let clock = Arc::clone(clock);
                let now = move || {
                    let millis = u64::try_from(clock.now().0).unwrap_or_default();
                    Duration::from_millis(millis)
                };
                Relay::simulated(config, SEED, now)
            }
            None => Relay::open(config),
        };
        let relay = relay.expect("the relay opens");
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            relay
                .serve(listener, shutdown)
                .await
                .expect("the relay serves");
        });
        self.running = Some((stop, serving));
    }
}

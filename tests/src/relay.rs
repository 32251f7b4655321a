//! A relay on a free loopback port, with a directory that outlives it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waymark_server::{Config, Relay};

use crate::fixture;

/// A relay on a free loopback port.
#[derive(Debug)]
pub struct TestRelay {
    directory: TempDir,
    address: SocketAddr,
    /// Seconds by which its clock is ahead.
    ahead: Arc<AtomicU64>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl TestRelay {
    /// Starts a relay with a new directory.
    pub async fn start() -> Self {
        Self::start_in(TempDir::new().expect("a directory")).await
    }

    /// Starts a relay with a copy of the directory of a [`fixture`].
    pub async fn restored(name: &str) -> Self {
        Self::start_in(fixture::copy(name)).await
    }

    async fn start_in(directory: TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut relay = Self {
            directory,
            address,
            ahead: Arc::default(),
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

    /// So many days pass for it alone, and it lets go of what it may.
    pub async fn pass(&mut self, days: u64) {
        self.stop().await;
        self.ahead.fetch_add(days * 24 * 60 * 60, Ordering::Relaxed);
        self.restart().await;
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
        let ahead = Arc::clone(&self.ahead);
        let clock = move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.unwrap_or_default() + Duration::from_secs(ahead.load(Ordering::Relaxed))
        };
        let config = Config::new(self.directory.path());
        let relay = Relay::open_at(config, clock).expect("the relay opens");
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            // Before it answers anybody.
            relay.tend().await;
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

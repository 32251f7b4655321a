//! The relay as a library: open a data directory, serve a listener, stop.

use std::future::{Future, IntoFuture};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use crate::bus::{Bus, LocalBus};
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::{DataDir, OpenError};
use crate::http::{self, InFlight, Listener};
use crate::log::{Log, SqliteLog};
use crate::mailbox::Mailboxes;
use crate::node::Node;

/// How long a stop waits for requests in flight.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a relay looks whether entries may be dropped. A checkpoint rests for days.
const TENDING: Duration = Duration::from_secs(60 * 60);

/// A relay over a data directory, which is its own until it is dropped: alone with all that it keeps,
/// or as one node of several.
#[derive(Debug)]
pub struct Relay<L = SqliteLog, B = LocalBus> {
    pub(crate) node: Arc<Node<L, B>>,
    stop: watch::Sender<bool>,
    // Dropped last: the lock is held as long as anything is written.
    _data: DataDir,
}

impl Relay {
    /// Opens the data directory, or makes it.
    ///
    /// # Errors
    /// [`OpenError`] where it cannot be used, each in one sentence.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let data = DataDir::open(&config.data)?;
        Self::over(data, config, Clock::system())
    }

    /// A relay over its directory, by a clock.
    pub(crate) fn over(data: DataDir, config: Config, clock: Clock) -> Result<Self, OpenError> {
        let log = SqliteLog::open(&data.path, data.new_generation, config.limits.queue);
        let log = log.map_err(|why| OpenError::Database {
            path: data.path.clone(),
            why,
        })?;
        Self::assemble(data, config, clock, (log, LocalBus::default()))
    }
}

impl<L: Log + Mailboxes, B: Bus> Relay<L, B> {
    /// A relay over what it keeps its logs in and hears hints by.
    pub(crate) fn assemble(
        data: DataDir,
        config: Config,
        clock: Clock,
        parts: (L, B),
    ) -> Result<Self, OpenError> {
        let key = SigningKey::from_seed(&data.key_seed).ok_or(OpenError::Random)?;
        let (stop, stopping) = watch::channel(false);
        let mut node = Node::new(
            parts,
            (config.limits, config.admission),
            key,
            &data.nonce_secret,
            stopping,
        );
        node.clock = clock;
        Ok(Self {
            node: Arc::new(node),
            stop,
            _data: data,
        })
    }

    /// The key that devices know this relay by.
    #[must_use]
    pub fn key(&self) -> VerifyingKey {
        self.node.key()
    }

    /// Serves until `shutdown` is over. Then live answers end, requests in flight are finished
    /// (for at most ten seconds), and what was queued is written.
    ///
    /// # Errors
    /// [`io::Error`] where the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.node.sweep().await;
        let tending = tokio::spawn(tend(self.node.clone(), self.stop.subscribe()));
        let limits = self.node.limits;
        let listener = Listener::new(listener, limits.connections, limits.idle);
        let routes = http::router(self.node.clone());
        let service = routes.into_make_service_with_connect_info::<InFlight>();
        let (stop, mut stopping) = (self.stop.clone(), self.stop.subscribe());
        let signal = async move {
            shutdown.await;
            tracing::info!("stopping");
            stop.send_replace(true);
        };
        let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
        let patience = async {
            // Fails only where the sender is gone, and `self` holds it.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
            tokio::time::sleep(PATIENCE).await;
        };
        let served = tokio::select! {
            served = serving.into_future() => served,
            () = patience => Ok(()),
        };
        tending.abort();
        self.node.log.close().await;
        served
    }
}

/// Drops what is due, now and every hour, until the relay stops.
async fn tend<L: Log, B: Bus>(node: Arc<Node<L, B>>, mut stopping: watch::Receiver<bool>) {
    loop {
        node.drop_due().await;
        tokio::select! {
            () = tokio::time::sleep(TENDING) => {}
            _ = stopping.changed() => return,
        }
    }
}

//! The relay as a library: open a data directory, serve a listener, stop.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::sync::watch;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use crate::admission::{Admission, Tokens};
use crate::bus::{Bus, LocalBus};
use crate::certificate::{Certificate, Shown};
use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::data_dir::{DataDir, OpenError};
use crate::http::{self, Listener};
use crate::log::{Log, SqliteLog};
use crate::mailbox::Mailboxes;
use crate::node::Node;
#[cfg(feature = "wake")]
use crate::wake::{self, Waker};

/// How long a stop waits for requests in flight.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a relay looks whether something may go: everything rests for days.
const TENDING: Duration = Duration::from_secs(60 * 60);

/// Connections of those who watch, at a time.
const WATCHERS: usize = 32;
/// How often it writes down which spaces were read.
const NOTING: Duration = Duration::from_secs(60);

/// A relay over a data directory, which is its own until it is dropped: alone with all that it keeps,
/// or as one node of several.
#[derive(Debug)]
pub struct Relay<L = SqliteLog, B = LocalBus> {
    pub(crate) node: Arc<Node<L, B>>,
    stop: watch::Sender<bool>,
    certificate: Option<Arc<Shown>>,
    #[cfg(feature = "wake")]
    waker: Option<Waker>,
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

/// Replaces what an operator may replace while a relay serves.
#[derive(Clone, Debug)]
pub struct Replacing {
    admission: Arc<Admission>,
    certificate: Option<Arc<Shown>>,
}

impl Replacing {
    /// Has these tokens count from now on, and no others.
    pub fn tokens(&self, by: Tokens) {
        self.admission.replace(by);
    }

    /// Shows this certificate to whoever connects from now on. A relay that began without one goes on
    /// without.
    pub fn certificate(&self, by: Certificate) {
        if let Some(shown) = &self.certificate {
            shown.replace(by);
        }
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
        #[cfg(feature = "wake")]
        let waker = config.wake.map(|(gateway, every)| {
            let (wakes, waker) = wake::wakes(gateway, every, &node.metrics);
            node.wakes = Some(wakes);
            waker
        });
        Ok(Self {
            node: Arc::new(node),
            stop,
            certificate: config.certificate.map(Shown::new),
            #[cfg(feature = "wake")]
            waker,
            _data: data,
        })
    }

    /// The key that devices know this relay by.
    #[must_use]
    pub fn key(&self) -> VerifyingKey {
        self.node.key()
    }

    /// Answers whoever watches the relay (`/metrics`, `/healthz`, `/readyz`) on a listener of its own,
    /// until the relay stops.
    pub fn watch(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stop.subscribe();
        let limits = Limits {
            connections: WATCHERS,
            ..self.node.limits
        };
        let rates = self.node.rates.clone();
        let listener = Listener::new(listener, &limits, Gauge::default(), rates, None);
        let routes = http::watching(self.node.clone());
        async move {
            let stopped = async {
                // Fails only where the relay is gone.
                let _ = stopping.changed().await;
            };
            http::serve(listener, routes, limits.idle, stopped).await;
        }
    }

    /// What replaces certificate and tokens while it serves.
    #[must_use]
    pub fn replacing(&self) -> Replacing {
        Replacing {
            admission: self.node.admission.clone(),
            certificate: self.certificate.clone(),
        }
    }

    /// Serves until `shutdown` is over. Then live answers end, requests in flight are finished
    /// (for at most ten seconds), and what was queued is written.
    ///
    /// # Errors
    /// [`io::Error`] where TLS cannot be set up.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        #[cfg(feature = "wake")]
        let waking = self
            .waker
            .map(|waker| tokio::spawn(waker.run(forgetting(&self.node))));
        let tending = tokio::spawn(tend(self.node.clone(), self.stop.subscribe()));
        let limits = self.node.limits;
        let rates = self.node.rates.clone();
        let tls = self.certificate.clone().map(Shown::acceptor);
        let tls = tls.transpose().map_err(io::Error::other)?;
        let open = self.node.metrics.connections.clone();
        let listener = Listener::new(listener, &limits, open, rates, tls);
        let routes = http::router(self.node.clone());
        let (stop, mut stopping) = (self.stop.clone(), self.stop.subscribe());
        let signal = async move {
            shutdown.await;
            tracing::info!("stopping");
            stop.send_replace(true);
        };
        let serving = http::serve(listener, routes, limits.idle, signal);
        let patience = async {
            // Fails only where the sender is gone, and `self` holds it.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            () = serving => {}
            () = patience => {}
        }
        tending.abort();
        self.node.note_uses().await;
        #[cfg(feature = "wake")]
        if let Some(waking) = waking {
            waking.abort();
        }
        self.node.log.close().await;
        Ok(())
    }
}

/// Forgets the token of a member whom the gateway does not know.
#[cfg(feature = "wake")]
fn forgetting<L: Log, B: Bus>(
    node: &Arc<Node<L, B>>,
) -> impl Fn(wake::Sleeper) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Clone + Send + 'static
{
    let node = node.clone();
    move |(space, device)| {
        let node = node.clone();
        Box::pin(async move {
            // It is tried again with the next wake.
            let _ = node.log.set_wake(space, device, None).await;
        })
    }
}

/// Lets go of what is due, now and every hour, and writes down every minute what was read, until the
/// relay stops.
async fn tend<L: Log + Mailboxes, B: Bus>(
    node: Arc<Node<L, B>>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        node.sweep().await;
        node.drop_due().await;
        node.retire().await;
        let next = Instant::now() + TENDING;
        while Instant::now() < next {
            tokio::select! {
                () = tokio::time::sleep(NOTING) => node.note_uses().await,
                _ = stopping.changed() => return,
            }
        }
    }
}

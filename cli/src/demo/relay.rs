//! The relay of the story, in this process.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waymark_server::{Config, Relay};

use super::error::DemoError;

/// A relay that serves.
#[derive(Debug)]
pub(crate) struct RunningRelay {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl RunningRelay {
    /// Starts a relay over a data directory, on a free loopback port.
    ///
    /// # Errors
    /// The directory's, or that there is no port.
    pub(crate) async fn start(data: &Path) -> Result<Self, DemoError> {
        let relay = Relay::open(Config::new(data))?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(DemoError::io("a port"))?;
        let address = listener.local_addr().map_err(DemoError::io("a port"))?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(relay.serve(listener, shutdown));
        Ok(Self {
            address,
            stop,
            serving,
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it; what it was told is on disk then.
    ///
    /// # Errors
    /// Where it had failed.
    pub(crate) async fn stop(self) -> Result<(), DemoError> {
        let _ = self.stop.send(());
        let served = self.serving.await.map_err(std::io::Error::other);
        served.flatten().map_err(DemoError::io("the relay"))
    }
}

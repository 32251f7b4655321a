//! The client behind a [`Waymark`](crate::Waymark) and the objects it hands out, until it is locked.

use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;
use waymark_core::client::{Client, WaymarkError};

use crate::runtime::runtime;

/// An open client, or a locked one.
pub(crate) struct Session {
    // Local calls read it for their whole length, so that none is under way while it is locked.
    client: RwLock<Option<Client>>,
    locked: watch::Sender<bool>,
}

impl Session {
    /// A session of an open client.
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client: RwLock::new(Some(client)),
            locked: watch::Sender::new(false),
        }
    }

    /// Makes a local call.
    pub(crate) fn call<T>(
        &self,
        work: impl FnOnce(&Client) -> Result<T, WaymarkError>,
    ) -> Result<T, WaymarkError> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        work(client.as_ref().ok_or_else(locked)?)
    }

    /// Makes a call on the network's threads. Locking ends it.
    pub(crate) async fn spawn<T, W>(
        &self,
        work: impl FnOnce(Client) -> W,
    ) -> Result<T, WaymarkError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, WaymarkError>> + Send + 'static,
    {
        let work = work(self.client()?);
        let mut locking = self.locking();
        let work = async move {
            tokio::select! {
                done = work => done,
                _ = locking.wait_for(|locked| *locked) => Err(locked()),
            }
        };
        let done = runtime()?.spawn(work).await;
        done.unwrap_or_else(|_| {
            Err(WaymarkError::Internal {
                reason: "a network call broke off".into(),
            })
        })
    }

    /// The client, for work that outlives a local call.
    pub(crate) fn client(&self) -> Result<Client, WaymarkError> {
        self.call(|client| Ok(client.clone()))
    }

    /// Becomes true when the session is locked.
    pub(crate) fn locking(&self) -> watch::Receiver<bool> {
        self.locked.subscribe()
    }

    /// Takes the client out, for its last call.
    pub(crate) fn lock(&self) -> Result<Client, WaymarkError> {
        let client = self
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.locked.send_replace(true);
        client.ok_or_else(locked)
    }
}

fn locked() -> WaymarkError {
    WaymarkError::Locked {
        reason: "this client was locked; open it again".into(),
    }
}

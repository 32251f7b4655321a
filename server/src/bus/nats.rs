//! The bus between the nodes of a relay: NATS core, which delivers what it can and keeps nothing. A
//! node hears itself without it, and whoever follows a space looks for itself from time to time.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, ServerAddr};
use axum::body::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use waymark_wire::ids::SpaceId;

use super::local::LocalHints;
use super::{Bus, LocalBus};
use crate::places::is_this_machine;

/// What hints are called on the wire: `space id 32 · seq 8`, big-endian.
const SUBJECT: &str = "waymark.moved";

/// Hints that wait to be sent; more are lost.
const WAITING: usize = 4_096;

/// Hints that were received and not handed on; more are lost.
const RECEIVED: usize = 16_384;

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The address is none.
    #[error("{address} is no address of a NATS server: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: std::io::Error,
    },
    /// NATS does not take this node.
    #[error("NATS cannot be used: {0}")]
    Connect(#[from] async_nats::ConnectError),
    /// NATS does not let it listen.
    #[error("NATS does not let this node listen: {0}")]
    Subscribe(#[from] async_nats::SubscribeError),
}

/// A [`Bus`] between processes.
#[derive(Debug)]
pub struct NatsBus {
    local: LocalBus,
    outgoing: mpsc::Sender<Bytes>,
    tasks: [JoinHandle<()>; 2],
}

impl NatsBus {
    /// A bus over the servers at `addresses`, which are `nats://…` or `tls://…` with commas between.
    /// Those at `tls://…` have to show a certificate of an authority in the PEM file `trusted`, or of
    /// one that the system trusts. Where none of them answers it is tried again and again, and nothing
    /// is told meanwhile: each follower has to look for itself every `recheck`.
    ///
    /// # Errors
    /// [`NatsError`] where an address is none, or NATS does not take this node.
    pub async fn connect(
        addresses: &str,
        trusted: Option<&Path>,
        recheck: Duration,
    ) -> Result<Self, NatsError> {
        let servers = servers(addresses)?;
        let mut options = ConnectOptions::new()
            .name("waymark-server")
            .no_echo()
            .retry_on_initial_connect()
            // A server names others of its cluster, which nobody has said may be spoken to in clear.
            .ignore_discovered_servers()
            .subscription_capacity(RECEIVED);
        if let Some(path) = trusted {
            options = options.add_root_certificates(path.to_path_buf());
        }
        let client = options.connect(servers).await?;
        let mut incoming = client.subscribe(SUBJECT).await?;
        let local = LocalBus::rechecking(recheck);
        let followers = local.share();
        let hearing = tokio::spawn(async move {
            while let Some(message) = incoming.next().await {
                if let Some((space, seq)) = read(&message.payload) {
                    followers.publish(&space, seq);
                }
            }
        });
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let telling = tokio::spawn(tell(client, waiting));
        Ok(Self {
            local,
            outgoing,
            tasks: [hearing, telling],
        })
    }
}

/// Whether what is said to each of the servers at these addresses stays on this machine, or is sealed
/// on its way. No others are spoken to.
///
/// # Errors
/// [`NatsError::Address`] where one of them is none.
pub fn is_private(addresses: &str) -> Result<bool, NatsError> {
    let servers = servers(addresses)?;
    Ok(servers
        .iter()
        .all(|server| server.tls_required() || is_this_machine(server.host())))
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Bus for NatsBus {
    type Hints = LocalHints;

    fn publish(&self, space: &SpaceId, seq: u64) {
        self.local.publish(space, seq);
        // A hint that finds no room is lost, as any may be.
        let _ = self.outgoing.try_send(write(space, seq));
    }

    fn subscribe(&self) -> LocalHints {
        self.local.subscribe()
    }

    fn recheck(&self) -> Option<Duration> {
        self.local.recheck()
    }
}

async fn tell(client: Client, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(hint) = waiting.recv().await {
        if let Err(error) = client.publish(SUBJECT, hint).await {
            tracing::warn!(%error, "a hint was not sent");
        }
    }
}

fn servers(addresses: &str) -> Result<Vec<ServerAddr>, NatsError> {
    let server = |address: &str| {
        address.trim().parse().map_err(|why| NatsError::Address {
            address: address.to_owned(),
            why,
        })
    };
    addresses.split(',').map(server).collect()
}

fn write(space: &SpaceId, seq: u64) -> Bytes {
    [&space.0[..], &seq.to_be_bytes()].concat().into()
}

fn read(hint: &[u8]) -> Option<(SpaceId, u64)> {
    let (space, seq) = hint.split_first_chunk::<32>()?;
    let seq = seq.try_into().ok()?;
    Some((SpaceId(*space), u64::from_be_bytes(seq)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads the network in between would otherwise learn which spaces are written to.
    #[test]
    fn only_what_stays_here_or_is_sealed_is_private() {
        for (addresses, expected) in [
            ("nats://localhost", true),
            ("nats://127.0.0.1:4222,nats://[::1]:4223", true),
            ("tls://192.0.2.1", true),
            ("nats://localhost, tls://nats.example", true),
            ("nats://192.0.2.1", false),
            ("nats://nats.example", false),
            ("nats://localhost@192.0.2.1", false),
            ("nats://localhost.example", false),
            ("nats://127.0.0.1,nats://192.0.2.1", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(is_private(addresses).unwrap(), expected, "{addresses}");
        }
        assert!(is_private("http://localhost").is_err());
    }
}

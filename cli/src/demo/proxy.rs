//! The wire between the devices and the relay: a small TCP proxy that keeps every byte that passes,
//! can be cut, and can be led to another relay.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;
/// How long a device may take to hear that it was hung up on.
const HEARD: Duration = Duration::from_millis(20);

/// The wire. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// Where it leads; nowhere while it is cut. Every change ends the connections there are.
    relay: watch::Sender<Option<SocketAddr>>,
    /// Connections there are.
    open: watch::Sender<usize>,
    up: AtomicU64,
    down: AtomicU64,
    /// What passed, by connection and direction.
    streams: Mutex<Vec<Stream>>,
}

/// One direction of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// Whether it went to the relay.
    pub(crate) up: bool,
    /// What passed.
    pub(crate) bytes: Vec<u8>,
}

/// How many bytes have passed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Passed {
    /// To the relay.
    pub(crate) up: u64,
    /// From the relay.
    pub(crate) down: u64,
}

impl Wire {
    /// A wire from a free loopback port to a relay.
    ///
    /// # Errors
    /// [`io::Error`] where there is no port.
    pub(crate) async fn to(relay: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            relay: watch::Sender::new(Some(relay)),
            open: watch::Sender::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            streams: Mutex::new(Vec::new()),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// The address that devices know.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts it: whoever calls is hung up on, and so is who was connected when this returns.
    pub(crate) async fn cut(&self) {
        self.shared.lead(None).await;
    }

    /// Leads it to a relay; what was connected to another is cut when this returns.
    pub(crate) async fn lead_to(&self, relay: SocketAddr) {
        self.shared.lead(Some(relay)).await;
    }

    /// How many bytes have passed so far.
    pub(crate) fn passed(&self) -> Passed {
        Passed {
            up: self.shared.up.load(Ordering::SeqCst),
            down: self.shared.down.load(Ordering::SeqCst),
        }
    }

    /// Everything that has passed so far.
    pub(crate) fn traffic(&self) -> Vec<Stream> {
        self.shared.streams().clone()
    }
}

impl Passed {
    /// What has passed since then.
    pub(crate) const fn since(self, then: Self) -> Self {
        Self {
            up: self.up - then.up,
            down: self.down - then.down,
        }
    }

    /// Both directions.
    pub(crate) const fn both(self) -> u64 {
        self.up + self.down
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.relay.send_replace(None);
    }
}

impl Shared {
    async fn lead(&self, relay: Option<SocketAddr>) {
        self.relay.send_replace(relay);
        let mut open = self.open.subscribe();
        // The sender is `self`'s: it cannot be gone.
        let _ = open.wait_for(|open| *open == 0).await;
        // Whoever was hung up on has to hear it before it sends the next request.
        tokio::time::sleep(HEARD).await;
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, up: bool) -> usize {
        let mut streams = self.streams();
        streams.push(Stream {
            up,
            bytes: Vec::new(),
        });
        streams.len() - 1
    }

    fn keep(&self, stream: usize, piece: &[u8]) {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if let Some(stream) = self.streams().get_mut(stream) {
            stream.bytes.extend_from_slice(piece);
            let counter = if stream.up { &self.up } else { &self.down };
            counter.fetch_add(length, Ordering::SeqCst);
        }
    }
}

/// A connection while it lasts.
struct Connection(Arc<Shared>);

impl Connection {
    fn open(shared: &Arc<Shared>) -> Self {
        shared.open.send_modify(|open| *open += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((device, _)) = listener.accept().await {
        let connection = Connection::open(&shared);
        let mut leads = shared.relay.subscribe();
        let Some(relay) = *leads.borrow_and_update() else {
            continue;
        };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = leads.changed() => {}
                _ = join(device, relay, &connection.0) => {}
            }
        });
    }
}

async fn join(device: TcpStream, relay: SocketAddr, shared: &Shared) -> io::Result<()> {
    let relay = TcpStream::connect(relay).await?;
    device.set_nodelay(true)?;
    relay.set_nodelay(true)?;
    let (from_device, to_device) = device.into_split();
    let (from_relay, to_relay) = relay.into_split();
    tokio::try_join!(
        pass(from_device, to_relay, shared, shared.begin(true)),
        pass(from_relay, to_device, shared, shared.begin(false)),
    )?;
    Ok(())
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    stream: usize,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        // Kept before it is passed on, so that what has arrived has been counted.
        shared.keep(stream, &piece[..length]);
        to.write_all(&piece[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn say(wire: &Wire, text: &[u8]) -> io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect(wire.address).await?;
        socket.write_all(text).await?;
        socket.shutdown().await?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    /// A leak in bytes that were not kept would never be found.
    #[tokio::test]
    async fn every_byte_that_passes_is_kept_and_counted() {
        let wire = Wire::to(echo().await).await.unwrap();
        let text = vec![7; 3 * PIECE + 1];
        assert_eq!(say(&wire, &text).await.unwrap(), text);
        let length = u64::try_from(text.len()).unwrap();
        assert_eq!(
            wire.passed(),
            Passed {
                up: length,
                down: length
            }
        );
        let traffic = wire.traffic();
        assert!(traffic.len() == 2 && traffic.iter().all(|stream| stream.bytes == text));
    }

    #[tokio::test]
    async fn a_cut_wire_answers_nobody_until_it_leads_somewhere_again() {
        let relay = echo().await;
        let wire = Wire::to(relay).await.unwrap();
        wire.cut().await;
        assert!(
            say(&wire, b"hello")
                .await
                .map_or(true, |answer| answer.is_empty())
        );
        wire.lead_to(relay).await;
        assert_eq!(say(&wire, b"hello").await.unwrap(), b"hello");
    }
}

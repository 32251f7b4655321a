//! A TCP proxy on loopback that does to connections what mobile networks do: it delays, drips, hangs up
//! and resets, on no schedule and the same for the same seed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy between clients and a server. Ends with what holds it.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    faults: Arc<Faults>,
    accepting: JoinHandle<()>,
}

/// How often each thing was done to a connection.
#[derive(Debug, Default)]
pub struct Faults {
    passed: AtomicU64,
    delayed: AtomicU64,
    dripped: AtomicU64,
    cut: AtomicU64,
    reset: AtomicU64,
}

impl Faults {
    /// How often, by name.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("passed", of(&self.passed)),
            ("delayed", of(&self.delayed)),
            ("dripped", of(&self.dripped)),
            ("cut", of(&self.cut)),
            ("reset", of(&self.reset)),
        ]
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts().map(|(name, count)| format!("{name} {count}"));
        f.write_str(&counts.join(", "))
    }
}

/// What becomes of one connection.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Nothing.
    Pass,
    /// Each piece waits so long.
    Delay(Duration),
    /// So many bytes at a time, with a pause after each.
    Drip(usize),
    /// It ends in the middle after so many bytes, as where a phone leaves a network.
    Cut(u64),
    /// The same, and the server is told so the hard way.
    Reset(u64),
}

impl Fate {
    /// A third passes whole, so that something gets done.
    fn of(number: u64, seed: u64) -> Self {
        let chance = mixed(seed ^ number);
        let size = (chance >> 8) % 6_000;
        match chance % 9 {
            0..3 => Self::Pass,
            3 | 4 => Self::Delay(Duration::from_millis(1 + size % 60)),
            5 => Self::Drip(16 + usize::try_from(size % 200).unwrap_or(0)),
            6 | 7 => Self::Cut(100 + size),
            _ => Self::Reset(100 + size),
        }
    }
}

/// SplitMix64's mixer (Steele, Lea and Flood, OOPSLA 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl FaultyProxy {
    /// A proxy to the server at `address` (`host:port`).
    ///
    /// # Errors
    /// [`io::Error`] where the address is not of this machine, or no port is free.
    pub async fn to(address: &str, seed: u64) -> io::Result<Self> {
        let server: SocketAddr = address.parse().map_err(io::Error::other)?;
        if !server.ip().is_loopback() {
            return Err(io::Error::other(
                "only servers on this machine are disturbed",
            ));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Faults::default());
        let counted = Arc::clone(&faults);
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else {
                    return;
                };
                let faults = Arc::clone(&counted);
                // How a connection ends is what this is for.
                tokio::spawn(
                    async move { join(client, server, Fate::of(number, seed), &faults).await },
                );
            }
        });
        Ok(Self {
            address,
            faults,
            accepting,
        })
    }

    /// Where clients find it, `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What it has done.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn join(
    client: TcpStream,
    server: SocketAddr,
    fate: Fate,
    faults: &Faults,
) -> io::Result<()> {
    let count = match fate {
        Fate::Pass => &faults.passed,
        Fate::Delay(_) => &faults.delayed,
        Fate::Drip(_) => &faults.dripped,
        Fate::Cut(_) => &faults.cut,
        Fate::Reset(_) => &faults.reset,
    };
    count.fetch_add(1, Ordering::Relaxed);
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    if let Fate::Reset(_) = fate {
        // What is closed with bytes on their way is reset.
        server.set_zero_linger()?;
        client.set_zero_linger()?;
    }
    let passed = AtomicU64::new(0);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pass(from_client, to_server, fate, &passed);
    let down = pass(from_server, to_client, fate, &passed);
    tokio::try_join!(up, down).map(drop)
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fate: Fate,
    passed: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1_024];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let piece = &piece[..length];
        match fate {
            Fate::Pass => to.write_all(piece).await?,
            Fate::Delay(time) => {
                tokio::time::sleep(time).await;
                to.write_all(piece).await?;
            }
            Fate::Drip(bytes) => {
                for drop in piece.chunks(bytes) {
                    to.write_all(drop).await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Fate::Cut(most) | Fate::Reset(most) => {
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                let before = passed.fetch_add(length, Ordering::Relaxed);
                let room = usize::try_from(most.saturating_sub(before)).unwrap_or(usize::MAX);
                to.write_all(&piece[..piece.len().min(room)]).await?;
                if before + length > most {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
    }
}

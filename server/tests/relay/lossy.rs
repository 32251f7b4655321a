//! A bus that loses hints: a real NATS behind a proxy that passes over some of what it delivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::testing::noise;

/// Of 256 messages so many are lost: 30 in a hundred.
const LOST: u8 = 77;

/// The proxy.
pub(crate) struct LossyBus {
    pub(crate) address: String,
    lost: Arc<AtomicUsize>,
}

impl LossyBus {
    /// A proxy before the NATS server at this address.
    pub(crate) async fn before(nats: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("nats://{}", listener.local_addr().unwrap());
        let lost = Arc::<AtomicUsize>::default();
        let server = nats.strip_prefix("nats://").unwrap().to_owned();
        let counted = lost.clone();
        tokio::spawn(async move {
            let mut state = 0;
            while let Ok((node, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else {
                    continue;
                };
                state += 1;
                let ((mut said, told), (heard, mut asked)) =
                    (node.into_split(), server.into_split());
                tokio::spawn(async move { copy(&mut said, &mut asked).await });
                tokio::spawn(pass(heard, told, state, counted.clone()));
            }
        });
        Self { address, lost }
    }

    /// How many messages it has lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Passes on what a server says (NATS's client protocol), but for some messages.
async fn pass(
    heard: OwnedReadHalf,
    mut told: OwnedWriteHalf,
    mut state: u64,
    lost: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut heard = BufReader::new(heard);
    loop {
        let mut said = Vec::new();
        if heard.read_until(b'\n', &mut said).await? == 0 {
            return Ok(());
        }
        // `MSG subject sid [reply] bytes`, and the payload with a line's end behind it.
        if said.starts_with(b"MSG ") {
            let line = String::from_utf8(said.clone()).unwrap();
            let size: usize = line
                .split_whitespace()
                .next_back()
                .unwrap()
                .parse()
                .unwrap();
            let mut payload = vec![0; size + 2];
            heard.read_exact(&mut payload).await?;
            if noise(&mut state) < LOST {
                lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            said.extend(payload);
        }
        told.write_all(&said).await?;
    }
}

//! One connection of HTTP/1.1, with as little of its own as a load of ten thousand allows.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much is read at a time.
const PIECE: usize = 2_048;

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of an answer.
struct Head {
    status: u16,
    length: Option<usize>,
}

impl Connection {
    /// Connects to `address` (`host:port`).
    ///
    /// # Errors
    /// [`io::Error`] where nobody listens.
    pub async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Posts a body and reads the whole answer: its status and its body.
    ///
    /// # Errors
    /// [`io::Error`] where the connection breaks, or the answer is none of HTTP.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let head = self.begin(path, body).await?;
        if let Some(length) = head.length {
            return Ok((head.status, self.take(length).await?));
        }
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend(chunk);
        }
        Ok((head.status, whole))
    }

    /// Posts a body to what answers in chunks, which [`Connection::chunk`] reads: the status.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub async fn stream(&mut self, path: &str, body: &[u8]) -> io::Result<u16> {
        Ok(self.begin(path, body).await?.status)
    }

    /// The next chunk; `None` at the end of the answer.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let end = self.find(b"\r\n").await?;
        let size = std::str::from_utf8(&self.buffer[..end]).map_err(|_| bad())?;
        let size = usize::from_str_radix(size, 16).map_err(|_| bad())?;
        self.take(end + 2).await?;
        let chunk = self.take(size).await?;
        self.take(2).await?;
        Ok((size > 0).then_some(chunk))
    }

    async fn begin(&mut self, path: &str, body: &[u8]) -> io::Result<Head> {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: relay\r\ncontent-length: {length}\r\n\r\n");
        self.stream
            .write_all(&[head.as_bytes(), body].concat())
            .await?;
        let end = self.find(b"\r\n\r\n").await?;
        let head = String::from_utf8(self.take(end + 4).await?).map_err(|_| bad())?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse().ok()).flatten()
        });
        Ok(Head {
            status: status.ok_or_else(bad)?,
            length,
        })
    }

    /// Where `what` begins in what has come or comes.
    async fn find(&mut self, what: &[u8]) -> io::Result<usize> {
        loop {
            let mut windows = self.buffer.windows(what.len());
            if let Some(at) = windows.position(|window| window == what) {
                return Ok(at);
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn more(&mut self) -> io::Result<()> {
        self.buffer.reserve(PIECE);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

//! The bytes of a connection, under TLS or not. A handshake is made when the connection is first read:
//! it holds up nobody else, and has the time that the head of a request has.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// What HTTP/2 begins with where nothing was agreed on, and no method of HTTP/1.1 does (RFC 9113 §3.4).
const PRIOR_KNOWLEDGE: &[u8] = b"PRI";
/// Until a beginning of fewer bytes is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The bytes of a connection.
pub(super) enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// Under TLS, which is being agreed on.
    Greeting(Box<Accept<TcpStream>>),
    /// Under TLS.
    Sealed(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// A connection that was accepted.
    pub(super) fn new(stream: TcpStream, tls: Option<&TlsAcceptor>) -> Self {
        match tls {
            Some(tls) => Self::Greeting(Box::new(tls.accept(stream))),
            None => Self::Plain(stream),
        }
    }

    /// Whether the other side speaks HTTP/2: under TLS it was agreed on, and without, it shows in the
    /// first bytes, which stay to be read. Taking them would have hyper put them back into a buffer of
    /// twice its size, for as long as the connection lasts.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        poll_fn(|cx| self.agreed(cx).map_ok(drop)).await?;
        match self {
            Self::Plain(stream) => loop {
                let mut first = [0; PRIOR_KNOWLEDGE.len()];
                let length = stream.peek(&mut first).await?;
                let seen = &first[..length];
                if length == 0 || length == first.len() || !PRIOR_KNOWLEDGE.starts_with(seen) {
                    return Ok(seen == PRIOR_KNOWLEDGE);
                }
                // Nothing tells that more is there while something is.
                sleep(LOOK_AGAIN).await;
            },
            Self::Sealed(stream) => Ok(stream.get_ref().1.alpn_protocol() == Some(b"h2")),
            Self::Greeting(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// What is read from and written to, once both sides agree.
    fn agreed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Bytes>>> {
        if let Self::Greeting(greeting) = self {
            let sealed = ready!(Pin::new(greeting.as_mut()).poll(cx))?;
            *self = Self::Sealed(Box::new(sealed));
        }
        let agreed: Pin<&mut dyn Bytes> = match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Sealed(stream) => Pin::new(stream.as_mut()),
            Self::Greeting(_) => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        };
        Poll::Ready(Ok(agreed))
    }
}

/// What bytes are read from and written to.
trait Bytes: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Bytes for S {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.agreed(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.agreed(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.agreed(cx))?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.agreed(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            // Nobody has said anything yet.
            Self::Greeting(_) => Poll::Ready(Ok(())),
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Sealed(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

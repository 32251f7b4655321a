//! Accepting connections: no more than allowed, and none that lie about.
//!
//! A connection without a request in flight has to bring the head of its next one in time; one with
//! an answer under way has to take a byte now and then. A live answer may be as long as it likes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, Sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::addresses::{Addresses, Entered};
use super::handover::Handover;
use super::stream::Stream;
use crate::config::Limits;
use crate::metrics::Held;
use crate::rates::{Caller, Rates};

/// Accepts up to a number of connections at a time; more wait in the system's queue.
pub(crate) struct Listener {
    tcp: TcpListener,
    room: Arc<Semaphore>,
    addresses: Addresses,
    idle: Duration,
    open: Gauge,
    rates: Arc<Rates>,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Accepts from `tcp`, under TLS where that is given; `open` tells how many connections there are.
    pub(crate) fn new(
        tcp: TcpListener,
        limits: &Limits,
        open: Gauge,
        rates: Arc<Rates>,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let connections = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            tcp,
            room: Arc::new(Semaphore::new(connections)),
            addresses: Addresses::new(limits.address_connections, connections),
            idle: limits.idle,
            open,
            rates,
            tls,
        }
    }

    /// The next connection. Nothing is lost where this is given up.
    pub(crate) async fn next(&mut self) -> Connection {
        let room = self.room.clone().acquire_owned().await.ok();
        let ((stream, peer), entered) = loop {
            // Passes over what ended before it was accepted, and waits where there are no descriptors.
            let (stream, peer) = axum::serve::Listener::accept(&mut self.tcp).await;
            match self.addresses.enter(peer.ip()) {
                Some(entered) => break ((stream, peer), entered),
                None => tracing::debug!("an address has as many connections as it may"),
            }
        };
        // Answers are short and waited for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        Connection {
            stream: Stream::new(stream, self.tls.as_ref()),
            requests: InFlight::of(self.rates.caller(peer.ip())),
            handover: Handover::default(),
            seen: 0,
            idle: self.idle,
            reading: Timer::default(),
            writing: Timer::default(),
            _room: room,
            _entered: entered,
            _open: Held::one_of(&self.open),
        }
    }
}

/// The requests that a connection has in flight, and who makes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicU32,
    ended: AtomicU64,
    caller: Option<Caller>,
}

impl InFlight {
    /// None yet, from there.
    pub(super) fn of(caller: Option<Caller>) -> Self {
        Self(Arc::new(Counts {
            caller,
            ..Counts::default()
        }))
    }

    /// Who makes them, where that is counted.
    pub(crate) fn caller(&self) -> Option<Caller> {
        self.0.caller
    }

    /// Begins a request, which lasts until what is returned is dropped.
    pub(crate) fn begin(&self) -> Busy {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct Busy(InFlight);

impl Drop for Busy {
    fn drop(&mut self) {
        let counts = &self.0.0;
        counts.ended.fetch_add(1, Ordering::Relaxed);
        counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection with its times.
pub(crate) struct Connection {
    stream: Stream,
    requests: InFlight,
    handover: Handover,
    seen: u64,
    idle: Duration,
    reading: Timer,
    writing: Timer,
    _room: Option<OwnedSemaphorePermit>,
    _open: Held,
    _entered: Entered,
}

impl Connection {
    /// What it has in flight.
    pub(super) fn requests(&self) -> InFlight {
        self.requests.clone()
    }

    /// The answer that is to be taken over on it.
    pub(super) fn handover(&self) -> Handover {
        self.handover.clone()
    }

    /// Whether the other side speaks HTTP/2. It has as long to say so as for the head of a request.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        timeout(self.idle, self.stream.speaks_http2()).await?
    }

    /// Fails where the next request is overdue.
    fn check_reading(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let counts = &self.requests.0;
        let ended = counts.ended.load(Ordering::Relaxed);
        if counts.open.load(Ordering::Relaxed) > 0 {
            self.reading.stop();
            return Ok(());
        }
        if ended != self.seen {
            self.seen = ended;
            self.reading.stop();
        }
        self.reading.check(self.idle, cx)
    }

    /// Passes on what a write came to, or fails where the other side has taken nothing for long.
    fn written(
        &mut self,
        wrote: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.writing.stop();
        } else {
            self.writing.check(self.idle, cx)?;
        }
        wrote
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Also where bytes come: a head may drip.
        self.check_reading(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(wrote, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(wrote, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.handover.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A deadline that runs from when it is first looked at.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Timer {
    fn stop(&mut self) {
        self.is_running = false;
    }

    fn check(&mut self, time: Duration, cx: &mut Context<'_>) -> io::Result<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) if self.is_running => sleep,
            Some(sleep) => {
                sleep.as_mut().reset(Instant::now() + time);
                sleep
            }
            none => none.insert(Box::pin(sleep_until(Instant::now() + time))),
        };
        self.is_running = true;
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

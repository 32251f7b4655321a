//! Serving connections, with what each may take of memory: the libraries' own bounds would let one
//! connection hold 400 KiB of a head that never ends, and one of HTTP/2 a MiB of bodies. What most
//! connections do, waiting in a live answer of HTTP/1.1, is taken over from hyper.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use super::connection::Connection;
use super::handover::follow;
use super::{InFlight, Listener};

/// Bytes that the head of a request may have, and of each connection that are read ahead.
const HEAD: u32 = 16 * 1_024;
/// Requests that a connection of HTTP/2 may have at a time: a device has one that stays open and a
/// few short ones.
const STREAMS: u32 = 32;
/// Bytes of bodies that a connection of HTTP/2 may send ahead of what was read: of one request, and
/// of all together.
const AHEAD: (u32, u32) = (64 * 1_024, 256 * 1_024);
/// Bytes of answers that wait for a connection of HTTP/2 to take them.
const BEHIND: usize = 64 * 1_024;
/// Requests of HTTP/2 that were given up before they were looked at, or that broke a rule, until the
/// connection is ended.
const RESETS: usize = 32;

/// Serves until `stop` is over; then no connection is accepted, and those that there are end with what
/// they have in flight.
pub(crate) async fn serve(
    mut listener: Listener,
    routes: Router,
    idle: Duration,
    stop: impl Future<Output = ()>,
) {
    let routes = TowerToHyperService::new(routes);
    let builders = Arc::new((http1(idle), http2()));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let mut connection = tokio::select! {
            connection = listener.next() => connection,
            () = &mut stop => break,
        };
        let (builders, routes) = (builders.clone(), routes.clone());
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let is_second = tokio::select! {
                is_second = connection.speaks_http2() => is_second,
                // It has asked for nothing yet.
                _ = stopped.changed() => return,
            };
            let served = match is_second {
                Ok(true) => by_http2(&builders.1, connection, routes, stopped).await,
                Ok(false) => by_http1(&builders.0, connection, routes, stopped).await,
                Err(error) => Err(error.into()),
            };
            // Whoever hangs up, drips or breaks HTTP's rules: nothing that an operator can mend.
            if let Err(error) = served {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop((listener, stopped));
    stopping.send_replace(true);
    // Each connection has one end of it.
    stopping.closed().await;
}

type Routes = TowerToHyperService<Router>;
type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn by_http1(
    builder: &http1::Builder,
    connection: Connection,
    routes: Routes,
    mut stopped: watch::Receiver<bool>,
) -> Served {
    let (requests, handover) = (connection.requests(), connection.handover());
    let offered = handover.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        // HTTP/1.0 has no chunks.
        if request.version() == Version::HTTP_11 {
            request.extensions_mut().insert(offered.clone());
        }
        answer(&routes, &requests, request)
    });
    // In a box, so that nothing of it is left once it has gone.
    let mut http = Box::new(builder.serve_connection(TokioIo::new(connection), service));
    let live = loop {
        let driven = poll_fn(|cx| match Pin::new(&mut *http).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            Poll::Pending => match handover.take() {
                Some(pieces) => Poll::Ready(Ok(Some(pieces))),
                None => Poll::Pending,
            },
        });
        tokio::select! {
            live = driven => break live?,
            _ = stopped.changed() => Pin::new(&mut *http).graceful_shutdown(),
        }
    };
    let Some(pieces) = live else { return Ok(()) };
    let connection = http.into_parts().io.into_inner();
    Ok(follow(connection, pieces).await?)
}

async fn by_http2(
    builder: &http2::Builder<TokioExecutor>,
    connection: Connection,
    routes: Routes,
    mut stopped: watch::Receiver<bool>,
) -> Served {
    let requests = connection.requests();
    let service = service_fn(move |request| answer(&routes, &requests, request));
    let mut http = Box::pin(builder.serve_connection(TokioIo::new(connection), service));
    loop {
        tokio::select! {
            served = &mut http => return Ok(served?),
            _ = stopped.changed() => http.as_mut().graceful_shutdown(),
        }
    }
}

/// What the routes say to a request of a connection.
fn answer(
    routes: &Routes,
    requests: &InFlight,
    request: Request<Incoming>,
) -> <Routes as Service<Request<Body>>>::Future {
    let mut request = request.map(Body::new);
    let from = ConnectInfo(requests.clone());
    request.extensions_mut().insert(from);
    routes.call(request)
}

fn http1(idle: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(HEAD as usize);
    builder
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(AHEAD.0)
        .initial_connection_window_size(AHEAD.1)
        .max_send_buf_size(BEHIND)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS);
    builder
}

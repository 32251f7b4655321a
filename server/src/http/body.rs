//! Reading a request's body: bounded in bytes before anything is allocated, in time, and in how
//! slowly it may come.

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Request};
use futures_util::StreamExt;
use minicbor::Decode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, timeout_at};
use waymark_wire::codec;
use waymark_wire::message::RefusalCode;

use crate::bus::Bus;
use crate::log::Log;
use crate::node::Node;

/// How long a body may come as slowly as it likes.
const GRACE: Duration = Duration::from_secs(5);

/// A decoded body, and the room that it takes until dropped.
pub(super) struct Received<T> {
    /// What was sent.
    pub(super) value: T,
    /// Its room.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Reads and decodes a body of at most `limit` bytes.
///
/// # Errors
/// The code and detail of the refusal.
pub(super) async fn receive<T, L, B>(
    node: &Node<L, B>,
    request: Request<Body>,
    limit: usize,
) -> Result<Received<T>, (RefusalCode, String)>
where
    T: for<'b> Decode<'b, ()>,
    L: Log,
    B: Bus,
{
    let too_large = || {
        let detail = format!("the body is longer than {limit} bytes");
        (RefusalCode::TooLarge, detail)
    };
    let malformed = |detail: &str| (RefusalCode::BadRequest, detail.to_owned());
    let stated = stated_length(request.headers());
    if stated.is_some_and(|stated| stated > limit) {
        return Err(too_large());
    }
    let begun = Instant::now();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut bytes = Vec::new();
    let mut stream = request.into_body().into_data_stream();
    loop {
        let slowest = Duration::from_secs_f64(
            f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
                / f64::from(node.limits.body_rate.max(1)),
        );
        let deadline = begun + node.limits.body_time.min(GRACE + slowest);
        let piece = match timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(_))) => return Err(malformed("the body broke off")),
            Ok(None) => break,
            Err(_) => return Err(malformed("the body comes too slowly")),
        };
        if bytes.len() + piece.len() > limit {
            return Err(too_large());
        }
        let more = u32::try_from(piece.len()).map_err(|_| too_large())?;
        let permit = node
            .bodies
            .clone()
            .try_acquire_many_owned(more)
            .map_err(|_| (RefusalCode::Unavailable, "too much at once".to_owned()))?;
        match &mut room {
            Some(room) => room.merge(permit),
            None => room = Some(permit),
        }
        if bytes.is_empty() {
            bytes.reserve_exact(stated.unwrap_or(piece.len()).max(piece.len()));
        }
        bytes.extend_from_slice(&piece);
    }
    let value = codec::decode(&bytes, limit)
        .map_err(|error| (RefusalCode::BadRequest, error.to_string()))?;
    Ok(Received { value, room })
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

//! Reading a request's body: bounded in bytes before anything is allocated, in time, and in how
//! slowly it may come.

use axum::body::{Body, BodyDataStream};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Request};
use futures_util::StreamExt;
use minicbor::Decode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, timeout, timeout_at};
use waymark_wire::codec;
use waymark_wire::message::RefusalCode;

use super::InFlight;
use super::answer::Denied;
use crate::bus::Bus;
use crate::log::Log;
use crate::node::Node;

/// How long a body may come as slowly as it likes.
const GRACE: Duration = Duration::from_secs(5);

/// For how long, and up to how many bytes, the rest of a body that is too long is taken and thrown
/// away: whoever sends it all before reading would otherwise find the connection reset, and no answer.
const REST: (Duration, usize) = (Duration::from_millis(100), 1 << 20);

/// A decoded body, and the room that it takes until dropped.
pub(super) struct Received<T> {
    /// What was sent.
    pub(super) value: T,
    /// How many bytes it had.
    pub(super) length: u64,
    /// Its room.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Reads and decodes a body of at most `limit` bytes, where whoever sends it has not asked too often.
///
/// # Errors
/// Why it is refused.
pub(super) async fn receive<T, L, B>(
    node: &Node<L, B>,
    connection: &InFlight,
    request: Request<Body>,
    limit: usize,
) -> Result<Received<T>, Denied>
where
    T: for<'b> Decode<'b, ()>,
    L: Log,
    B: Bus,
{
    let too_large = || {
        let detail = format!("the body is longer than {limit} bytes");
        Denied::new(RefusalCode::TooLarge, detail)
    };
    let malformed = |detail: &str| Denied::new(RefusalCode::BadRequest, detail);
    node.rates
        .ask(connection.caller(), Instant::now().into_std())?;
    let stated = stated_length(request.headers());
    let mut stream = request.into_body().into_data_stream();
    if stated.is_some_and(|stated| stated > limit) {
        throw_away(stream).await;
        return Err(too_large());
    }
    let begun = Instant::now();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut bytes = Vec::new();
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
            throw_away(stream).await;
            return Err(too_large());
        }
        let more = u32::try_from(piece.len()).map_err(|_| too_large())?;
        let permit = node
            .bodies
            .clone()
            .try_acquire_many_owned(more)
            .map_err(|_| Denied::new(RefusalCode::Unavailable, "too much at once"))?;
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
        .map_err(|error| Denied::new(RefusalCode::BadRequest, error.to_string()))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Received {
        value,
        length,
        room,
    })
}

async fn throw_away(mut rest: BodyDataStream) {
    let (time, mut most) = REST;
    let _ = timeout(time, async {
        while let Some(Ok(piece)) = rest.next().await {
            most = match most.checked_sub(piece.len()) {
                Some(left) => left,
                None => return,
            };
        }
    })
    .await;
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

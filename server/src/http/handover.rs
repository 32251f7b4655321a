//! Live answers of HTTP/1.1, taken over from hyper once it has sent their head. A connection that only
//! waits would otherwise keep hyper's buffers for heads, 24 KiB, for as long as it lives.
//!
//! The route offers the answer's frames and answers with a body that never says anything. hyper sends
//! the head, asks that body, and flushes: from then on nothing of its own is on the way, and whoever
//! drives the connection has the frames and goes on by itself.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use hyper::body::{Buf, Frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The pieces of an answer, until its end.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// An answer on its way from hyper to whoever drives its connection.
#[derive(Clone, Default)]
pub(super) struct Handover(Arc<Mutex<Stage>>);

#[derive(Default)]
enum Stage {
    #[default]
    None,
    /// hyper is to send the head.
    Offered(Pieces),
    /// hyper has written the head and found that nothing follows yet.
    Asked(Pieces),
    /// The head was passed on; hyper is not needed any more.
    Ready(Pieces),
}

impl Handover {
    /// The response whose body is to be taken over.
    pub(super) fn offer(&self, pieces: Pieces) -> Response {
        *self.stage() = Stage::Offered(pieces);
        let mut response = Response::new(Body::new(Silent(self.clone())));
        // What follows on the connection is read by nobody.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }

    /// Everything that was written until now has been passed on.
    pub(super) fn flushed(&self) {
        self.step(|stage| match stage {
            Stage::Asked(pieces) => Stage::Ready(pieces),
            other => other,
        });
    }

    /// The answer that is to be written now.
    pub(super) fn take(&self) -> Option<Pieces> {
        let mut taken = None;
        self.step(|stage| match stage {
            Stage::Ready(pieces) => {
                taken = Some(pieces);
                Stage::None
            }
            other => other,
        });
        taken
    }

    fn step(&self, step: impl FnOnce(Stage) -> Stage) {
        let mut stage = self.stage();
        *stage = step(std::mem::take(&mut *stage));
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body that hyper sees.
struct Silent(Handover);

impl hyper::body::Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.step(|stage| match stage {
            Stage::Offered(pieces) => Stage::Asked(pieces),
            other => other,
        });
        Poll::Pending
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Of a connection that broke off before the head was sent; what was taken is not here any more.
        self.0.step(|_| Stage::None);
    }
}

/// Writes an answer to its end, in the chunks of RFC 9112 §7.1. Ends too where the other side goes, or
/// says anything more.
pub(super) async fn follow<C>(mut connection: C, mut pieces: Pieces) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let mut said = [0];
    loop {
        let piece = tokio::select! {
            piece = pieces.next() => piece,
            read = connection.read(&mut said) => return read.map(drop),
        };
        let Some(piece) = piece else { break };
        // A chunk of no bytes would be the end.
        if !piece.is_empty() {
            let head = format!("{:x}\r\n", piece.len());
            let chunk = Buf::chain(head.as_bytes(), piece);
            let mut chunk = Buf::chain(chunk, &b"\r\n"[..]);
            connection.write_all_buf(&mut chunk).await?;
            connection.flush().await?;
        }
    }
    connection.write_all(b"0\r\n\r\n").await?;
    connection.shutdown().await
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};
    use tokio::io::duplex;

    use super::*;

    async fn written(pieces: Pieces) -> String {
        let (ours, mut theirs) = duplex(4_096);
        follow(ours, pieces).await.unwrap();
        let mut text = String::new();
        theirs.read_to_string(&mut text).await.unwrap();
        text
    }

    /// A device would cut an answer in other places than the relay, or wait for its end.
    #[tokio::test]
    async fn an_answer_is_written_in_chunks_to_its_end() {
        let pieces = ["a", "", "of thirty-one bytes: 0123456789"].map(Bytes::from);
        let text = written(Box::pin(stream::iter(pieces))).await;
        assert_eq!(
            text,
            "1\r\na\r\n1f\r\nof thirty-one bytes: 0123456789\r\n0\r\n\r\n"
        );
    }

    /// The relay would hold what nobody is there to read.
    #[tokio::test]
    async fn an_answer_ends_when_the_other_side_has_gone() {
        let (ours, theirs) = duplex(4_096);
        drop(theirs);
        follow(ours, Box::pin(stream::pending())).await.unwrap();
    }

    /// The head of an answer would come after its frames, or not at all.
    #[tokio::test]
    async fn an_answer_is_taken_over_only_when_its_head_was_passed_on() {
        let handover = Handover::default();
        let response = handover.offer(Box::pin(stream::pending()));
        assert_eq!(response.headers()[CONNECTION], "close");
        handover.flushed();
        assert!(handover.take().is_none(), "of an earlier answer");
        let mut body = Box::pin(response.into_body().into_data_stream());
        assert!(body.next().now_or_never().is_none());
        assert!(handover.take().is_none(), "the head is on its way");
        handover.flushed();
        assert!(handover.take().is_some());
        drop(body);
        let broken = handover.offer(Box::pin(stream::pending()));
        drop(broken);
        handover.flushed();
        assert!(handover.take().is_none(), "the connection broke off");
    }
}

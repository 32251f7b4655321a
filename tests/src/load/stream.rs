//! What the HTTP stack does with the same bytes where nothing is checked, kept or signed: what is
//! posted to `/append/N` goes out of every answer to `/pull/N`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::routing::post;
use axum::serve::ListenerExt;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

/// Bytes that a relay answers an append with, about.
const ANSWER: usize = 190;

#[derive(Clone, Debug, Default)]
struct Spaces(Arc<Mutex<HashMap<u32, broadcast::Sender<Bytes>>>>);

impl Spaces {
    fn of(&self, number: u32) -> broadcast::Sender<Bytes> {
        let mut spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces.entry(number);
        space.or_insert_with(|| broadcast::channel(1_024).0).clone()
    }
}

/// Serves on a free port of this machine, which it prints as a relay does, until it is ended.
///
/// # Errors
/// [`io::Error`] where it cannot listen.
pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(
        io::stdout(),
        "listens on http://{address} and keeps nothing"
    )?;
    let app = Router::new()
        .route("/append/{space}", post(append))
        .route("/pull/{space}", post(pull))
        .with_state(Spaces::default());
    let listener = listener.tap_io(|io| {
        // It is waited for.
        let _ = io.set_nodelay(true);
    });
    axum::serve(listener, app).await
}

async fn append(Path(space): Path<u32>, State(spaces): State<Spaces>, body: Bytes) -> Vec<u8> {
    // Nobody may follow.
    let _ = spaces.of(space).send(body);
    vec![0; ANSWER]
}

async fn pull(Path(space): Path<u32>, State(spaces): State<Spaces>) -> Body {
    let follower = spaces.of(space).subscribe();
    Body::from_stream(stream::unfold(follower, async |mut follower| {
        let piece = follower.recv().await.ok()?;
        Some((Ok::<_, Infallible>(piece), follower))
    }))
}

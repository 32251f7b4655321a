//! The routes: bodies in, bodies out. What they mean is decided elsewhere.

mod addresses;
mod answer;
mod append;
mod body;
mod connection;
mod handover;
mod mailbox;
mod pull;
mod serve;
mod status;
mod stream;
#[cfg(feature = "wake")]
mod wake;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use waymark_wire::message::{APPEND_PATH, MAILBOX_PATH, PULL_PATH, RefusalCode, STATUS_PATH};

#[cfg(feature = "wake")]
use waymark_wire::message::WAKE_PATH;

use self::answer::refuse;
pub(crate) use self::connection::{InFlight, Listener};
pub(crate) use self::serve::serve;
pub(crate) use self::watch::router as watching;
use crate::bus::Bus;
use crate::log::Log;
use crate::mailbox::Mailboxes;
use crate::node::Node;

/// The routes of a relay.
pub(crate) fn router<L: Log + Mailboxes, B: Bus>(node: Arc<Node<L, B>>) -> Router {
    let router = Router::new();
    #[cfg(feature = "wake")]
    let router = router.route(WAKE_PATH, post(wake::wake::<L, B>));
    router
        .route(APPEND_PATH, post(append::append::<L, B>))
        .route(MAILBOX_PATH, post(mailbox::mailbox::<L, B>))
        .route(PULL_PATH, post(pull::pull::<L, B>))
        .route(STATUS_PATH, post(status::status::<L, B>))
        .route("/healthz", get(live))
        .route("/readyz", get(ready::<L, B>))
        .fallback(no_route::<L, B>)
        .method_not_allowed_fallback(no_route::<L, B>)
        .with_state(node)
}

/// That the relay runs.
async fn live() -> Response {
    plain(StatusCode::OK)
}

/// Whether the relay can serve.
async fn ready<L: Log, B: Bus>(State(node): State<Arc<Node<L, B>>>) -> Response {
    match node.log.health().await {
        Ok(()) => plain(StatusCode::OK),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            plain(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// What the routes do, without the router.
#[cfg(feature = "simulation")]
pub(crate) async fn answer<L: Log + Mailboxes, B: Bus>(
    path: &str,
    node: State<Arc<Node<L, B>>>,
    from: axum::extract::ConnectInfo<InFlight>,
    request: axum::http::Request<Body>,
) -> Response {
    match path {
        APPEND_PATH => append::append(node, from, request).await,
        MAILBOX_PATH => mailbox::mailbox(node, from, request).await,
        PULL_PATH => pull::pull(node, from, request).await,
        _ => no_route(node).await,
    }
}

async fn no_route<L: Log, B: Bus>(State(node): State<Arc<Node<L, B>>>) -> Response {
    refuse(&node, RefusalCode::NotFound, "there is no such route")
}

fn plain(status: StatusCode) -> Response {
    let text = if status.is_success() { "ok\n" } else { "no\n" };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

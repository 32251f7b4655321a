//! What whoever watches the relay asks, on a listener of its own: metrics, and whether it lives and
//! can serve.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;

use super::{InFlight, live, ready};
use crate::bus::Bus;
use crate::log::Log;
use crate::node::Node;

/// What the metrics are written in.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The routes for whoever watches.
pub(crate) fn router<L: Log, B: Bus>(node: Arc<Node<L, B>>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<L, B>))
        .route("/healthz", get(live))
        .route("/readyz", get(ready::<L, B>))
        .with_state(node)
}

async fn metrics<L: Log, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
) -> Response {
    let _busy = connection.begin();
    // A database that does not answer is seen by its absence.
    let size = node.log.size().await.ok();
    let mut response = Response::new(Body::from(node.metrics.text(node.log.writing(), size)));
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}

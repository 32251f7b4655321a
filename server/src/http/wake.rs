//! `POST /v1/wake`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use tokio::time::Instant;
use waymark_wire::limits;
use waymark_wire::message::{RefusalCode, WakeAnswer, WakeRequest};
use waymark_wire::signature::VerifyingKey;

use super::InFlight;
use super::answer::{Denied, deny, deny_evenly, ok};
use super::body::receive;
use crate::bus::Bus;
use crate::log::Log;
use crate::node::{Node, unavailable};

pub(super) async fn wake<L: Log, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
    request: Request<Body>,
) -> Response {
    let _busy = connection.begin();
    let received =
        receive::<WakeRequest, _, _>(&node, &connection, request, limits::PULL_BODY).await;
    let request = match received {
        Ok(received) => received.value,
        Err(denied) => return deny(&node, denied),
    };
    let begun = Instant::now();
    match note(&node, request).await {
        Ok(()) => ok(&WakeAnswer {
            nonce: node.nonce(),
        }),
        Err(denied) => deny_evenly(&node, denied, begun).await,
    }
}

async fn note<L: Log, B: Bus>(node: &Node<L, B>, request: WakeRequest) -> Result<(), Denied> {
    // Said of the relay, before anything of the space.
    if node.wakes.is_none() {
        return Err(RefusalCode::Unsupported.into());
    }
    if !node.is_nonce(&request.nonce) {
        return Err(RefusalCode::Nonce.into());
    }
    let relay = node.key();
    let is_signed_by = |key: &VerifyingKey| request.is_signed_by(key, &relay);
    node.who_may_read(request.space, request.device, is_signed_by)
        .await?;
    node.rates
        .act(&request.space, request.device, 1, Instant::now().into_std())?;
    let token = request.token.map(|token| token.0);
    let noted = node
        .log
        .set_wake(request.space, request.device, token)
        .await;
    Ok(noted.map_err(unavailable)?)
}

//! `POST /v1/status`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use tokio::time::Instant;
use waymark_wire::limits;
use waymark_wire::message::{RefusalCode, StatusAnswer, StatusRequest};
use waymark_wire::proof::ReadProof;

use super::InFlight;
use super::answer::{Denied, deny, deny_evenly, ok};
use super::body::receive;
use crate::bus::Bus;
use crate::log::Log;
use crate::node::{Node, unavailable};

pub(super) async fn status<L: Log, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
    request: Request<Body>,
) -> Response {
    let _busy = connection.begin();
    let received =
        receive::<StatusRequest, _, _>(&node, &connection, request, limits::PULL_BODY).await;
    let proof = match received {
        Ok(received) => received.value.proof,
        Err(denied) => return deny(&node, denied),
    };
    let begun = Instant::now();
    match usage(&node, &proof).await {
        Ok(answer) => ok(&answer),
        Err(denied) => deny_evenly(&node, denied, begun).await,
    }
}

async fn usage<L: Log, B: Bus>(
    node: &Node<L, B>,
    proof: &ReadProof,
) -> Result<StatusAnswer, Denied> {
    if !node.is_fresh(proof) {
        return Err(RefusalCode::Nonce.into());
    }
    node.reader(proof).await?;
    node.rates
        .act(&proof.space, proof.device, 1, Instant::now().into_std())?;
    let usage = node.log.usage(proof.space).await.map_err(unavailable)?;
    let usage = usage.ok_or(RefusalCode::NotFound)?;
    Ok(StatusAnswer {
        bytes: usage.bytes,
        quota: node.limits.quota.bytes,
        oldest: usage.oldest,
        receipt: node.receipt(&proof.space, usage.head),
        nonce: node.nonce(),
    })
}

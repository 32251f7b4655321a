//! `POST /v1/status`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use waymark_wire::limits;
use waymark_wire::message::{RefusalCode, StatusAnswer, StatusRequest};
use waymark_wire::proof::ReadProof;

use super::InFlight;
use super::answer::{ok, refuse};
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
    let received = receive::<StatusRequest, _, _>(&node, request, limits::PULL_BODY).await;
    let proof = match received {
        Ok(received) => received.value.proof,
        Err((code, detail)) => return refuse(&node, code, &detail),
    };
    match usage(&node, &proof).await {
        Ok(answer) => ok(&answer),
        Err(code) => refuse(&node, code, code.name()),
    }
}

async fn usage<L: Log, B: Bus>(
    node: &Node<L, B>,
    proof: &ReadProof,
) -> Result<StatusAnswer, RefusalCode> {
    if !node.is_fresh(proof) {
        return Err(RefusalCode::Nonce);
    }
    node.reader(proof).await?;
    let usage = node.log.usage(proof.space).await.map_err(unavailable)?;
    let usage = usage.ok_or(RefusalCode::NotFound)?;
    Ok(StatusAnswer {
        bytes: usage.bytes,
        quota: None,
        oldest: usage.oldest,
        receipt: node.receipt(&proof.space, usage.head),
        nonce: node.nonce(),
    })
}

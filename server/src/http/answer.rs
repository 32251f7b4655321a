//! Answers: CBOR, and no header that is not needed.

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use minicbor::Encode;
use waymark_wire::codec;
use waymark_wire::message::{RefusalAnswer, RefusalCode};

use crate::bus::Bus;
use crate::log::Log;
use crate::node::Node;

/// What is said after a 503, in seconds.
const RETRY_SECONDS: &str = "5";

/// An answer that is one CBOR item.
pub(super) fn ok<T: Encode<()>>(answer: &T) -> Response {
    Response::new(Body::from(codec::encode(answer)))
}

/// A refusal that says only why.
pub(super) fn refuse<L: Log, B: Bus>(
    node: &Node<L, B>,
    code: RefusalCode,
    detail: &str,
) -> Response {
    refusal(&RefusalAnswer {
        code,
        detail: detail.to_owned(),
        nonce: node.nonce(),
        seqs: Vec::new(),
        head: None,
        membership: Vec::new(),
    })
}

/// A refusal, with the status that belongs to its code.
pub(super) fn refusal(answer: &RefusalAnswer) -> Response {
    let mut response = ok(answer);
    *response.status_mut() =
        StatusCode::from_u16(answer.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answer.code == RefusalCode::Unavailable {
        let after = HeaderValue::from_static(RETRY_SECONDS);
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    tracing::debug!(code = answer.code.name(), "refused");
    response
}

//! Answers: CBOR, and no header that is not needed.

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use minicbor::Encode;
use tokio::time::Instant;
use waymark_wire::codec;
use waymark_wire::message::{RefusalAnswer, RefusalCode};

use crate::bus::Bus;
use crate::log::Log;
use crate::node::Node;
use crate::rates::TooOften;

/// What is said after a 503, in seconds.
const RETRY_SECONDS: u32 = 5;

/// Why a request is not served.
pub(super) struct Denied {
    code: RefusalCode,
    detail: String,
    /// After how many seconds it may be tried again, where that is known.
    after: Option<u32>,
}

impl Denied {
    /// With what is wrong.
    pub(super) fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            after: None,
        }
    }
}

impl From<RefusalCode> for Denied {
    fn from(code: RefusalCode) -> Self {
        Self::new(code, code.name())
    }
}

impl From<TooOften> for Denied {
    fn from(why: TooOften) -> Self {
        Self {
            after: Some(why.seconds),
            ..Self::new(RefusalCode::TooOften, why.to_string())
        }
    }
}

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
    deny(node, Denied::new(code, detail))
}

/// The same, with when to come back.
pub(super) fn deny<L: Log, B: Bus>(node: &Node<L, B>, denied: Denied) -> Response {
    let answer = RefusalAnswer {
        code: denied.code,
        detail: denied.detail,
        nonce: node.nonce(),
        seqs: Vec::new(),
        head: None,
        membership: Vec::new(),
    };
    refusal(node, &answer, denied.after)
}

/// The same for what was found out since `begun`, so that the time says nothing of who is there.
pub(super) async fn deny_evenly<L: Log, B: Bus>(
    node: &Node<L, B>,
    denied: Denied,
    begun: Instant,
) -> Response {
    node.even_out(denied.code, begun).await;
    deny(node, denied)
}

/// A refusal, with the status that belongs to its code, and the seconds after which it may be tried
/// again where these are known.
pub(super) fn refusal<L: Log, B: Bus>(
    node: &Node<L, B>,
    answer: &RefusalAnswer,
    after: Option<u32>,
) -> Response {
    node.metrics.count_refused(answer.code.name());
    let mut response = ok(answer);
    *response.status_mut() =
        StatusCode::from_u16(answer.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let busy = Some(RETRY_SECONDS).filter(|_| answer.code == RefusalCode::Unavailable);
    if let Some(after) = after.or(busy) {
        let after = HeaderValue::from(after);
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    tracing::debug!(code = answer.code.name(), "refused");
    response
}

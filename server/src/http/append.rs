//! `POST /v1/append`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use tokio::time::Instant;
use waymark_wire::codec::Bytes;
use waymark_wire::limits;
use waymark_wire::message::{AppendAnswer, AppendRequest, RefusalAnswer, RefusalCode};

use super::InFlight;
use super::answer::{deny, ok, refusal, refuse};
use super::body::receive;
use crate::bus::Bus;
use crate::log::{Append, AppendOutcome, Log};
use crate::logging::Short;
use crate::node::{Node, unavailable};

pub(super) async fn append<L: Log, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
    request: Request<Body>,
) -> Response {
    let _busy = connection.begin();
    let received =
        receive::<AppendRequest, _, _>(&node, &connection, request, limits::APPEND_BODY).await;
    let received = match received {
        Ok(received) => received,
        Err(denied) => return deny(&node, denied),
    };
    let request = received.value;
    node.metrics.appended.inc_by(received.length);
    let space = request.space;
    let append = Append {
        heals: request.heals,
        space,
        may_create: node.admits(request.admission.as_ref()),
        terms: node.terms(),
        entries: request.entries.into_iter().map(|entry| entry.0).collect(),
        attachments: request.attachments.into_iter().map(|a| a.0).collect(),
        now: node.clock.now_ms(),
    };
    let begun = Instant::now();
    let outcome = node.append(append).await;
    drop(received.room);
    match outcome {
        Ok(AppendOutcome {
            seqs,
            head: Some(head),
            refused: None,
            is_new,
        }) => {
            tracing::debug!(space = %Short(&space), head = head.seq, is_new, "appended");
            ok(&AppendAnswer {
                seqs,
                receipt: node.receipt(&space, head),
                nonce: node.nonce(),
            })
        }
        Ok(AppendOutcome { seqs, refused, .. }) => match refused {
            Some(refused) => {
                node.even_out(refused.code, begun).await;
                let answer = RefusalAnswer {
                    code: refused.code,
                    detail: refused.detail,
                    nonce: node.nonce(),
                    seqs,
                    head: refused.head,
                    membership: refused.membership.into_iter().map(Bytes).collect(),
                };
                refusal(&node, &answer, refused.after)
            }
            None => refuse(&node, RefusalCode::BadRequest, "there is no entry"),
        },
        Err(error) => refuse(&node, unavailable(error), "the log takes nothing now"),
    }
}

//! `POST /v1/mailbox`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use waymark_wire::limits;
use waymark_wire::message::{MailboxAnswer, MailboxRequest};

use super::InFlight;
use super::answer::{deny, ok, refuse};
use super::body::receive;
use crate::bus::Bus;
use crate::log::{Log, LogError};
use crate::mailbox::{Mailboxes, Put, PutOutcome, PutRefused};
use crate::node::{Node, unavailable};

pub(super) async fn mailbox<L: Log + Mailboxes, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
    request: Request<Body>,
) -> Response {
    let _busy = connection.begin();
    let received =
        receive::<MailboxRequest, _, _>(&node, &connection, request, limits::MAILBOX_BODY).await;
    let received = match received {
        Ok(received) => received,
        Err(denied) => return deny(&node, denied),
    };
    let outcome = answer(&node, received.value).await;
    drop(received.room);
    match outcome {
        Ok(Ok(slots)) => ok(&MailboxAnswer { slots }),
        Ok(Err(refused)) => refuse(&node, refused.code(), &refused.to_string()),
        Err(error) => refuse(&node, unavailable(error), "the mailboxes do not answer now"),
    }
}

async fn answer<L: Log + Mailboxes, B: Bus>(
    node: &Node<L, B>,
    request: MailboxRequest,
) -> Result<PutOutcome, LogError> {
    let now = node.clock.now_ms();
    match request.put {
        Some(slot) => {
            let put = Put {
                mailbox: request.mailbox,
                slot,
                days: request.days.unwrap_or(limits::MAILBOX_DAYS_USUAL),
                may_create: node.admits(request.admission.as_ref()),
            };
            node.log.put(put, now).await
        }
        None => {
            let held = node.log.open(request.mailbox, now).await?;
            Ok(held.ok_or(PutRefused::Unknown))
        }
    }
}

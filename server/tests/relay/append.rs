//! Appending over HTTP. What is taken and refused is the log's conformance suite; here is what the
//! route adds: receipts, statuses, limits.

use std::time::Duration;

use waymark_server::{Config, Limits};
use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::{APPEND_PATH, RefusalCode};

use crate::client::{TestRelay, header};
use crate::testing::Space;

/// Otherwise a device could not tell a relay that stored from one that says so.
#[tokio::test]
async fn the_receipt_is_for_the_chain_that_a_device_computes() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let first = client.taken(&space.create()).await;
    let entries = vec![space.batch(0), space.batch(0)];
    let mut cursor = Cursor::start(&space.id).after(&space.id.into());
    assert_eq!(first.receipt.position, cursor.position());
    for entry in &entries {
        cursor = cursor.after(&space.id_of(entry));
    }
    let request = space.request(entries, &[]);
    for _ in 0..2 {
        let taken = client.taken(&request).await;
        assert_eq!(taken.seqs, [2, 3]);
        assert_eq!(taken.receipt.position, cursor.position());
        assert_eq!(taken.receipt.generation, first.receipt.generation);
        assert_eq!(taken.nonce.0.len(), 24);
    }
}

/// What stands before a bad entry is stored, and the device has to know.
#[tokio::test]
async fn a_refusal_names_what_was_taken_before() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (one, _lost, three) = (space.batch(0), space.batch(0), space.batch(0));
    let refused = client.refused(&space.request(vec![one, three], &[])).await;
    assert_eq!(
        (refused.code, refused.seqs),
        (RefusalCode::Counter, vec![2])
    );
    assert_eq!(refused.head.map(|head| head.seq), Some(2));
}

/// Two people may change a membership at once; the slower one decides anew.
#[tokio::test]
async fn the_loser_of_a_race_gets_the_winner() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (winner, _) = space.add(0, 1, Rights::WRITE);
    let (loser, _) = space.add(0, 2, Rights::WRITE);
    client.change(&space, &winner).await;
    let request = space.request(vec![loser.entry], &loser.attachments);
    let refused = client.refused(&request).await;
    assert_eq!(refused.code, RefusalCode::MembershipMoved);
    assert_eq!(refused.membership, [Bytes(winner.entry)]);
    let mut stranger = Space::found(2);
    let foreign = stranger.batch(0);
    let refused = client.refused(&space.request(vec![foreign], &[])).await;
    assert_eq!(
        (refused.code, refused.head, refused.membership),
        (RefusalCode::NotFound, None, Vec::new())
    );
}

#[tokio::test]
async fn a_token_opens_a_relay_that_asks_for_one() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        admission: Some(waymark_server::Tokens::one(b"sesame")),
        ..Config::new(directory.path())
    };
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let mut create = space.create();
    for wrong in [None, Some(Bytes(b"sesam".to_vec()))] {
        create.admission = wrong;
        assert_eq!(client.refused(&create).await.code, RefusalCode::Admission);
    }
    create.admission = Some(Bytes(b"sesame".to_vec()));
    client.taken(&create).await;
    let batch = space.batch(0);
    client.taken(&space.request(vec![batch], &[])).await;
}

/// Otherwise a stranger fills the relay's memory before anything is checked.
#[tokio::test]
async fn large_and_malformed_bodies_are_refused_by_name() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let head = format!(
        "POST {APPEND_PATH} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n",
        limits::APPEND_BODY + 1
    );
    // Refused by the length it states: nothing of it is sent.
    client.raw(head.as_bytes()).await;
    assert_eq!(client.head().await.0, 413);
    let mut client = relay.client().await;
    let bodies: [&[u8]; 4] = [b"", b"\xff", b"{}", &[0xa0, 0xa0]];
    for body in bodies {
        let answer = client.post_bytes(APPEND_PATH, body).await;
        assert_eq!(answer.refusal().code, RefusalCode::BadRequest);
    }
    let space = Space::found(1);
    let mut truncated = codec::encode(&space.create());
    truncated.pop();
    let answer = client.post_bytes(APPEND_PATH, &truncated).await;
    assert_eq!(answer.refusal().code, RefusalCode::BadRequest);
    let answer = client.post_bytes("/v1/nothing", b"").await;
    assert_eq!(answer.refusal().code, RefusalCode::NotFound);
}

/// Otherwise a stranger holds connections with bodies that never end.
#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    config.limits.body_time = Duration::from_millis(50);
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let head = format!("POST {APPEND_PATH} HTTP/1.1\r\nhost: r\r\ncontent-length: 9\r\n\r\n1");
    client.raw(head.as_bytes()).await;
    assert_eq!(client.head().await.0, 400);
}

/// Otherwise a stranger holds all connections without a request on any.
#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    config.limits = Limits {
        connections: 1,
        idle: Duration::from_millis(100),
        ..Limits::default()
    };
    let relay = TestRelay::with(config).await;
    let mut silent = relay.client().await;
    let mut dripping = relay.client().await;
    let mut patient = relay.client().await;
    assert!(!silent.more().await);
    dripping.raw(b"POST /v1/pull HTT").await;
    assert!(!dripping.more().await);
    // Each had the only place; a third gets its turn.
    patient.nonce().await;
    assert!(!patient.more().await);
}

/// A relay that cannot take more says when to come again.
#[tokio::test]
async fn too_much_at_once_is_told_to_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    config.limits.bodies = 100;
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let answer = client.append(&Space::found(1).create()).await;
    assert_eq!(answer.refusal().code, RefusalCode::Unavailable);
    assert!(header(&answer.head, "retry-after").is_some());
}

/// Each byte of an answer is paid for by a phone.
#[tokio::test]
async fn answers_carry_no_header_that_is_not_needed() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let answer = client.append(&Space::found(1).create()).await;
    let names: Vec<_> = answer
        .head
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
        .collect();
    assert_eq!(names, ["content-length", "date"]);
}

//! Mailboxes over HTTP. What is taken and refused is the mailboxes' conformance suite; here is what
//! the route adds: bodies, statuses, the token, restarts.

use rusqlite::Connection;
use waymark_server::Config;
use waymark_server::log::DATABASE;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::limits;
use waymark_wire::message::{
    MAILBOX_PATH, MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot, RefusalCode,
};

use crate::client::{Client, TestRelay};

const BOX: MailboxId = MailboxId([7; 32]);

/// Two people meet who are never online together, and whom the relay knows nothing about.
#[tokio::test]
async fn what_one_puts_the_other_finds_also_after_a_restart() {
    let (relay, directory) = TestRelay::start().await;
    let mut inviter = relay.client().await;
    assert_eq!(refused(&mut inviter, &read()).await, RefusalCode::NotFound);
    let all = taken(&mut inviter, &put(0, b"offer")).await;
    assert_eq!(all, [slot(0, b"offer")]);
    relay.stop().await;
    let relay = TestRelay::open(directory.path()).await;
    let mut invited = relay.client().await;
    assert_eq!(taken(&mut invited, &read()).await, all);
    let all = taken(&mut invited, &put(1, b"card")).await;
    assert_eq!(all, [slot(0, b"offer"), slot(1, b"card")]);
    // An answer that was lost: the same again.
    assert_eq!(taken(&mut invited, &put(1, b"card")).await, all);
    assert_eq!(taken(&mut invited, &read()).await, all);
    let others = MailboxRequest {
        mailbox: MailboxId([8; 32]),
        ..read()
    };
    assert_eq!(refused(&mut invited, &others).await, RefusalCode::NotFound);
}

/// Each refusal has its own name, so that an app can say what happened to an invitation.
#[tokio::test]
async fn what_is_not_taken_is_refused_by_name() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let early = refused(&mut client, &put(1, b"early")).await;
    assert_eq!(early, RefusalCode::NotFound);
    taken(&mut client, &put(0, b"offer")).await;
    let second = refused(&mut client, &put(0, b"other")).await;
    assert_eq!(second, RefusalCode::MailboxTaken);
    // All of it in one slot would have been just enough.
    let large = vec![1; limits::MAILBOX];
    let full = refused(&mut client, &put(1, &large)).await;
    assert_eq!(full, RefusalCode::TooLarge);
    let other = MailboxRequest {
        mailbox: MailboxId([8; 32]),
        ..put(0, &large)
    };
    assert_eq!(taken(&mut client, &other).await.len(), 1);
    let longer = refused(&mut client, &put(1, &vec![1; limits::MAILBOX_BODY])).await;
    assert_eq!(longer, RefusalCode::TooLarge);
    for (number, days) in [(8, 7), (255, 7), (2, 0), (2, 31)] {
        let request = MailboxRequest {
            days: Some(days),
            ..put(number, b"x")
        };
        let refused = refused(&mut client, &request).await;
        assert_eq!(refused, RefusalCode::BadRequest);
    }
    let mut cut = codec::encode(&put(2, b"x"));
    cut.pop();
    let answer = client.post_bytes(MAILBOX_PATH, &cut).await;
    assert_eq!(answer.refusal().code, RefusalCode::BadRequest);
    // None of it left a trace.
    assert_eq!(taken(&mut client, &read()).await.len(), 1);
}

/// An operator who asks for a token asks whoever invites, not who is invited.
#[tokio::test]
async fn a_token_makes_a_mailbox_where_one_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        admission: Some(waymark_server::Tokens::one(b"sesame")),
        ..Config::new(directory.path())
    };
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    for wrong in [None, Some(Bytes(b"sesam".to_vec()))] {
        let request = MailboxRequest {
            admission: wrong,
            ..put(0, b"offer")
        };
        let refused = refused(&mut client, &request).await;
        assert_eq!(refused, RefusalCode::Admission);
    }
    let request = MailboxRequest {
        admission: Some(Bytes(b"sesame".to_vec())),
        ..put(0, b"offer")
    };
    taken(&mut client, &request).await;
    assert_eq!(taken(&mut client, &put(1, b"card")).await.len(), 2);
}

/// What is over is off the disk at the next start, even where nobody uses mailboxes any more.
#[tokio::test]
async fn a_start_removes_what_has_ended() {
    let (relay, directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    taken(&mut client, &put(0, b"offer")).await;
    let other = MailboxRequest {
        mailbox: MailboxId([8; 32]),
        ..put(0, b"other")
    };
    taken(&mut client, &other).await;
    relay.stop().await;
    let path = directory.path().join(DATABASE);
    let db = Connection::open(&path).unwrap();
    let ended = db.execute("UPDATE mailbox SET ends = 1 WHERE id = ?1", [BOX.0]);
    assert_eq!(ended.unwrap(), 1);
    drop(db);
    let relay = TestRelay::open(directory.path()).await;
    let mut client = relay.client().await;
    assert_eq!(refused(&mut client, &read()).await, RefusalCode::NotFound);
    assert_eq!(taken(&mut client, &other).await.len(), 1);
    relay.stop().await;
    let db = Connection::open(&path).unwrap();
    let count = "SELECT (SELECT count(*) FROM mailbox), (SELECT count(*) FROM mail)";
    let count = db.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(count, Ok((1, 1)));
}

fn slot(slot: u8, bytes: &[u8]) -> MailboxSlot {
    MailboxSlot {
        slot,
        bytes: Bytes(bytes.to_vec()),
    }
}

fn read() -> MailboxRequest {
    MailboxRequest {
        mailbox: BOX,
        put: None,
        days: None,
        admission: None,
    }
}

fn put(number: u8, bytes: &[u8]) -> MailboxRequest {
    MailboxRequest {
        put: Some(slot(number, bytes)),
        ..read()
    }
}

async fn taken(client: &mut Client, request: &MailboxRequest) -> Vec<MailboxSlot> {
    let answer = client.post(MAILBOX_PATH, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read::<MailboxAnswer>().slots
}

async fn refused(client: &mut Client, request: &MailboxRequest) -> RefusalCode {
    client.post(MAILBOX_PATH, request).await.refusal().code
}

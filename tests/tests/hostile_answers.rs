//! A relay whose answers are forged, broken or without end, and one whose database was damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{InvitationPurpose, InvitationStage};
use waymark_core::engine::Engine;
use waymark_core::sync::{Effect, Machine, Problem, RequestId, Timestamp};
use waymark_server::inspect::entries;
use waymark_tests::story::{assert_same, assert_settled, goal, log, meet, notes, status, sync};
use waymark_tests::{Device, Reply, Stage, TestRelay, begin_at, hand_over, link_therapist};
use waymark_wire::codec;
use waymark_wire::entry::Entry;
use waymark_wire::ids::SpaceId;
use waymark_wire::message::{APPEND_PATH, Frame, MAILBOX_PATH, PULL_PATH};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

#[tokio::test(flavor = "multi_thread")]
async fn forged_receipts_and_another_key_are_refused() {
    let stage = Stage::set().await;
    let stranger = || SigningKey::from_seed(&[3; 32]).unwrap();
    let space = stage.space();
    stage.liar.reframe(move |frame| match frame {
        Frame::Page {
            space: n,
            receipt,
            head,
        } => {
            let sign = |text: &[u8]| stranger().sign(text);
            let receipt = Receipt::new(&space, receipt.generation, receipt.position, sign);
            Frame::Page {
                space: n,
                receipt,
                head,
            }
        }
        other => other,
    });
    stage.refuses("receipt is not signed by its key").await;
    stage.liar.reframe(move |frame| match frame {
        Frame::Hello { nonce, .. } => {
            let relay = stranger().verifying_key();
            Frame::Hello { relay, nonce }
        }
        other => other,
    });
    stage.refuses("another key than the one known").await;
    // And nothing is handed to it.
    let texts = stage.tablet.client().texts();
    texts.create(stage.plan, None, Some("secret")).unwrap();
    sync(&stage.tablet).await.unwrap_err();
    assert_eq!(status(&stage.tablet, stage.plan).on_the_way, 0);
    stage.recovers().await;
}

/// A relay that is broken or hostile could use up the phone's memory, or its time.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_end_or_sense_cost_little_and_are_named() {
    let stage = Stage::set().await;
    let hello = codec::encode(&Frame::Hello {
        relay: stage.liar.key().verifying_key(),
        nonce: codec::Bytes(vec![1; 24]),
    });
    let part = |n: usize| {
        let entry = codec::Bytes(vec![7; n]);
        codec::encode(&Frame::Entry {
            space: 0,
            seq: 9,
            entry,
        })
    };
    let beat = codec::encode(&Frame::Heartbeat {
        nonce: codec::Bytes(vec![1; 24]),
    });
    // The head of an entry of 4 GiB: [2, [0, 9, h'...']].
    let endless = vec![0x82, 2, 0x83, 0, 9, 0x5a, 0xff, 0xff, 0xff, 0xff];
    let lies: Vec<(&str, Reply)> = vec![
        ("nothing", Reply::Nothing),
        ("an empty answer", Reply::Whole(200, Vec::new())),
        ("garbage", Reply::Whole(200, vec![0xff; 100_000])),
        ("not found", Reply::Whole(404, b"<html>no</html>".to_vec())),
        ("a server's error", Reply::Whole(500, Vec::new())),
        ("another redirects", Reply::Whole(302, Vec::new())),
        (
            "one frame without end",
            Reply::Endless([&hello[..], &endless].concat(), vec![7; 65_536]),
        ),
        (
            "a page without end",
            Reply::Endless(hello.clone(), part(100_000)),
        ),
        ("frames without end", Reply::Endless(hello.clone(), part(1))),
        (
            "heartbeats without end",
            Reply::Endless(hello.clone(), beat),
        ),
        (
            "greetings without end",
            Reply::Endless(Vec::new(), hello.repeat(500)),
        ),
        ("nesting", Reply::Whole(200, vec![0x81; 1_000_000])),
    ];
    for (what, lie) in lies {
        let before = stage.liar.sent();
        stage.liar.answer(PULL_PATH, lie);
        let error = sync(&stage.tablet).await.expect_err(what);
        assert!(
            ["offline", "relay_untrusted"].contains(&error.code()),
            "{what}: {error}"
        );
        // What was sent lies in buffers of the system, if it was not read.
        let sent = stage.liar.sent() - before;
        assert!(sent < 64 * 1024 * 1024, "{what}: {sent} bytes were taken");
        assert_eq!(notes(&stage.tablet, stage.plan), ["0"], "{what}");
    }
    stage.recovers().await;
}

/// Answers that are read whole: without end, far too long, and without sense.
fn endless(relay: &SigningKey) -> Vec<(&'static str, Reply)> {
    let hello = codec::encode(&Frame::Hello {
        relay: relay.verifying_key(),
        nonce: codec::Bytes(vec![1; 24]),
    });
    // The head of a map whose first value is a text of 4 GiB.
    let head = vec![0xa1, 0x00, 0x5a, 0xff, 0xff, 0xff, 0xff];
    vec![
        ("nothing", Reply::Nothing),
        ("an empty answer", Reply::Whole(200, Vec::new())),
        ("garbage", Reply::Whole(200, vec![0xff; 100_000])),
        ("nesting", Reply::Whole(200, vec![0x81; 1_000_000])),
        ("another answer", Reply::Whole(200, hello)),
        ("eight megabytes", Reply::Whole(200, vec![0; 8 << 20])),
        (
            "one value without end",
            Reply::Endless(head, vec![7; 65_536]),
        ),
        (
            "zeros without end",
            Reply::Endless(vec![0], vec![0; 65_536]),
        ),
        ("a server's error", Reply::Whole(500, vec![0; 100_000])),
        ("a refusal without sense", Reply::Whole(409, vec![0xff; 9])),
    ]
}

/// Whoever writes would be made to read for ever, or to believe that it was taken.
#[tokio::test(flavor = "multi_thread")]
async fn answers_to_what_was_sent_cost_little_are_named_and_nothing_is_lost_or_doubled() {
    let stage = Stage::set().await;
    sync(&stage.tablet).await.unwrap();
    let mut written = vec!["0".to_owned(), "1".into(), "2".into(), "3".into()];
    for (what, lie) in endless(&stage.liar.key()) {
        let before = stage.liar.sent();
        log(&stage.phone, stage.plan, stage.goal, what);
        written.push(what.into());
        stage.liar.answer(APPEND_PATH, lie);
        let error = sync(&stage.phone).await.expect_err(what);
        assert!(
            ["offline", "relay_untrusted"].contains(&error.code()),
            "{what}: {error}"
        );
        let sent = stage.liar.sent() - before;
        assert!(sent < 64 * 1024 * 1024, "{what}: {sent} bytes were taken");
        let stands = status(&stage.phone, stage.plan);
        assert!(stands.on_the_way > 0, "{what}: it counts as sent");
        // What others wrote is read all the same.
        assert_eq!(notes(&stage.phone, stage.plan).len(), written.len());
    }
    stage.liar.be_honest();
    meet(&[&stage.phone, &stage.tablet]).await;
    written.sort();
    assert_eq!(notes(&stage.tablet, stage.plan), written);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
    assert_settled(&stage.phone);
}

/// An invitation could use up the phone, or hold up the plan.
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_mailbox_cost_little_are_named_and_hold_up_no_plan() {
    let stage = Stage::set().await;
    let invitations = stage.phone.client().invitations();
    let plan = InvitationPurpose::Plan { plan: stage.plan };
    let made = invitations.invite(plan, 7).unwrap();
    for (what, lie) in endless(&stage.liar.key()) {
        let before = stage.liar.sent();
        log(&stage.phone, stage.plan, stage.goal, what);
        stage.liar.answer(MAILBOX_PATH, lie);
        let error = sync(&stage.phone).await.expect_err(what);
        assert!(
            ["offline", "relay_untrusted"].contains(&error.code()),
            "{what}: {error}"
        );
        let sent = stage.liar.sent() - before;
        assert!(sent < 64 * 1024 * 1024, "{what}: {sent} bytes were taken");
        let seen = invitations.get(made.id).unwrap();
        assert_eq!(seen.stage, InvitationStage::Inviting, "{what}");
        assert!(seen.problem.is_some(), "{what}: it is not named");
        let stands = status(&stage.phone, stage.plan);
        assert_eq!((stands.on_the_way, stands.problem), (0, None), "{what}");
    }
    // The link is as good as ever.
    stage.liar.be_honest();
    sync(&stage.phone).await.unwrap();
    let guest = Device::with_relay(&stage.liar.url());
    let id = guest.client().invitations().accept(&made.link, "Bob", "x");
    let id = id.unwrap();
    meet(&[&guest, &stage.phone]).await;
    let seen = guest.client().invitations().get(id).unwrap();
    assert_eq!(seen.stage, InvitationStage::Comparing);
}

/// The operator's disk rots, or the operator edits the database: other spaces must go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_byte_flipped_in_the_relays_database_stops_one_space_until_it_is_restored() {
    let mut relay = TestRelay::start().await;
    let (phone, plan) = begin_at(&relay.url());
    let other = phone.client().people().create_plan().unwrap();
    let (here, there) = (goal(&phone, plan, "walk"), goal(&phone, other, "sleep"));
    let tablet = link_therapist(&phone, plan).await;
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    phone.client().people().add_therapist(other, &card).unwrap();
    hand_over(&phone, &tablet, &card).await;
    log(&phone, plan, here, "here");
    log(&phone, other, there, "there");
    phone.client().sync().now().await.unwrap();
    relay.stop().await;
    let flip = |relay: &TestRelay| {
        let all = entries(relay.directory()).unwrap();
        let newest = all.into_iter().rfind(|e| e.space == SpaceId(plan.0));
        let mut newest = newest.unwrap();
        let size = newest.bytes.len();
        newest.bytes[size / 2] ^= 1;
        assert!(Entry::parse(newest.bytes.clone()).is_ok());
        let db = rusqlite::Connection::open(relay.directory().join("relay.db")).unwrap();
        let sql = "UPDATE entry SET bytes = ?1 WHERE id = ?2";
        assert_eq!(db.execute(sql, (newest.bytes, newest.id.0)).unwrap(), 1);
        newest.seq
    };
    let seq = flip(&relay);
    relay.restart().await;

    let error = sync(&tablet).await.unwrap_err();
    assert_eq!(error.code(), "relay_untrusted");
    let named = format!("entry {seq} is refused: device 0 did not sign it");
    assert!(error.to_string().contains(&named), "{error}");
    assert!(notes(&tablet, plan).is_empty());
    assert_eq!(notes(&tablet, other), ["there"]);
    assert_eq!(status(&tablet, other).problem, None);

    relay.stop().await;
    flip(&relay);
    relay.restart().await;
    meet(&[&tablet, &phone]).await;
    assert_eq!(notes(&tablet, plan), ["here"]);
    assert_same(plan, &[&phone, &tablet]);
    assert_settled(&tablet);
}

/// A relay that sends a byte now and then keeps the connection, and would keep the device waiting.
#[tokio::test]
async fn an_answer_that_drips_is_given_up_and_asked_for_again() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin_at(&relay.url());
    phone.client().sync().now().await.unwrap();
    phone.inside(|engine| {
        let space = engine.space(&SpaceId(plan.0)).unwrap();
        let (number, key) = (space.number(), space.relay().key.unwrap());
        let hello = Frame::Hello {
            relay: key,
            nonce: codec::Bytes(vec![1; 24]),
        };
        let hello = codec::encode(&hello);
        let mut machine = Machine::new();
        machine.sync_now(engine);
        let mut now = Timestamp(0);
        let greet = request(&mut machine, engine, now);
        machine.handle_answer(engine, greet, 200, &hello, now);
        let pull = request(&mut machine, engine, now);
        machine.handle_chunk(engine, pull, &hello, now);
        for byte in [0x82, 2, 0x83, 0, 9, 0x5a, 0, 1] {
            now = now.plus(10_000);
            machine.handle_chunk(engine, pull, &[byte], now);
            assert_eq!(machine.poll_effect(engine, now), None);
        }
        let overdue = machine.poll_timeout().unwrap();
        assert!(overdue.0 <= 180_000, "{overdue:?}");
        let cancelled = machine.poll_effect(engine, overdue);
        assert_eq!(cancelled, Some(Effect::Cancel(pull)));
        assert_eq!(machine.status(number).problem, Some(Problem::Offline));
        let again = machine.poll_timeout().unwrap();
        assert_ne!(request(&mut machine, engine, again), pull);
    });
}

/// The request that the machine wants to be made.
fn request(machine: &mut Machine, engine: &mut Engine, now: Timestamp) -> RequestId {
    match machine.poll_effect(engine, now) {
        Some(Effect::Request { id, .. }) => id,
        other => panic!("no request but {other:?}"),
    }
}

//! Who floods, drips or takes nothing, against the program itself: it costs a stated amount of memory
//! and time, and nobody else waits for it.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use waymark_wire::codec;
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::{APPEND_PATH, PULL_PATH, PullRequest};

use crate::process::Program;
use crate::testing::{Space, start};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// When the relay must have ended what it ends: three times what it is told below, since machines
/// are busy.
const SOON: Duration = Duration::from_secs(20);

/// A relay that is impatient, so that a test need not be, and has served somebody.
async fn impatient(data: &Path, more: &[&str]) -> Program {
    let flags = ["--idle-seconds", "2", "--body-seconds", "6"];
    let relay = Program::with(data, &[&flags, more].concat());
    serves(&relay).await;
    relay
}

/// That somebody else is served meanwhile.
async fn serves(relay: &Program) {
    let served = timeout(SOON, async {
        relay.client().await.nonce().await;
    });
    served.await.expect("others are served meanwhile");
}

/// A connection of somebody who means no good.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(relay: &Program) -> Self {
        Self(TcpStream::connect(&relay.address).await.unwrap())
    }

    /// Writes all of it, or as much as the relay takes before it hangs up.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(SOON, self.0.write_all(bytes)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Everything that still comes, until the relay hangs up; which it has to.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let ended = timeout(SOON, async {
            while self.0.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {}
        });
        ended.await.expect("the relay hangs up");
        rest
    }
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: relay\r\n{more}\r\n")
}

/// How much more the relay holds than before.
fn grown(relay: &Program, before: u64) -> u64 {
    relay.resident().saturating_sub(before)
}

#[tokio::test]
async fn a_head_of_a_megabyte_is_cut_off_and_kept_nowhere() {
    const COUNT: u64 = 40;
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &[]).await;
    let before = relay.resident();
    let line = format!("x-filler: {}\r\n", "x".repeat(1_000));
    let long = [
        "POST /v1/pull HTTP/1.1\r\nhost: relay\r\n",
        &line.repeat(1_000),
    ]
    .concat();
    let mut all = JoinSet::new();
    for _ in 0..COUNT {
        let mut raw = Raw::connect(&relay).await;
        let long = long.clone();
        all.spawn(async move {
            raw.send(long.as_bytes()).await;
            let rest = raw.rest().await;
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 431"));
        });
    }
    all.join_all().await;
    assert!(grown(&relay, before) < COUNT * 64 * KIB + 4 * MIB);
    serves(&relay).await;
}

/// The slow loris: heads that go on for ever, a byte now and then.
#[tokio::test]
async fn heads_that_drip_cost_little_and_come_to_an_end() {
    const COUNT: u64 = 200;
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &[]).await;
    let before = relay.resident();
    let begun = Instant::now();
    let part = format!(
        "POST /v1/pull HTTP/1.1\r\nx-filler: {}",
        "x".repeat(12 << 10)
    );
    let mut all = Vec::new();
    for _ in 0..COUNT {
        let mut raw = Raw::connect(&relay).await;
        assert!(raw.send(part.as_bytes()).await);
        all.push(raw);
    }
    serves(&relay).await;
    assert!(grown(&relay, before) < COUNT * 40 * KIB + 4 * MIB);
    let mut dripping = JoinSet::new();
    for mut raw in all {
        dripping.spawn(async move {
            while raw.send(b"y").await {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        });
    }
    timeout(SOON, dripping.join_all()).await.unwrap();
    assert!(begun.elapsed() < SOON);
    serves(&relay).await;
}

/// A body may take its time, and not for ever; nor may many together fill the memory.
#[tokio::test]
async fn bodies_that_drip_are_cut_off_in_time() {
    const COUNT: usize = 100;
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &["--body-memory", "4"]).await;
    let before = relay.resident();
    let mut all = JoinSet::new();
    for _ in 0..COUNT {
        let mut raw = Raw::connect(&relay).await;
        let length = format!("content-length: {}\r\n", limits::APPEND_BODY);
        assert!(raw.send(head(APPEND_PATH, &length).as_bytes()).await);
        // A hundred of these are more than there is room for.
        raw.send(&vec![0; 60 << 10]).await;
        all.spawn(async move {
            while raw.send(b"y").await {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            raw.rest().await
        });
    }
    serves(&relay).await;
    // Room is reserved for what has come, and not for what was only announced.
    let held = grown(&relay, before);
    assert!(held < 24 * MIB, "{held}");
    let answers = timeout(2 * SOON, all.join_all()).await.unwrap();
    let refused = |status: &str| {
        let begins = |answer: &&Vec<u8>| answer.starts_with(status.as_bytes());
        answers.iter().filter(begins).count()
    };
    let (slow, full) = (refused("HTTP/1.1 400"), refused("HTTP/1.1 503"));
    assert!(slow > 0 && full > 0, "{slow} too slow, {full} too much");
    serves(&relay).await;
}

/// Chunks say no length beforehand: what counts is what came.
#[tokio::test]
async fn chunks_without_end_are_cut_off_where_a_body_may_not_be_longer() {
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &[]).await;
    let before = relay.resident();
    let chunked = head(APPEND_PATH, "transfer-encoding: chunked\r\n");
    let floods = [
        ["10000\r\n", &"x".repeat(0x1_0000), "\r\n"].concat(),
        "1\r\nx\r\n".repeat(8_192),
        // Each with more beside it than it holds.
        format!("1;{}\r\nx\r\n", "x".repeat(8 << 10)),
    ];
    for chunks in floods {
        let mut raw = Raw::connect(&relay).await;
        assert!(raw.send(chunked.as_bytes()).await);
        // The system takes some of it, and would not take this much.
        let most = 16 * limits::APPEND_BODY;
        let mut sent = 0;
        while sent < most && raw.send(chunks.as_bytes()).await {
            sent += chunks.len();
        }
        assert!(sent < most, "nobody stopped it");
        raw.rest().await;
        assert!(grown(&relay, before) < 16 * MIB);
    }
    serves(&relay).await;
}

/// A request may ask for no more than a person has; the rest of it is not even looked at.
#[tokio::test]
async fn ten_thousand_spaces_in_one_request_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &[]).await;
    let mut client = relay.client().await;
    let space = Space::found(1);
    let asked = client.ask(&space, 0, start(&space.id)).await;
    let bodies = [2_000, 10_000].map(|count| {
        let spaces = vec![asked.clone(); count];
        codec::encode(&PullRequest { spaces, live: None })
    });
    for (body, status) in bodies.iter().zip([400, 413]) {
        assert_eq!(client.post_bytes(PULL_PATH, body).await.status, status);
        client = relay.client().await;
    }
}

/// Readers that take nothing: each holds a page, and no more, until it is cut off.
#[tokio::test]
async fn readers_that_take_nothing_cost_a_page_each_and_are_cut_off() {
    const COUNT: u64 = 30;
    let directory = tempfile::tempdir().unwrap();
    let relay = impatient(directory.path(), &[]).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    for _ in 0..64 {
        let large = space.batch_of(second, limits::BATCH);
        client.taken(&space.request(vec![large], &[])).await;
    }
    let before = relay.resident();
    let spaces = vec![client.ask(&space, 0, start(&space.id)).await];
    let body = codec::encode(&PullRequest { spaces, live: None });
    let length = format!("content-length: {}\r\n", body.len());
    let request = [head(PULL_PATH, &length).as_bytes(), &body].concat();
    let mut all = Vec::new();
    for _ in 0..COUNT {
        let mut raw = Raw::connect(&relay).await;
        assert!(raw.send(&request).await);
        all.push(raw);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let held = grown(&relay, before);
    // A page has up to a MiB of entries, and is once more in the frames that are made of it.
    assert!(held < COUNT * 3 * MIB, "{held} bytes for {COUNT}");
    serves(&relay).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    for mut raw in all {
        let got = raw.rest().await;
        // The system had some of it on its way.
        assert!(got.len() < 16 << 20, "{} bytes came in the end", got.len());
        assert!(!got.ends_with(b"0\r\n\r\n"), "the answer is not whole");
    }
    serves(&relay).await;
}

/// One address must not take all the places that there are.
#[tokio::test]
async fn an_address_has_so_many_connections_and_the_relay_so_many_in_all() {
    let directory = tempfile::tempdir().unwrap();
    let flags = ["--max-connections", "6", "--max-address-connections", "4"];
    let relay = impatient(directory.path(), &flags).await;
    let before = relay.resident();
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = relay.client().await;
        client.nonce().await;
        held.push(client);
    }
    // Whoever comes now is sent away at once, however many they are.
    let begun = Instant::now();
    for _ in 0..500 {
        assert!(Raw::connect(&relay).await.rest().await.is_empty());
    }
    assert!(begun.elapsed() < SOON);
    assert!(grown(&relay, before) < 4 * MIB);
    drop(held.pop());
    let come = timeout(SOON, async {
        loop {
            let mut raw = Raw::connect(&relay).await;
            raw.send(b"GET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")
                .await;
            if raw.rest().await.starts_with(b"HTTP/1.1 200") {
                break;
            }
        }
    });
    come.await.expect("the place of one who goes is free again");
}

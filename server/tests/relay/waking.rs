//! Members are woken by the operator's push gateway: a real one here, over HTTP on this machine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use waymark_server::{Config, Gateway};
use waymark_wire::codec::Bytes;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;
use waymark_wire::message::{RefusalCode, WAKE_PATH, WakeAnswer, WakeRequest};

use crate::client::{Client, TestRelay};
use crate::testing::Space;

/// How often a member is woken at most, in these tests.
const EVERY: Duration = Duration::from_millis(600);

/// A push gateway that answers each request the same, and keeps what was sent.
struct Heard {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    // The body is as long as the word and its end.
                    while !request.ends_with(b"\r\n\r\nwake\n") {
                        if stream.read_buf(&mut request).await.unwrap() == 0 {
                            return;
                        }
                    }
                    heard
                        .lock()
                        .unwrap()
                        .push(String::from_utf8(request).unwrap());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                });
            }
        });
        Self { address, requests }
    }

    /// The tokens that were sent, when so many were or a while has passed.
    async fn tokens(&self, count: usize) -> Vec<String> {
        let all = async {
            while self.requests.lock().unwrap().len() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        // One too few is what the test says then.
        let _ = timeout(Duration::from_secs(10), all).await;
        let requests = self.requests.lock().unwrap();
        let token = |request: &String| {
            let mut lines = request.lines();
            let line = lines.find_map(|line| line.strip_prefix("waymark-token: "));
            line.unwrap().to_owned()
        };
        requests.iter().map(token).collect()
    }
}

const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A relay that wakes by this gateway, and a space of two people on it.
async fn relay(gateway: &Heard) -> (TestRelay, tempfile::TempDir, Client, Space, usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    let address = format!("http://{}/secret-path", gateway.address);
    config.wake = Some((Gateway::new(&address, true).unwrap(), EVERY));
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    (relay, directory, client, space, second)
}

async fn asked(client: &mut Client, space: &Space, by: usize, token: Option<&[u8]>) -> WakeRequest {
    let nonce = client.nonce().await;
    let device = &space.devices[by];
    let member = (space.id, device.number);
    let token = token.map(|token| Bytes(token.to_vec()));
    WakeRequest::new(&client.relay, nonce, member, token, |text| {
        device.key.sign(text)
    })
}

async fn ask(client: &mut Client, space: &Space, by: usize, token: Option<&[u8]>) {
    let request = asked(client, space, by, token).await;
    let answer = client.post(WAKE_PATH, &request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.read::<WakeAnswer>().nonce.0.len(), 24);
}

async fn append(client: &mut Client, space: &mut Space, by: usize) {
    let batch = space.batch(by);
    client.taken(&space.request(vec![batch], &[])).await;
}

/// A therapist's word would lie there until the client happens to open the app; and a gateway that
/// learns what it was about could tell others.
#[tokio::test]
async fn whoever_asked_is_woken_by_others_with_nothing_but_the_token() {
    let gateway = Heard::answering(TAKEN).await;
    let (_relay, _directory, mut client, mut space, second) = relay(&gateway).await;
    ask(&mut client, &space, 0, Some(b"first")).await;
    ask(&mut client, &space, second, Some(b"second")).await;
    append(&mut client, &mut space, 0).await;
    // The digits of "second", and nobody else's.
    assert_eq!(gateway.tokens(1).await, ["7365636f6e64"]);
    append(&mut client, &mut space, second).await;
    assert_eq!(gateway.tokens(2).await, ["7365636f6e64", "6669727374"]);
    let requests = gateway.requests.lock().unwrap().clone();
    for request in &requests {
        assert!(
            request.starts_with("POST /secret-path HTTP/1.1\r\n"),
            "{request}"
        );
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "wake\n");
        let names: Vec<_> = head
            .lines()
            .skip(1)
            .map(|line| line.split(':').next().unwrap())
            .collect();
        for name in names {
            let known = ["accept", "content-length", "host", "waymark-token"];
            assert!(known.contains(&name), "{request}");
        }
    }
}

/// A busy evening would empty a phone's battery, and its maker's service would stop listening.
#[tokio::test]
async fn what_comes_in_a_row_wakes_once_and_once_more_at_the_end() {
    let gateway = Heard::answering(TAKEN).await;
    let (_relay, _directory, mut client, mut space, second) = relay(&gateway).await;
    ask(&mut client, &space, second, Some(b"second")).await;
    for _ in 0..10 {
        append(&mut client, &mut space, 0).await;
    }
    assert_eq!(gateway.tokens(2).await.len(), 2);
    sleep(EVERY * 3).await;
    assert_eq!(gateway.tokens(2).await.len(), 2);
    append(&mut client, &mut space, 0).await;
    assert_eq!(gateway.tokens(3).await.len(), 3);
    // Who takes it back, or has gone, is left alone.
    ask(&mut client, &space, second, None).await;
    sleep(EVERY * 2).await;
    append(&mut client, &mut space, 0).await;
    sleep(EVERY).await;
    assert_eq!(gateway.tokens(3).await.len(), 3);
}

/// A gateway that points elsewhere could have a relay knock at what only its own network sees.
#[tokio::test]
async fn redirects_are_not_followed_and_what_is_unknown_is_forgotten() {
    let other = Heard::answering(TAKEN).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{}/x\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n",
        other.address
    );
    let gateway = Heard::answering(redirect.leak()).await;
    let (_relay, _directory, mut client, mut space, second) = relay(&gateway).await;
    ask(&mut client, &space, second, Some(b"second")).await;
    append(&mut client, &mut space, 0).await;
    assert_eq!(gateway.tokens(1).await.len(), 1);
    sleep(EVERY * 2).await;
    assert!(other.requests.lock().unwrap().is_empty());
    // It failed, and is tried again with the next entry.
    append(&mut client, &mut space, 0).await;
    assert_eq!(gateway.tokens(2).await.len(), 2);

    let gone =
        Heard::answering("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
    let (_relay, _directory, mut client, mut space, second) = relay(&gone).await;
    ask(&mut client, &space, second, Some(b"second")).await;
    for _ in 0..3 {
        append(&mut client, &mut space, 0).await;
        sleep(EVERY * 2).await;
    }
    assert_eq!(gone.tokens(1).await.len(), 1);
}

/// A stranger could have somebody woken all night, or find out which spaces there are.
#[tokio::test]
async fn only_members_leave_tokens_and_all_others_hear_the_same() {
    let gateway = Heard::answering(TAKEN).await;
    let (_relay, _directory, mut client, mut space, second) = relay(&gateway).await;
    let good = asked(&mut client, &space, second, Some(b"token")).await;
    let mut forged = good.clone();
    forged.token = Some(Bytes(b"another".to_vec()));
    let mut nobody = good.clone();
    nobody.device = DeviceNumber(9);
    let elsewhere = asked(&mut client, &Space::found(2), 0, Some(b"token")).await;
    let mut answers = Vec::new();
    for request in [forged, nobody, elsewhere] {
        let refused = client.post(WAKE_PATH, &request).await.refusal();
        answers.push((refused.code, refused.detail));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(answers[0].0, RefusalCode::NotFound);
    let mut stale = good.clone();
    stale.nonce.0[0] ^= 1;
    let refused = client.post(WAKE_PATH, &stale).await.refusal();
    assert_eq!(refused.code, RefusalCode::Nonce);
    append(&mut client, &mut space, 0).await;
    sleep(EVERY).await;
    assert!(gateway.requests.lock().unwrap().is_empty());
    // A relay without a gateway says so, of everybody.
    let (plain, _directory) = TestRelay::start().await;
    let mut client = plain.client().await;
    let refused = client.post(WAKE_PATH, &good).await.refusal();
    assert_eq!(refused.code, RefusalCode::Unsupported);
}

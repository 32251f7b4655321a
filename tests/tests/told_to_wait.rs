//! A relay that says when to come back is left alone until then, whatever a device would like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use waymark_core::client::WaymarkError;
use waymark_tests::{begin_at, until};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::message::{RefusalAnswer, RefusalCode};

/// When requests came.
type Asked = Arc<Mutex<Vec<Instant>>>;

/// A relay that refuses everything with these words, and its address.
async fn refusing(status: &str, after: u32, body: Vec<u8>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let head = format!(
        "HTTP/1.1 {status}\r\nretry-after: {after}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), &body].concat();
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = refuse(stream, &answer, &counted).await;
        }
    });
    (address, asked)
}

/// Reads what fits into one piece, which is all that is asked of a relay that is not known yet.
async fn refuse(mut stream: TcpStream, answer: &[u8], asked: &Asked) -> std::io::Result<()> {
    let mut request = vec![0; 64 * 1024];
    if stream.read(&mut request).await? > 0 {
        asked.lock().unwrap().push(Instant::now());
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        while stream.read(&mut request).await? > 0 {}
    }
    Ok(())
}

/// A relay that is overrun says so to be left alone: devices that all come back at once keep it down,
/// for everybody who needs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_says_when_to_come_back_is_left_alone_until_then() {
    let refusal = codec::encode(&RefusalAnswer {
        code: RefusalCode::TooOften,
        detail: "too often: come back in 3 s".into(),
        nonce: Bytes(vec![0; 24]),
        seqs: Vec::new(),
        head: None,
        membership: Vec::new(),
    });
    // From the relay itself, and from a proxy that has no relay behind it.
    for (status, body) in [
        ("429 Too Many Requests", refusal),
        ("503 Service Unavailable", b"down for a moment".to_vec()),
    ] {
        let (address, asked) = refusing(status, 3, body).await;
        let (phone, _plan) = begin_at(&address);
        let live = phone.client().sync().live();
        let count = || asked.lock().unwrap().len();
        until("it was asked", || count() > 0).await;
        // A person who presses "sync" is told at once how it stands.
        let error = phone.client().sync().now().await.unwrap_err();
        let is_expected = match status.starts_with("429") {
            true => matches!(error, WaymarkError::RelayBusy { .. }),
            false => matches!(error, WaymarkError::Offline { .. }),
        };
        assert!(is_expected, "{error:?}");
        until("it is asked again", || count() > 1).await;
        live.stop().await;
        let asked = asked.lock().unwrap();
        let waited = asked[1] - asked[0];
        assert!(waited >= Duration::from_millis(2_900), "after {waited:?}");
    }
}

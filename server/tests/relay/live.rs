//! Answers that stay open.

use std::time::Duration;

use tokio::time::timeout;
use waymark_wire::codec::{self, SequenceReader};
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::{Frame, PULL_PATH, PullRequest, STATUS_PATH, StatusRequest};

use crate::client::{Client, TestRelay};
use crate::process::Program;
use crate::testing::{Space, start};

/// A live answer, frame by frame.
pub(crate) struct Live {
    client: Client,
    reader: SequenceReader,
}

impl Live {
    pub(crate) async fn open(relay: &TestRelay, spaces: &[&Space], by: usize) -> Self {
        Self::over(relay.client().await, spaces, by).await
    }

    pub(crate) async fn over(mut client: Client, spaces: &[&Space], by: usize) -> Self {
        let mut asked = Vec::new();
        for space in spaces {
            asked.push(client.ask(space, by, start(&space.id)).await);
        }
        let request = PullRequest {
            spaces: asked,
            live: Some(1),
        };
        client.send(PULL_PATH, &codec::encode(&request)).await;
        assert_eq!(client.head().await.0, 200);
        let mut live = Self {
            client,
            reader: SequenceReader::new(limits::FRAME),
        };
        assert!(matches!(live.next().await, Some(Frame::Hello { .. })));
        live
    }

    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.reader.next_item().unwrap() {
                return Some(frame);
            }
            let chunk = self.client.chunk().await?;
            self.reader.push(&chunk);
        }
    }

    /// The space and place of the next page's end.
    pub(crate) async fn page(&mut self) -> (u16, u64) {
        loop {
            if let Some(Frame::Page { space, receipt, .. }) = self.next().await {
                return (space, receipt.position.seq);
            }
        }
    }
}

/// What a therapist writes shows up while the client looks at the plan.
#[tokio::test]
async fn an_entry_appended_after_catch_up_comes_by_itself() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut one, mut two) = (Space::found(1), Space::found(2));
    client.taken(&one.create()).await;
    client.taken(&two.create()).await;
    let (change, key) = one.add(0, 1, Rights::WRITE);
    let second = {
        client.change(&one, &change).await;
        one.accept(0, &change, key)
    };
    let mut live = Live::open(&relay, &[&two, &one], 0).await;
    assert_eq!((live.page().await, live.page().await), ((0, 1), (1, 2)));
    for seq in 3..20 {
        let batch = one.batch(second);
        client.taken(&one.request(vec![batch.clone()], &[])).await;
        let Some(Frame::Entry {
            space,
            seq: at,
            entry,
        }) = live.next().await
        else {
            panic!("no entry came");
        };
        assert_eq!((space, at, entry.0), (1, seq, batch));
        assert_eq!(live.page().await, (1, seq));
    }
    let batch = two.batch(0);
    client.taken(&two.request(vec![batch], &[])).await;
    assert!(matches!(
        live.next().await,
        Some(Frame::Own {
            space: 0,
            seq: 2,
            ..
        })
    ));
}

/// A proxy would use a connection again on which nobody reads a request any more, and one that speaks
/// HTTP/1.0, which has no chunks, would take what stands between them for frames.
#[tokio::test]
async fn the_head_of_a_live_answer_says_how_it_goes_on() {
    let (relay, _directory) = TestRelay::start().await;
    let space = Space::found(1);
    relay.client().await.taken(&space.create()).await;
    for (version, is_chunked) in [("1.1", true), ("1.0", false)] {
        let mut client = relay.client().await;
        let request = PullRequest {
            spaces: vec![client.ask(&space, 0, start(&space.id)).await],
            live: Some(1),
        };
        let body = codec::encode(&request);
        let length = body.len();
        let head = format!(
            "POST {PULL_PATH} HTTP/{version}\r\nhost: relay\r\ncontent-length: {length}\r\n\r\n"
        );
        client.raw(&[head.as_bytes(), &body].concat()).await;
        let (status, head) = client.head().await;
        assert_eq!(status, 200);
        assert_eq!(head.contains("transfer-encoding: chunked"), is_chunked);
        let came = if is_chunked {
            assert!(head.contains("connection: close"), "{head}");
            client.chunk().await.unwrap()
        } else {
            client.bytes().await
        };
        let mut reader = SequenceReader::new(limits::FRAME);
        reader.push(&came);
        assert!(matches!(
            reader.next_item().unwrap(),
            Some(Frame::Hello { .. })
        ));
    }
}

/// Between the last page of the catch-up and the first hint nothing may fall through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_while_a_reader_catches_up() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    for round in 0..20 {
        let entries: Vec<_> = (0..10).map(|_| space.batch(0)).collect();
        let requests: Vec<_> = entries
            .into_iter()
            .map(|entry| space.request(vec![entry], &[]))
            .collect();
        let mut writer = relay.client().await;
        let writing = tokio::spawn(async move {
            for request in requests {
                writer.taken(&request).await;
            }
        });
        let mut live = Live::open(&relay, &[&space], 0).await;
        let last = 1 + (round + 1) * 10;
        let mut seen = 0;
        while seen < last {
            match live.next().await {
                Some(Frame::Entry { seq, .. } | Frame::Own { seq, .. }) => {
                    assert_eq!(seq, seen + 1);
                    seen = seq;
                }
                Some(Frame::Heartbeat { .. }) => panic!("{seen} of {last}, then a heartbeat"),
                Some(_) => {}
                None => panic!("the answer ended"),
            }
        }
        writing.await.unwrap();
    }
}

/// A phone in a tunnel must not fill the relay's memory, and misses nothing.
#[tokio::test]
async fn a_slow_reader_lags_and_gets_everything_in_the_end() {
    // 64 MiB that nobody takes.
    const ENTRIES: u64 = 256;
    let directory = tempfile::tempdir().unwrap();
    let relay = Program::start(directory.path());
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    let mut live = Live::over(relay.client().await, &[&space], 0).await;
    assert_eq!(live.page().await, (0, 2));
    let before = relay.resident();
    for _ in 0..ENTRIES {
        let large = space.batch_of(second, limits::BATCH);
        client.taken(&space.request(vec![large], &[])).await;
    }
    let grown = relay.resident().saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes more in memory");
    let mut seen = 2;
    while seen < ENTRIES + 2 {
        if let Some(Frame::Entry { seq, .. }) = live.next().await {
            assert_eq!(seq, seen + 1);
            seen = seq;
        }
    }
}

/// A device that is told nothing for a while has to know that it still would be.
#[tokio::test]
async fn heartbeats_bring_nonces_that_are_good() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let space = Space::found(1);
    client.taken(&space.create()).await;
    let mut live = Live::open(&relay, &[&space], 0).await;
    live.page().await;
    // One second was asked for; five is the shortest that is given.
    let Some(Frame::Heartbeat { nonce }) = live.next().await else {
        panic!("no heartbeat came");
    };
    let proof = space.proof(0, &relay.key, &nonce);
    let status = StatusRequest { proof };
    let answer = client.post(STATUS_PATH, &status).await;
    assert_eq!(answer.status, 200);
}

/// A relay that stops ends its answers properly, so that devices come again at once.
#[tokio::test]
async fn a_stop_ends_live_answers() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let space = Space::found(1);
    client.taken(&space.create()).await;
    let mut live = Live::open(&relay, &[&space], 0).await;
    live.page().await;
    let stopping = timeout(Duration::from_secs(9), relay.stop());
    let (stopped, end) = tokio::join!(stopping, live.next());
    assert!(stopped.is_ok());
    assert_eq!(end, None);
}

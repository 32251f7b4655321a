//! A relay to test, and a small HTTP client that shows every byte.

use std::path::Path;
use std::time::Duration;

use minicbor::{Decode, Encode};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waymark_server::{Config, Relay};
use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes, SequenceReader};
use waymark_wire::limits;
use waymark_wire::message::{
    APPEND_PATH, AppendAnswer, AppendRequest, Frame, PULL_PATH, PullRequest, PullSpace,
    RefusalAnswer, RefusalCode, STATUS_PATH, StatusRequest,
};
use waymark_wire::proof::ReadProof;
use waymark_wire::signature::VerifyingKey;

use crate::testing::{Change, Space, start};

/// A relay in this process, on a free port.
pub(crate) struct TestRelay {
    pub(crate) address: String,
    pub(crate) key: VerifyingKey,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl TestRelay {
    /// A relay over a fresh directory.
    pub(crate) async fn start() -> (Self, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Self::open(directory.path()).await, directory)
    }

    /// A relay over this directory.
    pub(crate) async fn open(data: &Path) -> Self {
        Self::with(Config::new(data)).await
    }

    /// A relay with these settings.
    pub(crate) async fn with(config: Config) -> Self {
        let relay = Relay::open(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let key = relay.key();
        let task = tokio::spawn(relay.serve(listener, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            key,
            stop: Some(stop),
            task,
        }
    }

    /// Stops it, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.take();
        self.task.await.unwrap().unwrap();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address, self.key).await
    }
}

/// What a connection is made of.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    pub(crate) relay: VerifyingKey,
}

/// An answer that has come in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read<T: for<'b> Decode<'b, ()>>(&self) -> T {
        codec::decode(&self.body, usize::MAX).unwrap()
    }

    /// The refusal that this is, with the status that belongs to it.
    pub(crate) fn refusal(&self) -> RefusalAnswer {
        let refusal: RefusalAnswer = self.read();
        assert_eq!(self.status, refusal.code.status());
        assert_eq!(refusal.nonce.0.len(), 24);
        refusal
    }
}

impl Client {
    pub(crate) async fn connect(address: &str, relay: VerifyingKey) -> Self {
        Self {
            stream: Box::new(TcpStream::connect(address).await.unwrap()),
            buffer: Vec::new(),
            relay,
        }
    }

    /// Over a connection that stands.
    pub(crate) fn over(stream: impl Stream + 'static, relay: VerifyingKey) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
            relay,
        }
    }

    /// Connects, where somebody listens.
    pub(crate) async fn try_connect(address: &str, relay: VerifyingKey) -> Option<Self> {
        Some(Self {
            stream: Box::new(TcpStream::connect(address).await.ok()?),
            buffer: Vec::new(),
            relay,
        })
    }

    /// Posts a body and takes the answer.
    pub(crate) async fn post<T: Encode<()>>(&mut self, path: &str, body: &T) -> Answer {
        self.post_bytes(path, &codec::encode(body)).await
    }

    pub(crate) async fn post_bytes(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send(path, body).await;
        let (status, head) = self.head().await;
        let mut whole = Vec::new();
        if let Some(length) = header(&head, "content-length") {
            whole = self.take(length.parse().unwrap()).await;
        } else {
            while let Some(chunk) = self.chunk().await {
                whole.extend(chunk);
            }
        }
        Answer {
            status,
            head,
            body: whole,
        }
    }

    /// Posts a body, and leaves the answer.
    pub(crate) async fn send(&mut self, path: &str, body: &[u8]) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        self.stream.write_all(&request).await.unwrap();
    }

    /// Sends bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The status and head of an answer.
    pub(crate) async fn head(&mut self) -> (u16, String) {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                let head = String::from_utf8(head).unwrap();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, head.to_lowercase());
            }
            assert!(self.more().await, "the relay hung up");
        }
    }

    /// The next chunk of an answer without length; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            match find(&self.buffer, b"\r\n") {
                Some(end) => break end,
                None => assert!(self.more().await, "the answer was cut"),
            }
        };
        let size = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        let size = usize::from_str_radix(&size, 16).unwrap();
        self.take(end + 2).await;
        let chunk = self.take(size).await;
        self.take(2).await;
        (size > 0).then_some(chunk)
    }

    /// Appends, or gives up where the relay has gone.
    pub(crate) async fn try_post(&mut self, request: &AppendRequest) -> Option<Answer> {
        let body = codec::encode(request);
        let head = format!(
            "POST {APPEND_PATH} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        self.stream.write_all(&request).await.ok()?;
        while find(&self.buffer, b"\r\n\r\n").is_none() {
            if !self.more().await {
                return None;
            }
        }
        let (status, head) = self.head().await;
        let length: usize = header(&head, "content-length")?.parse().unwrap();
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let body = self.buffer.drain(..length).collect();
        Some(Answer { status, head, body })
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.more().await, "the answer was cut");
        }
        self.buffer.drain(..length).collect()
    }

    /// What has come, or comes next.
    pub(crate) async fn bytes(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            assert!(self.more().await, "the relay hung up");
        }
        std::mem::take(&mut self.buffer)
    }

    /// Takes what came; `false` where the relay has hung up.
    pub(crate) async fn more(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let read = self.stream.read(&mut piece);
        let read = tokio::time::timeout(Duration::from_secs(30), read);
        let count = read.await.expect("the relay answers").unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..count]);
        count > 0
    }

    /// A nonce.
    pub(crate) async fn nonce(&mut self) -> Bytes {
        let answer = self.post(PULL_PATH, &PullRequest::default()).await;
        match &frames(&answer)[..] {
            [Frame::Hello { relay, nonce }] => {
                assert_eq!(*relay, self.relay);
                nonce.clone()
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn append(&mut self, request: &AppendRequest) -> Answer {
        self.post(APPEND_PATH, request).await
    }

    /// Appends what has to be taken.
    pub(crate) async fn taken(&mut self, request: &AppendRequest) -> AppendAnswer {
        let answer = self.append(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let taken: AppendAnswer = answer.read();
        assert!(taken.receipt.is_signed_by(&self.relay, &request.space));
        taken
    }

    /// Appends what has to be refused.
    pub(crate) async fn refused(&mut self, request: &AppendRequest) -> RefusalAnswer {
        self.append(request).await.refusal()
    }

    /// Appends a membership entry that has to be taken.
    pub(crate) async fn change(&mut self, space: &Space, change: &Change) -> AppendAnswer {
        let request = space.request(vec![change.entry.clone()], &change.attachments);
        self.taken(&request).await
    }

    /// Asks to read, as one of a space's devices.
    pub(crate) async fn ask(&mut self, space: &Space, by: usize, after: Position) -> PullSpace {
        let nonce = self.nonce().await;
        PullSpace {
            proof: space.proof(by, &self.relay, &nonce),
            after,
            earlier: Vec::new(),
            whole: false,
            from_checkpoint: false,
            ids: Vec::new(),
        }
    }

    /// Reads a whole space, as one of its devices.
    pub(crate) async fn read(&mut self, space: &Space, by: usize) -> Vec<Frame> {
        let spaces = vec![self.ask(space, by, start(&space.id)).await];
        let request = PullRequest { spaces, live: None };
        let answer = self.post(PULL_PATH, &request).await;
        assert_eq!(answer.status, 200);
        frames(&answer).split_off(1)
    }

    pub(crate) async fn status(&mut self, space: &Space, by: usize) -> Answer {
        let nonce = self.nonce().await;
        let proof = space.proof(by, &self.relay, &nonce);
        self.post(STATUS_PATH, &StatusRequest { proof }).await
    }
}

/// The items of an answer, the first being the greeting.
pub(crate) fn frames(answer: &Answer) -> Vec<Frame> {
    let mut reader = SequenceReader::new(limits::FRAME);
    reader.push(&answer.body);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_item().unwrap() {
        frames.push(frame);
    }
    assert!(reader.is_empty());
    assert!(matches!(frames.first(), Some(Frame::Hello { .. })));
    frames
}

/// The value of a header.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The code of a refused space.
pub(crate) fn refused_code(frames: &[Frame]) -> RefusalCode {
    match frames {
        [Frame::Refused { code, .. }] => *code,
        other => panic!("{other:?}"),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// What the relay is asked about a test's space.
impl Space {
    /// What a device sends to read.
    pub(crate) fn proof(&self, by: usize, relay: &VerifyingKey, nonce: &Bytes) -> ReadProof {
        let device = &self.devices[by];
        ReadProof::new(relay, nonce.clone(), self.id, device.number, |text| {
            device.key.sign(text)
        })
    }

    /// The request that creates the space.
    pub(crate) fn create(&self) -> AppendRequest {
        self.request(
            vec![self.founding.entry.clone()],
            &self.founding.attachments,
        )
    }

    /// A request to append.
    pub(crate) fn request(&self, entries: Vec<Vec<u8>>, attachments: &[Vec<u8>]) -> AppendRequest {
        AppendRequest {
            space: self.id,
            entries: entries.into_iter().map(Bytes).collect(),
            attachments: attachments.iter().cloned().map(Bytes).collect(),
            admission: None,
            heals: false,
        }
    }
}

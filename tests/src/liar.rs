//! A relay that lies: it stands before an honest one, holds its key, and shows devices what the test
//! tells it to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use waymark_server::inspect;
use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes, SequenceReader};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, Generation, SpaceId};
use waymark_wire::limits;
use waymark_wire::message::{Frame, PULL_PATH, PullRequest, PullSpace};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

use crate::TestRelay;
use crate::http::{post, read_request};
use crate::keys::attachments;

/// What a device asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The route.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What it is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and a body.
    Whole(u16, Vec<u8>),
    /// A body without end: its beginning, and what follows again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing; the connection ends.
    Nothing,
}

type Script = dyn Fn(&Asked, Reply) -> Reply + Send + Sync;
type Log = dyn Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send + Sync;

/// A relay between devices and an honest one. Without a script it passes everything on.
#[derive(Debug)]
pub struct Liar {
    address: SocketAddr,
    honest: String,
    directory: PathBuf,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Option<Arc<Script>>>,
    /// What is posted here goes no further.
    kept: Mutex<Option<&'static str>>,
    sent: Mutex<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Liar {
    /// Stands before `relay`.
    pub async fn before(relay: &TestRelay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let honest = relay.url().trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared::default());
        let serving = tokio::spawn(serve(listener, honest.clone(), Arc::clone(&shared)));
        Self {
            address,
            honest,
            directory: relay.directory().to_owned(),
            shared,
            serving,
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every answer is what `script` makes of the honest one.
    pub fn lie(&self, script: impl Fn(&Asked, Reply) -> Reply + Send + Sync + 'static) {
        *self.shared.kept() = None;
        *self.shared.script() = Some(Arc::new(script));
    }

    /// From now on whatever is posted to `path` is answered so, and goes no further.
    pub fn answer(&self, path: &'static str, reply: Reply) {
        self.lie(move |asked, honest| {
            if asked.path == path {
                reply.clone()
            } else {
                honest
            }
        });
        *self.shared.kept() = Some(path);
    }

    /// From now on it passes everything on as it is.
    pub fn be_honest(&self) {
        *self.shared.script() = None;
        *self.shared.kept() = None;
    }

    /// From now on the log of `space` is what `tell` makes of the true one (all its entries, first
    /// to last), with chains and receipts that fit.
    pub fn show(
        &self,
        space: SpaceId,
        tell: impl Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        let story = Story {
            directory: self.directory.clone(),
            key: self.key(),
            space,
            tell: Box::new(tell),
        };
        self.lie(move |asked, reply| match reply {
            Reply::Whole(200, body) if asked.path == PULL_PATH => {
                Reply::Whole(200, story.answer(&asked.body, &body))
            }
            other => other,
        });
    }

    /// From now on the frames of every answer to a pull are what `change` makes of them.
    pub fn reframe(&self, change: impl Fn(Frame) -> Frame + Send + Sync + 'static) {
        self.lie(move |asked, reply| match reply {
            Reply::Whole(200, body) if asked.path == PULL_PATH => {
                let frames = read_frames(&body).into_iter().map(&change);
                Reply::Whole(
                    200,
                    frames.flat_map(|frame| codec::encode(&frame)).collect(),
                )
            }
            other => other,
        });
    }

    /// The relay's own key, which it lies with.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        let seed = std::fs::read(self.directory.join("relay.key")).expect("the relay's key");
        SigningKey::from_seed(&seed.try_into().expect("32 bytes")).expect("a key")
    }

    /// The honest relay's address, as `host:port`.
    #[must_use]
    pub fn honest(&self) -> &str {
        &self.honest
    }

    /// Bytes of endless answers that devices have taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        *self
            .shared
            .sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn kept(&self) -> std::sync::MutexGuard<'_, Option<&'static str>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Option<Arc<Script>>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, honest: String, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (honest, shared) = (honest.clone(), Arc::clone(&shared));
        // A device that gives up is no fault of the test's.
        tokio::spawn(async move {
            let _ = answer(stream, &honest, &shared).await;
        });
    }
}

async fn answer(mut stream: TcpStream, honest: &str, shared: &Shared) -> std::io::Result<()> {
    let Some((path, body)) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let kept = *shared.kept();
    let reply = if kept == Some(path.as_str()) {
        Reply::Nothing
    } else {
        match post(honest, &path, &body).await {
            Ok((status, body)) => Reply::Whole(status, body),
            Err(_) => Reply::Nothing,
        }
    };
    let script = shared.script().clone();
    let reply = match script {
        Some(script) => script(&Asked { path, body }, reply),
        None => reply,
    };
    match reply {
        Reply::Nothing => {}
        Reply::Whole(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Reply::Endless(first, again) => {
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            stream.write_all(head).await?;
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
                let mut sent = shared.sent.lock().unwrap_or_else(PoisonError::into_inner);
                *sent += again.len() as u64;
            }
        }
    }
    stream.shutdown().await
}

/// The frames of a pull's answer.
#[must_use]
pub fn read_frames(body: &[u8]) -> Vec<Frame> {
    let mut reader = SequenceReader::new(limits::FRAME);
    reader.push(body);
    std::iter::from_fn(|| reader.next_item().expect("frames")).collect()
}

/// A log as it is told to those who ask.
struct Story {
    directory: PathBuf,
    key: SigningKey,
    space: SpaceId,
    tell: Box<Log>,
}

impl Story {
    fn answer(&self, request: &[u8], body: &[u8]) -> Vec<u8> {
        let request: PullRequest = codec::decode(request, limits::PULL_BODY).expect("a request");
        let asked = (0..).zip(&request.spaces);
        let Some((number, asked)) = asked.into_iter().find(|(_, s)| s.proof.space == self.space)
        else {
            return body.to_vec();
        };
        let mut frames = Vec::new();
        let mut generation = Generation([0; 16]);
        for frame in read_frames(body) {
            let of = match &frame {
                Frame::Attachment { space, .. }
                | Frame::Entry { space, .. }
                | Frame::Own { space, .. }
                | Frame::Page { space, .. }
                | Frame::Checkpoint { space, .. }
                | Frame::Refused { space, .. } => Some(*space),
                Frame::Hello { .. } | Frame::Heartbeat { .. } => None,
            };
            if let Frame::Page { receipt, .. } = &frame {
                generation = receipt.generation;
            }
            if of != Some(number) {
                frames.push(frame);
            }
        }
        frames.extend(self.log(number, asked, generation));
        frames.iter().flat_map(codec::encode).collect()
    }

    fn log(&self, space: u16, asked: &PullSpace, generation: Generation) -> Vec<Frame> {
        let stored = inspect::entries(&self.directory).expect("the relay's database");
        let own = stored.into_iter().filter(|entry| entry.space == self.space);
        let log = (self.tell)(own.map(|entry| entry.bytes).collect());
        let attachments = attachments(&self.directory);
        let mut frames = Vec::new();
        let mut cursor = Cursor::start(&self.space);
        for bytes in log {
            let id = id_of(&self.space, cursor.seq == 0, &bytes);
            cursor = cursor.after(&id);
            if cursor.seq <= asked.after.seq {
                continue;
            }
            let parsed = Entry::parse(bytes.clone()).ok();
            let kind = parsed.as_ref().map(|entry| entry.header().kind);
            if kind == Some(Kind::Membership) {
                frames.extend(attachments.iter().map(|bytes| Frame::Attachment {
                    space,
                    bytes: Bytes(bytes.clone()),
                }));
            }
            let device = parsed.map(|entry| entry.header().device);
            let seq = cursor.seq;
            if kind == Some(Kind::Batch) && device == Some(asked.proof.device) && !asked.whole {
                let length = 0;
                frames.push(Frame::Own {
                    space,
                    seq,
                    id,
                    length,
                });
            } else {
                let entry = Bytes(bytes);
                frames.push(Frame::Entry { space, seq, entry });
            }
        }
        let sign = |text: &[u8]| self.key.sign(text);
        frames.push(Frame::Page {
            space,
            receipt: Receipt::new(&self.space, generation, cursor.position(), sign),
            head: cursor.seq,
        });
        frames
    }
}

fn id_of(space: &SpaceId, first: bool, bytes: &[u8]) -> EntryId {
    let under = if first { SpaceId::ZERO } else { *space };
    let entry = Entry::parse(bytes.to_vec());
    entry.map_or(EntryId([0; 32]), |entry| entry.id(&under))
}

//! How a relay is spoken to, or the bare stream that it is measured against: the same pushers and
//! readers drive both.

use std::io;
use std::net::SocketAddr;

use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes, SequenceReader};
use waymark_wire::limits;
use waymark_wire::message::{
    APPEND_PATH, AppendRequest, Frame, PULL_PATH, PullRequest, PullSpace, RefusalCode,
};
use waymark_wire::proof::ReadProof;
use waymark_wire::signature::VerifyingKey;

use super::connection::Connection;
use crate::testing::Space;

/// Seconds between heartbeats, the most that a reader may ask for.
const HEARTBEAT: u16 = 300;

/// What is under load.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// A relay with this key.
    Relay(VerifyingKey),
    /// What streams the same bytes and keeps nothing.
    Stream,
}

/// Whether an address (`host:port`) is of this machine alone.
#[must_use]
pub fn is_loopback(address: &str) -> bool {
    let address = address.parse::<SocketAddr>();
    address.is_ok_and(|address| address.ip().is_loopback())
}

impl Service {
    /// Where the entries of the space `number` go.
    pub(super) fn append_path(self, number: usize) -> String {
        match self {
            Self::Relay(_) => APPEND_PATH.into(),
            Self::Stream => format!("/append/{number}"),
        }
    }

    /// The place of the first entry that a pusher appends.
    pub(super) const fn first_seq(self) -> u64 {
        match self {
            Self::Relay(_) => 2,
            Self::Stream => 1,
        }
    }

    /// The body that appends an entry.
    pub(super) fn append_body(space: &Space, entry: Vec<u8>) -> Vec<u8> {
        codec::encode(&AppendRequest {
            space: space.id,
            entries: vec![Bytes(entry)],
            attachments: Vec::new(),
            admission: None,
            heals: false,
        })
    }

    /// Makes a space on the relay; a stream needs none.
    pub(super) async fn found(self, connection: &mut Connection, space: &Space) -> io::Result<()> {
        if let Self::Stream = self {
            return Ok(());
        }
        let body = codec::encode(&AppendRequest {
            space: space.id,
            entries: vec![Bytes(space.founding.entry.clone())],
            attachments: space
                .founding
                .attachments
                .iter()
                .cloned()
                .map(Bytes)
                .collect(),
            admission: None,
            heals: false,
        });
        let (status, _) = connection.post(APPEND_PATH, &body).await?;
        match status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("a space is answered {status}"))),
        }
    }

    /// What a proof has to name for the next ten minutes.
    pub(super) async fn nonce(self, connection: &mut Connection) -> io::Result<Bytes> {
        if let Self::Stream = self {
            return Ok(Bytes(Vec::new()));
        }
        let body = codec::encode(&PullRequest::default());
        let (_, answer) = connection.post(PULL_PATH, &body).await?;
        match codec::decode(&answer, limits::FRAME) {
            Ok(Frame::Hello { nonce, .. }) => Ok(nonce),
            _ => Err(io::Error::other("a pull is answered without a greeting")),
        }
    }

    /// Opens a live answer for the first device of a space.
    pub(super) async fn follow(
        self,
        mut connection: Connection,
        (space, number): (&Space, usize),
        nonce: &Bytes,
        after: Position,
    ) -> io::Result<Following> {
        let (path, body) = match self {
            Self::Stream => (format!("/pull/{number}"), Vec::new()),
            Self::Relay(key) => {
                let asked = PullSpace {
                    proof: prove(space, &key, nonce),
                    after,
                    earlier: Vec::new(),
                    whole: true,
                    from_checkpoint: false,
                    ids: Vec::new(),
                };
                let request = PullRequest {
                    spaces: vec![asked],
                    live: Some(HEARTBEAT),
                };
                (PULL_PATH.into(), codec::encode(&request))
            }
        };
        match connection.stream(&path, &body).await? {
            200 => {}
            status => return Err(io::Error::other(format!("a pull is answered {status}"))),
        }
        let frames = match self {
            Self::Relay(_) => Some(SequenceReader::new(limits::FRAME)),
            Self::Stream => None,
        };
        Ok(Following {
            connection,
            frames,
            heard: 0,
        })
    }
}

/// What shows that the first device of a space may read.
pub(super) fn prove(space: &Space, key: &VerifyingKey, nonce: &Bytes) -> ReadProof {
    let device = &space.devices[0];
    let sign = |text: &[u8]| device.key.sign(text);
    ReadProof::new(key, nonce.clone(), space.id, device.number, sign)
}

/// A live answer.
#[derive(Debug)]
pub(super) struct Following {
    connection: Connection,
    /// `None` of a bare stream, where each chunk is an entry.
    frames: Option<SequenceReader>,
    heard: u64,
}

impl Following {
    /// The place at the end of the next page: `None` where the answer ended.
    pub(super) async fn position(&mut self) -> io::Result<Option<Position>> {
        loop {
            let Some(chunk) = self.connection.chunk().await? else {
                return Ok(None);
            };
            let Some(frames) = &mut self.frames else {
                continue;
            };
            frames.push(&chunk);
            let mut end = None;
            while let Some(frame) = frames.next_item::<Frame>().map_err(io::Error::other)? {
                match frame {
                    Frame::Page { receipt, .. } => end = Some(receipt.position),
                    Frame::Refused { code, .. } => return Err(refused(code)),
                    _ => {}
                }
            }
            if end.is_some() {
                return Ok(end);
            }
        }
    }

    /// The place up to which entries have come, after more have: `None` where the answer ended.
    pub(super) async fn next(&mut self) -> io::Result<Option<u64>> {
        let before = self.heard;
        while self.heard == before {
            let Some(chunk) = self.connection.chunk().await? else {
                return Ok(None);
            };
            let Some(frames) = &mut self.frames else {
                self.heard += 1;
                continue;
            };
            frames.push(&chunk);
            while let Some(frame) = frames.next_item::<Frame>().map_err(io::Error::other)? {
                match frame {
                    Frame::Entry { seq, .. } => self.heard = seq,
                    Frame::Refused { code, .. } => return Err(refused(code)),
                    _ => {}
                }
            }
        }
        Ok(Some(self.heard))
    }
}

fn refused(code: RefusalCode) -> io::Error {
    io::Error::other(format!("a reader is refused: {}", code.name()))
}

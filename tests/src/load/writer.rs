//! A device of a soak: it appends until it is told that an entry is there, byte for byte the same
//! however often the network breaks, and has the past dropped from time to time.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Kind, TAG};
use waymark_wire::limits;
use waymark_wire::membership::Op;
use waymark_wire::message::{
    APPEND_PATH, AppendAnswer, AppendRequest, STATUS_PATH, StatusAnswer, StatusRequest,
};
use waymark_wire::signature::VerifyingKey;

use super::connection::Connection;
use super::service::{Service, prove};
use super::soak::Tally;
use crate::testing::Space;

/// Batches between two times that the past is dropped.
const BATCHES: usize = 40;
/// Batches that are sent over one connection.
const STAY: usize = 8;
/// How long an answer may take before the same is sent again.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before the next try.
const AGAIN: Duration = Duration::from_millis(50);
/// Tries for one entry, at most.
const TRIES: usize = 400;

/// A device that appends to a space of its own.
pub(super) struct Writer {
    seed: u64,
    space: Space,
    service: Service,
    address: String,
    connection: Option<Connection>,
    cursor: Cursor,
    /// From where a reader can go on whatever was dropped.
    kept_from: Arc<Mutex<Position>>,
}

/// What follows the space of a writer.
pub(super) struct Reader {
    space: Space,
    service: Service,
    address: String,
    kept_from: Arc<Mutex<Position>>,
}

impl Writer {
    pub(super) fn new(number: usize, service: Service, address: String) -> Self {
        let seed = u64::try_from(number).unwrap_or(u64::MAX);
        let space = Space::found(seed);
        let cursor = Cursor::start(&space.id);
        Self {
            seed,
            kept_from: Arc::new(Mutex::new(cursor.position())),
            space,
            service,
            address,
            connection: None,
            cursor,
        }
    }

    /// What follows this space.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            // The same seed, so the same space and key.
            space: Space::found(self.seed),
            service: self.service,
            address: self.address.clone(),
            kept_from: Arc::clone(&self.kept_from),
        }
    }

    /// The end of the log, from what was acknowledged.
    pub(super) const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Appends with pauses until the run is over.
    pub(super) async fn write(mut self, pause: Duration, tally: Arc<Tally>) -> io::Result<Self> {
        let founding = self.space.founding.clone();
        self.append(founding.entry, founding.attachments, &tally)
            .await?;
        while !tally.is_over() {
            for number in 0..BATCHES {
                if number % STAY == 0 {
                    // As a phone does that is put away.
                    self.connection = None;
                }
                let batch = self.space.batch(0);
                self.append(batch, Vec::new(), &tally).await?;
                if tally.is_over() {
                    break;
                }
                sleep(pause).await;
            }
            self.forget(&tally).await?;
        }
        self.connection = None;
        Ok(self)
    }

    /// Has everything before dropped: something is forgotten, and a checkpoint holds the rest.
    async fn forget(&mut self, tally: &Tally) -> io::Result<()> {
        let change = self
            .space
            .act(0, vec![Op::Forget, Op::Rotate(None)], vec![]);
        self.append(change.entry.clone(), change.attachments.clone(), tally)
            .await?;
        self.space.take(0, &change);
        let cut = self.cursor;
        let public = Checkpoint {
            seq: cut.seq,
            chain: cut.chain,
            height: self.space.membership.height(),
            counters: vec![self.space.devices[0].counter],
            snapshots: Vec::new(),
            kept: Vec::new(),
        };
        let body = CheckpointBody::assemble(&public, &[7; 256 + TAG]).map_err(io::Error::other)?;
        let checkpoint = self.space.with_body(0, Kind::Checkpoint, &body);
        *self
            .kept_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = cut.position();
        self.append(checkpoint, Vec::new(), tally).await?;
        tally.dropped.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Sends an entry until it is acknowledged at its place.
    async fn append(
        &mut self,
        entry: Vec<u8>,
        attachments: Vec<Vec<u8>>,
        tally: &Tally,
    ) -> io::Result<()> {
        let at = self.cursor.after(&self.space.id_of(&entry));
        let body = codec::encode(&AppendRequest {
            space: self.space.id,
            entries: vec![Bytes(entry)],
            attachments: attachments.into_iter().map(Bytes).collect(),
            admission: None,
            heals: false,
        });
        for _ in 0..TRIES {
            let answer = timeout(PATIENCE, self.post(&body)).await;
            let (status, answer) = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => {
                    self.connection = None;
                    sleep(AGAIN).await;
                    continue;
                }
            };
            match status {
                200 => {}
                503 | 429 => {
                    sleep(AGAIN * 10).await;
                    continue;
                }
                status => return Err(io::Error::other(format!("an append is answered {status}"))),
            }
            let answer: AppendAnswer =
                codec::decode(&answer, limits::FRAME).map_err(io::Error::other)?;
            let (Service::Relay(key), [seq]) = (self.service, &answer.seqs[..]) else {
                return Err(io::Error::other("one entry has one place"));
            };
            if *seq != at.seq || !answer.receipt.is_signed_by(&key, &self.space.id) {
                return Err(io::Error::other(
                    "an entry is acknowledged at another place",
                ));
            }
            self.cursor = at;
            tally.acknowledged.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(io::Error::other("an entry was never acknowledged"))
    }

    async fn post(&mut self, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(&self.address).await?),
        };
        connection.post(APPEND_PATH, body).await
    }

    /// The end of the log, from what a relay with this key says on `connection`.
    pub(super) async fn end_at(
        &self,
        connection: &mut Connection,
        key: VerifyingKey,
    ) -> io::Result<Position> {
        let nonce = self.service.nonce(connection).await?;
        let proof = prove(&self.space, &key, &nonce);
        let body = codec::encode(&StatusRequest { proof });
        let (_, answer) = connection.post(STATUS_PATH, &body).await?;
        let status: StatusAnswer =
            codec::decode(&answer, limits::FRAME).map_err(io::Error::other)?;
        Ok(status.receipt.position)
    }
}

impl Reader {
    /// Follows, and comes back wherever it was cut off.
    pub(super) async fn follow(self, tally: Arc<Tally>) {
        let mut at = None;
        while !tally.is_over() {
            // How it ended does not matter: it is tried again.
            let _ = self.follow_once(&mut at, &tally).await;
            sleep(AGAIN).await;
        }
    }

    async fn follow_once(&self, at: &mut Option<Position>, tally: &Tally) -> io::Result<()> {
        let open = async {
            let mut connection = Connection::open(&self.address).await?;
            let nonce = self.service.nonce(&mut connection).await?;
            let kept = *self
                .kept_from
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let from = at.filter(|at| at.seq >= kept.seq).unwrap_or(kept);
            self.service
                .follow(connection, (&self.space, 0), &nonce, from)
                .await
        };
        let mut following = timeout(PATIENCE, open).await??;
        while let Some(position) = following.position().await? {
            let before = at.map_or(0, |at| at.seq);
            tally
                .heard
                .fetch_add(position.seq.saturating_sub(before), Ordering::Relaxed);
            *at = Some(position);
        }
        Ok(())
    }
}

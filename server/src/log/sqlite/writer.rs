//! The one thread that writes. It takes all that queued while it was waiting for the disk, puts it
//! into one transaction, and answers after COMMIT. A bad append spoils no other, because every
//! check comes before the first write of an entry. What goes into mailboxes takes its turn with
//! the appends: a database has one writer.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use waymark_wire::ids::SpaceId;

use super::rows::{self, Fault};
use super::turn::{Changes, Space, append};
use super::{Memberships, SchemaError, dropping, mail, schema};
use crate::cache::Cache;
use crate::log::{AppendOutcome, LogError, Prepared};
use crate::mailbox::{Put, PutOutcome};

/// Tasks in one transaction, at most.
const GROUP: usize = 256;
/// Bytes of everything that waits, at most.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Spaces whose state is kept in memory (up to twice as many).
const SPACES: usize = 4_096;
/// Pages in the journal from which on they are moved to the file.
const JOURNAL: u32 = 512;

/// The writing thread, as seen by the others.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: Arc<AtomicUsize>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Debug)]
struct Job {
    task: Task,
    bytes: usize,
}

/// What is to be done, and who waits for it. A sender that is dropped says that it was not done.
#[derive(Debug)]
enum Task {
    Append(Prepared, oneshot::Sender<AppendOutcome>),
    Drop(i64, oneshot::Sender<bool>),
    Put(Put, i64, oneshot::Sender<PutOutcome>),
    Sweep(i64, oneshot::Sender<bool>),
}

/// Tells who waits what was done, once it is durable.
type Answer = Box<dyn FnOnce()>;

impl Writer {
    /// Starts the thread; at most `queue` tasks wait for it.
    pub(super) fn start(
        mut db: Connection,
        memberships: Arc<Memberships>,
        queue: usize,
    ) -> Result<Self, SchemaError> {
        schema::grow_journal(&db, JOURNAL)?;
        let journal = Arc::new(AtomicU32::new(0));
        let pages = journal.clone();
        db.wal_hook(Some(move |_: &mut Wal, now| {
            pages.store(u32::try_from(now).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let waiting = Arc::new(AtomicUsize::new(0));
        let work = Work {
            db,
            spaces: Cache::new(SPACES),
            memberships,
            journal,
        };
        let taken = waiting.clone();
        let thread = thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || work.run(receiver, &taken))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            waiting,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Appends, and comes back when the outcome is durable.
    pub(super) async fn append(&self, prepared: Prepared) -> Result<AppendOutcome, LogError> {
        let entries = prepared.candidates.iter().map(|c| c.entry.bytes().len());
        let attachments = prepared.attachments.iter().map(|a| a.bytes.len());
        let bytes = entries.chain(attachments).sum();
        self.submit(bytes, |reply| Task::Append(prepared, reply))
            .await
    }

    /// Puts something into a mailbox, and comes back when that is durable.
    pub(super) async fn put(&self, put: Put, now: i64) -> Result<PutOutcome, LogError> {
        let bytes = put.slot.bytes.0.len();
        self.submit(bytes, |reply| Task::Put(put, now, reply)).await
    }

    /// Drops some of what checkpoints let go.
    pub(super) async fn drop_due(&self, now: i64) -> Result<bool, LogError> {
        self.submit(0, |reply| Task::Drop(now, reply)).await
    }

    /// Removes some mailboxes that have ended.
    pub(super) async fn sweep(&self, now: i64) -> Result<bool, LogError> {
        self.submit(0, |reply| Task::Sweep(now, reply)).await
    }

    async fn submit<T>(
        &self,
        bytes: usize,
        task: impl FnOnce(oneshot::Sender<T>) -> Task,
    ) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        let task = task(reply);
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting > WAITING_BYTES || !self.send(Job { task, bytes }) {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(LogError::Busy);
        }
        answer
            .await
            .map_err(|_| LogError::Engine("it was not written".into()))
    }

    fn send(&self, job: Job) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(job).is_ok())
    }

    /// Whether anything is taken.
    pub(super) fn is_running(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Writes what waits, and ends the thread.
    pub(super) async fn close(&self) {
        self.stop();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // It has nothing to tell; a panic there is a bug that its own message names.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn stop(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the writing thread holds.
struct Work {
    db: Connection,
    spaces: Cache<SpaceId, Space>,
    memberships: Arc<Memberships>,
    /// How many pages the journal holds.
    journal: Arc<AtomicU32>,
}

impl Work {
    fn run(mut self, mut queue: mpsc::Receiver<Job>, waiting: &AtomicUsize) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = queue.try_recv()
            {
                group.push(job);
            }
            let bytes: usize = group.iter().map(|job| job.bytes).sum();
            let answers = self.write(group);
            waiting.fetch_sub(bytes, Ordering::Relaxed);
            match answers {
                Ok(answers) => answers.into_iter().for_each(|answer| answer()),
                Err(fault) => {
                    tracing::error!(%fault, "a group was not written");
                    // Nothing in memory may run ahead of the database.
                    self.spaces.clear();
                }
            }
            if self.journal.load(Ordering::Relaxed) > JOURNAL {
                self.checkpoint("PASSIVE");
            }
        }
        self.checkpoint("TRUNCATE");
    }

    /// Writes a group in one transaction.
    fn write(&mut self, group: Vec<Job>) -> Result<Vec<Answer>, Fault> {
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(group.len());
        // Rolls back when dropped early. One that began by reading would not wait for another process.
        let db = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        for job in group {
            answers.push(match job.task {
                Task::Append(prepared, reply) => {
                    let outcome = append(&db, &mut self.spaces, &mut changes, prepared)?;
                    answer(reply, outcome)
                }
                Task::Drop(now, reply) => {
                    let more = dropping::step(&db, &mut self.spaces, &mut changes, now)?;
                    answer(reply, more)
                }
                Task::Put(put, now, reply) => answer(reply, mail::put(&db, &put, now)?),
                Task::Sweep(now, reply) => answer(reply, mail::sweep(&db, now)?),
            });
        }
        for (number, bytes) in changes.bytes {
            rows::add_bytes(&db, number, bytes)?;
        }
        db.commit()?;
        for membership in changes.memberships {
            self.memberships.committed(membership);
        }
        Ok(answers)
    }

    fn checkpoint(&self, how: &str) {
        // Counted anew by the next commit.
        self.journal.store(0, Ordering::Relaxed);
        let statement = format!("PRAGMA wal_checkpoint({how})");
        if let Err(error) = self.db.query_row(&statement, [], |_| Ok(())) {
            // The journal stays longer; nothing is lost.
            tracing::warn!(%error, "the journal could not be moved");
        }
    }
}

fn answer<T: 'static>(reply: oneshot::Sender<T>, outcome: T) -> Answer {
    Box::new(move || {
        // Whoever asked may be gone; what was asked for is done.
        let _ = reply.send(outcome);
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use futures_util::FutureExt;
    use waymark_wire::codec::Bytes;
    use waymark_wire::ids::Generation;
    use waymark_wire::message::{MailboxId, MailboxSlot};

    use super::*;
    use crate::log::Append;
    use crate::testing::Space;

    fn open(directory: &Path) -> Connection {
        let db = schema::open_for_writing(&directory.join(schema::DATABASE)).unwrap();
        schema::migrate(&db, Generation([1; 16])).unwrap();
        db
    }

    /// The first letter of a mailbox; every number is another one's.
    fn letter(number: usize) -> Put {
        let mut mailbox = [0; 32];
        mailbox[..8].copy_from_slice(&number.to_le_bytes());
        Put {
            mailbox: MailboxId(mailbox),
            slot: MailboxSlot {
                slot: 0,
                bytes: Bytes(vec![1; 100]),
            },
            days: 1,
            may_create: true,
        }
    }

    /// A phone would otherwise forget what it was told that the relay has, and nobody has.
    #[tokio::test]
    async fn nothing_is_acknowledged_that_was_not_committed() {
        let directory = tempfile::tempdir().unwrap();
        let mut db = open(directory.path());
        let fails = Arc::new(AtomicBool::new(false));
        let now = fails.clone();
        db.commit_hook(Some(move || now.load(Ordering::SeqCst)))
            .unwrap();
        let writer = Writer::start(db, Arc::new(Memberships::new()), 16).unwrap();
        let space = Space::found(1);
        let append = || {
            let append = Append {
                heals: false,
                space: space.id,
                entries: vec![space.founding.entry.clone()],
                attachments: space.founding.attachments.clone(),
                may_create: true,
                now: 0,
            };
            writer.append(Prepared::new(append, None).unwrap())
        };
        fails.store(true, Ordering::SeqCst);
        let refused = append().await;
        assert!(matches!(refused, Err(LogError::Engine(_))), "{refused:?}");
        // Nothing of it is taken for written later either.
        fails.store(false, Ordering::SeqCst);
        let taken = append().await.unwrap();
        assert_eq!((taken.seqs, taken.is_new), (vec![1], true));
    }

    /// A flood would otherwise fill the relay's memory while its disk is slow, and end it for everybody.
    #[tokio::test]
    async fn what_cannot_be_held_is_told_to_come_again_and_what_was_taken_is_written() {
        const QUEUE: usize = 4;
        const SENT: usize = GROUP + 64;
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path());
        let writer = Writer::start(db, Arc::new(Memberships::new()), QUEUE).unwrap();
        // As if the disk did not answer.
        let other = Connection::open(directory.path().join(schema::DATABASE)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let is_taken = |number: &usize| match writer.put(letter(*number), 0).now_or_never() {
            Some(Err(LogError::Busy)) => false,
            None => true,
            answered => panic!("{answered:?}"),
        };
        let taken = (0..SENT).filter(is_taken).count();
        assert!((1..=GROUP + QUEUE).contains(&taken), "{taken} were taken");
        other.execute_batch("COMMIT").unwrap();
        writer.close().await;
        let written = "SELECT count(*) FROM mail";
        let written: i64 = other.query_row(written, [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(written).unwrap(), taken);
    }

    /// The same for few that are large.
    #[tokio::test]
    async fn no_more_bytes_wait_than_may() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path());
        let writer = Writer::start(db, Arc::new(Memberships::new()), 16).unwrap();
        writer.waiting.store(WAITING_BYTES + 1, Ordering::Relaxed);
        let refused = writer.put(letter(1), 0).await;
        assert!(matches!(refused, Err(LogError::Busy)), "{refused:?}");
        writer.waiting.store(0, Ordering::Relaxed);
        assert!(writer.put(letter(1), 0).await.unwrap().is_ok());
    }
}

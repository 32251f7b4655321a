//! A thread that writes. It takes all that queued while it was waiting for the disk, puts it
//! into one transaction, and answers after COMMIT. A bad append spoils no other, because every
//! check comes before the first write of an entry. What goes into mailboxes takes its turn with
//! the appends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use waymark_wire::ids::{DeviceNumber, SpaceId};

use super::dropping;
use super::memberships::Memberships;
use super::rows::{EntryRows, Fault, Rows};
use super::turn::{Changes, Space, append, set_wake};
use super::{AppendOutcome, Day, LogError, Prepared, Writing, retiring};
use crate::cache::Cache;
use crate::mailbox::{Put, PutOutcome, putting};

/// Tasks in one transaction, at most.
pub(super) const GROUP: usize = 256;
/// Bytes of everything that waits, at most.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Spaces whose state is kept in memory (up to twice as many).
const SPACES: usize = 4_096;

/// What a writing thread has of its engine: a connection.
pub(super) trait Pen: Send + 'static {
    /// How it writes.
    type Rows: Rows;

    /// Runs `f` in one transaction, which is durable when this comes back, and is not where this
    /// fails. `f` changes no other spaces than `spaces` and those that it locks itself. Of what is
    /// `known`, the state of those that others have changed meanwhile is forgotten before.
    ///
    /// # Errors
    /// What `f` says, or that the engine failed.
    fn write<T>(
        &mut self,
        spaces: &[SpaceId],
        known: &mut Cache<SpaceId, Space>,
        f: impl FnOnce(&Self::Rows, &mut Cache<SpaceId, Space>) -> Result<T, Fault>,
    ) -> Result<T, Fault>;

    /// What is to be done after a group was answered; `is_busy` where the next is waiting.
    fn rest(&mut self, _is_busy: bool) {}

    /// What is to be done at the end.
    fn end(&mut self) {}
}

/// How much a writer takes on.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Tasks that wait for it.
    pub(super) queue: usize,
    /// Tasks in one transaction.
    pub(super) group: usize,
    /// Bytes that wait for it, and for whoever shares this.
    pub(super) waiting: Arc<AtomicUsize>,
    /// What it counts.
    pub(super) writing: Writing,
}

/// The writing thread, as seen by the others.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: Arc<AtomicUsize>,
    writing: Writing,
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
    Retire((Day, Day), oneshot::Sender<bool>),
    Runs(Day, oneshot::Sender<()>),
    Sweep(i64, oneshot::Sender<bool>),
    Touch(SpaceId, Day, oneshot::Sender<()>),
    Wake(
        (SpaceId, DeviceNumber),
        Option<Vec<u8>>,
        oneshot::Sender<()>,
    ),
}

impl Task {
    /// The space that it writes to, where that is known before its turn.
    const fn space(&self) -> Option<SpaceId> {
        match self {
            Self::Append(prepared, _) => Some(prepared.space),
            Self::Wake((space, _), ..) => Some(*space),
            Self::Touch(space, ..) => Some(*space),
            Self::Drop(..)
            | Self::Put(..)
            | Self::Retire(..)
            | Self::Runs(..)
            | Self::Sweep(..) => None,
        }
    }
}

/// Tells who waits what was done, once it is durable.
type Answer = Box<dyn FnOnce()>;

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        pen: impl Pen,
        memberships: Arc<Memberships>,
        bounds: Bounds,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(bounds.queue.max(1));
        let waiting = bounds.waiting;
        let work = Work {
            pen,
            spaces: Cache::new(SPACES),
            memberships,
            group: bounds.group,
            writing: bounds.writing.clone(),
        };
        let taken = waiting.clone();
        let thread = thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || work.run(receiver, &taken))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            waiting,
            writing: bounds.writing,
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

    /// Keeps the token by which a membership is woken, or takes it away.
    pub(super) async fn set_wake(
        &self,
        member: (SpaceId, DeviceNumber),
        token: Option<Vec<u8>>,
    ) -> Result<(), LogError> {
        let bytes = token.as_ref().map_or(0, Vec::len);
        self.submit(bytes, |reply| Task::Wake(member, token, reply))
            .await
    }

    /// Removes some mailboxes that have ended.
    pub(super) async fn sweep(&self, now: i64) -> Result<bool, LogError> {
        self.submit(0, |reply| Task::Sweep(now, reply)).await
    }

    /// Lets go of some of what nobody has used since the second day; today is the first.
    pub(super) async fn retire(&self, days: (Day, Day)) -> Result<bool, LogError> {
        self.submit(0, |reply| Task::Retire(days, reply)).await
    }

    /// Notes that the relay runs today.
    pub(super) async fn runs(&self, today: Day) -> Result<(), LogError> {
        self.submit(0, |reply| Task::Runs(today, reply)).await
    }

    /// Notes that a space was used.
    pub(super) async fn touch(&self, space: SpaceId, day: Day) -> Result<(), LogError> {
        self.submit(0, |reply| Task::Touch(space, day, reply)).await
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
        self.writing.waiting.inc();
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
struct Work<P> {
    pen: P,
    spaces: Cache<SpaceId, Space>,
    memberships: Arc<Memberships>,
    group: usize,
    writing: Writing,
}

impl<P: Pen> Work<P> {
    fn run(mut self, mut queue: mpsc::Receiver<Job>, waiting: &AtomicUsize) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < self.group
                && let Ok(job) = queue.try_recv()
            {
                group.push(job);
            }
            let bytes: usize = group.iter().map(|job| job.bytes).sum();
            let tasks = group.len();
            self.writing
                .waiting
                .dec_by(i64::try_from(tasks).unwrap_or(i64::MAX));
            let begun = Instant::now();
            let answers = self.write(group);
            self.writing.count(tasks, begun.elapsed());
            waiting.fetch_sub(bytes, Ordering::Relaxed);
            match answers {
                Ok(answers) => answers.into_iter().for_each(|answer| answer()),
                Err(fault) => {
                    tracing::error!(%fault, "a group was not written");
                    // Nothing in memory may run ahead of the database.
                    self.spaces.clear();
                }
            }
            self.pen.rest(!queue.is_empty());
        }
        self.pen.end();
    }

    /// Writes a group in one transaction.
    fn write(&mut self, mut group: Vec<Job>) -> Result<Vec<Answer>, Fault> {
        // Whoever writes to several spaces takes them in one order, so that nobody waits in a circle.
        group.sort_by_key(|job| job.task.space());
        let mut touched: Vec<_> = group.iter().filter_map(|job| job.task.space()).collect();
        touched.dedup();
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(group.len());
        self.pen.write(&touched, &mut self.spaces, |db, spaces| {
            for job in group {
                answers.push(perform(db, spaces, &mut changes, job.task)?);
            }
            for (number, bytes) in changes.bytes.drain() {
                db.add_bytes(number, bytes)?;
            }
            Ok(())
        })?;
        for membership in changes.memberships {
            self.memberships.committed(membership);
        }
        for space in &changes.retired {
            self.memberships.gone(space);
        }
        Ok(answers)
    }
}

/// Does one thing within a transaction.
fn perform<R: Rows>(
    db: &R,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    task: Task,
) -> Result<Answer, Fault> {
    Ok(match task {
        Task::Append(prepared, reply) => answer(reply, append(db, spaces, changes, prepared)?),
        Task::Drop(now, reply) => answer(reply, dropping::step(db, changes, now)?),
        Task::Put(put, now, reply) => answer(reply, putting::put(db, &put, now)?),
        Task::Retire(days, reply) => {
            let has_more = retiring::step(db, changes, days)?;
            changes
                .retired
                .iter()
                .for_each(|space| spaces.remove(space));
            answer(reply, has_more)
        }
        Task::Runs(today, reply) => answer(reply, retiring::runs(db, today)?),
        Task::Sweep(now, reply) => answer(reply, putting::sweep(db, now)?),
        Task::Touch(space, day, reply) => {
            if let Some(number) = db.lock(&space)? {
                db.touch(number, day)?;
            }
            answer(reply, ())
        }
        Task::Wake(member, token, reply) => {
            answer(reply, set_wake(db, spaces, member, token.as_deref())?)
        }
    })
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
    use rusqlite::Connection;
    use waymark_wire::codec::Bytes;
    use waymark_wire::message::{MailboxId, MailboxSlot};

    use super::*;
    use crate::log::sqlite::{SqlitePen, for_tests};
    use crate::log::{Append, DATABASE};
    use crate::testing::Space;

    fn start(pen: SqlitePen, queue: usize) -> Writer {
        let bounds = Bounds {
            queue,
            group: GROUP,
            waiting: Arc::default(),
            writing: Writing::default(),
        };
        Writer::start(pen, Arc::new(Memberships::new()), bounds).unwrap()
    }

    fn open(directory: &Path) -> SqlitePen {
        for_tests(directory, None)
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
        let fails = Arc::new(AtomicBool::new(false));
        let writer = start(for_tests(directory.path(), Some(fails.clone())), 16);
        let space = Space::found(1);
        let append = || {
            let append = Append {
                heals: false,
                space: space.id,
                entries: vec![space.founding.entry.clone()],
                attachments: space.founding.attachments.clone(),
                may_create: true,
                terms: crate::log::Terms::default(),
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
        let writer = start(open(directory.path()), QUEUE);
        // As if the disk did not answer.
        let other = Connection::open(directory.path().join(DATABASE)).unwrap();
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
        let writer = start(open(directory.path()), 16);
        writer.waiting.store(WAITING_BYTES + 1, Ordering::Relaxed);
        let refused = writer.put(letter(1), 0).await;
        assert!(matches!(refused, Err(LogError::Busy)), "{refused:?}");
        writer.waiting.store(0, Ordering::Relaxed);
        assert!(writer.put(letter(1), 0).await.unwrap().is_ok());
    }
}

//! The log and the mailboxes in one SQLite file: one thread writes, and commits together what queued while it was
//! waiting for the disk; readers have connections of their own.

mod checkpoints;
mod dropping;
mod mail;
mod readers;
mod rows;
mod schema;
mod turn;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use waymark_wire::chain::Position;
use waymark_wire::ids::{AttachmentHash, EntryId, Generation, Height, SpaceId};
use waymark_wire::membership::Membership;
use waymark_wire::message::{MailboxId, MailboxSlot};

use self::readers::Readers;
use self::rows::Fault;
pub use self::schema::{DATABASE, SchemaError};
use self::writer::Writer;
use super::{Append, AppendOutcome, Fetched, Log, LogError, Page, Prepared, Start, Usage};
use crate::cache::Cache;
use crate::mailbox::{Mailboxes, Put, PutOutcome};
use crate::restore::Restored;

/// How many spaces' memberships are kept in memory (up to twice as many).
const CACHED: usize = 4_096;
/// From how many entries on an append is checked beside the threads that serve connections.
const MANY: usize = 4;

/// A [`Log`] in one SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    generation: Generation,
    readers: Readers,
    writer: Writer,
    memberships: Arc<Memberships>,
}

impl SqliteLog {
    /// Opens the database in `directory`, or makes it. `generation` is the history of a new one:
    /// random, and not used where there is a database. At most `queue` appends wait to be written.
    ///
    /// The caller sees to it that nobody else opens it for writing.
    ///
    /// # Errors
    /// [`SchemaError`] where it cannot be opened or is of a newer version.
    pub fn open(
        directory: &Path,
        generation: Generation,
        queue: usize,
    ) -> Result<Self, SchemaError> {
        let path = directory.join(DATABASE);
        let connection = schema::open_for_writing(&path)?;
        let generation = schema::migrate(&connection, generation)?;
        let memberships = Arc::new(Memberships::new());
        Ok(Self {
            generation,
            readers: Readers::new(path),
            writer: Writer::start(connection, memberships.clone(), queue)?,
            memberships,
        })
    }
}

/// Has the database in `directory`, which was put back from a backup, go on as another history.
///
/// The caller sees to it that nobody else opens it for writing.
///
/// # Errors
/// [`SchemaError`] where it cannot be opened, is damaged or of a newer version; then it is as before.
pub(crate) fn renew(directory: &Path, generation: Generation) -> Result<Restored, SchemaError> {
    let db = schema::open_for_writing(&directory.join(DATABASE))?;
    let (spaces, entries) = schema::renew(&db, generation)?;
    // It is of use only with the file; a failure here is one of the disk's.
    db.close().map_err(|(_, error)| error)?;
    Ok(Restored {
        generation,
        spaces,
        entries,
    })
}

impl Log for SqliteLog {
    async fn append(&self, append: Append) -> Result<AppendOutcome, LogError> {
        let known = match self.memberships.get(&append.space) {
            Some(membership) => Some(membership),
            None => self.membership(append.space).await?,
        };
        let prepared = if append.entries.len() < MANY {
            Prepared::new(append, known.as_deref())
        } else {
            let task = move || Prepared::new(append, known.as_deref());
            let joined = tokio::task::spawn_blocking(task).await;
            joined.map_err(|error| LogError::Engine(error.to_string()))?
        };
        match prepared {
            Ok(prepared) => self.writer.append(prepared).await,
            Err(refused) => Ok(AppendOutcome {
                seqs: Vec::new(),
                is_new: false,
                head: None,
                refused: Some(refused),
            }),
        }
    }

    async fn page(&self, space: SpaceId, after: u64) -> Result<Page, LogError> {
        let read = move |db: &rusqlite::Connection| rows::page(db, &space, after);
        let (page, height) = self.readers.read(read).await?.ok_or(LogError::Dropped)?;
        // A commit can be read before the writer has told of it.
        self.memberships.forget_below(&space, height);
        Ok(page)
    }

    async fn agreed(
        &self,
        space: SpaceId,
        places: Vec<Position>,
    ) -> Result<Option<Position>, LogError> {
        self.readers
            .read(move |db| rows::agreed(db, &space, &places))
            .await
    }

    async fn membership(&self, space: SpaceId) -> Result<Option<Arc<Membership>>, LogError> {
        if let Some(membership) = self.memberships.get(&space) {
            return Ok(Some(membership));
        }
        let version = self.memberships.version();
        let read = move |db: &rusqlite::Connection| match rows::number(db, &space)? {
            Some(number) => rows::membership(db, number).map(Some),
            None => Ok(None),
        };
        let membership = self.readers.read(read).await?.map(Arc::new);
        if let Some(membership) = &membership {
            self.memberships.remember(membership.clone(), version);
        }
        Ok(membership)
    }

    async fn attachments(
        &self,
        space: SpaceId,
        hashes: Vec<AttachmentHash>,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        self.readers
            .read(move |db| rows::attachments(db, &space, &hashes))
            .await
    }

    async fn usage(&self, space: SpaceId) -> Result<Option<Usage>, LogError> {
        self.readers.read(move |db| rows::usage(db, &space)).await
    }

    async fn start(&self, space: SpaceId) -> Result<Option<Start>, LogError> {
        let read = move |db: &rusqlite::Connection| checkpoints::start(db, &space);
        let start = self.readers.read(read).await?;
        Ok(start.map(|(start, height)| {
            self.memberships.forget_below(&space, height);
            start
        }))
    }

    async fn members(&self, space: SpaceId, after: u64, until: u64) -> Result<Page, LogError> {
        let read = move |db: &rusqlite::Connection| checkpoints::members(db, &space, after, until);
        let (page, height) = self.readers.read(read).await?;
        self.memberships.forget_below(&space, height);
        Ok(page)
    }

    async fn entries(&self, space: SpaceId, ids: Vec<EntryId>) -> Result<Fetched, LogError> {
        let read = move |db: &rusqlite::Connection| checkpoints::entries(db, &space, &ids);
        let (fetched, height) = self.readers.read(read).await?;
        self.memberships.forget_below(&space, height);
        Ok(fetched)
    }

    async fn drop_due(&self, now: i64) -> Result<bool, LogError> {
        self.writer.drop_due(now).await
    }

    fn generation(&self) -> Generation {
        self.generation
    }

    async fn health(&self) -> Result<(), LogError> {
        self.readers.read(rows::health).await?;
        if self.writer.is_running() {
            Ok(())
        } else {
            Err(LogError::Busy)
        }
    }

    async fn close(&self) {
        self.readers.rest();
        self.writer.close().await;
    }
}

impl Mailboxes for SqliteLog {
    async fn put(&self, put: Put, now: i64) -> Result<PutOutcome, LogError> {
        self.writer.put(put, now).await
    }

    async fn open(
        &self,
        mailbox: MailboxId,
        now: i64,
    ) -> Result<Option<Vec<MailboxSlot>>, LogError> {
        self.readers
            .read(move |db| mail::open(db, &mailbox, now))
            .await
    }

    async fn sweep(&self, now: i64) -> Result<bool, LogError> {
        self.writer.sweep(now).await
    }
}

/// What readers and the preparation of appends know of memberships.
#[derive(Debug)]
struct Memberships(Mutex<(u64, Cache<SpaceId, Arc<Membership>>)>);

impl Memberships {
    fn new() -> Self {
        Self(Mutex::new((0, Cache::new(CACHED))))
    }

    fn get(&self, space: &SpaceId) -> Option<Arc<Membership>> {
        self.lock(|_, cache| cache.get(space).cloned())
    }

    /// Changes with every membership entry that is committed or seen to be.
    fn version(&self) -> u64 {
        self.lock(|version, _| *version)
    }

    /// Keeps what was read from the database, unless something was committed since `version`,
    /// which it might lack.
    fn remember(&self, membership: Arc<Membership>, version: u64) {
        self.lock(|now, cache| {
            if *now == version {
                cache.insert(*membership.space(), membership);
            }
        });
    }

    /// Lets go of a membership of below `height`, which was read from the database, and of what
    /// somebody may have read before and not kept yet.
    fn forget_below(&self, space: &SpaceId, height: Height) {
        self.lock(|version, cache| {
            if cache.get(space).is_none_or(|known| known.height() < height) {
                *version += 1;
                cache.remove(space);
            }
        });
    }

    /// Keeps what has just been committed.
    fn committed(&self, membership: Arc<Membership>) {
        self.lock(|version, cache| {
            *version += 1;
            cache.insert(*membership.space(), membership);
        });
    }

    fn lock<T>(&self, f: impl FnOnce(&mut u64, &mut Cache<SpaceId, Arc<Membership>>) -> T) -> T {
        // What it guards is a cache: whole after every step.
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, cache) = &mut *guard;
        f(version, cache)
    }
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        Self::Engine(fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use waymark_wire::membership::Op;

    use super::*;
    use crate::testing::Space;

    fn open(directory: &Path) -> SqliteLog {
        let generation = Generation([7; 16]);
        SqliteLog::open(directory, generation, 1_024).unwrap()
    }

    crate::log::conformance::log_conformance!(|| {
        let directory = tempfile::tempdir().unwrap();
        (open(directory.path()), directory)
    });

    crate::mailbox::conformance::mailbox_conformance!(|| {
        let directory = tempfile::tempdir().unwrap();
        (open(directory.path()), directory)
    });

    /// Between a commit and the writer's word of it, somebody who was removed could otherwise still
    /// pass for a member.
    #[tokio::test]
    async fn what_a_page_shows_is_known_of_the_membership() {
        let directory = tempfile::tempdir().unwrap();
        let log = open(directory.path());
        let mut space = Space::found(1);
        let older = Arc::new(space.membership.clone());
        let changes = [
            space.founding.clone(),
            space.act(0, vec![Op::Rotate(None)], vec![]),
        ];
        for change in &changes {
            let append = Append {
                heals: false,
                space: space.id,
                entries: vec![change.entry.clone()],
                attachments: change.attachments.clone(),
                may_create: true,
                now: 0,
            };
            assert_eq!(log.append(append).await.unwrap().refused, None);
        }
        space.take(0, &changes[1]);
        let known = async || log.membership(space.id).await.unwrap().unwrap();
        // As if the writer had not come to it yet.
        log.memberships
            .lock(|_, cache| cache.insert(space.id, older.clone()));
        assert_eq!(known().await, older);
        log.page(space.id, 0).await.unwrap();
        assert_eq!(*known().await, space.membership);
        // As if somebody had read the membership before the commit, and kept it only now.
        log.memberships.lock(|_, cache| cache.clear());
        let version = log.memberships.version();
        log.page(space.id, 0).await.unwrap();
        log.memberships.remember(older, version);
        assert_eq!(*known().await, space.membership);
    }
}

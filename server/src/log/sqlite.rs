//! The log and the mailboxes in one SQLite file: one thread writes, and commits together what queued while it was
//! waiting for the disk; readers have connections of their own.

mod checkpoints;
mod mail;
mod operator;
mod readers;
mod rows;
mod schema;
mod usage;
mod wake;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use waymark_wire::ids::{Generation, SpaceId};

pub(crate) use self::operator::SqliteLook;
use self::readers::Readers;
pub use self::schema::{DATABASE, SchemaError};
use super::memberships::Memberships;
use super::rows::Fault;
use super::store::{Engine, Store};
use super::turn::Space;
use super::writer::{Bounds, GROUP, Pen, Writer};
use super::{LogError, Writing};
use crate::cache::Cache;
use crate::restore::Restored;

/// Pages in the journal from which on they are moved to the file where nobody waits.
const JOURNAL: u32 = 512;
/// From so many on somebody has to wait: under load the same pages are written again and again, and
/// moving them seldom moves each of them once.
const FULL: u32 = 4_096;

/// A [`Log`](super::Log) in one SQLite file.
pub type SqliteLog = Store<Sqlite>;

/// SQLite, as an engine below a [`Store`].
#[derive(Debug)]
pub struct Sqlite {
    readers: Readers,
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
        let bounds = Bounds {
            queue,
            group: GROUP,
            waiting: Arc::default(),
            writing: Writing::default(),
        };
        let writing = bounds.writing.clone();
        let pen = SqlitePen::new(connection)?;
        Ok(Self {
            generation,
            engine: Sqlite {
                readers: Readers::new(path),
            },
            writers: vec![Writer::start(pen, memberships.clone(), bounds)?],
            memberships,
            writing,
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

impl Engine for Sqlite {
    type Rows = Connection;

    const IS_SHARED: bool = false;

    async fn read<T: Send + 'static>(
        &self,
        f: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LogError> {
        self.readers.read(f).await
    }

    fn rest(&self) {
        self.readers.rest();
    }
}

/// The one connection that writes.
pub(super) struct SqlitePen {
    db: Connection,
    /// How many pages the journal holds.
    journal: Arc<AtomicU32>,
}

impl SqlitePen {
    fn new(mut db: Connection) -> Result<Self, SchemaError> {
        schema::grow_journal(&db, JOURNAL)?;
        let journal = Arc::new(AtomicU32::new(0));
        let pages = journal.clone();
        db.wal_hook(Some(move |_: &mut Wal, now| {
            pages.store(u32::try_from(now).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { db, journal })
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

impl Pen for SqlitePen {
    type Rows = Connection;

    fn write<T>(
        &mut self,
        _: &[SpaceId],
        known: &mut Cache<SpaceId, Space>,
        f: impl FnOnce(&Connection, &mut Cache<SpaceId, Space>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        // Rolls back when dropped early. One that began by reading would not wait for another process.
        let db = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let done = f(&db, known)?;
        db.commit()?;
        Ok(done)
    }

    fn rest(&mut self, is_busy: bool) {
        let most = if is_busy { FULL } else { JOURNAL };
        if self.journal.load(Ordering::Relaxed) > most {
            self.checkpoint("PASSIVE");
        }
    }

    fn end(&mut self) {
        self.checkpoint("TRUNCATE");
    }
}

/// What writes to a new database, whose commits fail while `fails` says so.
#[cfg(test)]
pub(super) fn for_tests(
    directory: &Path,
    fails: Option<Arc<std::sync::atomic::AtomicBool>>,
) -> SqlitePen {
    let mut db = schema::open_for_writing(&directory.join(DATABASE)).unwrap();
    schema::migrate(&db, Generation([1; 16])).unwrap();
    if let Some(fails) = fails {
        let fails = move || fails.load(Ordering::SeqCst);
        db.commit_hook(Some(fails)).unwrap();
    }
    SqlitePen::new(db).unwrap()
}

#[cfg(test)]
mod tests {
    use waymark_wire::membership::Op;

    use super::*;
    use crate::log::conformance::{self, Kept};
    use crate::log::{Append, Log};
    use crate::testing::Space;

    fn open(directory: &Path) -> SqliteLog {
        let generation = Generation([7; 16]);
        SqliteLog::open(directory, generation, 1_024).unwrap()
    }

    async fn make(_test: &str) -> Option<(SqliteLog, tempfile::TempDir)> {
        let directory = tempfile::tempdir().unwrap();
        Some((open(directory.path()), directory))
    }

    impl Kept for tempfile::TempDir {
        fn is_sound(&self) {
            conformance::is_sound(&SqliteLook::open(self.path()).unwrap());
        }
    }

    crate::log::conformance::log_conformance!(make);
    crate::mailbox::conformance::mailbox_conformance!(make);

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
                terms: crate::log::Terms::default(),
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

//! A few connections that read, used from threads that may block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::schema;
use crate::log::LogError;
use crate::log::rows::Fault;

/// How many read at a time; the rest wait.
const CONNECTIONS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Readers of the database at `path`, which open it when first used.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Lets go of the connections that are not in use, so that the writer is the last to leave and
    /// takes the journal with it.
    pub(super) fn rest(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Runs `f` on a connection of its own, over the rows of one moment.
    ///
    /// # Errors
    /// [`LogError::Engine`] where `f` fails or no connection can be had.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LogError> {
        let engine = |error: &dyn std::fmt::Display| LogError::Engine(error.to_string());
        let permit = self.permits.clone().acquire_owned();
        let permit = permit.await.map_err(|e| engine(&e))?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let task = tokio::task::spawn_blocking(move || {
            // Whoever asked may go away meanwhile; what reads for it is one of so many all the same.
            let _permit = permit;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let db = match taken {
                Some(db) => db,
                None => open(&path)?,
            };
            let read = at_one_moment(&db, f);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
            read
        });
        Ok(task.await.map_err(|e| engine(&e))??)
    }
}

pub(super) fn at_one_moment<T>(
    db: &Connection,
    f: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let moment = db.unchecked_transaction()?;
    f(&moment)
}

/// Opens a connection that only reads.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    schema::keep_plans(&db)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

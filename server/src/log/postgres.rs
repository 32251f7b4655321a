//! The logs and the mailboxes of a relay of many nodes in one PostgreSQL database. Whoever writes to
//! a space holds the lock of its row from before the first look until COMMIT: so of any number of
//! nodes one at a time appends to it, and sees all that the one before has written.
//!
//! A node has a few connections that write, each with a thread and with its share of the spaces, one
//! for all that is no append, and a few that read. What it remembers of a space counts only where the
//! locked row says that the log still ends where it did.

mod address;
mod checkpoints;
mod mail;
mod operator;
mod rows;
mod schema;
mod session;
mod tls;
mod transaction;
mod usage;
mod wake;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use waymark_wire::ids::{Generation, SpaceId};

pub use self::address::{StoreAddress, StoreAddressError};
pub(crate) use self::operator::PostgresLook;
pub use self::schema::PostgresError;
pub(crate) use self::schema::refuse_strays;
pub(crate) use self::schema::{Identity, identity};
use self::session::Session;
use self::transaction::PostgresRows;
use super::memberships::Memberships;
use super::rows::Fault;
use super::store::{Engine, Store};
use super::turn::Space;
use super::writer::{Bounds, GROUP, Pen, Writer};
use super::{LogError, Writing};
use crate::cache::Cache;
use crate::restore::Restored;

/// Connections that append.
const APPENDING: usize = 4;
/// Connections that read, at most; the rest waits.
const READING: usize = 8;

/// A [`Log`](super::Log) in a PostgreSQL database, beside those of other nodes.
pub type PostgresLog = Store<Postgres>;

/// PostgreSQL, as an engine below a [`Store`].
#[derive(Debug)]
pub struct Postgres {
    address: Arc<StoreAddress>,
    idle: Arc<Mutex<Vec<PostgresRows>>>,
    permits: Semaphore,
}

impl PostgresLog {
    /// Opens the database, or makes its tables; `new` is what becomes of one without. At most
    /// `queue` tasks wait to be written; `writing` counts what is. Waits for the database: not for
    /// threads that serve.
    ///
    /// # Errors
    /// [`PostgresError`] where it cannot be reached, is of a newer version, or another relay's.
    pub(crate) fn open(
        address: StoreAddress,
        new: Identity,
        queue: usize,
        writing: Writing,
    ) -> Result<Self, PostgresError> {
        let generation = schema::migrate(&address, new)?;
        let address = Arc::new(address);
        let memberships = Arc::new(Memberships::new());
        let waiting = Arc::default();
        let start = |group| {
            let pen = PostgresPen {
                address: Arc::clone(&address),
                rows: None,
            };
            let bounds = Bounds {
                queue: queue / APPENDING,
                group,
                waiting: Arc::clone(&waiting),
                writing: writing.clone(),
            };
            Writer::start(pen, memberships.clone(), bounds)
        };
        let mut writers = Vec::with_capacity(APPENDING + 1);
        for _ in 0..APPENDING {
            writers.push(start(GROUP)?);
        }
        // What locks spaces and mailboxes that are known only at its turn holds nothing meanwhile.
        writers.push(start(1)?);
        Ok(Self {
            generation,
            engine: Postgres {
                address: Arc::clone(&address),
                idle: Arc::default(),
                permits: Semaphore::new(READING),
            },
            writers,
            memberships,
            writing,
        })
    }
}

/// Has a database that was put back from a backup go on as another history. No node may run on it.
///
/// # Errors
/// [`PostgresError`] where it cannot be reached, holds no relay or is of a newer version.
pub(crate) fn renew(
    address: &StoreAddress,
    generation: Generation,
) -> Result<Restored, PostgresError> {
    let (spaces, entries) = schema::renew(address, generation)?;
    Ok(Restored {
        generation,
        spaces,
        entries,
    })
}

impl Engine for Postgres {
    type Rows = PostgresRows;

    const IS_SHARED: bool = true;

    async fn read<T: Send + 'static>(
        &self,
        f: impl Fn(&PostgresRows) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LogError> {
        let engine = |error: &dyn std::fmt::Display| LogError::Engine(error.to_string());
        let _permit = self.permits.acquire().await.map_err(|e| engine(&e))?;
        let (address, idle) = (self.address.clone(), self.idle.clone());
        let task = tokio::task::spawn_blocking(move || {
            loop {
                let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let is_fresh = taken.is_none();
                let rows = match taken {
                    Some(rows) => rows,
                    None => connect(&address)?,
                };
                let read = rows.begin_reading().and_then(|()| f(&rows));
                let ended = rows.roll_back();
                if !rows.is_broken() {
                    idle.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(rows);
                } else if read.is_err() && !is_fresh {
                    // One that was idle while the server went away.
                    continue;
                }
                return read.and_then(|read| ended.map(|()| read));
            }
        });
        Ok(task.await.map_err(|e| engine(&e))??)
    }

    fn rest(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// A connection that writes; made when it is needed.
struct PostgresPen {
    address: Arc<StoreAddress>,
    rows: Option<PostgresRows>,
}

impl PostgresPen {
    /// A connection in a transaction, with these spaces locked.
    fn begin(&mut self, spaces: &[SpaceId]) -> Result<PostgresRows, Fault> {
        if let Some(rows) = self.rows.take() {
            match rows.begin_writing(spaces) {
                Ok(()) => return Ok(rows),
                // It was idle while the server went away, and nothing has been done.
                Err(_) if rows.is_broken() => {}
                Err(fault) => {
                    self.put_back(rows);
                    return Err(fault);
                }
            }
        }
        let rows = connect(&self.address)?;
        rows.begin_writing(spaces)?;
        Ok(rows)
    }

    /// Keeps a connection whose transaction came to nothing.
    fn put_back(&mut self, rows: PostgresRows) {
        self.rows = Some(rows).filter(|rows| !rows.is_broken() && rows.roll_back().is_ok());
    }
}

impl Pen for PostgresPen {
    type Rows = PostgresRows;

    fn write<T>(
        &mut self,
        spaces: &[SpaceId],
        known: &mut Cache<SpaceId, Space>,
        f: impl FnOnce(&PostgresRows, &mut Cache<SpaceId, Space>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let rows = self.begin(spaces)?;
        let done = forget_moved(&rows, spaces, known)
            .and_then(|()| f(&rows, known))
            .and_then(|done| rows.commit().map(|()| done));
        match done {
            Ok(done) => {
                self.rows = Some(rows);
                Ok(done)
            }
            Err(fault) => {
                self.put_back(rows);
                Err(fault)
            }
        }
    }
}

/// Of what is known of these spaces, which are locked, forgets what others have changed meanwhile.
fn forget_moved(
    rows: &PostgresRows,
    spaces: &[SpaceId],
    known: &mut Cache<SpaceId, Space>,
) -> Result<(), Fault> {
    for id in spaces {
        let end = rows.end_of(id);
        let Some(space) = known.get(id).filter(|space| Some(space.head()) != end) else {
            continue;
        };
        match (end, rows.membership_head(id)?) {
            // Nobody came or went: to replay who did is the costly part.
            (Some(end), Some(head)) if head == space.membership_head() => space.go_on_from(end),
            _ => known.remove(id),
        }
    }
    Ok(())
}

fn connect(address: &StoreAddress) -> Result<PostgresRows, Fault> {
    Ok(PostgresRows::new(Session::open(address)?))
}

#[cfg(test)]
mod tests;

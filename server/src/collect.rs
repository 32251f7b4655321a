//! What an operator asks to go now, or asks what would go: mailboxes that have ended, entries that
//! checkpoints let go of, and spaces that nobody has used for long.

use std::path::Path;

use crate::check::{LookError, look};
use crate::clock::Clock;
use crate::data_dir::{DataDir, OpenError};
use crate::log::{Day, Log, LogError, Look, OperatorRows, SqliteLog, Unused, UseRows, lost};
use crate::mailbox::Mailboxes;

/// Tasks that wait for the writer while nobody else asks for anything.
pub(crate) const QUEUE: usize = 16;

/// What would go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Collectable {
    /// Spaces that nobody has used for so many days; `None` where no number was given.
    pub unused: Option<Unused>,
    /// Mailboxes that have ended.
    pub mailboxes: u64,
    /// Checkpoints whose entries may go.
    pub checkpoints: u64,
}

#[cfg(feature = "postgres")]
impl Collectable {
    /// With what would go of another database.
    pub(crate) fn add(&mut self, other: Self) {
        self.mailboxes += other.mailboxes;
        self.checkpoints += other.checkpoints;
        if let Some(other) = other.unused {
            let unused = self.unused.get_or_insert_default();
            unused.spaces += other.spaces;
            unused.bytes += other.bytes;
            unused.unknown += other.unknown;
        }
    }
}

/// Why nothing was collected, or not everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// It cannot be looked at.
    #[error(transparent)]
    Look(#[from] LookError),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log could not do it to the end. What went is gone, and the rest is as it was.
    #[error("it was not done to the end: {0}")]
    Log(#[from] LogError),
}

/// What would go of a relay's directory, of spaces those that nobody has used for `days`. It only
/// reads, and a relay may run meanwhile.
///
/// # Errors
/// [`LookError`] where there is nothing that can be read.
pub fn collectable(data: &Path, days: Option<u32>) -> Result<Collectable, LookError> {
    of(&look(data)?, days)
}

/// Lets go of what [`collectable`] tells, and tells what that was. No relay may run on the directory: one that does lets go of
/// it by itself.
///
/// # Errors
/// [`CollectError`] where a relay runs, or the disk fails.
pub async fn collect(data: &Path, days: Option<u32>) -> Result<Collectable, CollectError> {
    let before = collectable(data, days)?;
    let directory = DataDir::open(data)?;
    let log = SqliteLog::open(&directory.path, directory.new_generation, QUEUE);
    let log = log.map_err(|why| OpenError::Database {
        path: data.to_path_buf(),
        why,
    })?;
    let done = all(&log, days).await;
    log.close().await;
    Ok(done.map(|()| before)?)
}

/// What would go where this looks.
pub(crate) fn of<L: Look>(look: &L, days: Option<u32>) -> Result<Collectable, LookError> {
    let clock = Clock::system();
    let (now, today) = (clock.now_ms(), Day::of(clock.now()));
    let counted = look.at_one_moment(|db| {
        let lost = lost(db.ran()?, today);
        let unused = days.map(|days| db.unused_since(today.before(days).before(lost)));
        let (mailboxes, checkpoints) = db.due_now(now)?;
        Ok(Collectable {
            unused: unused.transpose()?,
            mailboxes,
            checkpoints,
        })
    });
    Ok(counted?)
}

/// Lets go of everything that may go.
pub(crate) async fn all<L: Log + Mailboxes>(log: &L, days: Option<u32>) -> Result<(), LogError> {
    let clock = Clock::system();
    let (now, today) = (clock.now_ms(), Day::of(clock.now()));
    while log.sweep(now).await? {}
    while log.drop_due(now).await? {}
    if let Some(days) = days {
        log.runs(today).await?;
        while log.retire(today, today.before(days)).await? {}
    }
    Ok(())
}

//! A [`Log`] and its [`Mailboxes`] over an engine: who prepares, who writes, who reads, and what is
//! kept in memory. An engine has the statements and the transactions.

use std::future::Future;
use std::sync::Arc;

use waymark_wire::chain::Position;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Generation, Height, SpaceId};
use waymark_wire::membership::Membership;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::memberships::Memberships;
use super::rows::{EntryRows, Fault, MailRows, Rows, WakeRows};
use super::writer::Writer;
use super::{
    Append, AppendOutcome, Day, Fetched, Log, LogError, Page, Prepared, Start, Usage, Writing,
    reading,
};
use crate::mailbox::{Mailboxes, Put, PutOutcome};

/// From how many entries on an append is checked beside the threads that serve connections.
const MANY: usize = 4;

/// What reads for a [`Store`].
pub(crate) trait Engine: Send + Sync + 'static {
    /// How it reads.
    type Rows: Rows;

    /// Whether others write to the database, too.
    const IS_SHARED: bool;

    /// Runs `f` over the rows of one moment, on a thread that may block.
    ///
    /// # Errors
    /// [`LogError::Engine`] where `f` fails or the engine does.
    fn read<T: Send + 'static>(
        &self,
        f: impl Fn(&Self::Rows) -> Result<T, Fault> + Send + 'static,
    ) -> impl Future<Output = Result<T, LogError>> + Send;

    /// Lets go of what is not in use.
    fn rest(&self);
}

/// A [`Log`] over an engine.
#[derive(Debug)]
pub struct Store<E> {
    pub(super) generation: Generation,
    pub(super) engine: E,
    /// At least one. The last one does all that is no append; where there are more, appends are the
    /// others', each space always the same one's.
    pub(super) writers: Vec<Writer>,
    pub(super) memberships: Arc<Memberships>,
    pub(super) writing: Writing,
}

#[expect(private_bounds, reason = "an engine is chosen by what opens a store")]
impl<E: Engine> Store<E> {
    /// Who appends to a space; `None` for all that is no append.
    fn writer(&self, space: Option<&SpaceId>) -> Result<&Writer, LogError> {
        let (last, rest) = self.writers.split_last().ok_or(LogError::Busy)?;
        let at = |space: &SpaceId| usize::from(space.0[0]).checked_rem(rest.len());
        Ok(space.and_then(at).map_or(last, |at| &rest[at]))
    }

    /// Reads what depends on who is a member.
    async fn read_with<T: Send + 'static>(
        &self,
        space: SpaceId,
        f: impl Fn(&E::Rows) -> Result<Option<(T, Height)>, Fault> + Send + 'static,
    ) -> Result<Option<T>, LogError> {
        let read = self.engine.read(f).await?;
        Ok(read.map(|(read, height)| {
            // A commit can be read before the writer has told of it.
            self.memberships.forget_below(&space, height);
            read
        }))
    }

    /// A membership that is known and, where others write too, still the newest.
    async fn known(&self, space: SpaceId) -> Result<Option<Arc<Membership>>, LogError> {
        let Some(known) = self.memberships.get(&space) else {
            return Ok(None);
        };
        if !E::IS_SHARED {
            return Ok(Some(known));
        }
        let read = move |db: &E::Rows| match db.number(&space)? {
            Some(number) => reading::height(db, number).map(Some),
            None => Ok(None),
        };
        let height = self.engine.read(read).await?;
        Ok(Some(known).filter(|known| height.is_some_and(|height| height <= known.height())))
    }
}

impl<E: Engine> Log for Store<E> {
    async fn append(&self, append: Append) -> Result<AppendOutcome, LogError> {
        let writer = self.writer(Some(&append.space))?;
        // It may be older than the log is.
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
        let counted = prepared.and_then(|prepared| prepared.count().map(|()| prepared));
        match counted {
            Ok(prepared) => writer.append(prepared).await,
            Err(refused) => Ok(AppendOutcome {
                seqs: Vec::new(),
                is_new: false,
                head: None,
                refused: Some(refused),
            }),
        }
    }

    async fn page(&self, space: SpaceId, after: u64) -> Result<Page, LogError> {
        let read = move |db: &E::Rows| reading::page(db, &space, after);
        let page = self.read_with(space, read).await?;
        page.ok_or(LogError::Dropped)
    }

    async fn agreed(
        &self,
        space: SpaceId,
        places: Vec<Position>,
    ) -> Result<Option<Position>, LogError> {
        let read = move |db: &E::Rows| reading::agreed(db, &space, &places);
        self.engine.read(read).await
    }

    async fn membership(&self, space: SpaceId) -> Result<Option<Arc<Membership>>, LogError> {
        if let Some(membership) = self.known(space).await? {
            return Ok(Some(membership));
        }
        let version = self.memberships.version();
        let read = move |db: &E::Rows| match db.number(&space)? {
            Some(number) => reading::membership(db, number).map(Some),
            None => Ok(None),
        };
        let membership = self.engine.read(read).await?.map(Arc::new);
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
        let read = move |db: &E::Rows| reading::attachments(db, &space, &hashes);
        self.engine.read(read).await
    }

    async fn usage(&self, space: SpaceId) -> Result<Option<Usage>, LogError> {
        let read = move |db: &E::Rows| reading::usage(db, &space);
        self.engine.read(read).await
    }

    async fn start(&self, space: SpaceId) -> Result<Option<Start>, LogError> {
        let read = move |db: &E::Rows| reading::start(db, &space);
        self.read_with(space, read).await
    }

    async fn members(&self, space: SpaceId, after: u64, until: u64) -> Result<Page, LogError> {
        let read = move |db: &E::Rows| reading::members(db, &space, after, until).map(Some);
        let page = self.read_with(space, read).await?;
        page.ok_or(LogError::Dropped)
    }

    async fn entries(&self, space: SpaceId, ids: Vec<EntryId>) -> Result<Fetched, LogError> {
        let read = move |db: &E::Rows| reading::entries(db, &space, &ids).map(Some);
        let fetched = self.read_with(space, read).await?;
        fetched.ok_or(LogError::Dropped)
    }

    async fn drop_due(&self, now: i64) -> Result<bool, LogError> {
        self.writer(None)?.drop_due(now).await
    }

    async fn touch(&self, space: SpaceId, day: Day) -> Result<(), LogError> {
        self.writer(Some(&space))?.touch(space, day).await
    }

    async fn runs(&self, today: Day) -> Result<(), LogError> {
        self.writer(None)?.runs(today).await
    }

    async fn retire(&self, today: Day, since: Day) -> Result<bool, LogError> {
        self.writer(None)?.retire((today, since)).await
    }

    async fn set_wake(
        &self,
        space: SpaceId,
        device: DeviceNumber,
        token: Option<Vec<u8>>,
    ) -> Result<(), LogError> {
        let writer = self.writer(Some(&space))?;
        writer.set_wake((space, device), token).await
    }

    async fn wakes(&self, space: SpaceId) -> Result<Vec<(DeviceNumber, Vec<u8>)>, LogError> {
        let read = move |db: &E::Rows| match db.number(&space)? {
            Some(number) => db.wakes(number),
            None => Ok(Vec::new()),
        };
        self.engine.read(read).await
    }

    fn generation(&self, _: &SpaceId) -> Generation {
        self.generation
    }

    async fn size(&self) -> Result<u64, LogError> {
        self.engine.read(EntryRows::size).await
    }

    fn writing(&self) -> &Writing {
        &self.writing
    }

    async fn health(&self) -> Result<(), LogError> {
        self.engine.read(EntryRows::health).await?;
        if self.writers.iter().all(Writer::is_running) {
            Ok(())
        } else {
            Err(LogError::Busy)
        }
    }

    async fn close(&self) {
        self.engine.rest();
        for writer in &self.writers {
            writer.close().await;
        }
    }
}

impl<E: Engine> Mailboxes for Store<E> {
    async fn put(&self, put: Put, now: i64) -> Result<PutOutcome, LogError> {
        self.writer(None)?.put(put, now).await
    }

    async fn open(
        &self,
        mailbox: MailboxId,
        now: i64,
    ) -> Result<Option<Vec<MailboxSlot>>, LogError> {
        let read = move |db: &E::Rows| db.held(&mailbox, now);
        let slots = self.engine.read(read).await?;
        // The first slot makes a mailbox: none is without.
        Ok(Some(slots).filter(|slots| !slots.is_empty()))
    }

    async fn sweep(&self, now: i64) -> Result<bool, LogError> {
        self.writer(None)?.sweep(now).await
    }
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        Self::Engine(fault.to_string())
    }
}

//! Where spaces' logs are kept. [`Log`] speaks in verbs of the domain. Behind it stands a [`Store`]
//! over one of two engines, which have the same few statements ([`rows`]) and nothing to decide: what
//! is taken, noted, dropped and read is written once, in [`turn`], [`noting`], [`dropping`] and
//! [`reading`], with the rules in [`rules`] and [`checkpoints`]. What every engine has to hold is the
//! conformance suite beside it.

mod candidate;
mod checking;
mod checkpoints;
mod dropping;
mod looking;
mod memberships;
mod noting;
#[cfg(feature = "postgres")]
mod postgres;
mod quota;
mod reading;
mod retiring;
mod rows;
mod rules;
#[cfg(feature = "postgres")]
mod sharded;
mod sqlite;
mod store;
mod turn;
mod writer;

#[cfg(test)]
pub(crate) mod conformance;

use std::future::Future;
use std::sync::Arc;

use waymark_wire::chain::Position;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Generation, SpaceId};
use waymark_wire::membership::Membership;
use waymark_wire::message::RefusalCode;

use crate::rates::Rates;

pub(crate) use self::candidate::{Attachment, Candidate, Prepared, needed_by};
pub use self::checking::Checked;
pub(crate) use self::checking::check;
pub use self::looking::{Flaw, Totals, Unused};
pub(crate) use self::looking::{Look, OperatorRows};
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::{Identity, PostgresLook, identity, renew as renew_postgres};
#[cfg(feature = "postgres")]
pub use self::postgres::{Postgres, PostgresError, PostgresLog, StoreAddress, StoreAddressError};
pub use self::quota::Quota;
pub use self::retiring::Day;
pub(crate) use self::retiring::lost;
pub(crate) use self::rows::{EntryRows, Fault, MailRows, UseRows};
#[cfg(feature = "postgres")]
pub use self::sharded::{Sharded, Shards, ShardsError};
pub use self::sqlite::{DATABASE, SchemaError, Sqlite, SqliteLog};
pub(crate) use self::sqlite::{SqliteLook, renew};
pub use self::store::Store;
pub use crate::metrics::Writing;

/// The logs of all spaces: in each a single order without holes, each entry once.
pub trait Log: Send + Sync + 'static {
    /// Appends entries to one space, one by one, up to the first that is refused. What the outcome
    /// names is durable.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it; nothing is known of the entries then.
    fn append(
        &self,
        append: Append,
    ) -> impl Future<Output = Result<AppendOutcome, LogError>> + Send;

    /// The entries after `seq`: as many as a page holds, at least one where there is one.
    ///
    /// # Errors
    /// [`LogError::Dropped`] where they are not all kept, [`LogError`] where the log cannot be read.
    fn page(
        &self,
        space: SpaceId,
        after: u64,
    ) -> impl Future<Output = Result<Page, LogError>> + Send;

    /// The first of `places` that is on the space's log and from which every entry is kept. Where
    /// nothing was dropped, the place before the first entry is always one.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn agreed(
        &self,
        space: SpaceId,
        places: Vec<Position>,
    ) -> impl Future<Output = Result<Option<Position>, LogError>> + Send;

    /// Who is and was in the space, or `None` where there is no such space. It is never older than
    /// a page that was read before: what it says holds for all the entries of that.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn membership(
        &self,
        space: SpaceId,
    ) -> impl Future<Output = Result<Option<Arc<Membership>>, LogError>> + Send;

    /// The attachments with these hashes, in this order, without those that are not kept (any
    /// more: sealed keys go when the second epoch after theirs begins, agreement keys when no
    /// member has them).
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn attachments(
        &self,
        space: SpaceId,
        hashes: Vec<AttachmentHash>,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, LogError>> + Send;

    /// What is kept of the space, or `None` where there is no such space.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn usage(&self, space: SpaceId)
    -> impl Future<Output = Result<Option<Usage>, LogError>> + Send;

    /// The checkpoint at which a newcomer starts, where there is one: of those with a quorum the one
    /// that reaches furthest, otherwise the one for which something was dropped.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn start(&self, space: SpaceId)
    -> impl Future<Output = Result<Option<Start>, LogError>> + Send;

    /// The membership entries after `after` and up to `until`, which is on the log: as many as a page
    /// holds. The page ends at `until` where no more follow.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn members(
        &self,
        space: SpaceId,
        after: u64,
        until: u64,
    ) -> impl Future<Output = Result<Page, LogError>> + Send;

    /// Those entries with these ids that are snapshots, checkpoints, or kept by the checkpoint at
    /// which newcomers start; in the order given, as many as a page holds.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn entries(
        &self,
        space: SpaceId,
        ids: Vec<EntryId>,
    ) -> impl Future<Output = Result<Fetched, LogError>> + Send;

    /// Drops some of what checkpoints let go `now` (milliseconds since the Unix epoch): whether there
    /// may be more. A dropped entry that comes again still has its place.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it.
    fn drop_due(&self, now: i64) -> impl Future<Output = Result<bool, LogError>> + Send;

    /// Notes that a space was used on this day, where it is there.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it.
    fn touch(&self, space: SpaceId, day: Day) -> impl Future<Output = Result<(), LogError>> + Send;

    /// Notes that the relay runs today. Days on which it did not run count for no space: nobody could
    /// use it then.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it.
    fn runs(&self, today: Day) -> impl Future<Output = Result<(), LogError>> + Send;

    /// Lets go of some of what nobody has used since the day `since`: whether there may be more. Of
    /// spaces of which nobody has noted when they were used, the time runs from `today` on.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it.
    fn retire(&self, today: Day, since: Day)
    -> impl Future<Output = Result<bool, LogError>> + Send;

    /// Keeps the token by which a membership is woken in the place of any other; `None` takes it away.
    /// It goes with the membership, and is not kept for one that is over. Durable when this is back.
    ///
    /// # Errors
    /// [`LogError`] where the log could not do it.
    fn set_wake(
        &self,
        space: SpaceId,
        device: DeviceNumber,
        token: Option<Vec<u8>>,
    ) -> impl Future<Output = Result<(), LogError>> + Send;

    /// The tokens of a space's members.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn wakes(
        &self,
        space: SpaceId,
    ) -> impl Future<Output = Result<Vec<(DeviceNumber, Vec<u8>)>, LogError>> + Send;

    /// The history that receipts of a space belong to.
    fn generation(&self, space: &SpaceId) -> Generation;

    /// Bytes that the log takes, with all that is kept beside it.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be said.
    fn size(&self) -> impl Future<Output = Result<u64, LogError>> + Send;

    /// What its writers count.
    fn writing(&self) -> &Writing;

    /// Whether the log answers.
    ///
    /// # Errors
    /// [`LogError`] where it does not.
    fn health(&self) -> impl Future<Output = Result<(), LogError>> + Send;

    /// Finishes what was begun; appends are answered [`LogError::Busy`] from then on.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// Why a log did not do what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// More is waiting to be written than may wait, or the log is closing.
    #[error("the log takes no more for now")]
    Busy,
    /// What was asked for is not kept any more.
    #[error("what was asked for is not kept any more")]
    Dropped,
    /// The engine failed.
    #[error("the log failed: {0}")]
    Engine(String),
}

/// Entries for one space, in order, as they came.
#[derive(Clone, Debug)]
pub struct Append {
    /// What the entries name may be missing: a relay lost them, and gets them back from somebody to whom
    /// no key was sealed, and who came when some members had gone.
    pub heals: bool,
    /// The space.
    pub space: SpaceId,
    /// Bytes that claim to be entries.
    pub entries: Vec<Vec<u8>>,
    /// What membership entries among them name by hash.
    pub attachments: Vec<Vec<u8>>,
    /// Whether the first entry may create the space.
    pub may_create: bool,
    /// How much is taken.
    pub terms: Terms,
    /// When it arrived, in milliseconds since the Unix epoch by the relay's clock.
    pub now: i64,
}

/// How much a relay takes of anybody; without bounds unless some are set.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What each space may hold.
    pub quota: Quota,
    /// The day on which it came, where it is noted when spaces were last used.
    pub day: Option<Day>,
    /// How often its members may write.
    pub(crate) rates: Option<Arc<Rates>>,
}

/// What became of an [`Append`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppendOutcome {
    /// The places of the entries that were taken, now or before, in the order given.
    pub seqs: Vec<u64>,
    /// Whether any of them is new.
    pub is_new: bool,
    /// The end of the log after that; `None` where no entry was taken.
    pub head: Option<Position>,
    /// Why the next one was not taken; `None` where all were.
    pub refused: Option<Refused>,
}

/// Why an entry was not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Why.
    pub code: RefusalCode,
    /// What is wrong, for whoever debugs; never content.
    pub detail: String,
    /// The end of the log, where a member asked.
    pub head: Option<Position>,
    /// The membership entries above the height that the entry named, as far as a page holds them,
    /// where a member asked and they matter.
    pub membership: Vec<Vec<u8>>,
    /// After how many seconds it may be tried again, where that is known.
    pub after: Option<u32>,
}

/// One entry as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Its place.
    pub seq: u64,
    /// Its id.
    pub id: EntryId,
    /// The entry.
    pub bytes: Vec<u8>,
}

/// Some entries in a row, read at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Stored>,
    /// The place after the last of them: the one asked for where there is none.
    pub end: Position,
    /// The place of the newest entry.
    pub head: u64,
}

/// Where a newcomer starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    /// The checkpoint.
    pub checkpoint: Stored,
    /// What others said of it, as far as it makes the quorum.
    pub acks: Vec<Stored>,
    /// The place that it reaches.
    pub end: Position,
}

/// Entries that were asked for by their ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetched {
    /// Those that there are.
    pub entries: Vec<Stored>,
    /// How many of the ids were looked at: all, or as far as a page goes.
    pub looked_at: usize,
}

/// What is kept of a space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Usage {
    /// Bytes of entries and attachments.
    pub bytes: u64,
    /// The place from which on every entry is kept: 1 where nothing was dropped.
    pub oldest: u64,
    /// The end of the log.
    pub head: Position,
}

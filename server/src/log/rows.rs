//! The statements that an engine has: nothing above this knows how rows look, and nothing below it
//! decides. The turn of an append, checkpoints, what is dropped and what is read are written once
//! over these, so that all engines take, refuse and forget alike.

use std::error::Error;
use std::ops::{ControlFlow, Range};

use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::checkpoints::Standing;
use super::{Attachment, Day, Stored};

/// Why a statement did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// What is stored cannot be what was stored.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// The engine says so. Nothing of the transaction counts.
    #[error(transparent)]
    Engine(Box<dyn Error + Send + Sync>),
}

/// A space's number in the database.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct SpaceNumber(pub(crate) i64);

/// Is shown entries with the chain through each, until it has seen enough.
pub(crate) type Show<'a> = &'a mut dyn FnMut(Stored, Chain) -> ControlFlow<()>;

/// Everything that is asked of a database. What one transaction wrote it reads.
pub(crate) trait Rows: EntryRows + CheckpointRows + MailRows + UseRows + WakeRows {}

impl<R: EntryRows + CheckpointRows + MailRows + UseRows + WakeRows> Rows for R {}

/// Spaces, entries, memberships and attachments.
pub(crate) trait EntryRows {
    /// The number of the space.
    fn number(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault>;

    /// The number of the space, which nobody else changes until the transaction ends.
    fn lock(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault>;

    /// Makes a space; `None` where somebody else has made it meanwhile. Then it is locked.
    fn insert_space(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault>;

    /// Adds to what a space is known to take, or takes away from it.
    fn add_bytes(&self, number: SpaceNumber, bytes: i64) -> Result<(), Fault>;

    /// What a space is known to take.
    fn bytes(&self, number: SpaceNumber) -> Result<u64, Fault>;

    /// Up to where entries of the space may be gone: 0 where none is.
    fn dropped(&self, number: SpaceNumber) -> Result<u64, Fault>;

    /// Notes that entries up to `seq` may be gone.
    fn set_dropped(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault>;

    /// The end of the space's log.
    fn head(&self, number: SpaceNumber, space: &SpaceId) -> Result<Cursor, Fault>;

    /// Puts an entry at `at`, which is the place after the log's end.
    fn insert_entry(
        &self,
        number: SpaceNumber,
        at: &Cursor,
        entry: &Entry,
        id: &EntryId,
    ) -> Result<(), Fault>;

    /// The chain through the entry at `seq`.
    fn chain_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Chain>, Fault>;

    /// The id of the entry at `seq`, where it is still kept.
    fn kept_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<EntryId>, Fault>;

    /// The entry at `seq`, where it is still kept.
    fn entry_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Stored>, Fault>;

    /// Shows the entries after `after`, in order.
    fn entries(&self, number: SpaceNumber, after: u64, show: Show<'_>) -> Result<(), Fault>;

    /// The counter that is next for a signer, as of the entry at `until`.
    fn next_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        until: u64,
    ) -> Result<u64, Fault>;

    /// The entry that a signer counted so.
    fn by_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        counter: u32,
    ) -> Result<Option<(u64, EntryId)>, Fault>;

    /// Notes that the entry at `seq` is the membership entry of `height`.
    fn insert_membership(&self, number: SpaceNumber, height: Height, seq: u64)
    -> Result<(), Fault>;

    /// The height of the newest membership entry up to `seq`.
    fn height_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Height>, Fault>;

    /// The place of the membership entry of this height.
    fn place_of(&self, number: SpaceNumber, height: Height) -> Result<Option<u64>, Fault>;

    /// Shows the membership entries after `after` and up to `until`, in order.
    fn membership_entries(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        show: Show<'_>,
    ) -> Result<(), Fault>;

    /// Keeps an attachment; `false` where it is kept already. A sealed key is `named` by the entry
    /// of that height.
    fn insert_attachment(
        &self,
        number: SpaceNumber,
        attachment: &Attachment,
        named: Option<Height>,
    ) -> Result<bool, Fault>;

    /// Notes that the entry of `height` names a sealed key that is kept already.
    fn name_again(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
        height: Height,
    ) -> Result<(), Fault>;

    /// How many bytes the attachment has, where it is kept.
    fn attachment_size(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<usize>, Fault>;

    /// The attachment, where it is kept.
    fn attachment(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<Vec<u8>>, Fault>;

    /// Drops an attachment: how many bytes that were.
    fn drop_attachment(&self, number: SpaceNumber, hash: &AttachmentHash) -> Result<i64, Fault>;

    /// Drops the sealed keys of which the newest entry that names them has one of these heights: how
    /// many bytes that were.
    fn drop_sealed(&self, number: SpaceNumber, named: &Range<Height>) -> Result<i64, Fault>;

    /// Bytes that the database takes.
    fn size(&self) -> Result<u64, Fault>;

    /// Whether the database answers.
    fn health(&self) -> Result<(), Fault>;
}

/// A checkpoint whose time has come.
#[derive(Debug)]
pub(crate) struct Due {
    /// Its space.
    pub(crate) number: SpaceNumber,
    /// Its place.
    pub(crate) seq: u64,
    /// n.
    pub(crate) reaches: u64,
    /// Up to where it has been gone through.
    pub(crate) progress: u64,
}

/// An entry that a checkpoint covers.
#[derive(Debug)]
pub(crate) struct Covered {
    /// Its place.
    pub(crate) seq: u64,
    /// Its id.
    pub(crate) id: EntryId,
    /// How many bytes it has: 0 where it is gone already.
    pub(crate) length: i64,
    /// The number of its kind, where it is there.
    pub(crate) kind: Option<u8>,
}

/// Checkpoints, what was said of them, and snapshots. Each has the place of its entry.
pub(crate) trait CheckpointRows {
    /// Notes a snapshot.
    fn insert_snapshot(&self, number: SpaceNumber, seq: u64, id: &EntryId) -> Result<(), Fault>;

    /// Notes a checkpoint.
    fn insert_checkpoint(
        &self,
        number: SpaceNumber,
        seq: u64,
        id: &EntryId,
        reaches: u64,
        standing: &Standing,
    ) -> Result<(), Fault>;

    /// The place of a snapshot or checkpoint that is kept.
    fn named(&self, number: SpaceNumber, id: &EntryId) -> Result<Option<u64>, Fault>;

    /// What became of a checkpoint.
    fn standing(&self, number: SpaceNumber, id: &EntryId)
    -> Result<Option<(u64, Standing)>, Fault>;

    /// Notes what becomes of the checkpoint at `seq`.
    fn set_standing(&self, number: SpaceNumber, seq: u64, standing: &Standing)
    -> Result<(), Fault>;

    /// Nobody starts any more at a checkpoint that is there now.
    fn send_to_none(&self, number: SpaceNumber) -> Result<(), Fault>;

    /// Notes that the entry at `seq` says that `checkpoint` is right, where it is the first of that
    /// person.
    fn insert_confirmation(
        &self,
        number: SpaceNumber,
        seq: u64,
        checkpoint: u64,
        person: PersonTag,
    ) -> Result<(), Fault>;

    /// Those who said first that `checkpoint` is right, at most `most`, in order.
    fn confirmations(
        &self,
        number: SpaceNumber,
        checkpoint: u64,
        most: usize,
    ) -> Result<Vec<u64>, Fault>;

    /// Of the checkpoints that reach `reaches` or further, the one that newcomers are sent to: with a
    /// quorum the one that reaches furthest, otherwise the one for which something was dropped.
    fn best(&self, number: SpaceNumber, reaches: u64) -> Result<Option<u64>, Fault>;

    /// The checkpoints that reach `reaches` or further and were not called bad, or for which
    /// something has gone.
    fn standing_from(&self, number: SpaceNumber, reaches: u64) -> Result<Vec<u64>, Fault>;

    /// A space with a checkpoint that is due `now`: the one that has been due longest.
    fn due_space(&self, now: i64) -> Result<Option<SpaceId>, Fault>;

    /// The checkpoint of this space that has been due longest `now`.
    fn due(&self, number: SpaceNumber, now: i64) -> Result<Option<Due>, Fault>;

    /// Entries after `after` and up to `until`, the first `most`.
    fn covered(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        most: usize,
    ) -> Result<Vec<Covered>, Fault>;

    /// Empties an entry's row, and forgets what was noted of it.
    fn empty(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault>;

    /// Something goes for the checkpoint, which has been gone through up to `progress`: to its end,
    /// or not.
    fn set_progress(&self, due: &Due, progress: u64, is_done: bool) -> Result<(), Fault>;

    /// Nothing is to be done for this checkpoint any more.
    fn settle(&self, due: &Due) -> Result<(), Fault>;
}

/// When spaces were last used, and letting go of them.
pub(crate) trait UseRows {
    /// Notes that the space was used on `day`, unless a later one is noted.
    fn touch(&self, number: SpaceNumber, day: Day) -> Result<(), Fault>;

    /// The day on which the space was last used; of one of which that is not noted, day 0.
    fn used(&self, number: SpaceNumber) -> Result<Day, Fault>;

    /// The last day on which it was noted that the relay ran; day 0 where it never was.
    fn ran(&self) -> Result<Day, Fault>;

    /// Notes that the relay ran on `day`, and takes every space for used so many days later.
    fn set_ran(&self, day: Day, later: u32) -> Result<(), Fault>;

    /// Takes some spaces of which it is not noted when they were used for used on `day`, at most
    /// `most`: whether there was any.
    fn begin_counting(&self, day: Day, most: usize) -> Result<bool, Fault>;

    /// A space that was last used before `since`.
    fn unused(&self, since: Day) -> Result<Option<SpaceId>, Fault>;

    /// Has a locked space go: from now on its id is `nobody`'s, and of what is in it only entries are
    /// left.
    fn retire(&self, number: SpaceNumber, nobody: &SpaceId) -> Result<(), Fault>;

    /// A space that goes, and has not yet gone.
    fn leaving(&self) -> Result<Option<SpaceNumber>, Fault>;

    /// Drops entries of a space that goes with their rows, at most `most`: how many.
    fn drop_entries(&self, number: SpaceNumber, most: usize) -> Result<usize, Fault>;

    /// Forgets a space that has no entries any more.
    fn remove_space(&self, number: SpaceNumber) -> Result<(), Fault>;
}

/// Mailboxes.
pub(crate) trait MailRows {
    /// Nobody else changes the mailbox until the transaction ends, if there is one.
    fn lock_mailbox(&self, mailbox: &MailboxId) -> Result<(), Fault>;

    /// All that a mailbox holds that ends after `now`, at one moment.
    fn held(&self, mailbox: &MailboxId, now: i64) -> Result<Vec<MailboxSlot>, Fault>;

    /// Makes a mailbox; `false` where there is one.
    fn insert_mailbox(&self, mailbox: &MailboxId, ends: i64) -> Result<bool, Fault>;

    /// Writes into a slot that is free.
    fn insert_mail(&self, mailbox: &MailboxId, slot: &MailboxSlot) -> Result<(), Fault>;

    /// Some mailboxes that have ended, at most `most`, and that nobody else is changing.
    fn ended(&self, now: i64, most: usize) -> Result<Vec<MailboxId>, Fault>;

    /// Removes a mailbox, if there is one.
    fn remove_mailbox(&self, mailbox: &MailboxId) -> Result<(), Fault>;
}

/// Tokens by which members are woken.
pub(crate) trait WakeRows {
    /// Keeps a membership's token in the place of any other; `None` takes it away.
    fn set_wake(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        token: Option<&[u8]>,
    ) -> Result<(), Fault>;

    /// The tokens of a space's members.
    fn wakes(&self, number: SpaceNumber) -> Result<Vec<(DeviceNumber, Vec<u8>)>, Fault>;
}

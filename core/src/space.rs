//! One space on one device: its membership and keys, its documents, its place in the log, and what
//! waits to be sent. Everything here is local: bytes go in and out, and nothing waits.
//!
//! ```text
//! edit ──▶ documents ──▶ outbox::seal ──▶ sealed entries ──▶ (relay) ──▶ receive ──▶ open ──▶ documents
//! ```
//!
//! - [`Space::edit`]: local edits, durable when the call returns.
//! - [`Space::seal`]: everything since the last push becomes one signed entry.
//! - [`Space::receive`]: a page of the log is verified, stored, opened and applied in one
//!   transaction, or refused whole.
//! - [`Space::refuse_key`]: where the key of an epoch did not come.
//! - [`Space::returned_after`], [`Space::rewind`]: where the relay's log is not what it was.
//! - [`Space::renounce`]: where this device turns out to be a copy of another one, or restored.
//! - [`Space::take_word`]: what the relay signed is held against what it signs later.
//! - [`Space::start_at`]: a newcomer takes the log from a checkpoint on.
//! - [`Space::wish`] and what follows it: changes of the membership that this device wants.
//! - `cut`, `forget`, `given_up`: something is forgotten, and everything before goes.

mod again;
mod aside;
mod carry;
mod checkpoint;
mod cut;
mod documents;
mod edit;
mod entering;
mod error;
mod evidence;
mod forget;
mod fork;
mod former;
mod gap;
mod given_up;
mod heal;
mod heard;
mod held;
mod keys;
mod learn;
mod left_out;
mod lost;
mod open;
mod outbox;
mod places;
mod poison;
mod receive;
mod refusal;
mod renewal;
mod repair;
mod reseal;
mod restored;
mod rewind;
mod standing;
mod start;
mod state;
mod summary;
mod twice;
mod wanted;
mod wishes;
mod words;

#[cfg(test)]
mod membership_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{Context, SHA256};
use waymark_wire::chain::Cursor;
use waymark_wire::entry::Entry;
use waymark_wire::ids::{DeviceNumber, Height, SpaceId};
use waymark_wire::membership::{Member, Membership};
use waymark_wire::signature::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use self::again::Again;
use self::checkpoint::Checkpoints;
pub use self::checkpoint::{Published, TAIL};
use self::documents::Documents;
pub use self::entering::Founding;
pub use self::error::SpaceError;
pub use self::evidence::KeptEvidence;
use self::evidence::Passed;
use self::former::Formers;
pub use self::gap::Gap;
pub use self::given_up::{GivenUp, Notice};
pub use self::heal::Returned;
pub use self::heard::Heard;
pub use self::held::{Inspected, Quarantined, Released};
use self::lost::Lost;
pub use self::open::Change;
pub use self::outbox::Sealed;
pub use self::places::{Places, Standing};
use self::poison::Journal;
pub use self::receive::{Item, Received};
pub(crate) use self::repair::note_repaired;
pub use self::repair::{Damage, Repaired};
pub use self::restored::Unsent;
use self::restored::Unsettled;
pub(crate) use self::standing::ONE_SUPPORTER;
use self::start::Start;
pub use self::start::{Next, Offer, StartFault, Turn};
pub(crate) use self::state::SpaceState;
#[cfg(feature = "http")]
pub(crate) use self::summary::{SUMMARIES, SUMMARY_PAGE, key as summary_key};
pub use self::wanted::{NotDone, Unfulfilled, Wanted};
pub use self::wishes::{Drafted, devices_of};
use crate::crypto::{EpochKey, MembershipKeys};
use crate::gate::{ActorId, DocumentName, Section};
use crate::membership::{Book, KeySet, RelayAddress, SpaceKind};
use crate::store::{Store, StoreError, Table, Transaction};

/// One space on this device.
pub struct Space {
    number: u32,
    state: SpaceState,
    keys: MembershipKeys,
    signing: SigningKey,
    /// The public key of this device's own membership, also while it is none yet.
    own_key: VerifyingKey,
    book: Option<Book>,
    documents: Documents,
    /// Sections that wait for other changes, with their places in the log.
    waiting: Vec<((u64, u32), Section)>,
    /// Of whom, and for which documents, something was discarded.
    discarded: BTreeSet<(DeviceNumber, DocumentName)>,
    /// What the run before was opening when it ended.
    journal: Option<Journal>,
    /// Documents with changes under keys that were given up, which the log has not shown.
    unsettled: BTreeMap<DocumentName, Unsettled>,
    /// Entries that the relay's log had and has no more, in their old order.
    lost: Vec<Lost>,
    /// The log's end, to which the relay is held.
    passed: Passed,
    /// The log is read again from its start.
    again: Option<Again>,
    /// Documents as they were before they were given up, as far as they were looked at.
    formers: Formers,
    /// This device starts at a checkpoint.
    start: Option<Start>,
    /// The checkpoints that the log shows.
    checkpoints: Checkpoints,
    /// What is in memory may be ahead of what is stored: it is read again before it is used.
    stale: bool,
}

impl Space {
    /// A space as the store has it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn load(store: &dyn Store, number: u32) -> Result<Self, SpaceError> {
        let row = store
            .get(Table::Space, &keys::space(number))?
            .map(Zeroizing::new)
            .ok_or_else(|| damaged(Table::Space, "a space is missing"))?;
        let state = SpaceState::from_bytes(&row)?;
        let keys = MembershipKeys::from_bytes(&state.keys)?;
        let signing = SigningKey::from_seed(keys.signing_seed())
            .ok_or_else(|| damaged(Table::Space, "a signing key is missing"))?;
        let own_key = match &state.becomes {
            Some(own) => VerifyingKey(MembershipKeys::from_bytes(own)?.signing_public()?),
            None => signing.verifying_key(),
        };
        let mut space = Self {
            number,
            own_key,
            book: None,
            documents: Documents::load(store, number)?,
            waiting: Vec::new(),
            discarded: BTreeSet::new(),
            journal: None,
            unsettled: BTreeMap::new(),
            lost: Vec::new(),
            passed: Passed::load(store, number, state.cursor)?,
            again: Again::load(store, number)?,
            formers: Formers::new(),
            start: Start::load(store, number)?,
            checkpoints: Checkpoints::default(),
            stale: false,
            signing,
            keys,
            state,
        };
        space.load_book(store)?;
        space.load_waiting(store)?;
        space.load_discarded(store)?;
        space.load_journal(store)?;
        space.load_unsettled(store)?;
        space.load_lost(store)?;
        space.load_checkpoints(store)?;
        Ok(space)
    }

    fn load_book(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let entries = store.scan(
            Table::Membership,
            &keys::space(self.number),
            None,
            usize::MAX,
        )?;
        let broken = |_| damaged(Table::Membership, "a membership entry is damaged");
        let mut parsed = Vec::new();
        for (_, bytes) in entries {
            parsed.push(Entry::parse(bytes).map_err(broken)?);
        }
        // They were verified when they came: a rule that fails now means that a row is gone.
        let gone = || damaged(Table::Membership, "a membership entry is missing");
        let known = self.state.verified;
        let Some((first, rest)) = parsed.split_first() else {
            return known.map_or(Ok(()), |_| Err(gone()));
        };
        let membership = known.and_then(|head| Membership::known(first, rest, head).ok());
        let membership = membership.map_or_else(|| Membership::of(first, rest), Ok);
        let mut book = Book::of(membership.map_err(|_| gone())?);
        let head = (book.membership().height(), book.membership().head());
        if known.is_some_and(|(height, _)| height > head.0) {
            return Err(gone());
        }
        self.state.verified = Some(head);
        for (key, value) in store.scan(Table::Epoch, &keys::space(self.number), None, usize::MAX)? {
            let value = Zeroizing::new(value);
            book.restore_key(keys::height_of(&key)?, EpochKey::from_slice(&value)?);
        }
        for member in &self.state.untold {
            book.restore_member(member.clone());
        }
        for (height, entry) in (0..).zip(&parsed) {
            // What does not open was held back when it came; the space goes on without it.
            let _ = book.read_roster(entry, Height(height));
        }
        if let Some(doubtful) = &self.state.doubtful {
            let key = EpochKey::from_slice(&doubtful.key)?;
            book.restore_doubtful(doubtful.start, key);
        }
        self.book = Some(book);
        Ok(())
    }

    /// The entries of the log that this device keeps, in their order.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn entries(&self, store: &dyn Store) -> Result<Vec<Entry>, SpaceError> {
        let rows = store.scan(Table::Entry, &keys::space(self.number), None, usize::MAX)?;
        let parse = |(_, bytes)| Entry::parse(bytes);
        let entries: Result<_, _> = rows.into_iter().map(parse).collect();
        entries.map_err(|_| damaged(Table::Entry, "an entry of the log cannot be read"))
    }

    /// The membership entries of the log, from the first on.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn membership_entries(&self, store: &dyn Store) -> Result<Vec<Entry>, SpaceError> {
        let rows = store.scan(
            Table::Membership,
            &keys::space(self.number),
            None,
            usize::MAX,
        )?;
        let parse = |(_, bytes)| Entry::parse(bytes);
        let entries: Result<_, _> = rows.into_iter().map(parse).collect();
        entries.map_err(|_| damaged(Table::Membership, "a membership entry is damaged"))
    }

    /// The membership entry at a height, where it is stored.
    fn membership_entry(
        &self,
        store: &dyn Store,
        height: Height,
    ) -> Result<Option<Entry>, SpaceError> {
        let bytes = store.get(Table::Membership, &keys::membership(self.number, height))?;
        Ok(bytes.and_then(|bytes| Entry::parse(bytes).ok()))
    }

    /// The number that this device gives the space in its own database.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The space.
    #[must_use]
    pub const fn id(&self) -> SpaceId {
        self.state.id
    }

    /// What the space is for.
    #[must_use]
    pub const fn kind(&self) -> SpaceKind {
        self.state.kind
    }

    /// Where the space is served.
    #[must_use]
    pub const fn relay(&self) -> &RelayAddress {
        &self.state.relay
    }

    /// The membership as verified so far; `None` until the first entry was read.
    #[must_use]
    pub const fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// This device's membership; `None` until the log has shown it.
    #[must_use]
    pub const fn device(&self) -> Option<DeviceNumber> {
        self.state.device
    }

    /// The membership that this device reads the log as: its own, or before the log has shown it
    /// the one that the welcome named.
    #[must_use]
    pub fn device_to_read_as(&self) -> Option<DeviceNumber> {
        self.state.device.or(self.state.welcomed_as)
    }

    /// How far this device has verified the log.
    #[must_use]
    pub const fn cursor(&self) -> &Cursor {
        &self.state.cursor
    }

    /// The counter that is next for each membership after that place, by number; those at the end that
    /// have said nothing yet are left out.
    #[must_use]
    pub fn counters(&self) -> &[u32] {
        &self.state.counters
    }

    /// This device's key in this space, which signs entries and proofs.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// Whether this device can read here: it is or was a member, and holds the newest epoch's key or
    /// read with an earlier one and waits for it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.holds_key() || (self.state.opened > self.base_seq() && self.lacks_key())
    }

    /// Whether this device founded the space and the relay has not shown it yet.
    #[must_use]
    pub const fn is_unheard_of(&self) -> bool {
        self.state.cursor.seq == 0 && self.state.device.is_some() && !self.is_enrolling()
    }

    /// Whether this device reads the log with keys that are not its own, until it is a member with
    /// its own.
    #[must_use]
    pub const fn is_enrolling(&self) -> bool {
        self.state.becomes.is_some()
    }

    /// Whether nothing counts here any more, as far as this device has read. The space stays
    /// readable.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let book = self.book.as_ref();
        self.was_closed() || book.is_some_and(|book| book.membership().is_closed())
    }

    /// Whether this device's membership has ended, by its own log or because its person left.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let gone = |book: &Book, own| book.membership().member(own).is_none();
        let known = self.book.as_ref().zip(self.state.device);
        // At a checkpoint from before it was added it is no member yet.
        self.state.left || (!self.is_on_trial() && known.is_some_and(|(book, own)| gone(book, own)))
    }

    /// Whether the log reaches what the welcome promised. Until then the relay hides something.
    #[must_use]
    pub fn reaches_welcome(&self) -> bool {
        let until = self.again.as_ref().map(|again| again.until.seq);
        let is_there = until.is_none_or(|seq| self.state.cursor.seq >= seq);
        is_there
            && self
                .state
                .welcome
                .is_none_or(|(_, reaches)| self.state.cursor.seq >= reaches.seq)
    }

    /// The actor under which this device edits documents of this space.
    #[must_use]
    pub fn actor(&self) -> ActorId {
        actor(&self.state.id, &self.own_key)
    }

    /// The actors of all memberships that this device's person has or had here.
    #[must_use]
    pub fn own_actors(&self) -> BTreeSet<ActorId> {
        self.own_memberships()
            .map(|member| actor(&self.state.id, &member.signing_key))
            .collect()
    }

    /// All memberships that this device's person has or had here.
    fn own_memberships(&self) -> impl Iterator<Item = &Member> {
        let own = self.own().map(|member| member.person);
        let everybody = self
            .book
            .iter()
            .flat_map(|book| book.membership().everybody());
        everybody.filter(move |member| Some(member.person) == own)
    }

    /// The membership behind an actor.
    #[must_use]
    pub fn member_of(&self, actor_id: &ActorId) -> Option<DeviceNumber> {
        let membership = self.book.as_ref()?.membership();
        membership
            .everybody()
            .iter()
            .find(|member| actor(&self.state.id, &member.signing_key) == *actor_id)
            .map(|member| member.device)
    }

    /// Takes the relay's key as the one to hold it to, where none was known.
    ///
    /// # Errors
    /// [`SpaceError::Relay`] where another key is known.
    pub fn pin_relay(
        &mut self,
        store: &mut dyn Store,
        key: VerifyingKey,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        match self.state.relay.key {
            Some(known) if known == key => Ok(()),
            Some(_) => Err(SpaceError::Relay("it shows another key than the one known")),
            None => {
                self.state.relay.key = Some(key);
                let mut transaction = Transaction::new();
                self.save(&mut transaction);
                Ok(store.commit(transaction.into())?)
            }
        }
    }

    /// Has the space be read from the store again before it is used, because what is in memory may
    /// not be stored.
    pub(crate) const fn distrust(&mut self) {
        self.stale = true;
    }

    /// Says whether the next opening may rely on what this device has verified here, as it does
    /// otherwise; without it, every signature of the membership is checked once more.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn rely_on_verified(
        &mut self,
        store: &mut dyn Store,
        relies: bool,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let mut state = self.state.clone();
        state.verified = state.verified.filter(|_| relies);
        let mut transaction = Transaction::new();
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
        Ok(store.commit(transaction.into())?)
    }

    fn refresh(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        if self.stale {
            let mut again = Self::load(store, self.number)?;
            let cursor = again.state.cursor;
            again.passed.take_over(&mut self.passed, &cursor);
            *self = again;
        }
        Ok(())
    }

    fn save(&self, transaction: &mut Transaction) {
        self.documents.note(transaction);
        if let Some(start) = &self.start {
            start.save(transaction, self.number);
        }
        transaction.put(
            Table::Space,
            keys::space(self.number),
            self.state.to_bytes(),
        );
    }
}

/// A founder's own entry in the roster, from its keys.
///
/// # Errors
/// [`SpaceError`] where the keys are unusable.
pub fn member_keys(keys: &MembershipKeys) -> Result<KeySet, SpaceError> {
    Ok(KeySet::of(keys)?)
}

/// `SHA-256("waymark/1 actor" ‖ space id ‖ the device's signing key)`, its first 16 bytes.
#[must_use]
pub fn actor(space: &SpaceId, key: &VerifyingKey) -> ActorId {
    let mut context = Context::new(&SHA256);
    context.update(b"waymark/1 actor");
    context.update(&space.0);
    context.update(&key.0);
    let mut actor = [0; 16];
    actor.copy_from_slice(&context.finish().as_ref()[..16]);
    ActorId(actor)
}

fn damaged(table: Table, what: &str) -> SpaceError {
    SpaceError::Store(StoreError::Damaged {
        table: Some(table),
        what: what.into(),
    })
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Space({}, at {})", self.state.id, self.state.cursor.seq)
    }
}

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
//! - [`Space::wish`] and what follows it: changes of the membership that this device wants.

mod documents;
mod error;
mod keys;
mod learn;
mod open;
mod outbox;
mod receive;
mod renewal;
mod reseal;
mod standing;
mod state;
mod wishes;

#[cfg(test)]
mod membership_tests;
#[cfg(test)]
mod tests;

use ring::digest::{Context, SHA256};
use waymark_wire::chain::Cursor;
use waymark_wire::codec;
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, Height, SpaceId};
use waymark_wire::signature::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use self::documents::Documents;
pub use self::error::SpaceError;
pub use self::open::{Change, Quarantined};
pub use self::outbox::Sealed;
pub use self::receive::{Item, Received};
pub use self::wishes::{Drafted, Unfulfilled, devices_of};
pub(crate) use self::state::SpaceState;
use crate::crypto::{Entropy, EpochKey, MembershipKeys};
use crate::gate::{ActorId, Document, DocumentName, GateError, Section, StoredChange};
use crate::membership::{
    Book, Draft, KeySet, NewMember, Newcomer, RelayAddress, SpaceKind, WelcomeSpace, Wish, found,
};
use crate::store::{Store, StoreError, Table, Transaction};

/// What a space is founded as.
#[derive(Clone, Debug)]
pub struct Founding {
    /// What it is for.
    pub kind: SpaceKind,
    /// Where it is served.
    pub relay: RelayAddress,
    /// The space in whose place it goes on.
    pub follows: Option<SpaceId>,
}

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
    /// What is in memory may be ahead of what is stored: it is read again before it is used.
    stale: bool,
}

impl Space {
    /// Founds a space with this device as its first member, and whoever else of its person comes with
    /// it. It needs no relay to be there: the first entry waits in the outbox.
    ///
    /// # Errors
    /// [`SpaceError`] where a key is unusable or the store fails; nothing is kept then.
    pub fn create(
        store: &mut dyn Store,
        number: u32,
        founders: &[NewMember],
        keys: MembershipKeys,
        founded: Founding,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SpaceError> {
        let Founding {
            kind,
            relay,
            follows,
        } = founded;
        let (draft, epoch_key) = found(founders, kind, Some(&relay), follows, &keys, entropy)?;
        let mut transaction = Transaction::new();
        for member in founders {
            let key = &member.keys.agreement_key.0;
            let place = keys::attachment(number, &AttachmentHash::of(key));
            transaction.put(Table::Attachment, place, key.as_slice());
        }
        let first = (&draft, &epoch_key);
        Self::put_founded(&mut transaction, number, (kind, relay), &keys, first, &[]);
        store.commit(transaction.into())?;
        Self::load(store, number)
    }

    /// Puts a space with this first entry and the batches after it on its way.
    pub(crate) fn put_founded(
        transaction: &mut Transaction,
        number: u32,
        (kind, relay): (SpaceKind, RelayAddress),
        keys: &MembershipKeys,
        (draft, epoch_key): (&Draft, &EpochKey),
        batches: &[Entry],
    ) {
        let id = SpaceId::from(draft.entry.id(&SpaceId::ZERO));
        let mut state = SpaceState::new(id, kind, relay, keys);
        state.device = Some(DeviceNumber(0));
        state.counter = 1;
        transaction
            .put(
                Table::Membership,
                keys::membership(number, Height(0)),
                draft.entry.bytes(),
            )
            .put(
                Table::Epoch,
                keys::epoch(number, Height(0)),
                epoch_key.expose().as_slice(),
            );
        outbox::put_membership(transaction, number, 0, draft);
        for batch in batches {
            outbox::put_batch(transaction, number, state.counter, batch.clone());
            state.counter += 1;
        }
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Deletes everything of a space from this device.
    pub fn erase(transaction: &mut Transaction, number: u32) {
        for table in Table::ALL {
            // What these two hold is not of one space.
            if !matches!(table, Table::Meta | Table::Home) {
                transaction.delete_prefix(table, keys::space(number));
            }
        }
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
        let rows = store.scan(Table::Membership, &keys::space(self.number), None, usize::MAX)?;
        let parse = |(_, bytes)| Entry::parse(bytes);
        let entries: Result<_, _> = rows.into_iter().map(parse).collect();
        entries.map_err(|_| damaged(Table::Membership, "a membership entry is damaged"))
    }

    /// Prepares for a space that this device was welcomed to: nothing of it is known yet.
    pub fn join(
        transaction: &mut Transaction,
        number: u32,
        welcome: &WelcomeSpace,
        keys: &MembershipKeys,
    ) {
        let mut state = SpaceState::new(welcome.space, welcome.kind, welcome.relay.clone(), keys);
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Prepares for a space that this device enters with `borrowed` keys, which are a member
    /// already, to become a member with its `own`.
    pub fn join_with(
        transaction: &mut Transaction,
        number: u32,
        welcome: &WelcomeSpace,
        borrowed: &MembershipKeys,
        own: &MembershipKeys,
    ) {
        let relay = welcome.relay.clone();
        let mut state = SpaceState::new(welcome.space, welcome.kind, relay, borrowed);
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        state.becomes = Some(Zeroizing::new(own.to_bytes().to_vec()));
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Puts other borrowed keys in the place of those that led nowhere.
    pub fn borrow_again(
        &self,
        transaction: &mut Transaction,
        welcome: &WelcomeSpace,
        borrowed: &MembershipKeys,
    ) {
        let mut state = self.state.clone();
        state.keys = Zeroizing::new(borrowed.to_bytes().to_vec());
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
    }

    /// Notes what this device wants to be called where it enters with borrowed keys.
    pub fn wish_to_enrol(transaction: &mut Transaction, number: u32, newcomer: Newcomer) {
        let wish = Wish::Enrol(newcomer);
        let place = keys::wish(number, &wish);
        transaction.put(Table::Intent, place, codec::encode(&wish));
    }

    /// Takes another welcome for the same membership, as long as the first has led nowhere: it may
    /// have been damaged on its way. Says whether it was taken; then the space is to be loaded again.
    #[must_use]
    pub fn welcome_again(&self, transaction: &mut Transaction, welcome: &WelcomeSpace) -> bool {
        let mut state = self.state.clone();
        if self.book.is_none() {
            state.id = welcome.space;
            state.kind = welcome.kind;
            state.relay = welcome.relay.clone();
            state.cursor = Cursor::start(&welcome.space);
            state.welcomed_as = Some(welcome.device);
        } else if self.reaches_welcome() || self.state.id != welcome.space {
            return false;
        }
        state.welcome = Some((welcome.added_by, welcome.reaches));
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
        true
    }

    /// Every space in the store, by local number.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn load_all(store: &dyn Store) -> Result<Vec<Self>, SpaceError> {
        let rows = store.scan(Table::Space, &[], None, waymark_wire::limits::SPACES)?;
        rows.iter()
            .map(|(key, _)| Self::load(store, keys::number_of(key)?))
            .collect()
    }

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
            stale: false,
            signing,
            keys,
            state,
        };
        space.load_book(store)?;
        space.load_waiting(store)?;
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
        let Some((first, rest)) = parsed.split_first() else {
            return Ok(());
        };
        // They were verified when they came: a rule that fails now means that a row is gone.
        let gone = |_| damaged(Table::Membership, "a membership entry is missing");
        let mut book = Book::found(first).map_err(gone)?;
        for entry in rest {
            book.apply(entry).map_err(gone)?;
        }
        for (key, value) in store.scan(Table::Epoch, &keys::space(self.number), None, usize::MAX)? {
            let value = Zeroizing::new(value);
            book.restore_key(keys::height_of(&key)?, EpochKey::from_slice(&value)?);
        }
        for (height, entry) in (0..).zip(&parsed) {
            // What does not open was held back when it came; the space goes on without it.
            let _ = book.read_roster(entry, Height(height));
        }
        self.book = Some(book);
        Ok(())
    }

    /// Edits a document: `f` makes the changes, which are durable when this returns.
    ///
    /// # Errors
    /// [`SpaceError`] where the gate refuses a change or the store fails; the document is as before.
    pub fn edit(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
        f: impl FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>,
    ) -> Result<bool, SpaceError> {
        self.edit_many(store, vec![(name, f)])
    }

    /// Edits several documents, all or none.
    ///
    /// # Errors
    /// [`SpaceError`] where the gate refuses a change or the store fails; the documents are as
    /// before.
    pub fn edit_many<F>(
        &mut self,
        store: &mut dyn Store,
        edits: Vec<(DocumentName, F)>,
    ) -> Result<bool, SpaceError>
    where
        F: FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>,
    {
        self.refresh(store)?;
        let actor = self.actor();
        let mut transaction = Transaction::new();
        let mut edited = Vec::new();
        let run = || -> Result<(), SpaceError> {
            for (name, f) in edits {
                edited.push(name);
                let changes = f(self.documents.open(store, name, actor)?)?;
                self.documents.write_local(&mut transaction, name, &changes);
            }
            Ok(())
        };
        let outcome = run();
        let changed = !transaction.is_empty();
        let outcome = match outcome {
            Ok(()) if changed => store.commit(transaction.into()).map_err(SpaceError::from),
            other => other,
        };
        if let Err(error) = outcome {
            self.documents.reload(store, &edited)?;
            return Err(error);
        }
        Ok(changed)
    }

    /// A document as it is now, to read.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn document(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
    ) -> Result<&mut Document, SpaceError> {
        self.refresh(store)?;
        let actor = self.actor();
        self.documents.open(store, name, actor)
    }

    /// The documents that exist here.
    pub fn document_names(&self) -> impl Iterator<Item = DocumentName> + '_ {
        self.documents.names()
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

    /// This device's key in this space, which signs entries and proofs.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// Whether this device can read here: it is or was a member and holds the newest epoch's key.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.device.is_some()
            && self
                .book
                .as_ref()
                .is_some_and(|b| b.key_at(b.membership().height()).is_some())
    }

    /// Whether this device reads the log with keys that are not its own, until it is a member with
    /// its own.
    #[must_use]
    pub const fn is_enrolling(&self) -> bool {
        self.state.becomes.is_some()
    }

    /// Whether this device's membership has ended, by its own log or because its person left.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let gone = |book: &Book, own| book.membership().member(own).is_none();
        let known = self.book.as_ref().zip(self.state.device);
        self.state.left || known.is_some_and(|(book, own)| gone(book, own))
    }

    /// Whether the log reaches what the welcome promised. Until then the relay hides something.
    #[must_use]
    pub fn reaches_welcome(&self) -> bool {
        self.state
            .welcome
            .is_none_or(|(_, reaches)| self.state.cursor.seq >= reaches.seq)
    }

    /// The actor under which this device edits documents of this space.
    #[must_use]
    pub fn actor(&self) -> ActorId {
        actor(&self.state.id, &self.own_key)
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

    fn refresh(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        if self.stale {
            *self = Self::load(store, self.number)?;
        }
        Ok(())
    }

    fn save(&self, transaction: &mut Transaction) {
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

//! Taking a page of the log: every entry is verified before anything is believed, and the page is
//! kept whole or not at all.

use std::collections::BTreeMap;

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::membership::MembershipError;
use waymark_wire::receipt::Receipt;

use super::held::FORKED;
use super::{Change, Quarantined, Space, SpaceError, keys};
use crate::gate::{DocumentName, StoredChange};
use crate::membership::{Book, BookError};
use crate::store::{Store, Table, Transaction, clean};

/// One thing that a relay sends of a space.
#[derive(Clone, Debug)]
pub enum Item {
    /// What the next membership entry names by hash.
    Attachment(Vec<u8>),
    /// The next entry.
    Entry {
        /// Its place.
        seq: u64,
        /// The whole entry.
        bytes: Vec<u8>,
    },
    /// The next entry, which this membership signed.
    Own {
        /// Its place.
        seq: u64,
        /// Its id.
        id: EntryId,
    },
}

impl Item {
    /// Bytes that came with it.
    pub(crate) const fn size(&self) -> usize {
        match self {
            Self::Attachment(bytes) | Self::Entry { bytes, .. } => bytes.len(),
            Self::Own { .. } => 0,
        }
    }
}

/// What a page brought.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// What others changed, one for each section that was applied.
    pub changes: Vec<Change>,
    /// What was held back.
    pub quarantined: Vec<Quarantined>,
    /// Whether the membership changed.
    pub membership: bool,
    /// How many of this device's entries the log has now shown.
    pub confirmed: usize,
    /// Whether this device is to hand a member the key that it lacks.
    pub asked: bool,
    /// Whether something was forgotten.
    pub forgot: bool,
    /// Whether something that this device wrote was given up with it.
    pub given_up: bool,
    /// Whether there is more to send: this device said something again, or its documents hold the log now,
    /// for which what is to be forgotten has waited.
    pub wrote: bool,
    /// Whether there is a checkpoint that this device has not looked at.
    pub checkpoints: bool,
}

/// The state of one page while it is taken.
#[derive(Default)]
pub(super) struct Page {
    /// When it came, in milliseconds since the Unix epoch.
    now_ms: i64,
    pub(super) transaction: Transaction,
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) received: Received,
    pub(super) attachments: Vec<Vec<u8>>,
    /// Entries that start an epoch.
    pub(super) epochs: BTreeMap<Height, Entry>,
    /// An epoch key for this device did not come or does not open.
    pub(super) key_refused: bool,
    /// The newest such one did not come.
    pub(super) key_missing: bool,
    /// It came as to the membership whose keys this device had borrowed, and shows that it became one of
    /// its own: what others sealed to that one is not in it.
    pub(super) read_as_another: bool,
    /// Sections go into their documents one at a time, so that one that breaks takes no other along.
    pub(super) one_by_one: bool,
    /// A place was agreed on up to which this device keeps nothing of the log any more.
    pub(super) lets_go: bool,
    /// Documents that one of them broke, to be read again once this is committed.
    pub(super) broken: Vec<DocumentName>,
    /// What comes before this entry is stored.
    pub(super) stored_before: Option<u64>,
    /// The first change of each document that this device wrote with it.
    pub(super) local: BTreeMap<DocumentName, u32>,
}

impl Page {
    /// One whose sections go into their documents one at a time.
    pub(super) fn one_by_one() -> Self {
        Self {
            one_by_one: true,
            ..Self::default()
        }
    }

    /// Notes that this device wrote a change, which is not stored yet.
    fn note_local(&mut self, name: DocumentName, seq: u32) {
        let first = self.local.entry(name).or_insert(seq);
        *first = seq.min(*first);
    }
}

impl Space {
    /// Writes what this device says in a document while it takes a page.
    pub(super) fn write_own(
        &mut self,
        page: &mut Page,
        name: DocumentName,
        changes: &[StoredChange],
    ) {
        for change in changes {
            page.note_local(name, change.seq);
        }
        self.documents
            .write_local(&mut page.transaction, name, changes);
    }

    /// Takes a page: verifies each entry and the relay's receipt, stores the entries, opens and
    /// applies what can be opened, all in one transaction. `at_end` tells whether the log ends with
    /// it; `now_ms` is the time in milliseconds since the Unix epoch, by this device's clock.
    ///
    /// # Errors
    /// [`SpaceError`] names the entry that is refused; nothing of the page is kept then.
    pub fn receive(
        &mut self,
        store: &mut dyn Store,
        items: Vec<Item>,
        receipt: &Receipt,
        at_end: bool,
        now_ms: i64,
    ) -> Result<Received, SpaceError> {
        self.refresh(store)?;
        if items.is_empty()
            && self.state.generation == Some(receipt.generation)
            && self.state.receipt.is_some()
            && self.state.cursor.position() == receipt.position
            && self.again.is_none()
            && self.start.is_none()
            && self.unsettled.is_empty()
            && !self.has_more_to_open()
        {
            self.check_receipt(receipt)?;
            return Ok(Received::default());
        }
        let before = self.journal();
        let has_held_the_log = self.holds_the_log();
        match self.try_receive(store, items, receipt, at_end, now_ms) {
            Ok(mut received) => {
                received.wrote |= !has_held_the_log && self.holds_the_log();
                Ok(received)
            }
            Err(error) => {
                self.distrust();
                self.refresh(store)?;
                self.hold_to_last_word(store, receipt)?;
                // Whatever it was, it did not kill: the next time, one by one.
                self.excuse(store, before);
                Err(error)
            }
        }
    }

    fn try_receive(
        &mut self,
        store: &mut dyn Store,
        items: Vec<Item>,
        receipt: &Receipt,
        at_end: bool,
        now_ms: i64,
    ) -> Result<Received, SpaceError> {
        let mut page = Page {
            now_ms,
            ..Page::default()
        };
        self.begin_again(store, &mut page.transaction, &items)?;
        for item in items {
            match item {
                Item::Attachment(bytes) => page.attachments.push(bytes),
                Item::Entry { seq, bytes } => {
                    self.in_order(seq)?;
                    let entry =
                        Entry::parse(bytes).map_err(|why| SpaceError::Entry { seq, why })?;
                    self.take(store, &mut page, seq, entry)?;
                }
                Item::Own { seq, id } => {
                    self.in_order(seq)?;
                    // Only a signature says whose it is; whole entries have one.
                    let taken = self.take_own(store, &mut page, seq, &id)?;
                    taken.ok_or(SpaceError::OwnUnknown { seq })?;
                }
            }
        }
        self.check_receipt(receipt)?;
        self.hold_to_its_word(store, &mut page.transaction, receipt)?;
        // Keys that a relay has dropped for later ones are not missed, once those have come.
        if at_end {
            self.goes_on_without_key(&page)?;
        }
        self.open_epochs(store, &mut page)?;
        self.answer(&mut page);
        if at_end {
            self.end_trial(store, &mut page)?;
        }
        self.plan_documents(store, &mut page)?;
        self.open_journaled(store, &mut page)?;
        if at_end {
            self.end_again(store, &mut page)?;
            self.settle_all(store, &mut page)?;
        }
        page.received.wrote |= !page.local.is_empty();
        self.save(&mut page.transaction);
        if page.received.forgot {
            store.commit(page.transaction.into())?;
            clean(store);
        } else {
            // The relay has it: what a dead battery takes is read again.
            store.commit_soon(page.transaction.into())?;
        }
        self.start_is_saved();
        // The page is taken: whatever comes of this, the app is told of it.
        let gone = match page.lets_go {
            true => self.let_go_before_start(store),
            false => Ok(()),
        };
        if let Err(error) = gone.and_then(|()| self.tidy(store)) {
            tracing::warn!(%error, "documents were not saved whole");
        }
        if page
            .received
            .quarantined
            .iter()
            .any(|held| held.reason == FORKED)
            && let Err(error) = self.prove_forks(store)
        {
            tracing::warn!(%error, "what proves a fork was not kept yet");
        }
        if page.received.forgot || self.documents.has_emptied() {
            // Nothing of it stays in memory either.
            self.distrust();
        }
        Ok(page.received)
    }

    fn in_order(&self, seq: u64) -> Result<(), SpaceError> {
        if seq == self.state.cursor.seq + 1 {
            Ok(())
        } else {
            Err(SpaceError::Relay("it skips or repeats entries"))
        }
    }

    fn take(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: Entry,
    ) -> Result<(), SpaceError> {
        let first = seq == 1;
        let id = entry.id(if first {
            &SpaceId::ZERO
        } else {
            &self.state.id
        });
        let header = *entry.header();
        match header.kind {
            Kind::Membership => self.take_membership(store, page, seq, &entry, id)?,
            kind => {
                let book = self.book.as_ref();
                let book = book.ok_or(SpaceError::Relay("its log has no start"))?;
                let signer = book.membership().signer(&entry, &id);
                signer.map_err(|refusal| SpaceError::refused(seq, refusal))?;
                if self.is_own(header.device) && !self.is_from_before(&header) {
                    let taken = self.take_own(store, page, seq, &id)?;
                    // What it made and has said is shown once; this is shown again.
                    if taken.is_none() {
                        self.count(seq, header.device, header.counter)?;
                    }
                    return taken.ok_or(SpaceError::Restored { seq });
                }
                // Kinds of later versions are kept and skipped.
                if !matches!(kind, Kind::Ack | Kind::Unknown(_))
                    && let Err(refusal) = book.membership().admit_signed(&header)
                {
                    self.hold_entry(page, seq, &entry, refusal.reason());
                }
                if kind == Kind::Ack && !self.is_own(header.device) {
                    self.hear(&entry);
                }
                self.count(seq, header.device, header.counter)?;
                self.note_heard(seq, header.device, header.counter, page.now_ms);
            }
        }
        self.advance(page, seq, &id, entry)
    }

    /// Verifies the next membership entry and makes it part of the membership.
    pub(super) fn verify_member(
        &mut self,
        store: &dyn Store,
        seq: u64,
        entry: &Entry,
        id: EntryId,
    ) -> Result<(), SpaceError> {
        let refuse = |error| match error {
            BookError::Membership(MembershipError::Refused(refusal)) => {
                SpaceError::refused(seq, refusal)
            }
            BookError::Membership(why) => SpaceError::MembershipEntry { seq, why },
            other => SpaceError::Membership(other),
        };
        if seq == 1 {
            if SpaceId::from(id) != self.state.id {
                return Err(SpaceError::Relay("its log is another space's"));
            }
            // Also who founded it verifies what the relay sends: it is stored in the own one's place.
            let founded = Book::found(entry).map_err(refuse)?;
            self.book.get_or_insert(founded);
            self.take_kept_keys(store)?;
        } else {
            self.judge_fork(store, entry)?;
            let book = self
                .book
                .as_mut()
                .ok_or(SpaceError::Relay("its log has no start"))?;
            book.apply(entry).map_err(refuse)?;
            self.note_cut(seq);
        }
        Ok(())
    }

    fn take_membership(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: &Entry,
        id: EntryId,
    ) -> Result<(), SpaceError> {
        self.verify_member(store, seq, entry, id)?;
        let header = entry.header();
        self.count(seq, header.device, header.counter)?;
        self.note_heard(seq, header.device, header.counter, page.now_ms);
        self.learn(store, page, entry, id)?;
        self.forget_silent();
        page.received.membership = true;
        // What this device knows of it is looked at when a trial ends.
        if self.is_on_trial() {
            return Ok(());
        }
        let own = seq > 1 && self.is_own(header.device);
        let sealed = self.on_its_way(store, header.counter, &id)?;
        let is_new = own && sealed.is_none() && !self.is_from_before(header);
        if is_new && !self.enrols_a_copy(entry) {
            return Err(SpaceError::Restored { seq });
        }
        if let Some(sealed) = sealed {
            let place = keys::sealed_entry(self.number, sealed.counter);
            page.transaction.delete(Table::Outbox, place);
            page.received.confirmed += 1;
        }
        Ok(())
    }

    fn take_own(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        id: &EntryId,
    ) -> Result<Option<()>, SpaceError> {
        if self.is_on_trial() {
            return Ok(None);
        }
        // An honest log shows the entries of a membership in the order of their counters.
        let device = self.state.device.map_or(0, |device| usize::from(device.0));
        let next = self.state.counters.get(device).copied().unwrap_or_default();
        let (place, entry) = match self.on_its_way(store, next, id)? {
            Some(own) => (keys::sealed_entry(self.number, own.counter), own.entry),
            None => match self.taken_back(store, next, id)? {
                Some((place, entry)) => {
                    self.note_double(&mut page.transaction, seq, &entry);
                    (place, entry)
                }
                None => return Ok(None),
            },
        };
        let header = *entry.header();
        self.count(seq, header.device, header.counter)?;
        page.transaction.delete(Table::Outbox, place);
        page.received.confirmed += 1;
        self.advance(page, seq, id, entry).map(Some)
    }

    /// Whether a membership is this device's alone: what it signed, this device knows.
    pub(super) fn is_own(&self, device: DeviceNumber) -> bool {
        Some(device) == self.state.device && !self.is_enrolling()
    }

    fn advance(
        &mut self,
        page: &mut Page,
        seq: u64,
        id: &EntryId,
        entry: Entry,
    ) -> Result<(), SpaceError> {
        page.transaction
            .put(Table::Entry, keys::entry(self.number, seq), entry.bytes());
        self.passed.pass(&self.state.cursor, id);
        self.state.cursor = self.state.cursor.after(id);
        self.found_again(&mut page.transaction, id);
        self.note_for_checkpoints(page, (seq, id), &entry);
        page.entries.insert(seq, entry);
        self.is_the_same_log()?;
        let promised = self.state.welcome.map(|(_, reaches)| reaches);
        match promised.filter(|reaches| reaches.seq == seq) {
            Some(reaches) if reaches != self.state.cursor.position() => Err(SpaceError::Relay(
                "it shows another log than the welcome names",
            )),
            _ => Ok(()),
        }
    }

    /// Counters are contiguous for each membership: a hole means that the relay left an entry out.
    fn count(&mut self, seq: u64, device: DeviceNumber, counter: u32) -> Result<(), SpaceError> {
        let index = usize::from(device.0);
        if self.state.counters.len() <= index {
            self.state.counters.resize(index + 1, 0);
        }
        let next = &mut self.state.counters[index];
        if *next != counter {
            tracing::warn!(seq, %device, expected = *next, counter, "counters are not contiguous");
            return Err(SpaceError::Relay(
                "it leaves out or repeats entries of a member",
            ));
        }
        *next += 1;
        Ok(())
    }

    pub(super) fn check_receipt(&mut self, receipt: &Receipt) -> Result<(), SpaceError> {
        if receipt.position != self.state.cursor.position() {
            return Err(SpaceError::Relay(
                "its receipt is for another log than it sent",
            ));
        }
        let signed = |key| receipt.is_signed_by(key, &self.state.id);
        if !self.state.relay.key.as_ref().is_some_and(signed) {
            return Err(SpaceError::Relay("its receipt is not signed by its key"));
        }
        self.state.generation = Some(receipt.generation);
        Ok(())
    }

    /// Housekeeping after a page; a failure here loses nothing.
    fn tidy(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        let marks = store.scan(Table::Outbox, &keys::unsent(self.number), None, usize::MAX)?;
        let unsent: Vec<u32> = marks
            .iter()
            .filter_map(|(mark, _)| keys::number_at(mark, 5, Table::Outbox).ok())
            .collect();
        let mut transaction = Transaction::new();
        self.documents
            .compact(&mut transaction, &|number| unsent.contains(&number))?;
        self.documents.evict();
        if !transaction.is_empty() {
            store.commit_soon(transaction.into())?;
        }
        Ok(())
    }
}

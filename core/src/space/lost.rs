//! Entries that stood in a relay's log and stand in it no more, because it went back and others wrote
//! before anybody gave it back what it had lost. They are appended again, in their old order, after
//! what stands there now. What the log cannot take any more is taken up by those whom it concerns:
//! everybody seals their own words again, and wants again what they wanted of the membership; what
//! somebody else said is carried ([`super::carry`]); whoever was removed is removed.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::membership::{Op, Rights};
use waymark_wire::padding;
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use super::heal::Returned;
use super::reseal::is_like_batch;
use super::{Space, SpaceError, actor, damaged, keys, outbox};
use crate::crypto::{Entropy, EpochKey};
use crate::gate::{ActorId, DocumentName, Section, decode_batch};
use crate::membership::Wish;
use crate::store::{Store, Table, Transaction};

/// What is known of a lost entry without reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    index: u32,
    pub(super) id: EntryId,
    /// Whose signature it has; `None` where that is nobody's who is known.
    by: Option<VerifyingKey>,
    pub(super) kind: Kind,
    pub(super) height: Height,
    /// The relay refuses it, and it cannot be said again here yet: the key is missing, or nobody in the
    /// log is who signed it.
    pub(super) is_stranded: bool,
}

/// A lost entry as it is stored.
#[derive(Decode, Encode)]
#[cbor(map)]
pub(super) struct LostRow {
    #[n(0)]
    entry: Bytes,
    /// The membership entry at its height, as it then was.
    #[n(1)]
    pub(super) at: EntryId,
    /// The key of its epoch; of a membership entry, where it starts one.
    #[n(2)]
    pub(super) key: Option<Bytes>,
    #[n(3)]
    wishes: Vec<Bytes>,
    #[n(4)]
    is_stranded: Option<bool>,
    /// The key that signed it; `None` where a version before this one kept it.
    #[n(5)]
    by: Option<VerifyingKey>,
}

/// The documents in which a batch says something, with the first change of each.
type Begins = Vec<(DocumentName, u32)>;

impl LostRow {
    pub(super) fn new(
        (entry, by): (&Entry, Option<VerifyingKey>),
        at: EntryId,
        key: Option<Vec<u8>>,
        wishes: &[Wish],
    ) -> Self {
        Self {
            entry: Bytes(entry.bytes().to_vec()),
            at,
            key: key.map(Bytes),
            wishes: wishes
                .iter()
                .map(|wish| Bytes(codec::encode(wish)))
                .collect(),
            is_stranded: None,
            by,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    fn from_bytes(bytes: &[u8]) -> Result<(Self, Entry), SpaceError> {
        let row: Self = codec::decode(bytes, usize::MAX).map_err(|_| broken())?;
        let entry = Entry::parse(row.entry.0.clone()).map_err(|_| broken())?;
        Ok((row, entry))
    }
}

impl Space {
    pub(super) fn load_lost(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let own = self.signing.verifying_key();
        for (key, value) in store.scan(Table::Outbox, &keys::lost(self.number), None, usize::MAX)? {
            let (row, entry) = LostRow::from_bytes(&value)?;
            let header = entry.header();
            let id = entry.id(&self.state.id);
            let is_own = || entry.is_signed_by(&own, &row.at, &id);
            self.lost.push(Lost {
                index: keys::number_at(&key, 5, Table::Outbox)?,
                id,
                by: row.by.or_else(|| is_own().then_some(own)),
                kind: header.kind,
                height: header.height,
                is_stranded: row.is_stranded.unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// Whether a lost entry is of this device's membership here. Its number does not tell: where the log
    /// went on otherwise it may be somebody else's.
    pub(super) fn is_own_lost(&self, lost: &Lost) -> bool {
        let is_member = self.state.device.is_some() && !self.is_enrolling();
        is_member && lost.by == Some(self.signing.verifying_key())
    }

    /// Keeps an entry as lost: the log up to the membership's first `heights` entries stays.
    pub(super) fn put_lost(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        (index, entry): (u32, &Entry),
        heights: u32,
    ) -> Result<(), SpaceError> {
        let row = self.lost_row(store, entry, heights)?;
        let place = keys::lost_entry(self.number, index);
        transaction.put(Table::Outbox, place, row.to_bytes());
        Ok(())
    }

    /// The index of the next entry that is lost.
    pub(super) fn next_lost(&self) -> u32 {
        self.lost.last().map_or(0, |lost| lost.index + 1)
    }

    /// Whether entries that the relay had wait to be appended again.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.lost.iter().any(|lost| !lost.is_stranded)
    }

    /// The place of the first of them among all that are lost.
    pub(crate) fn first_lost(&self) -> Option<u32> {
        let mut waiting = self.lost.iter().filter(|lost| !lost.is_stranded);
        waiting.next().map(|lost| lost.index)
    }

    /// How many entries of this device with what a person wrote a relay has lost, so that nobody may
    /// have them until they are in the log again.
    #[must_use]
    pub fn own_words_lost(&self) -> usize {
        let own = Some(self.signing.verifying_key());
        let own = self.lost.iter().filter(|lost| lost.by == own);
        own.filter(|lost| is_like_batch(lost.kind)).count()
    }

    /// Where in its documents the batches of this device begin that a relay has lost, with the number
    /// under which each is kept. Nothing where somebody else has built on one of them: then all of
    /// them stay what they are.
    pub(super) fn own_batches_lost(
        &mut self,
        store: &dyn Store,
    ) -> Result<Vec<(u32, Begins)>, SpaceError> {
        let own = self.actor();
        let is_meant = |lost: &Lost| lost.kind == Kind::Batch && self.is_own_lost(lost);
        let lost: Vec<Lost> = self.lost.iter().copied().filter(is_meant).collect();
        let mut batches = Vec::new();
        for lost in lost {
            let (row, entry) = self.stored_lost(store, &lost)?;
            let Some(padded) = self.text_of_lost(&row, &entry)? else {
                continue;
            };
            let padded = Zeroizing::new(padded);
            let text = padding::unpad(&padded).ok_or_else(broken)?;
            let sections = decode_batch(own, text)?;
            let begins = sections
                .iter()
                .map(|section| (section.name(), section.first_seq()));
            let begins: Vec<_> = begins.collect();
            for (name, from) in &begins {
                let document = self.documents.open(store, *name, own)?;
                let without = document.without(&|actor, seq| actor == own && seq >= *from);
                if without.is_err() {
                    return Ok(Vec::new());
                }
            }
            batches.push((lost.index, begins));
        }
        Ok(batches)
    }

    /// Whose words this device has from a branch that was lost and cannot bring into the log: they never
    /// were a member in it.
    pub(super) fn strangers(&self) -> Vec<ActorId> {
        let stranded = self.lost.iter().filter(|lost| lost.is_stranded);
        let by = stranded.filter_map(|lost| lost.by.filter(|_| !self.is_own_lost(lost)));
        let known = self.actors();
        let by = by.map(|key| actor(&self.state.id, &key));
        by.filter(|by| !known.contains(by)).collect()
    }

    /// Whether something that this device has to say stands on the words of strangers. Nobody could read
    /// it, nor what it says after that.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn stands_on_strangers(&mut self, store: &dyn Store) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let strangers = self.strangers();
        if strangers.is_empty() || !self.may_renounce() {
            return Ok(false);
        }
        let own = self.actor();
        let mut unsaid = self.unconfirmed(store)?;
        let lost = self.own_batches_lost(store)?;
        unsaid.extend(lost.into_iter().flat_map(|(_, begins)| begins));
        for (name, from) in unsaid {
            let document = self.documents.open(store, name, own)?;
            let mut without = document.without(&|actor, _| strangers.contains(&actor))?;
            let last = document.last_seq_of(own)?;
            if last >= from && without.last_seq_of(own)? < last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The lost entries to append again next.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn lost_entries(&self, store: &dyn Store) -> Result<Returned, SpaceError> {
        let mut returned = Returned::default();
        for lost in self.lost.iter().filter(|lost| !lost.is_stranded) {
            let (_, entry) = self.stored_lost(store, lost)?;
            let attachments = self.agreement_keys_of(store, &entry)?;
            if !returned.take(entry, attachments) {
                break;
            }
        }
        Ok(returned)
    }

    /// A lost entry of this device that has this id.
    pub(super) fn own_lost(
        &self,
        store: &dyn Store,
        id: &EntryId,
    ) -> Result<Option<Entry>, SpaceError> {
        let Some(lost) = self.lost.iter().find(|lost| lost.id == *id) else {
            return Ok(None);
        };
        let (_, entry) = self.stored_lost(store, lost)?;
        Ok(Some(entry))
    }

    /// The key of the epoch that a lost entry started.
    pub(super) fn lost_key(
        &self,
        store: &dyn Store,
        id: &EntryId,
    ) -> Result<Option<EpochKey>, SpaceError> {
        let Some(lost) = self.lost.iter().find(|lost| lost.id == *id) else {
            return Ok(None);
        };
        let (row, _) = self.stored_lost(store, lost)?;
        let key = row.key.map(|key| EpochKey::from_slice(&key.0));
        Ok(key.transpose()?)
    }

    /// The sections of each lost entry that says something of documents; nothing for one that nobody
    /// here has signed.
    pub(super) fn sections_of_lost(
        &self,
        store: &dyn Store,
    ) -> Result<Vec<Option<Vec<Section>>>, SpaceError> {
        let mut all = Vec::new();
        for lost in &self.lost {
            let (row, entry) = self.stored_lost(store, lost)?;
            let Some(padded) = self.text_of_lost(&row, &entry)? else {
                continue;
            };
            let padded = Zeroizing::new(padded);
            let text = padding::unpad(&padded).ok_or_else(broken)?;
            // What cannot be read is in no document.
            all.push(match lost.kind {
                Kind::Carry => {
                    let carried = self.carried_in(text);
                    let sections = carried.and_then(|batch| self.sections_in(&batch));
                    Some(sections.map_or(Vec::new(), |(_, all)| all))
                }
                _ => self.author_of(&entry, &row.at).map(|author| {
                    let sections = decode_batch(author, text);
                    sections.unwrap_or_default()
                }),
            });
        }
        Ok(all)
    }

    /// The padded text of a lost entry that says something of documents, where this device had its key.
    fn text_of_lost(&self, row: &LostRow, entry: &Entry) -> Result<Option<Vec<u8>>, SpaceError> {
        let says = is_like_batch(entry.header().kind);
        let Some(key) = row.key.as_ref().filter(|_| says) else {
            return Ok(None);
        };
        let key = EpochKey::from_slice(&key.0)?;
        Ok(Some(self.open_body(&key, &row.at, entry)?))
    }

    fn author_of(&self, entry: &Entry, at: &EntryId) -> Option<ActorId> {
        let signer = self.signer_of(entry, at)?;
        let membership = self.book.as_ref()?.membership();
        let member = membership.member_ever(signer)?;
        Some(actor(&self.state.id, &member.signing_key))
    }

    /// Gives up everything that is lost: what stands before an entry by which something is forgotten can
    /// never be appended again. Documents hold what this device said, and what it wanted it wants again.
    pub(super) fn give_up_lost(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        for lost in std::mem::take(&mut self.lost) {
            let (row, _) = self.stored_lost(store, &lost)?;
            if self.is_own_lost(&lost) {
                self.want_again(transaction, &row)?;
            } else if lost.kind == Kind::Membership {
                self.remove_again(transaction, &row)?;
            }
        }
        transaction.delete_prefix(Table::Outbox, keys::lost(self.number));
        Ok(())
    }

    /// Notes that the log shows an entry, or carries it: it is lost no more.
    pub(super) fn found_again(&mut self, transaction: &mut Transaction, id: &EntryId) {
        let found = self.lost.iter().position(|lost| lost.id == *id);
        if let Some(lost) = found.map(|place| self.lost.remove(place)) {
            transaction.delete(Table::Outbox, keys::lost_entry(self.number, lost.index));
        }
    }

    /// Takes up the first lost entry that waits, which the log takes no more. This device has read
    /// the log to its end.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn take_up_lost(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let Some(lost) = self.lost.iter().find(|lost| !lost.is_stranded).copied() else {
            return Ok(());
        };
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let done = self.take_up(store, &mut transaction, lost, entropy);
        let done = done.and_then(|()| {
            self.save(&mut transaction);
            Ok(store.commit(transaction.into())?)
        });
        if let Err(error) = done {
            self.state = before;
            return Err(error);
        }
        *self = Self::load(store, self.number)?;
        Ok(())
    }

    fn take_up(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        lost: Lost,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let place = keys::lost_entry(self.number, lost.index);
        let (mut row, entry) = self.stored_lost(store, &lost)?;
        if self.is_closed() {
            // Nothing is added any more. What it says stays in the documents of whoever read it.
            transaction.delete_prefix(Table::Outbox, keys::lost(self.number));
            return Ok(());
        }
        if self.is_own_lost(&lost) {
            return if self.may_seal() {
                self.say_again(store, transaction, entropy)
            } else {
                self.strand_own(store, transaction)
            };
        }
        transaction.delete(Table::Outbox, place.clone());
        match lost.kind {
            Kind::Membership => self.remove_again(transaction, &row)?,
            Kind::Batch | Kind::Carry if self.may_seal() => {
                let carried = self.carry(transaction, &row, &entry, entropy)?;
                if !carried {
                    row.is_stranded = Some(true);
                    transaction.put(Table::Outbox, place, row.to_bytes());
                }
            }
            Kind::Batch | Kind::Carry => {
                row.is_stranded = Some(true);
                transaction.put(Table::Outbox, place, row.to_bytes());
            }
            _ => {}
        }
        Ok(())
    }

    /// Says again what could not be before, as far as it can be now.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn take_up_stranded(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let stranded = self.lost.iter().filter(|lost| lost.is_stranded).copied();
        let (own, others): (Vec<Lost>, Vec<Lost>) =
            stranded.partition(|lost| self.is_own_lost(lost));
        if own.len() + others.len() == 0 || !self.may_seal() {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let said = self.say_stranded(store, &mut transaction, (!own.is_empty(), &others), entropy);
        if let Err(error) = said {
            self.state = before;
            return Err(error);
        }
        if transaction.is_empty() {
            return Ok(());
        }
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state = before;
            return Err(error.into());
        }
        *self = Self::load(store, self.number)?;
        Ok(())
    }

    fn say_stranded(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        (own, others): (bool, &[Lost]),
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        if own {
            self.say_again(store, transaction, entropy)?;
        }
        for lost in others {
            let (row, entry) = self.stored_lost(store, lost)?;
            if self.carry(transaction, &row, &entry, entropy)? {
                let place = keys::lost_entry(self.number, lost.index);
                transaction.delete(Table::Outbox, place);
            }
        }
        Ok(())
    }

    /// Leaves what this device said where it is until it has the key; what it says meanwhile, that it
    /// lacks it, takes the log's next counter.
    fn strand_own(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        for lost in self.lost.iter().filter(|lost| self.is_own_lost(lost)) {
            let (mut row, _) = self.stored_lost(store, lost)?;
            row.is_stranded = Some(true);
            let place = keys::lost_entry(self.number, lost.index);
            transaction.put(Table::Outbox, place, row.to_bytes());
        }
        let own = self.state.device.map_or(0, |own| usize::from(own.0));
        self.state.counter = self.state.counters.get(own).copied().unwrap_or_default();
        Ok(())
    }

    /// Seals again everything of this device that was lost, before what it has to say beside, and
    /// wants again what it wanted.
    fn say_again(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let mut texts = Vec::new();
        for lost in self.lost.clone() {
            if !self.is_own_lost(&lost) {
                continue;
            }
            let (row, entry) = self.stored_lost(store, &lost)?;
            transaction.delete(Table::Outbox, keys::lost_entry(self.number, lost.index));
            self.want_again(transaction, &row)?;
            if let Some(text) = self.text_of_lost(&row, &entry)? {
                texts.push((lost.kind, text));
            }
        }
        for sealed in self.batches(store)? {
            let kind = sealed.entry.header().kind;
            texts.push((kind, self.text_of(&sealed.entry)?));
        }
        transaction.delete_prefix(Table::Outbox, keys::sealed(self.number));
        self.state.renewed = None;
        let own = self.state.device.map_or(0, |own| usize::from(own.0));
        let mut next = self.state.counters.get(own).copied().unwrap_or_default();
        for (kind, text) in texts {
            let entry = self.seal_kind(kind, text, next, entropy)?;
            outbox::put_batch(transaction, self.number, next, entry);
            next += 1;
        }
        self.state.counter = next;
        Ok(())
    }

    /// An admin wants again that those are removed whom somebody else's lost entry removed.
    fn remove_again(&self, transaction: &mut Transaction, row: &LostRow) -> Result<(), SpaceError> {
        let own = self.own();
        if own.is_some_and(|own| own.rights.include(Rights::ADMIN)) {
            self.want_again(transaction, row)?;
        }
        Ok(())
    }

    /// Puts what was wanted by entries that were lost before in the form that `becomes` gives it.
    pub(super) fn rename_lost(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        becomes: &dyn Fn(Wish) -> Option<Wish>,
    ) -> Result<(), SpaceError> {
        for lost in &self.lost {
            let (mut row, _) = self.stored_lost(store, lost)?;
            let mut wishes = Vec::new();
            for wish in &row.wishes {
                let wish: Wish = codec::decode(&wish.0, usize::MAX).map_err(|_| broken())?;
                wishes.extend(becomes(wish).map(|wish| Bytes(codec::encode(&wish))));
            }
            if wishes != row.wishes {
                row.wishes = wishes;
                let place = keys::lost_entry(self.number, lost.index);
                transaction.put(Table::Outbox, place, row.to_bytes());
            }
        }
        Ok(())
    }

    /// Wants again what was wanted by a lost entry.
    fn want_again(&self, transaction: &mut Transaction, row: &LostRow) -> Result<(), SpaceError> {
        for wish in &row.wishes {
            let wish: Wish = codec::decode(&wish.0, usize::MAX).map_err(|_| broken())?;
            let place = keys::wish(self.number, &wish);
            transaction.put(Table::Intent, place, codec::encode(&wish));
        }
        Ok(())
    }

    fn stored_lost(&self, store: &dyn Store, lost: &Lost) -> Result<(LostRow, Entry), SpaceError> {
        let place = keys::lost_entry(self.number, lost.index);
        let row = store.get(Table::Outbox, &place)?.ok_or_else(broken)?;
        LostRow::from_bytes(&row)
    }
}

/// What somebody wanted who signed these, apart from whom they add.
pub(super) fn own_wishes(ops: &[Op]) -> Vec<Wish> {
    let removes = ops.iter().any(|op| matches!(op, Op::Remove(_)));
    let wish = |op: &Op| match op {
        Op::Remove(device) => Some(Wish::Remove(*device)),
        Op::Rotate(_) if !removes => Some(Wish::Rotate),
        Op::Leave => Some(Wish::Leave),
        _ => None,
    };
    ops.iter().filter_map(wish).collect()
}

fn broken() -> SpaceError {
    damaged(Table::Outbox, "an entry that a relay lost cannot be read")
}

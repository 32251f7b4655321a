//! A device whose database was restored from a backup, or copied: the log holds entries under its own
//! signature that it never made. It is one of two, so it leaves its memberships to the other and
//! becomes a member with keys of its own; what it wrote and the log has not shown is written again.
//!
//! Until it is a member anew it reads on with its old keys, as one who borrows them, and takes what
//! the old membership signed as anybody else's. Which of its edits the other one has sent shows only
//! as the log is read on, and an edit that is written again although it is there would be doubled. So
//! the edits stay where they are until the log contradicts them or has come to its end: then what is
//! missing in it is done again, under the new keys.

use std::collections::BTreeMap;

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::membership::{MembershipBody, Op, Rights};
use zeroize::Zeroizing;

use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::crypto::{Entropy, MembershipKeys};
use crate::gate::{ActorId, Again, DocumentName, PlainChange, RecordView, Section, TextId};
use crate::membership::{Newcomer, SpaceKind, Wish};
use crate::store::{Store, Table, Transaction};

/// Changes of a document that the log has not shown: for each actor that this device has given up, in
/// the order in which it did, those from a number on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Unsettled(Vec<(ActorId, u32)>);

impl Unsettled {
    pub(super) fn new(actor: ActorId, from: u32) -> Self {
        Self(vec![(actor, from)])
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let of = |(actor, from): &(ActorId, u32)| [&actor.0[..], &from.to_be_bytes()].concat();
        self.0.iter().flat_map(of).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (actors, []) = bytes.as_chunks::<20>() else {
            return None;
        };
        let read = |bytes: &[u8; 20]| {
            let (actor, from) = bytes.split_at_checked(16)?;
            let from = u32::from_be_bytes(from.try_into().ok()?);
            Some((ActorId(actor.try_into().ok()?), from))
        };
        actors.iter().map(read).collect::<Option<_>>().map(Self)
    }

    /// The actor that was given up first.
    pub(super) fn first(&self) -> Option<ActorId> {
        self.0.first().map(|(actor, _)| *actor)
    }

    /// Each actor with its first change that the log has not shown.
    pub(super) fn all(&self) -> impl Iterator<Item = (ActorId, u32)> + '_ {
        self.0.iter().copied()
    }

    /// The first change of an actor that the log has not shown.
    fn from(&self, actor: ActorId) -> Option<u32> {
        let mut of = self.0.iter().filter(|(known, _)| *known == actor);
        of.next().map(|(_, from)| *from)
    }

    /// Adds an actor that was given up, unless it is known.
    pub(super) fn leave(&mut self, actor: ActorId, from: u32) {
        if self.from(actor).is_none() {
            self.0.push((actor, from));
        }
    }

    /// Notes that the log has shown an actor's changes below `from`.
    pub(super) fn confirm(&mut self, actor: ActorId, from: u32) {
        let of = self.0.iter_mut().filter(|(known, _)| *known == actor);
        of.for_each(|(_, known)| *known = from);
    }

    /// Whether a change is one of these.
    pub(super) fn holds(&self, actor: ActorId, seq: u32) -> bool {
        self.from(actor).is_some_and(|from| seq >= from)
    }
}

/// What a device wrote in a document and its log has not shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unsent {
    /// Records.
    pub records: Vec<Vec<u8>>,
    /// Texts: what each said without it, if it was there, and what it says here.
    pub texts: Vec<(TextId, Option<String>, String)>,
}

impl Space {
    /// Whether this device could give up its membership here for another one: it writes here, and the
    /// relay knows of it.
    #[must_use]
    pub fn may_renounce(&self) -> bool {
        let is_open = |space: &Self| {
            let book = space.book.as_ref();
            book.is_some_and(|book| !book.membership().is_closed())
        };
        self.newcomer_again().is_some()
            && !self.is_on_trial()
            && self.state.kind != SpaceKind::Beacon
            && self.state.cursor.seq > 0
            && self.is_ready()
            && !self.has_ended()
            && !self.is_enrolling()
            && is_open(self)
            && self
                .own_member()
                .is_ok_and(|(_, rights)| rights.include(Rights::WRITE))
    }

    /// What this device calls itself here, as its membership up to now does.
    #[must_use]
    pub fn newcomer_again(&self) -> Option<Newcomer> {
        let known = self.book.as_ref()?.roster(self.state.device?)?;
        Some(Newcomer {
            name: known.name.clone(),
            device_name: known.device_name.clone(),
            level: known.level,
            since: known.since,
        })
    }

    /// Leaves this device's membership to whoever else has its keys, and prepares to become a member
    /// with fresh ones. What waited under the old keys is sealed again under the new ones, apart from
    /// what the log turns out to have. Once `transaction` is committed the space is to be loaded
    /// again. The old membership stays until somebody ends it.
    ///
    /// A device that is about to become a member with fresh keys, and finds that somebody else has
    /// become one with them, gives up those.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged, or this device has no keys here.
    pub fn renounce(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let is_enrolling = self.is_enrolling();
        let is_welcomed = self.state.welcomed_as.is_some();
        if !is_enrolling && self.state.device.is_none() && !is_welcomed {
            let why = "it has no keys of its own here that it could give up";
            return Err(SpaceError::NotAllowed(why));
        }
        let mut unconfirmed = self.unconfirmed(store)?;
        // What a relay has lost of this device's may never come back: the other one can have said
        // something else in its place.
        for (index, begins) in self.own_batches_lost(store)? {
            unconfirmed.extend(begins);
            transaction.delete(Table::Outbox, keys::lost_entry(self.number, index));
        }
        // Nor can the words of strangers, in whatever document.
        for by in self.strangers() {
            let own = self.actor();
            for name in self.documents.names().collect::<Vec<_>>() {
                let document = self.documents.open(store, name, own)?;
                let has_any = document.last_seq_of(by)? > 0;
                unconfirmed.extend(has_any.then_some((name, u32::MAX)));
            }
        }
        unconfirmed.sort_unstable();
        unconfirmed.dedup_by_key(|(name, _)| *name);
        for (name, from) in unconfirmed {
            let number = self
                .documents
                .number_of(name)
                .ok_or_else(|| damaged(Table::Document, "a document's row is missing"))?;
            let mut unsettled = self.unsettled.get(&name).cloned().unwrap_or_default();
            unsettled.leave(self.actor(), from);
            let place = keys::unsettled(self.number, number);
            transaction.put(Table::Outbox, place, unsettled.to_bytes());
        }
        // What it was to carry for others is carried by whom it becomes.
        let known = self.book.as_ref().map(|book| book.membership().height());
        let heights = known.map_or(0, |height| height.0 + 1);
        let sealed = self.all_sealed(store)?.into_iter();
        let carries = sealed.filter(|sealed| sealed.entry.header().kind == Kind::Carry);
        for (index, sealed) in (self.next_lost()..).zip(carries) {
            self.put_lost(store, transaction, (index, &sealed.entry), heights)?;
        }
        transaction
            .delete_prefix(Table::Outbox, keys::sealed(self.number))
            .delete(Table::Outbox, keys::plan(self.number));
        // What the person wants stays wanted, except for an end of the membership that is left to
        // the other device.
        if let Some(own) = self.state.device.filter(|_| !is_enrolling) {
            let place = keys::wish(self.number, &Wish::Remove(own));
            transaction.delete(Table::Intent, place);
            // Where its key has not come, it cannot read what it is called here.
            let newcomer = self.newcomer_again().unwrap_or_else(Newcomer::as_before);
            Self::wish_to_enrol(transaction, self.number, newcomer);
        } else if !is_enrolling {
            // It was welcomed, and has read nothing yet.
            Self::wish_to_enrol(transaction, self.number, Newcomer::as_before());
        }
        // An agreement key that is on its way may be in the log already: what comes is sealed to it.
        let mut state = self.state.clone();
        let own = MembershipKeys::generate(entropy);
        state.becomes = Some(Zeroizing::new(own.to_bytes().to_vec()));
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
        Ok(())
    }

    /// What this device wrote and the log has not shown, by document.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn unsent_words(
        &mut self,
        store: &dyn Store,
    ) -> Result<BTreeMap<DocumentName, Unsent>, SpaceError> {
        self.refresh(store)?;
        let own = self.actor();
        let mut all = BTreeMap::new();
        for (name, from) in self.unconfirmed(store)? {
            let local = self.documents.open(store, name, own)?;
            let confirmed = local.without(&|actor, seq| actor == own && seq >= from)?;
            let is_new = |record: &RecordView<'_>| !confirmed.has_record(&record.id);
            let records = local.records().filter(is_new);
            let texts = local.texts().into_iter().filter_map(|id| {
                let (before, now) = (confirmed.text(&id), local.text(&id)?);
                (before.as_ref() != Some(&now)).then_some((id, before, now))
            });
            let unsent = Unsent {
                records: records.map(|record| record.bytes.into_owned()).collect(),
                texts: texts.collect(),
            };
            all.insert(name, unsent);
        }
        Ok(all)
    }

    /// Has nothing of this device's wait to be sent any more. What it wrote stays here.
    pub fn give_up_sending(&self, transaction: &mut Transaction) {
        transaction
            .delete_prefix(Table::Outbox, keys::sealed(self.number))
            .delete_prefix(Table::Outbox, keys::unsent(self.number));
    }

    /// For each document the first own change that the log has not shown.
    pub(super) fn unconfirmed(
        &self,
        store: &dyn Store,
    ) -> Result<Vec<(DocumentName, u32)>, SpaceError> {
        self.unconfirmed_beside(store, &Transaction::new())
    }

    /// The same while a page is taken: what that shows is still in the store.
    pub(super) fn unconfirmed_beside(
        &self,
        store: &dyn Store,
        page: &Transaction,
    ) -> Result<Vec<(DocumentName, u32)>, SpaceError> {
        let mut first: Vec<(DocumentName, u32)> = Vec::new();
        let own = self.actor();
        let mut batches = self.all_sealed(store)?;
        batches.retain(|sealed| sealed.entry.header().kind == Kind::Batch);
        // What the page that is being taken lets go of is still in the store, too.
        batches.retain(|sealed| !self.is_from_before_cut(sealed.entry.header()));
        // Where the log has another entry under its number, a copy of this device wrote that.
        batches.retain(|sealed| {
            let place = keys::sealed_entry(self.number, sealed.counter);
            !page.deletes(Table::Outbox, &place)
        });
        // What a trial shows is taken out when that ends.
        let device = self.state.device.filter(|_| !self.is_enrolling());
        if let Some(own) = device.filter(|_| self.start.is_some()) {
            let shown = self.state.counters.get(usize::from(own.0)).copied();
            batches.retain(|sealed| sealed.counter >= shown.unwrap_or_default());
        }
        for sealed in batches {
            for section in self.own_sections(&sealed.entry)? {
                first.push((section.name(), section.first_seq()));
            }
        }
        let mut ahead = super::documents::Ahead::default();
        for (mark, _) in store.scan(Table::Outbox, &keys::unsent(self.number), None, usize::MAX)? {
            let document = keys::number_at(&mark, 5, Table::Outbox)?;
            let row = keys::number_at(&mark, 9, Table::Outbox)?;
            let name = self
                .documents
                .name_of(document)
                .ok_or_else(|| damaged(Table::Document, "a document's row is missing"))?;
            // The rows of a document are in the order of their changes. Some may be of keys that were
            // given up, with numbers of their own.
            if first.iter().all(|(known, _)| *known != name) {
                let row = self.documents.row(store, &mut ahead, document, row)?;
                let changes = row.iter().map(|stored| PlainChange::from_stored(stored));
                for change in changes {
                    let change = change?;
                    first.extend(Some((name, change.seq)).filter(|_| change.actor == own));
                }
            }
        }
        first.sort_unstable();
        first.dedup_by_key(|(name, _)| *name);
        Ok(first)
    }

    /// The documents that wait for the log, from the store.
    pub(super) fn load_unsettled(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let prefix = keys::all_unsettled(self.number);
        for (key, value) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            let broken = || damaged(Table::Outbox, "what was not confirmed cannot be read");
            let number = keys::number_at(&key, 5, Table::Outbox)?;
            let name = self.documents.name_of(number).ok_or_else(broken)?;
            let unsettled = Unsettled::from_bytes(&value).ok_or_else(broken)?;
            self.unsettled.insert(name, unsettled);
        }
        Ok(())
    }

    /// Looks at a section before its document does: where it contradicts what this device wrote under
    /// the keys that it gave up, that is taken out and written again under its own. Gives back how far
    /// the document is confirmed if the section is taken.
    pub(super) fn compare(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        section: &Section,
    ) -> Result<Option<u32>, SpaceError> {
        let name = section.name();
        let actor = section.author();
        let unsettled = self.unsettled.get(&name);
        let Some(from) = unsettled.and_then(|unsettled| unsettled.from(actor)) else {
            return Ok(None);
        };
        let own = self.actor();
        let document = self.documents.open(store, name, own)?;
        let last = document.last_seq_of(actor)?;
        let agreed = document.agrees_until(section)?;
        if agreed > last || agreed > section.last_seq() {
            // With it the log has all of this, and perhaps more that the other device wrote.
            let next = section.last_seq().saturating_add(1);
            return Ok(Some(next).filter(|next| *next > from));
        }
        if agreed >= from {
            if let Some(unsettled) = self.unsettled.get_mut(&name) {
                unsettled.confirm(actor, agreed);
            }
            self.settle(store, &mut page.transaction, name)?;
        }
        Ok(None)
    }

    /// Notes that the log has shown an actor's changes of a document below `from`.
    pub(super) fn confirm(
        &mut self,
        page: &mut Page,
        (name, actor): (DocumentName, ActorId),
        from: u32,
    ) {
        if let Some(unsettled) = self.unsettled.get_mut(&name) {
            unsettled.confirm(actor, from);
        }
        self.keep_unsettled(&mut page.transaction, name);
    }

    /// Keeps what is known of a document that waits for the log, if it does.
    pub(super) fn keep_unsettled(&self, transaction: &mut Transaction, name: DocumentName) {
        let number = self.documents.number_of(name);
        if let Some((unsettled, number)) = self.unsettled.get(&name).zip(number) {
            let place = keys::unsettled(self.number, number);
            transaction.put(Table::Outbox, place, unsettled.to_bytes());
        }
    }

    /// Writes again what the log does not have, now that it was read to its end.
    pub(super) fn settle_all(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        if !self.has_opened_all() || self.start.is_some() {
            return Ok(());
        }
        if self.lacks_what_was_before() {
            // What the log has of it is known by its names, once the rest is here.
            return Ok(());
        }
        // What it had sent under its former keys may still come to the relay, up to the entry by which it
        // becomes a member anew: that has the next number of those. Where a relay has lost something, whose
        // words it stands on shows only when it says it.
        if self.is_enrolling() && self.lost.is_empty() {
            return Ok(());
        }
        for name in self.unsettled.keys().copied().collect::<Vec<_>>() {
            self.settle(store, &mut page.transaction, name)?;
            // Where its keys have come meanwhile, nothing else may call for the next push.
            page.received.wrote = true;
        }
        Ok(())
    }

    pub(super) fn settle(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        name: DocumentName,
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        let strangers = self.strangers();
        let Some(unsettled) = self.unsettled.remove(&name) else {
            return Ok(());
        };
        let local = self.documents.open(store, name, own)?;
        local.flush()?;
        let is_stranger = |actor: &ActorId| {
            strangers.contains(actor) && *actor != own && unsettled.from(*actor).is_none()
        };
        // What was written since under the new keys stands on what is taken out.
        let is_left_out = |actor: ActorId, seq: u32| {
            actor == own || unsettled.holds(actor, seq) || is_stranger(&actor)
        };
        let mut confirmed = local.without(&is_left_out)?;
        let saved = confirmed.save()?;
        // What strangers said is not said in this device's name: it comes when they are members.
        let again = Again {
            by: &|actor| !is_stranger(actor),
            ..Again::ALL
        };
        let changes = confirmed.catch_up_with(local, &again)?;
        let number = self
            .documents
            .replace(transaction, name, (confirmed, saved), &changes)
            .ok_or_else(|| damaged(Table::Document, "a document's row is missing"))?;
        transaction.delete(Table::Outbox, keys::unsettled(self.number, number));
        tracing::info!(document = ?name, changes = changes.len(), "written again");
        Ok(())
    }

    /// Whether an entry under this device's signature that it does not know only gives another device
    /// of its person a membership: so does one that found out that it is a copy of this one, and there
    /// is nothing in that to worry about.
    pub(super) fn enrols_a_copy(&self, entry: &Entry) -> bool {
        let known = self.book.as_ref().zip(self.state.device);
        let own = known.and_then(|(book, own)| book.membership().member(own));
        let (Some(own), Ok(body)) = (own, MembershipBody::parse(entry.body())) else {
            return false;
        };
        let ops = &body.core.ops;
        ops.iter().any(|op| matches!(op, Op::Add(_)))
            && ops.iter().all(|op| match op {
                Op::Add(add) => add.person == own.person && !add.rights.is_lasting(),
                Op::Rotate(new) => new.is_none_or(|new| new.agreement_key == own.agreement_key),
                _ => false,
            })
    }

    /// Whether the next entry of this device would leave a hole behind the log: somebody else has carried
    /// what stood there, after a relay had lost it.
    fn leaves_a_gap(&self, store: &dyn Store, next: u32) -> Result<bool, SpaceError> {
        let is_lost = self
            .lost
            .iter()
            .any(|lost| !lost.is_stranded && self.is_own_lost(lost));
        if is_lost || self.state.cursor.seq == 0 {
            return Ok(false);
        }
        let first = self.first_on_its_way(store)?;
        Ok(first.unwrap_or(self.state.counter) > next)
    }

    /// Gives the entries that wait the next counters, where the log has others in their places.
    pub(super) fn renumber(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let Some(own) = self.state.device.filter(|_| !self.is_enrolling()) else {
            return Ok(());
        };
        let counter = self.state.counters.get(usize::from(own.0));
        let next = counter.copied().unwrap_or_default();
        let batches = self.batches(store)?;
        let is_taken = batches.first().is_some_and(|first| first.counter < next);
        let leaves_a_gap = self.leaves_a_gap(store, next)?;
        if !is_taken && !leaves_a_gap && self.state.counter >= next {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let mut waiting = self.all_sealed(store)?;
        if leaves_a_gap {
            // What is no batch is made anew from what is wanted.
            self.state.renewed = None;
            self.state.refused = None;
        } else {
            let first = batches.first().map_or(next, |first| first.counter);
            waiting.retain(|sealed| sealed.counter >= first);
        }
        if is_taken || leaves_a_gap {
            if let Err(error) = self.close_ranks(&mut transaction, &waiting, next, entropy) {
                self.state = before;
                return Err(error);
            }
        } else {
            self.state.counter = next;
        }
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state = before;
            return Err(error.into());
        }
        Ok(())
    }
}

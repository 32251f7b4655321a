//! What a relay offers to start at: the checkpoint, then the membership entries up to the place that it
//! covers. Every one of them is verified, from the first on. What stands between them is not there, so
//! their counters only ascend, and the chain up to that place is what the checkpoint says it is.

use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::codec::Bytes;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::receipt::Receipt;

use super::{Row, Space, SpaceError, Stage, Start, StartFault};
use crate::crypto::Entropy;
use crate::membership::Book;
use crate::space::Item;
use crate::space::receive::Page;
use crate::space::state::{Asking, Base};
use crate::store::Store;

/// What a relay offers to start at.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The place of the checkpoint.
    pub seq: u64,
    /// The checkpoint, whole.
    pub checkpoint: Vec<u8>,
    /// The membership entries up to the place that it covers, with what they name by hash.
    pub members: Vec<Item>,
    /// The receipts of their pages, the last at the place that the checkpoint covers.
    pub receipts: Vec<Receipt>,
    /// The relay has nothing else to offer: it let go of what stands before.
    pub is_dropped: bool,
}

/// What was verified of an offer before its membership.
struct Read {
    seq: u64,
    id: EntryId,
    public: Checkpoint,
}

impl Read {
    const fn faulty(&self, why: StartFault) -> SpaceError {
        let seq = self.seq;
        SpaceError::Checkpoint { seq, why }
    }
}

impl Space {
    /// Starts at a checkpoint, on trial: the log from its place on is read next. Where something was
    /// forgotten that this device has not, what it made of the log is given up first.
    ///
    /// # Errors
    /// [`SpaceError`] names what is wrong; then everything is as before.
    pub fn start_at(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
        offer: Offer,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        if self.start.is_some() {
            return Err(SpaceError::NotAllowed("it has started at one already"));
        }
        for receipt in &offer.receipts {
            // They may be for places that this device knows.
            if receipt.position.seq <= self.state.cursor.seq {
                self.hold_to_last_word(store, receipt)?;
            }
        }
        let started = self.try_start(store, offer.clone());
        // What was verified is read again, names and all.
        self.distrust();
        self.refresh(store)?;
        if started? {
            return Ok(());
        }
        self.give_up_documents(store, entropy)?;
        let started = self.try_start(store, offer);
        self.distrust();
        self.refresh(store)?;
        started.map(drop)
    }

    /// Nothing is done where documents are here from before something that was forgotten; says whether
    /// it has started.
    fn try_start(&mut self, store: &mut dyn Store, offer: Offer) -> Result<bool, SpaceError> {
        let read = self.read(&offer)?;
        let before = self.state.to_bytes();
        let known = self.book.take();
        let waited = self.again.as_ref().is_some_and(|again| again.waits);
        let mut page = Page::default();
        let mut members = None;
        if waited {
            let entries = self.membership_entries(store)?.into_iter();
            members = Some(entries.map(|entry| Bytes(entry.into_bytes())).collect());
            self.forget_log(&mut page.transaction);
        }
        if let Some(again) = &mut self.again {
            again.waits = false;
            again.save(&mut page.transaction, self.number);
        }
        let least = std::mem::take(&mut self.state.counters);
        let was_member = self.state.device.is_some();
        let has_passed = self.state.cursor.seq <= read.public.seq;
        let is_new = self.state.cursor.seq == 0;
        self.state.verified = None;
        self.state.asking = Asking::default();
        let mut places = Vec::new();
        for item in offer.members {
            match item {
                Item::Attachment(bytes) => page.attachments.push(bytes),
                Item::Own { .. } => return Err(read.faulty(StartFault::Membership)),
                Item::Entry { seq, bytes } => {
                    let is_next = places.last().map_or(seq == 1, |last| seq > *last);
                    if !is_next || seq > read.public.seq {
                        return Err(read.faulty(StartFault::Membership));
                    }
                    let entry =
                        Entry::parse(bytes).map_err(|why| SpaceError::Entry { seq, why })?;
                    let id = self.take_member(store, &mut page, seq, entry, &read)?;
                    let height = places.len();
                    let old = known.as_ref().map(Book::membership);
                    let old = old.and_then(|old| old.id_at(at_height(height)));
                    if old.is_some_and(|old| old != id) {
                        return Err(read.faulty(StartFault::Membership));
                    }
                    places.push(seq);
                }
            }
        }
        let cut = |book: &Book| book.membership().cut();
        let is_read = self.state.cuts.is_empty() && known.as_ref().and_then(cut) == self.cut();
        if !is_read && !waited && self.documents.names().next().is_some() {
            return Ok(false);
        }
        self.state.cuts.clear();

        let shown = places.len();
        let knows_more = |known: Book| known.membership().height() >= at_height(shown);
        if has_passed && known.is_some_and(knows_more) {
            return Err(read.faulty(StartFault::Membership));
        }
        self.check_counters(&read, if has_passed { &least } else { &[] })?;
        if !was_member {
            self.check_welcome(&read, &places)?;
        }

        let Read { seq, id, public } = read;
        self.state.cursor = public.cursor();
        self.state.opened = public.seq;
        self.state.counters.clone_from(&public.counters);
        self.state.base = Some(Base {
            cursor: public.cursor(),
            counters: public.counters.clone(),
            heights: u32::try_from(shown).unwrap_or(u32::MAX),
        });
        self.is_the_same_log()?;
        let last = offer.receipts.last();
        let last = last.ok_or(SpaceError::Relay("it does not sign what it sends"))?;
        self.check_receipt(last)?;
        self.hold_to_its_word(store, &mut page.transaction, last)?;
        let row = Row {
            id,
            seq,
            public: Bytes(public.to_bytes().unwrap_or_default()),
            stage: Stage::Trial,
            before: Some(Bytes(before)),
            waited,
            is_dropped: offer.is_dropped,
            places,
            is_new,
            members,
        };
        let mut start = Start::new(row, public);
        start.changed.row = true;
        self.start = Some(start);
        self.open_epochs(store, &mut page)?;
        self.save(&mut page.transaction);
        store.commit_soon(page.transaction.into())?;
        Ok(true)
    }

    /// What an offer says, as far as it can be told without the membership.
    fn read(&self, offer: &Offer) -> Result<Read, SpaceError> {
        let seq = offer.seq;
        let faulty = |why| SpaceError::Checkpoint { seq, why };
        let entry = Entry::parse(offer.checkpoint.clone());
        let entry = entry.map_err(|_| faulty(StartFault::Body))?;
        let body = CheckpointBody::parse(entry.body());
        let public = body.map_err(|_| faulty(StartFault::Body))?.public;
        if entry.header().kind != Kind::Checkpoint {
            return Err(faulty(StartFault::Body));
        }
        let reached = offer.receipts.last().map(|receipt| receipt.position);
        if seq <= public.seq || reached != Some(public.cursor().position()) {
            return Err(faulty(StartFault::Place));
        }
        // Nobody goes back before something that was forgotten.
        if self.state.forgot.is_some_and(|forgot| public.seq < forgot) {
            return Err(faulty(StartFault::Outdated));
        }
        // Whoever has read on does not go back for it.
        if self.state.cursor.seq >= public.seq && !self.reads_again() {
            return Err(faulty(StartFault::Place));
        }
        let id = entry.id(&self.state.id);
        Ok(Read { seq, id, public })
    }

    fn take_member(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: Entry,
        read: &Read,
    ) -> Result<EntryId, SpaceError> {
        let header = *entry.header();
        if header.kind != Kind::Membership {
            return Err(read.faulty(StartFault::Membership));
        }
        let id = self.id_of(&entry, seq);
        self.verify_member(store, seq, &entry, id)?;
        // Between them others stand that are not shown.
        let index = usize::from(header.device.0);
        if self.state.counters.len() <= index {
            self.state.counters.resize(index + 1, 0);
        }
        let next = &mut self.state.counters[index];
        if header.counter < *next {
            return Err(read.faulty(StartFault::Counters));
        }
        *next = header.counter.saturating_add(1);
        self.learn(store, page, &entry, id)?;
        Ok(id)
    }

    /// Holds the counters against the membership, against the place, since every entry before it has
    /// one, and against what this device knows.
    fn check_counters(&self, read: &Read, least: &[u32]) -> Result<(), SpaceError> {
        let faulty = |why| Err(read.faulty(why));
        let public = &read.public;
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return faulty(StartFault::Membership);
        };
        if membership.height() != public.height {
            return faulty(StartFault::Membership);
        }
        let stated = &public.counters;
        let holds = |least: &[u32]| {
            let mut pairs = least.iter().enumerate();
            pairs.all(|(device, least)| stated.get(device).unwrap_or(&0) >= least)
        };
        let sum: u64 = stated.iter().map(|next| u64::from(*next)).sum();
        if stated.len() != membership.everybody().len()
            || sum != public.seq
            || !holds(&self.state.counters)
            || !holds(least)
        {
            return faulty(StartFault::Counters);
        }
        Ok(())
    }

    /// The chain at the place that a welcome names cannot be computed from behind it. What can be held
    /// on to is the entry that it names, which the membership has to show by then.
    fn check_welcome(&self, read: &Read, places: &[u64]) -> Result<(), SpaceError> {
        let Some((added_by, reaches)) = self.state.welcome else {
            return Ok(());
        };
        let covers = read.public.cursor().position();
        if reaches.seq > covers.seq {
            return Ok(());
        }
        let membership = self.book.as_ref().map(Book::membership);
        let at = |place: &u64| *place <= reaches.seq;
        let shown = places.iter().take_while(|place| at(place)).count();
        let is_shown = membership.is_some_and(|membership| {
            let mut heights = (0..shown).map(at_height);
            heights.any(|height| membership.id_at(height) == Some(added_by))
        });
        if !is_shown || (reaches.seq == covers.seq && reaches != covers) {
            return Err(read.faulty(StartFault::Welcome));
        }
        Ok(())
    }
}

fn at_height(index: usize) -> Height {
    Height(u32::try_from(index).unwrap_or(u32::MAX))
}

//! An entry by which something is forgotten, at its place in the log. The epoch that it starts leads to
//! none before it; with it this device rewrites its documents ([`super::forget`]) and lets go of all
//! that stands before: the entries, the keys that open them, and whatever was made of them on its way.
//! All of that is one transaction, and the file is cleaned behind it.

use waymark_wire::checkpoint::DAY;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::Height;
use waymark_wire::membership::Membership;

use super::given_up::Notice;
use super::receive::Page;
use super::repair::doubt;
use super::state::{Base, Cut, Lacks};
use super::{Space, SpaceError, keys};
use crate::crypto::Entropy;
use crate::membership::Book;
use crate::store::{CLEANING, Store, Table, Transaction};

/// Entries that are read together.
const ROWS: usize = 64;
/// How long another device than the one that had something forgotten waits for its checkpoint, in
/// milliseconds.
const PATIENCE: i64 = DAY;

impl Space {
    /// Notes the place before an entry by which something is forgotten. It is verified, and not taken
    /// yet.
    pub(super) fn note_cut(&mut self, seq: u64) {
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return;
        };
        let height = membership.height();
        if membership.cut() == Some(height) {
            let base = Base {
                cursor: self.state.cursor,
                counters: self.state.counters.clone(),
                heights: height.0,
            };
            self.state.cuts.push(Cut { seq, base });
        }
    }

    /// Forgets what an entry says is forgotten, and lets go of everything before it. An entry that does
    /// not say it rightly forgets nothing, and takes nothing along.
    pub(super) fn pass_cut(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        (seq, entry): (u64, &Entry),
        height: Height,
    ) -> Result<(), SpaceError> {
        let Some(cut) = self.state.cuts.iter().position(|cut| cut.seq == seq) else {
            return Ok(());
        };
        let cut = self.state.cuts.remove(cut);
        let Some(book) = &self.book else {
            return Ok(());
        };
        let (forgotten, untold) = match book.read_forgotten(entry, height) {
            Ok(read) => read,
            Err(error) => {
                self.hold_entry(page, seq, entry, error.reason());
                return Ok(());
            }
        };
        self.end_again_before(store, page, seq)?;
        self.documents.flush()?;
        let by = entry.header().device;
        match forgotten {
            Some(forgotten) => {
                let given_up = self.forget_in_documents(store, page, &forgotten)?;
                if !given_up.is_empty() && !self.is_own(by) {
                    let notice = Notice { seq, by, given_up };
                    self.put_notice(&mut page.transaction, &notice);
                    page.received.given_up = true;
                }
            }
            None => self.state.lacks = Lacks::Everything,
        }
        self.state.untold = untold;
        self.state.waits_since = None;
        self.state.forgot = Some(seq);
        page.received.forgot = true;
        self.let_go_before_cut(store, page, cut, height)
    }

    /// Lets go of all that stands before a place.
    fn let_go_before_cut(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        cut: Cut,
        height: Height,
    ) -> Result<(), SpaceError> {
        let number = self.number;
        if self.state.lacks == Lacks::Everything {
            self.put_sealed_aside(store, &mut page.transaction, height)?;
        }
        self.drop_entries_before(store, page, cut.seq)?;
        self.let_go_of_keys_before(page, height);
        let was_held = self.drop_held_before(store, page, cut.seq)?;
        if was_held && self.state.lacks == Lacks::Nothing {
            self.state.lacks = Lacks::Something;
        }
        self.give_up_lost(store, &mut page.transaction)?;
        self.drop_sealed_before(store, page, height)?;
        self.forget_checkpoints_before(&mut page.transaction, cut.seq);
        if self.state.lacks != Lacks::Everything {
            // What it said under former keys is written again under its own, or waits still.
            page.transaction
                .delete_prefix(Table::Outbox, keys::all_unsettled(number));
            for name in self.unsettled.keys() {
                self.keep_unsettled(&mut page.transaction, *name);
            }
        }
        page.transaction.put(Table::Meta, CLEANING, []);
        self.state.base = Some(cut.base);
        Ok(())
    }

    /// Lets go of all that opens what was said before an entry.
    fn let_go_of_keys_before(&mut self, page: &mut Page, height: Height) {
        let number = self.number;
        let membership = self.book.as_ref().map(Book::membership);
        let starts = membership.map(Membership::epoch_starts).unwrap_or_default();
        for start in starts.iter().filter(|start| **start < height) {
            let place = keys::epoch(number, *start);
            page.transaction.delete(Table::Epoch, place);
        }
        if let Some(book) = &mut self.book {
            book.drop_keys_before(height);
        }
        // What was sealed to them before is with the relay still.
        self.state.former.clear();
        self.state
            .doubtful
            .take_if(|doubtful| doubtful.start < height);
        // A proof against a member opens two entries.
        page.transaction
            .delete_prefix(Table::Evidence, keys::all_twice(number));
    }

    /// Drops the entries before a place; some of those up to the base are still here.
    fn drop_entries_before(
        &self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
    ) -> Result<(), SpaceError> {
        let base = self.base_seq();
        let behind_base = keys::entry(self.number, base.saturating_add(1));
        let mut after: Option<Vec<u8>> = None;
        loop {
            let prefix = keys::space(self.number);
            let rows = store.scan(Table::Entry, &prefix, after.as_deref(), ROWS)?;
            after = rows.last().map(|(place, _)| place.clone());
            let is_over = base == 0 || after.as_ref().is_none_or(|last| *last >= behind_base);
            for (place, _) in rows.into_iter().filter(|(place, _)| *place < behind_base) {
                page.transaction.delete(Table::Entry, place);
            }
            if is_over {
                break;
            }
        }
        for seq in base + 1..seq {
            let place = keys::entry(self.number, seq);
            page.transaction.delete(Table::Entry, place);
        }
        Ok(())
    }

    /// Drops what is on its way and was sealed before: it can never count. Its words are in the
    /// documents again, and what was wanted is wanted still.
    fn drop_sealed_before(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        height: Height,
    ) -> Result<(), SpaceError> {
        let own = self.state.device.filter(|_| !self.is_enrolling());
        let counter = own.and_then(|own| self.state.counters.get(usize::from(own.0)));
        let mut next = counter.copied().unwrap_or_default();
        for sealed in self.all_sealed(store)? {
            let header = sealed.entry.header();
            if header.height < height && header.seen.seq > 0 {
                let place = keys::sealed_entry(self.number, sealed.counter);
                page.transaction.delete(Table::Outbox, place);
                if header.kind == Kind::Membership && sealed.counter >= next {
                    self.state.renewed = None;
                }
            } else {
                next = next.max(sealed.counter.saturating_add(1));
            }
        }
        if own.is_some() {
            self.state.counter = next;
        }
        Ok(())
    }

    /// Whether this device is to publish what is left after something was forgotten: nobody has, and it is
    /// the one that wanted it, or has waited for that one long enough, or is about to end the space or its
    /// own part in it. `now` are milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn owes_checkpoint(&mut self, store: &mut dyn Store, now: i64) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let cut = self.state.forgot.zip(self.cut());
        let Some((seq, height)) = cut.filter(|_| self.may_seal() && self.holds_the_log()) else {
            return Ok(false);
        };
        if self.has_checkpoint_from(seq) {
            return Ok(false);
        }
        let entry = self.membership_entry(store, height)?;
        let is_own = entry.is_some_and(|entry| self.is_own(entry.header().device));
        if is_own || self.is_to_end(store)? {
            return Ok(true);
        }
        // A clock that was set back begins anew.
        let since = self.state.waits_since.filter(|since| *since <= now);
        if since.is_none() {
            self.state.waits_since = Some(now);
            let mut transaction = Transaction::new();
            self.save(&mut transaction);
            store.commit_soon(transaction.into())?;
        }
        Ok(since.is_some_and(|since| now - since >= PATIENCE))
    }

    /// Has this device start at a checkpoint, where it lacks what stood before the newest entry by which
    /// something was forgotten and two people agree on one behind that, or nobody has called it bad for
    /// so long that the relay has let go of the rest. Nothing that it made of the log is believed then;
    /// what it wrote itself and has not sent is put aside until it has started. Says whether the relay is
    /// to be asked for one. `now` are milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn start_behind_cut(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
        now: i64,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let is_free = self.lacks_what_was_before() && self.again.is_none() && self.start.is_none();
        let forgot = self.state.forgot.filter(|_| is_free && self.holds_key());
        if !forgot.is_some_and(|seq| self.has_agreed_from(seq, now)) {
            return Ok(false);
        }
        self.give_up_documents(store, entropy)?;
        Ok(true)
    }

    /// Believes nothing more of what it made of the log, which is to be read again.
    pub(super) fn give_up_documents(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        self.put_words_aside(store, &mut transaction)?;
        doubt(store, &mut transaction, self.number, true, entropy)?;
        store.commit(transaction.into())?;
        self.distrust();
        self.refresh(store)
    }

    /// The newest entry by which something is forgotten.
    pub(super) fn cut(&self) -> Option<Height> {
        self.book.as_ref().map(Book::membership)?.cut()
    }

    /// Whether this device is to start at a checkpoint behind that entry, and has not begun to.
    #[must_use]
    pub fn starts_behind_cut(&self) -> bool {
        let waits = self.again.as_ref().is_some_and(|again| again.waits);
        self.lacks_what_was_before() && waits
    }

    /// It starts at a checkpoint: that holds what it may have lacked. Where something was forgotten that
    /// it had not read, it lets go of what opens what was before, and of its entries on their way that
    /// were sealed with it. `places` are those of the membership entries up to the checkpoint's.
    pub(super) fn start_behind(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        places: &[u64],
    ) -> Result<(), SpaceError> {
        let lacked = std::mem::replace(&mut self.state.lacks, Lacks::Nothing);
        let at = |height: Height| {
            let index = usize::try_from(height.0).ok()?;
            Some((height, *places.get(index)?))
        };
        let cut = self.cut().and_then(at);
        let cut = cut.filter(|(_, seq)| self.state.forgot != Some(*seq));
        let number = self.number;
        let is_unread = lacked == Lacks::Everything || cut.is_some();
        // It may be for another reason that the log is read again.
        if let Some(again) = self.again.as_mut().filter(|_| is_unread) {
            again.is_behind_cut = Some(true);
            again.save(&mut page.transaction, number);
        }
        let Some((height, seq)) = cut else {
            return Ok(());
        };
        self.let_go_of_keys_before(page, height);
        // What waits here or is held has other hashes in what is left.
        self.drop_held_before(store, page, seq)?;
        self.take_aside_out_of_entries(store, &mut page.transaction)?;
        self.drop_sealed_before(store, page, height)?;
        self.state.forgot = Some(seq);
        self.state.waits_since = None;
        page.transaction.put(Table::Meta, CLEANING, []);
        page.received.forgot = true;
        Ok(())
    }

    /// Whether an entry was sealed before something was forgotten, by what this device has read: it can
    /// never count, and no key is left that opens it.
    pub(super) fn is_from_before_cut(&self, header: &Header) -> bool {
        let is_before = self.cut().is_some_and(|cut| header.height < cut);
        let book = self.book.as_ref();
        is_before
            && self.state.forgot.is_some()
            && book.is_some_and(|book| book.key_at(header.height).is_none())
    }

    /// Whether what stood before the newest entry by which something was forgotten is wanted of a
    /// checkpoint: this device could not read what was forgotten.
    #[must_use]
    pub fn lacks_what_was_before(&self) -> bool {
        self.state.lacks == Lacks::Everything
    }
}

//! An entry by which something is forgotten, at its place in the log. The epoch that it starts leads to
//! none before it; with it this device rewrites its documents ([`super::forget`]) and lets go of all
//! that stands before: the entries, the keys that open them, and whatever was made of them on its way.
//! All of that is one transaction, and the file is cleaned behind it.

use waymark_wire::entry::Entry;
use waymark_wire::ids::Height;
use waymark_wire::membership::Membership;

use super::given_up::Notice;
use super::receive::Page;
use super::state::{Base, Cut, Lacks};
use super::{Space, SpaceError, keys};
use crate::membership::Book;
use crate::store::{CLEANING, Store, Table};

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
        self.state.forgot = Some(seq);
        page.received.forgot = true;
        self.let_go(store, page, cut, height)
    }

    /// Lets go of all that stands before a place.
    fn let_go(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        cut: Cut,
        height: Height,
    ) -> Result<(), SpaceError> {
        let number = self.number;
        let from = self.base_seq() + 1;
        for seq in from..cut.seq {
            let place = keys::entry(number, seq);
            page.transaction.delete(Table::Entry, place);
        }
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
        let was_held = self.drop_held_before(store, page, cut.seq)?;
        if was_held && self.state.lacks == Lacks::Nothing {
            self.state.lacks = Lacks::Something;
        }
        self.give_up_lost(store, &mut page.transaction)?;
        self.drop_sealed_before(store, page, height)?;
        self.forget_checkpoint_on_its_way(&mut page.transaction);
        page.transaction
            .delete_prefix(Table::Outbox, keys::all_unsettled(number))
            .put(Table::Meta, CLEANING, []);
        self.state.base = Some(cut.base);
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
                if changes_membership(&sealed.entry) && sealed.counter >= next {
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

    /// Whether what stood before the newest entry by which something was forgotten is wanted of a
    /// checkpoint: this device could not read what was forgotten.
    #[must_use]
    pub fn lacks_what_was_before(&self) -> bool {
        self.state.lacks == Lacks::Everything
    }
}

const fn changes_membership(entry: &Entry) -> bool {
    matches!(entry.header().kind, waymark_wire::entry::Kind::Membership)
}

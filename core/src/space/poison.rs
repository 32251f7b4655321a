//! The journal of opening: an input that kills the process is known afterwards.
//!
//! Before the entries of a page are opened, one row says so; it goes with the page's transaction.
//! Whoever finds it at a start died in that page, which proves little: phones kill apps at any time.
//! So from there on entries are opened one by one, each in a transaction of its own and with its
//! place in the row. An entry that is found there at two more starts is held back.

use minicbor::{Decode, Encode};
use waymark_wire::codec;
use waymark_wire::entry::Kind;

use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// Starts that found an entry being opened, after which it is held back.
pub(super) const DEATHS: u32 = 2;
/// The reason.
pub(super) const KILLED: &str = "killed_the_app";

/// What was being opened when the run before ended.
#[derive(Clone, Copy, Debug, Decode, Default, Encode)]
#[cbor(map)]
pub(super) struct Journal {
    /// The first entry of the page.
    #[n(0)]
    from: u64,
    /// The last one.
    #[n(1)]
    to: u64,
    /// The entry that was opened by itself; 0 where it was the page.
    #[n(2)]
    at: u64,
    /// How often it was begun.
    #[n(3)]
    begun: u32,
}

impl Space {
    /// What the run before was opening when it ended.
    pub(super) fn load_journal(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let row = store.get(Table::Journal, &keys::space(self.number))?;
        let broken = |_| damaged(Table::Journal, "the journal cannot be read");
        let read = row.map(|bytes| codec::decode(&bytes, usize::MAX));
        self.journal = read.transpose().map_err(broken)?;
        Ok(())
    }

    /// Opens what has been verified and not opened yet: all in the page's transaction, or one by one
    /// where that has failed before.
    pub(super) fn open_journaled(
        &mut self,
        store: &mut dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        if self.opens_later() {
            return Ok(());
        }
        if let Some(journal) = self.journal {
            return self.open_one_by_one(store, page, journal);
        }
        loop {
            if self.opens_others(page) {
                let journal = Journal {
                    from: self.state.opened + 1,
                    to: self.state.cursor.seq,
                    ..Journal::default()
                };
                self.write_journal(store, journal)?;
                page.transaction
                    .delete(Table::Journal, keys::space(self.number));
            }
            if self.open_pending(store, page)? {
                return Ok(());
            }
            self.commit_step(store, page)?;
        }
    }

    /// Says that the process did not die: what was being opened failed in another way.
    pub(super) fn excuse(&mut self, store: &mut dyn Store, before: Option<Journal>) {
        if self.journal.is_none() {
            return;
        }
        let journal = before.unwrap_or(Journal {
            at: 0,
            begun: 0,
            ..self.journal.unwrap_or_default()
        });
        self.journal = Some(journal);
        if let Err(error) = self.write_journal(store, journal) {
            tracing::warn!(%error, "the journal was not written");
        }
    }

    /// The journal as this process knows it: what only memory knows outlives a second reading.
    pub(super) const fn journal(&self) -> Option<Journal> {
        self.journal
    }

    /// Whether there is something to open that no page has to bring any more: the process ended while it
    /// was opened, or the key for it came by itself.
    pub(super) fn has_more_to_open(&self) -> bool {
        let can_open = self.journal.is_some() || self.holds_key();
        can_open && !self.has_opened_all()
    }

    fn opens_others(&self, page: &Page) -> bool {
        let is_others = |kind: Kind, own: bool| kind == Kind::Batch && !own;
        let mut headers = page.entries.values().map(|entry| *entry.header());
        let stored = page.entries.keys().next().map_or(0, |first| first - 1);
        self.state.opened < stored.min(self.state.cursor.seq)
            || headers.any(|header| is_others(header.kind, self.is_own(header.device)))
    }

    fn open_one_by_one(
        &mut self,
        store: &mut dyn Store,
        page: &mut Page,
        journal: Journal,
    ) -> Result<(), SpaceError> {
        page.one_by_one = true;
        // What was verified is kept first: that opening begins after it is as good a state.
        self.commit_step(store, page)?;
        while let Some((seq, entry)) = self.next_to_open(store, page)? {
            let begun = if journal.at == seq { journal.begun } else { 0 };
            if begun >= DEATHS && entry.header().kind == Kind::Batch {
                self.hold_entry(page, seq, &entry, KILLED);
                self.state.opened = seq;
            } else {
                let journal = Journal {
                    at: seq,
                    begun: begun.saturating_add(1),
                    ..journal
                };
                self.write_journal(store, journal)?;
                self.open_entry(store, page, seq, &entry)?;
            }
            self.commit_step(store, page)?;
        }
        if self.state.opened >= journal.to {
            self.journal = None;
            page.transaction
                .delete(Table::Journal, keys::space(self.number));
        } else {
            let rest = Journal {
                at: 0,
                begun: 0,
                ..journal
            };
            self.write_journal(store, rest)?;
            self.journal = Some(rest);
        }
        Ok(())
    }

    /// Commits what the page came to so far, and reads documents again that broke by it.
    fn commit_step(&mut self, store: &mut dyn Store, page: &mut Page) -> Result<(), SpaceError> {
        self.save(&mut page.transaction);
        store.commit_soon(page.transaction.take())?;
        let broken = std::mem::take(&mut page.broken);
        self.documents.reload(store, &broken)
    }

    fn write_journal(&self, store: &mut dyn Store, journal: Journal) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        let key = keys::space(self.number);
        transaction.put(Table::Journal, key, codec::encode(&journal));
        Ok(store.commit_soon(transaction.into())?)
    }
}

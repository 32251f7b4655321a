//! Entries that a checkpoint keeps because what they say is in no document: the others hold them back,
//! or are too old for them. They are looked at last, each as at its place in the log.

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{Member, Membership};

use super::StartFault;
use crate::membership::Book;
use crate::space::receive::Page;
use crate::space::{Received, Space, SpaceError, keys};
use crate::store::{Store, Table};

impl Space {
    /// Takes the entries that the checkpoint keeps, as far as they are here, and is done with it: from
    /// now on this device is like any other.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn finish_start(&mut self, store: &mut dyn Store) -> Result<Received, SpaceError> {
        self.refresh(store)?;
        let finished = self.try_finish(store);
        if finished.is_err() {
            self.distrust();
            self.refresh(store)?;
        }
        finished
    }

    fn try_finish(&mut self, store: &mut dyn Store) -> Result<Received, SpaceError> {
        let Some(start) = self.start.take() else {
            return Ok(Received::default());
        };
        let mut page = Page::one_by_one();
        for kept in &start.public.kept {
            let place = keys::piece(self.number, &kept.id);
            let Some(bytes) = store.get(Table::Attachment, &place)? else {
                tracing::warn!(
                    seq = kept.seq,
                    "the relay does not have an entry that was kept"
                );
                continue;
            };
            page.transaction.delete(Table::Attachment, place);
            let heights = start.row.places.iter();
            let heights = heights.take_while(|place| **place < kept.seq).count();
            match Entry::parse(bytes) {
                Ok(entry) if entry.id(&self.state.id) == kept.id => {
                    self.take_kept(store, &mut page, (kept.seq, heights), entry)?;
                }
                _ => tracing::warn!(seq = kept.seq, why = %StartFault::Body, "a kept entry"),
            }
        }
        Self::forget_start(&mut page.transaction, self.number);
        self.documents.flush()?;
        self.save(&mut page.transaction);
        store.commit_soon(page.transaction.into())?;
        self.documents.reload(store, &page.broken)?;
        Ok(page.received)
    }

    fn take_kept(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        (seq, heights): (u64, usize),
        entry: Entry,
    ) -> Result<(), SpaceError> {
        let Some(membership) = self.membership_after(store, heights)? else {
            return Ok(());
        };
        let header = *entry.header();
        let id = entry.id(&self.state.id);
        if membership.signer(&entry, &id).is_err() {
            return Ok(());
        }
        let place = keys::entry(self.number, seq);
        page.transaction.put(Table::Entry, place, entry.bytes());
        let counts = membership.admit_signed(&header);
        match header.kind {
            Kind::Unknown(_) if is_current(&membership, header.device) => {
                let place = keys::unknown(self.number, seq);
                page.transaction
                    .put(Table::Evidence, place, seq.to_be_bytes());
                Ok(())
            }
            Kind::Batch | Kind::Carry => match (counts, self.sections_of(&entry)) {
                (Err(refusal), _) => {
                    self.hold_entry(page, seq, &entry, refusal.reason());
                    Ok(())
                }
                (Ok(()), Err(reason)) => {
                    self.hold_entry(page, seq, &entry, reason);
                    Ok(())
                }
                (Ok(()), Ok(sections)) => self.apply_all(store, page, (seq, &entry), &sections),
            },
            _ => Ok(()),
        }
    }

    /// The membership after so many entries.
    fn membership_after(
        &self,
        store: &dyn Store,
        heights: usize,
    ) -> Result<Option<Membership>, SpaceError> {
        let entries = self.membership_entries(store)?;
        let known = self.book.as_ref().map(Book::membership);
        let Some((first, rest)) = entries.get(..heights).and_then(<[_]>::split_first) else {
            return Ok(None);
        };
        let head = u32::try_from(rest.len()).map(waymark_wire::ids::Height);
        let head = head.ok().and_then(|head| Some((head, known?.id_at(head)?)));
        Ok(head.and_then(|head| Membership::known(first, rest, head).ok()))
    }
}

fn is_current(membership: &Membership, device: DeviceNumber) -> bool {
    membership.member(device).is_some_and(Member::is_current)
}

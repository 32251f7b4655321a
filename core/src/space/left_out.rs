//! Keys that did not come with the entries that name them: the relay left them out, or it was asked as
//! another membership. The relay has them as long as somebody may need them, so it is asked for the
//! membership once more, as whom this device is now.

use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, Height};

use super::receive::Page;
use super::{Item, Space, SpaceError, damaged, keys};
use crate::membership::Book;
use crate::store::{Store, Table};

impl Space {
    /// Whether the relay is to help this device to the key of the epoch in force: no member can be asked for
    /// it here, or all were.
    #[must_use]
    pub fn misses_key(&self) -> bool {
        let is_member = self.own().is_some() && !self.state.left && !self.is_on_trial();
        if !is_member || self.holds_key() {
            return false;
        }
        let may_ask = !self.is_enrolling() && !self.is_closed() && !self.is_rotation_due();
        // Whoever was asked may not hold it any more, and what they answer may not come either.
        !may_ask || self.has_refused_key()
    }

    /// Keeps, from a membership that is read once more, agreement keys of members, and takes the key of
    /// the epoch in force, where they were left out before. Says whether there were any. What opens
    /// with the key is opened with the next page, also with one that has nothing in it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing is kept then.
    pub fn take_left_out(
        &mut self,
        store: &mut dyn Store,
        items: &[Item],
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let taken = self.try_take_left_out(store, items);
        if taken.is_err() {
            self.distrust();
        }
        taken
    }

    fn try_take_left_out(
        &mut self,
        store: &mut dyn Store,
        items: &[Item],
    ) -> Result<bool, SpaceError> {
        let attachments = items.iter().filter_map(|item| match item {
            Item::Attachment(bytes) => Some(bytes.clone()),
            Item::Entry { .. } | Item::Own { .. } => None,
        });
        let attachments: Vec<Vec<u8>> = attachments.collect();
        let mut page = Page::default();
        self.keep_named(store, &mut page, &attachments)?;
        if self.misses_key() {
            self.take_missed_key(store, &mut page, &attachments)?;
        }
        let is_some = !page.transaction.is_empty();
        if is_some {
            self.save(&mut page.transaction);
            store.commit(page.transaction.into())?;
        }
        Ok(is_some)
    }

    /// Keeps agreement keys of members that are not here.
    fn keep_named(
        &self,
        store: &dyn Store,
        page: &mut Page,
        attachments: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        let Some(book) = &self.book else {
            return Ok(());
        };
        for bytes in attachments {
            let hash = AttachmentHash::of(bytes);
            let place = keys::attachment(self.number, &hash);
            let mut people = book.people();
            let is_named = people.any(|(member, _)| member.agreement_key == hash);
            if is_named && store.get(Table::Attachment, &place)?.is_none() {
                page.transaction
                    .put(Table::Attachment, place, bytes.as_slice());
            }
        }
        Ok(())
    }

    /// Takes the key of the epoch in force from whatever entry of it hands this device one.
    fn take_missed_key(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        attachments: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        for (height, entry) in self.entries_of_epoch(store)? {
            self.take_sealed(store, page, (&entry, height), attachments)?;
        }
        Ok(())
    }

    /// The membership entries of the epoch in force, with their heights.
    fn entries_of_epoch(&self, store: &dyn Store) -> Result<Vec<(Height, Entry)>, SpaceError> {
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return Ok(Vec::new());
        };
        let heights = membership.epoch_start().0..=membership.height().0;
        let stored = heights.map(|height| {
            let entry = self.membership_entry(store, Height(height))?;
            let entry = entry.ok_or_else(|| damaged(Table::Membership, "an entry is missing"))?;
            Ok((Height(height), entry))
        });
        stored.collect()
    }
}

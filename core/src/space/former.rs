//! Documents as they were before they were given up for what is left, where something was forgotten that
//! this device could not read. What stands in their place comes later, and what this device had not sent
//! of them is said again only then. Until then they are shown, and can be exported: the device may be
//! removed before, and has what it wrote nowhere else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::receive::Page;
use super::{Space, SpaceError, keys};
use crate::gate::{Document, DocumentName};
use crate::store::{CLEANING, Store, Table, Transaction};

/// Those that were looked at.
pub(super) type Formers = BTreeMap<DocumentName, Document>;

impl Space {
    /// Keeps a document as it is, before it is emptied. One that was kept before stays: what is here now
    /// lacks what was not sent.
    pub(super) fn keep_former(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        name: DocumentName,
    ) -> Result<(), SpaceError> {
        let Some(document) = self.documents.number_of(name) else {
            return Ok(());
        };
        let place = keys::former(self.number, document);
        if !self.documents.holds_any(name) || store.get(Table::Outbox, &place)?.is_some() {
            return Ok(());
        }
        let own = self.actor();
        let saved = self.documents.open(store, name, own)?.save()?;
        transaction.put(Table::Outbox, place, saved);
        Ok(())
    }

    /// A document as it was before it was given up, as long as it is not here anew.
    pub(super) fn former(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
    ) -> Result<Option<&mut Document>, SpaceError> {
        if !self.is_given_up(name) {
            return Ok(None);
        }
        let Some(document) = self.documents.number_of(name) else {
            return Ok(None);
        };
        let own = self.actor();
        match self.formers.entry(name) {
            Entry::Occupied(known) => Ok(Some(known.into_mut())),
            Entry::Vacant(place) => {
                let key = keys::former(self.number, document);
                let Some(saved) = store.get(Table::Outbox, &key)? else {
                    return Ok(None);
                };
                let document = Document::load::<Vec<u8>>(own, Some(&saved), Vec::new())?;
                Ok(Some(place.insert(document)))
            }
        }
    }

    /// Lets go of them: what stands in their place is here. They may hold what was forgotten, so the
    /// files are cleaned after it.
    pub(super) fn forget_formers(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        self.formers.clear();
        let all = keys::all_formers(self.number);
        if !store.scan(Table::Outbox, &all, None, 1)?.is_empty() {
            page.transaction
                .delete_prefix(Table::Outbox, all)
                .put(Table::Meta, CLEANING, []);
            page.received.forgot = true;
        }
        Ok(())
    }
}

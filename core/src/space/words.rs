//! Unsent words in texts, put aside beside the changes that they are of. Those changes stand on a past
//! that is another one where something was forgotten; then their words are said again.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use waymark_wire::codec;

use super::aside::Parted;
use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::gate::{ActorId, DocumentName, TextId, Words};
use crate::store::{Store, Table, Transaction};

/// The words of one document.
#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    document: DocumentName,
    #[n(1)]
    words: Vec<Words>,
}

impl Space {
    /// Puts the words aside that the log has not shown, of every document.
    pub(super) fn put_words_aside(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
    ) -> Result<(), SpaceError> {
        let own = self.actor();
        let unconfirmed = self.unconfirmed(store)?;
        let aside = self.first_aside(store)?;
        let unsettled = self.unsettled.clone();
        for name in self.documents.names().collect::<Vec<_>>() {
            let Some(index) = self.documents.number_of(name) else {
                continue;
            };
            if self.comes_back(name) {
                continue;
            }
            let from = unconfirmed.iter().find(|(of, _)| *of == name);
            let from = from.map_or(u32::MAX, |(_, from)| *from);
            let from = aside.get(&name).map_or(from, |aside| from.min(*aside));
            let given_up = unsettled.get(&name);
            let is_unsent = |actor: ActorId, seq: u32| {
                let is_former = given_up.is_some_and(|given_up| given_up.holds(actor, seq));
                is_former || (actor == own && seq >= from)
            };
            let document = self.documents.open(store, name, own)?;
            let shown = document.without(&is_unsent)?;
            let words = document.words_beyond(&shown)?;
            self.documents.evict();
            if !words.is_empty() {
                let document = name;
                let row = codec::encode(&Row { document, words });
                transaction.put(Table::Outbox, keys::words(self.number, index), row);
            }
        }
        Ok(())
    }

    /// Says the words again that are not in their documents, but for texts that go and are not here.
    /// Counts those, and the texts that are here no more.
    pub(super) fn say_words_again(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        goes: &BTreeSet<TextId>,
        parted: &Parted,
    ) -> Result<usize, SpaceError> {
        let own = self.actor();
        let mut gone = BTreeSet::new();
        let prefix = keys::all_words(self.number);
        for (place, row) in store.scan(Table::Outbox, &prefix, None, usize::MAX)? {
            let broken = |_| damaged(Table::Outbox, "words that were put aside cannot be read");
            let row: Row = codec::decode(&row, usize::MAX).map_err(broken)?;
            let name = row.document;
            for words in &row.words {
                let document = self.documents.open(store, name, own)?;
                if goes.contains(&words.text()) && document.text(&words.text()).is_none() {
                    gone.insert(words.text());
                    continue;
                }
                let is_others = |id| parted.holds(name, id);
                let Some(changes) = document.say_words(words, &is_others)? else {
                    gone.insert(words.text());
                    continue;
                };
                self.write_own(page, name, &changes);
            }
            page.transaction.delete(Table::Outbox, place);
        }
        Ok(gone.len())
    }
}

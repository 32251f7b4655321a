//! Something is forgotten: at the place of the entry that says so, every device rewrites what its
//! documents hold by then of the log ([`Document::forgetting`]), and all come to the same.
//!
//! What this device has written and the log has not shown stays as it was said. Where some of it is about
//! something that is forgotten, that goes too, the person is told ([`super::given_up`]), and the rest is
//! done again. What others wrote and the log has not shown is theirs to say again.

use std::collections::{BTreeMap, BTreeSet};

use waymark_wire::codec;
use waymark_wire::entry::Kind;

use super::given_up::GivenUp;
use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::forgotten::Forgotten;
use crate::gate::{ActorId, Again, Document, DocumentName, GateError, RecordId, Section, TextId};
use crate::membership::{ToForget, Wish};
use crate::model::forgetting::belonging;
use crate::store::{Store, Table, Transaction};

/// Which changes of the documents the log has not shown.
struct Unshown {
    own: ActorId,
    /// Everybody who is or was a member in this log.
    members: BTreeSet<ActorId>,
    /// From which number on, by document and author.
    from: BTreeMap<(DocumentName, ActorId), u32>,
    /// Under which keys this device wrote in documents before it gave them up.
    former: BTreeSet<(DocumentName, ActorId)>,
    /// Whether any may be of somebody who never was a member in this log.
    strangers: bool,
}

/// What this device wrote in a document and the log has not shown.
#[derive(Default)]
struct Words {
    records: Vec<(RecordId, Vec<u8>)>,
    /// The texts that read otherwise without it, and those of them that are there without it.
    texts: BTreeSet<TextId>,
    known: BTreeSet<TextId>,
}

impl Unshown {
    fn add(&mut self, name: DocumentName, author: ActorId, first: u32) {
        let from = self.from.entry((name, author)).or_insert(first);
        *from = first.min(*from);
    }

    fn is_any(&self, name: DocumentName) -> bool {
        self.strangers || self.from.keys().any(|(of, _)| *of == name)
    }

    fn has(&self, name: DocumentName, author: ActorId, seq: u32) -> bool {
        let from = self.from.get(&(name, author));
        from.is_some_and(|from| seq >= *from) || self.is_stranger(author)
    }

    /// Whether an author is this device, under whatever keys it wrote in a document.
    fn is_own(&self, name: DocumentName, author: ActorId) -> bool {
        author == self.own || self.former.contains(&(name, author))
    }

    /// What is left of a document, with all that this device said there and the log has not shown: each
    /// change under its number, by which a copy of this device knows its own. `None` where there is none, or
    /// some of it goes.
    fn keeping(
        &self,
        name: DocumentName,
        local: &Document,
        gone: &Forgotten,
    ) -> Result<Option<Document>, GateError> {
        let is_own = |author: ActorId| self.is_own(name, author);
        let from = self.from.iter();
        let own = from.filter(|((of, author), _)| *of == name && is_own(*author));
        let own: Vec<_> = own.map(|((_, author), from)| (*author, *from)).collect();
        if own.is_empty() {
            return Ok(None);
        }
        let is_others = |author, seq| self.has(name, author, seq) && !is_own(author);
        local.without(&is_others)?.forgetting_around(gone, &own)
    }

    /// The first change of this device that the log has not shown; a number that no change has where it has
    /// shown all.
    fn first_own(&self, name: DocumentName) -> u32 {
        let first = self.from.get(&(name, self.own));
        first.copied().unwrap_or(u32::MAX)
    }

    fn is_stranger(&self, author: ActorId) -> bool {
        self.strangers && author != self.own && !self.members.contains(&author)
    }
}

impl Space {
    /// Rewrites the documents, and says what of this device's words went with it.
    pub(super) fn forget_in_documents(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        forgotten: &Forgotten,
    ) -> Result<GivenUp, SpaceError> {
        let unshown = self.unshown(store, page)?;
        let own = self.actor();
        let names: Vec<DocumentName> = self.documents.names().collect();
        let mut confirmed = BTreeMap::new();
        let mut words = Words::default();
        for name in names.iter().filter(|name| unshown.is_any(**name)) {
            let local = self.documents.open(store, *name, own)?;
            let shown = local.without(&|author, seq| unshown.has(*name, author, seq))?;
            words.add(local, &shown, &|author| unshown.is_own(*name, *author));
            confirmed.insert(*name, shown);
        }
        let gone = words.gone(forgotten);
        for name in names {
            let local = self.documents.open(store, name, own)?;
            let shown = confirmed.remove(&name);
            let kept = unshown.keeping(name, local, &gone)?;
            if kept.is_none() {
                self.unsettled.remove(&name);
            }
            let rest = match (kept, &shown) {
                (Some(kept), _) => Some(kept),
                (None, Some(shown)) => shown.forgetting(forgotten)?,
                (None, None) => local.forgetting(forgotten)?,
            };
            let Some(mut rest) = rest.or(shown) else {
                continue;
            };
            let saved = rest.save()?;
            let mut changes = rest.changes_from(own, unshown.first_own(name))?;
            let again = Again {
                by: &|author| unshown.is_own(name, *author),
                record: &|id| !gone.records.contains(id),
                text: &|id| !gone.texts.contains(id),
            };
            changes.extend(rest.catch_up_with(local, &again)?);
            self.documents
                .replace(&mut page.transaction, name, (rest, saved), &changes)
                .ok_or_else(|| damaged(Table::Document, "a document's row is missing"))?;
        }
        Ok(words.given_up(forgotten, &gone))
    }

    /// A wish, of which as much is left as is not forgotten yet; `None` where nothing is. All of it is as
    /// long as documents are to come, or to be written in again: what is wanted may be among that.
    pub(super) fn left_of(
        &mut self,
        store: &dyn Store,
        wish: Wish,
    ) -> Result<Option<Wish>, SpaceError> {
        let Wish::Forget(what) = wish else {
            return Ok(Some(wish));
        };
        if !self.holds_the_log() {
            return Ok(Some(Wish::Forget(what)));
        }
        let own = self.actor();
        let mut all = Forgotten::default();
        self.documents.each(store, own, |document| {
            all.extend(document.said_of(&what.all));
        })?;
        let named = what.named;
        Ok((!all.is_empty()).then_some(Wish::Forget(ToForget { named, all })))
    }

    /// Takes into what is to be forgotten whatever has come to belong to it since it was wanted.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn widen_wishes(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let mut transaction = Transaction::new();
        for wish in self.wishes(store)? {
            let Wish::Forget(what) = wish else { continue };
            let all = self.belonging(store, &what.all)?;
            if all != what.all {
                let named = what.named;
                let wider = Wish::Forget(ToForget { named, all });
                let place = keys::wish(self.number, &wider);
                transaction.put(Table::Intent, place, codec::encode(&wider));
            }
        }
        if transaction.is_empty() {
            return Ok(());
        }
        Ok(store.commit(transaction.into())?)
    }

    /// What is named, and all that belongs to it in the documents of this space.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn belonging(
        &mut self,
        store: &dyn Store,
        named: &Forgotten,
    ) -> Result<Forgotten, SpaceError> {
        self.refresh(store)?;
        let own = self.actor();
        let mut records = BTreeMap::new();
        self.documents.each(store, own, |document| {
            records.extend(document.records().map(|r| (r.id, r.bytes.into_owned())));
        })?;
        let records = records.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
        Ok(belonging(records, named))
    }

    /// What the documents hold that the log has not shown up to here.
    fn unshown(&mut self, store: &dyn Store, page: &Page) -> Result<Unshown, SpaceError> {
        let own = self.actor();
        let mut unshown = Unshown {
            own,
            members: self.actors().into_iter().collect(),
            from: BTreeMap::new(),
            former: BTreeSet::new(),
            strangers: false,
        };
        for (name, from) in &page.local {
            unshown.add(*name, own, *from);
        }
        for (name, from) in self.unconfirmed_beside(store, &page.transaction)? {
            unshown.add(name, own, from);
        }
        for (name, unsettled) in &self.unsettled {
            for (actor, from) in unsettled.all() {
                unshown.add(*name, actor, from);
                unshown.former.insert((*name, actor));
            }
        }
        let (sections, strangers) = self.sections_off_the_log(store)?;
        for section in sections {
            unshown.add(section.name(), section.author(), section.first_seq());
        }
        unshown.strangers = strangers;
        Ok(unshown)
    }

    /// The sections of entries that a relay lost, and of those that are to be carried: documents hold
    /// them. Says too whether there are any whose authors are nobody here.
    fn sections_off_the_log(&self, store: &dyn Store) -> Result<(Vec<Section>, bool), SpaceError> {
        let mut sections = Vec::new();
        let mut strangers = false;
        for found in self.sections_of_lost(store)? {
            match found {
                Some(found) => sections.extend(found),
                None => strangers = true,
            }
        }
        let mut on_their_way = self.all_sealed(store)?;
        on_their_way.retain(|sealed| sealed.entry.header().kind == Kind::Carry);
        for sealed in on_their_way {
            if let Ok((_, carried)) = self.carried(&sealed.entry) {
                sections.extend(carried);
            }
        }
        Ok((sections, strangers))
    }
}

impl Words {
    fn add(&mut self, local: &Document, shown: &Document, is_own: &dyn Fn(&ActorId) -> bool) {
        for record in local.records() {
            if !shown.has_record(&record.id) && record.authors().iter().any(is_own) {
                self.records.push((record.id, record.bytes.into_owned()));
            }
        }
        for id in local.texts() {
            let before = shown.text(&id);
            self.known.extend(before.is_some().then_some(id));
            if before != local.text(&id) {
                self.texts.insert(id);
            }
        }
    }

    /// What is forgotten, and all of these words that are about it.
    fn gone(&self, forgotten: &Forgotten) -> Forgotten {
        let records = self.records.iter();
        let records = records.map(|(id, bytes)| (*id, bytes.as_slice()));
        let mut gone = belonging(records, forgotten);
        // What a note of one's own is about says nothing against what others wrote in its text.
        let stays = |id: &TextId| self.known.contains(id) && !forgotten.texts.contains(id);
        gone.texts.retain(|id| !stays(id));
        gone
    }

    /// What goes with what is forgotten, and is not it.
    fn given_up(&self, forgotten: &Forgotten, gone: &Forgotten) -> GivenUp {
        let is_other = |id: &RecordId| gone.records.contains(id) && !forgotten.records.contains(id);
        let records = self.records.iter().filter(|(id, _)| is_other(id));
        let texts = self.texts.iter().filter(|id| gone.texts.contains(id));
        GivenUp::of(records.map(|(_, bytes)| bytes.as_slice()), texts.count())
    }
}

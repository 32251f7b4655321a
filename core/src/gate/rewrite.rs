//! Doing edits again under another actor, where two devices turn out to have the same one: what is
//! confirmed is told from what is not, and what is missing is written anew.

use std::collections::{BTreeMap, HashMap, HashSet};

use automerge::{ObjId, ReadDoc, ScalarValueRef, ValueRef};

use super::change::PlainChange;
use super::chunk;
use super::document::{self, Document, StoredChange, guard};
use super::edit::op_id;
use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId};
use super::limits::MAX_RECORD;
use super::read::RecordView;
use super::section::Section;
use crate::ids::{RecordId, TextId};

/// Bytes of records that are put again as one change; one record alone may have as many.
const PUT_BYTES: usize = MAX_RECORD;
/// Records that are put again as one change.
const PUT_AT_ONCE: usize = 256;
/// Characters that one change inserts again or deletes again, so that it stays small however they
/// lie.
const CHARS_AT_ONCE: usize = 4_096;

/// Which of the edits that one version of a document has and another has not are done again.
#[derive(Clone, Copy)]
pub struct Again<'a> {
    /// Whose.
    pub by: &'a dyn Fn(&ActorId) -> bool,
    /// Which records.
    pub record: &'a dyn Fn(&RecordId) -> bool,
    /// What was done in which texts.
    pub text: &'a dyn Fn(&TextId) -> bool,
}

impl Again<'_> {
    /// All of them, whoever made them.
    pub const ALL: Self = Self {
        by: &|_| true,
        record: &|_| true,
        text: &|_| true,
    };
}

/// Characters that stand in one version of a text in the place of some in another.
pub(super) struct Hunk {
    position: usize,
    delete: usize,
    insert: String,
}

impl Hunk {
    pub(super) const fn of(position: usize, delete: usize, insert: String) -> Self {
        Self {
            position,
            delete,
            insert,
        }
    }
}

impl Document {
    /// The number of an actor's last change here, 0 before the first.
    ///
    /// # Errors
    /// [`GateError::Poisoned`], or [`GateError::Damaged`] where the document is not one of ours.
    pub fn last_seq_of(&mut self, actor: ActorId) -> Result<u32, GateError> {
        self.usable()?;
        let past = self.take_past(false)?;
        let last = past.actor(&actor).map_or(0, |actor| past.seq(actor));
        self.keep_past(past);
        Ok(last)
    }

    /// The number of the first change of a section that is not here in the very same form; the one
    /// after its last where all of them are.
    ///
    /// # Errors
    /// As [`last_seq_of`](Self::last_seq_of).
    pub fn agrees_until(&mut self, section: &Section) -> Result<u32, GateError> {
        self.usable()?;
        let author = section.author();
        let past = self.take_past(false)?;
        let mut agreed = section.first_seq();
        if let Some(own) = past.actor(&author) {
            for body in section.changes() {
                let Ok(place) = past.place(own, agreed, &body.others) else {
                    break;
                };
                let change = PlainChange {
                    actor: author,
                    seq: agreed,
                    start_op: place.start_op,
                    previous: past.hash(own, agreed.saturating_sub(1)),
                    body: body.clone(),
                };
                let hash = chunk::write(&change).ok().map(|chunk| chunk.hash);
                if hash.is_none() || past.hash(own, agreed) != hash {
                    break;
                }
                agreed += 1;
            }
        }
        self.keep_past(past);
        Ok(agreed)
    }

    /// An actor's changes from a number on, in order, as a device stores them.
    ///
    /// # Errors
    /// As [`without`](Self::without).
    pub fn changes_from(&self, actor: ActorId, from: u32) -> Result<Vec<StoredChange>, GateError> {
        let lost = GateError::Engine("lost a change");
        let mut own = self.hashes_of(actor)?;
        let later = own.split_off(&from);
        let mut previous = own.pop_last().map(|(_, hash)| hash);
        let hashes = later.values().map(|hash| automerge::ChangeHash(hash.0));
        let changes = guard(|| self.doc.bundle(hashes)?.to_changes())?.map_err(|_| lost)?;
        let changes: HashMap<_, _> = changes.iter().map(|c| (c.hash().0, c)).collect();
        let mut stored = Vec::with_capacity(later.len());
        for (seq, hash) in later {
            let change = changes.get(&hash.0).ok_or(lost)?;
            let change = PlainChange::from_automerge(change, previous)?;
            stored.push(StoredChange {
                actor,
                hash,
                seq,
                stored: change.to_stored(),
            });
            previous = Some(hash);
        }
        Ok(stored)
    }

    /// The number of an actor's first change that is another one here than in `other`; `None` where
    /// what one of both has goes on from what the other has.
    ///
    /// # Errors
    /// As [`without`](Self::without).
    pub fn parts_from(&self, other: &Self, actor: ActorId) -> Result<Option<u32>, GateError> {
        let theirs = other.hashes_of(actor)?;
        let differs = |(seq, hash): &(u32, ChangeHash)| {
            let there = theirs.get(seq);
            there.is_some_and(|there| there != hash)
        };
        let mut own = self.hashes_of(actor)?.into_iter();
        Ok(own.find(differs).map(|(seq, _)| seq))
    }

    fn hashes_of(&self, of: ActorId) -> Result<BTreeMap<u32, ChangeHash>, GateError> {
        self.usable()?;
        let mut hashes = BTreeMap::new();
        for meta in guard(|| self.doc.get_changes_meta(&[]))? {
            if document::actor(&meta.actor)? == of {
                hashes.insert(document::seq(meta.seq)?, ChangeHash(meta.hash.0));
            }
        }
        Ok(hashes)
    }

    /// The document without some changes, which are told by actor and number, and without all that
    /// depends on them.
    ///
    /// # Errors
    /// [`GateError::Engine`] and [`GateError::Poisoned`] as described at [`Document`].
    pub fn without(&self, is_left_out: &dyn Fn(ActorId, u32) -> bool) -> Result<Self, GateError> {
        self.usable()?;
        let mut kept = Vec::new();
        let mut left_out = HashSet::new();
        for change in guard(|| self.doc.get_changes(&[]))? {
            let actor = document::actor(change.actor_id())?;
            let depends = change.deps().iter().any(|dep| left_out.contains(dep));
            if depends || is_left_out(actor, document::seq(change.seq())?) {
                left_out.insert(change.hash());
            } else {
                kept.push(change);
            }
        }
        Self::of_changes(kept, self.actor)
    }

    /// Does here, under this document's own actor, what was done in `later`, which has everything
    /// that this document has: records that are missing are put, texts are made and edited until
    /// they read alike, as far as `again` says.
    ///
    /// # Errors
    /// As [`put_record`](Self::put_record).
    pub fn catch_up_with(
        &mut self,
        later: &Self,
        again: &Again<'_>,
    ) -> Result<Vec<StoredChange>, GateError> {
        later.usable()?;
        let mut changes = Vec::new();
        let is_meant = |record: &RecordView<'_>| {
            record.authors().iter().any(again.by) && (again.record)(&record.id)
        };
        let missing: Vec<_> = later
            .records()
            .filter(|record| !self.has_record(&record.id) && is_meant(record))
            .map(|record| record.bytes)
            .collect();
        let mut rest = missing.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |record: &&std::borrow::Cow<'_, [u8]>| {
                bytes += record.len();
                bytes <= PUT_BYTES
            };
            let count = rest
                .iter()
                .take(PUT_AT_ONCE)
                .take_while(fits)
                .count()
                .max(1);
            let (now, later) = rest.split_at(count);
            let now: Vec<&[u8]> = now.iter().map(AsRef::as_ref).collect();
            changes.extend(self.put_records(&now)?);
            rest = later;
        }
        for id in later.texts().into_iter().filter(again.text) {
            if self.made_texts(id).is_empty() {
                if !later.is_made_by(id, again.by)? {
                    continue;
                }
                changes.push(self.make_text(id)?);
            }
            // From the end, so that the places before stay what they are.
            for hunk in self.hunks_to(later, id, again.by)?.into_iter().rev() {
                self.splice_whole(id, hunk, &mut changes)?;
            }
        }
        Ok(changes)
    }

    pub(super) fn splice_whole(
        &mut self,
        id: TextId,
        hunk: Hunk,
        changes: &mut Vec<StoredChange>,
    ) -> Result<(), GateError> {
        let Hunk {
            mut position,
            mut delete,
            insert,
        } = hunk;
        let mut chars = insert.chars().peekable();
        while delete > 0 || chars.peek().is_some() {
            let now: String = chars.by_ref().take(CHARS_AT_ONCE).collect();
            let gone = delete.min(CHARS_AT_ONCE);
            changes.extend(self.splice_text(id, position, gone, &now)?);
            position += now.chars().count();
            delete -= gone;
        }
        Ok(())
    }

    /// Whether one of these made a text or wrote in it.
    fn is_made_by(&self, id: TextId, by: &dyn Fn(&ActorId) -> bool) -> Result<bool, GateError> {
        let made = self.made_texts(id);
        let made = made.iter().map(op_id).collect::<Result<Vec<_>, _>>()?;
        let is_made = made.iter().any(|made| by(&made.actor));
        let elements = self.elements(id)?;
        let mut actors = elements.iter().map(|(element, _)| element.actor);
        Ok(is_made || actors.any(|actor| by(&actor)))
    }

    /// What makes a text of this document read as in `later`. Characters that both have stay, so
    /// that what others did to them at the same time stays too.
    fn hunks_to(
        &self,
        later: &Self,
        id: TextId,
        by: &dyn Fn(&ActorId) -> bool,
    ) -> Result<Vec<Hunk>, GateError> {
        let here = self.elements(id)?;
        let there = later.elements(id)?;
        let known: HashSet<OpId> = here.iter().map(|(element, _)| *element).collect();
        let mut hunks = Vec::new();
        let mut at = 0;
        let mut open = Hunk {
            position: 0,
            delete: 0,
            insert: String::new(),
        };
        for (element, text) in there {
            if !known.contains(&element) {
                if by(&element.actor) {
                    open.insert.push_str(&text);
                }
                continue;
            }
            while here.get(at).is_some_and(|(other, _)| *other != element) {
                open.delete += 1;
                at += 1;
            }
            at += 1;
            let next = Hunk {
                position: at,
                delete: 0,
                insert: String::new(),
            };
            hunks.push(std::mem::replace(&mut open, next));
        }
        open.delete += here.len().saturating_sub(at);
        hunks.push(open);
        hunks.retain(|hunk| hunk.delete > 0 || !hunk.insert.is_empty());
        Ok(hunks)
    }

    /// The characters of a text as it reads now, with the operations that inserted them.
    pub(super) fn elements(&self, id: TextId) -> Result<Vec<(OpId, String)>, GateError> {
        let made = self.made_texts(id);
        let elements = made.iter().map(|text| self.elements_of(text));
        Ok(elements.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The same of a text object.
    pub(super) fn elements_of(&self, text: &ObjId) -> Result<Vec<(OpId, String)>, GateError> {
        self.doc
            .list_range(text, ..)
            .map(|item| match &item.value {
                ValueRef::Scalar(ScalarValueRef::Str(chars)) => {
                    Ok((op_id(&item.id())?, chars.to_string()))
                }
                _ => Err(GateError::Damaged("element")),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::DocumentName;

    const NAME: DocumentName = DocumentName { kind: 1, part: 0 };
    const TEXT: TextId = TextId([7; 16]);

    fn section(changes: &[StoredChange]) -> Section {
        Section::build(NAME, changes.iter().map(|change| &change.stored)).unwrap()
    }

    /// What somebody edited at both ends of a long text is all that is done again: the middle, where
    /// others write at the same time, is left alone.
    #[test]
    fn what_is_not_confirmed_is_done_again_and_nothing_else() {
        let (old, new, other) = (ActorId([1; 16]), ActorId([2; 16]), ActorId([3; 16]));
        let mut local = Document::new(old);
        let mut sent = vec![local.make_text(TEXT).unwrap()];
        sent.extend(local.splice_text(TEXT, 0, 0, "one two three four").unwrap());
        sent.extend(local.put_record(b"sent").unwrap());
        let confirmed = local.own_seq();
        local.splice_text(TEXT, 14, 4, "vier 🌿").unwrap();
        local.splice_text(TEXT, 0, 3, "eins").unwrap();
        local.put_record(b"unsent").unwrap();
        let read = local.text(&TEXT);

        let local = Document::load(new, Some(&local.save().unwrap()), Vec::<Vec<u8>>::new());
        let local = local.unwrap();
        let unconfirmed = |actor, seq| actor == old && seq > confirmed;
        let mut again = local.without(&unconfirmed).unwrap();
        assert_eq!(again.text(&TEXT).as_deref(), Some("one two three four"));
        let changes = again.catch_up_with(&local, &Again::ALL).unwrap();
        assert!(changes.iter().all(|change| change.actor == new));
        assert_eq!(again.text(&TEXT), read);
        assert_eq!(again.records().count(), 2);

        // Somebody else's edit of the middle, which knows nothing of all this.
        let mut elsewhere = Document::new(other);
        let known = |_: &ActorId| true;
        elsewhere.accept(&known, &section(&sent)).unwrap();
        elsewhere.splice_text(TEXT, 4, 3, "zwei").unwrap();
        elsewhere.accept(&known, &section(&changes)).unwrap();
        let merged = elsewhere.text(&TEXT).unwrap();
        assert_eq!(merged, "eins zwei three vier 🌿");
    }

    /// A change that both have in the same form must not be done again, and one that only looks like
    /// it must.
    #[test]
    fn how_far_two_devices_with_one_actor_agree_is_told_by_the_changes_themselves() {
        let actor = ActorId([1; 16]);
        let mut here = Document::new(actor);
        let mut both = Vec::new();
        for record in [b"one", b"two"] {
            both.extend(here.put_record(record).unwrap());
        }
        let saved = here.save().unwrap();
        let there = Document::load(actor, Some(&saved), Vec::<Vec<u8>>::new());
        let mut there = there.unwrap();
        here.put_record(b"here").unwrap();
        let mut theirs = both.clone();
        theirs.extend(there.put_record(b"there").unwrap());
        assert_eq!(here.agrees_until(&section(&both)).unwrap(), 3);
        assert_eq!(here.agrees_until(&section(&theirs)).unwrap(), 3);
        assert_eq!(here.last_seq_of(actor).unwrap(), 3);
        assert_eq!(there.agrees_until(&section(&theirs)).unwrap(), 4);
        assert_eq!(
            Document::new(actor).agrees_until(&section(&both)).unwrap(),
            1
        );
    }
}

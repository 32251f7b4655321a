//! What texts say without operations that a view leaves out: those of a device that was undone.
//!
//! A text that is shown leaves out what such operations inserted. What they deleted stays deleted:
//! nobody could delete it again. [`Document::text_restored`] tells what it would be, so that a person
//! can put back what is missed.

use std::collections::{HashMap, HashSet};

use automerge::{ObjId, ObjType, ROOT, ReadDoc, Value};

use super::change::{Op, PlainChange};
use super::document::{Document, guard};
use super::edit::op_id;
use super::error::GateError;
use super::id::{OpId, text_key};
use crate::ids::TextId;

/// Says which operations a view leaves out.
pub type IsUndone<'u> = &'u dyn Fn(&OpId) -> bool;

/// A text of which some operations are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RestoredText {
    /// Characters that are not shown because what is left out inserted them.
    pub hidden: usize,
    /// Characters that are not shown because what is left out, and nothing else, deleted them.
    pub deleted: usize,
    /// What it would say if none of that had been done.
    pub text: String,
}

impl Document {
    /// The text of this name as it reads now, without what was inserted by operations that are left
    /// out.
    #[must_use]
    pub fn text_without(&self, id: &TextId, is_undone: IsUndone<'_>) -> Option<String> {
        let made = self.made_texts(*id);
        if made.is_empty() {
            return None;
        }
        let elements = made.iter().map(|text| self.elements_of(text));
        let elements: Vec<_> = elements.collect::<Result<_, _>>().ok()?;
        let shown = elements.into_iter().flatten();
        let shown = shown.filter(|(by, _)| !is_undone(by));
        Some(shown.map(|(_, chars)| chars).collect())
    }

    /// What the text of this name would say if the operations that are left out had never been: also
    /// without their deletions. Reads every change of the document.
    ///
    /// # Errors
    /// [`GateError::UnknownText`]; [`GateError::Poisoned`]; [`GateError::Damaged`] where the document
    /// is not one of ours.
    pub fn text_restored(
        &self,
        id: &TextId,
        is_undone: IsUndone<'_>,
    ) -> Result<RestoredText, GateError> {
        self.usable()?;
        let made = self.made_texts(*id);
        let made = made.iter().map(|text| Ok((op_id(text)?, Tree::default())));
        let mut trees = made.collect::<Result<Vec<_>, GateError>>()?;
        if trees.is_empty() {
            return Err(GateError::UnknownText);
        }
        for change in guard(|| self.doc.get_changes(&[]))? {
            let change = PlainChange::from_automerge(&change, None)?;
            trees
                .iter_mut()
                .for_each(|(by, tree)| tree.grow(by, &change));
        }
        let read = trees.into_iter().map(|(_, tree)| tree.read(is_undone));
        Ok(read.fold(RestoredText::default(), |all, one| RestoredText {
            hidden: all.hidden + one.hidden,
            deleted: all.deleted + one.deleted,
            text: all.text + &one.text,
        }))
    }

    /// What was made under a text's name, in the order in which it is read: the oldest first. Several
    /// where devices made it without knowing of each other: none is to hide what the others say.
    pub(super) fn made_texts(&self, id: TextId) -> Vec<ObjId> {
        let made = self.doc.get_all(ROOT, text_key(&id).as_str());
        let made = made.unwrap_or_default().into_iter();
        let made = made.filter_map(text_object);
        let mut made: Vec<_> = made
            .filter_map(|text| Some((op_id(&text).ok()?, text)))
            .collect();
        made.sort_unstable_by_key(|(by, _)| *by);
        made.into_iter().map(|(_, text)| text).collect()
    }
}

fn text_object((value, object): (Value<'_>, ObjId)) -> Option<ObjId> {
    matches!(value, Value::Object(ObjType::Text)).then_some(object)
}

/// All characters that were ever in a text, each behind the one it was inserted after.
#[derive(Default)]
struct Tree {
    chars: HashMap<OpId, char>,
    behind: HashMap<Option<OpId>, Vec<OpId>>,
    deleted: HashMap<OpId, Vec<OpId>>,
}

impl Tree {
    /// Takes what a change did to the text.
    fn grow(&mut self, wanted: &OpId, change: &PlainChange) {
        let actor = change.actor;
        let mut counter = change.start_op;
        for op in &change.body.ops {
            match op {
                Op::Insert { text, after, chars } if text == wanted => {
                    let mut before = *after;
                    for (char, counter) in chars.chars().zip(counter..) {
                        let by = OpId { counter, actor };
                        self.chars.insert(by, char);
                        self.behind.entry(before).or_default().push(by);
                        before = Some(by);
                    }
                }
                Op::Delete { text, first, count } if text == wanted => {
                    for (at, counter) in (first.counter..).zip(counter..).take(*count as usize) {
                        let element = OpId {
                            counter: at,
                            actor: first.actor,
                        };
                        let by = OpId { counter, actor };
                        self.deleted.entry(element).or_default().push(by);
                    }
                }
                _ => {}
            }
            counter = counter.saturating_add(u32::try_from(op.len()).unwrap_or(u32::MAX));
        }
    }

    /// Reads it in Automerge's order: what was inserted after one character stands the newest first,
    /// each followed by what was inserted after it.
    fn read(mut self, is_undone: IsUndone<'_>) -> RestoredText {
        let mut read = RestoredText::default();
        let mut waiting = self.next_behind(None);
        let mut seen = HashSet::with_capacity(self.chars.len());
        while let Some(at) = waiting.pop() {
            if !seen.insert(at) {
                continue;
            }
            let deletions = self.deleted.get(&at).map_or(&[][..], Vec::as_slice);
            let is_deleted = deletions.iter().any(|by| !is_undone(by));
            match self.chars.get(&at) {
                Some(_) if is_undone(&at) => read.hidden += usize::from(deletions.is_empty()),
                Some(char) if !is_deleted => {
                    read.deleted += usize::from(!deletions.is_empty());
                    read.text.push(*char);
                }
                _ => {}
            }
            waiting.extend(self.next_behind(Some(at)));
        }
        read
    }

    /// What stands right behind a character, the oldest first.
    fn next_behind(&mut self, at: Option<OpId>) -> Vec<OpId> {
        let mut behind = self.behind.remove(&at).unwrap_or_default();
        behind.sort_unstable();
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TEXT, actor, applied, offer};
    use super::super::{Document, StoredChange};
    use super::*;

    fn from(actor: u8, counter: u32) -> impl Fn(&OpId) -> bool {
        move |op: &OpId| op.actor.0 == [actor; 16] && op.counter >= counter
    }

    fn hand(to: &mut Document, changes: &[StoredChange]) {
        assert!(applied(offer(to, changes)));
    }

    fn spliced(document: &mut Document, at: usize, delete: usize, insert: &str) -> StoredChange {
        let change = document.splice_text(TEXT, at, delete, insert);
        change.unwrap().unwrap()
    }

    /// A client's and a therapist's copy of a note.
    fn note() -> (Document, Document) {
        let (mut client, mut therapist) = (Document::new(actor(1)), Document::new(actor(2)));
        let begun = [
            client.make_text(TEXT).unwrap(),
            spliced(&mut client, 0, 0, "Call Ada. Breathe."),
        ];
        hand(&mut therapist, &begun);
        (client, therapist)
    }

    /// Who undoes a device would otherwise still read what it put into everybody's notes.
    #[test]
    fn what_an_undone_device_typed_is_not_shown_and_what_it_deleted_is_told() {
        let (mut client, mut therapist) = note();
        let vandal = [
            spliced(&mut therapist, 10, 8, "Jump."),
            spliced(&mut therapist, 0, 4, "Never call"),
        ];
        hand(&mut client, &vandal);
        let later = spliced(&mut client, 0, 0, "1. ");
        hand(&mut therapist, &[later]);
        let undone = from(2, 1);
        for copy in [&client, &therapist] {
            assert_eq!(
                copy.text(&TEXT).unwrap(),
                "1. Never call Ada. Jump.",
                "as it stands"
            );
            assert_eq!(copy.text_without(&TEXT, &undone).unwrap(), "1.  Ada. ");
            let restored = copy.text_restored(&TEXT, &undone).unwrap();
            assert_eq!(restored.text, "1. Call Ada. Breathe.");
            assert_eq!((restored.hidden, restored.deleted), (15, 12));
        }
    }

    /// An edit is made where the person sees it, whatever is hidden in between.
    #[test]
    fn places_are_counted_in_what_is_shown() {
        let (mut client, mut therapist) = note();
        let vandal = spliced(&mut therapist, 5, 0, "not ");
        hand(&mut client, &[vandal]);
        let undone = from(2, 1);
        assert_eq!(client.text(&TEXT).unwrap(), "Call not Ada. Breathe.");
        // "ll Ada" becomes "!!": on both sides of what is hidden.
        let change = client.splice_shown(TEXT, 2, 6, "!!", Some(&undone));
        let change = change.unwrap().unwrap();
        assert_eq!(
            client.text_without(&TEXT, &undone).unwrap(),
            "Ca!!. Breathe."
        );
        assert_eq!(client.text(&TEXT).unwrap(), "Ca!!not . Breathe.");
        hand(&mut therapist, &[change]);
        assert_eq!(therapist.text(&TEXT), client.text(&TEXT));
        let outside = client.splice_shown(TEXT, 15, 0, "x", Some(&undone));
        assert_eq!(outside, Err(GateError::OutOfBounds));
    }

    /// A member could hide everybody's note behind one of the same name.
    #[test]
    fn a_text_that_an_undone_device_made_hides_nothing_and_is_not_shown() {
        let mut client = Document::new(actor(1));
        let mut vandal = Document::new(actor(2));
        let ours = [
            client.make_text(TEXT).unwrap(),
            spliced(&mut client, 0, 0, "ours"),
        ];
        let theirs = [
            vandal.put_record(b"first").unwrap().unwrap(),
            vandal.make_text(TEXT).unwrap(),
            spliced(&mut vandal, 0, 0, "theirs"),
        ];
        hand(&mut client, &theirs);
        hand(&mut vandal, &ours);
        let undone = from(2, 1);
        for copy in [&client, &vandal] {
            assert_eq!(copy.text(&TEXT).unwrap(), "ourstheirs");
            assert_eq!(copy.text_without(&TEXT, &undone).unwrap(), "ours");
            let restored = copy.text_restored(&TEXT, &undone).unwrap();
            assert_eq!((restored.text.as_str(), restored.hidden), ("ours", 6));
        }
        client
            .splice_shown(TEXT, 4, 0, " too", Some(&undone))
            .unwrap();
        assert_eq!(client.text_without(&TEXT, &undone).unwrap(), "ours too");
    }

    /// A device and its copy would otherwise hide each other's words, and nobody could read them.
    #[test]
    fn texts_that_two_devices_made_under_one_name_are_read_and_edited_as_one() {
        let (mut one, mut two) = (Document::new(actor(1)), Document::new(actor(2)));
        let ours = [
            one.make_text(TEXT).unwrap(),
            spliced(&mut one, 0, 0, "Call Ada. "),
        ];
        let theirs = [
            two.put_record(b"first").unwrap().unwrap(),
            two.make_text(TEXT).unwrap(),
            spliced(&mut two, 0, 0, "Breathe."),
        ];
        hand(&mut one, &theirs);
        hand(&mut two, &ours);
        assert_eq!(one.text(&TEXT).unwrap(), "Call Ada. Breathe.");
        // Between both, within the second, and across both.
        let mine = [
            spliced(&mut one, 10, 0, "Now: "),
            spliced(&mut one, 22, 1, " deeply!"),
        ];
        let yours = spliced(&mut two, 5, 6, "me: b");
        hand(&mut two, &mine);
        hand(&mut one, &[yours]);
        for copy in [&one, &two] {
            assert_eq!(copy.text(&TEXT).unwrap(), "Call me: bNow: reathe deeply!");
            assert_eq!(copy.text_without(&TEXT, &from(3, 1)), copy.text(&TEXT));
        }
        let outside = one.splice_text(TEXT, 30, 0, "x");
        assert_eq!(outside, Err(GateError::OutOfBounds));
        let change = spliced(&mut one, 0, 29, "gone");
        hand(&mut two, &[change]);
        assert_eq!(two.text(&TEXT).unwrap(), "gone");
    }
}

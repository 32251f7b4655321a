//! Words in texts of a document, kept apart from it: what was typed and deleted, by the characters beside
//! which that was. Characters keep their names where something is forgotten, so the words find their
//! places in what is left.

use std::collections::{BTreeSet, HashMap, HashSet};

use minicbor::{Decode, Encode};
use waymark_wire::codec::Bytes;

use super::document::{Document, StoredChange};
use super::error::GateError;
use super::id::{ActorId, OpId};
use super::rewrite::Hunk;
use crate::ids::TextId;

/// The name of a character.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
struct Named {
    #[n(0)]
    actor: Bytes,
    #[n(1)]
    counter: u32,
}

/// Characters that stand one behind the other.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
struct Typed {
    /// The character before them, which is none of them; `None` at the text's beginning.
    #[n(0)]
    after: Option<Named>,
    /// Their own names.
    #[n(1)]
    names: Vec<Named>,
    #[n(2)]
    chars: String,
}

/// What was done in one text.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub struct Words {
    #[n(0)]
    text: TextId,
    /// The text was made with it.
    #[n(1)]
    is_made: bool,
    #[n(2)]
    typed: Vec<Typed>,
    /// Characters that were deleted.
    #[n(3)]
    deleted: Vec<Named>,
}

impl From<OpId> for Named {
    fn from(id: OpId) -> Self {
        Self {
            actor: Bytes(id.actor.0.to_vec()),
            counter: id.counter,
        }
    }
}

impl Words {
    /// The text in which they are.
    #[must_use]
    pub const fn text(&self) -> TextId {
        self.text
    }
}

impl Named {
    fn id(&self) -> Option<OpId> {
        let actor = self.actor.0.as_slice().try_into().map(ActorId).ok()?;
        let counter = self.counter;
        Some(OpId { counter, actor })
    }
}

impl Document {
    /// What the texts here say that they do not say in `before`, an earlier version of this document.
    ///
    /// # Errors
    /// [`GateError::Damaged`] where a document is not one of ours.
    pub fn words_beyond(&self, before: &Self) -> Result<Vec<Words>, GateError> {
        let mut words = Vec::new();
        for text in self.texts() {
            let of_text = self.words_of(text, before)?;
            if of_text.is_made || !of_text.typed.is_empty() || !of_text.deleted.is_empty() {
                words.push(of_text);
            }
        }
        Ok(words)
    }

    /// The same of one text.
    fn words_of(&self, text: TextId, before: &Self) -> Result<Words, GateError> {
        let known = before.elements(text)?.into_iter();
        let mut deleted: HashSet<OpId> = known.map(|(id, _)| id).collect();
        let mut typed: Vec<Typed> = Vec::new();
        let (mut after, mut is_open) = (None, false);
        for (id, chars) in self.elements(text)? {
            if deleted.remove(&id) {
                (after, is_open) = (Some(id), false);
                continue;
            }
            if !is_open {
                typed.push(Typed {
                    after: after.map(Named::from),
                    names: Vec::new(),
                    chars: String::new(),
                });
                is_open = true;
            }
            if let Some(open) = typed.last_mut() {
                open.names.push(id.into());
                open.chars.push_str(&chars);
            }
        }
        Ok(Words {
            text,
            is_made: before.made_texts(text).is_empty(),
            typed,
            deleted: deleted.into_iter().map(Named::from).collect(),
        })
    }

    /// Says words here that are not said yet, under this document's own actor. A character beside which
    /// they stood and that is gone has them stand at the text's end. `None` where their text is not here.
    /// What has a name of theirs here and is another's by `is_others` is not theirs.
    ///
    /// # Errors
    /// As [`splice_text`](Self::splice_text).
    pub fn say_words(
        &mut self,
        words: &Words,
        is_others: &dyn Fn(OpId) -> bool,
    ) -> Result<Option<Vec<StoredChange>>, GateError> {
        let mut changes = Vec::new();
        if self.made_texts(words.text).is_empty() {
            if !words.is_made {
                return Ok(None);
            }
            changes.push(self.make_text(words.text)?);
        }
        // What is typed here gets names that these words may have had elsewhere: only those from before
        // say anything of them.
        let known = self.elements(words.text)?.into_iter();
        let known: HashSet<OpId> = known.map(|(id, _)| id).collect();
        for typed in &words.typed {
            let here = self.elements(words.text)?;
            let places = here.iter().enumerate().map(|(at, (id, _))| (*id, at));
            let places: HashMap<OpId, usize> =
                places.filter(|(id, _)| known.contains(id)).collect();
            let place = |id: OpId| places.get(&id).copied();
            // What is said already is said once.
            let names = typed.names.iter().map(Named::id);
            let missing: String = names
                .zip(typed.chars.chars())
                .filter(|(id, _)| id.filter(|id| !is_others(*id)).and_then(place).is_none())
                .map(|(_, char)| char)
                .collect();
            let after = typed.after.as_ref().map(|after| after.id().and_then(place));
            let at = match after {
                None => 0,
                Some(Some(at)) => at + 1,
                Some(None) => here.len(),
            };
            let insert = Hunk::of(at, 0, missing);
            self.splice_whole(words.text, insert, &mut changes)?;
        }
        let deleted = words.deleted.iter().filter_map(Named::id);
        let deleted: BTreeSet<_> = deleted.filter(|id| known.contains(id)).collect();
        let here = self.elements(words.text)?;
        for (at, (id, _)) in here.iter().enumerate().rev() {
            if deleted.contains(id) {
                changes.extend(self.splice_text(words.text, at, 1, "")?);
            }
        }
        Ok(Some(changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: TextId = TextId([7; 16]);

    fn document(actor: u8) -> Document {
        Document::new(ActorId([actor; 16]))
    }

    fn saying(words: &str) -> Document {
        let mut document = document(1);
        document.make_text(TEXT).unwrap();
        document.splice_text(TEXT, 0, 0, words).unwrap();
        document
    }

    fn copy(document: &Document) -> Document {
        document.without(&|_, _| false).unwrap()
    }

    /// What somebody wrote while something else was forgotten would be gone, or stand there twice.
    #[test]
    fn words_find_their_places_again_and_are_said_once() {
        let before = saying("I walk each day");
        let mut now = copy(&before);
        now.splice_text(TEXT, 2, 5, "ran ").unwrap();
        now.splice_text(TEXT, 14, 0, "!").unwrap();
        let own = TextId([8; 16]);
        now.make_text(own).unwrap();
        now.splice_text(own, 0, 0, "new").unwrap();
        let words = now.words_beyond(&before).unwrap();
        let expected = [now.text(&TEXT), now.text(&own)];
        let mut rest = copy(&before);
        for _ in 0..2 {
            for words in &words {
                rest.say_words(words, &|_| false).unwrap().unwrap();
            }
            // What says all of it already says nothing twice.
            assert_eq!([rest.text(&TEXT), rest.text(&own)], expected);
            rest = copy(&now);
        }
        let mut other = document(2);
        assert!(other.say_words(&words[0], &|_| false).unwrap().is_none());
        assert!(before.words_beyond(&before).unwrap().is_empty());
    }

    /// Words would be lost where the ones before them in the text were typed after them: said again, those
    /// come first, and get their names.
    #[test]
    fn words_are_said_in_whatever_order_they_were_typed() {
        let before = saying("ab");
        let mut now = copy(&before);
        now.splice_text(TEXT, 2, 0, "first").unwrap();
        now.splice_text(TEXT, 1, 0, "then").unwrap();
        let mut rest = copy(&before);
        for words in now.words_beyond(&before).unwrap() {
            rest.say_words(&words, &|_| false).unwrap().unwrap();
        }
        assert_eq!(rest.text(&TEXT).as_deref(), Some("athenbfirst"));
    }

    /// Two copies of a phone name the characters that they type alike: the words of one would be taken
    /// for the other's, and be lost.
    #[test]
    fn words_are_said_although_another_copy_has_given_their_names_away() {
        let mut before = document(1);
        before.make_text(TEXT).unwrap();
        let (mut now, mut other) = (copy(&before), copy(&before));
        now.splice_text(TEXT, 0, 0, "mine").unwrap();
        other.splice_text(TEXT, 0, 0, "more").unwrap();
        let words = now.words_beyond(&before).unwrap();
        let is_others = |id: OpId| id.counter > 1;
        other.say_words(&words[0], &is_others).unwrap().unwrap();
        assert_eq!(other.text(&TEXT).as_deref(), Some("minemore"));
    }
}

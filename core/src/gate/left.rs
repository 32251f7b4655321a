//! What a document has of changes that this device put aside, where something was forgotten meanwhile.
//! Their hashes are others there then, so they are known by their numbers, by what they do, and by the
//! byte that is left of what is forgotten: a copy of this device may have said something else under the
//! same number, of which one in 256 is taken for this.

use waymark_wire::codec;

use super::change::{Op, PlainChange, Record};
use super::document::Document;
use super::error::GateError;
use super::forget::{NOTHING, PLACEHOLDER, Placeholder, nameless, tag};
use super::id::OpId;
use super::section::Section;
use crate::forgotten::Forgotten;

/// What is here of the changes of a section.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// The first of their numbers under which it is not here.
    pub until: u32,
    /// From which counter on what is here under their author's name is something else: a copy of its
    /// device wrote it.
    pub parts_at: Option<u32>,
    /// What of them is forgotten.
    pub forgotten: Forgotten,
}

impl Document {
    /// How much of a section is here, as it was said or as forgetting has left it.
    ///
    /// # Errors
    /// [`GateError::Engine`] and [`GateError::Poisoned`] as described at [`Document`].
    pub fn left_of(&mut self, section: &Section) -> Result<Left, GateError> {
        self.flush()?;
        let mut left = Left {
            until: section.first_seq(),
            ..Left::default()
        };
        let here = self.changes_from(section.author(), left.until)?;
        for (body, here) in section.changes().iter().zip(here) {
            let here = PlainChange::from_stored(&here.stored)?;
            let is_same = body.others.len() == here.body.others.len();
            let forgotten = forgotten_of(&body.ops, &here).filter(|_| is_same);
            let Some(forgotten) = forgotten else {
                left.parts_at = Some(here.start_op);
                break;
            };
            left.forgotten.extend(forgotten);
            left.until += 1;
        }
        Ok(left)
    }
}

/// What is forgotten of these operations, where `left` is what became of them; `None` where it is another
/// change.
fn forgotten_of(before: &[Op], left: &PlainChange) -> Option<Forgotten> {
    let mut forgotten = Forgotten::default();
    if before.len() != left.body.ops.len() {
        return None;
    }
    let mut now = OpId {
        counter: left.start_op,
        actor: left.actor,
    };
    for (before, left) in before.iter().zip(&left.body.ops) {
        match (before, left) {
            (Op::Record(before), Op::Record(left)) if stands_for(left, before, now) => {
                forgotten.records.insert(before.id());
            }
            (Op::MakeText { id }, Op::MakeText { id: left }) if *left == nameless(now, id, 0) => {
                forgotten.texts.insert(*id);
            }
            (before, left) if before == left || is_blank_of(before, left) => {}
            _ => return None,
        }
        now.counter = now.counter.checked_add(u32::try_from(left.len()).ok()?)?;
    }
    Some(forgotten)
}

/// Whether a record stands in the place of this one, which is forgotten.
fn stands_for(record: &Record, forgotten: &Record, at: OpId) -> bool {
    let expected = (PLACEHOLDER, at.counter, tag(forgotten.bytes()));
    let placeholder = codec::decode::<Placeholder>(record.bytes(), usize::MAX);
    placeholder.is_ok_and(|it| (it.kind, it.counter, it.tag) == expected)
}

/// Whether characters of a forgotten text are left as spaces.
fn is_blank_of(before: &Op, left: &Op) -> bool {
    let (
        Op::Insert { text, after, chars },
        Op::Insert {
            text: in_text,
            after: behind,
            chars: blank,
        },
    ) = (before, left)
    else {
        return false;
    };
    let is_blank = blank.chars().all(|char| char == NOTHING);
    is_blank && (text, after) == (in_text, behind) && chars.chars().count() == blank.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{ActorId, DocumentName, StoredChange};
    use crate::ids::{RecordId, TextId};

    const NAME: DocumentName = DocumentName { kind: 1, part: 0 };
    const TEXT: TextId = TextId([7; 16]);
    const AUTHOR: ActorId = ActorId([1; 16]);

    fn section(changes: &[StoredChange]) -> Section {
        Section::build(NAME, changes.iter().map(|change| &change.stored)).unwrap()
    }

    fn copy(document: &Document) -> Document {
        document.without(&|_, _| false).unwrap()
    }

    /// A note that everybody has forgotten would come back from a copy of the phone on which it was
    /// written, or what that copy wrote by itself would be taken for sent.
    #[test]
    fn what_a_copy_had_said_is_known_in_what_is_left_and_what_it_had_not_is_not() {
        let mut document = Document::new(AUTHOR);
        let mut changes = vec![document.make_text(TEXT).unwrap()];
        changes.extend(document.put_record(b"a note about it").unwrap());
        changes.extend(document.put_record(b"something else").unwrap());
        changes.extend(document.splice_text(TEXT, 0, 0, "words").unwrap());
        let mut other = copy(&document);
        other.put_record(b"of the other").unwrap();
        changes.extend(document.put_record(b"of the copy").unwrap());
        let forgotten = Forgotten {
            records: [RecordId::of(b"a note about it")].into(),
            texts: [TEXT].into(),
        };
        let mut rest = other.forgetting(&forgotten).unwrap().unwrap();
        let left = rest.left_of(&section(&changes)).unwrap();
        assert_eq!(left.forgotten, forgotten);
        // The text, two records and five characters are before it.
        assert_eq!((left.until, left.parts_at), (5, Some(9)));
        let left = rest.left_of(&section(&changes[..3])).unwrap();
        assert_eq!((left.until, left.parts_at), (4, None));
        // A copy had said something else under the number of the note, or made a text of its own there.
        let mut twin = Document::new(AUTHOR);
        let text = TextId([8; 16]);
        let mut changes = vec![twin.make_text(TEXT).unwrap()];
        changes.extend(twin.put_record(b"of the twin").unwrap());
        let left = rest.left_of(&section(&changes)).unwrap();
        assert_eq!((left.until, left.parts_at), (2, Some(2)));
        let left = rest.left_of(&section(&[Document::new(AUTHOR).make_text(text).unwrap()]));
        assert_eq!(left.unwrap().parts_at, Some(1));
        let nothing = Document::new(AUTHOR).left_of(&section(&changes)).unwrap();
        assert_eq!((nothing.until, nothing.parts_at), (1, None));
        assert!(nothing.forgotten.is_empty());
    }
}

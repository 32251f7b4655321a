//! Target `snapshot`: parts of snapshots. What is read can be written again as it was, what is
//! refused leaves nothing behind, and what holds together loads wherever it came from.

use waymark_core::gate::{
    ActorId, ChangesDigest, Document, DocumentName, GateError, PartHeader, inspect_snapshot, limits,
};

use super::changes::{ACTORS, record, text, text_id};
use super::choices::Choices;

const NAME: DocumentName = DocumentName { kind: 1, part: 0 };
const READER: ActorId = ActorId([0xee; 16]);
const ALL: &dyn Fn(ActorId, u32) -> bool = &|_, _| true;
const STEPS: usize = 48;

/// Bytes as a part, as the content of one, and as what two authors do and what becomes of it on the
/// way.
pub fn check(data: &[u8]) {
    offered(&[data.to_vec()]);
    for packing in [0, 1] {
        offered(&[part(packing, data)]);
    }
    let mut choices = Choices::new(data);
    let document = written(&mut choices);
    if document.change_count() == 0 {
        return;
    }
    let parts = document.to_snapshot(NAME, ALL).expect("a snapshot");
    let digest = offered(&parts).expect("one's own snapshot");
    assert_eq!(digest, document.digest(ALL).expect("a digest"));
    offered(&[damaged(&parts[0], &mut choices)]);
}

fn part(packing: u8, content: &[u8]) -> Vec<u8> {
    let header = [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, packing];
    [&header, content].concat()
}

/// A snapshot that is read, merged and written again, or is refused everywhere alike.
fn offered(parts: &[Vec<u8>]) -> Option<ChangesDigest> {
    let inspected = inspect_snapshot(NAME, &is_member, parts);
    let loaded = Document::from_snapshot(READER, NAME, &is_member, parts);
    let mut device = Document::new(READER);
    device.put_record(b"own").expect("an edit");
    let before = device.heads();
    let merged = device.accept_snapshot(NAME, &is_member, parts);
    let summary = match inspected {
        Ok(summary) => summary,
        Err(error) => {
            assert!(!matches!(error, GateError::Engine(_) | GateError::Poisoned));
            assert_eq!(loaded.err(), Some(error));
            assert_eq!(merged.err(), Some(error));
            assert_eq!(device.heads(), before);
            return None;
        }
    };
    let mut loaded = loaded.expect("what was inspected loads");
    assert_eq!(loaded.digest(ALL).expect("a digest"), summary.digest);
    assert_eq!(loaded.change_count(), summary.changes);
    let again = loaded.to_snapshot(NAME, ALL).expect("a snapshot");
    let again = inspect_snapshot(NAME, &is_member, &again);
    assert_eq!(again.as_ref(), Ok(&summary));

    let merged = merged.expect("what was inspected can be merged");
    assert_eq!((merged.new, &merged.summary), (summary.changes, &summary));
    assert_eq!(device.change_count(), 1 + summary.changes);
    for id in loaded.texts() {
        assert_eq!(device.text(&id), loaded.text(&id));
        let spliced = loaded.splice_text(id, 0, 0, "own ");
        assert!(spliced.expect("an edit").is_some());
    }
    Some(summary.digest)
}

fn is_member(actor: &ActorId) -> bool {
    ACTORS[..2].contains(actor)
}

/// What two authors write, who hear of each other now and then.
fn written(choices: &mut Choices<'_>) -> Document {
    let mut authors = [Document::new(ACTORS[0]), Document::new(ACTORS[1])];
    for _ in 0..STEPS {
        if choices.is_empty() {
            break;
        }
        let what = choices.byte();
        let at = usize::from(what >> 7);
        let document = &mut authors[at];
        let id = text_id(choices);
        let made = match what % 6 {
            0 => document.put_record(&record(choices)),
            1 => document.make_text(id).map(Some),
            2..=4 => {
                let length = document.text(&id).map_or(0, |text| text.chars().count());
                let from = choices.below(length + 1);
                let gone = choices.below(length - from + 1);
                document.splice_text(id, from, gone, &text(choices))
            }
            _ => {
                hear(&mut authors, at);
                Ok(None)
            }
        };
        match made {
            Ok(_) | Err(GateError::TextExists | GateError::UnknownText) => {}
            Err(error) => panic!("an edit: {error}"),
        }
    }
    hear(&mut authors, 0);
    let [document, _] = authors;
    document
}

/// Hears all of the other, by a snapshot.
fn hear(authors: &mut [Document; 2], at: usize) {
    let other = &authors[1 - at];
    if other.change_count() > 0 {
        let parts = other.to_snapshot(NAME, ALL).expect("a snapshot");
        let heard = authors[at].accept_snapshot(NAME, &is_member, &parts);
        heard.expect("an honest snapshot");
    }
}

/// A part with other bytes in its content.
fn damaged(part: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut part = part.to_vec();
    assert!(part.len() <= limits::MAX_PART);
    for _ in 0..=choices.below(3) {
        let from = PartHeader::LENGTH + choices.below(part.len() - PartHeader::LENGTH);
        let end = (from + choices.below(4)).min(part.len());
        let length = choices.below(4);
        part.splice(from..end, choices.bytes(length).iter().copied());
        if part.len() <= PartHeader::LENGTH {
            part.push(0);
        }
    }
    part
}

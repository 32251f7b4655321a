//! Target `codec`: batches. What is read has one form; what is written is read as it was.

use waymark_core::gate::{
    ActorId, ChangeBody, ChangeHash, Document, DocumentName, GateError, PlainChange, Section,
    decode_batch, encode_batch, limits,
};

use super::changes::{ACTORS, ops, record, text, text_id};
use super::choices::Choices;

/// Bytes as a batch, as a section, as a stored change, and as choices of what to put into a batch.
pub fn check(data: &[u8]) {
    let author = ACTORS[0];
    batch(author, data);
    // The same said to be packed, and said to be not.
    for packing in [0, 1] {
        batch(author, &[&[packing], data].concat());
    }
    if let Ok(section) = Section::parse(author, data) {
        assert_eq!(section.raw(), data);
    }
    if let Ok(change) = PlainChange::from_stored(data) {
        assert_eq!(change.to_stored(), data, "a stored change has two forms");
    }
    made(&mut Choices::new(data));
}

fn batch(author: ActorId, data: &[u8]) {
    let Ok(sections) = decode_batch(author, data) else {
        return;
    };
    for section in &sections {
        assert_eq!(Section::parse(author, section.raw()).as_ref(), Ok(section));
    }
    let again = match encode_batch(&sections) {
        // Another packer may pack better than ours.
        Err(GateError::TooLarge("batch")) if data.len() > limits::MAX_BATCH / 2 => return,
        again => again.expect("what was read can be written"),
    };
    assert_eq!(decode_batch(author, &again), Ok(sections));
}

/// A batch of arbitrary edits, some of them of no document of ours.
fn made(choices: &mut Choices<'_>) {
    let author = ACTORS[0];
    let mut sections: Vec<Section> = Vec::new();
    for _ in 0..choices.below(6) {
        let name = DocumentName {
            kind: u16::from(choices.byte()),
            part: choices.number(),
        };
        let stored = if choices.below(2) == 0 {
            edits(author, choices)
        } else {
            forged(author, choices)
        };
        let is_new = sections.iter().all(|section| section.name() != name);
        if let (true, Ok(section)) = (is_new, Section::build(name, stored)) {
            sections.push(section);
        }
    }
    if sections.is_empty() {
        return;
    }
    let bytes = encode_batch(&sections).expect("so little fits");
    sections.sort_by_key(Section::name);
    assert_eq!(decode_batch(author, &bytes), Ok(sections));
}

fn edits(author: ActorId, choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let mut document = Document::new(author);
    let mut stored = Vec::new();
    for _ in 0..choices.below(8) {
        let id = text_id(choices);
        let made = match choices.below(3) {
            0 => document.put_record(&record(choices)),
            1 => document.make_text(id).map(Some),
            _ => {
                let length = document.text(&id).map_or(0, |text| text.chars().count());
                let at = choices.below(length + 1);
                let gone = choices.below(length - at + 1);
                document.splice_text(id, at, gone, &text(choices))
            }
        };
        match made {
            Ok(change) => stored.extend(change.map(|change| change.stored)),
            Err(GateError::TextExists | GateError::UnknownText) => {}
            Err(error) => panic!("an edit: {error}"),
        }
    }
    stored
}

fn forged(author: ActorId, choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let first = choices.number().max(1) % limits::MAX_COUNTER;
    let count = u32::from(choices.byte() % 4);
    let changes = (first.max(1)..).take(count as usize).map(|seq| {
        let mut others: Vec<_> = (0..choices.below(3))
            .map(|_| ChangeHash([choices.byte(); 32]))
            .collect();
        others.sort_unstable();
        others.dedup();
        let change = PlainChange {
            actor: author,
            seq,
            start_op: choices.number().clamp(1, limits::MAX_COUNTER),
            previous: (seq > 1).then_some(ChangeHash([9; 32])),
            body: ChangeBody {
                others,
                ops: ops(choices),
            },
        };
        change.to_stored()
    });
    // Ops that are not in their one form are no stored change.
    let changes: Vec<_> = changes.collect();
    let readable = |stored: &Vec<u8>| PlainChange::from_stored(stored).is_ok();
    changes.into_iter().take_while(readable).collect()
}

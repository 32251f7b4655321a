//! Tests of the gate as a whole: replicas that exchange sections, and everything a hostile member
//! or a damaged relay could hand over.

mod damage;
mod forged;
mod forgetting;
mod order;
mod replicas;
mod snapshots;

use super::*;

const NAME: DocumentName = DocumentName {
    kind: 1,
    part: 24_311,
};
pub(super) const TEXT: TextId = TextId([9; 16]);

pub(super) fn actor(n: u8) -> ActorId {
    ActorId([n; 16])
}

fn section(stored: &[StoredChange]) -> Section {
    Section::build(NAME, stored.iter().map(|change| &change.stored)).unwrap()
}

/// Offers a section as the relay would bring it: packed, unpacked by another device.
pub(super) fn offer(
    document: &mut Document,
    stored: &[StoredChange],
) -> Result<Accepted, GateError> {
    let batch = encode_batch(&[section(stored)])?;
    let sections = decode_batch(stored[0].actor, &batch)?;
    document.accept(&|_| true, &sections[0])
}

pub(super) fn applied(result: Result<Accepted, GateError>) -> bool {
    matches!(result, Ok(Accepted::Applied { .. }))
}

/// Everything a person can see of a document, and its heads.
#[derive(Debug, PartialEq)]
struct View {
    heads: Vec<ChangeHash>,
    records: Vec<(RecordId, Vec<u8>, Vec<OpId>)>,
    texts: Vec<(TextId, Option<String>)>,
}

fn view(document: &Document) -> View {
    View {
        heads: document.heads(),
        records: document
            .records()
            .map(|record| (record.id, record.bytes.into_owned(), record.puts))
            .collect(),
        texts: document
            .texts()
            .into_iter()
            .map(|id| (id, document.text(&id)))
            .collect(),
    }
}

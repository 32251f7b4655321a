//! The keys of a space's rows: the space's local number first, so that a space is a prefix.

use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};

use super::{SpaceError, damaged};
use crate::gate::DocumentName;
use crate::membership::Wish;
use crate::store::Table;

/// The prefix of everything of a space, and the key of its state.
pub(super) fn space(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A membership entry.
pub(super) fn membership(number: u32, height: Height) -> Vec<u8> {
    pair(number, height.0)
}

/// The key of the epoch that starts at `height`.
pub(super) fn epoch(number: u32, height: Height) -> Vec<u8> {
    pair(number, height.0)
}

/// An entry of the log.
pub(super) fn entry(number: u32, seq: u64) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &seq.to_be_bytes()].concat()
}

/// A document, and the prefix of its rows.
pub(super) fn document(number: u32, document: u32) -> Vec<u8> {
    pair(number, document)
}

/// One row of a document's changes.
pub(super) fn change(number: u32, document: u32, row: u32) -> Vec<u8> {
    [number, document, row]
        .iter()
        .flat_map(|part| part.to_be_bytes())
        .collect()
}

/// The prefix of the marks of changes that are in no entry yet.
pub(super) fn unsent(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[0]].concat()
}

/// The mark of one row of changes that is in no entry yet.
pub(super) fn unsent_row(number: u32, document: u32, row: u32) -> Vec<u8> {
    [
        unsent(number),
        document.to_be_bytes().to_vec(),
        row.to_be_bytes().to_vec(),
    ]
    .concat()
}

/// The prefix of sealed entries on their way.
pub(super) fn sealed(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[1]].concat()
}

/// A sealed entry on its way.
pub(super) fn sealed_entry(number: u32, counter: u32) -> Vec<u8> {
    [sealed(number), counter.to_be_bytes().to_vec()].concat()
}

/// The prefix of what a document has that the log has not shown, under keys that were given up.
pub(super) fn all_unsettled(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[2]].concat()
}

/// What one document has that the log has not shown.
pub(super) fn unsettled(number: u32, document: u32) -> Vec<u8> {
    [all_unsettled(number), document.to_be_bytes().to_vec()].concat()
}

/// The prefix of entries that a relay's log had and has no more.
pub(super) fn lost(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[5]].concat()
}

/// One of them, by its place among them.
pub(super) fn lost_entry(number: u32, index: u32) -> Vec<u8> {
    [lost(number), index.to_be_bytes().to_vec()].concat()
}

/// How a log is read again from its start.
pub(super) fn again(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[3]].concat()
}

/// The prefix of what was put aside until a log is read again.
pub(super) fn all_aside(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[4]].concat()
}

/// The prefix of the words in texts that were put aside with it.
pub(super) fn all_words(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[21]].concat()
}

/// Those of one document.
pub(super) fn words(number: u32, index: u32) -> Vec<u8> {
    [all_words(number), index.to_be_bytes().to_vec()].concat()
}

/// Something that was put aside, in its order.
pub(super) fn aside(number: u32, index: u32) -> Vec<u8> {
    [all_aside(number), index.to_be_bytes().to_vec()].concat()
}

/// The prefix of the marks of one document's changes that are in no entry yet.
pub(super) fn unsent_of(number: u32, document: u32) -> Vec<u8> {
    [unsent(number), document.to_be_bytes().to_vec()].concat()
}

/// The prefix of the evidence against the relay, which goes on with a generation.
pub(super) fn evidence(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[0]].concat()
}

/// What was taken of a log beyond the place to which this device went back.
pub(super) fn branch(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[1]].concat()
}

/// The checkpoint that this device is bringing into the log.
pub(super) fn plan(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[6]].concat()
}

/// The prefix of entries that this device has taken back.
pub(super) fn all_taken_back(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[7]].concat()
}

/// One of them, by the counter that it had.
pub(super) fn taken_back(number: u32, counter: u32, id: &EntryId) -> Vec<u8> {
    [
        all_taken_back(number),
        counter.to_be_bytes().to_vec(),
        id.0.to_vec(),
    ]
    .concat()
}

/// The start at a checkpoint that is under way.
pub(super) fn start(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[10]].concat()
}

/// The prefix of the documents that are still to come from a checkpoint.
pub(super) fn all_wanted(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[11]].concat()
}

/// One of them.
pub(super) fn wanted(number: u32, name: DocumentName) -> Vec<u8> {
    let DocumentName { kind, part } = name;
    let place = all_wanted(number);
    [&place[..], &kind.to_be_bytes(), &part.to_be_bytes()].concat()
}

/// The document in a key of one that is still to come.
pub(super) fn wanted_at(key: &[u8]) -> Result<DocumentName, SpaceError> {
    let kind = key.get(5..7).and_then(|bytes| bytes.try_into().ok());
    let kind = kind.map(u16::from_be_bytes);
    Ok(DocumentName {
        kind: kind.ok_or_else(|| damaged(Table::Outbox, "a key is too short"))?,
        part: number_at(key, 7, Table::Outbox)?,
    })
}

/// A snapshot, or an entry that a checkpoint keeps, that was asked for by its id.
pub(super) fn piece(number: u32, id: &EntryId) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &id.0].concat()
}

/// The prefix of entries that this device has taken back and sealed again, and that the log has shown in
/// their former form.
pub(super) fn all_doubled(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[8]].concat()
}

/// One of them, by its place in the log.
pub(super) fn doubled(number: u32, seq: u64) -> Vec<u8> {
    [all_doubled(number), seq.to_be_bytes().to_vec()].concat()
}

/// The prefix of the snapshots that the log has shown, by their ids.
pub(super) fn snapshots(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[2]].concat()
}

/// The place of one of them in the log.
pub(super) fn snapshot(number: u32, id: &EntryId) -> Vec<u8> {
    [snapshots(number), id.0.to_vec()].concat()
}

/// The prefix of the entries of kinds that this version does not know.
pub(super) fn all_unknown(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[3]].concat()
}

/// One of them, by its place in the log.
pub(super) fn unknown(number: u32, seq: u64) -> Vec<u8> {
    [all_unknown(number), seq.to_be_bytes().to_vec()].concat()
}

/// The prefix of what was given up because what it was about was forgotten.
pub(super) fn all_given_up(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[20]].concat()
}

/// What was given up at one place of the log.
pub(super) fn given_up(number: u32, seq: u64) -> Vec<u8> {
    [all_given_up(number), seq.to_be_bytes().to_vec()].concat()
}

/// The prefix of documents as they were before they were given up.
pub(super) fn all_formers(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[22]].concat()
}

/// One of them.
pub(super) fn former(number: u32, document: u32) -> Vec<u8> {
    [all_formers(number), document.to_be_bytes().to_vec()].concat()
}

/// The prefix of the checkpoints that the log has shown.
pub(super) fn checkpoints(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[4]].concat()
}

/// One of them, by its place in the log.
pub(super) fn checkpoint(number: u32, seq: u64) -> Vec<u8> {
    [checkpoints(number), seq.to_be_bytes().to_vec()].concat()
}

/// The prefix of what proves of devices that they wrote two changes under one number.
pub(super) fn all_twice(number: u32) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &[12]].concat()
}

/// What proves it of one device.
pub(super) fn twice(number: u32, device: DeviceNumber) -> Vec<u8> {
    [all_twice(number), device.0.to_be_bytes().to_vec()].concat()
}

/// Something held back: of the entry at `seq`, the section `index`.
pub(super) fn held(number: u32, seq: u64, index: u32) -> Vec<u8> {
    [entry(number, seq), index.to_be_bytes().to_vec()].concat()
}

/// Something that is wanted.
pub(super) fn wish(number: u32, wish: &Wish) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &wish.place()].concat()
}

/// The prefix of what was wanted in a space and cannot be any more. A person sees it also where the
/// space itself is damaged, so it stands with the device's own rows.
pub(super) fn all_not_done(space: &SpaceId) -> Vec<u8> {
    [b"not done ".as_slice(), &space.0].concat()
}

/// One such thing.
pub(super) fn not_done(space: &SpaceId, wish: &Wish) -> Vec<u8> {
    [all_not_done(space), wish.place()].concat()
}

/// A member's agreement key.
pub(super) fn attachment(number: u32, hash: &AttachmentHash) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &hash.0].concat()
}

/// The space that a key of the space table names.
pub(super) fn number_of(key: &[u8]) -> Result<u32, SpaceError> {
    number_at(key, 0, Table::Space)
}

/// The height in a key of the epoch table.
pub(super) fn height_of(key: &[u8]) -> Result<Height, SpaceError> {
    number_at(key, 4, Table::Epoch).map(Height)
}

/// The place in a key of something held back.
pub(super) fn place_of(key: &[u8]) -> Result<(u64, u32), SpaceError> {
    let high = number_at(key, 4, Table::Waiting)?;
    let low = number_at(key, 8, Table::Waiting)?;
    let index = number_at(key, 12, Table::Waiting)?;
    Ok(((u64::from(high) << 32) | u64::from(low), index))
}

/// The place in a key of an entry.
pub(super) fn seq_of(key: &[u8]) -> Result<u64, SpaceError> {
    let high = number_at(key, 4, Table::Entry)?;
    let low = number_at(key, 8, Table::Entry)?;
    Ok((u64::from(high) << 32) | u64::from(low))
}

/// The number at a byte of a key.
pub(super) fn number_at(key: &[u8], at: usize, table: Table) -> Result<u32, SpaceError> {
    key.get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| damaged(table, "a key is too short"))
}

fn pair(a: u32, b: u32) -> Vec<u8> {
    [a.to_be_bytes(), b.to_be_bytes()].concat()
}

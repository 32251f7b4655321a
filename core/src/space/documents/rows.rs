//! The rows in which documents are stored, as bytes.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};

use super::super::{SpaceError, damaged, keys};
use crate::gate::{DocumentName, PlainChange, StoredChange};
use crate::store::{Store, Table, Transaction};

/// What there is at least, so that rows that a damaged page has made disappear are missed: a document
/// that lost its last changes would give their numbers to others.
#[derive(Decode, Default, Encode)]
#[cbor(map)]
pub(super) struct Tally {
    #[n(0)]
    pub(super) documents: Vec<Counted>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
pub(super) struct Counted {
    #[n(0)]
    pub(super) number: u32,
    #[n(1)]
    pub(super) kind: u16,
    #[n(2)]
    pub(super) part: u32,
    #[n(3)]
    pub(super) rows: u32,
}

/// A saved document, and the first row that it does not hold.
#[derive(Decode, Encode)]
#[cbor(map)]
pub(super) struct SnapshotRow {
    #[n(0)]
    pub(super) next_row: u32,
    #[n(1)]
    pub(super) document: Bytes,
}

/// The number of the first change of a document that is in no entry yet, by its local number.
pub(in crate::space) fn first_unsent(
    store: &dyn Store,
    space: u32,
    document: u32,
) -> Result<Option<u32>, SpaceError> {
    let marks = keys::unsent_of(space, document);
    let Some((mark, _)) = store.scan(Table::Outbox, &marks, None, 1)?.pop() else {
        return Ok(None);
    };
    let row = keys::number_at(&mark, 9, Table::Outbox)?;
    let gone = || damaged(Table::Change, "an unsent change is missing");
    let row = store.get(Table::Change, &keys::change(space, document, row))?;
    let stored = unpack(&row.ok_or_else(gone)?)?.into_iter().next();
    let change = PlainChange::from_stored(&stored.ok_or_else(gone)?)?;
    Ok(Some(change.seq))
}

/// Writes down that there is a document.
pub(super) fn put_name(transaction: &mut Transaction, space: u32, number: u32, name: DocumentName) {
    let key = keys::document(space, number);
    transaction.put(Table::Document, key, codec::encode(&name));
}

/// Several stored changes in one row.
pub(super) fn pack(changes: &[StoredChange]) -> Vec<u8> {
    codec::encode(
        &changes
            .iter()
            .map(|change| Bytes(change.stored.clone()))
            .collect::<Vec<_>>(),
    )
}

pub(in crate::space) fn unpack(row: &[u8]) -> Result<Vec<Vec<u8>>, SpaceError> {
    let changes: Vec<Bytes> = codec::decode(row, usize::MAX)
        .map_err(|_| damaged(Table::Change, "a row of changes cannot be read"))?;
    Ok(changes.into_iter().map(|change| change.0).collect())
}

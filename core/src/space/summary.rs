//! Where a device keeps what a list shows of a space without reading it. Whatever changes a document
//! drops the row in the same transaction, so what is there is never older than the documents.

use super::keys;
use crate::store::{Table, Transaction};

/// How the keys of all such rows begin.
pub(crate) const SUMMARIES: &[u8] = b"summary";

/// The row of a space, by its local number.
pub(crate) fn key(space: u32) -> Vec<u8> {
    [SUMMARIES, &keys::space(space)].concat()
}

/// Drops it.
pub(super) fn outdate(transaction: &mut Transaction, space: u32) {
    transaction.delete(Table::Meta, key(space));
}

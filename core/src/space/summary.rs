//! Where a device keeps what a list shows of a space without reading it. Whatever changes a document
//! drops the row, and the page in which all rows stand once more, in the same transaction: what is there
//! is never older than the documents.

use super::{Space, keys};
use crate::store::{Table, Transaction};

/// How the keys of all such rows begin.
pub(crate) const SUMMARIES: &[u8] = b"summary";

/// The key of the page.
pub(crate) const SUMMARY_PAGE: &[u8] = b"page of summaries";

/// The row of a space, by its local number.
pub(crate) fn key(space: u32) -> Vec<u8> {
    [SUMMARIES, &keys::space(space)].concat()
}

/// Drops it, and the page.
pub(super) fn outdate(transaction: &mut Transaction, space: u32) {
    transaction.delete(Table::Meta, SUMMARY_PAGE);
    transaction.delete(Table::Meta, key(space));
}

impl Space {
    /// Reads documents, and keeps no more of them in memory than there were before: a device may look
    /// at hundreds of spaces one after the other.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
    pub(crate) fn briefly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.documents.in_memory();
        let read = read(self);
        self.documents.evict_beyond(before);
        read
    }
}

//! The device's database: everything that must outlive the process.
//!
//! A [`Store`] is a narrow thing on purpose: tables of keys and values, read by key or in the order
//! of keys, and changed by [`Write`]s that are applied all or none. What a key and a value mean
//! belongs to whoever owns the [`Table`].
//!
//! Two stores pass the same conformance suite: [`SqliteStore`] on the phone, and [`MemoryStore`] on
//! a [`MemoryDisk`] that a simulation can crash, clone and let fail.
//!
//! The SQLite store seals every value. **Keys stand in clear**, so they must be opaque: random ids,
//! hashes, local numbers; never a name, a title or a date that tells something.

mod error;
mod memory;
mod sqlite;
mod table;
mod write;

#[cfg(test)]
mod conformance;

pub use error::StoreError;
pub use memory::{MemoryDisk, MemoryStore};
pub(crate) use sqlite::{Note, SALVAGED};
pub use sqlite::{Salvaged, SalvagedTable, SqliteStore};
pub use table::Table;
pub use write::{Transaction, Write};

/// The row of [`Table::Meta`] that says that the files are to be cleaned ([`Store::clean`]). It is
/// written with what is deleted.
pub(crate) const CLEANING: &[u8] = b"cleaning";

/// Cleans the files where that is due. What fails now is done at the next start.
pub(crate) fn clean(store: &mut dyn Store) {
    let mut cleaned = || -> Result<(), StoreError> {
        if store.get(Table::Meta, CLEANING)?.is_none() {
            return Ok(());
        }
        store.clean()?;
        let mut transaction = Transaction::new();
        transaction.delete(Table::Meta, CLEANING);
        store.commit_soon(transaction.into())
    };
    if let Err(error) = cleaned() {
        tracing::warn!(%error, "the database was not cleaned");
    }
}

/// A key and its value, as [`Store::scan`] returns them.
pub type Row = (Vec<u8>, Vec<u8>);

/// What can be read of a table that may be damaged, as [`Store::sift`] returns it.
#[derive(Debug, Default)]
pub struct Sifted {
    /// The rows that read, in the order of keys.
    pub rows: Vec<Row>,
    /// The keys, as far as they can be read, of rows that do not open.
    pub damaged: Vec<Vec<u8>>,
    /// Whether pages are damaged, so that there may be rows that are in neither list.
    pub broken: bool,
}

impl Sifted {
    /// Whether everything was read.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.damaged.is_empty() && !self.broken
    }
}

/// A transactional key-value store over typed tables, used by one thread at a time.
pub trait Store: Send {
    /// Applies `writes` in their order, all or none. They are durable when this returns.
    ///
    /// # Errors
    /// After any error none of them is visible, and the store goes on working. One thing cannot be
    /// promised where the disk itself failed ([`StoreError::Io`], [`StoreError::Full`]): if the
    /// process dies before the next commit, the writes may be found, all of them, at the next open.
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError>;

    /// Applies `writes` as [`commit`](Self::commit) does, without waiting for the disk: they are
    /// durable with the next commit, before anything of that commit. For what can be fetched again,
    /// such as a page of a log: a dead battery may take the last of them, in their order, whole.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn commit_soon(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.commit(writes)
    }

    /// The value at `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`]; never a value that was not written there.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows whose keys start with `prefix` and come after the whole key `after`, in
    /// ascending order of keys (byte by byte, a prefix before what it is a prefix of).
    ///
    /// # Errors
    /// As [`get`](Self::get); one damaged row fails the whole call, so that none is missed.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// What can be read of the rows whose keys start with `prefix`, and what cannot. Rows that a
    /// damaged page has made disappear are told only where the page itself does not read.
    ///
    /// # Errors
    /// [`StoreError::Io`]; damage is no error here.
    fn sift(&self, table: Table, prefix: &[u8]) -> Result<Sifted, StoreError> {
        Ok(Sifted {
            rows: self.scan(table, prefix, None, usize::MAX)?,
            ..Sifted::default()
        })
    }

    /// Whether the pages fit together, whatever stands in them. Reads all of them.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where they do not.
    fn verify_pages(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Reads everything there is and says whether it is sound. Takes as long as reading the whole
    /// database.
    ///
    /// A damaged page cannot make a row say something else, but it can make a row *disappear* from
    /// [`get`](Self::get) and [`scan`](Self::scan): this finds such damage too.
    ///
    /// # Errors
    /// The first damage found.
    fn verify(&self) -> Result<(), StoreError>;

    /// Leaves nothing of what was deleted in the database's files: in none of their pages, and in no log.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Full`]. Nothing committed is lost by it.
    fn clean(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Brings everything into the main file and gives the database up, for an app that is suspended
    /// or ends. Dropping the store does the same but cannot report a failure.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Full`]. Nothing committed is lost by it.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

//! The database on a phone: SQLite in the app's own container, every value sealed.
//!
//! What SQLite is asked for, and why, stands in `open`; what its errors mean in `failure`.

mod aside;
mod failure;
mod open;
mod salvage;
mod sift;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::path::Path;

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use crate::crypto::{Entropy, StorageKey};
use crate::store::{Row, Sifted, Store, StoreError, Table, Write};
use failure::{damaged, in_file, in_table};
pub(crate) use salvage::{Note, SALVAGED};
pub use salvage::{Salvaged, SalvagedTable};

/// A [`Store`] in one SQLite file, `waymark.sqlite` in a directory of its own.
///
/// Opening takes an exclusive lock that lasts until the store is closed or dropped, or its process
/// dies: one process, one handle.
pub struct SqliteStore {
    // Dropped first: SQLite brings its log into the file while the lock still holds.
    connection: Connection,
    key: StorageKey,
    entropy: Box<dyn Entropy>,
    /// Whether commits do not wait for the disk now.
    hurries: bool,
    _lock: File,
}

impl SqliteStore {
    /// Opens the database in `directory`, and makes both where there is none. `storage_key` is what
    /// the app's key provider holds; `entropy` gives the nonces of what is written.
    ///
    /// # Errors
    /// [`StoreError::Locked`] at once where it is open elsewhere, [`StoreError::WrongKey`],
    /// [`StoreError::NewerFormat`], [`StoreError::Damaged`], [`StoreError::ReadOnly`],
    /// [`StoreError::Full`], [`StoreError::Io`]. A database that did not open is left as it was.
    pub fn open(
        directory: &Path,
        storage_key: &[u8; 32],
        mut entropy: impl Entropy + 'static,
    ) -> Result<Self, StoreError> {
        let lock = open::lock(directory)?;
        let (connection, key) = open::database(directory, storage_key, &mut entropy)?;
        Ok(Self {
            connection,
            key,
            entropy: Box::new(entropy),
            hurries: false,
            _lock: lock,
        })
    }

    /// Removes the database in `directory`, which must not be open.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::ReadOnly`] or [`StoreError::Io`].
    pub fn remove(directory: &Path) -> Result<(), StoreError> {
        let _lock = open::lock(directory)?;
        open::remove(directory)
    }

    /// Rebuilds the database in `directory`, which must not be open, from what can be read of it: every
    /// row that authenticates goes into a fresh file, which takes the old one's place. The damaged one
    /// stays beside it until [`SqliteStore::remove_damaged`].
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::WrongKey`]; [`StoreError::Damaged`] where nothing of it can
    /// be read; [`StoreError::Full`], [`StoreError::ReadOnly`], [`StoreError::Io`]. The damaged database
    /// is as before then.
    pub fn salvage(
        directory: &Path,
        storage_key: &[u8; 32],
        mut entropy: impl Entropy + 'static,
    ) -> Result<Salvaged, StoreError> {
        let _lock = open::lock(directory)?;
        salvage::salvage(directory, storage_key, &mut entropy)
    }

    /// Puts the database in `directory`, which must not be open, aside where `storage_key` is not the one
    /// that it was made under. It stays beside the new one as `waymark.lost-1.sqlite`, in case its key
    /// turns up, until [`SqliteStore::remove`]. Says whether there was such a database.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; [`StoreError::Damaged`] or [`StoreError::NewerFormat`] where it cannot be
    /// told whether the key fits; [`StoreError::ReadOnly`], [`StoreError::Full`], [`StoreError::Io`]. The
    /// database is as before then.
    pub fn put_aside(directory: &Path, storage_key: &[u8; 32]) -> Result<bool, StoreError> {
        let _lock = open::lock(directory)?;
        aside::put_aside(directory, storage_key)
    }

    /// Removes what [`SqliteStore::salvage`] left beside the database.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] or [`StoreError::Io`].
    pub fn remove_damaged(directory: &Path) -> Result<(), StoreError> {
        salvage::remove_damaged(directory)
    }

    fn statement(&self, table: Table, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).map_err(in_table(table))
    }

    /// The value in `column` of a row, opened for its place.
    fn value(
        &self,
        table: Table,
        key: &[u8],
        row: &rusqlite::Row<'_>,
        column: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.key
            .open(table.code(), key, blob(table, row, column)?)
            .map_err(|_| damaged(Some(table), "a row does not open"))
    }
}

impl SqliteStore {
    fn hurry(&mut self, hurries: bool) -> Result<(), StoreError> {
        if self.hurries != hurries {
            open::wait_for_disk(&self.connection, !hurries)?;
            self.hurries = hurries;
        }
        Ok(())
    }

    fn write(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(in_file)?;
        for write in writes {
            apply(&transaction, write, &self.key, self.entropy.as_mut())?;
        }
        if let Err(error) = transaction.commit() {
            // The commit may stand whole in the log, short of the flush that would have made it
            // durable. Emptying the log, or else the next commit, takes it out. Whether this works
            // changes nothing about the answer.
            let _ = open::checkpoint(&self.connection);
            return Err(in_file(error));
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.hurry(false)?;
        self.write(writes)
    }

    fn commit_soon(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.hurry(true)?;
        self.write(writes)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = format!("SELECT value FROM {} WHERE key = ?1", table.name());
        let mut statement = self.statement(table, &sql)?;
        let mut rows = statement.query([key]).map_err(in_table(table))?;
        match rows.next().map_err(in_table(table))? {
            Some(row) => self.value(table, key, row, 0).map(Some),
            None => Ok(None),
        }
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let name = table.name();
        // The first key after another is that other with a zero byte behind it.
        let start = match after {
            Some(after) if after >= prefix => [after, &[0]].concat(),
            _ => prefix.to_vec(),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement;
        let mut rows = match end_of(prefix) {
            Some(end) => {
                let sql = format!(
                    "SELECT key, value FROM {name} WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"
                );
                statement = self.statement(table, &sql)?;
                statement.query((start, end, limit))
            }
            None => {
                let sql = format!(
                    "SELECT key, value FROM {name} WHERE key >= ?1 ORDER BY key LIMIT ?2"
                );
                statement = self.statement(table, &sql)?;
                statement.query((start, limit))
            }
        }
        .map_err(in_table(table))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(in_table(table))? {
            let key = blob(table, row, 0)?;
            found.push((key.to_vec(), self.value(table, key, row, 1)?));
        }
        Ok(found)
    }

    fn sift(&self, table: Table, prefix: &[u8]) -> Result<Sifted, StoreError> {
        let found = sift::sift(&self.connection, &self.key, table, prefix)?;
        Ok(found.opened)
    }

    fn verify_pages(&self) -> Result<(), StoreError> {
        let answer: String = self
            .connection
            .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
            .map_err(in_file)?;
        if answer != "ok" {
            // The answer itself could quote a key.
            return Err(damaged(None, "its pages do not fit together"));
        }
        Ok(())
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.verify_pages()?;
        for table in Table::ALL {
            let sql = format!("SELECT key, value FROM {}", table.name());
            let mut statement = self.statement(table, &sql)?;
            let mut rows = statement.query(()).map_err(in_table(table))?;
            while let Some(row) = rows.next().map_err(in_table(table))? {
                self.value(table, blob(table, row, 0)?, row, 1)?;
            }
        }
        Ok(())
    }

    fn clean(&mut self) -> Result<(), StoreError> {
        // Pages overwrite what is deleted from them; what the log held before is left to go.
        open::checkpoint(&self.connection)
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        let Self {
            connection, _lock, ..
        } = *self;
        open::checkpoint(&connection)?;
        connection.close().map_err(|(_, error)| in_file(error))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.connection.path())
            .finish_non_exhaustive()
    }
}

fn apply(
    transaction: &Transaction<'_>,
    write: Write,
    storage_key: &StorageKey,
    entropy: &mut dyn Entropy,
) -> Result<(), StoreError> {
    let (table, outcome) = match write {
        Write::Put { table, key, value } => {
            // Some values are keys.
            let value = Zeroizing::new(value);
            let sealed = storage_key
                .seal(table.code(), &key, &value, entropy)
                .map_err(|error| StoreError::Io {
                    what: error.to_string(),
                })?;
            let sql = format!(
                "INSERT OR REPLACE INTO {} (key, value) VALUES (?1, ?2)",
                table.name()
            );
            let outcome = transaction
                .prepare_cached(&sql)
                .and_then(|mut statement| statement.execute((key, sealed)));
            (table, outcome)
        }
        Write::Delete { table, key } => {
            let sql = format!("DELETE FROM {} WHERE key = ?1", table.name());
            let outcome = transaction
                .prepare_cached(&sql)
                .and_then(|mut statement| statement.execute([key]));
            (table, outcome)
        }
        Write::DeletePrefix { table, prefix } => {
            let name = table.name();
            let outcome = match end_of(&prefix) {
                Some(end) => transaction
                    .prepare_cached(&format!("DELETE FROM {name} WHERE key >= ?1 AND key < ?2"))
                    .and_then(|mut statement| statement.execute((prefix, end))),
                None => transaction
                    .prepare_cached(&format!("DELETE FROM {name} WHERE key >= ?1"))
                    .and_then(|mut statement| statement.execute([prefix])),
            };
            (table, outcome)
        }
    };
    outcome.map_err(in_table(table)).map(|_| ())
}

/// The first key after every key that starts with `prefix`, if there is one.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn blob<'row>(
    table: Table,
    row: &'row rusqlite::Row<'_>,
    column: usize,
) -> Result<&'row [u8], StoreError> {
    row.get_ref(column)
        .map_err(in_table(table))?
        .as_blob()
        .map_err(|_| damaged(Some(table), "a row is not made of bytes"))
}

//! What the baselines stand on: SQLite with the settings of the device's store and nothing else,
//! and Automerge documents that hold a record's bytes under the root.

use std::path::Path;

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT};
use ring::digest::{SHA256, digest};
use rusqlite::Connection;

/// What the device's store sets as well, as far as it costs anything.
const PRAGMAS: [(&str, &str); 6] = [
    ("locking_mode", "EXCLUSIVE"),
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
    ("wal_autocheckpoint", "256"),
    ("journal_size_limit", "1048576"),
    ("secure_delete", "ON"),
];

/// One SQLite table of keys and values, each commit durable.
#[derive(Debug)]
pub(crate) struct Rows {
    connection: Connection,
    next: u64,
}

impl Rows {
    /// A new table in a directory.
    pub(crate) fn make(directory: &Path) -> Self {
        let rows = Self::open(directory);
        let table = "CREATE TABLE row (key BLOB PRIMARY KEY, value BLOB NOT NULL)
                     STRICT, WITHOUT ROWID";
        rows.connection.execute_batch(table).expect("a table");
        rows
    }

    /// The table in a directory that has one.
    pub(crate) fn open(directory: &Path) -> Self {
        let connection = Connection::open(directory.join("bare.sqlite")).expect("a database");
        for (name, value) in PRAGMAS {
            let set = connection.pragma_update_and_check(None, name, value, |_| Ok(()));
            set.or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(()),
                error => Err(error),
            })
            .expect("a pragma");
        }
        Self {
            connection,
            next: 0,
        }
    }

    /// Every value, by key, from one query.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        let mut query = self
            .connection
            .prepare("SELECT value FROM row ORDER BY key")
            .expect("a query");
        let rows = query.query_map((), |row| row.get(0)).expect("it runs");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// Puts one value under the next key; durable when this returns.
    pub(crate) fn commit(&mut self, value: &[u8]) {
        let transaction = self.connection.unchecked_transaction().expect("begins");
        transaction
            .prepare_cached("INSERT INTO row (key, value) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((self.next.to_be_bytes(), value)))
            .expect("inserted");
        transaction.commit().expect("committed");
        self.next += 1;
    }
}

/// Puts a record into a document as one change: its bytes under the root, at the key that a
/// record has.
pub(crate) fn put(document: &mut Automerge, record: &[u8]) {
    let key: String = digest(&SHA256, record).as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut transaction = document.transaction();
    transaction.put(ROOT, key, record.to_vec()).expect("put");
    transaction.commit();
}

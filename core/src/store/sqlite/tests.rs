//! What the SQLite store promises beyond the suite that every store passes.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};
use tempfile::TempDir;

use super::SqliteStore;
use crate::crypto::SeededEntropy;
use crate::store::conformance::{Device, store_conformance};
use crate::store::{Store, StoreError, Table, Transaction, Write};

pub(super) const STORAGE_KEY: [u8; 32] = [0x2a; 32];

/// A directory that is removed after the test.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path().join("waymark.sqlite")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path().join("waymark.sqlite-wal")
    }

    pub(super) fn store(&self) -> Result<SqliteStore, StoreError> {
        self.store_with(&STORAGE_KEY)
    }

    fn store_with(&self, key: &[u8; 32]) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.path(), key, SeededEntropy::new([9; 32]))
    }

    /// The file as somebody sees it who has it but not the key.
    fn raw(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

impl Device for Home {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.store()?))
    }
}

store_conformance!(Home::new());

pub(super) fn put(table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Vec<Write> {
    let mut transaction = Transaction::new();
    transaction.put(table, key, value);
    transaction.take()
}

/// A dead battery would otherwise take every check-in since the last page that came from the relay,
/// though the app was told that it is kept.
#[test]
fn a_commit_waits_for_the_disk_also_after_one_that_did_not() {
    let home = Home::new();
    let mut store = home.store().unwrap();
    let waits = |store: &SqliteStore| -> i64 {
        let waits = |row: &rusqlite::Row<'_>| row.get(0);
        let connection = &store.connection;
        connection
            .pragma_query_value(None, "synchronous", waits)
            .unwrap()
    };
    for _ in 0..2 {
        store
            .commit_soon(put(Table::Entry, [1], b"from the relay"))
            .unwrap();
        // 1, NORMAL: it is written, and the disk is not waited for.
        assert_eq!(waits(&store), 1);
        store.commit(put(Table::Change, [1], b"a word")).unwrap();
        // 2, FULL.
        assert_eq!(waits(&store), 2);
    }
}

fn home_with_a_row() -> Home {
    let home = Home::new();
    let mut store = home.store().unwrap();
    store
        .commit(put(Table::Document, "a", "went for a walk"))
        .unwrap();
    drop(store);
    home
}

#[test]
fn a_wrong_key_is_told_and_changes_nothing() {
    let home = home_with_a_row();
    let before = fs::read(home.file()).unwrap();
    assert_eq!(home.store_with(&[0; 32]).err(), Some(StoreError::WrongKey));
    assert_eq!(fs::read(home.file()).unwrap(), before);
    let read = home.store().unwrap().get(Table::Document, b"a").unwrap();
    assert_eq!(read.unwrap(), b"went for a walk");
}

/// Telling somebody to recover with the 24 words when a sector is bad would cost a day's work.
#[test]
fn a_damaged_key_check_is_not_taken_for_a_wrong_key() {
    for column in ["salt", "key_check", "checksum"] {
        let home = home_with_a_row();
        home.raw()
            .execute(
                &format!("UPDATE keyring SET {column} = zeroblob(length({column}))"),
                (),
            )
            .unwrap();
        let refused = home.store().unwrap_err();
        assert!(
            matches!(refused, StoreError::Damaged { .. }),
            "{column}: {refused}"
        );
    }
}

/// An old version that opened it would drop what it does not know of.
#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let home = home_with_a_row();
    home.raw().execute_batch("PRAGMA user_version = 2").unwrap();
    let before = fs::read(home.file()).unwrap();
    let refused = StoreError::NewerFormat { found: 2, known: 1 };
    assert_eq!(home.store().err(), Some(refused));
    assert_eq!(fs::read(home.file()).unwrap(), before);
}

#[test]
fn while_it_is_open_nobody_else_reads_the_file_and_the_other_way_round() {
    let home = home_with_a_row();
    let store = home.store().unwrap();
    let refused = home
        .raw()
        .query_row("SELECT count(*) FROM document", (), |row| {
            row.get::<_, i64>(0)
        });
    assert_eq!(
        refused.unwrap_err().sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy)
    );
    drop(store);

    let other = home.raw();
    other
        .execute_batch("BEGIN; SELECT count(*) FROM document")
        .unwrap();
    let refused = home.store().err();
    assert_eq!(refused, Some(StoreError::Locked));
}

/// Whoever has the file but not the key must not be able to move an old value to a new place.
#[test]
fn swapped_copied_and_cut_rows_are_refused_by_table() {
    let tampering = [
        "UPDATE document SET value = (SELECT value FROM document WHERE key = x'62')
         WHERE key = x'61'",
        "INSERT OR REPLACE INTO document SELECT key, value FROM change WHERE key = x'61'",
        "UPDATE document SET value = x'' WHERE key = x'61'",
        "UPDATE document SET value = substr(value, 1, length(value) - 1) WHERE key = x'61'",
        "UPDATE document SET value = CAST(value || x'00' AS BLOB) WHERE key = x'61'",
    ];
    for sql in tampering {
        let home = home_with_a_row();
        let mut store = home.store().unwrap();
        store
            .commit(put(Table::Document, "b", "stayed in bed"))
            .unwrap();
        store
            .commit(put(Table::Change, "a", "went for a run"))
            .unwrap();
        drop(store);
        assert_eq!(home.raw().execute(sql, ()), Ok(1), "{sql}");

        let store = home.store().unwrap();
        let failures = [
            store.get(Table::Document, b"a").unwrap_err(),
            store.scan(Table::Document, b"", None, 9).unwrap_err(),
            store.verify().unwrap_err(),
        ];
        for failure in failures {
            let StoreError::Damaged { table, .. } = failure else {
                panic!("{sql}: {failure}");
            };
            assert_eq!(table, Some(Table::Document));
        }
        let other = store.get(Table::Document, b"b").unwrap();
        assert_eq!(other.unwrap(), b"stayed in bed");
    }
}

#[test]
fn no_value_is_readable_in_any_file() {
    let home = Home::new();
    let mut store = home.store().unwrap();
    let value = "went for a walk along the river".repeat(200);
    store
        .commit(put(Table::Document, "visible key", value.as_str()))
        .unwrap();
    let found = |needle: &str| {
        fs::read_dir(home.path()).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            bytes
                .windows(needle.len())
                .any(|bytes| bytes == needle.as_bytes())
        })
    };
    assert!(found("visible key"), "the search finds what is there");
    assert!(!found("went for"));
    drop(store);
    assert!(found("visible key"));
    assert!(!found("went for"));
}

#[test]
fn what_was_deleted_is_overwritten() {
    let home = home_with_a_row();
    let sealed: Vec<u8> = home
        .raw()
        .query_row("SELECT value FROM document", (), |row| row.get(0))
        .unwrap();
    let in_file = || {
        let bytes = fs::read(home.file()).unwrap();
        bytes.windows(sealed.len()).any(|bytes| bytes == sealed)
    };
    assert!(in_file());
    let mut store = home.store().unwrap();
    let mut transaction = Transaction::new();
    transaction.delete(Table::Document, "a");
    store.commit(transaction.take()).unwrap();
    drop(store);
    assert!(!in_file());
}

/// A full phone must refuse the new check-in and keep all the others.
#[test]
fn a_full_disk_refuses_the_commit_whole_and_the_store_goes_on() {
    let home = home_with_a_row();
    let mut store = home.store().unwrap();
    let set_limit = |store: &SqliteStore, pages: u32| {
        store
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), (), |row| {
                row.get::<_, u32>(0)
            })
            .unwrap()
    };
    // The limit cannot go below what is there, so this leaves no room at all.
    set_limit(&store, 1);
    let mut transaction = Transaction::new();
    transaction.put(Table::Document, "a", "stayed in bed").put(
        Table::Document,
        "b",
        vec![0; 100_000],
    );
    assert_eq!(store.commit(transaction.take()), Err(StoreError::Full));
    let kept = [(b"a".to_vec(), b"went for a walk".to_vec())];
    assert_eq!(store.scan(Table::Document, b"", None, 9).unwrap(), kept);

    set_limit(&store, 1_000_000);
    store
        .commit(put(Table::Document, "b", vec![0; 100_000]))
        .unwrap();
    assert_eq!(store.verify(), Ok(()));
}

#[test]
fn an_interrupted_creation_leaves_nothing_behind() {
    let home = Home::new();
    fs::write(home.path().join("waymark.sqlite.new"), b"half a database").unwrap();
    fs::write(
        home.path().join("waymark.sqlite.new-journal"),
        b"half a journal",
    )
    .unwrap();
    let mut store = home.store().unwrap();
    store.commit(put(Table::Meta, "a", "1")).unwrap();
    assert!(!home.path().join("waymark.sqlite.new").exists());
}

/// Permissions do not bind root, so root is sent to a file system that refuses on its own.
#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_may_not_be_written_is_named_as_such() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = fs::write(home.path().join("probe"), "").is_ok();
    let directory = if is_root {
        Path::new("/sys/kernel")
    } else {
        home.path()
    };
    let refused = SqliteStore::open(directory, &STORAGE_KEY, SeededEntropy::new([9; 32]));
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        matches!(refused, Err(StoreError::ReadOnly { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_directory_that_is_a_file_is_an_error_of_the_system() {
    let home = Home::new();
    let path = home.path().join("file");
    fs::write(&path, "").unwrap();
    let refused = SqliteStore::open(&path, &STORAGE_KEY, SeededEntropy::new([9; 32]));
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
}

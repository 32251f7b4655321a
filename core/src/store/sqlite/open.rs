//! Making, locking and opening the file.
//!
//! A database is made under another name and renamed when it is whole. So a file under its own name
//! that is empty, cut or foreign was damaged, and is never taken for a new one.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{Context, SHA256};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::failure::{damaged, in_directory, in_file};
use super::{aside, salvage};
use crate::crypto::{DATABASE_SALT_LEN, Entropy, StorageKey};
use crate::store::{StoreError, Table};

/// Takes the lock of a directory, which is made where it is missing.
///
/// The lock is the operating system's and dies with the process; the empty file stays. It covers
/// what SQLite's own lock cannot: two processes that both find no database and both make one.
pub(super) fn lock(directory: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(directory).map_err(in_directory)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("waymark.lock"))
        .map_err(in_directory)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(in_directory(error)),
    }
}

/// Opens the database in a locked directory, and makes it where there is none.
pub(super) fn database(
    directory: &Path,
    storage_key: &[u8; 32],
    entropy: &mut dyn Entropy,
) -> Result<(Connection, StorageKey), StoreError> {
    salvage::finish(directory)?;
    let path = directory.join(FILE);
    if !path.try_exists().map_err(in_directory)? {
        if beside(&path, "-wal").try_exists().map_err(in_directory)? {
            return Err(damaged(None, "the file is gone, its log is there"));
        }
        make(directory, &path, storage_key, entropy)?;
    }
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if connection.is_readonly(MAIN_DB).map_err(in_file)? {
        return Err(StoreError::ReadOnly {
            what: "the file is read-only".into(),
        });
    }
    let format = recognise(&connection)?;
    let key = unlock(&connection, storage_key)?;
    // Only now is it known to be ours, sound so far and wanted: from here on it may change.
    pragma(&connection, "journal_mode", "WAL")?;
    migrate(&connection, format)?;
    Ok((connection, key))
}

/// Removes the database of a locked directory; the lock's empty file stays.
pub(super) fn remove(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(FILE);
    salvage::remove_all(directory)?;
    aside::remove_all(directory)?;
    // The log first: a log without its file would be taken for damage.
    for file in [beside(&path, "-wal"), beside(&path, "-shm"), path] {
        if file.try_exists().map_err(in_directory)? {
            fs::remove_file(&file).map_err(in_directory)?;
        }
    }
    Ok(())
}

/// Brings the log into the file and empties it.
pub(super) fn checkpoint(connection: &Connection) -> Result<(), StoreError> {
    let unfinished: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))
        .map_err(in_file)?;
    if unfinished {
        return Err(StoreError::Locked);
    }
    Ok(())
}

fn make(
    directory: &Path,
    path: &Path,
    storage_key: &[u8; 32],
    entropy: &mut dyn Entropy,
) -> Result<(), StoreError> {
    let unfinished = beside(path, ".new");
    for leftover in [&unfinished, &beside(&unfinished, "-journal")] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(in_directory(error));
            }
            _ => {}
        }
    }
    let mut salt = [0; DATABASE_SALT_LEN];
    entropy.fill(&mut salt);
    let key = StorageKey::derive(storage_key, &salt).map_err(|_| StoreError::WrongKey)?;
    make_file(&unfinished, &salt, &key)?;
    fs::rename(&unfinished, path).map_err(in_directory)?;
    sync_directory(directory)
}

/// Makes a file with empty tables; it is durable when this returns, its name is not.
pub(super) fn make_file(
    path: &Path,
    salt: &[u8; DATABASE_SALT_LEN],
    key: &StorageKey,
) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = connect(path, flags)?;
    // Until it has its name it may break at any time, so it is flushed once, at the end.
    pragma(&connection, "synchronous", "OFF")?;
    pragma(&connection, "journal_mode", "MEMORY")?;
    pragma(&connection, "application_id", &APPLICATION_ID.to_string())?;
    migrate(&connection, 0)?;
    connection
        .execute(
            "INSERT INTO keyring (id, salt, key_check, checksum) VALUES (1, ?1, ?2, ?3)",
            (salt, key.check_value(), checksum(salt, key.check_value())),
        )
        .map_err(in_file)?;
    connection.close().map_err(|(_, error)| in_file(error))?;
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all())
        .map_err(in_directory)
}

/// A file's name is durable when its directory is.
pub(super) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(in_directory)?;
    Ok(())
}

pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(in_file)?;
    connection
        .busy_timeout(Duration::from_millis(250))
        .map_err(in_file)?;
    // A damaged schema must not be able to run anything or to be written through.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .map_err(in_file)?;
    // Otherwise a statement with a bound LIMIT is prepared anew each time that it runs.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(in_file)?;
    for (name, value) in PRAGMAS {
        pragma(&connection, name, value)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_PER_TABLE * Table::ALL.len());
    Ok(connection)
}

/// Whether the file is a Waymark database that this version may write, and its format.
pub(super) fn recognise(connection: &Connection) -> Result<u32, StoreError> {
    let application: i64 = read_pragma(connection, "application_id")?;
    if application != i64::from(APPLICATION_ID) {
        return Err(damaged(None, "it is not a Waymark database"));
    }
    let format: i64 = read_pragma(connection, "user_version")?;
    let known = newest_format();
    match u32::try_from(format) {
        Ok(found) if found > known => Err(StoreError::NewerFormat { found, known }),
        Ok(found) if found > 0 => Ok(found),
        _ => Err(damaged(None, "it has no format")),
    }
}

/// The key of the database, if `storage_key` is the one that it was made under. A checksum over the
/// check value tells damage from a key that does not fit.
pub(super) fn unlock(
    connection: &Connection,
    storage_key: &[u8; 32],
) -> Result<StorageKey, StoreError> {
    let (salt, check, stated): ([u8; DATABASE_SALT_LEN], [u8; 32], [u8; 32]) = connection
        .query_row(
            "SELECT salt, key_check, checksum FROM keyring WHERE id = 1",
            (),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(in_file)?;
    if checksum(&salt, &check) != stated {
        return Err(damaged(None, "its key check is not what was written"));
    }
    let key = StorageKey::derive(storage_key, &salt).map_err(|_| StoreError::WrongKey)?;
    if !key.fits(&check) {
        return Err(StoreError::WrongKey);
    }
    Ok(key)
}

/// Brings a database of an older format to the newest, one step and one transaction at a time.
fn migrate(connection: &Connection, format: u32) -> Result<(), StoreError> {
    for (sql, version) in MIGRATIONS.iter().zip(1_u32..) {
        if version > format {
            connection
                .execute_batch(&format!(
                    "BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {version};\nCOMMIT;"
                ))
                .map_err(in_file)?;
        }
    }
    Ok(())
}

fn newest_format() -> u32 {
    // A database of the newest format has had every migration.
    MIGRATIONS
        .iter()
        .zip(1..)
        .map(|(_, version)| version)
        .max()
        .unwrap_or(0)
}

/// Sets whether commits wait until they are on the disk. The log keeps them in their order either
/// way, so a later one that waits takes the earlier ones with it.
pub(super) fn wait_for_disk(connection: &Connection, wait: bool) -> Result<(), StoreError> {
    pragma(
        connection,
        "synchronous",
        if wait { "FULL" } else { "NORMAL" },
    )
}

fn pragma(connection: &Connection, name: &str, value: &str) -> Result<(), StoreError> {
    // Some of them answer with a row, some do not.
    let mut statement = connection
        .prepare(&format!("PRAGMA {name} = {value}"))
        .map_err(in_file)?;
    let mut rows = statement.query(()).map_err(in_file)?;
    while rows.next().map_err(in_file)?.is_some() {}
    Ok(())
}

fn read_pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection
        .query_row(&format!("PRAGMA {name}"), (), |row| row.get(0))
        .map_err(in_file)
}

pub(super) fn checksum(salt: &[u8; DATABASE_SALT_LEN], check: &[u8; 32]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(b"waymark/1 keyring");
    hash.update(salt);
    hash.update(check);
    let mut sum = [0; 32];
    sum.copy_from_slice(hash.finish().as_ref());
    sum
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) const FILE: &str = "waymark.sqlite";
/// `Wymk`, so that `file` and a developer know what they have before them.
const APPLICATION_ID: i32 = 0x5779_6d6b;
/// `schema/NNNN_*.sql` in the order of formats. A released one never changes.
const MIGRATIONS: [&str; 1] = [include_str!("../schema/0001_tables.sql")];
const STATEMENTS_PER_TABLE: usize = 7;

/// What a connection is set to, before it reads a page.
const PRAGMAS: [(&str, &str); 11] = [
    // One process: no shared-memory file, and the lock is taken once instead of per transaction.
    ("locking_mode", "EXCLUSIVE"),
    // A commit that returned survives a dead battery; NORMAL may lose the last ones.
    ("synchronous", "FULL"),
    // On Apple's systems a plain fsync does not reach the flash.
    ("fullfsync", "ON"),
    ("checkpoint_fullfsync", "ON"),
    // The log is brought in at 1 MiB, and does not stay large after a large commit.
    ("wal_autocheckpoint", "256"),
    ("journal_size_limit", "1048576"),
    // What was deleted is overwritten; sealed as it is, it should not linger either.
    ("secure_delete", "ON"),
    ("temp_store", "MEMORY"),
    ("trusted_schema", "OFF"),
    ("foreign_keys", "ON"),
    // Notices a damaged page when it is read, not when it is used.
    ("cell_size_check", "ON"),
];

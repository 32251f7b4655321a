//! Making room for a new database where the key of the old one is lost.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use super::failure::{in_directory, in_file};
use super::{open, salvage};
use crate::store::StoreError;

/// Puts the database of a locked directory aside, where this is not its key. Says whether there was
/// one.
pub(super) fn put_aside(directory: &Path, storage_key: &[u8; 32]) -> Result<bool, StoreError> {
    salvage::finish(directory)?;
    let path = directory.join(open::FILE);
    if !path.try_exists().map_err(in_directory)? {
        return Ok(false);
    }
    let connection = open::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    open::recognise(&connection)?;
    match open::unlock(&connection, storage_key) {
        Err(StoreError::WrongKey) => {}
        fits => return fits.map(|_| false),
    }
    // One file is left of it, to be renamed at once.
    open::checkpoint(&connection)?;
    connection.close().map_err(|(_, error)| in_file(error))?;
    fs::rename(&path, free_name(directory)?).map_err(in_directory)?;
    open::sync_directory(directory)?;
    Ok(true)
}

/// Removes what was put aside in a locked directory.
pub(super) fn remove_all(directory: &Path) -> Result<(), StoreError> {
    for number in 1.. {
        let kept = name(directory, number);
        if !kept.try_exists().map_err(in_directory)? {
            break;
        }
        fs::remove_file(kept).map_err(in_directory)?;
    }
    Ok(())
}

fn free_name(directory: &Path) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    while name(directory, number).try_exists().map_err(in_directory)? {
        number += 1;
    }
    Ok(name(directory, number))
}

fn name(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("waymark.lost-{number}.sqlite"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;
    use crate::store::{SqliteStore, Store, Table, Transaction};

    fn open(directory: &Path, key: u8) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(directory, &[key; 32], SeededEntropy::new([key; 32]))
    }

    fn write(store: &mut SqliteStore, value: &str) {
        let mut transaction = Transaction::new();
        transaction.put(Table::Meta, b"said", value);
        store.commit(transaction.into()).unwrap();
    }

    fn said(store: &SqliteStore) -> Option<Vec<u8>> {
        store.get(Table::Meta, b"said").unwrap()
    }

    /// A phone that came back from a backup without its keychain could never be used again; or what
    /// its owner could still have read, had the key turned up, would be gone.
    #[test]
    fn a_database_whose_key_is_lost_makes_room_and_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path();
        for (key, value) in [(1, "first"), (2, "second"), (3, "third")] {
            let mut store = open(directory, key).unwrap();
            write(&mut store, value);
            assert_eq!(
                SqliteStore::put_aside(directory, &[9; 32]),
                Err(StoreError::Locked)
            );
            drop(store);
            assert_eq!(SqliteStore::put_aside(directory, &[key; 32]), Ok(false));
            assert_eq!(SqliteStore::put_aside(directory, &[9; 32]), Ok(true));
            assert_eq!(SqliteStore::put_aside(directory, &[9; 32]), Ok(false));
        }
        fs::rename(name(directory, 2), directory.join(open::FILE)).unwrap();
        let found = open(directory, 2).unwrap();
        assert_eq!(said(&found).as_deref(), Some(&b"second"[..]));
        drop(found);
        fs::rename(directory.join(open::FILE), name(directory, 2)).unwrap();
        SqliteStore::remove(directory).unwrap();
        assert!(!name(directory, 1).exists() && !name(directory, 3).exists());
    }

    /// Damage would be taken for a lost key, and what can be salvaged be put out of sight.
    #[test]
    fn a_damaged_database_stays_where_it_is() {
        let home = tempfile::tempdir().unwrap();
        drop(open(home.path(), 1).unwrap());
        let path = home.path().join(open::FILE);
        let mut bytes = fs::read(&path).unwrap();
        bytes[..100].fill(0);
        fs::write(&path, &bytes).unwrap();
        let refused = SqliteStore::put_aside(home.path(), &[9; 32]);
        assert!(
            matches!(refused, Err(StoreError::Damaged { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

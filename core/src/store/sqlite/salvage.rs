//! Rebuilding a file that SQLite itself finds damaged.
//!
//! Every row that reads and authenticates is copied, still sealed, into a fresh file under the same
//! salt. The fresh file is complete and durable under a name of its own before anything happens to the
//! damaged one; from then on the exchange is finished by whoever opens next, so that a crash leaves the
//! one or the other.
//!
//! The first page of every database of one format says the same (which tables there are, and where they
//! begin). Where it is damaged, a fresh one's takes its place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use minicbor::{Decode, Encode};
use rusqlite::{Connection, OpenFlags};
use waymark_wire::codec;

use super::failure::{damaged, in_directory, in_file};
use super::{open, sift};
use crate::crypto::{DATABASE_SALT_LEN, Entropy, StorageKey};
use crate::store::{StoreError, Table};

/// What came of rebuilding a database.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Salvaged {
    /// What became of each table, in the order of [`Table::ALL`].
    pub tables: Vec<SalvagedTable>,
}

/// What became of one table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SalvagedTable {
    /// The table.
    pub table: Table,
    /// How many rows came over.
    pub rows: u64,
    /// The keys of rows that are known to be lost.
    pub lost: Vec<Vec<u8>>,
    /// Whether there may have been others.
    pub broken: bool,
}

impl Salvaged {
    /// Whether everything came over.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let mut tables = self.tables.iter();
        tables.all(|table| table.lost.is_empty() && !table.broken)
    }
}

/// The row of [`Table::Meta`] that says that a rebuilt database lacks rows.
pub(crate) const SALVAGED: &[u8] = b"salvaged";

/// What that row says.
#[derive(Clone, Debug, Decode, Default, Encode)]
#[cbor(map)]
pub(crate) struct Note {
    /// The spaces that were repaired since.
    #[n(0)]
    pub(crate) repaired: Vec<u32>,
    /// What tells that something unsent is missing may be missing itself.
    #[n(1)]
    pub(crate) unsent: bool,
}

impl Note {
    fn of(salvaged: &Salvaged) -> Self {
        let index = [Table::Document, Table::Outbox, Table::Space];
        let mut tables = salvaged.tables.iter();
        Self {
            repaired: Vec::new(),
            unsent: tables.any(|table| table.broken && index.contains(&table.table)),
        }
    }
}

/// Rebuilds the database of a locked directory.
pub(super) fn salvage(
    directory: &Path,
    storage_key: &[u8; 32],
    entropy: &mut dyn Entropy,
) -> Result<Salvaged, StoreError> {
    finish(directory)?;
    let path = directory.join(open::FILE);
    let kept = open::beside(&path, KEPT);
    let scratch = open::beside(&path, ".scratch");
    let fresh = open::beside(&path, ".new");
    for path in [&scratch, &fresh] {
        remove_with_log(path)?;
    }
    copy_with_log(&path, &scratch)?;
    let (source, salt, key) = readable(&scratch, &fresh, storage_key, entropy)?;

    remove_with_log(&fresh)?;
    open::make_file(&fresh, &salt, &key)?;
    let mut target = open::connect(&fresh, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut salvaged = Salvaged::default();
    let transaction = target.transaction().map_err(in_file)?;
    for table in Table::ALL {
        let found = sift::sift(&source, &key, table, &[])?;
        let sql = format!("INSERT INTO {} (key, value) VALUES (?1, ?2)", table.name());
        let mut insert = transaction.prepare(&sql).map_err(in_file)?;
        for ((place, _), sealed) in found.opened.rows.iter().zip(&found.sealed) {
            insert.execute((place, sealed)).map_err(in_file)?;
        }
        salvaged.tables.push(SalvagedTable {
            table,
            rows: found.sealed.len() as u64,
            lost: found.opened.damaged,
            broken: found.opened.broken || !fits_together(&source, table),
        });
    }
    if !salvaged.is_whole() {
        // Which spaces have to be repaired is decided where it is opened.
        let note = Note::of(&salvaged);
        let sealed = key.seal(Table::Meta.code(), SALVAGED, &codec::encode(&note), entropy);
        let sealed = sealed.map_err(|error| damaged(None, error.to_string()))?;
        transaction
            .execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                (SALVAGED, sealed),
            )
            .map_err(in_file)?;
    }
    transaction.commit().map_err(in_file)?;
    target.close().map_err(|(_, error)| in_file(error))?;
    drop(source);
    sync(&fresh)?;
    // The damaged file is kept before anything takes its place.
    remove_with_log(&kept)?;
    copy_with_log(&path, &kept)?;
    fs::rename(&fresh, open::beside(&path, WHOLE)).map_err(in_directory)?;
    finish(directory)?;
    remove_with_log(&scratch)?;
    Ok(salvaged)
}

/// Puts a rebuilt database in the damaged one's place, where that was begun.
pub(super) fn finish(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(open::FILE);
    let whole = open::beside(&path, WHOLE);
    if !whole.try_exists().map_err(in_directory)? {
        return Ok(());
    }
    open::sync_directory(directory)?;
    // The old log must never be read into the new file.
    for suffix in ["-wal", "-shm"] {
        remove_file(&open::beside(&path, suffix))?;
    }
    open::sync_directory(directory)?;
    fs::rename(&whole, &path).map_err(in_directory)?;
    open::sync_directory(directory)
}

/// Removes the damaged database that was kept.
pub(super) fn remove_damaged(directory: &Path) -> Result<(), StoreError> {
    remove_with_log(&open::beside(&directory.join(open::FILE), KEPT))
}

/// Removes everything that rebuilding leaves beside a database.
pub(super) fn remove_all(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(open::FILE);
    [WHOLE, KEPT, ".scratch", ".new"]
        .iter()
        .try_for_each(|suffix| remove_with_log(&open::beside(&path, suffix)))
}

/// A connection to the copy of a damaged database from which tables can be read, with its salt and key.
fn readable(
    scratch: &Path,
    fresh: &Path,
    storage_key: &[u8; 32],
    entropy: &mut dyn Entropy,
) -> Result<(Connection, [u8; DATABASE_SALT_LEN], StorageKey), StoreError> {
    if let Ok(connection) = tables(scratch)
        && let Some((salt, key)) = key_of(&connection, storage_key)?
    {
        return Ok((connection, salt, key));
    }
    // The first page of a new database, with the size of this one.
    let mut salt = [0; DATABASE_SALT_LEN];
    entropy.fill(&mut salt);
    let any = StorageKey::derive(storage_key, &salt).map_err(|_| StoreError::WrongKey)?;
    open::make_file(fresh, &salt, &any)?;
    let page = fs::read(fresh).map_err(in_directory)?;
    let mut bytes = fs::read(scratch).map_err(in_directory)?;
    if bytes.len() < 2 * PAGE || page.len() < PAGE {
        return Err(damaged(None, "hardly anything of it is left"));
    }
    bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
    let pages = u32::try_from(bytes.len() / PAGE).map_err(|_| damaged(None, "it is too large"))?;
    bytes[..PAGE].copy_from_slice(&page[..PAGE]);
    // Written with a log, of this size, as of this change; no list of free pages.
    bytes[18..20].copy_from_slice(&[2, 2]);
    bytes[28..32].copy_from_slice(&pages.to_be_bytes());
    bytes[32..40].fill(0);
    let change: [u8; 4] = [bytes[24], bytes[25], bytes[26], bytes[27]];
    bytes[92..96].copy_from_slice(&change);
    fs::write(scratch, bytes).map_err(in_directory)?;
    let connection = tables(scratch)?;
    let (salt, key) = key_of(&connection, storage_key)?
        .ok_or_else(|| damaged(None, "what its key is made from cannot be read"))?;
    Ok((connection, salt, key))
}

/// Opens a file where every table is known.
fn tables(path: &Path) -> Result<Connection, StoreError> {
    let connection = open::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    for table in Table::ALL {
        let sql = format!("SELECT key, value FROM {}", table.name());
        connection.prepare(&sql).map_err(in_file)?;
    }
    Ok(connection)
}

/// The salt and the key of a database: the salt that is stored, or one bit from it, as long as it is
/// proven by the check value, the checksum or a row.
fn key_of(
    connection: &Connection,
    storage_key: &[u8; 32],
) -> Result<Option<([u8; DATABASE_SALT_LEN], StorageKey)>, StoreError> {
    let sql = "SELECT salt, key_check, checksum FROM keyring";
    let row = connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let Ok::<(Vec<u8>, Vec<u8>, Vec<u8>), _>((salt, check, stated)) = row else {
        return Ok(None);
    };
    let Ok(stored) = <[u8; DATABASE_SALT_LEN]>::try_from(salt) else {
        return Ok(None);
    };
    let check: Option<[u8; 32]> = check.try_into().ok();
    let bits = (0..DATABASE_SALT_LEN * 8).map(Some);
    for bit in std::iter::once(None).chain(bits) {
        let mut salt = stored;
        if let Some(bit) = bit {
            salt[bit / 8] ^= 1 << (bit % 8);
        }
        let key = StorageKey::derive(storage_key, &salt).map_err(|_| StoreError::WrongKey)?;
        let is_stated = open::checksum(&salt, key.check_value()).as_slice() == stated;
        let fits = is_stated || check.is_some_and(|check| key.fits(&check));
        if fits || opens_a_row(connection, &key)? {
            return Ok(Some((salt, key)));
        }
    }
    Err(StoreError::WrongKey)
}

fn opens_a_row(connection: &Connection, key: &StorageKey) -> Result<bool, StoreError> {
    for table in [Table::Space, Table::Membership, Table::Meta] {
        if !sift::sift(connection, key, table, &[])?.sealed.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether no row of a table can have vanished, as far as its pages tell.
fn fits_together(connection: &Connection, table: Table) -> bool {
    let sql = format!("PRAGMA integrity_check('{}')", table.name());
    let answer: Result<String, _> = connection.query_row(&sql, (), |row| row.get(0));
    answer.is_ok_and(|answer| answer == "ok")
}

fn copy_with_log(from: &Path, to: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal"] {
        let (from, to) = (open::beside(from, suffix), open::beside(to, suffix));
        if from.try_exists().map_err(in_directory)? {
            fs::copy(&from, &to).map_err(in_directory)?;
            sync(&to)?;
        }
    }
    Ok(())
}

fn remove_with_log(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        remove_file(&open::beside(path, suffix))?;
    }
    Ok(())
}

fn remove_file(path: &PathBuf) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(in_directory(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    let file = File::options().write(true).open(path);
    file.and_then(|file| file.sync_all()).map_err(in_directory)
}

const PAGE: usize = 4_096;
/// The damaged database, until the app deletes it.
const KEPT: &str = ".damaged";
/// A rebuilt database that is complete, and is to take the damaged one's place.
const WHOLE: &str = ".whole";

//! Opening the database, and bringing an older one up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use waymark_wire::ids::Generation;

/// The database's file name in the data directory.
pub const DATABASE: &str = "relay.db";

/// Each step from one version to the next; a step is never altered once released.
const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
];

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It does not hold what it should.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// A newer relay has written it.
    #[error("the database is of version {found}, and this relay knows versions up to {known}")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: usize,
    },
    /// No relay of this version has opened it yet.
    #[error(
        "the database is of version {found}: start this relay on it once, which brings it up to date"
    )]
    Older {
        /// Its version.
        found: i64,
    },
    /// The engine says so.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// No thread could be started for it.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Opens the one connection that writes.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, SchemaError> {
    let db = Connection::open(path)?;
    keep_plans(&db)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    // The writer moves pages from the journal to the file itself, after it has answered.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "cache_size", -16_384)?;
    // What is dropped is overwritten: somebody wanted it forgotten.
    db.pragma_update(None, "secure_delete", "on")?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Has statements keep their plans: otherwise one with a bound `LIMIT` is prepared anew each time
/// that it runs.
pub(super) fn keep_plans(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// Lets the journal grow to the size that it is used at, since a commit that overwrites waits half
/// as long for the disk as one that makes the file longer.
pub(super) fn grow_journal(db: &Connection, pages: u32) -> Result<(), SchemaError> {
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let bytes = page * i64::from(pages);
    // The table of a start that was cut off is used again.
    db.execute_batch("BEGIN; CREATE TABLE IF NOT EXISTS spare (bytes BLOB NOT NULL) STRICT")?;
    db.execute("INSERT INTO spare VALUES (zeroblob(?1))", [bytes])?;
    db.execute_batch("COMMIT; DROP TABLE spare; PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(())
}

/// Brings the database to the newest version and tells its generation, which is `new` where the
/// database is.
pub(super) fn migrate(db: &Connection, new: Generation) -> Result<Generation, SchemaError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len();
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    if done > known {
        return Err(SchemaError::Newer { found, known });
    }
    let transaction = db.unchecked_transaction()?;
    for (version, migration) in (1i64..).zip(MIGRATIONS).skip(done) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    let generation = transaction
        .query_row("SELECT generation FROM relay", [], |row| row.get(0))
        .optional()?;
    let generation = match generation {
        Some(bytes) => Generation(bytes),
        None if done == 0 => {
            transaction.execute("INSERT INTO relay (generation) VALUES (?1)", [new.0])?;
            new
        }
        None => return Err(SchemaError::Damaged("it has no generation")),
    };
    transaction.commit()?;
    Ok(generation)
}

/// Refuses a database of another version than the newest, for whoever does not bring it up to date.
pub(super) fn refuse_other(db: &Connection) -> Result<(), SchemaError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len();
    match usize::try_from(found) {
        Ok(done) if done == known => Ok(()),
        Ok(done) if done < known => Err(SchemaError::Older { found }),
        _ => Err(SchemaError::Newer { found, known }),
    }
}

/// Checks a database that was put back from a backup and gives it another generation. Tells how many
/// spaces and entries it has.
pub(super) fn renew(db: &Connection, new: Generation) -> Result<(u64, u64), SchemaError> {
    let sound: String = db.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if sound != "ok" {
        return Err(SchemaError::Damaged("the backup cannot be read whole"));
    }
    migrate(db, new)?;
    db.execute("UPDATE relay SET generation = ?1", [new.0])?;
    let count = |table| -> rusqlite::Result<u64> {
        let query = format!("SELECT count(*) FROM {table}");
        let rows: i64 = db.query_row(&query, [], |row| row.get(0))?;
        Ok(u64::try_from(rows).unwrap_or_default())
    };
    Ok((count("space")?, count("entry")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the power goes, entries would otherwise be gone that every phone has ticked off.
    #[test]
    fn a_commit_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_for_writing(&directory.path().join(DATABASE)).unwrap();
        migrate(&db, Generation([1; 16])).unwrap();
        grow_journal(&db, 16).unwrap();
        let asked = |name| {
            db.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        // With less than 2, FULL, a commit to a write-ahead log waits for no disk.
        assert_eq!(asked("synchronous"), 2);
    }

    /// A crash at the wrong moment of a start must not be the end of a relay.
    #[test]
    fn a_start_that_was_cut_off_can_be_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_for_writing(&directory.path().join(DATABASE)).unwrap();
        migrate(&db, Generation([1; 16])).unwrap();
        db.execute_batch("CREATE TABLE spare (bytes BLOB NOT NULL) STRICT")
            .unwrap();
        for _ in 0..2 {
            grow_journal(&db, 16).unwrap();
            assert!(!db.table_exists(None, "spare").unwrap());
        }
    }

    /// A relay that is brought up to date must go on to hand out the keys that it keeps, and drop
    /// them when their time has come.
    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_for_writing(&directory.path().join(DATABASE)).unwrap();
        db.execute_batch(MIGRATIONS[0]).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        let generation = Generation([1; 16]);
        db.execute("INSERT INTO relay VALUES (?1)", [generation.0])
            .unwrap();
        for length in [1_168, 1_216] {
            let keep = "INSERT INTO attachment VALUES (1, randomblob(32), zeroblob(?1))";
            db.execute(keep, [length]).unwrap();
        }
        assert_eq!(migrate(&db, Generation([2; 16])).unwrap(), generation);
        let mut statement = db
            .prepare("SELECT length(bytes), named FROM attachment ORDER BY 1")
            .unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let rows: Vec<(i64, Option<i64>)> = rows.map(Result::unwrap).collect();
        assert_eq!(rows, [(1_168, Some(0)), (1_216, None)]);
        assert!(db.table_exists(None, "mailbox").unwrap());
    }

    /// Logs of before have to be read to their first entry, as they were.
    #[test]
    fn a_database_of_the_second_version_has_dropped_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_for_writing(&directory.path().join(DATABASE)).unwrap();
        for migration in &MIGRATIONS[..2] {
            db.execute_batch(migration).unwrap();
        }
        db.pragma_update(None, "user_version", 2).unwrap();
        let generation = Generation([1; 16]);
        db.execute("INSERT INTO relay VALUES (?1)", [generation.0])
            .unwrap();
        db.execute_batch(
            "INSERT INTO space VALUES (1, randomblob(32), 388);
             INSERT INTO entry VALUES (1 << 32 | 1, 1 << 16, 0, randomblob(32), randomblob(32),
                                       randomblob(388))",
        )
        .unwrap();
        assert_eq!(migrate(&db, Generation([2; 16])).unwrap(), generation);
        let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(one("SELECT dropped FROM space"), 0);
        assert_eq!(one("SELECT length(bytes) FROM entry"), 388);
        for table in ["checkpoint", "confirmation", "snapshot"] {
            assert!(db.table_exists(None, table).unwrap());
        }
    }

    /// An older relay would misread what a newer one wrote, and lose entries.
    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DATABASE);
        let db = open_for_writing(&path).unwrap();
        let first = Generation([1; 16]);
        assert_eq!(migrate(&db, first).unwrap(), first);
        // A second start keeps the history.
        assert_eq!(migrate(&db, Generation([2; 16])).unwrap(), first);
        db.pragma_update(None, "user_version", 99).unwrap();
        let refused = migrate(&db, Generation([3; 16])).unwrap_err();
        assert!(matches!(
            refused,
            SchemaError::Newer { found: 99, known } if known == MIGRATIONS.len()
        ));
    }

    /// Devices would take a relay that was honestly restored for one that tells two stories.
    #[test]
    fn a_restored_database_is_another_history_with_the_same_entries() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DATABASE);
        let db = open_for_writing(&path).unwrap();
        // A backup that an older relay has made.
        db.execute_batch(MIGRATIONS[0]).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        db.execute("INSERT INTO relay VALUES (?1)", [[1; 16]])
            .unwrap();
        db.execute("INSERT INTO space VALUES (1, randomblob(32), 0)", [])
            .unwrap();
        let new = Generation([2; 16]);
        assert_eq!(renew(&db, new).unwrap(), (1, 0));
        assert_eq!(migrate(&db, Generation([3; 16])).unwrap(), new);
        drop(db);
        // What is cut off is not served as if it were all.
        let length = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length / 2).unwrap();
        let db = Connection::open(&path).unwrap();
        assert!(renew(&db, Generation([4; 16])).is_err());
    }
}

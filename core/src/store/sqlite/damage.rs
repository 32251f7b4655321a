//! Tests with files that are not what was written: flipped bytes, torn logs, cut and foreign files.
//!
//! What must hold: no read gives a value that was not committed there, nothing panics, and what
//! vanished is found by [`Store::verify`].

use std::fs;

use super::tests::{Home, STORAGE_KEY, put};
use super::{Salvaged, SqliteStore};
use crate::crypto::SeededEntropy;
use crate::store::{Store, StoreError, Table, Transaction};

const TABLES: [Table; 2] = [Table::Change, Table::Document];
const ROWS: u16 = 120;

/// Random keys as the real ones, so that order and place say nothing.
fn row(table: Table, number: u16) -> (Vec<u8>, Vec<u8>) {
    let hash = ring::digest::digest(
        &ring::digest::SHA256,
        &[&[table.code()][..], &number.to_be_bytes()].concat(),
    );
    let len = if number.is_multiple_of(40) {
        6_000
    } else {
        200
    };
    (
        hash.as_ref()[..16].to_vec(),
        vec![number.to_be_bytes()[1]; len],
    )
}

/// A sound, closed database, and its bytes.
fn sound() -> Vec<u8> {
    let home = Home::new();
    let mut store = home.store().unwrap();
    let mut transaction = Transaction::new();
    for table in TABLES {
        for (key, value) in (0..ROWS).map(|number| row(table, number)) {
            transaction.put(table, key, value);
        }
    }
    store.commit(transaction.take()).unwrap();
    Box::new(store).close().unwrap();
    fs::read(home.file()).unwrap()
}

/// What reading everything found: how many rows were missing.
fn read_all(store: &SqliteStore, what: &str) -> usize {
    let mut missing = 0;
    for table in TABLES {
        for (key, value) in (0..ROWS).map(|number| row(table, number)) {
            match store.get(table, &key) {
                Ok(Some(read)) => assert!(read == value, "{what}: a wrong value"),
                Ok(None) => missing += 1,
                Err(StoreError::Damaged { .. }) => {}
                Err(other) => panic!("{what}: {other}"),
            }
        }
        match store.scan(table, b"", None, usize::MAX) {
            Ok(rows) => {
                let expected: Vec<_> = (0..ROWS).map(|number| row(table, number)).collect();
                assert!(
                    rows.iter().all(|row| expected.contains(row)),
                    "{what}: a wrong row"
                );
                missing += expected.len().saturating_sub(rows.len());
            }
            Err(StoreError::Damaged { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
    }
    missing
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// The database did not open.
    Refused,
    /// Rows were missing, and `verify` said so.
    Vanished,
    /// Every row was right or refused.
    Read,
}

fn open_damaged(bytes: &[u8], what: &str, in_header: bool) -> Outcome {
    let home = Home::new();
    fs::write(home.file(), bytes).unwrap();
    let mut store = match home.store() {
        Ok(store) => store,
        Err(StoreError::Damaged { .. }) => return Outcome::Refused,
        // The header says itself which format it has and whether it may be written.
        Err(StoreError::NewerFormat { .. } | StoreError::ReadOnly { .. }) if in_header => {
            return Outcome::Refused;
        }
        Err(other) => panic!("{what}: {other}"),
    };
    let missing = read_all(&store, what);
    if missing > 0 {
        let verdict = store.verify();
        assert!(
            matches!(verdict, Err(StoreError::Damaged { .. })),
            "{what}: {verdict:?}"
        );
    }
    match store.commit(put(Table::Change, "new", "value")) {
        Ok(()) | Err(StoreError::Damaged { .. }) => {}
        Err(other) => panic!("{what}: {other}"),
    }
    if missing > 0 {
        Outcome::Vanished
    } else {
        Outcome::Read
    }
}

#[test]
fn a_flipped_byte_never_gives_a_wrong_value() {
    let sound = sound();
    let places = (0..100).chain((100..sound.len()).step_by(227));
    let outcomes: Vec<_> = places
        .enumerate()
        .map(|(count, place)| {
            let mut bytes = sound.clone();
            bytes[place] ^= [0x01, 0x80, 0xff, 0x10][count % 4];
            open_damaged(&bytes, &format!("byte {place}"), place < 100)
        })
        .collect();
    for outcome in [Outcome::Refused, Outcome::Vanished, Outcome::Read] {
        assert!(outcomes.contains(&outcome), "no byte was {outcome:?}");
    }
}

fn salvage(home: &Home) -> Result<Salvaged, StoreError> {
    SqliteStore::salvage(home.path(), &STORAGE_KEY, SeededEntropy::new([8; 32]))
}

/// One sector would otherwise take the rows of all the others with it.
#[test]
fn a_rebuilt_file_has_every_row_but_those_of_the_lost_page_and_names_their_tables() {
    let sound = sound();
    let mut whole = 0;
    for page in 0..sound.len() / 4_096 {
        let home = Home::new();
        let mut bytes = sound.clone();
        bytes[page * 4_096..][..4_096].fill(0x5a);
        fs::write(home.file(), &bytes).unwrap();
        let salvaged = match salvage(&home) {
            Ok(salvaged) => salvaged,
            // The page with the salt: nothing can be opened.
            Err(StoreError::Damaged { .. }) => {
                assert!(page == 1, "page {page}");
                assert_eq!(fs::read(home.file()).unwrap(), bytes, "it is as it was");
                continue;
            }
            Err(other) => panic!("page {page}: {other}"),
        };
        let mut store = home.store().unwrap();
        assert_eq!(store.verify(), Ok(()), "page {page}");
        read_all(&store, &format!("page {page}"));
        let told = |table: Table| {
            let mut tables = salvaged.tables.iter();
            tables.any(|told| told.table == table && (told.broken || !told.lost.is_empty()))
        };
        for table in TABLES {
            let rows = store.scan(table, b"", None, usize::MAX).unwrap();
            assert!(
                rows.len() == usize::from(ROWS) || told(table),
                "page {page}: {table:?}"
            );
        }
        whole += usize::from(salvaged.is_whole());
        store.commit(put(Table::Change, "new", "value")).unwrap();
        drop(store);
        let kept = home.path().join("waymark.sqlite.damaged");
        assert_eq!(fs::read(&kept).unwrap(), bytes);
        SqliteStore::remove_damaged(home.path()).unwrap();
        assert!(!kept.exists());
    }
    assert!(whole > 0, "the first page says nothing that is not known");
}

/// A bit of the salt would otherwise be the end of everything that is sealed under it.
#[test]
fn a_flipped_bit_of_what_the_key_is_made_from_is_put_right() {
    for column in ["salt", "key_check", "checksum"] {
        let home = Home::new();
        fs::write(home.file(), sound()).unwrap();
        let raw = rusqlite::Connection::open(home.file()).unwrap();
        let sql = format!("SELECT {column} FROM keyring");
        let mut bytes: Vec<u8> = raw.query_row(&sql, (), |row| row.get(0)).unwrap();
        bytes[7] ^= 0x20;
        let sql = format!("UPDATE keyring SET {column} = ?1");
        raw.execute(&sql, [bytes]).unwrap();
        drop(raw);
        assert!(
            matches!(home.store(), Err(StoreError::Damaged { .. })),
            "{column}"
        );
        let wrong = SqliteStore::salvage(home.path(), &[1; 32], SeededEntropy::new([8; 32]));
        assert!(wrong.is_err(), "{column}: another key");
        assert!(salvage(&home).unwrap().is_whole(), "{column}");
        assert_eq!(read_all(&home.store().unwrap(), column), 0);
    }
}

/// A phone that dies while the rebuilt file takes the old one's place: what stood in the old one's log
/// must not be read into the new file.
#[test]
fn a_rebuilt_file_that_has_not_got_its_name_yet_gets_it_at_the_next_open() {
    let home = Home::new();
    let mut store = home.store().unwrap();
    store.commit(put(Table::Meta, "a", "old")).unwrap();
    // As a killed process leaves them: the store is still open.
    let (file, log) = (
        fs::read(home.file()).unwrap(),
        fs::read(home.log()).unwrap(),
    );
    assert!(!log.is_empty());
    drop(store);
    let mut store = home.store().unwrap();
    store.commit(put(Table::Meta, "a", "new")).unwrap();
    drop(store);
    let whole = home.path().join("waymark.sqlite.whole");
    fs::rename(home.file(), &whole).unwrap();
    fs::write(home.file(), file).unwrap();
    fs::write(home.log(), log).unwrap();
    let store = home.store().unwrap();
    assert_eq!(store.get(Table::Meta, b"a").unwrap().unwrap(), b"new");
    assert_eq!(store.verify(), Ok(()));
    assert!(!whole.exists());
}

/// The beginning of a page holds what the page is and how many rows it has.
#[test]
fn a_damaged_page_header_never_gives_a_wrong_value() {
    let sound = sound();
    for page in 0..sound.len() / 4_096 {
        for byte in 0..14 {
            let place = page * 4_096 + byte + if page == 0 { 100 } else { 0 };
            let mut bytes = sound.clone();
            bytes[place] ^= 1 << (byte % 8);
            open_damaged(&bytes, &format!("page {page} byte {byte}"), false);
        }
    }
}

/// A page that was lost, or an older one in its place, is what a failing flash leaves.
#[test]
fn exchanged_and_blank_pages_never_give_a_wrong_value() {
    let sound = sound();
    let pages = sound.len() / 4_096;
    for page in 0..pages {
        let mut blank = sound.clone();
        blank[page * 4_096..][..4_096].fill(0);
        open_damaged(&blank, &format!("page {page} blank"), page == 0);
        let other = (page + 7) % pages;
        let mut exchanged = sound.clone();
        exchanged.copy_within(other * 4_096..(other + 1) * 4_096, page * 4_096);
        open_damaged(&exchanged, &format!("page {other} at {page}"), page == 0);
    }
}

/// An empty or cut file must not pass for a new phone.
#[test]
fn a_cut_file_is_damaged_and_never_new() {
    let sound = sound();
    let pages = sound.len() / 4_096;
    let lengths = (0..pages).flat_map(|page| [page * 4_096, page * 4_096 + 1_000]);
    for len in lengths.chain([1, 99, 100]) {
        let home = Home::new();
        fs::write(home.file(), &sound[..len]).unwrap();
        let what = format!("{len} bytes");
        match home.store() {
            Err(StoreError::Damaged { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
            Ok(store) => {
                read_all(&store, &what);
                let verdict = store.verify();
                assert!(matches!(verdict, Err(StoreError::Damaged { .. })), "{what}");
            }
        }
    }
}

#[test]
fn a_foreign_file_and_a_log_without_a_file_are_damaged() {
    let home = Home::new();
    fs::write(home.file(), b"this is no database".repeat(1_000)).unwrap();
    assert!(matches!(home.store(), Err(StoreError::Damaged { .. })));

    let home = Home::new();
    let foreign = rusqlite::Connection::open(home.file()).unwrap();
    foreign
        .execute_batch("CREATE TABLE change (key, value)")
        .unwrap();
    drop(foreign);
    assert!(matches!(home.store(), Err(StoreError::Damaged { .. })));

    let home = Home::new();
    fs::write(home.log(), b"what is left of a database").unwrap();
    assert!(matches!(home.store(), Err(StoreError::Damaged { .. })));
    assert!(!home.file().exists());
}

/// A phone that dies while the log is written: every commit is there whole or not at all, and none
/// without those before it. A log that is cut behind a commit's end has lost nothing of it.
#[test]
fn a_torn_or_flipped_log_leaves_a_beginning_of_the_commits() {
    let home = Home::new();
    let mut store = home.store().unwrap();
    let mut ends = Vec::new();
    for number in 0..12_u8 {
        let mut transaction = Transaction::new();
        transaction.put(Table::Outbox, [number], [number; 300]).put(
            Table::Meta,
            "counter",
            [number],
        );
        store.commit(transaction.take()).unwrap();
        ends.push(fs::metadata(home.log()).unwrap().len());
    }
    // As a killed process leaves them: the store is still open.
    let (file, log) = (
        fs::read(home.file()).unwrap(),
        fs::read(home.log()).unwrap(),
    );

    let survivors = |log: &[u8]| {
        let home = Home::new();
        fs::write(home.file(), &file).unwrap();
        fs::write(home.log(), log).unwrap();
        let store = home.store().unwrap();
        assert_eq!(store.verify(), Ok(()));
        let rows = store.scan(Table::Outbox, b"", None, 99).unwrap();
        let expected: Vec<_> = (0..12)
            .map(|number| (vec![number], vec![number; 300]))
            .take(rows.len())
            .collect();
        assert_eq!(rows, expected, "a beginning, whole");
        let counter = store.get(Table::Meta, b"counter").unwrap();
        let last = rows.last().map(|(key, _)| key.clone());
        assert_eq!(counter, last, "both rows of a commit or none");
        rows.len()
    };
    assert_eq!(survivors(&log), 12);
    for len in (0..log.len()).step_by(509) {
        let durable = ends.iter().filter(|end| **end <= len as u64).count();
        assert!(survivors(&log[..len]) >= durable, "cut at {len}");
    }
    for place in (0..log.len()).step_by(613) {
        let mut flipped = log.clone();
        flipped[place] ^= 0x04;
        survivors(&flipped);
    }
}

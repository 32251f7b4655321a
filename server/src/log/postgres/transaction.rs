//! A transaction on a connection. What is written again and again, entries and the ends of logs, is
//! collected and sent at once: before the next statement that could see it, and before the end.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{EntryId, SpaceId};

use super::rows::{bound, cursor, first, fixed, unsigned};
use super::session::{Bound, Session};
use crate::log::rows::{Fault, SpaceNumber};

/// A connection, and what its transaction has locked and not yet sent.
#[derive(Debug)]
pub(crate) struct PostgresRows {
    session: Session,
    turn: RefCell<Turn>,
}

/// What a transaction holds.
#[derive(Debug, Default)]
struct Turn {
    /// The spaces that were asked for, locked where they are there.
    locked: HashMap<SpaceId, Option<SpaceNumber>>,
    ends: HashMap<SpaceNumber, End>,
    entries: Vec<Unsent>,
}

/// The end of a locked space's log.
#[derive(Debug)]
struct End {
    at: Cursor,
    held: Held,
    /// What the space takes more since the transaction began, or less.
    bytes: i64,
    has_moved: bool,
}

impl End {
    const fn at(at: Cursor, held: Held) -> Self {
        Self {
            at,
            held,
            bytes: 0,
            has_moved: false,
        }
    }
}

/// What the row of a locked space says of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// What it took when it was locked.
    pub(super) bytes: u64,
    /// Up to where entries may be gone.
    pub(super) dropped: u64,
}

const LOCK: &str = "SELECT id, number, head, chain, bytes, dropped FROM space
     WHERE id = ANY($1) ORDER BY id FOR UPDATE";
const PUT: &str = "INSERT INTO entry (space, seq, device, counter, id, chain, bytes)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                          $5::bytea[], $6::bytea[], $7::bytea[])";
const MOVE: &str =
    "UPDATE space SET head = new.head, chain = new.chain, bytes = space.bytes + new.bytes
     FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[])
          AS new (number, head, chain, bytes)
     WHERE space.number = new.number";
const NOT_LOCKED: Fault = Fault::Damaged("a space is written to that is not locked");

/// An entry that is not sent yet.
#[derive(Debug)]
struct Unsent {
    space: i64,
    seq: i64,
    device: i64,
    counter: i64,
    id: EntryId,
    chain: Chain,
    bytes: Vec<u8>,
}

/// Entries by column, as a statement takes them.
struct Columns<'e> {
    numbers: [Vec<i64>; 4],
    bytes: [Vec<&'e [u8]>; 3],
}

impl<'e> Columns<'e> {
    fn of(entries: &'e [Unsent]) -> Self {
        let numbers = |of: fn(&Unsent) -> i64| entries.iter().map(of).collect();
        let bytes = |of: fn(&Unsent) -> &[u8]| entries.iter().map(of).collect();
        Self {
            numbers: [
                numbers(|entry| entry.space),
                numbers(|entry| entry.seq),
                numbers(|entry| entry.device),
                numbers(|entry| entry.counter),
            ],
            bytes: [
                bytes(|entry| &entry.id.0[..]),
                bytes(|entry| &entry.chain.0[..]),
                bytes(|entry| &entry.bytes[..]),
            ],
        }
    }

    fn bound(&self) -> [&(dyn ToSql + Sync); 7] {
        let [space, seq, device, counter] = &self.numbers;
        let [id, chain, bytes] = &self.bytes;
        [space, seq, device, counter, id, chain, bytes]
    }
}

impl PostgresRows {
    /// A connection in no transaction.
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            turn: RefCell::default(),
        }
    }

    /// Whether nothing more can be asked.
    pub(super) fn is_broken(&self) -> bool {
        self.session.is_broken()
    }

    /// Begins to read at one moment.
    pub(super) fn begin_reading(&self) -> Result<(), Fault> {
        self.session
            .batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    /// Begins to write, with these spaces locked as far as they are there, in this order. Every
    /// statement sees what was committed before it began: after a lock, all that its holder wrote.
    pub(super) fn begin_writing(&self, spaces: &[SpaceId]) -> Result<(), Fault> {
        *self.turn.borrow_mut() = Turn::default();
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        if spaces.is_empty() {
            return self.session.batch(begin);
        }
        let ids: Vec<&[u8]> = spaces.iter().map(|space| &space.0[..]).collect();
        let found = self.session.begin_with(begin, (LOCK, &[&ids]))?;
        self.hold_all(spaces, &found)
    }

    /// Sends what was not sent, and commits.
    pub(super) fn commit(&self) -> Result<(), Fault> {
        let turn = std::mem::take(&mut *self.turn.borrow_mut());
        let entries = Columns::of(&turn.entries);
        let entries = entries.bound();
        let moved = turn.ends.iter();
        let moved: Vec<_> = moved
            .filter(|(_, end)| end.has_moved || end.bytes != 0)
            .collect();
        let numbers: Vec<i64> = moved.iter().map(|(number, _)| number.0).collect();
        let heads: Vec<i64> = moved.iter().map(|(_, end)| bound(end.at.seq)).collect();
        let chains: Vec<&[u8]> = moved.iter().map(|(_, end)| &end.at.chain.0[..]).collect();
        let bytes: Vec<i64> = moved.iter().map(|(_, end)| end.bytes).collect();
        let ends: &Bound<'_> = &[&numbers, &heads, &chains, &bytes];
        let mut statements: Vec<(&'static str, &Bound<'_>)> = Vec::new();
        if !turn.entries.is_empty() {
            statements.push((PUT, &entries));
        }
        if !moved.is_empty() {
            statements.push((MOVE, ends));
        }
        self.session.commit_with(&statements)
    }

    /// Ends a transaction that came to nothing, or has only read.
    pub(super) fn roll_back(&self) -> Result<(), Fault> {
        *self.turn.borrow_mut() = Turn::default();
        self.session.batch("ROLLBACK")
    }

    /// The end of a space's log at the moment when it was locked, or after what was put there since.
    pub(super) fn end_of(&self, space: &SpaceId) -> Option<Cursor> {
        self.end(self.locked(space).flatten()?)
    }

    /// The newest membership entry of a locked space.
    pub(super) fn membership_head(&self, space: &SpaceId) -> Result<Option<EntryId>, Fault> {
        let Some(number) = self.locked(space).flatten() else {
            return Ok(None);
        };
        let found = self.row(
            "SELECT entry.id FROM membership
             JOIN entry ON entry.space = membership.space AND entry.seq = membership.seq
             WHERE membership.space = $1 ORDER BY membership.height DESC LIMIT 1",
            &[&number.0],
        )?;
        first(found, |row| Ok(EntryId(fixed(row.try_get(0)?)?)))
    }

    /// Locks these spaces, as far as they are there.
    pub(super) fn lock_all(&self, spaces: &[SpaceId]) -> Result<(), Fault> {
        if spaces.is_empty() {
            return Ok(());
        }
        let ids: Vec<&[u8]> = spaces.iter().map(|space| &space.0[..]).collect();
        let found = self.query(LOCK, &[&ids])?;
        self.hold_all(spaces, &found)
    }

    /// Takes what was asked for and what was found and locked of it.
    fn hold_all(&self, spaces: &[SpaceId], found: &[Row]) -> Result<(), Fault> {
        let mut turn = self.turn.borrow_mut();
        turn.locked
            .extend(spaces.iter().map(|space| (*space, None)));
        for row in found {
            let number = SpaceNumber(row.try_get(1)?);
            turn.locked
                .insert(SpaceId(fixed(row.try_get(0)?)?), Some(number));
            let held = Held {
                bytes: unsigned(row.try_get(4)?)?,
                dropped: unsigned(row.try_get(5)?)?,
            };
            turn.ends.insert(number, End::at(cursor(row, 2)?, held));
        }
        Ok(())
    }

    /// The rows of a statement.
    pub(super) fn query(&self, sql: &'static str, bound: &Bound<'_>) -> Result<Vec<Row>, Fault> {
        self.send_entries()?;
        self.session.query(sql, bound)
    }

    /// The only row of a statement, where there is one.
    pub(super) fn row(&self, sql: &'static str, bound: &Bound<'_>) -> Result<Option<Row>, Fault> {
        self.send_entries()?;
        self.session.row(sql, bound)
    }

    /// How many rows a statement changed.
    pub(super) fn execute(&self, sql: &'static str, bound: &Bound<'_>) -> Result<u64, Fault> {
        self.send_entries()?;
        self.session.execute(sql, bound)
    }

    fn send_entries(&self) -> Result<(), Fault> {
        let unsent = std::mem::take(&mut self.turn.borrow_mut().entries);
        if unsent.is_empty() {
            return Ok(());
        }
        self.session.execute(PUT, &Columns::of(&unsent).bound())?;
        Ok(())
    }

    /// Whether a space is there, where this transaction has asked for its lock.
    pub(super) fn locked(&self, space: &SpaceId) -> Option<Option<SpaceNumber>> {
        self.turn.borrow().locked.get(space).copied()
    }

    /// The end of a locked space's log.
    pub(super) fn end(&self, number: SpaceNumber) -> Option<Cursor> {
        self.turn.borrow().ends.get(&number).map(|end| end.at)
    }

    /// What a locked space held when it was locked.
    pub(super) fn held_by(&self, number: SpaceNumber) -> Option<Held> {
        self.turn.borrow().ends.get(&number).map(|end| end.held)
    }

    /// Notes up to where entries of a locked space may be gone from now on.
    pub(super) fn note_dropped(&self, number: SpaceNumber, seq: u64) {
        if let Some(end) = self.turn.borrow_mut().ends.get_mut(&number) {
            end.held.dropped = seq;
        }
    }

    /// Holds a space that this transaction has made.
    pub(super) fn hold(&self, space: &SpaceId, number: SpaceNumber, at: Cursor) {
        let mut turn = self.turn.borrow_mut();
        turn.locked.insert(*space, Some(number));
        turn.ends.insert(number, End::at(at, Held::default()));
    }

    /// Has a locked space take more bytes, or less.
    pub(super) fn grow(&self, number: SpaceNumber, bytes: i64) -> Result<(), Fault> {
        let mut turn = self.turn.borrow_mut();
        let end = turn.ends.get_mut(&number);
        end.ok_or(NOT_LOCKED)?.bytes += bytes;
        Ok(())
    }

    /// Puts an entry at the end of a locked space's log.
    pub(super) fn put(
        &self,
        number: SpaceNumber,
        at: &Cursor,
        entry: &Entry,
        id: &EntryId,
    ) -> Result<(), Fault> {
        let mut turn = self.turn.borrow_mut();
        let end = turn.ends.get_mut(&number).ok_or(NOT_LOCKED)?;
        end.at = *at;
        end.has_moved = true;
        let header = entry.header();
        turn.entries.push(Unsent {
            space: number.0,
            seq: bound(at.seq),
            device: i64::from(header.device.0),
            counter: i64::from(header.counter),
            id: *id,
            chain: at.chain,
            bytes: entry.bytes().to_vec(),
        });
        Ok(())
    }
}

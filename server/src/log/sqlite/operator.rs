//! What an operator asks, over a connection that only reads.

use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, Row, params};
use waymark_wire::ids::SpaceId;

use super::readers;
use super::rows::{bound, seq};
use super::schema::{self, DATABASE, SchemaError};
use crate::log::Day;
use crate::log::looking::{Doubled, Look, OperatorRows, Totals, Unused};
use crate::log::rows::{Fault, SpaceNumber};

/// How many of its findings SQLite tells.
const FINDINGS: usize = 20;

/// A connection to the database in a directory, beside the relay that may run on it.
pub(crate) struct SqliteLook(Connection);

impl SqliteLook {
    /// Opens the database, which has to be there.
    ///
    /// # Errors
    /// [`SchemaError`] where it cannot be opened, or is not of this relay's version.
    pub(crate) fn open(directory: &Path) -> Result<Self, SchemaError> {
        let path = directory.join(DATABASE);
        if !path.is_file() {
            return Err(SchemaError::Damaged("there is none"));
        }
        let db = readers::open(&path)?;
        schema::refuse_other(&db)?;
        Ok(Self(db))
    }
}

impl SqliteLook {
    /// Copies the database as of one moment into an empty file, without what was dropped from it.
    pub(crate) fn copy_to(&self, file: &Path) -> Result<(), Fault> {
        let file = file
            .to_str()
            .ok_or_else(|| Fault::Engine("the path is no text".into()))?;
        self.0.execute("VACUUM INTO ?1", [file])?;
        Ok(())
    }
}

impl Look for SqliteLook {
    type Rows = Connection;

    fn at_one_moment<T>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        readers::at_one_moment(&self.0, f)
    }

    fn structure(&self) -> Result<Vec<String>, Fault> {
        let check = format!("PRAGMA integrity_check({FINDINGS})");
        let mut statement = self.0.prepare(&check)?;
        let lines = statement.query_map([], |row| row.get(0));
        let lines: Result<Vec<String>, _> = lines.and_then(Iterator::collect);
        match lines.map_err(Fault::from) {
            Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
            Err(fault) if Self::is_damage(&fault) => Ok(vec![fault.to_string()]),
            Err(fault) => Err(fault),
        }
    }

    fn is_damage(fault: &Fault) -> bool {
        let Fault::Engine(error) = fault else {
            return true;
        };
        match error.downcast_ref::<Error>() {
            Some(Error::SqliteFailure(error, _)) => matches!(
                error.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ),
            // A column holds what nobody put there.
            Some(
                Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..),
            ) => true,
            _ => false,
        }
    }
}

impl OperatorRows for Connection {
    fn spaces(
        &self,
        after: Option<&SpaceId>,
        most: usize,
    ) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault> {
        // The empty text stands before every id.
        let after = after.map_or(&[][..], |space| &space.0[..]);
        let mut statement = self.prepare_cached(
            "SELECT id, number FROM space WHERE id > ?1 AND used >= 0 ORDER BY id LIMIT ?2",
        )?;
        let spaces = statement.query_map(params![after, bound(most)], space)?;
        Ok(spaces.collect::<Result<_, _>>()?)
    }

    fn doubled(&self, number: SpaceNumber, most: usize) -> Result<Vec<Doubled>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT min(place), max(place) FROM entry WHERE place > ?1 AND place <= ?2
             GROUP BY id HAVING count(*) > 1 LIMIT ?3",
        )?;
        let range = [number.place(0), number.place(u64::MAX), bound(most)];
        let doubled = statement.query_map(range, |row| {
            Ok(Doubled {
                first: seq(row.get(0)?),
                last: seq(row.get(1)?),
            })
        })?;
        Ok(doubled.collect::<Result<_, _>>()?)
    }

    fn totals(&self) -> Result<Totals, Fault> {
        let count = |sql: &str| -> rusqlite::Result<u64> {
            self.query_row(sql, [], |row| row.get::<_, i64>(0))
                .map(|count| u64::try_from(count).unwrap_or(0))
        };
        let moment = |sql: &str| self.query_row(sql, [], |row| row.get(0));
        Ok(Totals {
            spaces: count("SELECT count(*) FROM space WHERE used >= 0")?,
            entries: count("SELECT count(*) FROM entry")?,
            bytes: count("SELECT coalesce(sum(bytes), 0) FROM space")?,
            mailboxes: count("SELECT count(*) FROM mailbox")?,
            mail_bytes: count("SELECT coalesce(sum(length(bytes)), 0) FROM mail")?,
            first_end: moment("SELECT min(ends) FROM mailbox")?,
            first_due: moment("SELECT min(due) FROM checkpoint WHERE due IS NOT NULL")?,
        })
    }

    fn largest(&self, most: usize) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT id, number FROM space WHERE used >= 0 ORDER BY bytes DESC, id LIMIT ?1",
        )?;
        let spaces = statement.query_map([bound(most)], space)?;
        Ok(spaces.collect::<Result<_, _>>()?)
    }

    fn due_now(&self, now: i64) -> Result<(u64, u64), Fault> {
        let count = |sql: &str| -> rusqlite::Result<u64> {
            self.query_row(sql, [now], |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        };
        Ok((
            count("SELECT count(*) FROM mailbox WHERE ends <= ?1")?,
            count("SELECT count(*) FROM checkpoint WHERE due <= ?1")?,
        ))
    }

    fn unused_since(&self, since: Day) -> Result<Unused, Fault> {
        let unused = self.query_row(
            "SELECT count(*) FILTER (WHERE used BETWEEN 1 AND ?1 - 1),
                    coalesce(sum(bytes) FILTER (WHERE used BETWEEN 1 AND ?1 - 1), 0),
                    count(*) FILTER (WHERE used = 0)
             FROM space",
            [since.0],
            |row| {
                Ok(Unused {
                    spaces: row.get::<_, i64>(0)?.unsigned_abs(),
                    bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                    unknown: row.get::<_, i64>(2)?.unsigned_abs(),
                })
            },
        )?;
        Ok(unused)
    }
}

fn space(row: &Row<'_>) -> rusqlite::Result<(SpaceId, SpaceNumber)> {
    Ok((SpaceId(row.get(0)?), SpaceNumber(row.get(1)?)))
}

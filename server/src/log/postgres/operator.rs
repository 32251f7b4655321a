//! What an operator asks, over a connection that only reads.

use tokio_postgres::{Config, Row};
use waymark_wire::ids::SpaceId;

use super::rows::{bound, fixed, unsigned};
use super::schema::{self, PostgresError};
use super::transaction::PostgresRows;
use crate::log::looking::{Doubled, Look, OperatorRows, Totals};
use crate::log::rows::{Fault, SpaceNumber};

/// A connection beside those of the nodes.
pub(crate) struct PostgresLook(PostgresRows);

impl PostgresLook {
    /// Connects to a database that holds a relay of this version.
    ///
    /// # Errors
    /// [`PostgresError`] where it cannot be reached, holds no relay or one of another version.
    pub(crate) fn open(config: &Config) -> Result<Self, PostgresError> {
        schema::refuse_other(config)?;
        super::connect(config)
            .map(Self)
            .map_err(|why| PostgresError::Lost(why.to_string()))
    }
}

impl Look for PostgresLook {
    type Rows = PostgresRows;

    fn at_one_moment<T>(
        &self,
        f: impl FnOnce(&PostgresRows) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.0.begin_reading()?;
        let read = f(&self.0);
        let ended = self.0.roll_back();
        read.and_then(|read| ended.map(|()| read))
    }

    /// PostgreSQL has tools of its own for that: `pg_amcheck`, and checksums of its pages.
    fn structure(&self) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }
}

impl OperatorRows for PostgresRows {
    fn spaces(
        &self,
        after: Option<&SpaceId>,
        most: usize,
    ) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault> {
        // The empty text stands before every id.
        let after = after.map_or(&[][..], |space| &space.0[..]);
        let spaces = self.query(
            "SELECT id, number FROM space WHERE id > $1 ORDER BY id LIMIT $2",
            &[&after, &bound(most)],
        )?;
        spaces.iter().map(space).collect()
    }

    fn doubled(&self, number: SpaceNumber, most: usize) -> Result<Vec<Doubled>, Fault> {
        let doubled = self.query(
            "SELECT min(seq), max(seq) FROM entry WHERE space = $1
             GROUP BY id HAVING count(*) > 1 LIMIT $2",
            &[&number.0, &bound(most)],
        )?;
        let places = |row: &Row| {
            Ok(Doubled {
                first: unsigned(row.try_get(0)?)?,
                last: unsigned(row.try_get(1)?)?,
            })
        };
        doubled.iter().map(places).collect()
    }

    fn totals(&self) -> Result<Totals, Fault> {
        // A sum of `bigint` is a `numeric`, which is not read here.
        let row = self.row(
            "SELECT (SELECT count(*) FROM space),
                    (SELECT coalesce(sum(head), 0)::bigint FROM space),
                    (SELECT coalesce(sum(bytes), 0)::bigint FROM space),
                    (SELECT count(*) FROM mailbox),
                    (SELECT coalesce(sum(octet_length(bytes)), 0)::bigint FROM mail),
                    (SELECT min(ends) FROM mailbox),
                    (SELECT min(due) FROM checkpoint WHERE due IS NOT NULL)",
            &[],
        )?;
        let row = row.ok_or(Fault::Damaged("nothing can be counted"))?;
        let count = |column: usize| unsigned(row.try_get(column)?);
        Ok(Totals {
            spaces: count(0)?,
            entries: count(1)?,
            bytes: count(2)?,
            mailboxes: count(3)?,
            mail_bytes: count(4)?,
            first_end: row.try_get(5)?,
            first_due: row.try_get(6)?,
        })
    }

    fn largest(&self, most: usize) -> Result<Vec<(SpaceId, SpaceNumber)>, Fault> {
        let spaces = self.query(
            "SELECT id, number FROM space ORDER BY bytes DESC, id LIMIT $1",
            &[&bound(most)],
        )?;
        spaces.iter().map(space).collect()
    }
}

fn space(row: &Row) -> Result<(SpaceId, SpaceNumber), Fault> {
    Ok((
        SpaceId(fixed(row.try_get(0)?)?),
        SpaceNumber(row.try_get(1)?),
    ))
}

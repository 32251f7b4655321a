//! What an operator asks, over a connection that only reads.

use tokio_postgres::Row;
use waymark_wire::ids::SpaceId;

use super::StoreAddress;
use super::rows::{bound, fixed, unsigned};
use super::schema::{self, PostgresError};
use super::transaction::PostgresRows;
use crate::log::Day;
use crate::log::looking::{Doubled, Look, OperatorRows, Totals, Unused};
use crate::log::rows::{Fault, SpaceNumber};

/// A connection beside those of the nodes.
pub(crate) struct PostgresLook(PostgresRows);

impl PostgresLook {
    /// Connects to a database that holds a relay of this version.
    ///
    /// # Errors
    /// [`PostgresError`] where it cannot be reached, holds no relay or one of another version.
    pub(crate) fn open(address: &StoreAddress) -> Result<Self, PostgresError> {
        schema::refuse_other(address)?;
        super::connect(address)
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
            "SELECT id, number FROM space WHERE id > $1 AND used >= 0 ORDER BY id LIMIT $2",
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
            "SELECT (SELECT count(*) FROM space WHERE used >= 0),
                    (SELECT coalesce(sum(head), 0)::bigint FROM space WHERE used >= 0),
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
            "SELECT id, number FROM space WHERE used >= 0 ORDER BY bytes DESC, id LIMIT $1",
            &[&bound(most)],
        )?;
        spaces.iter().map(space).collect()
    }

    fn due_now(&self, now: i64) -> Result<(u64, u64), Fault> {
        let row = self.row(
            "SELECT (SELECT count(*) FROM mailbox WHERE ends <= $1),
                    (SELECT count(*) FROM checkpoint WHERE due <= $1)",
            &[&now],
        )?;
        let row = row.ok_or(Fault::Damaged("nothing can be counted"))?;
        Ok((unsigned(row.try_get(0)?)?, unsigned(row.try_get(1)?)?))
    }

    fn unused_since(&self, since: Day) -> Result<Unused, Fault> {
        let row = self.row(
            "SELECT count(*) FILTER (WHERE used > 0 AND used < $1),
                    coalesce(sum(bytes) FILTER (WHERE used > 0 AND used < $1), 0)::bigint,
                    count(*) FILTER (WHERE used = 0)
             FROM space",
            &[&i64::from(since.0)],
        )?;
        let row = row.ok_or(Fault::Damaged("nothing can be counted"))?;
        let count = |column: usize| unsigned(row.try_get(column)?);
        Ok(Unused {
            spaces: count(0)?,
            bytes: count(1)?,
            unknown: count(2)?,
        })
    }
}

fn space(row: &Row) -> Result<(SpaceId, SpaceNumber), Fault> {
    Ok((
        SpaceId(fixed(row.try_get(0)?)?),
        SpaceNumber(row.try_get(1)?),
    ))
}

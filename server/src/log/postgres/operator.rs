//! What an operator asks, over a connection that only reads.

use tokio_postgres::Config;
use waymark_wire::ids::SpaceId;

use super::rows::{bound, fixed, unsigned};
use super::schema::{self, PostgresError};
use super::transaction::PostgresRows;
use crate::log::looking::{Doubled, Look, OperatorRows};
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
        let space = |row: &tokio_postgres::Row| {
            Ok((
                SpaceId(fixed(row.try_get(0)?)?),
                SpaceNumber(row.try_get(1)?),
            ))
        };
        spaces.iter().map(space).collect()
    }

    fn doubled(&self, number: SpaceNumber, most: usize) -> Result<Vec<Doubled>, Fault> {
        let doubled = self.query(
            "SELECT min(seq), max(seq) FROM entry WHERE space = $1
             GROUP BY id HAVING count(*) > 1 LIMIT $2",
            &[&number.0, &bound(most)],
        )?;
        let places = |row: &tokio_postgres::Row| {
            Ok(Doubled {
                first: unsigned(row.try_get(0)?)?,
                last: unsigned(row.try_get(1)?)?,
            })
        };
        doubled.iter().map(places).collect()
    }
}

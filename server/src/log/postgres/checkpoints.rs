//! The statements on checkpoints, confirmations and snapshots, and on what is dropped for them.

use tokio_postgres::types::ToSql;
use waymark_wire::ids::{EntryId, PersonTag, SpaceId};

use super::rows::{bound, first, fixed, unsigned};
use super::transaction::PostgresRows;
use crate::log::checkpoints::Standing;
use crate::log::rows::{CheckpointRows, Covered, Due, Fault, SpaceNumber};

impl PostgresRows {
    fn places(
        &self,
        sql: &'static str,
        number: SpaceNumber,
        bounds: &[i64],
    ) -> Result<Vec<u64>, Fault> {
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![&number.0];
        for bound in bounds {
            all.push(bound);
        }
        let rows = self.query(sql, &all)?;
        rows.iter().map(|row| unsigned(row.try_get(0)?)).collect()
    }
}

impl CheckpointRows for PostgresRows {
    fn insert_snapshot(&self, number: SpaceNumber, seq: u64, id: &EntryId) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO snapshot (space, seq, id) VALUES ($1, $2, $3)",
            &[&number.0, &bound(seq), &&id.0[..]],
        )?;
        Ok(())
    }

    fn insert_checkpoint(
        &self,
        number: SpaceNumber,
        seq: u64,
        id: &EntryId,
        reaches: u64,
        standing: &Standing,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO checkpoint (space, seq, id, reaches, publisher, agreed, due, hurries)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &number.0,
                &bound(seq),
                &&id.0[..],
                &bound(reaches),
                &&standing.publisher.0[..],
                &standing.agreed,
                &standing.due,
                &standing.hurries,
            ],
        )?;
        Ok(())
    }

    fn named(&self, number: SpaceNumber, id: &EntryId) -> Result<Option<u64>, Fault> {
        let found = self.query(
            "SELECT seq FROM snapshot WHERE space = $1 AND id = $2
             UNION ALL SELECT seq FROM checkpoint WHERE space = $1 AND id = $2",
            &[&number.0, &&id.0[..]],
        )?;
        first(found.into_iter().next(), |row| unsigned(row.try_get(0)?))
    }

    fn standing(
        &self,
        number: SpaceNumber,
        id: &EntryId,
    ) -> Result<Option<(u64, Standing)>, Fault> {
        let found = self.row(
            "SELECT seq, publisher, agreed, due, hurries FROM checkpoint
             WHERE space = $1 AND id = $2",
            &[&number.0, &&id.0[..]],
        )?;
        first(found, |row| {
            let standing = Standing {
                publisher: PersonTag(fixed(row.try_get(1)?)?),
                agreed: row.try_get(2)?,
                due: row.try_get(3)?,
                hurries: row.try_get(4)?,
            };
            Ok((unsigned(row.try_get(0)?)?, standing))
        })
    }

    fn set_standing(
        &self,
        number: SpaceNumber,
        seq: u64,
        standing: &Standing,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE checkpoint SET agreed = $3, due = $4 WHERE space = $1 AND seq = $2",
            &[&number.0, &bound(seq), &standing.agreed, &standing.due],
        )?;
        Ok(())
    }

    fn send_to_none(&self, number: SpaceNumber) -> Result<(), Fault> {
        self.execute(
            "UPDATE checkpoint SET agreed = NULL WHERE space = $1",
            &[&number.0],
        )?;
        Ok(())
    }

    fn insert_confirmation(
        &self,
        number: SpaceNumber,
        seq: u64,
        checkpoint: u64,
        person: PersonTag,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO confirmation (space, seq, checkpoint, person) VALUES ($1, $2, $3, $4)
             ON CONFLICT (space, checkpoint, person) DO NOTHING",
            &[&number.0, &bound(seq), &bound(checkpoint), &&person.0[..]],
        )?;
        Ok(())
    }

    fn confirmations(
        &self,
        number: SpaceNumber,
        checkpoint: u64,
        most: usize,
    ) -> Result<Vec<u64>, Fault> {
        self.places(
            "SELECT seq FROM confirmation WHERE space = $1 AND checkpoint = $2
             ORDER BY seq LIMIT $3",
            number,
            &[bound(checkpoint), bound(most)],
        )
    }

    fn best(&self, number: SpaceNumber, reaches: u64) -> Result<Option<u64>, Fault> {
        let best = self.places(
            "SELECT seq FROM checkpoint
             WHERE space = $1 AND reaches >= $2 AND (agreed IS NOT NULL OR is_begun)
             ORDER BY agreed IS NULL, reaches DESC, seq DESC LIMIT 1",
            number,
            &[bound(reaches)],
        )?;
        Ok(best.first().copied())
    }

    fn standing_from(&self, number: SpaceNumber, reaches: u64) -> Result<Vec<u64>, Fault> {
        self.places(
            "SELECT seq FROM checkpoint WHERE space = $1 AND reaches >= $2
             AND (agreed IS NOT NULL OR due IS NOT NULL OR is_begun)",
            number,
            &[bound(reaches)],
        )
    }

    fn due_space(&self, now: i64) -> Result<Option<SpaceId>, Fault> {
        let found = self.row(
            "SELECT space.id FROM checkpoint JOIN space ON space.number = checkpoint.space
             WHERE checkpoint.due <= $1
             ORDER BY checkpoint.due, checkpoint.space, checkpoint.seq LIMIT 1",
            &[&now],
        )?;
        first(found, |row| Ok(SpaceId(fixed(row.try_get(0)?)?)))
    }

    fn due(&self, number: SpaceNumber, now: i64) -> Result<Option<Due>, Fault> {
        let found = self.row(
            "SELECT seq, reaches, progress FROM checkpoint
             WHERE space = $1 AND due <= $2 ORDER BY due, seq LIMIT 1",
            &[&number.0, &now],
        )?;
        first(found, |row| {
            Ok(Due {
                number,
                seq: unsigned(row.try_get(0)?)?,
                reaches: unsigned(row.try_get(1)?)?,
                progress: unsigned(row.try_get(2)?)?,
            })
        })
    }

    fn covered(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        most: usize,
    ) -> Result<Vec<Covered>, Fault> {
        let rows = self.query(
            "SELECT seq, id, octet_length(bytes)::bigint, substr(bytes, 2, 1) FROM entry
             WHERE space = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
            &[&number.0, &bound(after), &bound(until), &bound(most)],
        )?;
        let covered = rows.iter().map(|row| {
            Ok(Covered {
                seq: unsigned(row.try_get(0)?)?,
                id: EntryId(fixed(row.try_get(1)?)?),
                length: row.try_get(2)?,
                kind: row.try_get::<_, &[u8]>(3)?.first().copied(),
            })
        });
        covered.collect()
    }

    fn empty(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault> {
        for statement in [
            "UPDATE entry SET bytes = '' WHERE space = $1 AND seq = $2",
            "DELETE FROM snapshot WHERE space = $1 AND seq = $2",
            "DELETE FROM confirmation WHERE space = $1 AND (seq = $2 OR checkpoint = $2)",
            "DELETE FROM checkpoint WHERE space = $1 AND seq = $2",
        ] {
            self.execute(statement, &[&number.0, &bound(seq)])?;
        }
        Ok(())
    }

    fn set_progress(&self, due: &Due, progress: u64, is_done: bool) -> Result<(), Fault> {
        self.execute(
            "UPDATE checkpoint
             SET is_begun = true, progress = $3, due = CASE WHEN $4 THEN NULL ELSE due END
             WHERE space = $1 AND seq = $2",
            &[&due.number.0, &bound(due.seq), &bound(progress), &is_done],
        )?;
        Ok(())
    }

    fn settle(&self, due: &Due) -> Result<(), Fault> {
        self.execute(
            "UPDATE checkpoint SET due = NULL WHERE space = $1 AND seq = $2",
            &[&due.number.0, &bound(due.seq)],
        )?;
        Ok(())
    }
}

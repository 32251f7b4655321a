//! The statements on checkpoints, confirmations and snapshots, and on what is dropped for them.

use rusqlite::{Connection, OptionalExtension, params};
use waymark_wire::ids::{EntryId, PersonTag, SpaceId};

use super::rows::{bound, seq};
use crate::log::checkpoints::Standing;
use crate::log::rows::{CheckpointRows, Covered, Due, Fault, SpaceNumber};

impl CheckpointRows for Connection {
    fn insert_snapshot(&self, number: SpaceNumber, seq: u64, id: &EntryId) -> Result<(), Fault> {
        self.prepare_cached("INSERT INTO snapshot (place, id) VALUES (?1, ?2)")?
            .execute(params![number.place(seq), id.0])?;
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
        self.prepare_cached(
            "INSERT INTO checkpoint (place, id, reaches, publisher, agreed, due, hurries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            number.place(seq),
            id.0,
            number.place(reaches),
            standing.publisher.0,
            standing.agreed,
            standing.due,
            standing.hurries,
        ])?;
        Ok(())
    }

    fn named(&self, number: SpaceNumber, id: &EntryId) -> Result<Option<u64>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT place FROM snapshot WHERE id = ?1 AND place BETWEEN ?2 AND ?3
                 UNION ALL SELECT place FROM checkpoint WHERE id = ?1 AND place BETWEEN ?2 AND ?3",
            )?
            .query_row(
                params![id.0, number.place(0), number.place(u64::MAX)],
                |row| row.get(0).map(seq),
            )
            .optional()?)
    }

    fn standing(
        &self,
        number: SpaceNumber,
        id: &EntryId,
    ) -> Result<Option<(u64, Standing)>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT place, publisher, agreed, due, hurries FROM checkpoint
                 WHERE id = ?1 AND place BETWEEN ?2 AND ?3",
            )?
            .query_row(
                params![id.0, number.place(0), number.place(u64::MAX)],
                |row| {
                    let standing = Standing {
                        publisher: PersonTag(row.get(1)?),
                        agreed: row.get(2)?,
                        due: row.get(3)?,
                        hurries: row.get(4)?,
                    };
                    Ok((seq(row.get(0)?), standing))
                },
            )
            .optional()?)
    }

    fn set_standing(
        &self,
        number: SpaceNumber,
        seq: u64,
        standing: &Standing,
    ) -> Result<(), Fault> {
        self.prepare_cached("UPDATE checkpoint SET agreed = ?2, due = ?3 WHERE place = ?1")?
            .execute(params![number.place(seq), standing.agreed, standing.due])?;
        Ok(())
    }

    fn send_to_none(&self, number: SpaceNumber) -> Result<(), Fault> {
        self.prepare_cached("UPDATE checkpoint SET agreed = NULL WHERE place BETWEEN ?1 AND ?2")?
            .execute([number.place(0), number.place(u64::MAX)])?;
        Ok(())
    }

    fn insert_confirmation(
        &self,
        number: SpaceNumber,
        seq: u64,
        checkpoint: u64,
        person: PersonTag,
    ) -> Result<(), Fault> {
        self.prepare_cached(
            "INSERT INTO confirmation (place, checkpoint, person) SELECT ?1, ?2, ?3
             WHERE NOT EXISTS (SELECT 1 FROM confirmation WHERE checkpoint = ?2 AND person = ?3)",
        )?
        .execute(params![
            number.place(seq),
            number.place(checkpoint),
            person.0
        ])?;
        Ok(())
    }

    fn confirmations(
        &self,
        number: SpaceNumber,
        checkpoint: u64,
        most: usize,
    ) -> Result<Vec<u64>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT place FROM confirmation WHERE checkpoint = ?1 ORDER BY place LIMIT ?2",
        )?;
        let places = statement.query_map([number.place(checkpoint), bound(most)], |row| {
            row.get(0).map(seq)
        })?;
        Ok(places.collect::<Result<_, _>>()?)
    }

    fn best(&self, number: SpaceNumber, reaches: u64) -> Result<Option<u64>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT place FROM checkpoint
                 WHERE place BETWEEN ?1 AND ?2 AND reaches >= ?3
                 AND (agreed IS NOT NULL OR is_begun = 1)
                 ORDER BY agreed IS NULL, reaches DESC, place DESC LIMIT 1",
            )?
            .query_row(
                [
                    number.place(0),
                    number.place(u64::MAX),
                    number.place(reaches),
                ],
                |row| row.get(0).map(seq),
            )
            .optional()?)
    }

    fn standing_from(&self, number: SpaceNumber, reaches: u64) -> Result<Vec<u64>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT place FROM checkpoint WHERE place BETWEEN ?1 AND ?2 AND reaches >= ?3
             AND (agreed IS NOT NULL OR due IS NOT NULL OR is_begun = 1)",
        )?;
        let places = statement.query_map(
            [
                number.place(0),
                number.place(u64::MAX),
                number.place(reaches),
            ],
            |row| row.get(0).map(seq),
        )?;
        Ok(places.collect::<Result<_, _>>()?)
    }

    fn due_space(&self, now: i64) -> Result<Option<SpaceId>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT space.id FROM checkpoint JOIN space ON space.number = checkpoint.place >> 32
                 WHERE checkpoint.due <= ?1 ORDER BY checkpoint.due, checkpoint.place LIMIT 1",
            )?
            .query_row([now], |row| row.get(0).map(SpaceId))
            .optional()?)
    }

    fn due(&self, number: SpaceNumber, now: i64) -> Result<Option<Due>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT place, reaches, progress FROM checkpoint
                 WHERE due <= ?1 AND place BETWEEN ?2 AND ?3 ORDER BY due, place LIMIT 1",
            )?
            .query_row([now, number.place(0), number.place(u64::MAX)], |row| {
                let place = row.get(0)?;
                Ok(Due {
                    number: SpaceNumber::of(place),
                    seq: seq(place),
                    reaches: seq(row.get(1)?),
                    progress: u64::from(row.get::<_, u32>(2)?),
                })
            })
            .optional()?)
    }

    fn covered(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        most: usize,
    ) -> Result<Vec<Covered>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT place, id, length(bytes), substr(bytes, 2, 1) FROM entry
             WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3",
        )?;
        let rows = statement.query_map(
            [number.place(after), number.place(until), bound(most)],
            |row| {
                // NULL where the row is empty already.
                let kind: Option<Vec<u8>> = row.get(3)?;
                Ok(Covered {
                    seq: seq(row.get(0)?),
                    id: EntryId(row.get(1)?),
                    length: row.get(2)?,
                    kind: kind.and_then(|kind| kind.first().copied()),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn empty(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault> {
        let place = number.place(seq);
        // SQLite puts pages together where a row goes, and not where one becomes shorter.
        let kept = self
            .prepare_cached(
                "DELETE FROM entry WHERE place = ?1 RETURNING signer, counter, id, chain",
            )?
            .query_row([place], |row| {
                let hashes: ([u8; 32], [u8; 32]) = (row.get(2)?, row.get(3)?);
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, hashes))
            })
            .optional()?;
        if let Some((signer, counter, (id, chain))) = kept {
            self.prepare_cached(
                "INSERT INTO entry (place, signer, counter, id, chain, bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, x'')",
            )?
            .execute(params![place, signer, counter, id, chain])?;
        }
        for statement in [
            "DELETE FROM snapshot WHERE place = ?1",
            "DELETE FROM confirmation WHERE place = ?1 OR checkpoint = ?1",
            "DELETE FROM checkpoint WHERE place = ?1",
        ] {
            self.prepare_cached(statement)?.execute([place])?;
        }
        Ok(())
    }

    fn set_progress(&self, due: &Due, progress: u64, is_done: bool) -> Result<(), Fault> {
        self.prepare_cached(
            "UPDATE checkpoint
             SET is_begun = 1, progress = ?2, due = CASE WHEN ?3 THEN NULL ELSE due END
             WHERE place = ?1",
        )?
        .execute(params![due.number.place(due.seq), bound(progress), is_done])?;
        Ok(())
    }

    fn settle(&self, due: &Due) -> Result<(), Fault> {
        self.prepare_cached("UPDATE checkpoint SET due = NULL WHERE place = ?1")?
            .execute([due.number.place(due.seq)])?;
        Ok(())
    }
}

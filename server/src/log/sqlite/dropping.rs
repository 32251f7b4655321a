//! Lets go of what a checkpoint covers, a little at a time, each time in one transaction: a relay that
//! dies in between goes on where it was. Of an entry that goes its row stays, without its bytes: place,
//! signer, counter, id and chain, so that the log has no hole and an entry that comes again is known.

use rusqlite::{Connection, OptionalExtension, params};
use waymark_wire::entry::Kind;
use waymark_wire::ids::{EntryId, SpaceId};

use super::checkpoints;
use super::rows::{self, Fault, SpaceNumber};
use super::turn::{Changes, Space, load};
use crate::cache::Cache;
use crate::log::rules::spent_keys;
use crate::logging::Short;

/// Rows that are looked at in one transaction, at most.
const ROWS: usize = 1_024;
/// Bytes that are let go in one transaction, at most; one entry always is.
const BYTES: i64 = 4 * 1024 * 1024;

/// A checkpoint whose time has come.
struct Due {
    place: i64,
    number: SpaceNumber,
    space: SpaceId,
    /// n.
    reaches: u64,
    /// Up to where it has been gone through.
    progress: u64,
}

/// Drops some of what is due at `now`, within the writer's transaction: whether there may be more.
pub(super) fn step(
    db: &Connection,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    now: i64,
) -> Result<bool, Fault> {
    let Some(due) = next(db, now)? else {
        return Ok(false);
    };
    match go_through(db, spaces, changes, &due) {
        Ok(()) => {}
        // One damaged space must not stop the others.
        Err(Fault::Damaged(what)) => {
            tracing::error!(space = %Short(&due.space), "the database is damaged: {what}");
            spaces.remove(&due.space);
            settle(db, &due)?;
        }
        Err(fault @ Fault::Sqlite(_)) => return Err(fault),
    }
    Ok(true)
}

fn next(db: &Connection, now: i64) -> Result<Option<Due>, Fault> {
    Ok(db
        .prepare_cached(
            "SELECT checkpoint.place, space.number, space.id, checkpoint.reaches,
                    checkpoint.progress
             FROM checkpoint JOIN space ON space.number = checkpoint.place >> 32
             WHERE checkpoint.due <= ?1 ORDER BY checkpoint.due, checkpoint.place LIMIT 1",
        )?
        .query_row([now], |row| {
            Ok(Due {
                place: row.get(0)?,
                number: SpaceNumber(row.get(1)?),
                space: SpaceId(row.get(2)?),
                reaches: rows::seq(row.get(3)?),
                progress: u64::from(row.get::<_, u32>(4)?),
            })
        })
        .optional()?)
}

fn go_through(
    db: &Connection,
    spaces: &mut Cache<SpaceId, Space>,
    changes: &mut Changes,
    due: &Due,
) -> Result<(), Fault> {
    if !load(db, spaces, &due.space)? {
        return Err(Fault::Damaged("a space is gone"));
    }
    let space = spaces.get(&due.space);
    let is_closed = space.is_none_or(|space| space.is_closed());
    let dropped = checkpoints::dropped(db, due.number)?;
    // A closed space is kept as it is. What reaches no further than another has nothing to drop.
    let is_over = due.reaches < dropped || (due.reaches == dropped && due.progress == 0);
    if is_closed || is_over {
        return settle(db, due);
    }
    let protected = checkpoints::protected(db, due.number, due.reaches)?;
    // In the transaction of the first entry that goes, so that no reader meets what is left of one.
    db.prepare_cached("UPDATE space SET dropped = ?2 WHERE number = ?1")?
        .execute(params![due.number.0, number(due.reaches)])?;
    let mut statement = db.prepare_cached(
        "SELECT place, id, length(bytes), substr(bytes, 2, 1) FROM entry
         WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3",
    )?;
    let rows = statement.query_map(
        params![
            due.number.place(due.progress),
            due.number.place(due.reaches),
            number(ROWS)
        ],
        |row| {
            // NULL where the row is empty already.
            let kind: Option<Vec<u8>> = row.get(3)?;
            Ok((row.get(0)?, EntryId(row.get(1)?), row.get(2)?, kind))
        },
    )?;
    let rows = rows.collect::<Result<Vec<(i64, EntryId, i64, Option<Vec<u8>>)>, _>>()?;
    let (mut freed, mut progress) = (0, due.progress);
    for (place, id, length, kind) in rows {
        if freed >= BYTES {
            break;
        }
        progress = rows::seq(place);
        let stays =
            kind.as_deref() == Some(&[Kind::Membership.number()]) || protected.contains(&id);
        if length > 0 && !stays {
            remove(db, place)?;
            freed += length;
        }
    }
    let spent = match spaces
        .get(&due.space)
        .map(|space| space.membership().clone())
    {
        Some(membership) => {
            let gone = checkpoints::gone(db, due.number, &membership)?;
            rows::drop_sealed(db, due.number, &spent_keys(&membership, gone))?
        }
        None => 0,
    };
    *changes.bytes.entry(due.number).or_default() -= freed + spent;
    tracing::info!(space = %Short(&due.space), up_to = progress, freed, "entries were dropped");
    // Of a log without holes the last row is n's, or more are to come.
    db.prepare_cached(
        "UPDATE checkpoint SET is_begun = 1, progress = ?2, due = CASE WHEN ?3 THEN NULL ELSE due END
         WHERE place = ?1",
    )?
    .execute(params![
        due.place,
        number(progress),
        progress >= due.reaches || progress == due.progress
    ])?;
    Ok(())
}

/// Empties an entry's row, and forgets what was noted of it.
fn remove(db: &Connection, place: i64) -> Result<(), Fault> {
    for statement in [
        "UPDATE entry SET bytes = x'' WHERE place = ?1",
        "DELETE FROM snapshot WHERE place = ?1",
        "DELETE FROM confirmation WHERE place = ?1 OR checkpoint = ?1",
        "DELETE FROM checkpoint WHERE place = ?1",
    ] {
        db.prepare_cached(statement)?.execute([place])?;
    }
    Ok(())
}

/// Nothing is to be done for this checkpoint any more.
fn settle(db: &Connection, due: &Due) -> Result<(), Fault> {
    db.prepare_cached("UPDATE checkpoint SET due = NULL WHERE place = ?1")?
        .execute([due.place])?;
    Ok(())
}

fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use waymark_wire::checkpoint::CheckpointBody;
    use waymark_wire::entry::TAG;
    use waymark_wire::ids::Generation;

    use super::*;
    use crate::log::checkpoints::REST;
    use crate::log::{Append, Log, LogError, SqliteLog};
    use crate::testing;

    /// A relay that dies while it drops must neither lose what stays nor forget the rest, and nobody
    /// may be handed what is left of a dropped entry.
    #[tokio::test]
    async fn a_drop_that_was_cut_off_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SqliteLog::open(directory.path(), Generation([7; 16]), 1_024).unwrap();
        let log = open();
        let mut space = testing::Space::found(1);
        let mut entries = vec![space.founding.entry.clone()];
        entries.extend((0..ROWS + 50).map(|_| space.batch(0)));
        let covered = u64::try_from(entries.len()).unwrap();
        let public = space.checkpoint(&entries, covered);
        let body = CheckpointBody::assemble(&public, &[7; 256 + TAG]).unwrap();
        entries.push(space.with_body(0, Kind::Checkpoint, &body));
        entries.push(space.batch(0));
        let append = Append {
            heals: false,
            space: space.id,
            entries: entries.clone(),
            attachments: space.founding.attachments.clone(),
            may_create: true,
            now: 0,
        };
        assert_eq!(log.append(append).await.unwrap().refused, None);
        let bytes = async |log: &SqliteLog| log.usage(space.id).await.unwrap().unwrap().bytes;
        let whole = bytes(&log).await;
        let log = {
            assert!(log.drop_due(REST).await.unwrap());
            log.close().await;
            open()
        };
        // All but the first entry of the rows that were looked at.
        let first = u64::try_from(ROWS).unwrap() - 1;
        assert_eq!(bytes(&log).await, whole - first * 388);
        for after in [0, first, covered - 1] {
            let page = log.page(space.id, after).await;
            assert_eq!(page, Err(LogError::Dropped));
        }
        let page = log.page(space.id, covered).await.unwrap();
        let tail: Vec<_> = page
            .entries
            .into_iter()
            .map(|stored| stored.bytes)
            .collect();
        assert_eq!(tail, entries[entries.len() - 2..]);
        while log.drop_due(REST).await.unwrap() {}
        assert_eq!(bytes(&log).await, whole - (covered - 1) * 388);
        assert!(!log.drop_due(i64::MAX).await.unwrap());
    }
}

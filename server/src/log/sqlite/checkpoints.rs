//! Checkpoints and snapshots in the log's database: what is noted of them, and who starts there.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use waymark_wire::ack::Ack;
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::Membership;

use super::rows::{self, Fault, SpaceNumber};
use crate::log::checkpoints::{Facts, Standing, hurries};
use crate::log::{Fetched, Page, Start, Stored};

/// One space's log, as far as a checkpoint is held against it.
pub(super) struct InSpace<'a> {
    pub(super) db: &'a Connection,
    pub(super) number: SpaceNumber,
}

impl Facts for InSpace<'_> {
    type Fault = Fault;

    fn chain_at(&self, seq: u64) -> Result<Option<Chain>, Fault> {
        Ok(self
            .db
            .prepare_cached("SELECT chain FROM entry WHERE place = ?1")?
            .query_row([self.number.place(seq)], |row| row.get(0).map(Chain))
            .optional()?)
    }

    fn kept_at(&self, seq: u64) -> Result<Option<EntryId>, Fault> {
        Ok(self
            .db
            .prepare_cached("SELECT id FROM entry WHERE place = ?1 AND length(bytes) > 0")?
            .query_row([self.number.place(seq)], |row| row.get(0).map(EntryId))
            .optional()?)
    }

    fn height_at(&self, seq: u64) -> Result<Height, Fault> {
        let step: Option<i64> = self
            .db
            .prepare_cached(
                "SELECT max(step) FROM membership WHERE step BETWEEN ?1 AND ?2 AND seq <= ?3",
            )?
            .query_row(
                params![
                    self.number.place(0),
                    self.number.place(u64::MAX),
                    i64::try_from(seq).unwrap_or(i64::MAX)
                ],
                |row| row.get(0),
            )?;
        // A step is made like a place is.
        let height = step.and_then(|step| u32::try_from(rows::seq(step)).ok());
        height
            .map(Height)
            .ok_or(Fault::Damaged("a space has no first entry"))
    }

    fn next_counter_at(&self, device: DeviceNumber, seq: u64) -> Result<u64, Fault> {
        let last: Option<u32> = self
            .db
            .prepare_cached(
                "SELECT counter FROM entry WHERE signer = ?1 AND place <= ?2
                 ORDER BY counter DESC LIMIT 1",
            )?
            .query_row(
                [self.number.signer(device), self.number.place(seq)],
                |row| row.get(0),
            )
            .optional()?;
        Ok(last.map_or(0, |last| u64::from(last) + 1))
    }

    fn snapshot_at(&self, id: &EntryId) -> Result<Option<u64>, Fault> {
        Ok(named(self.db, self.number, id)?.map(rows::seq))
    }

    fn place_of(&self, height: Height) -> Result<u64, Fault> {
        let seq: Option<u32> = self
            .db
            .prepare_cached("SELECT seq FROM membership WHERE step = ?1")?
            .query_row([self.number.place(height.0.into())], |row| row.get(0))
            .optional()?;
        seq.map(u64::from)
            .ok_or(Fault::Damaged("a membership entry is gone"))
    }
}

/// Up to where entries of the space may be gone: 0 where none is.
pub(super) fn dropped(db: &Connection, number: SpaceNumber) -> Result<u64, Fault> {
    let dropped: u32 = db
        .prepare_cached("SELECT dropped FROM space WHERE number = ?1")?
        .query_row([number.0], |row| row.get(0))?;
    Ok(u64::from(dropped))
}

/// The height of the newest membership entry up to which entries may be gone, where that matters: where
/// something was forgotten.
pub(super) fn gone(
    db: &Connection,
    number: SpaceNumber,
    membership: &Membership,
) -> Result<Height, Fault> {
    let dropped = dropped(db, number)?;
    if dropped == 0 || membership.cut().is_none() {
        return Ok(Height(0));
    }
    InSpace { db, number }.height_at(dropped)
}

/// Notes what an entry that was just written means for checkpoints.
pub(super) fn note(
    db: &Connection,
    number: SpaceNumber,
    membership: &Membership,
    (entry, id, seq): (&Entry, &EntryId, u64),
    now: i64,
) -> Result<(), Fault> {
    let place = number.place(seq);
    let signer = entry.header().device;
    match entry.header().kind {
        Kind::Snapshot => {
            db.prepare_cached("INSERT INTO snapshot (place, id) VALUES (?1, ?2)")?
                .execute(params![place, id.0])?;
        }
        Kind::Checkpoint => {
            let facts = InSpace { db, number };
            let hurries = hurries(membership, dropped(db, number)?, &facts)?;
            let standing = Standing::arrived(membership, signer, hurries, now)
                .ok_or(Fault::Damaged("a checkpoint's signer is no member"))?;
            db.prepare_cached(
                "INSERT INTO checkpoint (place, id, reaches, publisher, agreed, due, hurries)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                place,
                id.0,
                number.place(public_part(entry)?.seq),
                standing.publisher.0,
                standing.agreed,
                standing.due,
                standing.hurries,
            ])?;
        }
        Kind::Ack => {
            let (about, is_ok) = match Ack::parse(entry.body()) {
                Some(Ack::CheckpointOk(about)) => (about, true),
                Some(Ack::CheckpointBad(about, _)) => (about, false),
                _ => return Ok(()),
            };
            let by = membership.member(signer).map(|member| member.person);
            if let Some(by) = by {
                hear(db, number, &about, (place, by, is_ok), now)?;
            }
        }
        Kind::Membership if membership.cut() == Some(membership.height()) => {
            // Nobody goes on from before something that is forgotten: newcomers would refuse it.
            db.prepare_cached("UPDATE checkpoint SET agreed = NULL WHERE place BETWEEN ?1 AND ?2")?
                .execute([number.place(0), place])?;
        }
        _ => {}
    }
    Ok(())
}

/// Counts somebody's word on a checkpoint.
fn hear(
    db: &Connection,
    number: SpaceNumber,
    about: &EntryId,
    (place, by, is_ok): (i64, PersonTag, bool),
    now: i64,
) -> Result<(), Fault> {
    let found = db
        .prepare_cached(
            "SELECT place, publisher, agreed, due, hurries FROM checkpoint
             WHERE id = ?1 AND place BETWEEN ?2 AND ?3",
        )?
        .query_row(
            params![about.0, number.place(0), number.place(u64::MAX)],
            |row| {
                let standing = Standing {
                    publisher: PersonTag(row.get(1)?),
                    agreed: row.get(2)?,
                    due: row.get(3)?,
                    hurries: row.get(4)?,
                };
                Ok((row.get::<_, i64>(0)?, standing))
            },
        )
        .optional()?;
    // Of a checkpoint that is not here nobody can say anything.
    let Some((checkpoint, mut standing)) = found else {
        return Ok(());
    };
    if !is_ok {
        standing.reject();
    } else if standing.confirm(by, now) {
        db.prepare_cached(
            "INSERT INTO confirmation (place, checkpoint, person) SELECT ?1, ?2, ?3
             WHERE NOT EXISTS (SELECT 1 FROM confirmation WHERE checkpoint = ?2 AND person = ?3)",
        )?
        .execute(params![place, checkpoint, by.0])?;
    }
    db.prepare_cached("UPDATE checkpoint SET agreed = ?2, due = ?3 WHERE place = ?1")?
        .execute(params![checkpoint, standing.agreed, standing.due])?;
    Ok(())
}

/// The checkpoint at which a newcomer starts: of those with a quorum the one that reaches furthest,
/// otherwise the one for which something was dropped.
pub(super) fn start(db: &Connection, space: &SpaceId) -> Result<Option<(Start, Height)>, Fault> {
    let db = db.unchecked_transaction()?;
    let Some(number) = rows::number(&db, space)? else {
        return Ok(None);
    };
    let Some(place) = best(&db, number)? else {
        return Ok(None);
    };
    let stored = |place: i64| -> Result<Stored, Fault> {
        Ok(db
            .prepare_cached("SELECT place, id, bytes FROM entry WHERE place = ?1")?
            .query_row([place], stored)?)
    };
    let checkpoint = stored(place)?;
    let mut statement = db.prepare_cached(
        "SELECT place FROM confirmation WHERE checkpoint = ?1 ORDER BY place LIMIT ?2",
    )?;
    let most = i64::try_from(limits::CHECKPOINT_ACKS).unwrap_or(i64::MAX);
    let places = statement.query_map([place, most], |row| row.get(0))?;
    let places = places.collect::<Result<Vec<i64>, _>>()?;
    let acks = places.into_iter().map(stored).collect::<Result<_, _>>()?;
    let end = parsed(&checkpoint.bytes)?.cursor().position();
    let start = Start {
        checkpoint,
        acks,
        end,
    };
    Ok(Some((start, rows::height(&db, number)?)))
}

/// The place of the checkpoint that newcomers are sent to.
fn best(db: &Connection, number: SpaceNumber) -> Result<Option<i64>, Fault> {
    let dropped = dropped(db, number)?;
    Ok(db
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
                number.place(dropped),
            ],
            |row| row.get(0),
        )
        .optional()?)
}

/// The membership entries after `after` up to `until`, as many as a page holds, and the height of
/// the newest at that moment.
pub(super) fn members(
    db: &Connection,
    space: &SpaceId,
    after: u64,
    until: u64,
) -> Result<(Page, Height), Fault> {
    let db = db.unchecked_transaction()?;
    let number = rows::number(&db, space)?.ok_or(Fault::Damaged("a space is gone"))?;
    let head = rows::head(&db, number, space)?;
    let chain = InSpace { db: &db, number }.chain_at(until)?;
    let chain = chain.ok_or(Fault::Damaged("a checkpoint's place is gone"))?;
    let mut page = Page {
        entries: Vec::new(),
        end: Cursor { seq: until, chain }.position(),
        head: head.seq,
    };
    let mut statement = db.prepare_cached(
        "SELECT entry.place, entry.id, entry.bytes, entry.chain FROM membership
         JOIN entry ON entry.place = (membership.step >> 32 << 32) + membership.seq
         WHERE membership.step BETWEEN ?1 AND ?2 AND membership.seq > ?3 AND membership.seq <= ?4
         ORDER BY membership.step",
    )?;
    let place = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let mut rows = statement.query([
        number.place(0),
        number.place(u64::MAX),
        place(after),
        place(until),
    ])?;
    let (mut bytes, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        let stored = stored(row)?;
        bytes += stored.bytes.len();
        let is_full = page.entries.len() == limits::PAGE_ENTRIES || bytes > limits::PAGE_BYTES;
        if let Some(last) = last.filter(|_| is_full) {
            page.end = last;
            break;
        }
        let (seq, chain) = (stored.seq, Chain(row.get(3)?));
        last = Some(Cursor { seq, chain }.position());
        page.entries.push(stored);
    }
    Ok((page, rows::height(&db, number)?))
}

/// Those of the entries with these ids that can be fetched by id, in that order, as many as a page
/// holds, and the height of the newest membership entry at that moment.
pub(super) fn entries(
    db: &Connection,
    space: &SpaceId,
    ids: &[EntryId],
) -> Result<(Fetched, Height), Fault> {
    let db = db.unchecked_transaction()?;
    let number = rows::number(&db, space)?.ok_or(Fault::Damaged("a space is gone"))?;
    let kept = match best(&db, number)? {
        Some(place) => checkpoint_at(&db, place)?.kept,
        None => Vec::new(),
    };
    let mut statement = db.prepare_cached(
        "SELECT place, id, bytes FROM entry WHERE place = ?1 AND length(bytes) > 0",
    )?;
    let mut fetched = Fetched {
        entries: Vec::new(),
        looked_at: 0,
    };
    let mut bytes = 0;
    for id in ids {
        let place = match named(&db, number, id)? {
            Some(place) => Some(place),
            None => kept
                .iter()
                .find(|kept| kept.id == *id)
                .map(|kept| number.place(kept.seq)),
        };
        if let Some(place) = place
            && let Some(found) = statement.query_row([place], stored).optional()?
        {
            bytes += found.bytes.len();
            if bytes > limits::PAGE_BYTES && !fetched.entries.is_empty() {
                break;
            }
            fetched.entries.push(found);
        }
        fetched.looked_at += 1;
    }
    Ok((fetched, rows::height(&db, number)?))
}

/// The place of a snapshot or checkpoint that is kept.
fn named(db: &Connection, number: SpaceNumber, id: &EntryId) -> Result<Option<i64>, Fault> {
    Ok(db
        .prepare_cached(
            "SELECT place FROM snapshot WHERE id = ?1 AND place BETWEEN ?2 AND ?3
             UNION ALL SELECT place FROM checkpoint WHERE id = ?1 AND place BETWEEN ?2 AND ?3",
        )?
        .query_row(
            params![id.0, number.place(0), number.place(u64::MAX)],
            |row| row.get(0),
        )
        .optional()?)
}

/// All that must stay for the checkpoints that reach `reaches` or further: those that were not called
/// bad, and those for which something has gone.
pub(super) fn protected(
    db: &Connection,
    number: SpaceNumber,
    reaches: u64,
) -> Result<HashSet<EntryId>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT place FROM checkpoint WHERE place BETWEEN ?1 AND ?2 AND reaches >= ?3
         AND (agreed IS NOT NULL OR due IS NOT NULL OR is_begun = 1)",
    )?;
    let places = statement.query_map(
        [
            number.place(0),
            number.place(u64::MAX),
            number.place(reaches),
        ],
        |row| row.get(0),
    )?;
    let mut protected = HashSet::new();
    for place in places.collect::<Result<Vec<i64>, _>>()? {
        let checkpoint = checkpoint_at(db, place)?;
        protected.extend(checkpoint.snapshots);
        protected.extend(checkpoint.kept.iter().map(|kept| kept.id));
    }
    Ok(protected)
}

fn checkpoint_at(db: &Connection, place: i64) -> Result<Checkpoint, Fault> {
    let bytes: Vec<u8> = db
        .prepare_cached("SELECT bytes FROM entry WHERE place = ?1")?
        .query_row([place], |row| row.get(0))?;
    parsed(&bytes)
}

fn parsed(bytes: &[u8]) -> Result<Checkpoint, Fault> {
    let entry = Entry::parse(bytes.to_vec());
    let entry = entry.map_err(|_| Fault::Damaged("a checkpoint cannot be read"))?;
    public_part(&entry)
}

fn public_part(entry: &Entry) -> Result<Checkpoint, Fault> {
    CheckpointBody::parse(entry.body())
        .map(|body| body.public)
        .map_err(|_| Fault::Damaged("a checkpoint cannot be read"))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: rows::seq(row.get(0)?),
        id: EntryId(row.get(1)?),
        bytes: row.get(2)?,
    })
}

//! The statements: nothing outside this file knows how rows look.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};
use waymark_wire::chain::{Chain, Cursor, Position};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::Membership;

use super::checkpoints;
use crate::log::rules::Dropped;
use crate::log::{Attachment, Page, Stored, Usage};

/// Why a statement did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// What is stored cannot be what was stored.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// The engine says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// A space's number in the database: below 2³¹, so that places fit an `i64`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct SpaceNumber(pub(super) i64);

impl SpaceNumber {
    /// Where the entry `seq` stands. The largest `seq` is 2³² − 1; larger ones are on no log.
    pub(super) fn place(self, seq: u64) -> i64 {
        self.0 << 32 | i64::from(u32::try_from(seq).unwrap_or(u32::MAX))
    }

    pub(super) fn signer(self, device: DeviceNumber) -> i64 {
        self.0 << 16 | i64::from(device.0)
    }
}

/// The seq of a place.
pub(super) fn seq(place: i64) -> u64 {
    u64::from(u32::try_from(place & 0xffff_ffff).unwrap_or(u32::MAX))
}

/// The number of the space.
pub(super) fn number(db: &Connection, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
    Ok(db
        .prepare_cached("SELECT number FROM space WHERE id = ?1")?
        .query_row([space.0], |row| row.get(0).map(SpaceNumber))
        .optional()?)
}

/// The end of the space's log.
pub(super) fn head(db: &Connection, number: SpaceNumber, space: &SpaceId) -> Result<Cursor, Fault> {
    let found = db
        .prepare_cached(
            "SELECT place, chain FROM entry WHERE place > ?1 AND place <= ?2
             ORDER BY place DESC LIMIT 1",
        )?
        .query_row([number.place(0), number.place(u64::MAX)], cursor)
        .optional()?;
    Ok(found.unwrap_or_else(|| Cursor::start(space)))
}

/// Who is in the space, from its membership entries.
pub(super) fn membership(db: &Connection, number: SpaceNumber) -> Result<Membership, Fault> {
    let damaged = |_| Fault::Damaged("a membership entry does not count");
    let mut statement = db.prepare_cached(MEMBERSHIP_ENTRIES)?;
    let mut rows = statement.query([number.place(0), number.place(u64::MAX)])?;
    let mut membership: Option<Membership> = None;
    while let Some(row) = rows.next()? {
        let entry = Entry::parse(row.get(0)?)
            .map_err(|_| Fault::Damaged("a membership entry cannot be read"))?;
        match &mut membership {
            Some(membership) => membership.apply(&entry).map_err(damaged)?,
            None => membership = Some(Membership::found(&entry).map_err(damaged)?),
        }
    }
    membership.ok_or(Fault::Damaged("a space has no first entry"))
}

/// The membership entries above `height`, as far as a page holds them.
pub(super) fn membership_above(
    db: &Connection,
    number: SpaceNumber,
    height: Height,
) -> Result<Vec<Vec<u8>>, Fault> {
    let above = number.place(u64::from(height.0) + 1);
    let mut statement = db.prepare_cached(MEMBERSHIP_ENTRIES)?;
    let mut rows = statement.query([above, number.place(u64::MAX)])?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let entry: Vec<u8> = row.get(0)?;
        bytes += entry.len();
        if entries.len() == limits::PAGE_ENTRIES || bytes > limits::PAGE_BYTES {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Heights count like places do, so both halves of a key are made alike.
const MEMBERSHIP_ENTRIES: &str = "
    SELECT entry.bytes FROM membership
    JOIN entry ON entry.place = (membership.step >> 32 << 32) + membership.seq
    WHERE membership.step BETWEEN ?1 AND ?2 ORDER BY membership.step";

/// The entries after `after`, as many as a page holds, and the height of the newest membership entry
/// at that moment; `None` where they are not all kept.
pub(super) fn page(
    db: &Connection,
    space: &SpaceId,
    after: u64,
) -> Result<Option<(Page, Height)>, Fault> {
    // Entries, head and height at one moment.
    let db = db.unchecked_transaction()?;
    let Some(number) = number(&db, space)? else {
        return Err(Fault::Damaged("a space is gone"));
    };
    if after < checkpoints::dropped(&db, number)? {
        return Ok(None);
    }
    let head = head(&db, number, space)?;
    let mut page = Page {
        entries: Vec::new(),
        end: head.position(),
        head: head.seq,
    };
    let mut statement = db.prepare_cached(
        "SELECT place, chain, id, bytes FROM entry WHERE place > ?1 AND place <= ?2
         ORDER BY place LIMIT ?3",
    )?;
    let most = i64::try_from(limits::PAGE_ENTRIES).unwrap_or(i64::MAX);
    let mut rows = statement.query([number.place(after), number.place(u64::MAX), most])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let entry: Vec<u8> = row.get(3)?;
        bytes += entry.len();
        if bytes > limits::PAGE_BYTES && !page.entries.is_empty() {
            break;
        }
        let at = cursor(row)?;
        page.end = at.position();
        page.entries.push(Stored {
            seq: at.seq,
            id: EntryId(row.get(2)?),
            bytes: entry,
        });
    }
    let height = height(&db, number)?;
    Ok(Some((page, height)))
}

/// The height of the newest membership entry.
pub(super) fn height(db: &Connection, number: SpaceNumber) -> Result<Height, Fault> {
    let step: Option<i64> = db
        .prepare_cached("SELECT max(step) FROM membership WHERE step BETWEEN ?1 AND ?2")?
        .query_row([number.place(0), number.place(u64::MAX)], |row| row.get(0))?;
    // A step is made like a place is.
    let height = step.map(seq).and_then(|height| u32::try_from(height).ok());
    height
        .map(Height)
        .ok_or(Fault::Damaged("a space has no first entry"))
}

/// The first of `places` that is on the space's log.
pub(super) fn agreed(
    db: &Connection,
    space: &SpaceId,
    places: &[Position],
) -> Result<Option<Position>, Fault> {
    let start = Cursor::start(space).position();
    let number = number(db, space)?;
    let mut statement = db.prepare_cached("SELECT place, chain FROM entry WHERE place = ?1")?;
    let dropped = match number {
        Some(number) => checkpoints::dropped(db, number)?,
        None => 0,
    };
    // From an earlier one nobody could read on.
    for place in places.iter().filter(|place| place.seq >= dropped) {
        let stored = match number {
            Some(number) if place.seq > 0 => statement
                .query_row([number.place(place.seq)], cursor)
                .optional()?
                .map(|cursor| cursor.position()),
            _ => Some(start),
        };
        if stored.as_ref() == Some(place) {
            return Ok(stored);
        }
    }
    Ok(None)
}

/// The counter that is next for a signer.
pub(super) fn next_counter(
    db: &Connection,
    number: SpaceNumber,
    device: DeviceNumber,
) -> Result<u64, Fault> {
    let last: Option<u32> = db
        .prepare_cached("SELECT max(counter) FROM entry WHERE signer = ?1")?
        .query_row([number.signer(device)], |row| row.get(0))?;
    Ok(last.map_or(0, |last| u64::from(last) + 1))
}

/// The entry that a signer counted so.
pub(super) fn by_counter(
    db: &Connection,
    number: SpaceNumber,
    device: DeviceNumber,
    counter: u32,
) -> Result<Option<(u64, EntryId)>, Fault> {
    Ok(db
        .prepare_cached("SELECT place, id FROM entry WHERE signer = ?1 AND counter = ?2")?
        .query_row(params![number.signer(device), counter], |row| {
            Ok((seq(row.get(0)?), EntryId(row.get(1)?)))
        })
        .optional()?)
}

/// Makes a space.
pub(super) fn insert_space(db: &Connection, space: &SpaceId) -> Result<SpaceNumber, Fault> {
    db.prepare_cached("INSERT INTO space (id, bytes) VALUES (?1, 0)")?
        .execute([space.0])?;
    let number = db.last_insert_rowid();
    if i32::try_from(number).is_err() {
        return Err(Fault::Damaged("there are too many spaces"));
    }
    Ok(SpaceNumber(number))
}

/// Puts an entry at `at`, which is the place after the log's end.
pub(super) fn insert_entry(
    db: &Connection,
    number: SpaceNumber,
    at: &Cursor,
    entry: &Entry,
    id: &EntryId,
) -> Result<(), Fault> {
    if at.seq >= u64::from(u32::MAX) {
        return Err(Fault::Damaged("a log is full"));
    }
    let header = entry.header();
    db.prepare_cached(
        "INSERT INTO entry (place, signer, counter, id, chain, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        number.place(at.seq),
        number.signer(header.device),
        header.counter,
        id.0,
        at.chain.0,
        entry.bytes(),
    ])?;
    Ok(())
}

/// Notes that the entry at `seq` is the membership entry of `height`.
pub(super) fn insert_membership(
    db: &Connection,
    number: SpaceNumber,
    height: Height,
    seq: u64,
) -> Result<(), Fault> {
    let step = number.place(u64::from(height.0));
    db.prepare_cached("INSERT INTO membership (step, seq) VALUES (?1, ?2)")?
        .execute(params![step, i64::try_from(seq).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Keeps an attachment; how many bytes that adds. A sealed key is `named` by the entry of that
/// height.
pub(super) fn insert_attachment(
    db: &Connection,
    number: SpaceNumber,
    attachment: &Attachment,
    named: Option<Height>,
) -> Result<i64, Fault> {
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO attachment (space, hash, bytes, named)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            number.0,
            attachment.hash.0,
            attachment.bytes,
            named.map(|height| height.0)
        ])?;
    Ok(if added == 0 {
        0
    } else {
        i64::try_from(attachment.bytes.len()).unwrap_or(i64::MAX)
    })
}

/// Notes that the entry of `height` names a sealed key that is kept already.
pub(super) fn name_again(
    db: &Connection,
    number: SpaceNumber,
    hash: &AttachmentHash,
    height: Height,
) -> Result<(), Fault> {
    db.prepare_cached("UPDATE attachment SET named = ?3 WHERE space = ?1 AND hash = ?2")?
        .execute(params![number.0, hash.0, height.0])?;
    Ok(())
}

/// Drops keys that are not needed any more; how many bytes that takes away.
pub(super) fn drop_keys(
    db: &Connection,
    number: SpaceNumber,
    dropped: &Dropped,
) -> Result<i64, Fault> {
    let size = |row: &Row<'_>| row.get::<_, i64>(0);
    let mut bytes = 0;
    let mut statement = db.prepare_cached(
        "DELETE FROM attachment WHERE space = ?1 AND hash = ?2 RETURNING length(bytes)",
    )?;
    for hash in &dropped.agreement_keys {
        for size in statement.query_map(params![number.0, hash.0], size)? {
            bytes += size?;
        }
    }
    Ok(bytes + drop_sealed(db, number, &dropped.sealed)?)
}

/// Drops the sealed keys of which the newest entry that names them has one of these heights: how many
/// bytes that were.
pub(super) fn drop_sealed(
    db: &Connection,
    number: SpaceNumber,
    heights: &[Range<Height>],
) -> Result<i64, Fault> {
    let mut bytes = 0;
    let mut statement = db.prepare_cached(
        "DELETE FROM attachment WHERE space = ?1 AND named >= ?2 AND named < ?3
         RETURNING length(bytes)",
    )?;
    for range in heights {
        let range = params![number.0, range.start.0, range.end.0];
        for size in statement.query_map(range, |row| row.get::<_, i64>(0))? {
            bytes += size?;
        }
    }
    Ok(bytes)
}

/// How many bytes the attachment has, where it is kept.
pub(super) fn attachment_size(
    db: &Connection,
    number: SpaceNumber,
    hash: &AttachmentHash,
) -> Result<Option<usize>, Fault> {
    let size: Option<i64> = db
        .prepare_cached("SELECT length(bytes) FROM attachment WHERE space = ?1 AND hash = ?2")?
        .query_row(params![number.0, hash.0], |row| row.get(0))
        .optional()?;
    Ok(size.and_then(|size| usize::try_from(size).ok()))
}

/// The attachments with these hashes that are kept.
pub(super) fn attachments(
    db: &Connection,
    space: &SpaceId,
    hashes: &[AttachmentHash],
) -> Result<Vec<Vec<u8>>, Fault> {
    let Some(number) = number(db, space)? else {
        return Ok(Vec::new());
    };
    let mut statement =
        db.prepare_cached("SELECT bytes FROM attachment WHERE space = ?1 AND hash = ?2")?;
    let mut found = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let bytes = statement.query_row(params![number.0, hash.0], |row| row.get(0));
        found.extend(bytes.optional()?);
    }
    Ok(found)
}

/// Adds to what a space is known to take, or takes away from it.
pub(super) fn add_bytes(db: &Connection, number: SpaceNumber, bytes: i64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE space SET bytes = bytes + ?2 WHERE number = ?1")?
        .execute([number.0, bytes])?;
    Ok(())
}

/// What is kept of the space.
pub(super) fn usage(db: &Connection, space: &SpaceId) -> Result<Option<Usage>, Fault> {
    let db = db.unchecked_transaction()?;
    let Some(number) = number(&db, space)? else {
        return Ok(None);
    };
    let bytes: i64 = db
        .prepare_cached("SELECT bytes FROM space WHERE number = ?1")?
        .query_row([number.0], |row| row.get(0))?;
    Ok(Some(Usage {
        bytes: u64::try_from(bytes).unwrap_or(0),
        oldest: checkpoints::dropped(&db, number)? + 1,
        head: head(&db, number, space)?.position(),
    }))
}

/// Whether the database answers.
pub(super) fn health(db: &Connection) -> Result<(), Fault> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM relay")?
        .query_row([], |_| Ok(()))?)
}

/// Reads a place and a chain from a row's first two columns.
fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        seq: seq(row.get(0)?),
        chain: Chain(row.get(1)?),
    })
}

//! The statements on spaces, entries, memberships and attachments. Nothing outside the files of this
//! engine knows how its rows look.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};

use crate::log::rows::{EntryRows, Fault, Show, SpaceNumber};
use crate::log::{Attachment, Stored};

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Keys are made of a space's number, which is below 2³¹, so that they fit an `i64`.
impl SpaceNumber {
    /// Where the entry `seq` stands. The largest `seq` is 2³² − 1; larger ones are on no log.
    pub(super) fn place(self, seq: u64) -> i64 {
        self.0 << 32 | i64::from(u32::try_from(seq).unwrap_or(u32::MAX))
    }

    /// Under what a membership entry of this height is noted. It is made like a place is.
    fn step(self, height: Height) -> i64 {
        self.place(u64::from(height.0))
    }

    pub(super) fn signer(self, device: DeviceNumber) -> i64 {
        self.0 << 16 | i64::from(device.0)
    }

    /// The space that has this place.
    pub(super) const fn of(place: i64) -> Self {
        Self(place >> 32)
    }
}

/// The seq of a place.
pub(super) fn seq(place: i64) -> u64 {
    u64::from(u32::try_from(place & 0xffff_ffff).unwrap_or(u32::MAX))
}

/// A number as it is bound: none that is kept is as large as those that do not fit.
pub(super) fn bound(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

impl EntryRows for Connection {
    fn number(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        Ok(self
            .prepare_cached("SELECT number FROM space WHERE id = ?1")?
            .query_row([space.0], |row| row.get(0).map(SpaceNumber))
            .optional()?)
    }

    fn lock(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        // Only one writes.
        self.number(space)
    }

    fn insert_space(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        self.prepare_cached("INSERT INTO space (id, bytes) VALUES (?1, 0)")?
            .execute([space.0])?;
        let number = self.last_insert_rowid();
        if i32::try_from(number).is_err() {
            return Err(Fault::Damaged("there are too many spaces"));
        }
        Ok(Some(SpaceNumber(number)))
    }

    fn add_bytes(&self, number: SpaceNumber, bytes: i64) -> Result<(), Fault> {
        self.prepare_cached("UPDATE space SET bytes = bytes + ?2 WHERE number = ?1")?
            .execute([number.0, bytes])?;
        Ok(())
    }

    fn bytes(&self, number: SpaceNumber) -> Result<u64, Fault> {
        let bytes: i64 = self
            .prepare_cached("SELECT bytes FROM space WHERE number = ?1")?
            .query_row([number.0], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    fn dropped(&self, number: SpaceNumber) -> Result<u64, Fault> {
        let dropped: u32 = self
            .prepare_cached("SELECT dropped FROM space WHERE number = ?1")?
            .query_row([number.0], |row| row.get(0))?;
        Ok(u64::from(dropped))
    }

    fn set_dropped(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault> {
        self.prepare_cached("UPDATE space SET dropped = ?2 WHERE number = ?1")?
            .execute([number.0, bound(seq)])?;
        Ok(())
    }

    fn head(&self, number: SpaceNumber, space: &SpaceId) -> Result<Cursor, Fault> {
        let found = self
            .prepare_cached(
                "SELECT place, chain FROM entry WHERE place > ?1 AND place <= ?2
                 ORDER BY place DESC LIMIT 1",
            )?
            .query_row([number.place(0), number.place(u64::MAX)], |row| {
                Ok(Cursor {
                    seq: seq(row.get(0)?),
                    chain: Chain(row.get(1)?),
                })
            })
            .optional()?;
        Ok(found.unwrap_or_else(|| Cursor::start(space)))
    }

    fn insert_entry(
        &self,
        number: SpaceNumber,
        at: &Cursor,
        entry: &Entry,
        id: &EntryId,
    ) -> Result<(), Fault> {
        if at.seq >= u64::from(u32::MAX) {
            return Err(Fault::Damaged("a log is full"));
        }
        let header = entry.header();
        self.prepare_cached(
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

    fn chain_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Chain>, Fault> {
        Ok(self
            .prepare_cached("SELECT chain FROM entry WHERE place = ?1")?
            .query_row([number.place(seq)], |row| row.get(0).map(Chain))
            .optional()?)
    }

    fn kept_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<EntryId>, Fault> {
        Ok(self
            .prepare_cached("SELECT id FROM entry WHERE place = ?1 AND length(bytes) > 0")?
            .query_row([number.place(seq)], |row| row.get(0).map(EntryId))
            .optional()?)
    }

    fn entry_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Stored>, Fault> {
        Ok(self
            .prepare_cached(
                "SELECT place, id, bytes FROM entry WHERE place = ?1 AND length(bytes) > 0",
            )?
            .query_row([number.place(seq)], stored)
            .optional()?)
    }

    fn entries(&self, number: SpaceNumber, after: u64, show: Show<'_>) -> Result<(), Fault> {
        let mut statement = self.prepare_cached(
            "SELECT place, id, bytes, chain FROM entry WHERE place > ?1 AND place <= ?2
             ORDER BY place",
        )?;
        let mut rows = statement.query([number.place(after), number.place(u64::MAX)])?;
        while let Some(row) = rows.next()? {
            if show(stored(row)?, Chain(row.get(3)?)).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn next_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        until: u64,
    ) -> Result<u64, Fault> {
        let last: Option<u32> = self
            .prepare_cached(
                "SELECT counter FROM entry WHERE signer = ?1 AND place <= ?2
                 ORDER BY counter DESC LIMIT 1",
            )?
            .query_row([number.signer(device), number.place(until)], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(last.map_or(0, |last| u64::from(last) + 1))
    }

    fn by_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        counter: u32,
    ) -> Result<Option<(u64, EntryId)>, Fault> {
        Ok(self
            .prepare_cached("SELECT place, id FROM entry WHERE signer = ?1 AND counter = ?2")?
            .query_row(params![number.signer(device), counter], |row| {
                Ok((seq(row.get(0)?), EntryId(row.get(1)?)))
            })
            .optional()?)
    }

    fn insert_membership(
        &self,
        number: SpaceNumber,
        height: Height,
        seq: u64,
    ) -> Result<(), Fault> {
        self.prepare_cached("INSERT INTO membership (step, seq) VALUES (?1, ?2)")?
            .execute([number.step(height), bound(seq)])?;
        Ok(())
    }

    fn height_at(&self, number: SpaceNumber, until: u64) -> Result<Option<Height>, Fault> {
        let step: Option<i64> = self
            .prepare_cached(
                "SELECT step FROM membership WHERE step BETWEEN ?1 AND ?2 AND seq <= ?3
                 ORDER BY step DESC LIMIT 1",
            )?
            .query_row(
                [number.place(0), number.place(u64::MAX), bound(until)],
                |row| row.get(0),
            )
            .optional()?;
        let height = step.map(seq).and_then(|height| u32::try_from(height).ok());
        Ok(height.map(Height))
    }

    fn place_of(&self, number: SpaceNumber, height: Height) -> Result<Option<u64>, Fault> {
        let seq: Option<u32> = self
            .prepare_cached("SELECT seq FROM membership WHERE step = ?1")?
            .query_row([number.step(height)], |row| row.get(0))
            .optional()?;
        Ok(seq.map(u64::from))
    }

    fn membership_entries(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        show: Show<'_>,
    ) -> Result<(), Fault> {
        // Heights count like places do, so both halves of a key are made alike.
        let mut statement = self.prepare_cached(
            "SELECT entry.place, entry.id, entry.bytes, entry.chain FROM membership
             JOIN entry ON entry.place = (membership.step >> 32 << 32) + membership.seq
             WHERE membership.step BETWEEN ?1 AND ?2
             AND membership.seq > ?3 AND membership.seq <= ?4
             ORDER BY membership.step",
        )?;
        let mut rows = statement.query([
            number.place(0),
            number.place(u64::MAX),
            bound(after),
            bound(until),
        ])?;
        while let Some(row) = rows.next()? {
            if show(stored(row)?, Chain(row.get(3)?)).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn insert_attachment(
        &self,
        number: SpaceNumber,
        attachment: &Attachment,
        named: Option<Height>,
    ) -> Result<bool, Fault> {
        let added = self
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
        Ok(added > 0)
    }

    fn name_again(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
        height: Height,
    ) -> Result<(), Fault> {
        self.prepare_cached("UPDATE attachment SET named = ?3 WHERE space = ?1 AND hash = ?2")?
            .execute(params![number.0, hash.0, height.0])?;
        Ok(())
    }

    fn attachment_size(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<usize>, Fault> {
        let size: Option<i64> = self
            .prepare_cached("SELECT length(bytes) FROM attachment WHERE space = ?1 AND hash = ?2")?
            .query_row(params![number.0, hash.0], |row| row.get(0))
            .optional()?;
        Ok(size.and_then(|size| usize::try_from(size).ok()))
    }

    fn attachment(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self
            .prepare_cached("SELECT bytes FROM attachment WHERE space = ?1 AND hash = ?2")?
            .query_row(params![number.0, hash.0], |row| row.get(0))
            .optional()?)
    }

    fn drop_attachment(&self, number: SpaceNumber, hash: &AttachmentHash) -> Result<i64, Fault> {
        let size: Option<i64> = self
            .prepare_cached(
                "DELETE FROM attachment WHERE space = ?1 AND hash = ?2 RETURNING length(bytes)",
            )?
            .query_row(params![number.0, hash.0], |row| row.get(0))
            .optional()?;
        Ok(size.unwrap_or(0))
    }

    fn drop_sealed(&self, number: SpaceNumber, named: &Range<Height>) -> Result<i64, Fault> {
        let mut statement = self.prepare_cached(
            "DELETE FROM attachment WHERE space = ?1 AND named >= ?2 AND named < ?3
             RETURNING length(bytes)",
        )?;
        let range = params![number.0, named.start.0, named.end.0];
        let sizes = statement.query_map(range, |row| row.get::<_, i64>(0))?;
        let mut bytes = 0;
        for size in sizes {
            bytes += size?;
        }
        Ok(bytes)
    }

    fn size(&self) -> Result<u64, Fault> {
        let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = self
            .prepare_cached(pages)?
            .query_row([], |row| row.get(0))?;
        // Without a journal there is nothing to add.
        let journal = self.path().map(|path| format!("{path}-wal"));
        let journal = journal.and_then(|path| std::fs::metadata(path).ok());
        let journal = journal.map_or(0, |journal| journal.len());
        Ok(u64::try_from(bytes).unwrap_or(0).saturating_add(journal))
    }

    fn health(&self) -> Result<(), Fault> {
        Ok(self
            .prepare_cached("SELECT count(*) FROM relay")?
            .query_row([], |_| Ok(()))?)
    }
}

/// Reads place, id and bytes from a row's first three columns.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: seq(row.get(0)?),
        id: EntryId(row.get(1)?),
        bytes: row.get(2)?,
    })
}

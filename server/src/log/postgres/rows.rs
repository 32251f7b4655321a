//! The statements on spaces, entries, memberships and attachments.

use std::ops::Range;

use ring::rand::{SecureRandom, SystemRandom};
use tokio_postgres::Row;
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::limits;

use super::transaction::PostgresRows;
use crate::log::rows::{EntryRows, Fault, Show, SpaceNumber};
use crate::log::{Attachment, Stored};

impl EntryRows for PostgresRows {
    fn number(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        let found = self.row("SELECT number FROM space WHERE id = $1", &[&&space.0[..]])?;
        first(found, |row| Ok(SpaceNumber(row.try_get(0)?)))
    }

    fn lock(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        if let Some(locked) = self.locked(space) {
            return Ok(locked);
        }
        self.lock_all(&[*space])?;
        Ok(self.locked(space).flatten())
    }

    fn insert_space(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, Fault> {
        let mut number = [0; 8];
        SystemRandom::new()
            .fill(&mut number)
            .map_err(|_| Fault::Engine("the system gives no random bytes".into()))?;
        let number = SpaceNumber(i64::from_be_bytes(number));
        let at = Cursor::start(space);
        // Waits where somebody else is making it.
        let made = self.execute(
            "INSERT INTO space (number, id, head, chain, bytes, dropped)
             VALUES ($1, $2, 0, $3, 0, 0) ON CONFLICT (id) DO NOTHING",
            &[&number.0, &&space.0[..], &&at.chain.0[..]],
        )?;
        if made == 0 {
            self.lock_all(&[*space])?;
            return Ok(None);
        }
        self.hold(space, number, at);
        Ok(Some(number))
    }

    fn add_bytes(&self, number: SpaceNumber, bytes: i64) -> Result<(), Fault> {
        self.grow(number, bytes)
    }

    fn bytes(&self, number: SpaceNumber) -> Result<u64, Fault> {
        if let Some(held) = self.held_by(number) {
            return Ok(held.bytes);
        }
        let found = self.row("SELECT bytes FROM space WHERE number = $1", &[&number.0])?;
        of_space(found)
    }

    fn dropped(&self, number: SpaceNumber) -> Result<u64, Fault> {
        if let Some(held) = self.held_by(number) {
            return Ok(held.dropped);
        }
        let found = self.row("SELECT dropped FROM space WHERE number = $1", &[&number.0])?;
        of_space(found)
    }

    fn set_dropped(&self, number: SpaceNumber, seq: u64) -> Result<(), Fault> {
        self.execute(
            "UPDATE space SET dropped = $2 WHERE number = $1",
            &[&number.0, &bound(seq)],
        )?;
        self.note_dropped(number, seq);
        Ok(())
    }

    fn head(&self, number: SpaceNumber, _: &SpaceId) -> Result<Cursor, Fault> {
        if let Some(end) = self.end(number) {
            return Ok(end);
        }
        let row = self.row(
            "SELECT head, chain FROM space WHERE number = $1",
            &[&number.0],
        )?;
        cursor(&row.ok_or(Fault::Damaged("a space is gone"))?, 0)
    }

    fn insert_entry(
        &self,
        number: SpaceNumber,
        at: &Cursor,
        entry: &Entry,
        id: &EntryId,
    ) -> Result<(), Fault> {
        self.put(number, at, entry, id)
    }

    fn chain_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Chain>, Fault> {
        let found = self.row(
            "SELECT chain FROM entry WHERE space = $1 AND seq = $2",
            &[&number.0, &bound(seq)],
        )?;
        first(found, |row| Ok(Chain(fixed(row.try_get(0)?)?)))
    }

    fn kept_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<EntryId>, Fault> {
        let found = self.row(
            "SELECT id FROM entry WHERE space = $1 AND seq = $2 AND octet_length(bytes) > 0",
            &[&number.0, &bound(seq)],
        )?;
        first(found, |row| Ok(EntryId(fixed(row.try_get(0)?)?)))
    }

    fn entry_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Stored>, Fault> {
        let found = self.row(
            "SELECT seq, id, bytes FROM entry
             WHERE space = $1 AND seq = $2 AND octet_length(bytes) > 0",
            &[&number.0, &bound(seq)],
        )?;
        first(found, |row| stored(&row))
    }

    fn entries(&self, number: SpaceNumber, after: u64, show: Show<'_>) -> Result<(), Fault> {
        // One more than a page holds, by number and by bytes, which a page ends before.
        let (most, bytes) = (bound(limits::PAGE_ENTRIES + 1), bound(limits::PAGE_BYTES));
        let next = |after| {
            self.query(
                "SELECT seq, id, bytes, chain, total FROM (
                     SELECT *, sum(octet_length(bytes)) OVER (ORDER BY seq) AS total FROM (
                         SELECT seq, id, bytes, chain FROM entry
                         WHERE space = $1 AND seq > $2 ORDER BY seq LIMIT $3
                     ) AS next
                 ) AS counted WHERE total - octet_length(bytes) <= $4 ORDER BY seq",
                &[&number.0, &after, &most, &bytes],
            )
        };
        show_all(bound(after), show, next, |rows| {
            let total: i64 = match rows.last() {
                Some(row) => row.try_get(4)?,
                None => 0,
            };
            Ok(bound(rows.len()) < most && total <= bytes)
        })
    }

    fn next_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        until: u64,
    ) -> Result<u64, Fault> {
        let last = self.row(
            "SELECT counter FROM entry WHERE space = $1 AND device = $2 AND seq <= $3
             ORDER BY counter DESC LIMIT 1",
            &[&number.0, &i64::from(device.0), &bound(until)],
        )?;
        let last = first(last, |row| unsigned(row.try_get(0)?))?;
        Ok(last.map_or(0, |last| last + 1))
    }

    fn by_counter(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        counter: u32,
    ) -> Result<Option<(u64, EntryId)>, Fault> {
        let found = self.row(
            "SELECT seq, id FROM entry WHERE space = $1 AND device = $2 AND counter = $3",
            &[&number.0, &i64::from(device.0), &i64::from(counter)],
        )?;
        first(found, |row| {
            Ok((unsigned(row.try_get(0)?)?, EntryId(fixed(row.try_get(1)?)?)))
        })
    }

    fn insert_membership(
        &self,
        number: SpaceNumber,
        height: Height,
        seq: u64,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO membership (space, height, seq) VALUES ($1, $2, $3)",
            &[&number.0, &i64::from(height.0), &bound(seq)],
        )?;
        Ok(())
    }

    fn height_at(&self, number: SpaceNumber, seq: u64) -> Result<Option<Height>, Fault> {
        let found = self.row(
            "SELECT height FROM membership WHERE space = $1 AND seq <= $2
             ORDER BY height DESC LIMIT 1",
            &[&number.0, &bound(seq)],
        )?;
        let height = first(found, |row| unsigned(row.try_get(0)?))?;
        Ok(height.and_then(|height| u32::try_from(height).ok().map(Height)))
    }

    fn place_of(&self, number: SpaceNumber, height: Height) -> Result<Option<u64>, Fault> {
        let found = self.row(
            "SELECT seq FROM membership WHERE space = $1 AND height = $2",
            &[&number.0, &i64::from(height.0)],
        )?;
        first(found, |row| unsigned(row.try_get(0)?))
    }

    fn membership_entries(
        &self,
        number: SpaceNumber,
        after: u64,
        until: u64,
        show: Show<'_>,
    ) -> Result<(), Fault> {
        let most = bound(limits::PAGE_ENTRIES);
        let next = |after| {
            self.query(
                "SELECT entry.seq, entry.id, entry.bytes, entry.chain FROM membership
                 JOIN entry ON entry.space = membership.space AND entry.seq = membership.seq
                 WHERE membership.space = $1 AND membership.seq > $2 AND membership.seq <= $3
                 ORDER BY membership.height LIMIT $4",
                &[&number.0, &after, &bound(until), &most],
            )
        };
        show_all(
            bound(after),
            show,
            next,
            |rows| Ok(bound(rows.len()) < most),
        )
    }

    fn insert_attachment(
        &self,
        number: SpaceNumber,
        attachment: &Attachment,
        named: Option<Height>,
    ) -> Result<bool, Fault> {
        let named = named.map(|height| i64::from(height.0));
        let added = self.execute(
            "INSERT INTO attachment (space, hash, bytes, named) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            &[
                &number.0,
                &&attachment.hash.0[..],
                &&attachment.bytes[..],
                &named,
            ],
        )?;
        Ok(added > 0)
    }

    fn name_again(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
        height: Height,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE attachment SET named = $3 WHERE space = $1 AND hash = $2",
            &[&number.0, &&hash.0[..], &i64::from(height.0)],
        )?;
        Ok(())
    }

    fn attachment_size(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<usize>, Fault> {
        let found = self.row(
            "SELECT octet_length(bytes) FROM attachment WHERE space = $1 AND hash = $2",
            &[&number.0, &&hash.0[..]],
        )?;
        let size = first(found, |row| Ok(row.try_get::<_, i32>(0)?))?;
        Ok(size.and_then(|size| usize::try_from(size).ok()))
    }

    fn attachment(
        &self,
        number: SpaceNumber,
        hash: &AttachmentHash,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let found = self.row(
            "SELECT bytes FROM attachment WHERE space = $1 AND hash = $2",
            &[&number.0, &&hash.0[..]],
        )?;
        first(found, |row| Ok(row.try_get(0)?))
    }

    fn drop_attachment(&self, number: SpaceNumber, hash: &AttachmentHash) -> Result<i64, Fault> {
        let found = self.row(
            "DELETE FROM attachment WHERE space = $1 AND hash = $2 RETURNING octet_length(bytes)",
            &[&number.0, &&hash.0[..]],
        )?;
        let size = first(found, |row| Ok(row.try_get::<_, i32>(0)?))?;
        Ok(size.map_or(0, i64::from))
    }

    fn drop_sealed(&self, number: SpaceNumber, named: &Range<Height>) -> Result<i64, Fault> {
        let (from, until) = (i64::from(named.start.0), i64::from(named.end.0));
        let dropped = self.query(
            "DELETE FROM attachment WHERE space = $1 AND named >= $2 AND named < $3
             RETURNING octet_length(bytes)",
            &[&number.0, &from, &until],
        )?;
        let mut bytes = 0;
        for row in dropped {
            bytes += i64::from(row.try_get::<_, i32>(0)?);
        }
        Ok(bytes)
    }

    fn size(&self) -> Result<u64, Fault> {
        let row = self.row("SELECT pg_database_size(current_database())", &[])?;
        let bytes = row.map(|row| row.try_get::<_, i64>(0)).transpose()?;
        Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    }

    fn health(&self) -> Result<(), Fault> {
        self.row("SELECT version FROM relay", &[]).map(drop)
    }
}

/// Shows rows of `next` after another, each time after the last that was shown, until `is_all` says
/// that there are no more.
fn show_all(
    mut after: i64,
    show: Show<'_>,
    next: impl Fn(i64) -> Result<Vec<Row>, Fault>,
    is_all: impl Fn(&[Row]) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    loop {
        let rows = next(after)?;
        for row in &rows {
            after = row.try_get(0)?;
            if show(stored(row)?, Chain(fixed(row.try_get(3)?)?)).is_break() {
                return Ok(());
            }
        }
        if is_all(&rows)? {
            return Ok(());
        }
    }
}

/// What a row that was found holds.
pub(super) fn first<T>(
    row: Option<Row>,
    read: impl FnOnce(Row) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    row.map(read).transpose()
}

/// The number that a statement found of a space.
fn of_space(row: Option<Row>) -> Result<u64, Fault> {
    let row = row.ok_or(Fault::Damaged("a space is gone"))?;
    unsigned(row.try_get(0)?)
}

/// A number as it is bound: none that is kept is as large as those that do not fit.
pub(super) fn bound(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A number that is never below 0.
pub(super) fn unsigned(value: i64) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|_| Fault::Damaged("a number is below 0"))
}

/// Bytes of a known length.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
    bytes
        .try_into()
        .map_err(|_| Fault::Damaged("an id has the wrong length"))
}

/// Reads a place and the chain there from a row's columns from `column` on.
pub(super) fn cursor(row: &Row, column: usize) -> Result<Cursor, Fault> {
    Ok(Cursor {
        seq: unsigned(row.try_get(column)?)?,
        chain: Chain(fixed(row.try_get(column + 1)?)?),
    })
}

/// Reads place, id and bytes from a row's first three columns.
fn stored(row: &Row) -> Result<Stored, Fault> {
    Ok(Stored {
        seq: unsigned(row.try_get(0)?)?,
        id: EntryId(fixed(row.try_get(1)?)?),
        bytes: row.try_get(2)?,
    })
}

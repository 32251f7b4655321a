//! What whoever has the data directory sees, read without disturbing a relay that runs on it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use waymark_wire::ids::{EntryId, SpaceId};

use crate::log::{DATABASE, SchemaError};

/// An entry as it lies in the database: table `entry`, its place being
/// `space.number * 2^32 + seq` and its bytes standing in the column `bytes`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredEntry {
    /// The space.
    pub space: SpaceId,
    /// Its place in the space's log.
    pub seq: u64,
    /// Its id.
    pub id: EntryId,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// All entries in a data directory, by space and place.
///
/// # Errors
/// [`SchemaError`] where there is no database that can be read.
pub fn entries(data: &Path) -> Result<Vec<StoredEntry>, SchemaError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(data.join(DATABASE), flags)?;
    let mut statement = db.prepare(
        "SELECT space.id, entry.place & 0xffffffff, entry.id, entry.bytes
         FROM entry JOIN space ON space.number = entry.place >> 32
         WHERE length(entry.bytes) > 0 ORDER BY entry.place",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(StoredEntry {
            space: SpaceId(row.get(0)?),
            seq: u64::from(row.get::<_, u32>(1)?),
            id: EntryId(row.get(2)?),
            bytes: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! Reading a table whose rows or pages may be damaged: what reads is kept, what does not is named.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::end_of;
use super::failure::in_table;
use crate::crypto::StorageKey;
use crate::store::{Sifted, StoreError, Table};

/// What was found: the rows opened, and the same as they are sealed.
pub(super) struct Found {
    pub(super) opened: Sifted,
    /// The sealed values of [`Sifted::rows`], in their order.
    pub(super) sealed: Vec<Vec<u8>>,
}

/// Reads the rows whose keys start with `prefix`, from the front as far as the pages read, and where
/// they do not, from the back as well.
pub(super) fn sift(
    connection: &Connection,
    key: &StorageKey,
    table: Table,
    prefix: &[u8],
) -> Result<Found, StoreError> {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut broken = false;
    for order in ["ASC", "DESC"] {
        match read(connection, table, prefix, order, &mut rows) {
            Ok(()) => break,
            Err(StoreError::Damaged { .. }) => broken = true,
            Err(other) => return Err(other),
        }
    }
    let mut found = Found {
        opened: Sifted {
            broken,
            ..Sifted::default()
        },
        sealed: Vec::new(),
    };
    for (place, sealed) in rows {
        match key.open(table.code(), &place, &sealed) {
            Ok(value) => {
                found.opened.rows.push((place, value));
                found.sealed.push(sealed);
            }
            Err(_) => found.opened.damaged.push(place),
        }
    }
    Ok(found)
}

fn read(
    connection: &Connection,
    table: Table,
    prefix: &[u8],
    order: &str,
    rows: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<(), StoreError> {
    let name = table.name();
    let failed = in_table(table);
    let mut statement;
    let mut found = match end_of(prefix) {
        Some(end) => {
            let range = "WHERE key >= ?1 AND key < ?2";
            let sql = format!("SELECT key, value FROM {name} {range} ORDER BY key {order}");
            statement = connection.prepare(&sql).map_err(&failed)?;
            statement.query((prefix, end))
        }
        None => {
            let sql = format!("SELECT key, value FROM {name} ORDER BY key {order}");
            statement = connection.prepare(&sql).map_err(&failed)?;
            statement.query(())
        }
    }
    .map_err(&failed)?;
    let mut broken = None;
    while let Some(row) = found.next().map_err(&failed)? {
        let columns = (row.get_ref(0), row.get_ref(1));
        let (Ok(place), Ok(value)) = columns else {
            continue;
        };
        match (place.as_blob(), value.as_blob()) {
            (Ok(place), Ok(value)) => {
                rows.entry(place.to_vec()).or_insert_with(|| value.to_vec());
            }
            // Of another type than was written: the page says something else than it did.
            (Err(error), _) | (_, Err(error)) => broken = Some(error.to_string()),
        }
    }
    match broken {
        None => Ok(()),
        Some(what) => Err(super::failure::damaged(Some(table), what)),
    }
}

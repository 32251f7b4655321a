//! When each space's log was last read to its end, also after the app was closed.

use std::collections::BTreeMap;

use waymark_wire::codec;
use waymark_wire::ids::SpaceId;

use super::Inner;
use crate::driver::Shares;
use crate::engine::Engine;
use crate::space::Space;
use crate::store::{Store, StoreError, Table, Transaction};

/// The row.
const SYNCED: &[u8] = b"synced";

impl Inner {
    /// Keeps what the machine knows, for when it knows nothing yet. It is written with whatever is
    /// written next: nothing is lost but a time.
    pub(super) fn remember_synced(&self) {
        let inner = &mut *self.shared.lock();
        if let Err(error) = remember(inner) {
            tracing::warn!(%error, "the time of the last sync was not kept");
        }
    }
}

/// When a space was last read to its end, in milliseconds since the Unix epoch, as far as it was kept.
pub(super) fn last_synced(engine: &Engine, id: &SpaceId) -> Result<Option<i64>, StoreError> {
    Ok(kept(engine.store.as_ref())?.get(id).copied())
}

fn remember(inner: &mut Shares) -> Result<(), StoreError> {
    let (engine, machine) = (&mut inner.engine, &inner.machine);
    let before = kept(engine.store.as_ref())?;
    let spaces = engine.spaces().iter();
    let now: BTreeMap<SpaceId, i64> = spaces
        .filter_map(|space: &Space| {
            let read = machine.status(space.number()).synced.map(|at| at.0);
            let at = read.or(before.get(&space.id()).copied())?;
            Some((space.id(), at))
        })
        .collect();
    if now == before {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    let rows: Vec<(SpaceId, i64)> = now.into_iter().collect();
    transaction.put(Table::Meta, SYNCED, codec::encode(&rows));
    engine.store.commit_soon(transaction.into())
}

fn kept(store: &dyn Store) -> Result<BTreeMap<SpaceId, i64>, StoreError> {
    let row = match store.get(Table::Meta, SYNCED) {
        Err(StoreError::Damaged { .. }) => None,
        row => row?,
    };
    let row = row.unwrap_or_default();
    // Of another version: then it is not known.
    let rows: Vec<(SpaceId, i64)> = codec::decode(&row, usize::MAX).unwrap_or_default();
    Ok(rows.into_iter().collect())
}

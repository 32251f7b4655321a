//! A database in memory, for simulation and tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{Row, Store, StoreError, Table, Write};

/// What a [`MemoryStore`] writes to; it stays when the store is dropped, as a disk does when a
/// process dies. Clones are handles to the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the database on this disk. What is there is what was committed.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another store has it open.
    pub fn open(&self) -> Result<MemoryStore, StoreError> {
        let mut state = self.state();
        if state.open {
            return Err(StoreError::Locked);
        }
        state.open = true;
        drop(state);
        Ok(MemoryStore { disk: self.clone() })
    }

    /// Another disk with the same content: a backup, or a phone that was cloned.
    pub fn copy(&self) -> Self {
        let rows = self.state().rows.clone();
        Self(Arc::new(Mutex::new(State {
            rows,
            ..State::default()
        })))
    }

    /// Makes every commit fail with `fault` until `None` is set, changing nothing.
    pub fn fail_commits(&self, fault: Option<StoreError>) {
        self.state().fault = fault;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made by one call that cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Store`] on a [`MemoryDisk`]. Values are not sealed: there is no file that could be read.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
}

impl Store for MemoryStore {
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut state = self.disk.state();
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        for write in writes {
            state.apply(write);
        }
        Ok(())
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.disk.state();
        Ok(state
            .rows
            .get(&table)
            .and_then(|rows| rows.get(key))
            .cloned())
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let state = self.disk.state();
        let Some(rows) = state.rows.get(&table) else {
            return Ok(Vec::new());
        };
        Ok(rows
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn verify(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.disk.state().open = false;
    }
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
    open: bool,
    fault: Option<StoreError>,
}

impl State {
    fn apply(&mut self, write: Write) {
        match write {
            Write::Put { table, key, value } => {
                self.rows.entry(table).or_default().insert(key, value);
            }
            Write::Delete { table, key } => {
                self.rows.entry(table).or_default().remove(&key);
            }
            Write::DeletePrefix { table, prefix } => self
                .rows
                .entry(table)
                .or_default()
                .retain(|key, _| !key.starts_with(&prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Transaction;
    use crate::store::conformance::{Device, store_conformance};

    impl Device for MemoryDisk {
        fn open(&self) -> Result<Box<dyn Store>, StoreError> {
            Ok(Box::new(Self::open(self)?))
        }
    }

    store_conformance!(MemoryDisk::new());

    /// A simulated crash that kept half a transaction, or lost a whole one, would prove nothing.
    #[test]
    fn a_failing_commit_changes_nothing_and_a_copy_goes_its_own_way() {
        let disk = MemoryDisk::new();
        let mut store = disk.open().unwrap();
        let mut first = Transaction::new();
        first.put(Table::Meta, "a", "1");
        store.commit(first.take()).unwrap();

        disk.fail_commits(Some(StoreError::Full));
        first.put(Table::Meta, "a", "2").delete(Table::Meta, "a");
        assert_eq!(store.commit(first.take()), Err(StoreError::Full));
        disk.fail_commits(None);
        assert_eq!(store.get(Table::Meta, b"a"), Ok(Some(b"1".to_vec())));

        let copy = disk.copy().open().unwrap();
        first.delete_prefix(Table::Meta, "");
        store.commit(first.take()).unwrap();
        assert_eq!(copy.get(Table::Meta, b"a"), Ok(Some(b"1".to_vec())));
    }
}

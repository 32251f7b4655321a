//! The disk of a simulated device: what was waited for stays at a crash, of what was not waited for a
//! first part; it can be full, and its device can die in the middle of a commit.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waymark_core::store::{Row, Store, StoreError, Table, Write};

use super::world::contains;

type Rows = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is there after a crash.
    safe: Rows,
    /// What is seen now.
    seen: Rows,
    /// What was seen and is not safe yet, commit by commit.
    soon: Vec<Vec<Write>>,
    /// The device dies at the commit after so many; whether that one stays.
    dies: Option<(u32, bool)>,
    is_dead: bool,
    /// So many commits find no room.
    full: u32,
    /// It says that something is safe before it is.
    lies: bool,
}

impl Disk {
    /// The database on it.
    pub(super) fn store(&self) -> Box<dyn Store> {
        Box::new(OnDisk(self.clone()))
    }

    /// The device dies: of the commits that did not wait, the first `keep` are there.
    pub(super) fn crash(&self, keep: usize) {
        let mut state = self.state();
        let soon = std::mem::take(&mut state.soon);
        for writes in soon.into_iter().take(keep) {
            apply(&mut state.safe, writes);
        }
        state.seen = state.safe.clone();
        state.dies = None;
        state.is_dead = false;
        state.full = 0;
    }

    /// How many commits did not wait.
    pub(super) fn soon(&self) -> usize {
        self.state().soon.len()
    }

    /// Another disk with what is safe on this one.
    pub(super) fn copy(&self) -> Self {
        let safe = self.state().safe.clone();
        let state = State {
            seen: safe.clone(),
            safe,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Whether `needle` is in what is safe on it.
    pub(super) fn holds(&self, needle: &[u8]) -> bool {
        let state = self.state();
        let mut values = state.safe.values().flat_map(BTreeMap::values);
        values.any(|value| contains(value, needle))
    }

    /// Whether `needle` is in what is seen on it now.
    pub(super) fn shows(&self, needle: &[u8]) -> bool {
        let state = self.state();
        let mut values = state.seen.values().flat_map(BTreeMap::values);
        values.any(|value| contains(value, needle))
    }

    /// Has the device die at the commit after `commits`; `stays` tells whether that one is there.
    pub(super) fn die_after(&self, commits: u32, stays: bool) {
        self.state().dies = Some((commits, stays));
    }

    /// Whether the device died.
    pub(super) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// From now on it says that something is safe before it is.
    pub(super) fn lie(&self) {
        self.state().lies = true;
    }

    /// Has the next commits find no room.
    pub(super) fn fill(&self, commits: u32) {
        self.state().full = commits;
    }

    /// Nothing goes wrong any more.
    pub(super) fn calm(&self) {
        let mut state = self.state();
        state.dies = None;
        state.full = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn commit(&mut self, writes: Vec<Write>, waits: bool) -> Result<(), StoreError> {
        let dead = || StoreError::Io {
            what: "the device is dead".into(),
        };
        if self.is_dead {
            return Err(dead());
        }
        if let Some((left, stays)) = self.dies {
            if left == 0 {
                self.is_dead = true;
                if stays {
                    for soon in std::mem::take(&mut self.soon) {
                        apply(&mut self.safe, soon);
                    }
                    apply(&mut self.safe, writes);
                }
                return Err(dead());
            }
            self.dies = Some((left - 1, stays));
        }
        if self.full > 0 {
            self.full -= 1;
            return Err(StoreError::Full);
        }
        apply(&mut self.seen, writes.clone());
        if waits && !self.lies {
            for soon in std::mem::take(&mut self.soon) {
                apply(&mut self.safe, soon);
            }
            apply(&mut self.safe, writes);
        } else {
            self.soon.push(writes);
        }
        Ok(())
    }
}

fn apply(rows: &mut Rows, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Put { table, key, value } => {
                rows.entry(table).or_default().insert(key, value);
            }
            Write::Delete { table, key } => {
                rows.entry(table).or_default().remove(&key);
            }
            Write::DeletePrefix { table, prefix } => {
                let rows = rows.entry(table).or_default();
                rows.retain(|key, _| !key.starts_with(&prefix));
            }
        }
    }
}

#[derive(Debug)]
struct OnDisk(Disk);

impl Store for OnDisk {
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.0.state().commit(writes, true)
    }

    fn commit_soon(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.0.state().commit(writes, false)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.0.state();
        let rows = state.seen.get(&table);
        Ok(rows.and_then(|rows| rows.get(key)).cloned())
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
        let state = self.0.state();
        let Some(rows) = state.seen.get(&table) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> Vec<Write> {
        vec![Write::Put {
            table: Table::Meta,
            key: key.into(),
            value: vec![1],
        }]
    }

    fn has(disk: &Disk, key: &str) -> bool {
        let value = disk.store().get(Table::Meta, key.as_bytes());
        value == Ok(Some(vec![1]))
    }

    /// A disk that kept everything would hide each place where somebody forgot to wait for it.
    #[test]
    fn a_crash_takes_what_was_not_waited_for_and_nothing_else() {
        let disk = Disk::default();
        let mut store = disk.store();
        store.commit_soon(put("a")).unwrap();
        store.commit(put("b")).unwrap();
        store.commit_soon(put("c")).unwrap();
        store.commit_soon(put("d")).unwrap();
        assert!(has(&disk, "d"));
        disk.crash(1);
        let left = ["a", "b", "c", "d"].map(|key| has(&disk, key));
        assert_eq!(left, [true, true, true, false]);
    }

    /// Otherwise nobody would ever have met the moment in the middle of a commit.
    #[test]
    fn a_device_dies_with_its_commit_or_without_it() {
        for stays in [true, false] {
            let disk = Disk::default();
            let mut store = disk.store();
            disk.die_after(1, stays);
            store.commit(put("a")).unwrap();
            assert!(store.commit(put("b")).is_err() && disk.is_dead());
            assert!(store.commit(put("c")).is_err());
            disk.crash(0);
            let left = ["a", "b", "c"].map(|key| has(&disk, key));
            assert_eq!(left, [true, stays, false]);
        }
    }
}

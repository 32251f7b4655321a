//! A device whose process dies after so many commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use waymark_core::client::{Client, Config};
use waymark_core::driver::SystemEntropy;
use waymark_core::store::{
    MemoryDisk, MemoryStore, Row, Store, StoreError, Table, Transaction, Write,
};

use crate::{Device, TestClock, TestRelay};

/// 2026-05-01 12:00 UTC.
const START: i64 = 1_777_636_800_000;

/// A store that works for so many commits; then the process is dead, and nothing reaches the disk.
struct Mortal {
    store: MemoryStore,
    lives: Arc<AtomicUsize>,
}

impl Store for Mortal {
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let less = |lives: usize| lives.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.lives.fetch_update(order, order, less).is_err() {
            let what = "the process is dead".into();
            return Err(StoreError::Io { what });
        }
        self.store.commit(writes)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.store.scan(table, prefix, after, limit)
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.store.verify()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Opens a disk for as many commits as there are lives, which a test may raise again.
#[must_use]
pub fn open_mortal(disk: &MemoryDisk, relay: &TestRelay, lives: &Arc<AtomicUsize>) -> Client {
    let store = Mortal {
        store: disk.open().expect("the disk opens"),
        lives: Arc::clone(lives),
    };
    let config = Config::new("unused", &relay.url());
    let entropy = Box::new(SystemEntropy::default());
    let clock = Arc::new(TestClock::at(START));
    Client::with_store(config, Box::new(store), entropy, clock).expect("the device opens")
}

/// A disk with all that a device has stored; the device itself is closed for good.
#[must_use]
pub fn disk_of(device: &mut Device) -> MemoryDisk {
    let disk = MemoryDisk::new();
    device.with_store(|store| {
        let mut transaction = Transaction::new();
        for table in Table::ALL {
            let rows = store.scan(table, &[], None, usize::MAX);
            for (key, value) in rows.expect("its rows") {
                transaction.put(table, key, value);
            }
        }
        let mut copy = disk.open().expect("the disk opens");
        copy.commit(transaction.take()).expect("a commit");
    });
    device.close();
    disk
}

//! Devices of people in a test.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use waymark_core::client::{Client, Config, PlanId, WaymarkError};
use waymark_core::driver::SystemEntropy;
use waymark_core::engine::Engine;
use waymark_core::store::{SqliteStore, Store, StoreError, Table, Transaction};
use waymark_wire::codec;

use crate::{TestClock, TestRelay, fixture};

/// The key of every test database.
const STORAGE_KEY: [u8; 32] = [7; 32];
/// 2026-05-01 12:00 UTC.
const START: i64 = 1_777_636_800_000;

/// One device with a database of its own.
#[derive(Debug)]
pub struct Device {
    directory: TempDir,
    relay: String,
    clock: Arc<TestClock>,
    client: Option<Client>,
}

impl Device {
    /// A new device that knows a relay's address.
    #[must_use]
    pub fn new(relay: &TestRelay) -> Self {
        Self::with_relay(&relay.url())
    }

    /// A new device that knows an address where there may be no relay.
    #[must_use]
    pub fn with_relay(relay: &str) -> Self {
        let mut device = Self::closed(TempDir::new().expect("a directory"), relay);
        device.client = Some(device.open(&STORAGE_KEY).expect("the device opens"));
        device
    }

    /// A new device whose keys all follow from a seed, as long as it is not closed.
    #[must_use]
    pub fn seeded(relay: &TestRelay, seed: [u8; 32]) -> Self {
        let mut device = Self::closed(TempDir::new().expect("a directory"), &relay.url());
        let clock = Arc::clone(&device.clock) as _;
        let client = Client::open_seeded(device.config(), &STORAGE_KEY, clock, seed);
        device.client = Some(client.expect("the device opens"));
        device
    }

    /// A device with a copy of the database of a [`fixture`], whose relay has moved to `relay`.
    #[must_use]
    pub fn restored(name: &str, relay: &str) -> Self {
        let mut device = Self::closed(fixture::copy(name), relay);
        device.reopen();
        let mut before = String::new();
        device.inside(|engine| {
            let spaces = engine.spaces();
            before.clone_from(&spaces.first().expect("a space").relay().url);
        });
        device.with_store(|store| move_relay(store, &before, relay));
        device
    }

    fn closed(directory: TempDir, relay: &str) -> Self {
        Self {
            directory,
            relay: relay.into(),
            clock: Arc::new(TestClock::at(START)),
            client: None,
        }
    }

    /// A backup, or a phone that was cloned: a device with a copy of this one's database.
    pub fn copy(&mut self) -> Self {
        self.close();
        let mut copy = Self::closed(fixture::copy_of(self.directory()), &self.relay);
        self.reopen();
        copy.reopen();
        copy
    }

    /// The facade.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("the device is open")
    }

    /// Whether it is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.client.is_some()
    }

    /// The device's clock.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Where its database is.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Closes it, as when the app ends.
    pub fn close(&mut self) {
        self.client = None;
    }

    /// Opens it again, as when the app starts.
    pub fn reopen(&mut self) {
        self.close();
        let is_locked = |error: &WaymarkError| error.code() == "locked";
        let opened = unlocked(|| self.open(&STORAGE_KEY), is_locked);
        self.client = Some(opened.expect("the device opens again"));
    }

    /// Closes it and lets `f` work on its database from inside, as no app could; then opens it again.
    pub fn inside<T>(&mut self, f: impl FnOnce(&mut Engine) -> T) -> T {
        self.close();
        let (store, entropy) = (Box::new(self.store()), SystemEntropy::default());
        let mut engine = Engine::open(store, Box::new(entropy)).expect("the engine opens");
        let result = f(&mut engine);
        drop(engine);
        self.reopen();
        result
    }

    /// Closes it and lets `f` alter what is stored, below every check; then opens it again.
    pub fn with_store(&mut self, f: impl FnOnce(&mut dyn Store)) {
        self.close();
        let mut store = self.store();
        f(&mut store);
        drop(store);
        self.reopen();
    }

    fn store(&self) -> SqliteStore {
        let open = || SqliteStore::open(self.directory(), &STORAGE_KEY, SystemEntropy::default());
        let opened = unlocked(open, |error| *error == StoreError::Locked);
        opened.expect("the database opens")
    }

    /// Tries to open its database with a key.
    ///
    /// # Errors
    /// What the facade says.
    pub fn open(&self, key: &[u8; 32]) -> Result<Client, WaymarkError> {
        Client::open_with(self.config(), key, Arc::clone(&self.clock) as _)
    }

    fn config(&self) -> Config {
        let mut config = Config::new(self.directory.path(), &self.relay);
        config.time_zone = "Europe/Amsterdam".into();
        config
    }
}

/// Has every space be served at another address, below every check.
fn move_relay(store: &mut dyn Store, from: &str, to: &str) {
    let (from, to) = (codec::encode(&from), codec::encode(&to));
    let mut transaction = Transaction::new();
    let rows = store.scan(Table::Space, &[], None, usize::MAX);
    for (key, value) in rows.expect("the spaces") {
        let mut windows = value.windows(from.len());
        let at = windows.position(|text| text == from);
        let at = at.expect("the space's relay");
        let rest = &value[at + from.len()..];
        transaction.put(Table::Space, key, [&value[..at], &to, rest].concat());
    }
    store.commit(transaction.take()).expect("a commit");
}

/// A client's phone that has begun, with a plan that nobody has heard of yet.
#[must_use]
pub fn begin(relay: &TestRelay) -> (Device, PlanId) {
    begin_at(&relay.url())
}

/// The same at an address where there may be no relay.
#[must_use]
pub fn begin_at(relay: &str) -> (Device, PlanId) {
    let phone = Device::with_relay(relay);
    phone
        .client()
        .people()
        .begin("Kim", "phone")
        .expect("begins");
    let plan = phone.client().people().create_plan().expect("a plan");
    (phone, plan)
}

/// Adds a therapist's tablet to a client's plan, and brings both up to date.
pub async fn link_therapist(phone: &Device, plan: PlanId) -> Device {
    let tablet = Device::with_relay(&phone.relay);
    let card = tablet
        .client()
        .people()
        .card("Dr. Ada", "tablet")
        .expect("a card");
    phone
        .client()
        .people()
        .add_therapist(plan, &card)
        .expect("wanted");
    hand_over(phone, &tablet, &card).await;
    tablet
}

/// Adds a second phone of the same person, and brings both up to date.
pub async fn link_phone(phone: &Device) -> Device {
    let second = Device::with_relay(&phone.relay);
    let card = second
        .client()
        .people()
        .card("Kim", "second phone")
        .expect("a card");
    phone
        .client()
        .people()
        .add_own_device(&card)
        .expect("wanted");
    hand_over(phone, &second, &card).await;
    second
}

/// Syncs, and hands a welcome to the device whose card was added.
pub async fn hand_over(phone: &Device, other: &Device, card: &[u8]) {
    phone.client().sync().now().await.expect("the phone syncs");
    let welcome = phone
        .client()
        .people()
        .welcome(card)
        .expect("a card")
        .expect("it is in the log");
    other.client().people().accept(&welcome).expect("accepted");
    other
        .client()
        .sync()
        .now()
        .await
        .expect("the other device syncs");
}

/// Opens a database, also where it seems to be open elsewhere for a moment: a process that another
/// test starts has the locks of this one until it is what it starts.
///
/// # Errors
/// What `open` says in the end.
pub fn unlocked<T, E>(
    mut open: impl FnMut() -> Result<T, E>,
    is_locked: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 0..100 {
        match open() {
            Err(error) if is_locked(&error) => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
    open()
}

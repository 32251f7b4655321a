//! Devices of people in a test.

use std::sync::Arc;

use tempfile::TempDir;
use waymark_core::client::{Client, Config, PlanId, WaymarkError};

use crate::{TestClock, TestRelay};

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
        let directory = TempDir::new().expect("a directory");
        let clock = Arc::new(TestClock::at(START));
        let mut device = Self {
            directory,
            relay: relay.into(),
            clock,
            client: None,
        };
        device.client = Some(device.open(&STORAGE_KEY).expect("the device opens"));
        device
    }

    /// The facade.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("the device is open")
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
        self.client = Some(self.open(&STORAGE_KEY).expect("the device opens again"));
    }

    /// Tries to open its database with a key.
    ///
    /// # Errors
    /// What the facade says.
    pub fn open(&self, key: &[u8; 32]) -> Result<Client, WaymarkError> {
        let mut config = Config::new(self.directory.path(), &self.relay);
        config.time_zone = "Europe/Amsterdam".into();
        Client::open_with(config, key, Arc::clone(&self.clock) as _)
    }
}

/// A client's phone that has begun, with a plan that nobody has heard of yet.
#[must_use]
pub fn begin(relay: &TestRelay) -> (Device, PlanId) {
    let phone = Device::new(relay);
    phone
        .client()
        .people()
        .begin("Kim", "phone")
        .expect("begins");
    let plan = phone.client().people().create_plan().expect("a plan");
    (phone, plan)
}

/// Adds a therapist's tablet to a client's plan, and brings both up to date.
pub async fn link_therapist(phone: &Device, plan: PlanId, relay: &TestRelay) -> Device {
    let tablet = Device::new(relay);
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
pub async fn link_phone(phone: &Device, relay: &TestRelay) -> Device {
    let second = Device::new(relay);
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

async fn hand_over(phone: &Device, other: &Device, card: &[u8]) {
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

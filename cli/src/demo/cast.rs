//! Who plays: the client's phone, the therapist's tablet, and later the client's new phone. Each is
//! a whole client with its own directory and database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use waymark_core::client::{Client, Config, WaymarkError};
use waymark_core::driver::Clock;

use super::clock::StoryClock;
use super::dice::Dice;
use super::error::DemoError;
use super::folder::Folder;
use super::proxy::{Passed, Wire};

/// The client.
pub(crate) const CLIENT: &str = "Marijke de Vries";
/// The therapist.
pub(crate) const THERAPIST: &str = "Ada Okonkwo";

/// A device's part in the story.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    /// Whose it is.
    pub(crate) person: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    /// Its directory.
    pub(crate) directory: &'static str,
}

/// The client's phone.
pub(crate) const PHONE: Part = Part {
    person: CLIENT,
    name: "Marijke's phone",
    directory: "phone",
};
/// The therapist's tablet.
pub(crate) const TABLET: Part = Part {
    person: THERAPIST,
    name: "Ada's tablet",
    directory: "tablet",
};
/// The phone that the client gets near the end.
pub(crate) const NEW_PHONE: Part = Part {
    person: CLIENT,
    name: "Marijke's new phone",
    directory: "new-phone",
};

/// A device that plays.
#[derive(Debug)]
pub(crate) struct Device {
    /// The device.
    pub(crate) client: Client,
}

/// What a sync took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synced {
    /// How long.
    pub(crate) took: Duration,
    /// What went over the wire.
    pub(crate) passed: Passed,
}

impl Device {
    /// Opens a device's database in the folder of the story.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn open(
        part: Part,
        seed: u64,
        zone: &str,
        folder: &Folder,
        wire: &Wire,
        clock: &Arc<StoryClock>,
    ) -> Result<Self, DemoError> {
        let mut config = Config::new(folder.join(part.directory), &wire.url());
        config.time_zone = zone.into();
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let keys = Dice::new(seed, part.directory).bytes();
        let client = Client::open_seeded(config, &part.storage_key(seed), clock, keys)?;
        Ok(Self { client })
    }

    /// Brings it up to date with the relay.
    ///
    /// # Errors
    /// The device's.
    pub(crate) async fn sync(&self, wire: &Wire) -> Result<Synced, WaymarkError> {
        let (before, started) = (wire.passed(), Instant::now());
        self.client.sync().now().await?;
        Ok(Synced {
            took: started.elapsed(),
            passed: wire.passed().since(before),
        })
    }
}

impl Part {
    /// The key of the device's database. On a real phone the platform keeps it.
    pub(crate) fn storage_key(self, seed: u64) -> [u8; 32] {
        Dice::new(seed, &format!("storage key of {}", self.directory)).bytes()
    }
}

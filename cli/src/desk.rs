//! The device that a verb works on: a directory with a database, a storage key and settings.
//!
//! - [`Place`]: where it is.
//! - [`Desk`]: the opened device, and how it syncs.
//! - [`Which`]: which of its plans is meant.
//! - [`DeskError`]: why a verb did not do what was asked.

mod error;
mod key;
mod place;
mod progress;
mod settings;
mod which;

use std::fs;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use waymark_core::client::{Client, Config, Status, WaymarkError};
use zeroize::Zeroizing;

pub(crate) use self::error::DeskError;
pub(crate) use self::key::parse_key;
pub(crate) use self::place::Place;
pub(crate) use self::settings::{Settings, local_zone};
pub(crate) use self::which::{Which, choose, short, spaces};
use crate::talk::Talk;
use crate::waiting::Waiting;

/// How long another command may take to end, in milliseconds.
const ENDING: u64 = 1_000;
/// Between two looks whether it has ended, in milliseconds.
const LOOK_AGAIN: u64 = 50;

/// An opened device.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The device.
    pub(crate) client: Client,
    /// To whom it speaks.
    pub(crate) talk: Talk,
    /// What it was made with.
    pub(crate) settings: Settings,
    place: Place,
    /// Whether this command has made the storage key.
    key_is_ours: bool,
    runtime: Runtime,
}

impl Desk {
    /// Opens the device in its directory.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where there is none, or the database's.
    pub(crate) fn open(place: &Place, talk: Talk) -> Result<Self, DeskError> {
        if !place.database().is_file() {
            let place = place.directory().display();
            return Err(DeskError::Wrong(format!(
                "{place} holds no device: begin with `waymark init`, `link --join` or `recover restore`"
            )));
        }
        let settings = Settings::read(place)?;
        Self::with(place, talk, settings)
    }

    /// Makes a device that has not begun yet.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where the directory holds one already, or the disk's.
    pub(crate) fn make(place: &Place, talk: Talk, settings: Settings) -> Result<Self, DeskError> {
        if place.database().exists() {
            let place = place.directory().display();
            return Err(DeskError::Wrong(format!("{place} holds a device already")));
        }
        place.make()?;
        let key_is_ours = key::make(place)?;
        settings.write(place)?;
        Self::with(place, talk, settings)
            .map(|desk| Self {
                key_is_ours,
                ..desk
            })
            .inspect_err(|_| forget(place, key_is_ours))
    }

    /// What the device in a directory is opened with, for what is done while it is closed.
    ///
    /// # Errors
    /// [`DeskError`] where settings or key cannot be read.
    pub(crate) fn config(place: &Place) -> Result<(Config, Zeroizing<[u8; 32]>), DeskError> {
        let settings = Settings::read(place)?;
        Ok((settings.config(place), key::read(place)?))
    }

    fn with(place: &Place, talk: Talk, settings: Settings) -> Result<Self, DeskError> {
        let key = key::read(place)?;
        let client = opened(&settings.config(place), &key)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Ok(Self {
            client,
            talk,
            settings,
            place: place.clone(),
            key_is_ours: false,
            runtime: runtime.map_err(DeskError::io("starting"))?,
        })
    }

    /// Takes back what [`Desk::make`] made, because the device could not begin.
    pub(crate) fn unmake(self) {
        // What cannot be removed is named by the next try.
        let _ = self.client.erase_everything();
        forget(&self.place, self.key_is_ours);
    }

    /// Brings everything up to date, and shows how far it is.
    ///
    /// # Errors
    /// The sync's.
    pub(crate) fn sync(&self) -> Result<(), WaymarkError> {
        let waiting = Waiting::new("syncing");
        let told = |status: &[Status]| Some(progress::syncing(status));
        let sync = self.client.sync();
        self.block_on(self.watched(sync.now(), &waiting, told))
    }

    /// The same, and publishes checkpoints where more than so many batches stand behind the last one.
    ///
    /// # Errors
    /// The sync's.
    pub(crate) fn tend(&self, batches: u64) -> Result<(), WaymarkError> {
        let waiting = Waiting::new("syncing");
        let told = |status: &[Status]| Some(progress::syncing(status));
        let sync = self.client.sync();
        self.block_on(self.watched(sync.tend_beyond(batches), &waiting, told))
    }

    /// The same under a text of somebody else's, which stays unless there are spaces to read.
    ///
    /// # Errors
    /// The sync's.
    pub(crate) async fn syncing(&self, waiting: &Waiting) -> Result<(), WaymarkError> {
        let sync = self.client.sync();
        self.watched(sync.now(), waiting, progress::reading).await
    }

    async fn watched(
        &self,
        work: impl Future<Output = Result<(), WaymarkError>>,
        waiting: &Waiting,
        told: impl Fn(&[Status]) -> Option<String>,
    ) -> Result<(), WaymarkError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(LOOK) => {
                    if let Some(text) = told(&self.client.status()?) {
                        waiting.say(&text);
                    }
                }
            }
        }
    }

    /// Runs something that waits.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// Opens the database. Where another command has it open, it may be about to end: that is waited for.
fn opened(config: &Config, key: &[u8; 32]) -> Result<Client, WaymarkError> {
    let mut waits = ENDING / LOOK_AGAIN;
    loop {
        match Client::open(config.clone(), key) {
            Err(WaymarkError::Locked { .. }) if waits > 0 => waits -= 1,
            opened => return opened,
        }
        thread::sleep(Duration::from_millis(LOOK_AGAIN));
    }
}

/// Removes key and settings of a device without a database.
fn forget(place: &Place, key_is_ours: bool) {
    if !place.database().exists() {
        if key_is_ours {
            let _ = fs::remove_file(place.key_file());
        }
        let _ = fs::remove_file(place.settings());
        let _ = fs::remove_file(place.lock());
        // Only where nothing else is in it.
        let _ = fs::remove_dir(place.directory());
    }
}

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(100);

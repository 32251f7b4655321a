//! What a device needs to be opened with, beside its key: `settings.json` in its directory.

use std::env;
use std::fs;

use chrono_tz::Tz;
use serde_json::{Value, json};
use waymark_core::client::Config;

use super::{DeskError, Place};

/// What a device is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The relay's address.
    pub(crate) relay: String,
    /// The time zone in which days count.
    pub(crate) time_zone: String,
}

impl Settings {
    /// Settings of a new device, in this computer's time zone.
    pub(crate) fn new(relay: &str) -> Self {
        Self {
            relay: relay.to_owned(),
            time_zone: local_zone().unwrap_or_else(|| "UTC".into()),
        }
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where there are none that can be read.
    pub(super) fn read(place: &Place) -> Result<Self, DeskError> {
        let path = place.settings();
        let text = fs::read(&path).ok();
        let value = text.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let field = |name: &str| Some(value.as_ref()?.get(name)?.as_str()?.to_owned());
        let read = field("relay").zip(field("time_zone"));
        let (relay, time_zone) = read.ok_or_else(|| {
            let path = path.display();
            DeskError::Wrong(format!("{path} does not name \"relay\" and \"time_zone\""))
        })?;
        Ok(Self { relay, time_zone })
    }

    /// Writes them.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn write(&self, place: &Place) -> Result<(), DeskError> {
        let path = place.settings();
        let value = json!({ "relay": self.relay, "time_zone": self.time_zone });
        let written = fs::write(&path, format!("{value:#}\n"));
        written.map_err(DeskError::io(path.display().to_string()))
    }

    /// The engine's configuration.
    pub(super) fn config(&self, place: &Place) -> Config {
        let mut config = Config::new(place.directory(), &self.relay);
        config.time_zone.clone_from(&self.time_zone);
        config
    }
}

/// This computer's time zone: `TZ`, else where `/etc/localtime` points. None where neither names one.
pub(crate) fn local_zone() -> Option<String> {
    let set = env::var("TZ").ok();
    let linked = || {
        let path = fs::canonicalize("/etc/localtime").ok()?;
        Some(path.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    };
    let is_known = |zone: &String| zone.parse::<Tz>().is_ok();
    set.filter(is_known).or_else(|| linked().filter(is_known))
}

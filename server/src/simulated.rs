//! A relay without a socket, for a simulation that hands it one request after another: the routes, the
//! rules and the database are the real ones; the time, the keys and the way of a request are not.

use std::path::Path;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use rusqlite::Connection;
use waymark_wire::ids::Generation;

use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::{DataDir, OpenError};
use crate::http;
use crate::log::{DATABASE, Log, SchemaError};
use crate::relay::Relay;

impl<L, B> Relay<L, B> {
    /// What it keeps its logs in, for whoever measures that without HTTP.
    #[must_use]
    pub fn log(&self) -> &L {
        &self.node.log
    }
}

impl Relay {
    /// Opens the data directory as [`Relay::open`] does, under a clock that shows the time since the
    /// Unix epoch.
    ///
    /// # Errors
    /// As [`Relay::open`].
    pub fn open_at(
        config: Config,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let data = DataDir::open(&config.data)?;
        Self::over(data, at_once(config), Clock::of(clock))
    }

    /// Opens the data directory, or makes it with a known key, under a clock that shows the time since
    /// the Unix epoch. Only what is made now depends on `seed`.
    ///
    /// # Errors
    /// As [`Relay::open`].
    pub fn simulated(
        config: Config,
        seed: [u8; 32],
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let mut data = DataDir::open(&config.data)?;
        data.key_seed = seed;
        data.nonce_secret = seed;
        let mut generation = [0; 16];
        generation.copy_from_slice(&seed[..16]);
        data.new_generation = Generation(generation);
        Self::over(data, at_once(config), Clock::of(clock))
    }

    /// Answers one request: HTTP status and body. A live pull is not for this: its answer has no end.
    pub async fn answer(&self, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let state = State(self.node.clone());
        let connection = ConnectInfo(http::InFlight::default());
        let response = http::answer(path, state, connection, Request::new(Body::from(body))).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await;
        (status, body.unwrap_or_default().into())
    }

    /// Does what a relay does by itself from time to time: drops the entries that may go, and lets go
    /// of spaces that nobody uses.
    pub async fn tend(&self) {
        self.node.note_uses().await;
        self.node.drop_due().await;
        self.node.retire().await;
    }

    /// Writes what is queued and gives the directory up.
    pub async fn stop(self) {
        self.node.log.close().await;
    }

    /// Begins another history over a data directory that was brought back from a backup, as an honest
    /// operator does. No relay may run on it.
    ///
    /// # Errors
    /// [`SchemaError`] where there is no database that can be written.
    pub fn simulate_restore(data: &Path, generation: [u8; 16]) -> Result<(), SchemaError> {
        let db = Connection::open(data.join(DATABASE))?;
        db.execute("UPDATE relay SET generation = ?1", [generation])?;
        Ok(())
    }
}

/// Nobody measures how long a simulated relay takes, and its time stands still meanwhile.
fn at_once(mut config: Config) -> Config {
    config.limits.step = Duration::ZERO;
    config
}

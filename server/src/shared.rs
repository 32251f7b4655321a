//! A relay of several nodes over one PostgreSQL database. They have the same key; each has a directory
//! of its own for it.

use std::fmt;
use std::io;
use std::str::FromStr;

use ring::rand::{SecureRandom, SystemRandom};
use tokio_postgres::config::Host;
use waymark_wire::ids::Generation;
use waymark_wire::signature::SigningKey;

use crate::bus::Bus;
use crate::check::LookError;
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::{DataDir, OpenError};
use crate::log::{self, Checked, Flaw, Identity, PostgresError, PostgresLog, PostgresLook};
use crate::relay::Relay;
use crate::restore::Restored;
use crate::stats::{self, Stats};

/// Where the database of a relay of several nodes is: `postgres://user@host:port/database`. The
/// password may stand there, or in the environment as `PGPASSWORD`, where `ps` does not show it.
#[derive(Clone)]
pub struct StoreAddress(tokio_postgres::Config);

/// An address is none.
#[derive(Debug, thiserror::Error)]
#[error("this is no address of a PostgreSQL database: {0}")]
pub struct StoreAddressError(#[from] tokio_postgres::Error);

impl StoreAddress {
    /// Whether what is said to the database stays on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                let address = name.parse::<std::net::IpAddr>();
                name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
    }
}

impl FromStr for StoreAddress {
    type Err = StoreAddressError;

    fn from_str(text: &str) -> Result<Self, StoreAddressError> {
        let mut config: tokio_postgres::Config = text.parse()?;
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        Ok(Self(config))
    }
}

/// Without the password.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreAddress")
    }
}

impl<B: Bus> Relay<PostgresLog, B> {
    /// Opens a node over the database at `store`, and hears of the others' writes by `bus`. The first
    /// node makes the key in its data directory; every other needs it brought there.
    ///
    /// # Errors
    /// [`OpenError`] where database or directory cannot be used, each in one sentence.
    pub async fn shared(config: Config, store: &StoreAddress, bus: B) -> Result<Self, OpenError> {
        let store = store.0.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let there = log::identity(&store)?;
            let data = DataDir::open_shared(&config.data, there.is_none())?;
            let key = SigningKey::from_seed(&data.key_seed).ok_or(OpenError::Random)?;
            let new = Identity {
                generation: data.new_generation,
                key: key.verifying_key(),
            };
            let log = PostgresLog::open(store, new, config.limits.queue)?;
            Ok::<_, OpenError>((data, config, log))
        });
        let opened = opened
            .await
            .map_err(|why| PostgresError::from(io::Error::from(why)))?;
        let (data, config, log) = opened?;
        Self::assemble(data, config, Clock::system(), (log, bus))
    }
}

/// Has a relay of several nodes, whose database was put back from a backup, go on from there. No node
/// may run. The keys stay. Waits for the database: not for threads that serve.
///
/// # Errors
/// [`OpenError`] where there is no relay in the database, or it cannot be used. Then nothing is
/// changed.
pub fn restore_shared(store: &StoreAddress) -> Result<Restored, OpenError> {
    let mut generation = [0; 16];
    SystemRandom::new()
        .fill(&mut generation)
        .map_err(|_| OpenError::Random)?;
    Ok(log::renew_postgres(&store.0, Generation(generation))?)
}

/// Looks at everything in the database of a relay of several nodes, as [`check`](crate::check) does in
/// a directory. Nodes may run. Waits for the database: not for threads that serve.
///
/// # Errors
/// [`LookError`] where there is nothing that can be looked at.
pub fn check_shared(
    store: &StoreAddress,
    tell: &mut dyn FnMut(&Flaw),
) -> Result<Checked, LookError> {
    let look = PostgresLook::open(&store.0).map_err(OpenError::from)?;
    Ok(log::check(&look, tell)?)
}

/// How much the relay of several nodes in this database keeps. Nodes may run. Waits for the database:
/// not for threads that serve.
///
/// # Errors
/// [`LookError`] where there is nothing that can be read.
pub fn stats_shared(store: &StoreAddress) -> Result<Stats, LookError> {
    stats::of(&PostgresLook::open(&store.0).map_err(OpenError::from)?)
}

//! A relay of several nodes over one PostgreSQL database or several. They have the same key; each has a
//! directory of its own for it.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use waymark_wire::ids::Generation;
use waymark_wire::signature::SigningKey;

use crate::bus::Bus;
use crate::check::LookError;
use crate::clock::Clock;
use crate::collect::{self, CollectError, Collectable};
use crate::config::Config;
use crate::data_dir::{DataDir, OpenError};
use crate::log::{
    self, Checked, Flaw, Identity, Log, LogError, PostgresError, PostgresLook, Sharded, Shards,
};
use crate::relay::Relay;
use crate::restore::Restored;
use crate::stats::{self, Stats};

impl<B: Bus> Relay<Sharded, B> {
    /// Opens a node over the databases of these shards, and hears of the others' writes by `bus`. The
    /// first node makes the key in its data directory; every other needs it brought there.
    ///
    /// # Errors
    /// [`OpenError`] where a database or the directory cannot be used, each in one sentence.
    pub async fn shared(config: Config, shards: &Shards, bus: B) -> Result<Self, OpenError> {
        let shards = shards.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let is_new = there(&shards)?.is_none();
            let data = DataDir::open_shared(&config.data, is_new)?;
            let key = SigningKey::from_seed(&data.key_seed).ok_or(OpenError::Random)?;
            let new = Identity {
                generation: data.new_generation,
                key: key.verifying_key(),
            };
            let log = Sharded::open(shards, new, config.limits.queue)?;
            Ok::<_, OpenError>((data, config, log))
        });
        let opened = opened
            .await
            .map_err(|why| PostgresError::from(io::Error::from(why)))?;
        let (data, config, log) = opened?;
        Self::assemble(data, config, Clock::system(), (log, bus))
    }
}

/// The relay that the first of the databases with one holds.
fn there(shards: &Shards) -> Result<Option<Identity>, PostgresError> {
    for store in shards.stores() {
        if let Some(there) = log::identity(store)? {
            return Ok(Some(there));
        }
    }
    Ok(None)
}

/// Has a relay of several nodes, of whose databases one or all were put back from a backup, go on from
/// there. No node may run. The keys stay. Waits for the databases: not for threads that serve.
///
/// # Errors
/// [`OpenError`] where there is no relay in a database, or it cannot be used. Then it, and those after
/// it, are as before.
pub fn restore_shared(shards: &Shards) -> Result<Restored, OpenError> {
    let mut generation = [0; 16];
    SystemRandom::new()
        .fill(&mut generation)
        .map_err(|_| OpenError::Random)?;
    let mut restored = Restored {
        generation: Generation(generation),
        spaces: 0,
        entries: 0,
    };
    for store in shards.stores() {
        let one = log::renew_postgres(store, restored.generation)?;
        restored.spaces += one.spaces;
        restored.entries += one.entries;
    }
    Ok(restored)
}

/// Looks at everything in the databases of a relay of several nodes, as [`check`](crate::check) does in
/// a directory. Nodes may run. Waits for the databases: not for threads that serve.
///
/// # Errors
/// [`LookError`] where there is nothing that can be looked at.
pub fn check_shared(shards: &Shards, tell: &mut dyn FnMut(&Flaw)) -> Result<Checked, LookError> {
    let mut checked = Checked::default();
    for store in shards.stores() {
        let look = PostgresLook::open(store).map_err(OpenError::from)?;
        let one = log::check(&look, tell)?;
        checked.spaces += one.spaces;
        checked.entries += one.entries;
        checked.flaws += one.flaws;
    }
    Ok(checked)
}

/// How much the relay of several nodes in these databases keeps. Nodes may run. Waits for the
/// databases: not for threads that serve.
///
/// # Errors
/// [`LookError`] where there is nothing that can be read.
pub fn stats_shared(shards: &Shards) -> Result<Stats, LookError> {
    let mut stats = Stats::default();
    for store in shards.stores() {
        let look = PostgresLook::open(store).map_err(OpenError::from)?;
        stats.add(stats::of(&look)?);
    }
    Ok(stats)
}

/// What would go of the relay of several nodes in these databases, as
/// [`collectable`](crate::collectable) tells of a directory. Nodes may run. Waits for the databases: not
/// for threads that serve.
///
/// # Errors
/// [`LookError`] where there is nothing that can be read.
pub fn collectable_shared(shards: &Shards, days: Option<u32>) -> Result<Collectable, LookError> {
    let mut all = Collectable::default();
    for store in shards.stores() {
        let look = PostgresLook::open(store).map_err(OpenError::from)?;
        all.add(collect::of(&look, days)?);
    }
    Ok(all)
}

/// Lets go of what [`collectable_shared`] tells, and tells what that was. Nodes may run.
///
/// # Errors
/// [`CollectError`] where there is no relay in a database, or one fails.
pub async fn collect_shared(
    shards: &Shards,
    days: Option<u32>,
) -> Result<Collectable, CollectError> {
    let shards = shards.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let before = collectable_shared(&shards, days)?;
        let there = there(&shards).map_err(OpenError::from)?;
        let there = there.ok_or(PostgresError::Damaged("there is no relay in it"));
        let there = there.map_err(OpenError::from)?;
        let log = Sharded::open(shards, there, collect::QUEUE).map_err(OpenError::from)?;
        Ok::<_, CollectError>((before, log))
    });
    let opened = opened
        .await
        .map_err(|why| LogError::Engine(why.to_string()))?;
    let (before, log) = opened?;
    let done = collect::all(&log, days).await;
    log.close().await;
    Ok(done.map(|()| before)?)
}

//! The program as one node of several, as far as it was built for that.

#[cfg(not(feature = "postgres"))]
pub(crate) use self::without::{check, collect, collectable, restore, serve, stats};

#[cfg(feature = "postgres")]
pub(crate) use self::with::{check, collect, collectable, restore, serve, stats};

#[cfg(not(feature = "postgres"))]
mod without {
    use tokio::runtime::Runtime;
    use waymark_server::log::{Checked, Flaw};
    use waymark_server::{CollectError, Collectable, LookError, Restored, Stats};

    use crate::End;
    use crate::flags::{Database, Serving};
    use crate::renewal::Files;

    pub(crate) async fn serve(_: Serving, _: Files) -> Result<(), End> {
        Err(unknown())
    }

    pub(crate) fn restore(_: &Database) -> Result<Restored, End> {
        Err(unknown())
    }

    pub(crate) fn check(_: &Database, _: &mut dyn FnMut(&Flaw)) -> Result<Checked, End> {
        Err(unknown())
    }

    pub(crate) fn stats(_: &Database) -> Result<Stats, End> {
        Err(unknown())
    }

    pub(crate) fn collectable(
        _: &Database,
        _: Option<u32>,
    ) -> Result<Result<Collectable, LookError>, End> {
        Err(unknown())
    }

    pub(crate) fn collect(
        _: &Runtime,
        _: &Database,
        _: Option<u32>,
    ) -> Result<Result<Collectable, CollectError>, End> {
        Err(unknown())
    }

    fn unknown() -> End {
        End::WrongUse(
            "this waymark-server keeps logs in SQLite only: build it with --features \
             postgres,nats for --store and --bus"
                .into(),
        )
    }
}

#[cfg(feature = "postgres")]
mod with {
    use std::path::Path;

    use tokio::runtime::Runtime;
    use waymark_server::bus::LocalBus;
    use waymark_server::log::{Checked, Flaw};
    use waymark_server::{
        CollectError, Collectable, LookError, Relay, Restored, Shards, ShardsError, Stats,
        StoreAddress, StoreAddressError, check_shared, collect_shared, collectable_shared,
        restore_shared, stats_shared,
    };

    use crate::flags::{Database, Serving};
    use crate::renewal::Files;
    use crate::{Doors, End, cannot, config, serve_with};

    pub(crate) async fn serve(flags: Serving, files: Files) -> Result<(), End> {
        let shards = shards(&flags.place.database)?;
        let doors = Doors::of(&flags);
        let (bus, bus_ca_file) = (flags.bus.clone(), flags.bus_ca_file.clone());
        let may_be_read = flags.place.database.allow_plaintext;
        let config = config(flags, &files)?;
        let poll = config.limits.poll;
        let cannot_run = |why: &dyn std::fmt::Display| End::CannotRun(why.to_string());
        match bus {
            #[cfg(feature = "nats")]
            Some(addresses) => {
                let is_private = waymark_server::bus::is_private(&addresses);
                if !is_private.map_err(|why| End::WrongUse(why.to_string()))? && !may_be_read {
                    return Err(elsewhere("bus", "tls:// for nats://"));
                }
                let ca_file = bus_ca_file.as_deref();
                let bus = waymark_server::bus::NatsBus::connect(&addresses, ca_file, poll).await;
                let bus = bus.map_err(|why| cannot_run(&why))?;
                let relay = Relay::shared(config, &shards, bus).await;
                serve_with(relay.map_err(|why| cannot_run(&why))?, doors, files).await
            }
            #[cfg(not(feature = "nats"))]
            Some(_) => {
                let _ = (bus_ca_file, may_be_read);
                Err(End::WrongUse(
                    "this waymark-server knows no NATS: build it with --features nats for --bus"
                        .into(),
                ))
            }
            None => {
                let relay = Relay::shared(config, &shards, LocalBus::rechecking(poll)).await;
                serve_with(relay.map_err(|why| cannot_run(&why))?, doors, files).await
            }
        }
    }

    fn elsewhere(what: &str, instead: &str) -> End {
        End::WrongUse(format!(
            "the {what} is not on this machine, and nothing seals what is said to it: write {instead} \
             in its address, or say --allow-plaintext if nobody else reads the network in between"
        ))
    }

    pub(crate) fn restore(database: &Database) -> Result<Restored, End> {
        restore_shared(&shards(database)?).map_err(|why| End::CannotRun(why.to_string()))
    }

    pub(crate) fn check(database: &Database, tell: &mut dyn FnMut(&Flaw)) -> Result<Checked, End> {
        check_shared(&shards(database)?, tell).map_err(|why| End::CannotLook(why.to_string()))
    }

    pub(crate) fn stats(database: &Database) -> Result<Stats, End> {
        stats_shared(&shards(database)?).map_err(|why| End::CannotRun(why.to_string()))
    }

    pub(crate) fn collectable(
        database: &Database,
        days: Option<u32>,
    ) -> Result<Result<Collectable, LookError>, End> {
        Ok(collectable_shared(&shards(database)?, days))
    }

    pub(crate) fn collect(
        runtime: &Runtime,
        database: &Database,
        days: Option<u32>,
    ) -> Result<Result<Collectable, CollectError>, End> {
        Ok(runtime.block_on(collect_shared(&shards(database)?, days)))
    }

    /// Where the databases are. Whatever is done with them, nobody reads along without having been
    /// allowed.
    fn shards(database: &Database) -> Result<Shards, End> {
        let wrong = |why: ShardsError| End::WrongUse(why.to_string());
        match (&database.store, &database.shards[..]) {
            (Some(store), []) => Ok(Shards::one(store_at(store, database)?)),
            (Some(_), _) => Err(End::WrongUse(
                "there is a store, and there are shards: say only one of them".into(),
            )),
            (None, shards) => {
                let mut ranges = Vec::with_capacity(shards.len());
                for shard in shards {
                    ranges.push((shard.from..=shard.to, store_at(&shard.store, database)?));
                }
                Shards::new(ranges).map_err(wrong)
            }
        }
    }

    fn store_at(address: &str, database: &Database) -> Result<StoreAddress, End> {
        let wrong = |why: StoreAddressError| End::WrongUse(why.to_string());
        let mut address: StoreAddress = address.parse().map_err(wrong)?;
        if let Some(path) = &database.store_ca_file {
            address = address.trusting(path).map_err(wrong)?;
        }
        if let Some(path) = &database.store_password_file {
            address = address.with_password(&read(path)?);
        }
        if !address.is_private() && !database.allow_plaintext {
            return Err(elsewhere("database", "sslmode=verify-full"));
        }
        Ok(address)
    }

    /// The secret in a file, which is not empty.
    fn read(path: &Path) -> Result<Vec<u8>, End> {
        let secret =
            std::fs::read(path).map_err(|why| cannot(&format!("read {}", path.display()), why))?;
        let secret = secret.trim_ascii().to_vec();
        if secret.is_empty() {
            return Err(End::CannotRun(format!(
                "there is nothing in {}",
                path.display()
            )));
        }
        Ok(secret)
    }
}

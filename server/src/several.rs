//! The program as one node of several, as far as it was built for that.

#[cfg(not(feature = "postgres"))]
pub(crate) use self::without::{check, restore, serve, stats};

#[cfg(feature = "postgres")]
pub(crate) use self::with::{check, restore, serve, stats};

#[cfg(not(feature = "postgres"))]
mod without {
    use waymark_server::log::{Checked, Flaw};
    use waymark_server::{Restored, Stats};

    use crate::{End, Flags};

    pub(crate) async fn serve(_: Flags) -> Result<(), End> {
        Err(unknown())
    }

    pub(crate) fn restore(_: &str) -> Result<Restored, End> {
        Err(unknown())
    }

    pub(crate) fn check(_: &str, _: &mut dyn FnMut(&Flaw)) -> Result<Checked, End> {
        Err(unknown())
    }

    pub(crate) fn stats(_: &str) -> Result<Stats, End> {
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
    use waymark_server::bus::LocalBus;
    use waymark_server::log::{Checked, Flaw};
    use waymark_server::{
        Relay, Restored, Stats, StoreAddress, check_shared, restore_shared, stats_shared,
    };

    use crate::{End, Flags, config, serve_with};

    pub(crate) async fn serve(flags: Flags) -> Result<(), End> {
        let store = store(flags.store.as_deref().unwrap_or_default())?;
        let may_be_read = flags.allow_plaintext;
        if !store.is_local() && !may_be_read {
            return Err(elsewhere("database"));
        }
        let (listen, bus) = (flags.listen, flags.bus.clone());
        let config = config(flags)?;
        let poll = config.limits.poll;
        let cannot_run = |why: &dyn std::fmt::Display| End::CannotRun(why.to_string());
        match bus {
            #[cfg(feature = "nats")]
            Some(addresses) => {
                let is_private = waymark_server::bus::is_private(&addresses);
                if !is_private.map_err(|why| End::WrongUse(why.to_string()))? && !may_be_read {
                    return Err(elsewhere("bus"));
                }
                let bus = waymark_server::bus::NatsBus::connect(&addresses, poll).await;
                let bus = bus.map_err(|why| cannot_run(&why))?;
                let relay = Relay::shared(config, &store, bus).await;
                serve_with(relay.map_err(|why| cannot_run(&why))?, listen).await
            }
            #[cfg(not(feature = "nats"))]
            Some(_) => Err(End::WrongUse(
                "this waymark-server knows no NATS: build it with --features nats for --bus".into(),
            )),
            None => {
                let relay = Relay::shared(config, &store, LocalBus::rechecking(poll)).await;
                serve_with(relay.map_err(|why| cannot_run(&why))?, listen).await
            }
        }
    }

    fn elsewhere(what: &str) -> End {
        End::WrongUse(format!(
            "the {what} is not on this machine, and there is no TLS to it: say --allow-plaintext if \
             nobody else reads the network in between"
        ))
    }

    pub(crate) fn restore(address: &str) -> Result<Restored, End> {
        restore_shared(&store(address)?).map_err(|why| End::CannotRun(why.to_string()))
    }

    pub(crate) fn check(address: &str, tell: &mut dyn FnMut(&Flaw)) -> Result<Checked, End> {
        check_shared(&store(address)?, tell).map_err(|why| End::CannotLook(why.to_string()))
    }

    pub(crate) fn stats(address: &str) -> Result<Stats, End> {
        stats_shared(&store(address)?).map_err(|why| End::CannotRun(why.to_string()))
    }

    fn store(address: &str) -> Result<StoreAddress, End> {
        address
            .parse()
            .map_err(|why: waymark_server::StoreAddressError| End::WrongUse(why.to_string()))
    }
}

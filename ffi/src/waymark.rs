//! One device of one person.

use std::sync::Arc;

use waymark_core::client::{
    Client, Diagnostics, PlanId, RepairView, SalvageView, Status, WaymarkError,
};

use crate::key::storage_key;
use crate::listening::Listeners;
use crate::opening::Opening;
use crate::session::Session;
use crate::{
    ChangeListener, CheckIns, Forgetting, Goals, Habits, Held, Invitations, Items, KeyProvider,
    LiveSync, ManualClock, Messages, Milestones, People, Practice, Progress, Readings, Reminders,
    Reviews, Subscription, Texts, WaymarkConfig,
};

/// One device of one person. It can be used from any thread.
#[derive(uniffi::Object)]
pub struct Waymark {
    pub(crate) session: Arc<Session>,
    listeners: Arc<Listeners>,
}

#[uniffi::export]
impl Waymark {
    /// Opens the database in the configured directory, or makes a new one. The key provider is
    /// asked once, and once more by every [`Waymark::resume`]. What lies in the drop box is taken in.
    ///
    /// # Errors
    /// `locked` where it is open already or the key cannot be had at the moment, `key_lost` where
    /// the key is another one or gone, `damaged`, `needs_newer_app`, `storage_full`,
    /// `storage_failed`; `invalid_input` where the configuration or the key's length is wrong.
    #[uniffi::constructor]
    pub fn open(
        config: WaymarkConfig,
        key_provider: Arc<dyn KeyProvider>,
    ) -> Result<Arc<Self>, WaymarkError> {
        Self::begin(config, key_provider, None)
    }

    /// The same with a clock that the caller turns, for tests of an app.
    ///
    /// # Errors
    /// As [`Waymark::open`].
    #[uniffi::constructor]
    pub fn open_with_clock(
        config: WaymarkConfig,
        key_provider: Arc<dyn KeyProvider>,
        clock: Arc<ManualClock>,
    ) -> Result<Arc<Self>, WaymarkError> {
        Self::begin(config, key_provider, Some(clock))
    }

    /// Goals, revisions, verdicts, measures and settings.
    pub fn goals(&self) -> Arc<Goals> {
        Arc::new(Goals(Arc::clone(&self.session)))
    }

    /// Check-ins and days.
    pub fn check_ins(&self) -> Arc<CheckIns> {
        Arc::new(CheckIns(Arc::clone(&self.session)))
    }

    /// Whatever else people keep beside goals and check-ins.
    pub fn items(&self) -> Arc<Items> {
        Arc::new(Items(Arc::clone(&self.session)))
    }

    /// How goals go.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::new(Progress(Arc::clone(&self.session)))
    }

    /// Milestones, rewards and celebrations.
    pub fn milestones(&self) -> Arc<Milestones> {
        Arc::new(Milestones(Arc::clone(&self.session)))
    }

    /// Minutes of practice, and timers.
    pub fn practice(&self) -> Arc<Practice> {
        Arc::new(Practice(Arc::clone(&self.session)))
    }

    /// What the client notes about days beside check-ins.
    pub fn readings(&self) -> Arc<Readings> {
        Arc::new(Readings(Arc::clone(&self.session)))
    }

    /// The order of a day.
    pub fn habits(&self) -> Arc<Habits> {
        Arc::new(Habits(Arc::clone(&self.session)))
    }

    /// Reviews, sessions and homework.
    pub fn reviews(&self) -> Arc<Reviews> {
        Arc::new(Reviews(Arc::clone(&self.session)))
    }

    /// Messages and comments, and how far they have come.
    pub fn messages(&self) -> Arc<Messages> {
        Arc::new(Messages(Arc::clone(&self.session)))
    }

    /// Which reminders come next.
    pub fn reminders(&self) -> Arc<Reminders> {
        Arc::new(Reminders(Arc::clone(&self.session)))
    }

    /// Says that the device is in another time zone, an IANA name: what is written from now on is
    /// stamped with it, and reminders follow its wall clock. Call it when the system says so
    /// (`ACTION_TIMEZONE_CHANGED`, `NSSystemTimeZoneDidChange`); at the next start the configuration
    /// says it.
    ///
    /// A local date that lasts less than twelve hours on the client's device is excused for every goal
    /// of the client's own plans by itself. Removing that excuse takes it back, once and for all devices.
    ///
    /// # Errors
    /// `invalid_input` for an unknown zone, `locked`, or the storage's; nothing is changed then.
    pub fn set_time_zone(&self, time_zone: &str) -> Result<(), WaymarkError> {
        self.session
            .call(|client| client.set_time_zone(time_zone))?;
        self.session.opening().move_to(time_zone);
        Ok(())
    }

    /// Who shares what.
    pub fn people(&self) -> Arc<People> {
        Arc::new(People(Arc::clone(&self.session)))
    }

    /// Inviting and being invited.
    pub fn invitations(&self) -> Arc<Invitations> {
        Arc::new(Invitations(Arc::clone(&self.session)))
    }

    /// What was held back: kept, shown, and not applied.
    pub fn held(&self) -> Arc<Held> {
        Arc::new(Held(Arc::clone(&self.session)))
    }

    /// Having something forgotten by everybody.
    pub fn forgetting(&self) -> Arc<Forgetting> {
        Arc::new(Forgetting(Arc::clone(&self.session)))
    }

    /// Notes that people edit together.
    pub fn texts(&self) -> Arc<Texts> {
        Arc::new(Texts(Arc::clone(&self.session)))
    }

    /// Reads what others wrote and sends what this device wrote, for every plan. Local calls go on
    /// meanwhile. It goes on to its end also where the caller is cancelled.
    ///
    /// # Errors
    /// `offline`, `relay_busy`, `relay_untrusted`, `not_allowed`, `locked`, or the storage's: the
    /// first problem of any plan. The others were brought up to date, and nothing is lost.
    pub async fn sync_now(&self) -> Result<(), WaymarkError> {
        let now = |client: Client| async move { client.sync().now().await };
        self.session.spawn(now).await
    }

    /// The same, and what can wait for a good moment: call it when the device is on power and its
    /// network costs nothing. New devices have less to read after it, and the relay has less to keep.
    ///
    /// # Errors
    /// As [`Waymark::sync_now`].
    pub async fn sync_and_tend(&self) -> Result<(), WaymarkError> {
        let tend = |client: Client| async move { client.sync().tend().await };
        self.session.spawn(tend).await
    }

    /// Stays connected: what others write arrives as it is written, what this device writes is sent
    /// at once, and failures are tried again. Ends with the object that is returned.
    ///
    /// # Errors
    /// `locked`.
    pub fn go_live(&self) -> Result<Arc<LiveSync>, WaymarkError> {
        LiveSync::start(&self.session)
    }

    /// Tells a listener of every change that others make, and of every change of the sync state.
    /// It should not itself keep the client alive, or stop listening before it goes.
    ///
    /// # Errors
    /// `locked`.
    pub fn listen(
        &self,
        listener: Arc<dyn ChangeListener>,
    ) -> Result<Arc<Subscription>, WaymarkError> {
        self.session.call(|_| Ok(self.listeners.add(listener)))
    }

    /// How everything stands, home first.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn status(&self) -> Result<Vec<Status>, WaymarkError> {
        self.session.call(Client::status)
    }

    /// What helps to find a fault, without content. Reads the whole database, so it takes a while.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn diagnostics(&self) -> Result<Diagnostics, WaymarkError> {
        self.session.call(Client::diagnostics)
    }

    /// Repairs a plan or another space, or without one everything: what is sound stays, what is
    /// damaged is dropped and comes back with the next sync.
    ///
    /// # Errors
    /// `damaged` where the file has to be rebuilt first ([`salvage`]) or the plan cannot be had back;
    /// `not_found`, `locked`, or the storage's.
    pub fn repair(&self, plan: Option<PlanId>) -> Result<Vec<RepairView>, WaymarkError> {
        self.session.call(|client| client.repair(plan))
    }

    /// The SHA-256 of everything that a plan shows: equal on two devices exactly where they show
    /// the same.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn projection_hash(&self, plan: PlanId) -> Result<Vec<u8>, WaymarkError> {
        self.session
            .call(|client| Ok(client.projection_hash(plan)?.to_vec()))
    }

    /// Everything that this device can read of every plan, as JSON for people and programs.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn export_all(&self) -> Result<String, WaymarkError> {
        self.session.call(Client::export_all)
    }

    /// Closes the database and drops every key. Every later call gives `locked`; a sync that is
    /// under way ends with it. To go on, open anew.
    ///
    /// # Errors
    /// `locked` where it is locked already.
    pub fn lock(&self) -> Result<(), WaymarkError> {
        self.listeners.clear();
        self.session.lock()?.map_or(Ok(()), Client::close)
    }

    /// Erases this device's database, and with it every key: what the relay holds stays, and this
    /// device can read none of it any more. Whether it works or not, every later call gives
    /// `locked`; where it did not, open and erase again.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn erase_everything(&self) -> Result<(), WaymarkError> {
        // Only an open database is known to be this one.
        self.session.resume()?;
        self.listeners.clear();
        let client = self.session.lock()?;
        client.map_or(Ok(()), Client::erase_everything)
    }
}

impl Waymark {
    fn begin(
        config: WaymarkConfig,
        key_provider: Arc<dyn KeyProvider>,
        clock: Option<Arc<ManualClock>>,
    ) -> Result<Arc<Self>, WaymarkError> {
        let listeners = Arc::new(Listeners::default());
        let opening = Opening::new(config, key_provider, clock, Arc::clone(&listeners));
        let session = Arc::new(Session::open(opening)?);
        Ok(Arc::new(Self { session, listeners }))
    }
}

/// Rebuilds the database's file from what can be read of it, where it does not open. The damaged file
/// stays beside it until [`remove_damaged`]. Then open and repair.
///
/// # Errors
/// `locked`, `key_lost`; `damaged` where nothing of it can be read; `storage_full`, `storage_failed`.
#[uniffi::export]
pub fn salvage(
    config: WaymarkConfig,
    key_provider: Arc<dyn KeyProvider>,
) -> Result<SalvageView, WaymarkError> {
    let key = storage_key(key_provider.as_ref())?;
    Client::salvage(&config.into(), &key)
}

/// Puts the database aside whose key is lost, so that this device can begin anew: with the recovery
/// phrase, beside another own device, or as a new person. It stays in the directory as
/// `waymark.lost-1.sqlite`, in case its key turns up, until everything is erased. Ask the person first.
///
/// # Errors
/// `not_allowed` where the key provider has its key, or there is no database; `locked`, `damaged`,
/// `needs_newer_app`, `storage_full`, `storage_failed`. It is as before then.
#[uniffi::export]
pub fn put_aside(
    config: WaymarkConfig,
    key_provider: Arc<dyn KeyProvider>,
) -> Result<(), WaymarkError> {
    let key = storage_key(key_provider.as_ref())?;
    Client::put_aside(&config.into(), &key)
}

/// Removes the damaged file that [`salvage`] left.
///
/// # Errors
/// `storage_failed`.
#[uniffi::export]
pub fn remove_damaged(config: WaymarkConfig) -> Result<(), WaymarkError> {
    Client::remove_damaged(&config.into())
}

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

//! The facade that an app sees.
//!
//! Local calls are synchronous: what they write is durable when they return, and they never wait
//! for a network. Calls that talk to a relay are async.
//!
//! ```no_run
//! # use waymark_core::client::{Client, Config, WaymarkError};
//! # fn key() -> [u8; 32] { [0; 32] }
//! # fn main() -> Result<(), WaymarkError> {
//! let client = Client::open(Config::new("/data/waymark", "http://127.0.0.1:8447"), &key())?;
//! client.people().begin("Kim", "phone")?;
//! let plan = client.people().create_plan()?;
//! for goal in client.goals().list(plan)? {
//!     println!("{}", goal.statement);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client::goals`]: goals, revisions, verdicts, measures, settings.
//! - [`Client::check_ins`]: check-ins, days.
//! - [`Client::texts`]: notes that people edit together.
//! - [`Client::items`]: whatever else people keep; [`Client::habits`], [`Client::practice`],
//!   [`Client::readings`], [`Client::progress`]: what follows from it.
//! - [`Client::milestones`]: what was reached, what is looked forward to, how it is celebrated.
//! - [`Client::reviews`]: reviews, sessions and homework.
//! - [`Client::messages`]: messages and comments, and how far they have come.
//! - [`Client::reminders`]: which reminders come next.
//! - [`Client::people`]: who shares what: cards, devices, members.
//! - [`Client::invitations`]: inviting people and own devices by a link, and being invited.
//! - [`Client::held`]: what was held back.
//! - [`Client::forgetting`]: having something forgotten by everybody.
//! - [`Client::drop_box`]: what widgets and extensions left for the app.
//! - [`Client::sync`]: the relay.

mod anew;
mod cache;
mod cards;
mod changes;
mod check_ins;
mod copying;
mod dates;
mod drop_box;
mod error;
mod evidence;
mod export;
mod focus;
mod forgetting;
mod forked;
mod goals;
mod grants;
mod habits;
mod held;
mod invitations;
mod items;
mod member_evidence;
mod members;
mod messages;
mod milestones;
mod offers;
mod people;
mod plan_id;
mod practice;
mod progress;
mod readings;
mod recovery;
mod reminders;
mod repair;
mod reviews;
#[cfg(feature = "simulation")]
mod simulated;
mod smart;
mod starting;
mod status;
mod summaries;
mod synced;
mod syncing;
mod templates;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod undoing;
mod values;
mod write;
mod zones;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use waymark_wire::codec;
use waymark_wire::ids::SpaceId;

pub use self::anew::Keep;
use self::cache::Views;
pub use self::changes::{Change, ChangeListener};
pub use self::check_ins::CheckIns;
use self::drop_box::Dropped;
pub use self::drop_box::{DropBox, DropBoxReport, RefusedIntent};
pub use self::error::{ErrorClass, WaymarkError};
pub use self::evidence::ForkEvidence;
pub use self::forgetting::{
    ForgetPreview, Forgettable, Forgetting, ForgottenOf, GivenUpView, KindCount,
};
pub use self::goals::Goals;
pub use self::grants::GrantView;
pub use self::habits::Habits;
pub use self::held::{Held, HeldContents, HeldOutcome, HeldPlace, HeldView};
pub use self::invitations::{
    Invitation, InvitationEnd, InvitationId, InvitationPurpose, InvitationStage, InvitationView,
    Invitations,
};
pub use self::items::Items;
pub use self::member_evidence::MemberEvidence;
pub use self::members::{ItemReaders, MembershipChange, MembershipStep};
pub use self::messages::{Delivery, DeliveryState, MessageView, Messages};
pub use self::milestones::Milestones;
pub use self::offers::OfferView;
pub use self::people::{KeyHolder, MemberView, People};
pub use self::plan_id::PlanId;
pub use self::practice::Practice;
pub use self::progress::Progress;
pub use self::readings::Readings;
pub use self::recovery::RecoveryState;
pub use self::reminders::Reminders;
pub use self::repair::{RepairView, SalvageView, TableView};
pub use self::reviews::Reviews;
pub use self::status::{Diagnostics, Status};
pub use self::summaries::PlanSummary;
pub use self::syncing::{LiveSync, Sync};
pub use self::texts::{TextRestored, Texts};
pub use self::undoing::UndoneDevice;
use self::zones::Here;
use crate::crypto::{Entropy, SeededEntropy};
use crate::driver::{Clock, Driver, Http, Shared, SystemClock, SystemEntropy};
use crate::engine::Engine;
use crate::membership::RelayAddress;
pub use crate::space::{NotDone, Wanted};
use crate::store::{SqliteStore, Store, Table};

/// What a client is opened with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the database is: a directory of the app's own, made if it is not there.
    pub directory: PathBuf,
    /// The relay that spaces created here are served by.
    pub relay: RelayAddress,
    /// The device's time zone as it opens, an IANA name such as `Europe/Berlin`. Journeys go on with
    /// [`Client::set_time_zone`].
    pub time_zone: String,
    /// Certificates to trust beside the web's own, in DER.
    pub roots: Vec<Vec<u8>>,
    /// Where widgets and extensions leave check-ins, if they do: a directory that they can write.
    pub drop_box: Option<PathBuf>,
}

impl Config {
    /// A configuration with the time zone UTC and the relay's key to be learned at first contact.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, relay: &str) -> Self {
        Self {
            directory: directory.into(),
            relay: RelayAddress {
                url: relay.into(),
                key: None,
            },
            time_zone: "UTC".into(),
            roots: Vec::new(),
            drop_box: None,
        }
    }
}

/// One device of one person.
///
/// It can be shared between threads; every method may be called from any of them.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    driver: Driver,
    views: Views,
    clock: Arc<dyn Clock>,
    here: Here,
    config: Config,
    /// Known where the client was opened with a storage key and a place.
    dropped: OnceLock<Dropped>,
    /// Closed or erased for good: what is in its place has no spaces.
    is_over: AtomicBool,
}

impl Client {
    /// Opens the database in the configured directory, or makes a new one. `storage_key` seals it:
    /// 32 random bytes that the platform keeps (Keychain, Keystore) and hands over here once.
    ///
    /// # Errors
    /// `locked` where another process has it open, `key_lost` where the key is another one,
    /// `damaged`, `needs_newer_app`, `storage_full`, `storage_failed`; `invalid_input` where the
    /// configuration is wrong.
    pub fn open(config: Config, storage_key: &[u8; 32]) -> Result<Self, WaymarkError> {
        Self::open_with(config, storage_key, Arc::new(SystemClock))
    }

    /// The same with another clock, for tests and demonstrations.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn open_with(
        config: Config,
        storage_key: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WaymarkError> {
        let store = SqliteStore::open(&config.directory, storage_key, SystemEntropy::default())?;
        let entropy = Box::new(SystemEntropy::default());
        let client = Self::with_store(config, Box::new(store), entropy, clock)?;
        client.inner.take_in_from(storage_key)?;
        Ok(client)
    }

    /// The same with everything from a seed, so that a demonstration runs alike twice. Whoever
    /// knows the seed knows every key, and a database that is opened again repeats what should be used
    /// once: never for real people.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn open_seeded(
        config: Config,
        storage_key: &[u8; 32],
        clock: Arc<dyn Clock>,
        seed: [u8; 32],
    ) -> Result<Self, WaymarkError> {
        let entropy = SeededEntropy::new(seed);
        let store_entropy = entropy.for_part(b"store");
        let store = SqliteStore::open(&config.directory, storage_key, store_entropy)?;
        Self::with_store(config, Box::new(store), Box::new(entropy), clock)
    }

    /// A client on any store and randomness.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn with_store(
        config: Config,
        store: Box<dyn Store>,
        entropy: Box<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WaymarkError> {
        let http = Http::new(&config.roots)?;
        Self::with_http(config, (store, entropy), clock, http)
    }

    fn with_http(
        config: Config,
        (store, entropy): (Box<dyn Store>, Box<dyn Entropy>),
        clock: Arc<dyn Clock>,
        http: Http,
    ) -> Result<Self, WaymarkError> {
        let here = Here::new(crate::model::zone(&config.time_zone)?);
        if !config.relay.is_plain() {
            let why = "the relay's address is http or https, a host and perhaps a port";
            return Err(WaymarkError::invalid(why));
        }
        let engine = Engine::open(store, entropy)?;
        let shared = Arc::new(Shared::new(engine, clock.as_ref()));
        let driver = Driver::new(Arc::clone(&shared), http);
        let inner = Inner {
            shared,
            driver,
            views: Views::default(),
            clock,
            here,
            config,
            dropped: OnceLock::new(),
            is_over: AtomicBool::new(false),
        };
        inner.arrive();
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Goals, revisions, verdicts, measures and settings.
    #[must_use]
    pub fn goals(&self) -> Goals<'_> {
        Goals(&self.inner)
    }

    /// Check-ins and days.
    #[must_use]
    pub fn check_ins(&self) -> CheckIns<'_> {
        CheckIns(&self.inner)
    }

    /// Notes that people edit together.
    #[must_use]
    pub fn texts(&self) -> Texts<'_> {
        Texts(&self.inner)
    }

    /// Who shares what.
    #[must_use]
    pub fn people(&self) -> People<'_> {
        People(&self.inner)
    }

    /// Inviting and being invited.
    #[must_use]
    pub fn invitations(&self) -> Invitations<'_> {
        Invitations(&self.inner)
    }

    /// What was held back: kept, shown, and not applied.
    #[must_use]
    pub fn held(&self) -> Held<'_> {
        Held(&self.inner)
    }

    /// Whatever else people keep beside goals and check-ins.
    #[must_use]
    pub fn items(&self) -> Items<'_> {
        Items(&self.inner)
    }

    /// How goals go.
    #[must_use]
    pub fn progress(&self) -> Progress<'_> {
        Progress(&self.inner)
    }

    /// Milestones, rewards and celebrations.
    #[must_use]
    pub fn milestones(&self) -> Milestones<'_> {
        Milestones(&self.inner)
    }

    /// Minutes of practice, and timers.
    #[must_use]
    pub fn practice(&self) -> Practice<'_> {
        Practice(&self.inner)
    }

    /// What the client notes about days beside check-ins.
    #[must_use]
    pub fn readings(&self) -> Readings<'_> {
        Readings(&self.inner)
    }

    /// The order of a day.
    #[must_use]
    pub fn habits(&self) -> Habits<'_> {
        Habits(&self.inner)
    }

    /// Reviews, sessions and homework.
    #[must_use]
    pub fn reviews(&self) -> Reviews<'_> {
        Reviews(&self.inner)
    }

    /// Messages and comments, and how far they have come.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages(&self.inner)
    }

    /// Which reminders come next.
    #[must_use]
    pub fn reminders(&self) -> Reminders<'_> {
        Reminders(&self.inner)
    }

    /// Having something forgotten.
    #[must_use]
    pub fn forgetting(&self) -> Forgetting<'_> {
        Forgetting(&self.inner)
    }

    /// What widgets and extensions left for the app.
    #[must_use]
    pub fn drop_box(&self) -> DropBox<'_> {
        DropBox(&self.inner)
    }

    /// The relay.
    #[must_use]
    pub fn sync(&self) -> Sync<'_> {
        Sync(&self.inner)
    }

    /// Calls `listener` with every change that others make, and with every change of the sync
    /// state, from one thread, never under a lock. It is called as long as the client lives, so it
    /// should not itself keep the client alive.
    pub fn listen(&self, listener: Arc<dyn ChangeListener>) {
        changes::listen(&self.inner.shared, listener);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("directory", &self.inner.config.directory)
            .finish()
    }
}

/// What the device knows of its person before any space does.
#[derive(Clone, Debug, minicbor::Decode, minicbor::Encode)]
#[cbor(map)]
pub(crate) struct Profile {
    /// The person's name.
    #[n(0)]
    pub(crate) name: String,
    /// The device's name.
    #[n(1)]
    pub(crate) device_name: String,
}

const PROFILE: &[u8] = b"profile";

impl Profile {
    pub(crate) fn load(store: &dyn Store) -> Result<Option<Self>, WaymarkError> {
        let row = store.get(Table::Meta, PROFILE)?;
        row.map(|bytes| codec::decode(&bytes, usize::MAX))
            .transpose()
            .map_err(|_| WaymarkError::Damaged {
                reason: "the profile cannot be read".into(),
            })
    }

    pub(crate) fn save(&self, transaction: &mut crate::store::Transaction) {
        transaction.put(Table::Meta, PROFILE, codec::encode(self));
    }
}

/// A number as apps are told it.
fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// The space behind a plan's id.
pub(crate) fn space_of(plan: PlanId) -> SpaceId {
    SpaceId(plan.0)
}

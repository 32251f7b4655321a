//! A device of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use waymark_core::client::{Client, Config, PlanId, WaymarkError};
use waymark_core::crypto::SeededEntropy;
use waymark_core::driver::Clock;
use waymark_core::space::Space;
use waymark_core::sync::{RequestId, Timestamp};
use waymark_wire::ids::{Height, SpaceId};
use waymark_wire::signature::VerifyingKey;

use super::disk::Disk;

/// What the device's app thinks the time is: the run's time, and how far it is off.
#[derive(Debug)]
pub(super) struct SimClock {
    pub(super) now: Arc<AtomicI64>,
    pub(super) skew: AtomicI64,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp(self.now.load(Ordering::Relaxed) + skew)
    }
}

/// A backup of a device's database.
pub(super) struct Backup {
    pub(super) disk: Disk,
    /// How much had been written in the run.
    pub(super) written: usize,
    /// Words that the device had not sent.
    pub(super) unsent: Vec<usize>,
    /// When it was made.
    pub(super) at: i64,
}

/// One device of one person.
pub(super) struct Device {
    pub(super) name: String,
    /// Whose it is; 0 is the client.
    pub(super) person: usize,
    pub(super) disk: Disk,
    pub(super) clock: Arc<SimClock>,
    /// `None` while it is off.
    pub(super) client: Option<Client>,
    /// Which relay serves what it founds.
    pub(super) relay: usize,
    /// How often it was started.
    pub(super) life: u64,
    /// How often a sync began or ended: what belongs to another one is not handed in.
    pub(super) run: u64,
    pub(super) is_running: bool,
    pub(super) requests: BTreeSet<RequestId>,
    /// It reaches no relay before this time.
    pub(super) apart_until: i64,
    pub(super) backup: Option<Backup>,
    /// The time from which it has a database that was another device's then, or that it is again as it
    /// was.
    pub(super) copied_at: Option<i64>,
    /// The device whose database it began with.
    pub(super) copy_of: Option<usize>,
    /// Somebody signs with its keys what no app of ours would. It is as it was then, and syncs no more.
    pub(super) is_bad: bool,
    /// Every epoch key that it ever held, by space.
    pub(super) keys: BTreeMap<SpaceId, BTreeSet<[u8; 32]>>,
    /// Every key that it ever signed with, by space.
    pub(super) identities: BTreeMap<SpaceId, Vec<VerifyingKey>>,
    /// The second in which it did something last, and how much.
    pub(super) busy: (i64, u32),
    seed: [u8; 32],
}

impl Device {
    pub(super) fn new(
        (name, person): (String, usize),
        disk: Disk,
        now: &Arc<AtomicI64>,
        seed: [u8; 32],
    ) -> Self {
        Self {
            name,
            person,
            disk,
            clock: Arc::new(SimClock {
                now: Arc::clone(now),
                skew: AtomicI64::new(0),
            }),
            client: None,
            relay: 0,
            life: 0,
            run: 0,
            is_running: false,
            requests: BTreeSet::new(),
            apart_until: i64::MIN,
            backup: None,
            copied_at: None,
            copy_of: None,
            is_bad: false,
            keys: BTreeMap::new(),
            identities: BTreeMap::new(),
            busy: (0, 0),
            seed,
        }
    }

    /// Starts it with what its disk has.
    pub(super) fn open(&mut self, relay: &str) -> Result<(), WaymarkError> {
        self.life += 1;
        let mut config = Config::new("/nowhere", relay);
        config.time_zone = "Europe/Amsterdam".into();
        let part = format!("{} {}", self.name, self.life);
        let entropy = SeededEntropy::new(self.seed).for_part(part.as_bytes());
        let clock = Arc::clone(&self.clock) as _;
        let client = Client::simulated(config, self.disk.store(), Box::new(entropy), clock)?;
        self.client = Some(client);
        Ok(())
    }

    /// It dies; of the commits that did not wait, the first `keep` are there.
    pub(super) fn crash(&mut self, keep: usize) {
        self.disk.crash(keep);
        self.client = None;
        self.stop();
    }

    /// Its sync ends: nothing of it is handed in any more.
    pub(super) fn stop(&mut self) {
        self.run += 1;
        self.is_running = false;
        self.requests.clear();
    }

    /// Whether it has begun or come into a space.
    pub(super) fn has_begun(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.drive(|engine, _| !engine.spaces().is_empty()))
    }

    /// The plans that it is in.
    pub(super) fn plans(&self) -> Vec<PlanId> {
        let client = self.client.as_ref();
        client
            .map(|client| client.people().plans())
            .unwrap_or_default()
    }

    /// The spaces that it is in, with the key that it signs with there.
    pub(super) fn spaces(&self) -> Vec<(SpaceId, VerifyingKey)> {
        let Some(client) = &self.client else {
            return Vec::new();
        };
        let of = |space: &Space| (space.id(), space.signing_key().verifying_key());
        client.drive(|engine, _| engine.spaces().iter().map(of).collect())
    }

    /// Notes the keys that it has now.
    pub(super) fn hoard(&mut self) {
        let Some(client) = &self.client else { return };
        let (keys, identities) = (&mut self.keys, &mut self.identities);
        client.drive(|engine, _| {
            for space in engine.spaces() {
                let own = space.signing_key().verifying_key();
                let known = identities.entry(space.id()).or_default();
                if !known.contains(&own) {
                    known.push(own);
                }
                let Some(book) = space.book() else { continue };
                let held = keys.entry(space.id()).or_default();
                for start in book.membership().epoch_starts() {
                    if let Some(key) = book.key_at(Height(start.0)) {
                        held.insert(*key.expose());
                    }
                }
            }
        });
    }
}

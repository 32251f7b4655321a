//! What readers and the preparation of appends know of memberships.

use std::sync::{Arc, Mutex, PoisonError};

use waymark_wire::ids::{Height, SpaceId};
use waymark_wire::membership::Membership;

use crate::cache::Cache;

/// How many spaces' memberships are kept in memory (up to twice as many).
const CACHED: usize = 4_096;

/// Memberships that were read or committed lately.
#[derive(Debug)]
pub(super) struct Memberships(Mutex<(u64, Cache<SpaceId, Arc<Membership>>)>);

impl Memberships {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self(Mutex::new((0, Cache::new(CACHED))))
    }

    /// What is known of a space.
    pub(super) fn get(&self, space: &SpaceId) -> Option<Arc<Membership>> {
        self.lock(|_, cache| cache.get(space).cloned())
    }

    /// Changes with every membership entry that is committed or seen to be.
    pub(super) fn version(&self) -> u64 {
        self.lock(|version, _| *version)
    }

    /// Keeps what was read from the database, unless something was committed since `version`,
    /// which it might lack.
    pub(super) fn remember(&self, membership: Arc<Membership>, version: u64) {
        self.lock(|now, cache| {
            if *now == version {
                cache.insert(*membership.space(), membership);
            }
        });
    }

    /// Lets go of a membership of below `height`, which was read from the database, and of what
    /// somebody may have read before and not kept yet.
    pub(super) fn forget_below(&self, space: &SpaceId, height: Height) {
        self.lock(|version, cache| {
            if cache.get(space).is_none_or(|known| known.height() < height) {
                *version += 1;
                cache.remove(space);
            }
        });
    }

    /// Keeps what has just been committed.
    pub(super) fn committed(&self, membership: Arc<Membership>) {
        self.lock(|version, cache| {
            *version += 1;
            cache.insert(*membership.space(), membership);
        });
    }

    /// Forgets a space that was let go.
    pub(super) fn gone(&self, space: &SpaceId) {
        self.lock(|version, cache| {
            *version += 1;
            cache.remove(space);
        });
    }

    pub(super) fn lock<T>(
        &self,
        f: impl FnOnce(&mut u64, &mut Cache<SpaceId, Arc<Membership>>) -> T,
    ) -> T {
        // What it guards is a cache: whole after every step.
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, cache) = &mut *guard;
        f(version, cache)
    }
}

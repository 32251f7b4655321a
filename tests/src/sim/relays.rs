//! The relays of a run: the real ones, handed one request after another by a clock that the run turns;
//! and what one does with its data that has something to hide.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use waymark_server::inspect::{self, StoredEntry};
use waymark_server::{Config, Relay};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::signature::SigningKey;

use super::ledger::Ledger;

/// Where relays keep what they must not lose: in memory, where the system has such a place.
const MEMORY: &str = "/dev/shm";
/// Copies of its data that a relay keeps.
const COPIES: usize = 3;

/// A relay of a run.
pub(super) struct SimRelay {
    /// Its address.
    pub(super) url: String,
    /// Nobody answers there before this time.
    pub(super) down_until: i64,
    shown: Branch,
    /// What it shows to some devices in place of that.
    other: Option<(Branch, BTreeSet<usize>)>,
    /// Its data as they were, oldest first.
    copies: Vec<TempDir>,
    histories: u8,
    host: Host,
}

/// What every relay of an address has in common.
struct Host {
    seed: [u8; 32],
    now: Arc<AtomicI64>,
    runtime: Arc<Runtime>,
}

/// A directory with a relay on it.
struct Branch {
    directory: TempDir,
    relay: Option<Relay>,
}

impl Host {
    fn open(&self, directory: TempDir) -> Branch {
        let mut branch = Branch {
            directory,
            relay: None,
        };
        self.start(&mut branch);
        branch
    }

    fn start(&self, branch: &mut Branch) {
        let now = Arc::clone(&self.now);
        let clock = move || {
            let millis = now.load(Ordering::Relaxed);
            Duration::from_millis(u64::try_from(millis).unwrap_or_default())
        };
        let config = Config::new(branch.directory.path());
        let opened = async { Relay::simulated(config, self.seed, clock) };
        let relay = self.runtime.block_on(opened);
        branch.relay = Some(relay.expect("the relay opens"));
    }

    fn stop(&self, branch: &mut Branch) {
        if let Some(relay) = branch.relay.take() {
            self.runtime.block_on(relay.stop());
        }
    }

    /// Stops what runs on a directory, copies that, and starts it again.
    fn copy(&self, branch: &mut Branch) -> TempDir {
        self.stop(branch);
        let copy = copy_of(branch.directory.path());
        self.start(branch);
        copy
    }

    fn ask(&self, branch: &Branch, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let relay = branch.relay.as_ref().expect("it runs");
        self.runtime.block_on(relay.answer(path, body.to_vec()))
    }
}

impl SimRelay {
    pub(super) fn new(number: usize, seed: [u8; 32], runtime: Arc<Runtime>) -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let host = Host { seed, now, runtime };
        Self {
            url: format!("http://relay-{number}"),
            down_until: i64::MIN,
            shown: host.open(directory()),
            other: None,
            copies: Vec::new(),
            histories: 0,
            host,
        }
    }

    /// Stops it and starts it again on what it has.
    pub(super) fn restart(&mut self) {
        let other = self.other.iter_mut().map(|(branch, _)| branch);
        for branch in other.chain([&mut self.shown]) {
            self.host.stop(branch);
            self.host.start(branch);
        }
    }

    /// Answers a device's request, and enters into the ledger what it took.
    pub(super) fn answer(
        &mut self,
        now: i64,
        (device, path, body): (usize, &str, &[u8]),
        ledger: &mut Ledger,
    ) -> (u16, Vec<u8>) {
        self.host.now.store(now, Ordering::Relaxed);
        let other = self.other.as_ref();
        let other = other.filter(|(_, devices)| devices.contains(&device));
        let branch = other.map_or(&self.shown, |(branch, _)| branch);
        let (status, answer) = self.host.ask(branch, path, body);
        ledger.note(now, path, body, (status, &answer));
        (status, answer)
    }

    /// Answers, and keeps nothing of what it says that it took. Says too which spaces lack something.
    pub(super) fn answer_and_forget(
        &mut self,
        now: i64,
        (device, path, body): (usize, &str, &[u8]),
        ledger: &mut Ledger,
    ) -> (BTreeSet<SpaceId>, (u16, Vec<u8>)) {
        self.host.now.store(now, Ordering::Relaxed);
        let other = self.other.as_mut();
        let other = other.filter(|(_, devices)| devices.contains(&device));
        let branch = other.map_or(&mut self.shown, |(branch, _)| branch);
        let mut thrown_away = {
            let copy = self.host.copy(branch);
            self.host.open(copy)
        };
        let (status, answer) = self.host.ask(&thrown_away, path, body);
        self.host.stop(&mut thrown_away);
        ledger.note(now, path, body, (status, &answer));
        (lost(&thrown_away, branch), (status, answer))
    }

    /// Drops what may go, and says how many entries went.
    pub(super) fn tend(&mut self, now: i64) -> u64 {
        self.host.now.store(now, Ordering::Relaxed);
        let other = self.other.iter().map(|(branch, _)| branch);
        let mut dropped = 0;
        for branch in other.chain([&self.shown]) {
            let before = branch.stored().len();
            if let Some(relay) = &branch.relay {
                self.host.runtime.block_on(relay.tend());
            }
            dropped += before.saturating_sub(branch.stored().len());
        }
        u64::try_from(dropped).unwrap_or_default()
    }

    /// Keeps a copy of what it has.
    pub(super) fn keep_copy(&mut self) {
        let copy = self.host.copy(&mut self.shown);
        self.copies.push(copy);
        if self.copies.len() > COPIES {
            self.copies.remove(0);
        }
    }

    /// How many copies it has.
    pub(super) fn copies(&self) -> usize {
        self.copies.len()
    }

    /// Puts a copy in the place of what it has, and says in which spaces something is gone by that.
    /// Where it says `openly` that it was restored, its history is another one from there.
    pub(super) fn roll_back(&mut self, copy: usize, openly: bool) -> BTreeSet<SpaceId> {
        let Some(copy) = self.copies.get(copy) else {
            return BTreeSet::new();
        };
        let copy = copy_of(copy.path());
        if openly {
            self.histories += 1;
            let mut generation = [self.histories; 16];
            generation[1..].copy_from_slice(&self.host.seed[1..16]);
            Relay::simulate_restore(copy.path(), generation).expect("a database");
        }
        let back = self.host.open(copy);
        self.show(back)
    }

    fn show(&mut self, branch: Branch) -> BTreeSet<SpaceId> {
        let mut before = std::mem::replace(&mut self.shown, branch);
        self.host.stop(&mut before);
        lost(&before, &self.shown)
    }

    /// From now on it shows some devices another log, which begins as the one of all.
    pub(super) fn fork(&mut self, devices: BTreeSet<usize>) {
        let copy = self.host.copy(&mut self.shown);
        self.other = Some((self.host.open(copy), devices));
    }

    /// Whether it shows two logs.
    pub(super) const fn is_forked(&self) -> bool {
        self.other.is_some()
    }

    /// One of its two logs goes away; says in which spaces something is gone by that.
    pub(super) fn join(&mut self, keep_other: bool) -> BTreeSet<SpaceId> {
        let Some((mut other, _)) = self.other.take() else {
            return BTreeSet::new();
        };
        if keep_other {
            return self.show(other);
        }
        self.host.stop(&mut other);
        lost(&other, &self.shown)
    }

    /// What it has.
    pub(super) fn stored(&self) -> Vec<StoredEntry> {
        self.shown.stored()
    }

    /// What it has in any of its logs.
    pub(super) fn all_stored(&self) -> Vec<StoredEntry> {
        let other = self.other.iter().flat_map(|(other, _)| other.stored());
        self.shown.stored().into_iter().chain(other).collect()
    }

    /// The key that it signs with.
    pub(super) fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.host.seed).expect("a key")
    }
}

impl Branch {
    fn stored(&self) -> Vec<StoredEntry> {
        inspect::entries(self.directory.path()).expect("the relay's database")
    }
}

/// The spaces of which one has something that the other has not at the same place.
fn lost(before: &Branch, after: &Branch) -> BTreeSet<SpaceId> {
    let place = |stored: StoredEntry| ((stored.space, stored.seq), stored.id);
    let after: BTreeMap<(SpaceId, u64), EntryId> = after.stored().into_iter().map(place).collect();
    let before = before.stored().into_iter().map(place);
    let lost = before.filter(|(place, id)| after.get(place) != Some(id));
    lost.map(|((space, _), _)| space).collect()
}

fn directory() -> TempDir {
    let directory = TempDir::new_in(MEMORY).or_else(|_| TempDir::new());
    directory.expect("a directory")
}

fn copy_of(path: &Path) -> TempDir {
    let copy = directory();
    for file in fs::read_dir(path).expect("a directory") {
        let file = file.expect("a file");
        if file.file_name() != "lock" {
            fs::copy(file.path(), copy.path().join(file.file_name())).expect("a copy");
        }
    }
    copy
}

//! The run itself: devices, relays and the network between them, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ring::digest::{Context, SHA256};
use tokio::runtime::{Builder, Runtime};
use waymark_core::client::WaymarkError;
use waymark_core::crypto::{Entropy, SeededEntropy};
use waymark_core::membership::Wish;
use waymark_core::space::Space;
use waymark_core::sync::{Effect, Event as Told, Failure, RequestId, Timestamp};
use waymark_wire::codec;
use waymark_wire::ids::SpaceId;
use waymark_wire::message::{APPEND_PATH, AppendRequest, Frame};

use super::acts::Joining;
use super::chance::Chance;
use super::device::Device;
use super::disk::Disk;
use super::ledger::Ledger;
use super::lies::Silence;
use super::oracle::Oracle;
use super::relays::SimRelay;
use super::report::{Group, Tally};
use super::{NEEDLE, Options, Relays, Sabotage};

/// 2026-05-01 12:00 UTC.
const START: i64 = 1_777_636_800_000;
/// Effects of one device in one second, at most.
const BUSIEST: u32 = 400;

/// What is to happen.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody does something.
    Act,
    /// A piece of an answer reaches its device.
    Answer {
        device: usize,
        run: u64,
        id: RequestId,
        piece: Piece,
    },
    /// A request reaches its relay.
    Arrive(Sent),
    /// A device is switched on again.
    Reopen { device: usize, life: u64 },
    /// A device has waited long enough.
    Wake { device: usize, run: u64 },
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) relay: usize,
    pub(super) device: usize,
    pub(super) run: u64,
    pub(super) id: RequestId,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) streamed: bool,
    /// Nobody waits for the answer: it is the same request again.
    pub(super) is_copy: bool,
}

/// A piece of an answer, or what stands in its place.
#[derive(Debug)]
pub(super) enum Piece {
    Chunk(Vec<u8>),
    End,
    Failed(Failure),
    Whole(u16, Vec<u8>),
}

/// A run.
pub(super) struct World {
    pub(super) options: Options,
    pub(super) now: Arc<AtomicI64>,
    pub(super) chance: Chance,
    pub(super) relays: Vec<SimRelay>,
    pub(super) devices: Vec<Device>,
    pub(super) ledger: Ledger,
    pub(super) oracle: Oracle,
    pub(super) tally: Tally,
    pub(super) joining: Vec<Joining>,
    /// Who does something now.
    pub(super) acting: usize,
    pub(super) failure: Option<String>,
    /// Faults have stopped.
    pub(super) is_calm: bool,
    /// Of what relays say nothing.
    pub(super) silences: Vec<Silence>,
    /// Answers that relays gave before, by relay.
    pub(super) remembered: Vec<(usize, Vec<Frame>)>,
    /// Spaces of which a relay lost something that it had said to have.
    pub(super) hurt: BTreeSet<SpaceId>,
    /// Which devices know of which spaces that they were closed.
    pub(super) closed: BTreeSet<(usize, SpaceId)>,
    /// Devices that were told that something they wanted forgotten cannot be.
    pub(super) was_refused: BTreeSet<usize>,
    pub(super) keys: SeededEntropy,
    events: BTreeMap<(i64, u64), Event>,
    next_event: u64,
    trace: Context,
}

impl World {
    /// A run's beginning: nobody has begun yet.
    pub(super) fn new(seed: u64, options: Options) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime: Arc<Runtime> = Arc::new(runtime.expect("a runtime"));
        let mut wide = [0; 32];
        wide[..8].copy_from_slice(&seed.to_be_bytes());
        let keys = SeededEntropy::new(wide);
        let mut chance = Chance::new(seed);
        let relay = |number: usize| {
            let part = format!("relay {number}");
            SimRelay::new(number, draw(&keys, &part), Arc::clone(&runtime))
        };
        let relays = (0..1 + chance.below(2)).map(relay).collect();
        let mut world = Self {
            options,
            now: Arc::new(AtomicI64::new(START)),
            chance,
            relays,
            devices: Vec::new(),
            ledger: Ledger::new(options.relays == Relays::Lying),
            oracle: Oracle::default(),
            tally: Tally::default(),
            joining: Vec::new(),
            acting: 0,
            failure: None,
            is_calm: false,
            silences: Vec::new(),
            remembered: Vec::new(),
            hurt: BTreeSet::new(),
            closed: BTreeSet::new(),
            was_refused: BTreeSet::new(),
            keys,
            events: BTreeMap::new(),
            next_event: 0,
            trace: Context::new(&SHA256),
        };
        let people = 2 + world.chance.below(3);
        let devices = (people.max(3) + world.chance.below(4)).min(7);
        for number in 0..devices {
            let person = if number < people {
                number
            } else {
                world.chance.below(people)
            };
            world.add_device(person, Disk::default());
        }
        world
    }

    /// Adds a device that is switched on.
    pub(super) fn add_device(&mut self, person: usize, disk: Disk) -> usize {
        let number = self.devices.len();
        let name = format!("{NEEDLE} device {number}");
        let seed = draw(&self.keys, &name);
        if self.options.sabotage == Some(Sabotage::DisksLie) {
            disk.lie();
        }
        let mut device = Device::new((name, person), disk, &self.now, seed);
        device.relay = 0;
        self.devices.push(device);
        self.open(number);
        number
    }

    /// The time.
    pub(super) fn time(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// So much time passes without anything that happens.
    pub(super) fn pass(&mut self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// Has something happen after so many milliseconds.
    pub(super) fn after(&mut self, millis: i64, event: Event) {
        let at = self.time().saturating_add(millis);
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }

    /// The next thing that happens, at its time.
    pub(super) fn next(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now.fetch_max(at, Ordering::Relaxed);
        Some(event)
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<i64> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Says that a check failed; the first one counts.
    pub(super) fn fail(&mut self, why: impl Into<String>) {
        let why = why.into();
        self.say(&format!("FAILED: {why}"));
        self.failure.get_or_insert(why);
    }

    /// Enters something into the trace.
    pub(super) fn say(&mut self, what: &str) {
        self.trace.update(&self.time().to_be_bytes());
        self.trace.update(what.as_bytes());
        if self.options.verbose {
            let passed = self.time() - START;
            println!("{:>10}.{:03} {what}", passed / 1_000, passed % 1_000);
        }
    }

    /// The hash of everything that happened so far.
    pub(super) fn trace(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.trace.clone().finish().as_ref());
        hash
    }

    /// Switches a device on.
    pub(super) fn open(&mut self, number: usize) {
        let device = &mut self.devices[number];
        let url = &self.relays[device.relay.min(self.relays.len() - 1)].url;
        if let Err(error) = device.open(url) {
            let why = format!("{} does not open: {error}", device.name);
            return self.fail(why);
        }
        self.check_own_copy(number);
    }

    /// Something is gone from a relay or a device: notes what is nowhere any more.
    pub(super) fn note_forgotten(&mut self) {
        if self.options.relays == Relays::Lying {
            let stored: Vec<_> = self.relays.iter().flat_map(SimRelay::all_stored).collect();
            let devices = &self.devices;
            let holds = |signature: &[u8]| devices.iter().any(|d| d.disk.holds(signature));
            self.ledger.note_forgotten(&stored, holds);
        }
    }

    /// A device dies, and is switched on again after a while.
    pub(super) fn crash(&mut self, number: usize, why: &str) {
        let soon = self.devices[number].disk.soon();
        let keep = self.chance.below(soon + 1);
        self.devices[number].crash(keep);
        if keep < soon {
            self.note_forgotten();
        }
        self.closed.retain(|(device, _)| *device != number);
        self.tally.count(Group::Fault, &format!("crashes {why}"));
        self.say(&format!("{number} crashes {why}, keeps {keep} of {soon}"));
        let life = self.devices[number].life;
        let wait = self.chance.millis(30_000);
        self.after(
            wait,
            Event::Reopen {
                device: number,
                life,
            },
        );
    }

    /// Begins a sync, as an app that calls for one.
    pub(super) fn start_sync(&mut self, number: usize) {
        let tends = self.tends();
        self.start_sync_with(number, tends);
    }

    /// The same, in a good moment where `tends` says beyond how many batches a checkpoint is due.
    pub(super) fn start_sync_with(&mut self, number: usize, tends: Option<u64>) {
        let device = &mut self.devices[number];
        let Some(client) = device.client.as_ref().filter(|_| !device.is_bad) else {
            return;
        };
        client.before_sync();
        if !device.is_running {
            client.drive(|_, machine| machine.forget_requests());
            device.run += 1;
            device.is_running = true;
        }
        client.drive(|engine, machine| match tends {
            Some(most) => machine.tend(engine, most),
            None => machine.sync_now(engine),
        });
        self.pump(number);
    }

    /// Carries out what a device's machine wants, as long as its sync runs.
    pub(super) fn pump(&mut self, number: usize) {
        while self.devices[number].is_running {
            let now = Timestamp(self.time());
            let device = &mut self.devices[number];
            let Some(client) = device.client.clone() else {
                return;
            };
            let effect = client.drive(|engine, machine| machine.poll_effect(engine, now));
            if self.devices[number].disk.is_dead() {
                return self.crash(number, "in a commit");
            }
            if effect.is_some() && self.chance.force("crash between two effects", 15) {
                return self.crash(number, "between two effects");
            }
            match effect {
                Some(effect) => self.carry_out(number, effect),
                None => {
                    if self.rest(number, now) {
                        return;
                    }
                }
            }
        }
    }

    /// Nothing is left to be done at once. Says whether the device waits or has ended its sync.
    fn rest(&mut self, number: usize, now: Timestamp) -> bool {
        let device = &mut self.devices[number];
        let Some(client) = device.client.clone() else {
            return true;
        };
        let (told, settled, wake) = client.drive(|engine, machine| {
            let told: Vec<Told> = std::iter::from_fn(|| machine.poll_event()).collect();
            (told, machine.is_settled(engine), machine.poll_timeout())
        });
        for event in told {
            match event {
                Told::Restored { .. } => self.tally.count(Group::Run, "memberships renounced"),
                Told::Unfulfilled { unfulfilled, .. } => {
                    self.say(&format!("{number} cannot any more: {}", unfulfilled.reason));
                    if matches!(unfulfilled.wish, Wish::Forget(_)) {
                        self.was_refused.insert(number);
                    }
                    self.tally.count(Group::Run, "wishes that came second");
                }
                _ => {}
            }
        }
        self.note_sent(number);
        self.note_closed(number);
        if !settled {
            if let Some(wake) = wake {
                let run = self.devices[number].run;
                let wait = (wake.0 - now.0).max(0) + 1;
                self.after(
                    wait,
                    Event::Wake {
                        device: number,
                        run,
                    },
                );
            }
            return true;
        }
        if client.after_sync() {
            client.drive(|engine, machine| machine.sync_now(engine));
            return false;
        }
        self.say(&format!("{number} has synced"));
        self.devices[number].stop();
        true
    }

    fn carry_out(&mut self, number: usize, effect: Effect) {
        let second = self.time() / 1_000;
        let busy = &mut self.devices[number].busy;
        *busy = if busy.0 == second {
            (second, busy.1 + 1)
        } else {
            (second, 1)
        };
        if busy.1 > BUSIEST {
            self.devices[number].stop();
            return self.fail(format!("{number} does not come to rest within a second"));
        }
        match effect {
            Effect::Cancel(id) => {
                self.devices[number].requests.remove(&id);
            }
            Effect::Request {
                id,
                url,
                body,
                streamed,
            } => {
                let find = |relay: &SimRelay| url.strip_prefix(relay.url.as_str());
                let found = self.relays.iter().zip(0..);
                let mut found = found.filter_map(|(relay, at)| Some((find(relay)?.to_owned(), at)));
                let Some((path, relay)) = found.next() else {
                    return self.fail(format!("{number} asks nobody: {url}"));
                };
                drop(found);
                if contains(&body, NEEDLE.as_bytes()) {
                    self.fail(format!("{number} sends words in clear to {path}"));
                }
                self.trace.update(&body);
                self.check_heals_nothing_closed(number, &path, &body);
                self.devices[number].requests.insert(id);
                let run = self.devices[number].run;
                self.send(Sent {
                    relay,
                    device: number,
                    run,
                    id,
                    path,
                    body,
                    streamed,
                    is_copy: false,
                });
            }
        }
    }

    /// Notes which spaces a device knows to be closed. None of them is ever open again to it.
    fn note_closed(&mut self, number: usize) {
        let Some(client) = self.devices[number].client.clone() else {
            return;
        };
        let of = |space: &Space| (space.id(), space.is_closed());
        let spaces: Vec<(SpaceId, bool)> =
            client.drive(|engine, _| engine.spaces().iter().map(of).collect());
        for (space, is_closed) in spaces {
            if is_closed {
                self.closed.insert((number, space));
            } else if self.closed.contains(&(number, space)) {
                self.fail(format!("{number} opens {space} again, which was closed"));
            }
        }
    }

    /// Nothing is put into a space by a device that knows that it was closed.
    fn check_heals_nothing_closed(&mut self, number: usize, path: &str, body: &[u8]) {
        if path != APPEND_PATH || !self.closed.iter().any(|(device, _)| *device == number) {
            return;
        }
        let append = codec::decode::<AppendRequest>(body, usize::MAX);
        let space = append.map(|append| append.space);
        if space.is_ok_and(|space| self.closed.contains(&(number, space))) {
            self.fail(format!("{number} sends to a space that it knows is closed"));
        }
    }

    /// Something happens.
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Act => {}
            Event::Answer {
                device,
                run,
                id,
                piece,
            } => self.hand_in(device, run, id, piece),
            Event::Arrive(sent) => self.arrive(sent),
            Event::Reopen { device, life } => {
                let is_off = self.devices[device].client.is_none();
                if is_off && self.devices[device].life == life {
                    self.say(&format!("{device} is switched on"));
                    self.open(device);
                    if self.chance.is(500) {
                        self.start_sync(device);
                    }
                }
            }
            Event::Wake { device, run } => {
                if self.devices[device].run == run {
                    self.pump(device);
                }
            }
        }
        if let Some(wrong) = self.ledger.wrong.take() {
            self.fail(wrong);
        }
    }

    fn hand_in(&mut self, number: usize, run: u64, id: RequestId, piece: Piece) {
        let now = Timestamp(self.time());
        let device = &mut self.devices[number];
        let Some(client) = device.client.clone() else {
            return;
        };
        if device.run != run || !device.requests.contains(&id) {
            return;
        }
        let is_last = !matches!(piece, Piece::Chunk(_));
        if is_last {
            device.requests.remove(&id);
        }
        client.drive(|engine, machine| match &piece {
            Piece::Chunk(bytes) => machine.handle_chunk(engine, id, bytes, now),
            Piece::End => machine.handle_end(engine, id, now),
            Piece::Failed(why) => machine.handle_failure(engine, id, *why, now),
            Piece::Whole(status, body) => machine.handle_answer(engine, id, *status, body, now),
        });
        match &piece {
            Piece::Chunk(bytes) | Piece::Whole(_, bytes) => self.trace.update(bytes),
            Piece::End | Piece::Failed(_) => {}
        }
        self.devices[number].hoard();
        if self.devices[number].disk.is_dead() {
            return self.crash(number, "in a commit");
        }
        if !is_last
            && self
                .chance
                .force("crash between two pieces of an answer", 60)
        {
            return self.crash(number, "between two pieces of an answer");
        }
        if is_last && self.chance.force("crash after an answer", 30) {
            return self.crash(number, "after an answer");
        }
        self.pump(number);
    }

    /// What the facade said: whether it did it. What nobody may hear fails the run.
    pub(super) fn heard<T>(&mut self, what: &str, said: Result<T, WaymarkError>) -> Option<T> {
        match said {
            Ok(value) => {
                self.tally.count(Group::Operation, what);
                self.say(&format!("{}: {what}", self.acting));
                Some(value)
            }
            Err(error) => {
                let code = error.code();
                self.tally.count(Group::Refused, code);
                self.say(&format!("{}: {what}: {error}", self.acting));
                let is_usual = matches!(
                    code,
                    "not_allowed" | "invalid_input" | "not_found" | "bad_card"
                );
                // Whoever starts at what is left has nothing to write in until that is here.
                let starts = self.options.forgets || self.options.checkpoints;
                let is_usual = is_usual || (code == "offline" && starts);
                let is_fault = !self.is_calm && matches!(code, "storage_failed" | "storage_full");
                if !is_usual && !is_fault {
                    self.fail(format!("{what}: {code}: {error}"));
                }
                None
            }
        }
    }
}

/// Whether `needle` occurs in `bytes`.
pub(super) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return true;
    };
    let mut left = bytes;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

fn draw(keys: &SeededEntropy, part: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    keys.for_part(part.as_bytes()).fill(&mut bytes);
    bytes
}

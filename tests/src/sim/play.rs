//! The two phases of a run: first everything goes wrong that can, then nothing does.

use std::sync::atomic::Ordering;

use waymark_core::client::Client;
use waymark_core::membership::SpaceKind;

use super::Relays;
use super::report::{Group, Outcome};
use super::world::{Event, World};

/// Rounds of syncs after which everybody has to have everything.
const ROUNDS: usize = 40;
/// What may happen in one round.
const EVENTS: usize = 50_000;
/// What a device says where it does not follow its relay.
const UNDONE: &str = "was removed, and on with an entry of it";
/// A day and a little, in milliseconds.
const DAY_MS: i64 = 25 * 60 * 60 * 1_000;
/// Milliseconds that one round may take.
const ROUND_MS: i64 = 15 * 60 * 1_000;

impl World {
    /// Plays the run to its end.
    pub(super) fn play(mut self, seed: u64) -> Outcome {
        self.safety();
        self.tally
            .add(Group::Run, "devices", count(self.devices.len()));
        if self.failure.is_none() {
            self.liveness();
        }
        if self.failure.is_none() {
            self.check();
        }
        if self.options.verbose && self.failure.is_some() {
            self.ledger.print();
            self.print_numbers();
        }
        self.tally.count(Group::Run, "seeds");
        self.tally
            .add(Group::Run, "entries", count(self.ledger.len()));
        self.tally.add(
            Group::Run,
            "records and words written",
            count(self.oracle.len()),
        );
        let forced: Vec<_> = self.chance.forced().collect();
        for (point, times) in forced {
            self.tally.add(Group::Forced, point, times);
        }
        Outcome {
            seed,
            trace: self.trace(),
            tally: self.tally,
            failure: self.failure,
        }
    }

    fn safety(&mut self) {
        let mut steps = self.options.steps;
        self.after(0, Event::Act);
        while let Some(event) = self.next() {
            if self.failure.is_some() {
                return;
            }
            if !matches!(event, Event::Act) {
                self.happen(event);
                continue;
            }
            if steps == 0 {
                return;
            }
            steps -= 1;
            self.act();
            if let Some(wait) = self.holidays() {
                if self.options.drops {
                    self.relays_tend();
                }
                self.after(wait, Event::Act);
                continue;
            }
            let wait = match self.chance.below(20) {
                0 => self.chance.millis(3 * 86_400_000),
                1..4 => self.chance.millis(600_000),
                _ => self.chance.millis(3_000),
            };
            self.after(wait, Event::Act);
        }
    }

    fn print_numbers(&self) {
        for (number, device) in self.devices.iter().enumerate() {
            for (space, own) in &device.identities {
                let Some(standing) = self.ledger.standing(space) else {
                    continue;
                };
                let places = standing.places.iter().zip(0..);
                let own: Vec<u16> = places
                    .filter(|(place, _)| own.contains(&place.key))
                    .map(|(_, n)| n)
                    .collect();
                println!("{number} of {} is or was {own:?} in {space}", device.person);
            }
        }
    }

    fn liveness(&mut self) {
        self.say("faults stop");
        self.is_calm = true;
        self.chance.calm();
        self.relays_mend();
        for relay in &mut self.relays {
            relay.down_until = i64::MIN;
        }
        for number in 0..self.devices.len() {
            self.devices[number].apart_until = i64::MIN;
            self.devices[number].disk.calm();
            if self.devices[number].client.is_none() {
                self.open(number);
            }
        }
        if self.until_quiet() {
            self.afterwards();
        }
    }

    /// Everybody syncs until nothing new comes of it; says whether that was so.
    pub(super) fn until_quiet(&mut self) -> bool {
        let (mut begun, mut quiet) = (self.time(), 0);
        // What was given back to a relay today, and lost again, is given back tomorrow.
        let mut is_tomorrow = self.options.relays != Relays::Lying;
        for round in 0..ROUNDS {
            let before = self.entries();
            for number in 0..self.devices.len() {
                self.start_sync(number);
                self.until_rest();
                if self.failure.is_some() {
                    return false;
                }
            }
            let is_decided = self.decide();
            let is_quiet = !is_decided && !self.bring_welcomes() && self.entries() == before;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == 2 && !is_tomorrow {
                (is_tomorrow, quiet) = (true, 0);
                self.now.fetch_add(DAY_MS, Ordering::Relaxed);
                begun += DAY_MS;
                self.say("a day passes");
                continue;
            }
            if quiet == 2 {
                let passed = u64::try_from(self.time() - begun).unwrap_or_default();
                self.tally.most("rounds until rest", count(round));
                self.tally
                    .most("simulated seconds until rest", passed.div_ceil(1_000));
                return true;
            }
        }
        self.fail(format!("they do not come to rest in {ROUNDS} rounds"));
        false
    }

    /// Where a log goes on with somebody who was removed, the person decides to follow it, so that the
    /// removal is made again.
    fn decide(&mut self) -> bool {
        let mut is_decided = false;
        for device in self.devices.iter().filter(|device| !device.is_bad) {
            let Some(client) = &device.client else {
                continue;
            };
            let all = client.status().unwrap_or_default();
            let details = all
                .iter()
                .filter_map(|status| status.problem_detail.as_ref());
            if details.filter(|detail| detail.contains(UNDONE)).count() == 0 {
                continue;
            }
            let people = client.people();
            for kind in [SpaceKind::Home, SpaceKind::Care] {
                for space in people.spaces(kind) {
                    is_decided |= people.follow_relay(space).is_ok();
                }
            }
        }
        if is_decided {
            self.tally
                .count(Group::Run, "people who follow a log that undid a removal");
        }
        is_decided
    }

    /// How many entries relays have, and were said to have.
    fn entries(&self) -> (usize, usize) {
        let is_lying = self.options.relays == Relays::Lying;
        let relays = self.relays.iter().filter(|_| is_lying);
        let stored = relays.map(|relay| relay.stored().len()).sum();
        (self.ledger.len(), stored)
    }

    /// The devices whose sync runs, with how their spaces stand.
    fn who_syncs(&self) -> String {
        let running = self.devices.iter().enumerate();
        let running = running.filter(|(_, device)| device.is_running);
        let says = running.map(|(number, device)| {
            let status = device.client.as_ref().map(Client::status);
            format!("{number}: {status:?}")
        });
        says.collect::<Vec<_>>().join("; ")
    }

    /// Lets happen what is to happen, until no sync runs.
    pub(super) fn until_rest(&mut self) {
        let end = self.time() + ROUND_MS;
        for _ in 0..EVENTS {
            if self.failure.is_some() || !self.devices.iter().any(|device| device.is_running) {
                return;
            }
            if self.next_at().is_none_or(|at| at > end) {
                let says = self.who_syncs();
                return self.fail(format!("a sync does not end: {says}"));
            }
            if let Some(event) = self.next() {
                self.happen(event);
            }
        }
        self.fail("a sync goes on and on");
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

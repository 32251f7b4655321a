//! What people do to their devices, and what happens to them.

use std::sync::atomic::Ordering;

use waymark_core::client::{Client, PlanId};

use super::device::Backup;
use super::report::Group;
use super::world::World;
use super::{NEEDLE, Sabotage, edits, forgets, membership};

/// Somebody whose card was added and who has not come yet.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) newcomer: usize,
    pub(super) card: Vec<u8>,
    /// The welcome that it has taken.
    pub(super) welcome: Option<Vec<u8>>,
}

/// What a device does in a plan.
type InPlan = fn(&mut World, usize, &Client, PlanId);

/// What can be done, and how often beside the others.
const IN_A_PLAN: [(u64, InPlan); 19] = [
    (14, edits::check_in),
    (4, edits::correct),
    (2, edits::withdraw),
    (5, edits::create_goal),
    (4, edits::propose),
    (5, edits::decide),
    (3, edits::set_status),
    (3, edits::create_note),
    (8, edits::splice),
    (3, edits::scribble),
    (2, membership::grant),
    (1, membership::withdraw_grant),
    (2, membership::remove_device),
    (1, membership::revoke),
    (1, membership::remove_member),
    (1, membership::leave),
    (3, membership::rotate),
    (1, membership::hand_key),
    (1, membership::end),
];

/// In how many of a thousand acts something is to be forgotten, where a run has that.
const FORGETS: u64 = 30;

impl World {
    /// Something is done, or happens to somebody.
    pub(super) fn act(&mut self) {
        self.bring_welcomes();
        self.relays_lie();
        let begun: Vec<usize> = (0..self.devices.len())
            .filter(|number| self.devices[*number].has_begun())
            .collect();
        let everybody = begun.len() == self.devices.len();
        let someone = self.chance.below(self.devices.len());
        let number = match self.chance.pick(&begun).copied() {
            Some(begun) if self.chance.is(950) => begun,
            _ => someone,
        };
        if self.devices[number].client.is_none() {
            return;
        }
        if self.options.forgers {
            self.may_turn(number);
        }
        if self.devices[number].is_bad {
            return self.forge(number);
        }
        self.acting = number;
        match self.chance.below(100) {
            0..25 => self.sync_somehow(number),
            25..45 if !everybody => membership::join(self),
            25..28 => membership::join(self),
            45..52 => self.trouble(number),
            _ => self.act_in_a_plan(number),
        }
        self.after_touching(number);
    }

    /// What follows every call of the facade: the driver is woken, or the device is dead.
    pub(super) fn after_touching(&mut self, number: usize) {
        if self.devices[number].disk.is_dead() {
            self.crash(number, "in a commit of its own");
        } else {
            self.pump(number);
        }
    }

    fn sync_somehow(&mut self, number: usize) {
        self.tally.count(Group::Operation, "sync");
        self.say(&format!("{number} syncs"));
        self.start_sync(number);
    }

    fn act_in_a_plan(&mut self, number: usize) {
        let plans = self.devices[number].plans();
        let Some(client) = self.devices[number].client.clone() else {
            return;
        };
        let Some(plan) = self.chance.pick(&plans).copied() else {
            if self.devices[number].person == 0 && !self.devices[number].has_begun() {
                membership::begin(self, number, &client);
            }
            return;
        };
        if self.options.forgets && self.chance.is(FORGETS) {
            return forgets::forget(self, number, &client, plan);
        }
        let all: u64 = IN_A_PLAN.iter().map(|(weight, _)| weight).sum();
        let mut drawn =
            u64::try_from(self.chance.below(usize::try_from(all).unwrap_or(1))).unwrap_or(0);
        let before = self.devices[number].disk.copy();
        for (weight, act) in IN_A_PLAN {
            if drawn < weight {
                act(self, number, &client, plan);
                if self.options.sabotage == Some(Sabotage::SetBack) && self.chance.is(100) {
                    self.devices[number].crash(0);
                    self.closed.retain(|(device, _)| *device != number);
                    self.devices[number].disk = before;
                    self.open(number);
                }
                return;
            }
            drawn -= weight;
        }
    }

    fn trouble(&mut self, number: usize) {
        match self.chance.below(24) {
            0..5 => self.crash(number, "out of the blue"),
            5..8 => {
                let (commits, stays) = (self.chance.below(6), self.chance.is(500));
                let commits = u32::try_from(commits).unwrap_or_default();
                self.devices[number].disk.die_after(commits, stays);
                self.tally.count(Group::Fault, "deaths in a commit planned");
            }
            8..10 => {
                let commits = u32::try_from(1 + self.chance.below(3)).unwrap_or_default();
                self.devices[number].disk.fill(commits);
                self.tally.count(Group::Fault, "full disks");
            }
            10..13 => {
                let wait = self.chance.millis(600_000);
                self.devices[number].apart_until = self.time() + wait;
                self.tally.count(Group::Fault, "partitions");
            }
            13..15 => {
                let relay = self.chance.below(self.relays.len());
                self.relays[relay].restart();
                let wait = self.chance.millis(60_000);
                self.relays[relay].down_until = self.time() + wait;
                self.tally.count(Group::Fault, "relay restarts");
            }
            15..17 => {
                let skew = self.chance.millis(2 * 86_400_000) - 86_400_000;
                self.devices[number]
                    .clock
                    .skew
                    .store(skew, Ordering::Relaxed);
                self.tally.count(Group::Fault, "clocks set wrong");
            }
            17..20 => self.back_up(number),
            20..22 => self.restore(number),
            22 => self.clone_device(number),
            _ => membership::create_plan(self, number),
        }
    }

    fn back_up(&mut self, number: usize) {
        if !self.devices[number].has_begun() {
            return;
        }
        let disk = self.devices[number].disk.copy();
        let written = self.oracle.len();
        let at = self.time();
        let copy_of = self.devices[number].copy_of;
        let unsent = self.oracle.unsent_words(number, copy_of);
        self.devices[number].backup = Some(Backup {
            disk,
            written,
            unsent,
            at,
        });
        self.tally.count(Group::Run, "backups");
        self.say(&format!("{number} is backed up"));
    }

    /// The phone is gone; another one gets what its backup has.
    fn restore(&mut self, number: usize) {
        if !self.options.restores || !self.devices[number].has_begun() {
            return;
        }
        let Some(backup) = &self.devices[number].backup else {
            return;
        };
        let (disk, written, at) = (backup.disk.copy(), backup.written, backup.at);
        let unsent = backup.unsent.clone();
        self.devices[number].crash(0);
        self.closed.retain(|(device, _)| *device != number);
        self.devices[number].disk = disk;
        self.note_forgotten();
        // A copy gives up its keys, and writes again under others what it had not sent.
        if self.devices[number].copied_at.is_some() {
            self.oracle.unsent_again(&unsent);
        }
        let before = self.devices[number].copied_at.unwrap_or(at);
        self.devices[number].copied_at = Some(before.min(at));
        self.oracle.lost_since(number, written);
        self.tally.count(Group::Fault, "restores");
        self.say(&format!("{number} is restored from its backup"));
        self.open(number);
    }

    /// There are two of it from now on.
    fn clone_device(&mut self, number: usize) {
        let copies = self
            .devices
            .iter()
            .filter(|device| device.copied_at.is_some())
            .count();
        if !self.options.clones || copies > 0 || !self.devices[number].has_begun() {
            return;
        }
        let disk = self.devices[number].disk.copy();
        let at = Some(self.time());
        self.devices[number].copied_at = at;
        let person = self.devices[number].person;
        self.oracle.copied(number);
        let copy = self.add_device(person, disk);
        self.devices[copy].copied_at = at;
        self.devices[copy].copy_of = Some(number);
        self.devices[copy].relay = self.devices[number].relay;
        let (keys, identities) = (
            self.devices[number].keys.clone(),
            self.devices[number].identities.clone(),
        );
        self.devices[copy].keys = keys;
        self.devices[copy].identities = identities;
        self.tally.count(Group::Fault, "clones");
        self.say(&format!("{copy} is a clone of {number}"));
    }

    /// Hands a welcome to whoever has one coming, at last another one to whom the first led nowhere.
    pub(super) fn bring_welcomes(&mut self) -> bool {
        let mut brought = false;
        for place in 0..self.joining.len() {
            let newcomer = self.joining[place].newcomer;
            if self.devices[newcomer].is_bad {
                continue;
            }
            let Some(client) = self.devices[newcomer].client.clone() else {
                continue;
            };
            let before = self.joining[place].welcome.as_ref();
            let is_over = before.is_some_and(|_| !self.is_calm || is_everywhere(&client));
            if is_over {
                continue;
            }
            let card = self.joining[place].card.clone();
            let hosts = self
                .devices
                .iter()
                .filter(|device| !device.is_bad)
                .filter_map(|device| device.client.as_ref());
            // At last of somebody who is known where it leads.
            let welcome = hosts
                .filter(|host| !self.is_calm || is_everywhere(host))
                .filter_map(|host| host.people().welcome(&card).ok().flatten())
                .next();
            let Some(welcome) = welcome.filter(|welcome| before != Some(welcome)) else {
                continue;
            };
            self.acting = newcomer;
            let said = client.people().accept(&welcome);
            let is_bad = said.as_ref().is_err_and(|error| error.code() == "bad_card");
            if self.heard("accept a welcome", said).is_some() || is_bad {
                self.joining[place].welcome = Some(welcome);
                brought = true;
            }
            self.after_touching(newcomer);
        }
        brought
    }

    /// Words that nobody may see but who is in the plan.
    pub(super) fn words(&mut self) -> String {
        format!("{NEEDLE} {}", self.chance.word())
    }
}

/// Whether a device can read wherever it is, and relays know it there.
pub(super) fn is_everywhere(client: &Client) -> bool {
    let all = client.status().unwrap_or_default();
    all.iter()
        .all(|status| status.ready && status.problem.is_none())
}

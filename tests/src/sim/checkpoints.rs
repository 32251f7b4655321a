//! Checkpoints in a run: devices publish and compare them, and so much time passes now and then that
//! they rest. Relays drop what rests at the end, when everybody has read it; before that only where the
//! run is to.

use waymark_wire::ack::Ack;
use waymark_wire::entry::Kind;
use waymark_wire::ids::EntryId;

use super::acts::is_everywhere;
use super::disk::Disk;
use super::report::Group;
use super::world::World;
use super::{edits, membership};

const DAY: i64 = 86_400_000;
/// Somebody who was nobody's before.
const STRANGER: usize = usize::MAX;
/// How long a checkpoint rests, with a day more: clocks of devices are off by as much.
const REST: i64 = 31 * DAY;

impl World {
    /// Whether a sync that begins now is one in a good moment, and how many batches are many then.
    pub(super) fn tends(&mut self) -> Option<u64> {
        if !self.options.checkpoints || self.is_calm || !self.chance.is(250) {
            return None;
        }
        let most = u64::try_from(self.chance.below(12)).unwrap_or_default();
        self.tally.count(Group::Operation, "sync in a good moment");
        Some(most)
    }

    /// How long nothing happens before the next act, where that is very long.
    pub(super) fn holidays(&mut self) -> Option<i64> {
        if !self.options.checkpoints || !self.chance.is(12) {
            return None;
        }
        self.tally.count(Group::Run, "holidays");
        let more = i64::try_from(self.chance.below(95)).unwrap_or_default();
        Some(REST + more * DAY)
    }

    /// Relays do what they do by themselves.
    pub(super) fn relays_tend(&mut self) {
        let now = self.time();
        for relay in &mut self.relays {
            let dropped = relay.tend(now);
            self.tally.add(Group::Run, "entries dropped", dropped);
        }
    }

    /// Everything is at rest: now checkpoints come into all logs, rest, and what they cover goes. Then
    /// people go on.
    pub(super) fn afterwards(&mut self) {
        if self.options.forgets {
            // Whoever cannot read what is forgotten waits until somebody has confirmed what is left, or
            // nobody has said anything against it for so long.
            self.say("what was forgotten goes");
            for _ in 0..2 {
                self.pass(REST);
                self.relays_tend();
                if !self.until_quiet() {
                    return;
                }
            }
        }
        if !self.options.checkpoints {
            return;
        }
        self.say("checkpoints are made, and rest");
        for most in [3, 0] {
            for number in 0..self.devices.len() {
                self.start_sync_with(number, Some(most));
                self.until_rest();
            }
        }
        if !self.until_quiet() {
            return;
        }
        self.pass(REST);
        self.relays_tend();
        for number in 0..self.devices.len() {
            let plans = self.devices[number].plans();
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            self.acting = number;
            for plan in plans {
                edits::check_in(self, number, &client, plan);
                self.after_touching(number);
            }
        }
        if self.until_quiet() {
            self.come_at_last();
        }
    }

    /// Somebody comes into each plan, and another device of the client's: what stands before the newest
    /// checkpoint they know from that alone.
    fn come_at_last(&mut self) {
        let is_host = |number: &usize| {
            let device = &self.devices[*number];
            device.person == 0 && device.client.as_ref().is_some_and(is_everywhere)
        };
        let host = (0..self.devices.len()).find(is_host);
        let Some(host) = host else { return };
        self.say("newcomers come");
        for plan in self.devices[host].plans() {
            for person in [STRANGER, 0] {
                let newcomer = self.add_device(person, Disk::default());
                self.devices[newcomer].relay = self.devices[host].relay;
                membership::invite(self, newcomer, (host, plan));
            }
        }
        self.until_quiet();
    }

    /// What members say of checkpoints is true: nobody here makes bad ones but who turned bad.
    pub(super) fn check_checkpoints(&mut self) {
        let mut wrong = Vec::new();
        for space in self.ledger.spaces() {
            let bad = self.bad_numbers(&space);
            let is_by_bad = |id: &EntryId| {
                let mut taken = self.ledger.taken(&space);
                taken.any(|(of, entry)| of == id && bad.contains(&entry.header().device.0))
            };
            for (_, entry) in self.ledger.taken(&space) {
                let what = match entry.header().kind {
                    Kind::Checkpoint => "checkpoints",
                    Kind::Snapshot => "snapshots",
                    Kind::Ack => match Ack::parse(entry.body()) {
                        Some(Ack::CheckpointOk(_)) => "confirmations",
                        Some(Ack::CheckpointBad(of, _)) if is_by_bad(&of) => {
                            "forged checkpoints told"
                        }
                        Some(Ack::CheckpointBad(_, fault)) => {
                            let by = entry.header().device;
                            let fault = fault.name();
                            wrong.push(format!("{by} of {space} calls a checkpoint {fault}"));
                            continue;
                        }
                        _ => continue,
                    },
                    _ => continue,
                };
                self.tally.count(Group::Run, what);
            }
        }
        for why in wrong {
            self.fail(why);
        }
    }
}

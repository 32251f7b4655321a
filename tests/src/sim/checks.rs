//! What has to be true at the end, from what was said to the people, what is in the devices, and what
//! went over the wire.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use waymark_core::client::{Client, PlanId, Status};
use waymark_core::crypto::EpochKey;
use waymark_core::model::RecordId;
use waymark_core::space::Space;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::membership::Op;
use waymark_wire::signature::VerifyingKey;

use super::device::Device;
use super::oracle::Fate;
use super::relays::SimRelay;
use super::report::Group;
use super::standing::{Standing, body_of};
use super::world::{World, contains};
use super::{NEEDLE, Relays, Sabotage};

/// What a newcomer says whose welcome names a log that is gone.
const WELCOMED_ELSEWHERE: &str = "another log than the welcome names";
/// What a newcomer says who finds nothing of what is left to start at.
const FORGOTTEN_SINCE: &str = "something was forgotten since";

impl World {
    /// Notes in which plans a device says that everything it wrote is sent.
    pub(super) fn note_sent(&mut self, number: usize) {
        let unsure = self.oracle.unsure(number);
        if unsure.is_empty() {
            return;
        }
        let Some(client) = self.devices[number].client.clone() else {
            return;
        };
        let all = client.status().unwrap_or_default();
        // Whoever has left has nothing to send any more, and has not sent it for that.
        let has_ended = |plan: PlanId| {
            let space = SpaceId(plan.0);
            client.drive(|engine, _| engine.space(&space).is_none_or(Space::has_ended))
        };
        let is_sent = |s: &Status| s.ready && !s.closed && s.unsent == 0 && s.on_the_way == 0;
        for status in all.iter().filter(|status| is_sent(status)) {
            let plan = status.plan.filter(|plan| unsure.contains(plan));
            if let Some(plan) = plan.filter(|plan| !has_ended(*plan)) {
                self.oracle.sent(plan, number);
                self.say(&format!("{number} says that all is sent in {plan}"));
            }
        }
    }

    /// A device that was switched on has everything that it was told is written.
    pub(super) fn check_own_copy(&mut self, number: usize) {
        let mut missing = Vec::new();
        for plan in self.oracle.unsure(number) {
            let gone = self.oracle.may_go(plan);
            let Some(there) = self.records(number, plan) else {
                continue;
            };
            let own = self.oracle.records.iter();
            let own = own.filter(|w| w.plan == plan && w.device == number && w.fate == Fate::Kept);
            let own = own.filter(|w| !gone.records.contains(&w.id));
            missing.extend(own.filter(|w| !there.contains(&w.id)).map(|w| w.id));
        }
        if let Some(id) = missing.first() {
            self.fail(format!(
                "{number} lost record {id} that it had said is written"
            ));
        }
    }

    /// Everything that is checked at the end.
    pub(super) fn check(&mut self) {
        if self.options.relays == Relays::Lying {
            let stored = self.relays.iter().flat_map(SimRelay::stored);
            self.ledger.settle(stored);
            if let Some(wrong) = self.ledger.wrong.take() {
                self.fail(wrong);
            }
        }
        self.check_relays();
        self.check_places();
        self.check_checkpoints();
        let stranded = self.stranded();
        let mut plans: BTreeMap<SpaceId, bool> = BTreeMap::new();
        for number in 0..self.devices.len() {
            let care = self.devices[number].plans();
            for (space, _) in self.devices[number].spaces() {
                plans.insert(space, care.contains(&PlanId(space.0)));
            }
        }
        for (space, is_care) in plans {
            self.check_removed(&space);
            if let Some(why) = self.may_lack(&space) {
                self.tally.count(Group::Exempt, why);
                continue;
            }
            let Some(standing) = self.ledger.standing(&space) else {
                if self.ledger.is_forgotten(&EntryId::from(space)) {
                    let why = "spaces that a relay lost, and their founder with a backup";
                    self.tally.count(Group::Exempt, why);
                } else if self.has_only(&space, &stranded) {
                    let why =
                        "spaces that a relay lost, and that only copies had that cannot read on";
                    self.tally.count(Group::Exempt, why);
                } else if self.ledger.taken(&space).next().is_some() {
                    self.fail(format!("no relay has anything of {space}"));
                }
                continue;
            };
            let mut members = self.current(&space, &standing);
            let is_idle = |n: &usize| stranded.contains(n) || self.has_left(*n, &space);
            let out = members.extract_if(.., |number| is_idle(number)).count();
            if self.is_locked(&space, &standing, (&members, out)) {
                let why = "spaces whose key went with the only device that had it";
                self.tally.count(Group::Exempt, why);
                continue;
            }
            self.check_came_back(&space, &standing);
            let lacks = |number: &usize| self.lacks(*number, &space);
            let says = |number: &usize| self.leads(*number, &space, &standing) && !lacks(number);
            let waits = standing.is_closed() || (out > 0 && !members.iter().any(says));
            let lacking = members.extract_if(.., |number| waits && lacks(number));
            let lacking = u64::try_from(lacking.count()).unwrap_or(u64::MAX);
            let why = match standing.is_closed() {
                true => "who could not read what was forgotten before the plan was closed",
                false => "who waits for what is left from a client whose devices cannot read on",
            };
            self.tally.add(Group::Exempt, why, lacking);
            let is_out = |number: &usize| {
                standing.is_closed() && self.is_locked_out(*number, &space, &standing)
            };
            let locked_out = members.extract_if(.., |number| is_out(number)).count();
            let locked_out = u64::try_from(locked_out).unwrap_or(u64::MAX);
            let why = "who never got the key of a plan that was closed, since its relay lost it";
            self.tally.add(Group::Exempt, why, locked_out);
            self.check_statuses(&space, &members);
            self.check_keys(&space, &standing, &members);
            if is_care {
                self.check_same(PlanId(space.0), &members);
                self.check_written(PlanId(space.0), &standing, &members);
                self.check_lists(PlanId(space.0), &standing, &members);
                self.check_forgotten(PlanId(space.0), &standing, &members);
            }
        }
    }

    /// Why a space may lack something at the end that a relay was said to have.
    fn may_lack(&self, space: &SpaceId) -> Option<&'static str> {
        if self.ledger.lost_an_end(space) {
            // Whoever knows that it was closed does not bring it back, and whoever does not goes on, even
            // until they close it once more.
            return Some("a space whose end its relay lost");
        }
        let is_hurt = self.hurt.contains(space) && !self.options.heals;
        is_hurt.then_some("a space of which its relay lost something")
    }

    /// Every device stands where a log was said to stand, so that it has read what devices sent and
    /// nothing else.
    fn check_places(&mut self) {
        let mut wrong = Vec::new();
        for (number, device) in self.devices.iter().enumerate() {
            let Some(client) = &device.client else {
                continue;
            };
            let of = |space: &Space| (space.id(), space.cursor().position());
            let places: Vec<_> = client.drive(|engine, _| engine.spaces().iter().map(of).collect());
            for (space, at) in places {
                if !self.ledger.stood_at(&space, at) {
                    wrong.push(format!(
                        "{number} has read {} of {space}, which never was so",
                        at.seq
                    ));
                }
            }
        }
        for why in wrong {
            self.fail(why);
        }
    }

    /// Whoever was removed from a space, and has not come back, opens nothing of what came after.
    fn check_removed(&mut self, space: &SpaceId) {
        let tree = self.ledger.tree(space);
        let taken = self.ledger.taken(space);
        let placed = taken.filter_map(|(id, entry)| Some((entry, tree.place_of(id, entry)?)));
        let placed: Vec<_> = placed.collect();
        let mut wrong = Vec::new();
        for (number, device) in self.devices.iter().enumerate() {
            let Some(own) = device.identities.get(space) else {
                continue;
            };
            let is_shared = self.options.sabotage == Some(Sabotage::KeysShared);
            let of_all = self
                .devices
                .iter()
                .filter_map(|other| other.keys.get(space));
            let shared = of_all.flatten().filter(|_| is_shared);
            let held = device.keys.get(space).into_iter().flatten().chain(shared);
            let keys = held.filter_map(|key| EpochKey::from_slice(key).ok());
            let keys: Vec<EpochKey> = keys.collect();
            let is_in = tree.is_in(own);
            for (entry, place) in &placed {
                let Some(standing) = tree.standing(*place).filter(|_| !is_in[*place]) else {
                    continue;
                };
                let places = standing
                    .places
                    .iter()
                    .filter(|place| own.contains(&place.key));
                let ended = places.filter_map(|place| place.ended).max();
                let start = standing.starts.last().copied();
                let is_after = ended
                    .zip(start)
                    .is_some_and(|(ended, start)| start >= ended);
                if is_after && keys.iter().any(|key| standing.opens(space, entry, key)) {
                    wrong.push(format!(
                        "{number} was removed from {space} and opens what came after"
                    ));
                }
            }
        }
        for why in wrong {
            self.fail(why);
        }
    }

    /// What a relay took and lost has happened all the same: whoever was removed is gone, unless the one
    /// who said so was removed too, or nobody remembers it. Who left has nothing any more to say it with
    /// again.
    fn check_came_back(&mut self, space: &SpaceId, standing: &Standing) {
        let tree = self.ledger.tree(space);
        let missing = self.ledger.missing(space);
        let mut wrong = Vec::new();
        for (id, entry) in &missing {
            if self.ledger.is_forgotten(id) {
                let why = "membership entries that nobody remembers";
                self.tally.count(Group::Exempt, why);
                continue;
            }
            let before = tree
                .place_of(id, entry)
                .and_then(|place| tree.standing(place));
            let (Some(before), Some(body)) = (before, body_of(entry)) else {
                continue;
            };
            let is_there = |number: u16| {
                let place = before.places.get(usize::from(number));
                place.is_some_and(|place| standing.number_of(&place.key).is_some())
            };
            let signer = entry.header().device.0;
            for op in body.core.ops {
                match op {
                    // Nobody is removed from a closed space any more, nor does anything come there.
                    Op::Remove(device)
                        if is_there(device.0) && is_there(signer) && !standing.is_closed() =>
                    {
                        wrong.push(format!(
                            "{device} was removed from {space}, and is there again"
                        ));
                    }
                    Op::Leave if is_there(signer) => {
                        self.tally
                            .count(Group::Exempt, "leavings that no log has any more");
                    }
                    _ => {}
                }
            }
        }
        for (_, entry) in &missing {
            let what = match entry.header().kind {
                Kind::Membership => "membership entries that no log has any more",
                _ => "other entries that no log has any more",
            };
            self.tally.count(Group::Exempt, what);
        }
        for why in wrong {
            self.fail(why);
        }
    }

    /// The devices that cannot read on: one with the same database took another agreement key since, so
    /// that no key that comes can be opened. Such a device needs another one of its person, or the
    /// recovery phrase (`docs/protocol.md` §5.14).
    fn stranded(&mut self) -> Vec<usize> {
        let is_stranded = |number: &usize| {
            let device = &self.devices[*number];
            let mut own = device.identities.iter();
            device.copied_at.is_some_and(|since| {
                own.any(|(space, keys)| self.ledger.renewed_since(space, keys, since))
            })
        };
        let numbers = 0..self.devices.len();
        let mut stranded: Vec<usize> = numbers.filter(is_stranded).collect();
        for number in &stranded {
            self.tally
                .count(Group::Exempt, "copies whose keys were replaced");
            self.say(&format!("{number} may be stranded"));
        }
        // The log that the welcome speaks of is lost: they have to be welcomed once more.
        for (number, device) in self.devices.iter().enumerate() {
            let client = device.client.as_ref();
            let all = client.and_then(|client| client.status().ok());
            let mut problems = all
                .iter()
                .flatten()
                .filter_map(|s| s.problem_detail.as_ref());
            let is_lying = self.options.relays == Relays::Lying;
            if is_lying && problems.any(|problem| problem.contains(WELCOMED_ELSEWHERE)) {
                self.tally
                    .count(Group::Exempt, "welcomed to a log that its relay lost");
                stranded.push(number);
            }
        }
        stranded
    }

    /// Whether nobody has a space but these.
    fn has_only(&self, space: &SpaceId, these: &[usize]) -> bool {
        let mut devices = self.devices.iter().enumerate();
        let has = |device: &Device| device.spaces().iter().any(|(id, _)| id == space);
        devices.all(|(number, device)| these.contains(&number) || !has(device))
    }

    /// Whether a device lacks what was before something was forgotten, or is new and finds nothing behind
    /// that to start at: nobody says what is left in a closed plan, or where the client, whose word is
    /// enough, has no device that can read on.
    fn lacks(&self, number: usize, space: &SpaceId) -> bool {
        let Some(client) = &self.devices[number].client else {
            return false;
        };
        let lacks = |space: &Space| space.lacks_what_was_before();
        let plan = PlanId(space.0);
        let all = client.status().unwrap_or_default();
        let problem = all.iter().find(|status| status.plan == Some(plan));
        let problem = problem.and_then(|status| status.problem_detail.as_ref());
        problem.is_some_and(|problem| problem.contains(FORGOTTEN_SINCE))
            || client.drive(|engine, _| engine.space(space).is_some_and(lacks))
    }

    /// Whether a device is an admin's.
    fn leads(&self, number: usize, space: &SpaceId, standing: &Standing) -> bool {
        let key = self.key_in(number, space);
        let number = key.and_then(|key| standing.number_of(&key));
        let place = number.and_then(|number| standing.places.get(usize::from(number)));
        place.is_some_and(|place| place.leads)
    }

    /// Whether a relay has lost something of a space, and with it the key that was sealed to this device: it
    /// opens nothing of what was written last. Where nothing can be added any more, nobody hands it out
    /// again.
    fn is_locked_out(&self, number: usize, space: &SpaceId, standing: &Standing) -> bool {
        let held = self.devices[number].keys.get(space).into_iter().flatten();
        let keys: Vec<EpochKey> = held
            .filter_map(|key| EpochKey::from_slice(key).ok())
            .collect();
        let opens = |last: &Entry| keys.iter().any(|key| standing.opens(space, last, key));
        let last = self.ledger.last_batch(space, &[]);
        self.hurt.contains(space) && last.is_some_and(|last| !opens(last))
    }

    /// Whether a device has left a space that a relay shows as before.
    fn has_left(&self, number: usize, space: &SpaceId) -> bool {
        let client = self.devices[number].client.as_ref();
        let has_ended = |client: &Client| {
            client.drive(|engine, _| engine.space(space).is_some_and(Space::has_ended))
        };
        self.options.relays == Relays::Lying && client.is_some_and(has_ended)
    }

    /// Whether no member has the key of the epoch in force any more: a relay lost what was sealed to the
    /// others, and whoever had opened it was restored from a backup, or is `out` of it.
    fn is_locked(
        &self,
        id: &SpaceId,
        standing: &Standing,
        (members, out): (&[usize], usize),
    ) -> bool {
        let is_read = |space: &Space| {
            let book = space.book();
            let height = book.map(|book| book.membership().height().0 as usize);
            height.is_some_and(|height| height + 1 == standing.ids.len())
        };
        let holds = |number: &usize| {
            let client = self.devices[*number].client.as_ref();
            client.is_some_and(|client| {
                client.drive(|engine, _| {
                    let space = engine.space(id);
                    space.is_some_and(|space| space.holds_key() && is_read(space))
                })
            })
        };
        let was_restored = self.devices.iter().any(|d| d.copied_at.is_some());
        let is_lost = was_restored || out > 0;
        self.options.relays == Relays::Lying && is_lost && !members.iter().any(holds)
    }

    /// The devices that are members of a space, by the log, without those that turned bad.
    fn current(&self, space: &SpaceId, standing: &Standing) -> Vec<usize> {
        let is_it = |number: &usize| {
            let key = self.key_in(*number, space);
            let key = key.filter(|_| !self.devices[*number].is_bad);
            key.is_some_and(|key| standing.number_of(&key).is_some())
        };
        (0..self.devices.len()).filter(is_it).collect()
    }

    pub(super) fn key_in(&self, number: usize, space: &SpaceId) -> Option<VerifyingKey> {
        let spaces = self.devices[number].spaces();
        let mut of_space = spaces.into_iter().filter(|(id, _)| id == space);
        of_space.next().map(|(_, key)| key)
    }

    /// The ids of the records that a device has, by the hash of their bytes.
    pub(super) fn records(&self, number: usize, plan: PlanId) -> Option<BTreeSet<RecordId>> {
        let client = self.devices[number].client.as_ref()?;
        let records = client.export_records(plan).ok()?;
        let id = |bytes: &Vec<u8>| {
            let hash = digest(&SHA256, bytes);
            let mut id = [0; 16];
            id.copy_from_slice(&hash.as_ref()[..16]);
            RecordId(id)
        };
        Some(records.iter().map(id).collect())
    }

    fn check_relays(&mut self) {
        let shown = self
            .ledger
            .bytes()
            .any(|bytes| contains(bytes, NEEDLE.as_bytes()));
        if shown {
            self.fail("a relay has words in clear");
        }
    }

    /// Who is in a space says that nothing is left to do and nothing is wrong, but that of those who turned
    /// bad something may be held back, or wait for what never comes.
    fn check_statuses(&mut self, space: &SpaceId, members: &[usize]) {
        let bad = self.bad_numbers(space);
        for number in members.iter().copied() {
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            let plan = PlanId(space.0);
            let all = client.status().unwrap_or_default();
            // A person who has begun twice has two homes, and a device may be in both.
            let mut of_it = all.iter().filter(|s| s.space == Some(plan));
            let Some(status) = of_it.next() else {
                self.fail(format!("{number} says nothing of a space that it is in"));
                continue;
            };
            let is_done = status.ready && status.synced.is_some() && status.problem.is_none();
            // What waits in a closed plan never leaves its device.
            let unsent = if status.closed {
                0
            } else {
                status.unsent + status.on_the_way
            };
            let held = client.held().list().unwrap_or_default();
            let here = held.iter().filter(|held| held.place.space == plan);
            let is_by_bad = here.clone().all(|held| bad.contains(&held.number));
            if is_by_bad {
                self.tally.add(
                    Group::Exempt,
                    "held back of who turned bad",
                    u64::from(status.held),
                );
            }
            let held_up = match bad.is_empty() || !is_by_bad {
                true => status.waiting + status.held,
                false => 0,
            };
            if !is_done || held_up + unsent > 0 {
                let why =
                    format!("{number} is in {space} and not at rest: {status:?}, holds {held:?}");
                self.fail(why);
            }
        }
    }

    /// Who is in a space opens what was written last, but for what nobody opens: those who turned bad may
    /// have sealed it with anything.
    fn check_keys(&mut self, space: &SpaceId, standing: &Standing, members: &[usize]) {
        let last = self.ledger.last_batch(space, &self.bad_numbers(space));
        let is_newest = |start: u32| last.is_some_and(|entry| entry.header().height.0 >= start);
        let newest = standing
            .starts
            .last()
            .copied()
            .filter(|start| is_newest(*start));
        let is_shared = self.options.sabotage == Some(Sabotage::KeysShared);
        let mut wrong = Vec::new();
        for (number, device) in self.devices.iter().enumerate() {
            let of_all = self
                .devices
                .iter()
                .filter_map(|other| other.keys.get(space));
            let shared = of_all.flatten().filter(|_| is_shared);
            let held = device.keys.get(space).into_iter().flatten().chain(shared);
            let keys: Vec<EpochKey> = held
                .filter_map(|key| EpochKey::from_slice(key).ok())
                .collect();
            let is_in = members.contains(&number);
            let last = last.filter(|_| newest.is_some() && is_in);
            if last.is_some_and(|last| !keys.iter().any(|key| standing.opens(space, last, key))) {
                wrong.push(format!(
                    "{number} is in {space} and cannot open the last batch"
                ));
            }
        }
        for why in wrong {
            self.fail(why);
        }
    }
}

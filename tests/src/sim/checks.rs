//! What has to be true at the end, from what was said to the people, what is in the devices, and what
//! went over the wire.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use waymark_core::client::{PlanId, Status};
use waymark_core::crypto::EpochKey;
use waymark_core::model::RecordId;
use waymark_core::space::Space;
use waymark_wire::ids::SpaceId;
use waymark_wire::signature::VerifyingKey;

use super::ledger::Standing;
use super::oracle::Fate;
use super::report::Group;
use super::world::{World, contains};
use super::{NEEDLE, Sabotage};

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
            let Some(there) = self.records(number, plan) else {
                continue;
            };
            let own = self.oracle.records.iter();
            let own = own.filter(|w| w.plan == plan && w.device == number && w.fate == Fate::Kept);
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
        self.check_relays();
        let stranded = self.stranded();
        let mut plans: BTreeMap<SpaceId, bool> = BTreeMap::new();
        for number in 0..self.devices.len() {
            let care = self.devices[number].plans();
            for (space, _) in self.devices[number].spaces() {
                plans.insert(space, care.contains(&PlanId(space.0)));
            }
        }
        for (space, is_care) in plans {
            let Some(standing) = self.ledger.standing(&space) else {
                continue;
            };
            let mut members = self.current(&space, &standing);
            members.retain(|number| !stranded.contains(number));
            self.check_statuses(&space, &members);
            self.check_keys(&space, &standing, &members);
            if is_care {
                self.check_same(PlanId(space.0), &members);
                self.check_written(PlanId(space.0), &standing, &members);
                self.check_lists(PlanId(space.0), &standing, &members);
            }
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
        let stranded: Vec<usize> = numbers.filter(is_stranded).collect();
        for number in &stranded {
            self.tally
                .count(Group::Exempt, "copies whose keys were replaced");
            self.say(&format!("{number} may be stranded"));
        }
        stranded
    }

    /// The devices that are members of a space, by the log.
    fn current(&self, space: &SpaceId, standing: &Standing) -> Vec<usize> {
        let is_it = |number: &usize| {
            let key = self.key_in(*number, space);
            key.is_some_and(|key| standing.number_of(&key).is_some())
        };
        (0..self.devices.len()).filter(is_it).collect()
    }

    fn key_in(&self, number: usize, space: &SpaceId) -> Option<VerifyingKey> {
        let spaces = self.devices[number].spaces();
        let mut of_space = spaces.into_iter().filter(|(id, _)| id == space);
        of_space.next().map(|(_, key)| key)
    }

    /// The ids of the records that a device has, by the hash of their bytes.
    fn records(&self, number: usize, plan: PlanId) -> Option<BTreeSet<RecordId>> {
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

    /// Who is in a space says that nothing is left to do and nothing is wrong.
    fn check_statuses(&mut self, space: &SpaceId, members: &[usize]) {
        for number in members.iter().copied() {
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            let plan = PlanId(space.0);
            let all = client.status().unwrap_or_default();
            let is_home =
                |s: &&Status| s.plan.is_none() && !client.people().plans().contains(&plan);
            let mut of_it = all.iter().filter(|s| s.plan == Some(plan) || is_home(s));
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
            if !is_done || status.waiting + status.held + unsent > 0 {
                let why = format!("{number} is in {space} and not at rest: {status:?}");
                self.fail(why);
            }
        }
    }

    /// Exactly who is in a space opens what was written last; who went opens nothing since.
    fn check_keys(&mut self, space: &SpaceId, standing: &Standing, members: &[usize]) {
        let last = self.ledger.last_batch(space);
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
            // Of all that it ever was, the one that ended last; where one is left, it may read.
            let own = device.identities.get(space).into_iter().flatten();
            let places = standing
                .places
                .iter()
                .filter(|place| own.clone().any(|key| *key == place.key));
            let ends: Vec<Option<u32>> = places.map(|place| place.ended).collect();
            let ended = ends.iter().copied().max().flatten();
            let Some(ended) = ended.filter(|_| ends.iter().all(Option::is_some)) else {
                continue;
            };
            let Some(start) = standing.starts.iter().find(|start| **start >= ended) else {
                continue;
            };
            for entry in self.ledger.since(space, *start) {
                if keys.iter().any(|key| standing.opens(space, entry, key)) {
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

    /// All members show the same, but those who have something that a closed plan never took.
    fn check_same(&mut self, plan: PlanId, members: &[usize]) {
        let mut shown = Vec::new();
        for number in members.iter().copied() {
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            let all = client.status().unwrap_or_default();
            let waits = |s: &Status| s.plan == Some(plan) && s.unsent + s.on_the_way > 0;
            if all.iter().any(|status| status.closed && waits(status)) {
                self.tally.count(
                    Group::Exempt,
                    "a device's view of a closed plan that took not all",
                );
                continue;
            }
            let hash = client.projection_hash(plan).ok();
            let notes = client.texts().list(plan).unwrap_or_default();
            let texts: Vec<_> = notes
                .iter()
                .map(|n| client.texts().read(plan, n.text).ok())
                .collect();
            shown.push((number, hash, texts));
        }
        for pair in shown.windows(2) {
            if (&pair[0].1, &pair[0].2) != (&pair[1].1, &pair[1].2) {
                self.fail(format!(
                    "{} and {} show two plans {plan}",
                    pair[0].0, pair[1].0
                ));
            }
        }
    }

    /// What somebody was told is written is with everybody, or where the rules say.
    ///
    /// 1. What its device said is sent is with every member, whatever became of the device.
    /// 2. What a member of an open plan wrote is with every member.
    /// 3. What a device wrote and had not sent when its membership ended or the plan was closed is in
    ///    its own copy, or with everybody.
    /// 4. What was lost with a database that was replaced by an older one, unsent, is gone.
    fn check_written(&mut self, plan: PlanId, standing: &Standing, members: &[usize]) {
        let have: Vec<(usize, BTreeSet<RecordId>)> = members
            .iter()
            .filter_map(|n| Some((*n, self.records(*n, plan)?)))
            .collect();
        let mut wrong = Vec::new();
        let mut exempt = Vec::new();
        let own: Vec<_> = (0..self.devices.len())
            .map(|n| self.records(n, plan))
            .collect();
        for w in self.oracle.records.iter().filter(|w| w.plan == plan) {
            let lacks = have.iter().find(|(_, there)| !there.contains(&w.id));
            let Some((lacks, _)) = lacks else { continue };
            let is_in = members.contains(&w.device) && !standing.is_closed;
            match w.fate {
                Fate::Lost => exempt.push("lost unsent with its database"),
                Fate::Kept if !is_in => {
                    let keeps = own[w.device]
                        .as_ref()
                        .is_some_and(|there| there.contains(&w.id));
                    if keeps {
                        exempt.push("unsent when its membership or the plan ended, kept there");
                    } else {
                        wrong.push(format!("{} lost {} that it had not sent", w.device, w.id));
                    }
                }
                Fate::Kept | Fate::Sent => {
                    let fate = w.fate;
                    wrong.push(format!(
                        "{lacks} lacks {} of {}, {fate:?}, in {plan}",
                        w.id, w.device
                    ));
                }
            }
        }
        for word in self.oracle.words.iter().filter(|w| w.plan == plan) {
            let is_in = members.contains(&word.device) && !standing.is_closed;
            let must = word.fate == Fate::Sent || (word.fate == Fate::Kept && is_in);
            for number in members.iter().filter(|_| must) {
                let Some(client) = &self.devices[*number].client else {
                    continue;
                };
                let says = client.texts().read(plan, word.text).unwrap_or_default();
                match says.matches(&word.word).count() {
                    1 => {}
                    0 => wrong.push(format!("{number} lacks a word of {}", word.device)),
                    _ => wrong.push(format!("{number} has a word of {} twice", word.device)),
                }
            }
        }
        for what in exempt {
            self.tally.count(Group::Exempt, what);
        }
        for why in wrong {
            self.fail(why);
        }
    }

    /// The list of who reads a plan is who reads it.
    fn check_lists(&mut self, plan: PlanId, standing: &Standing, members: &[usize]) {
        let numbers = standing.numbers();
        for number in members.iter().copied() {
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            let list = client.people().members(plan).unwrap_or_default();
            let listed: Vec<u16> = list.iter().map(|member| member.number).collect();
            if listed != numbers {
                self.fail(format!(
                    "{number} lists {listed:?} in {plan}, and {numbers:?} read it"
                ));
            }
        }
    }
}

//! What people were told is written is there in the end, for everybody alike.

use std::collections::{BTreeMap, BTreeSet};

use waymark_core::client::{PlanId, Status};
use waymark_core::model::RecordId;
use waymark_wire::ids::SpaceId;

use super::Relays;
use super::oracle::Fate;
use super::report::Group;
use super::standing::Standing;
use super::world::World;

impl World {
    /// Whether a device wrote something in a plan that another member does not have, or the device whose
    /// copy it is: what that had not sent is here too. So is what the app itself has found, of which
    /// nobody was told.
    fn holds_alone(&self, plan: PlanId, number: usize, members: &[usize]) -> bool {
        let all = members.iter().filter_map(|n| self.records(*n, plan));
        let all: Vec<BTreeSet<RecordId>> = all.collect();
        let is_alone = |id: &RecordId| all.iter().any(|there| !there.contains(id));
        let gone = self.oracle.may_go(plan);
        let copy_of = self.devices[number].copy_of;
        let told = self.oracle.records.iter().filter(|w| w.plan == plan);
        let told: BTreeMap<RecordId, usize> = told.map(|w| (w.id, w.device)).collect();
        let here = self.records(number, plan).unwrap_or_default();
        let is_own = |id: &RecordId| match told.get(id) {
            // Where the plan was closed before it was forgotten it is still here.
            Some(by) => {
                let is_gone = gone.records.contains(id) && !here.contains(id);
                (*by == number || Some(*by) == copy_of) && !is_gone
            }
            None => here.contains(id),
        };
        let known = all.iter().flatten().chain(told.keys());
        known
            .collect::<BTreeSet<_>>()
            .into_iter()
            .any(|id| is_own(id) && is_alone(id))
    }

    /// All members show the same, but those who have something that a closed plan never took.
    pub(super) fn check_same(&mut self, plan: PlanId, members: &[usize]) {
        let mut shown = Vec::new();
        for number in members.iter().copied() {
            let Some(client) = self.devices[number].client.clone() else {
                continue;
            };
            let all = client.status().unwrap_or_default();
            let waits = |s: &Status| s.plan == Some(plan) && s.unsent + s.on_the_way > 0;
            let is_closed = |s: &Status| s.plan == Some(plan) && s.closed;
            // What was carried into the next plan waits no more, and is there all the same.
            let is_kept = all.iter().any(is_closed) && self.holds_alone(plan, number, members);
            if is_kept || all.iter().any(|status| status.closed && waits(status)) {
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
                let texts = pair[0].2.iter().zip(&pair[1].2);
                let other = texts.filter(|(one, two)| one != two).collect::<Vec<_>>();
                let is_same = pair[0].1 == pair[1].1;
                self.fail(format!(
                    "{} and {} show two plans {plan}: the projections are equal: {is_same}, texts: {other:?}",
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
    /// 4. What was lost with a database that was replaced by an older one, unsent, is gone; so is what a
    ///    relay took and lost before anybody read it, where its writer has gone, or before whoever closed
    ///    the plan read it.
    /// 5. What belongs to something that somebody wanted forgotten may be gone.
    pub(super) fn check_written(&mut self, plan: PlanId, standing: &Standing, members: &[usize]) {
        let have: Vec<(usize, BTreeSet<RecordId>)> = members
            .iter()
            .filter_map(|n| Some((*n, self.records(*n, plan)?)))
            .collect();
        let mut wrong = Vec::new();
        let mut exempt = Vec::new();
        let own: Vec<_> = (0..self.devices.len())
            .map(|n| self.records(n, plan))
            .collect();
        let is_hurt = self.options.relays == Relays::Lying;
        let devices = &self.devices;
        let was_restored = |device: usize| devices[device].copied_at.is_some();
        let nobody_has = |id: &RecordId| have.iter().all(|(_, there)| !there.contains(id));
        let gone = self.oracle.may_go(plan);
        // Its writer and copies of it; nobody who would have had to give it back before the end.
        let is_of = |number: usize, writer: usize| {
            number == writer || devices[number].copy_of == Some(writer)
        };
        let only_writer_has = |id: &RecordId, writer: usize| {
            let mut holders = have.iter().filter(|(_, there)| there.contains(id));
            holders.all(|(n, _)| is_of(*n, writer))
        };
        let closer = standing.closer().and_then(|key| {
            let is_it = |n: &usize| self.key_in(*n, &SpaceId(plan.0)) == Some(key);
            (0..self.devices.len()).find(is_it)
        });
        // Who closed a plan had read all that its log has.
        let of_closer = closer.and_then(|n| own[n].as_ref());
        let closer_lacks = |id: &RecordId| of_closer.is_some_and(|there| !there.contains(id));
        for w in self.oracle.records.iter().filter(|w| w.plan == plan) {
            let lacks = have.iter().find(|(_, there)| !there.contains(&w.id));
            let Some((lacks, _)) = lacks else { continue };
            let is_in = members.contains(&w.device) && !standing.is_closed();
            match w.fate {
                _ if gone.records.contains(&w.id) => exempt.push("to be forgotten"),
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
                Fate::Sent
                    if is_hurt && (!is_in || was_restored(w.device)) && nobody_has(&w.id) =>
                {
                    exempt.push("lost by a relay before anybody read it, and by its writer");
                }
                Fate::Sent
                    if is_hurt
                        && standing.is_closed()
                        && (only_writer_has(&w.id, w.device) || closer_lacks(&w.id)) =>
                {
                    exempt.push("lost by a relay before who closed the plan read it");
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
        let words = self.oracle.words.iter().filter(|w| w.plan == plan);
        for word in words.filter(|word| !gone.texts.contains(&word.text)) {
            let is_in = members.contains(&word.device) && !standing.is_closed();
            let must = word.fate == Fate::Sent || (word.fate == Fate::Kept && is_in);
            let mut found = Vec::new();
            for number in members.iter().filter(|_| must) {
                let Some(client) = &self.devices[*number].client else {
                    continue;
                };
                let says = client.texts().read(plan, word.text).unwrap_or_default();
                found.push((number, says.matches(&word.word).count()));
            }
            let is_gone = is_hurt && (!is_in || was_restored(word.device));
            if must && is_gone && found.iter().all(|(_, times)| *times == 0) {
                exempt.push("lost by a relay before anybody read it, and by its writer");
                continue;
            }
            let closer_lacks = || {
                let client = closer.and_then(|n| devices[n].client.as_ref());
                let says = client.and_then(|c| c.texts().read(plan, word.text).ok());
                says.is_some_and(|says| !says.contains(&word.word))
            };
            let mut others = found.iter().filter(|(n, _)| !is_of(**n, word.device));
            let may_be_lost = must && is_hurt && standing.is_closed();
            if may_be_lost && (others.all(|(_, times)| *times == 0) || closer_lacks()) {
                exempt.push("lost by a relay before who closed the plan read it");
                continue;
            }
            for (number, times) in found {
                match times {
                    1 => {}
                    0 => wrong.push(format!(
                        "{number} lacks the word {} of {}",
                        word.word, word.device
                    )),
                    _ if times <= 1 + word.copies => {
                        exempt.push("words that several copies had unsent, several times");
                    }
                    _ => wrong.push(format!(
                        "{number} has the word {} of {} {times} times",
                        word.word, word.device
                    )),
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
    pub(super) fn check_lists(&mut self, plan: PlanId, standing: &Standing, members: &[usize]) {
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

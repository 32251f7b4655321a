//! Any interleaving of wishes, edits and deliveries.

use proptest::prelude::*;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;

use super::device::new_member;
use super::fleet::{Fleet, keys_of};
use super::forgetting::{assert_gone, forget};
use crate::membership::Wish;

/// Devices that ever come, at most.
const DEVICES: usize = 6;

/// What one device does; the numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Note,
    AddOwn,
    AddPerson(u8),
    Remove(u16),
    Rotate,
    /// Rotates, and the relay loses a member's key; they go on until it has it.
    LeaveOut(u16),
    Leave,
    /// Wants one of the notes that it has forgotten. Nobody comes any more from then on: they would lack
    /// what was before.
    Forget(usize),
    /// Reads at most so many entries.
    Pull(usize),
    /// Sends, and hears what came of it or not.
    Push(bool),
    Sync,
    Crash,
    /// Takes a step towards a checkpoint.
    Publish,
    /// Takes back what is on its way of one.
    TakeBack,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let what = prop_oneof![
        5 => Just(Step::Note),
        2 => Just(Step::AddOwn),
        2 => (0u8..3).prop_map(Step::AddPerson),
        2 => (0u16..6).prop_map(Step::Remove),
        1 => Just(Step::Rotate),
        1 => (0u16..6).prop_map(Step::LeaveOut),
        1 => Just(Step::Leave),
        2 => any::<usize>().prop_map(Step::Forget),
        3 => (1usize..5).prop_map(Step::Pull),
        4 => any::<bool>().prop_map(Step::Push),
        4 => Just(Step::Sync),
        1 => Just(Step::Crash),
        3 => Just(Step::Publish),
        1 => Just(Step::TakeBack),
    ];
    (0..DEVICES, what)
}

/// A run: the fleet, and who was wished for and has not come yet.
struct Run {
    fleet: Fleet,
    to_come: Vec<(u8, u8)>,
    notes: usize,
    /// What was to be forgotten, and by whom.
    to_forget: Vec<(usize, Vec<u8>)>,
    /// Whether every device finds its disk full before each step, and dies after it.
    is_rough: bool,
}

impl Run {
    fn take(&mut self, device: usize, step: &Step) {
        let device = device % self.fleet.devices.len();
        let Fleet { relay, devices } = &mut self.fleet;
        let own = &mut devices[device];
        let rights = own.space.own_member().map(|(_, rights)| rights);
        match step {
            Step::Note => {
                if rights.is_ok_and(|rights| rights.include(Rights::WRITE)) {
                    self.notes += 1;
                    own.note(&format!("note {} of {device}", self.notes));
                }
            }
            Step::AddOwn => {
                let person = own.person.0[0];
                self.add(device, person, rights.unwrap_or(Rights::READ));
            }
            Step::AddPerson(rights) => {
                let person = u8::try_from(10 + self.to_come.len() + self.fleet.devices.len());
                let rights = [Rights::READ, Rights::WRITE, Rights::ADMIN][usize::from(*rights)];
                self.add(device, person.unwrap(), rights);
            }
            Step::Remove(number) => drop(own.wish(&Wish::Remove(DeviceNumber(*number)))),
            Step::Rotate => drop(own.wish(&Wish::Rotate)),
            Step::LeaveOut(number) => self.leave_out(device, DeviceNumber(*number)),
            Step::Leave => drop(own.wish(&Wish::Leave)),
            Step::Forget(which) => self.forget(device, *which),
            Step::Pull(limit) => drop(own.pull(relay, *limit).unwrap()),
            Step::Push(true) => drop(own.push(relay)),
            Step::Push(false) => {
                own.pull_all(relay);
                if !own.space.has_ended() {
                    own.prepare();
                    own.send(relay, false);
                }
            }
            Step::Sync => own.sync(relay),
            Step::Crash => own.crash(),
            Step::Publish if own.caught_up => {
                own.step(|space, store, entropy| space.publish_checkpoint(store, entropy))
                    .unwrap();
            }
            Step::TakeBack if own.caught_up => {
                own.step(|space, store, entropy| space.take_back_checkpoint(store, entropy))
                    .unwrap();
            }
            Step::Publish | Step::TakeBack => {}
        }
        self.welcome();
    }

    /// Whoever leaves before it has helped would take the key along: nothing else is wanted meanwhile.
    fn leave_out(&mut self, by: usize, number: DeviceNumber) {
        self.settle();
        let Fleet { relay, devices } = &mut self.fleet;
        if devices[by].space.has_ended() || devices[by].wish(&Wish::Rotate).is_err() {
            return;
        }
        devices[by].sync(relay);
        let start = relay.membership.as_ref().unwrap().epoch_start();
        if relay.sealed_key(start, number).is_some() {
            relay.lose_sealed_key(start, number);
        }
        self.settle();
    }

    fn forget(&mut self, by: usize, which: usize) {
        if self.to_forget.is_empty() {
            self.settle();
        }
        let device = &mut self.fleet.devices[by];
        let mut notes: Vec<_> = device.records().into_iter().collect();
        notes.retain(|record| record.starts_with(b"note"));
        if notes.is_empty() {
            return;
        }
        let note = notes.swap_remove(which % notes.len());
        let text = String::from_utf8(note.clone()).unwrap();
        if device.wish(&forget(&text)).is_ok() {
            self.to_forget.push((by, note));
        }
    }

    fn add(&mut self, by: usize, person: u8, rights: Rights) {
        let known = self.fleet.devices.len() + self.to_come.len();
        let seed = u8::try_from(known + 1).unwrap();
        if known < DEVICES && self.to_forget.is_empty() {
            let wish = Wish::Add(new_member(person, &keys_of(seed), rights));
            if self.fleet.devices[by].wish(&wish).is_ok() {
                self.to_come.push((seed, person));
            }
        }
    }

    /// Whoever sees that somebody was added says so.
    fn welcome(&mut self) {
        for (seed, person) in std::mem::take(&mut self.to_come) {
            let by = 0..self.fleet.devices.len();
            let fleet = &mut self.fleet;
            let mut welcomed = by.filter_map(|by| fleet.welcome(by, seed, person));
            match welcomed.next() {
                Some(new) => self.fleet.devices[new].is_rough = self.is_rough,
                None => self.to_come.push((seed, person)),
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let devices = self.fleet.devices.len();
            self.fleet.settle();
            self.welcome();
            if devices == self.fleet.devices.len() {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// However they meet, all members end with the same people, the same names and the same plan,
    /// with all that any of them wrote; and whoever went opens nothing of the epochs after.
    #[test]
    fn all_members_end_alike_and_nothing_is_lost(
        is_rough in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut fleet = Fleet::of(&[(1, Rights::ADMIN), (2, Rights::WRITE)]);
        for device in &mut fleet.devices {
            device.is_rough = is_rough;
        }
        let mut run = Run {
            fleet,
            to_come: Vec::new(),
            notes: 0,
            to_forget: Vec::new(),
            is_rough,
        };
        for (device, step) in &steps {
            run.take(*device, step);
        }
        run.settle();
        let mut fleet = run.fleet;
        let current = fleet.current();
        for (by, note) in &run.to_forget {
            for device in &mut fleet.devices {
                device.notes.remove(note);
            }
            // Whoever wanted it may have gone before, or may not want it any more.
            let is_done = current.contains(by) && fleet.devices[*by].unfulfilled.is_empty();
            for device in current.iter().filter(|_| is_done) {
                assert_gone(&fleet, *device, note);
            }
        }
        fleet.assert_agree();
        let membership = fleet.membership();
        for device in &fleet.devices {
            let until = membership.member_ever(device.number()).unwrap().until;
            let starts = membership.epoch_starts();
            let next = until.and_then(|until| starts.iter().find(|start| **start >= until));
            if let Some(next) = next {
                let (epochs, _) = device.hoarded();
                prop_assert_eq!(fleet.opened_since(next.0, &epochs).0, 0);
            }
        }
    }
}

//! What holds however the members of a space act, in whatever order, online or not, rightly or not.

use proptest::prelude::*;
use waymark_wire::entry::{Entry, Kind, SIGNATURE, TAG};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::membership::{
    Core, Membership, MembershipError, NewAgreementKey, Op, Refusal, Rights, SUITE_XWING,
};

use crate::support::{add, batch, body, core, core_of, founding, header, needed, sealed, signed};

/// One of the things that a device may want, before it is known what numbers stand for.
#[derive(Clone, Debug)]
enum Want {
    Add { person: u8, rights: usize, at: u16 },
    Remove(usize),
    Rotate { renews: bool },
    Seal(usize),
    Leave,
    Close,
    Forget,
}

/// An entry, or a batch where nothing is wanted.
#[derive(Clone, Debug)]
struct Step {
    by: usize,
    /// How many membership entries its device has not heard of.
    behind: usize,
    wants: Vec<Want>,
    /// Whether a device that knows the rules made it: it brings the key that its ops call for.
    is_honest: bool,
    /// Whether somebody else's key signed.
    is_forged: bool,
}

fn want() -> impl Strategy<Value = Want> {
    // Numbers are mostly the next one.
    let at = prop_oneof![9 => Just(0u16), 1 => 0..4u16];
    prop_oneof![
        6 => (0..4u8, 0..4usize, at)
            .prop_map(|(person, rights, at)| Want::Add { person, rights, at }),
        6 => (0..12usize).prop_map(Want::Remove),
        3 => any::<bool>().prop_map(|renews| Want::Rotate { renews }),
        2 => (0..12usize).prop_map(Want::Seal),
        2 => Just(Want::Leave),
        1 => Just(Want::Close),
        1 => Just(Want::Forget),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let behind = prop_oneof![8 => Just(0usize), 1 => 1..4usize];
    let wants = prop_oneof![
        2 => Just(Vec::new()),
        6 => want().prop_map(|want| vec![want]),
        3 => prop::collection::vec(want(), 2..4),
    ];
    let often = prop::bool::weighted(0.9);
    let seldom = prop::bool::weighted(0.05);
    (0..9usize, behind, wants, often, seldom).prop_map(
        |(by, behind, wants, is_honest, is_forged)| Step {
            by,
            behind,
            wants,
            is_honest,
            is_forged,
        },
    )
}

/// Six devices of three people, two of whom are admins; the first has a recovery phrase.
fn six() -> (Entry, Membership) {
    let adds = [
        add(0, 0, Rights::ADMIN),
        add(1, 0, Rights::WRITE),
        add(2, 1, Rights::ADMIN),
        add(3, 1, Rights::READ),
        add(4, 2, Rights::WRITE),
        add(5, 2, Rights::READ),
        add(6, 0, Rights::RECOVERY),
    ];
    let entry = founding(&core(EntryId::ZERO, &adds), 0);
    let space = Membership::found(&entry).unwrap();
    (entry, space)
}

impl Step {
    /// The core of what is wanted, by a device that knows `known`.
    fn core(&self, known: &Membership, signer: DeviceNumber) -> Core {
        let everybody = known.everybody().len();
        let number = |which: usize| DeviceNumber(u16::try_from(which % (everybody + 1)).unwrap());
        let mut next = known.next_device().0;
        let mut ops: Vec<Op> = Vec::new();
        for want in &self.wants {
            ops.push(match want {
                Want::Add { person, rights, at } => {
                    let all = [Rights::READ, Rights::WRITE, Rights::ADMIN, Rights::RECOVERY];
                    next += 1;
                    Op::Add(add((next - 1).wrapping_sub(*at), *person, all[*rights]))
                }
                Want::Remove(which) => Op::Remove(number(*which)),
                Want::Rotate { renews } => Op::Rotate(renews.then_some(NewAgreementKey {
                    suite: SUITE_XWING,
                    agreement_key: AttachmentHash([8; 32]),
                })),
                Want::Seal(which) => Op::Seal(number(*which)),
                Want::Leave => Op::Leave,
                Want::Close => Op::Close(Some(SpaceId([7; 32]))),
                Want::Forget => Op::Forget,
            });
        }
        let rotates = ops.iter().any(|op| matches!(op, Op::Rotate(_)));
        let is_removal = |op: &Op| matches!(op, Op::Remove(whom) if *whom != signer);
        let calls_for_key = ops.contains(&Op::Forget) || ops.iter().any(is_removal);
        if self.is_honest && !rotates && calls_for_key {
            ops.push(Op::Rotate(None));
        }
        let mut core = core_of(known, &ops);
        if !self.is_honest {
            core.keys = sealed(&needed(known, &ops[1..]));
        }
        core
    }
}

/// A space with all that its relay was ever sent.
struct World {
    space: Membership,
    /// The space after each membership entry, for devices that have not heard of the later ones.
    history: Vec<Membership>,
    /// The membership entries that were taken.
    log: Vec<Entry>,
    /// Everything that was sent, with whether it was taken.
    sent: Vec<(Entry, bool)>,
}

impl World {
    fn new() -> Self {
        let (entry, space) = six();
        Self {
            history: vec![space.clone()],
            space,
            log: vec![entry],
            sent: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        let newest = self.history.len() - 1;
        let known = &self.history[newest - step.behind.min(newest)];
        let by = u16::try_from(step.by % known.everybody().len()).unwrap();
        let signs = if step.is_forged { by + 1 } else { by };
        if step.wants.is_empty() {
            let header = header(Kind::Batch, by, known.height().0);
            let entry = signed(known, header, &[5; 256 + TAG], signs);
            let taken = self.space.admit(&entry);
            self.judge_batch(step, by, known.height(), taken.err());
            return;
        }
        let core = step.core(known, DeviceNumber(by));
        let header = header(Kind::Membership, by, known.height().0);
        let entry = signed(known, header, &body(&core), signs);
        let before = self.space.clone();
        let outcome = self.space.apply(&entry);
        self.sent.push((entry.clone(), outcome.is_ok()));
        if let Err(refused) = outcome {
            assert_eq!(self.space, before, "{refused}");
            if step.is_forged {
                let forged = Refusal::Signer(DeviceNumber(by));
                assert_eq!(refused, MembershipError::Refused(forged));
            }
            return;
        }
        assert!(!step.is_forged && !before.is_closed());
        assert_eq!(
            before.member(DeviceNumber(by)).map(|m| m.device.0),
            Some(by)
        );
        self.grew_from(&before, DeviceNumber(by));
        let signer = before.member(DeviceNumber(by));
        let leads = signer.is_some_and(|signer| signer.rights.include(Rights::ADMIN));
        assert!(leads || self.space.cuts() == before.cuts());
        self.log.push(entry);
        self.history.push(self.space.clone());
    }

    /// Batches count by current writers at heights of the epoch in force, and no other way.
    fn judge_batch(&self, step: &Step, by: u16, height: Height, refused: Option<Refusal>) {
        let space = &self.space;
        let writes = space.member(DeviceNumber(by));
        let writes = writes.is_some_and(|member| member.rights.include(Rights::WRITE));
        let is_open = !space.is_closed() && !space.is_rotation_due();
        let known = &self.history[usize::try_from(height.0).unwrap()];
        let was_there = known.member(DeviceNumber(by)).is_some();
        let in_force = height >= space.epoch_start();
        let counts = writes && is_open && was_there && in_force && !step.is_forged;
        assert_eq!(refused.is_none(), counts, "{refused:?}");
    }

    /// What no entry ever changes, and what every entry keeps.
    fn grew_from(&self, before: &Membership, by: DeviceNumber) {
        let space = &self.space;
        assert_eq!(space.height().0, before.height().0 + 1);
        assert_eq!(space.id_at(before.height()), Some(before.head()));
        let everybody = space.everybody();
        for (number, member) in everybody.iter().enumerate() {
            assert_eq!(usize::from(member.device.0), number);
            let same_key = everybody
                .iter()
                .filter(|m| m.signing_key == member.signing_key);
            assert_eq!(same_key.count(), 1);
        }
        for (old, new) in before.everybody().iter().zip(everybody) {
            assert_eq!(
                (old.person, old.signing_key, old.rights, old.since),
                (new.person, new.signing_key, new.rights, new.since)
            );
            assert!(old.until.is_none() || old.until == new.until);
            let has_ended = old.until.is_none() && new.until.is_some();
            if has_ended && old.rights.is_lasting() {
                assert_eq!(by, old.device, "somebody else ended the phrase");
            }
        }
        let mut phrases = before.members().filter(|m| m.rights.is_lasting());
        if space.is_closed() {
            assert!(phrases.all(|phrase| phrase.device == by));
        }
        let is_admin = |rights: Rights| rights.include(Rights::ADMIN);
        assert!(space.members().any(|member| is_admin(member.rights)));
        assert!(space.members().filter(|m| m.rights.is_lasting()).count() <= 1);
        // Who has gone knows no key that is in force: it is replaced, or due to be.
        let gone = before.members().count() + everybody.len() - before.everybody().len();
        if space.members().count() < gone {
            assert!(space.epoch_start() == space.height() || space.is_rotation_due());
        }
        assert!(space.epoch_starts().is_sorted());
        // Only an epoch of its own is cut off from those before, by whoever leads the space.
        let (starts, cuts) = (space.epoch_starts(), space.cuts());
        assert!(cuts.iter().all(|cut| starts.contains(cut)) && !cuts.contains(&Height(0)));
        assert!(cuts.starts_with(before.cuts()) && cuts.len() <= before.cuts().len() + 1);
        assert_eq!(space.epoch_start_at(space.height()), space.epoch_start());
    }

    /// Nobody signs for a height at which it was no member.
    fn nobody_signs_out_of_time(&self) {
        let space = &self.space;
        for member in space.everybody() {
            for height in 0..=space.height().0 {
                let entry = batch(space, member.device.0, height);
                let id = entry.id(space.space());
                let is_in_time =
                    member.since.0 <= height && member.until.is_none_or(|until| height < until.0);
                let signer = space.signer(&entry, &id);
                assert_eq!(signer.is_ok(), is_in_time);
                if let Err(refusal) = signer {
                    assert_eq!(refusal, Refusal::Signer(member.device));
                    assert_eq!(space.admit(&entry), Err(refusal));
                }
            }
        }
    }
}

/// The membership that a device comes to which is offered these in this order.
fn replica<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Membership {
    let (_, mut space) = six();
    for entry in entries {
        let _ = space.apply(entry);
    }
    space
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Whatever six devices and those whom they bring try, online or behind: there is always an
    /// admin, numbers and keys stay whose they were, who has gone signs nothing more, and all who
    /// read the log, or who were offered whatever was sent, have the same membership.
    #[test]
    fn devices_that_act_as_they_like_end_in_one_membership(
        steps in prop::collection::vec(step(), 1..40),
        away in 0..40usize,
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.nobody_signs_out_of_time();
        prop_assert_eq!(&replica(&world.log[1..]), &world.space);
        // A relay that hands out what it should have refused changes nothing.
        prop_assert_eq!(&replica(world.sent.iter().map(|(entry, _)| entry)), &world.space);
        // A device that was away and reads the rest later, some of it twice.
        let away = away.min(world.log.len() - 1);
        let late = world.log[1..=away].iter().chain(&world.log[1..]);
        prop_assert_eq!(&replica(late), &world.space);
        for (height, known) in world.history.iter().enumerate() {
            prop_assert_eq!(&replica(&world.log[1..=height]), known);
        }
        let head = (world.space.height(), world.space.head());
        let (first, rest) = world.log.split_first().unwrap();
        prop_assert_eq!(&Membership::of(first, rest), &Ok(world.space.clone()));
        prop_assert_eq!(&Membership::known(first, rest, head), &Ok(world.space.clone()));
    }

    /// Whoever opens what it has verified before finds whatever became another entry since.
    #[test]
    fn what_was_verified_is_known_again_and_nothing_else(
        steps in prop::collection::vec(step(), 1..20),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        let head = (world.space.height(), world.space.head());
        let mut log = world.log;
        let entry = which.get_mut(&mut log);
        let mut bytes = entry.bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1;
        let is_signature = place >= bytes.len() - SIGNATURE;
        let Ok(changed) = Entry::parse(bytes) else {
            return Ok(());
        };
        *entry = changed;
        let (first, rest) = log.split_first().unwrap();
        prop_assert!(Membership::of(first, rest).is_err());
        let known = Membership::known(first, rest, head);
        prop_assert_eq!(known.ok(), is_signature.then_some(world.space));
    }
}

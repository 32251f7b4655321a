//! What must hold whatever people do, in whatever order it arrives.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::ids::ActorId;
use crate::model::record::read;
use crate::model::testing::{
    Space, actor, client, day, minutes, mood, per_day, revision, therapist,
};
use crate::model::{
    Author, CheckInId, DayView, DocumentKey, GoalId, Kind, LifecycleStatus, Log, MeasureId,
    NewCheckIn, NewMeasure, NewNote, NewRevision, NewSettings, NewStatus, NewVerdict, NewVoid,
    NewWithdrawal, Outcome, Plan, Rating, RecordId, RevisionId, Schedule, SourceRecord, Target,
    TextId, Verdict, day_results, projection_hash, projection_json,
};

/// Something that somebody does on one of three devices: two of the client, one of the therapist.
/// Numbers are taken as far as they fit; what the facade refuses is not done.
#[derive(Clone, Debug)]
struct Deed {
    device: usize,
    what: u8,
    which: Index,
    amount: u8,
    date: u32,
    /// Hears what another device knows before.
    hears: Option<usize>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let hears = proptest::option::weighted(0.3, 0..3_usize);
    (
        0..3_usize,
        0..12_u8,
        any::<Index>(),
        any::<u8>(),
        1..=10_u32,
        hears,
    )
        .prop_map(|(device, what, which, amount, date, hears)| Deed {
            device,
            what,
            which,
            amount,
            date,
            hears,
        })
}

struct World {
    devices: Vec<Space>,
    goal: GoalId,
    measure: MeasureId,
}

impl World {
    fn new() -> Self {
        let mut space = Space::default();
        let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
        space.put(client(), |p, s| mood().record(p, s));
        let goal = space.goal(client());
        let target = Some(per_day(10.0, measure));
        space.propose(
            client(),
            NewRevision {
                target,
                ..revision(goal)
            },
            1,
        );
        let devices = (0..3).map(|device| Space {
            device,
            ..space.clone()
        });
        Self {
            devices: devices.collect(),
            goal,
            measure,
        }
    }

    fn author(device: usize) -> Author {
        match device {
            2 => therapist(),
            _ => client(),
        }
    }

    fn actor(&self, device: usize) -> ActorId {
        actor(Self::author(device), self.devices[device].device)
    }

    fn play(deeds: &[Deed]) -> Self {
        let mut world = Self::new();
        for (n, deed) in deeds.iter().enumerate() {
            world.act(deed, i64::try_from(n).unwrap() + 1);
        }
        world
    }

    fn act(&mut self, deed: &Deed, clock: i64) {
        if let Some(other) = deed.hears {
            let other = self.devices[other].clone();
            self.devices[deed.device].merge(&other);
        }
        let author = Self::author(deed.device);
        let (goal, measure) = (self.goal, self.measure);
        let undone = self.actor(deed.date as usize % 3);
        let space = &mut self.devices[deed.device];
        space.clock = clock;
        let (plan, log, stamp) = (space.plan(), space.log(), Space::stamp(author, clock));
        let revisions: Vec<RevisionId> = plan
            .revisions(goal, day(31))
            .iter()
            .map(|revision| revision.id)
            .collect();
        let entries: Vec<CheckInId> = log
            .view(&plan)
            .check_ins
            .iter()
            .map(|entry| entry.id)
            .collect();
        let amount = f64::from(deed.amount % 20);
        let check_in = NewCheckIn {
            date: Some(day(deed.date)),
            quantity: (deed.amount < 200).then_some(amount),
            unit: deed.amount.is_multiple_of(50).then(|| "h".to_owned()),
            ratings: vec![Rating {
                measure,
                value: i32::from(deed.amount) * 7,
            }],
            ..NewCheckIn::new(goal, Outcome::ALL[usize::from(deed.amount) % 5])
        };
        let made = match deed.what {
            0..=2 => check_in.record(&plan, None, &stamp),
            3 if !entries.is_empty() => {
                let replaces = vec![*deed.which.get(&entries)];
                NewCheckIn {
                    replaces,
                    ..check_in
                }
                .record(&plan, Some(&log), &stamp)
            }
            4 if !entries.is_empty() => {
                let records = vec![deed.which.get(&entries).record()];
                log.withdraw(&NewWithdrawal { records }, &stamp)
            }
            5 if !revisions.is_empty() => {
                let mut replaces = vec![*deed.which.get(&revisions)];
                replaces.extend(revisions.iter().filter(|_| deed.amount > 240));
                let target = Target {
                    value: Some(amount),
                    ..per_day(10.0, measure)
                };
                let effective_from = deed.amount.is_multiple_of(3).then(|| day(deed.date + 5));
                let new = NewRevision {
                    replaces,
                    target: Some(target),
                    effective_from,
                    schedule: deed.amount.is_multiple_of(2).then(Schedule::daily),
                    ..revision(goal)
                };
                new.record(&plan, &stamp)
            }
            6 | 7 if !revisions.is_empty() => {
                let verdict = Verdict::ALL[usize::from(deed.amount / 100) % 3];
                let revision = *deed.which.get(&revisions);
                let date = Some(day(deed.date));
                NewVerdict {
                    revision,
                    verdict,
                    date,
                }
                .record(&plan, &stamp)
            }
            8 => {
                let to = LifecycleStatus::ALL[usize::from(deed.amount) % 9];
                NewStatus {
                    goal,
                    to,
                    achievement: None,
                    reason: None,
                }
                .record(&plan, &stamp)
            }
            9 => {
                let from = u32::from(deed.amount) % space.next_op(DocumentKey::PLAN) + 1;
                let month = (log.month(), deed.date);
                let from = [(DocumentKey::PLAN, from), month];
                let from = from
                    .into_iter()
                    .take(usize::from(deed.amount % 3))
                    .collect();
                let new = NewVoid {
                    actor: undone,
                    from,
                    since: None,
                };
                new.record(&plan, &stamp)
            }
            10 => NewVoid::restored(undone, &plan, &stamp),
            _ => match deed.amount % 3 {
                0 => NewSettings {
                    cut_off_hour: Some(deed.amount % 12),
                    ..NewSettings::default()
                }
                .record(&plan, &stamp),
                1 => NewMeasure {
                    measure: Some(measure),
                    max: 1440 + i32::from(deed.amount),
                    ..minutes()
                }
                .record(&plan, &stamp),
                _ => NewNote {
                    text: TextId([deed.amount; 16]),
                    about: None,
                    title: None,
                }
                .record(&plan, &stamp),
            },
        };
        if let Ok(record) = made {
            // Now and then under the name of somebody who may not.
            let author = if deed.amount == 77 {
                therapist()
            } else {
                author
            };
            space.store(record, author);
        }
    }

    /// Everything that anybody wrote.
    fn merged(&self) -> Space {
        let mut all = self.devices[0].clone();
        self.devices.iter().for_each(|device| all.merge(device));
        all
    }
}

fn days(space: &Space, goal: GoalId) -> Vec<DayView> {
    day_results(
        &space.plan(),
        &[space.log()],
        goal,
        day(1)..=day(10),
        day(11),
    )
    // The goal may be undone.
    .unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two people with the same records see the same, in whatever order they came.
    #[test]
    fn equal_records_give_an_equal_projection(
        deeds in vec(deed(), 0..40),
        order in any::<u64>(),
    ) {
        let all = World::play(&deeds).merged();
        let mut shuffled = all.clone();
        let key = |id: &RecordId| RecordId::of(&[&id.0[..], &order.to_be_bytes()].concat());
        shuffled.records.sort_by_key(|stored| key(&stored.record.id));
        shuffled.records.iter_mut().for_each(|stored| stored.puts.reverse());
        let (mine, theirs) = (projection_json(&all.plan(), &[all.log()]),
            projection_json(&shuffled.plan(), &[shuffled.log()]));
        prop_assert_eq!(mine, theirs);
        prop_assert_eq!(
            projection_hash(&all.plan(), &[all.log()]),
            projection_hash(&shuffled.plan(), &[shuffled.log()])
        );
    }

    /// Whatever two devices do, after exchanging everything they show the same.
    #[test]
    fn devices_that_exchanged_everything_agree(deeds in vec(deed(), 0..40)) {
        let world = World::play(&deeds);
        let hashes: BTreeSet<_> = (0..3).map(|first| {
            let mut device = world.devices[first].clone();
            (0..3).for_each(|n| device.merge(&world.devices[(first + n) % 3]));
            projection_hash(&device.plan(), &[device.log()])
        }).collect();
        prop_assert_eq!(hashes.len(), 1);
    }

    /// No check-in, revision or verdict disappears: each is shown, or listed with its reason.
    #[test]
    fn nothing_disappears(deeds in vec(deed(), 0..40)) {
        let world = World::play(&deeds);
        let all = world.merged();
        let (plan, log) = (all.plan(), all.log());
        let view = log.view(&plan);
        let mut seen: BTreeSet<RecordId> =
            view.check_ins.iter().map(|entry| entry.id.record()).collect();
        let revisions = plan.revisions(world.goal, day(31));
        seen.extend(revisions.iter().map(|revision| revision.id.record()));
        seen.extend(revisions.iter().flat_map(|r| &r.verdicts).map(|verdict| verdict.id));
        seen.extend(view.left_out.iter().chain(&plan.left_out()).map(|left| left.id));
        for stored in &all.records {
            let kind = crate::model::record::kind_number(&stored.record.bytes).unwrap();
            let kept = [Kind::CheckIn, Kind::GoalRevision, Kind::Verdict];
            if kept.contains(&Kind::of_number(kind).unwrap()) {
                prop_assert!(seen.contains(&stored.record.id), "{:?}", stored.record.id);
            }
        }
        // Each entry counts at most once, and each day is judged by what was in force on it.
        for view in days(&all, world.goal) {
            prop_assert_eq!(view.judged_by, plan.in_force_on(world.goal, view.date));
        }
        let of_days: Vec<_> =
            days(&all, world.goal).into_iter().flat_map(|view| view.entries).collect();
        let distinct: BTreeSet<_> = of_days.iter().collect();
        prop_assert_eq!(distinct.len(), of_days.len());
    }

    /// Whatever was undone, all of it is back when the client takes that back.
    #[test]
    fn what_is_undone_comes_back_whole(
        deeds in vec(deed(), 0..40),
        undone in vec((0..3_usize, 0..60_u32), 1..4),
    ) {
        let world = World::play(&deeds);
        let mut all = world.merged();
        // Who takes everything back begins with nothing undone.
        all.device = 7;
        let shown = |space: &Space| (space.plan().view(day(31)), space.log().view(&space.plan()));
        let redo = |space: &mut Space, clock| for device in 0..3 {
            let actor = world.actor(device);
            let stamp = Space::stamp(client(), clock);
            if let Ok(record) = NewVoid::restored(actor, &space.plan(), &stamp) {
                space.store(record, client());
            }
        };
        for again in 0..4 {
            redo(&mut all, 1_000 + again);
        }
        prop_assert!(all.plan().undone().is_empty());
        let before = shown(&all);
        for (clock, (device, from)) in (2_000..).zip(undone) {
            let from = [(DocumentKey::PLAN, from), (all.log().month(), from)].into();
            let new = NewVoid { actor: world.actor(device), from, since: None };
            let record = new.record(&all.plan(), &Space::stamp(client(), clock)).unwrap();
            all.store(record, client());
        }
        redo(&mut all, 3_000);
        prop_assert_eq!(shown(&all), before);
    }

    /// What people agree on later changes no day before.
    #[test]
    fn past_days_stay_as_judged(before in vec(deed(), 0..25), after in vec(deed(), 0..25)) {
        let mut world = World::play(&before);
        let merged = world.merged();
        for device in &mut world.devices {
            device.merge(&merged);
        }
        let judged = days(&merged, world.goal);
        for (n, deed) in after.iter().enumerate() {
            // Only plans and verdicts, from the 11th on.
            let what = if deed.what % 2 == 0 { 5 } else { 6 };
            let later = Deed { what, date: deed.date + 10, ..deed.clone() };
            world.act(&later, 1_000 + i64::try_from(n).unwrap());
        }
        prop_assert_eq!(days(&world.merged(), world.goal), judged);
    }

    /// Bytes from anywhere are read or refused, never more.
    #[test]
    fn no_bytes_break_the_reader(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let mut record = vec![0xa2, 0x00, bytes.first().map_or(1, |kind| kind % 10)];
        record.extend(bytes);
        let _ = read(&record);
    }

    /// Damaged records are read or refused, and the fold goes on with the others.
    #[test]
    fn damaged_records_break_nothing(
        deeds in vec(deed(), 5..20),
        damage in vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..20),
    ) {
        let mut all = World::play(&deeds).merged();
        for (record, at, byte) in damage {
            let count = all.records.len();
            let stored = &mut all.records[record.index(count)];
            let length = stored.record.bytes.len();
            match byte {
                0..=50 => stored.record.bytes.truncate(at.index(length + 1)),
                51..=100 => stored.record.bytes.insert(at.index(length + 1), byte),
                _ if length > 0 => stored.record.bytes[at.index(length)] ^= byte,
                _ => {}
            }
            stored.record.id = RecordId::of(&stored.record.bytes);
        }
        let (plan, log) = (all.plan(), all.log());
        projection_json(&plan, std::slice::from_ref(&log));
        let sources = || all.records.iter().map(|stored| SourceRecord {
            document: DocumentKey::PLAN,
            ..stored.source()
        });
        Plan::fold(sources(), Some(chrono::NaiveDate::MIN));
        Log::fold(log.month(), sources(), plan.undone());
    }

    /// An id of a text comes back, and other text is refused without panic.
    #[test]
    fn ids_in_text(bytes in any::<[u8; 16]>(), text in ".{0,30}") {
        prop_assert_eq!(RecordId(bytes).to_string().parse(), Ok(RecordId(bytes)));
        let _ = text.parse::<RecordId>();
    }
}

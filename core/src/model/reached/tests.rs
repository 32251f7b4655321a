use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::model::day::DayResult;
use crate::model::log::Log;
use crate::model::progress::GoalMonths;
use crate::model::testing::{Space, client, day as may, minutes, per_day, revision, therapist};
use crate::model::{
    Author, CheckInId, NewCheckIn, NewRevision, NewWithdrawal, Outcome, Reason, RewardKind,
    RewardState, Schedule, day_results, projection_hash,
};

/// On how many days of the month goals were done.
fn done_days(
    plan: &Plan,
    log: &Log,
    goals: impl IntoIterator<Item = GoalId>,
) -> BTreeMap<GoalId, u32> {
    let mut said = log.said(plan);
    let count = |goal: GoalId| {
        let mut months = GoalMonths::of(plan, goal).unwrap();
        months.put(log.month(), (), said.remove(&goal).unwrap_or_default());
        (goal, months.done_days())
    };
    goals.into_iter().map(count).collect()
}

/// What a client's device does after every check-in and every merge: how many records it writes.
fn find(space: &mut Space) -> usize {
    let (plan, log) = (space.plan(), space.log());
    let done = done_days(&plan, &log, plan.awaited_goals());
    let found = plan.found(&done, &Space::stamp(client(), space.clock));
    let found = found.unwrap();
    let count = found.len();
    for record in found {
        space.store(record, client());
    }
    count
}

/// A daily goal since the first of May.
fn walk(space: &mut Space) -> GoalId {
    let goal = space.goal(client());
    space.propose(client(), revision(goal), 1);
    goal
}

fn milestone(space: &mut Space, goal: GoalId, done_days: Option<u32>) -> RecordId {
    space.clock += 1;
    let milestone = Milestone {
        goal,
        text: format!("{done_days:?} days"),
        done_days,
    };
    space.put(client(), |p, s| p.add(&milestone, None, s))
}

fn reward(space: &mut Space, goal: GoalId, done_days: u32) -> RecordId {
    space.clock += 1;
    let reward = Reward {
        goal,
        done_days,
        text: "An evening at the lake".into(),
        of: RewardKind::Intrinsic,
    };
    space.put(client(), |p, s| p.add(&reward, None, s))
}

fn log(space: &mut Space, goal: GoalId, on: u32, outcome: Outcome) -> CheckInId {
    space.say(goal, outcome, on).into()
}

fn count(space: &Space, kind: Kind) -> usize {
    space.plan().items(kind).len()
}

fn counts(space: &Space) -> (usize, usize, usize) {
    let kinds = [
        Kind::MilestoneReached,
        Kind::RewardUnlocked,
        Kind::Celebration,
    ];
    let [reached, unlocked, celebrations] = kinds.map(|kind| count(space, kind));
    (reached, unlocked, celebrations)
}

fn state(space: &Space, goal: GoalId) -> RewardState {
    space.plan().rewards(goal)[0].state
}

fn hash(space: &Space) -> [u8; 32] {
    projection_hash(&space.plan(), &[space.log()])
}

/// Each phone would celebrate the same milestone once more, whenever it comes back from the mountains.
#[test]
fn what_four_devices_find_offline_is_reached_once() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    milestone(&mut space, goal, Some(3));
    reward(&mut space, goal, 3);
    let mut devices: Vec<Space> = (0..4)
        .map(|device| Space {
            device,
            clock: 1_000 * i64::from(device),
            ..space.clone()
        })
        .collect();
    for device in &mut devices {
        for on in 1..=3 {
            assert_eq!(find(device), 0);
            log(device, goal, on, Outcome::Done);
        }
        assert_eq!(find(device), 3, "found offline, at once");
        assert_eq!(find(device), 0, "and not again");
    }
    let known = devices.clone();
    for (n, device) in devices.iter_mut().enumerate() {
        for step in 1..4 {
            device.merge(&known[(n + step) % 4]);
        }
        assert_eq!(find(device), 0);
        assert_eq!(counts(device), (1, 1, 1));
    }
    assert!(devices.iter().all(|one| hash(one) == hash(&devices[0])));
}

/// Days on two phones would never add up to what both were for.
#[test]
fn days_of_two_devices_reach_it_together_and_whoever_hears_first_says_so() {
    let mut phone = Space::default();
    let goal = walk(&mut phone);
    milestone(&mut phone, goal, Some(4));
    let mut tablet = Space {
        device: 1,
        ..phone.clone()
    };
    log(&mut phone, goal, 1, Outcome::Done);
    log(&mut phone, goal, 2, Outcome::Done);
    // The second is on both: one day.
    log(&mut tablet, goal, 2, Outcome::Done);
    log(&mut tablet, goal, 3, Outcome::Done);
    let early = tablet.clone();
    tablet.merge(&phone);
    assert_eq!(find(&mut tablet), 0, "three days are not four");
    log(&mut phone, goal, 4, Outcome::Done);
    phone.merge(&early);
    tablet.merge(&phone);
    assert_eq!((find(&mut phone), find(&mut tablet)), (2, 2));
    phone.merge(&tablet);
    tablet.merge(&phone);
    assert_eq!(counts(&phone), (1, 0, 1));
    assert_eq!(hash(&phone), hash(&tablet));
}

/// A hard week, or an honest correction, would cost what was looked forward to.
#[test]
fn a_reward_that_was_unlocked_stays_after_a_slip_a_correction_and_a_withdrawal() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    reward(&mut space, goal, 5);
    let mut entries = Vec::new();
    for on in 1..=4 {
        entries.push(log(&mut space, goal, on, Outcome::Done));
        // A second entry makes no second day.
        log(&mut space, goal, on, Outcome::NoteOnly);
        assert_eq!(
            (find(&mut space), state(&space, goal)),
            (0, RewardState::NotYet)
        );
    }
    entries.push(log(&mut space, goal, 5, Outcome::Done));
    assert_eq!(
        (find(&mut space), state(&space, goal)),
        (1, RewardState::Unlocked)
    );

    // Nothing on the 6th and 7th, and on the 8th a note.
    log(&mut space, goal, 8, Outcome::NoteOnly);
    let month = space.log();
    let partial = NewCheckIn {
        date: Some(may(4)),
        replaces: vec![entries[3]],
        ..NewCheckIn::new(goal, Outcome::Partial)
    };
    space.put(client(), |p, s| partial.record(p, Some(&month), s));
    let withdrawal = NewWithdrawal {
        records: vec![entries[4].into()],
    };
    space.put(client(), |_, s| month.withdraw(&withdrawal, s));
    let days = done_days(&space.plan(), &space.log(), [goal]);
    assert_eq!(days[&goal], 3);
    assert_eq!(
        (find(&mut space), state(&space, goal)),
        (0, RewardState::Unlocked)
    );

    // The fifth day comes a second time, and brings nothing a second time.
    log(&mut space, goal, 9, Outcome::Done);
    log(&mut space, goal, 10, Outcome::Done);
    assert_eq!(find(&mut space), 0);
    assert_eq!(counts(&space), (0, 1, 0));
}

/// Partly done days, or days before it began, would unlock what other days were meant for.
#[test]
fn a_day_counts_where_its_target_is_met_between_start_and_end() {
    let mut space = Space::default();
    let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
    let goal = space.goal(client());
    let wording = NewRevision {
        target: Some(per_day(10.0, measure)),
        schedule: Some(Schedule {
            start: Some(may(2)),
            end: Some(may(20)),
            ..Schedule::daily()
        }),
        ..revision(goal)
    };
    space.propose(client(), wording, 1);
    for (on, amount) in [
        (1, 10.0),
        (2, 4.0),
        (2, 6.0),
        (3, 9.0),
        (20, 30.0),
        (21, 10.0),
    ] {
        space.clock += 1;
        let check_in = NewCheckIn {
            date: Some(may(on)),
            quantity: Some(amount),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        space.put(client(), |p, s| check_in.record(p, None, s));
    }
    let other = space.goal(therapist());
    let days = done_days(&space.plan(), &space.log(), [goal, other]);
    // The 2nd (4 + 6) and the 20th; the 1st and the 21st lie outside, the 3rd is partial.
    assert_eq!((days[&goal], days[&other]), (2, 0));
}

/// What a person has put away would come back with every check-in.
#[test]
fn what_the_client_removed_is_not_found_again() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    milestone(&mut space, goal, Some(1));
    log(&mut space, goal, 1, Outcome::Done);
    let mut tablet = Space {
        device: 1,
        ..space.clone()
    };
    assert_eq!((find(&mut space), find(&mut tablet)), (2, 2));
    let reached = space.plan().items(Kind::MilestoneReached)[0].id;
    space.clock += 1;
    space.put(client(), |p, s| {
        Kind::MilestoneReached.remove(p, None, reached, s)
    });
    for _ in 0..2 {
        assert_eq!(find(&mut space), 0);
        assert!(!space.plan().milestones(goal)[0].reached);
        assert!(space.plan().celebrations().is_empty());
        log(&mut space, goal, 2, Outcome::Done);
        space.merge(&tablet);
    }
}

/// A milestone without a number of days would never be celebrated.
#[test]
fn what_somebody_says_was_reached_is_celebrated_too() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    let id = milestone(&mut space, goal, None);
    log(&mut space, goal, 1, Outcome::Done);
    assert_eq!(find(&mut space), 0);
    let reached = MilestoneReached { milestone: id };
    space.put(therapist(), |p, s| p.add(&reached, None, s));
    assert_eq!(find(&mut space), 1);
    let seen = space.plan().milestones(goal).remove(0);
    assert!(seen.reached && seen.celebration.is_some());
}

/// A therapist's app that was tampered with would say what the client has reached and celebrates; or
/// make the client's phone write for ever what it cannot.
#[test]
fn what_who_may_not_has_written_counts_for_nothing_and_is_not_tried_again() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    reward(&mut space, goal, 1);
    let reward = space.plan().rewards(goal)[0].id;
    let unlocked = RewardUnlocked { reward };
    let refused = space.refused(therapist(), |p, s| p.add(&unlocked, None, s));
    assert!(
        matches!(refused, InputError::NotYourRole { .. }),
        "{refused}"
    );
    let forged = space.forge(therapist(), |p| {
        p.add(&unlocked, None, &Space::stamp(client(), 0))
    });
    assert_eq!(space.reason(forged), Some(Reason::OutOfRole));
    assert_eq!(state(&space, goal), RewardState::NotYet);
    log(&mut space, goal, 1, Outcome::Done);
    assert_eq!(find(&mut space), 0);
}

/// Whatever the plan says anew about a day would be overlooked by whoever counts only what changed.
#[test]
fn what_judges_a_goal_changes_with_its_wordings_and_measures_alone() {
    let mut space = Space::default();
    let goal = walk(&mut space);
    let judged = |space: &Space| GoalMonths::<()>::of(&space.plan(), goal).unwrap();
    let first = judged(&space);
    milestone(&mut space, goal, Some(3));
    space.goal(client());
    assert!(first.holds_beside(&space.plan()));
    space.put(client(), |p, s| minutes().record(p, s));
    let second = judged(&space);
    assert!(!first.holds_beside(&space.plan()));
    let in_force = space.plan().in_force_on(goal, may(1)).unwrap();
    let later = NewRevision {
        replaces: vec![in_force],
        ..revision(goal)
    };
    let later = space.propose(client(), later, 3);
    assert!(second.holds_beside(&space.plan()), "not in force yet");
    space.verdict(therapist(), later, crate::model::Verdict::Agree, 3);
    assert!(!second.holds_beside(&space.plan()));
}

/// Something on one of four devices: three of the client, one of the therapist.
#[derive(Clone, Debug)]
struct Deed {
    device: usize,
    what: u8,
    which: Index,
    date: u32,
    /// Hears what another device knows before.
    hears: Option<usize>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let hears = proptest::option::weighted(0.3, 0..4_usize);
    let deed = (0..4_usize, 0..10_u8, any::<Index>(), 1..=12_u32, hears);
    deed.prop_map(|(device, what, which, date, hears)| Deed {
        device,
        what,
        which,
        date,
        hears,
    })
}

const MILESTONES: [u32; 3] = [1, 3, 6];
const REWARDS: [u32; 2] = [2, 5];

struct World {
    devices: Vec<Space>,
    goal: GoalId,
    /// What some device found once.
    found: BTreeSet<RecordId>,
}

impl World {
    fn new() -> Self {
        let mut space = Space::default();
        let goal = walk(&mut space);
        for days in MILESTONES {
            milestone(&mut space, goal, Some(days));
        }
        for days in REWARDS {
            reward(&mut space, goal, days);
        }
        let device = |device| Space {
            device,
            ..space.clone()
        };
        Self {
            devices: (0..4).map(device).collect(),
            goal,
            found: BTreeSet::new(),
        }
    }

    fn author(device: usize) -> Author {
        match device {
            3 => therapist(),
            _ => client(),
        }
    }

    fn act(&mut self, deed: &Deed, clock: i64) {
        if let Some(other) = deed.hears {
            let other = self.devices[other].clone();
            self.devices[deed.device].merge(&other);
        }
        let (goal, author) = (self.goal, Self::author(deed.device));
        let space = &mut self.devices[deed.device];
        space.clock = clock;
        let (plan, log, stamp) = (space.plan(), space.log(), Space::stamp(author, clock));
        let view = log.view(&plan);
        let entries: Vec<CheckInId> = view.check_ins.iter().map(|entry| entry.id).collect();
        let check_in = NewCheckIn {
            date: Some(may(deed.date)),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        let made = match deed.what {
            0..=5 => check_in.record(&plan, None, &stamp),
            _ if entries.is_empty() => return,
            6..=7 => {
                let records = vec![deed.which.get(&entries).record()];
                log.withdraw(&NewWithdrawal { records }, &stamp)
            }
            _ => NewCheckIn {
                replaces: vec![*deed.which.get(&entries)],
                outcome: Outcome::ALL[deed.which.index(5)],
                ..check_in
            }
            .record(&plan, Some(&log), &stamp),
        };
        // What the facade refuses is not done.
        if let Ok(record) = made {
            space.store(record, author);
        }
        if author == client() {
            find(space);
            let said = said(space);
            self.found.extend(said.values().flatten());
        }
    }
}

/// What was found, by its kind: the milestone or reward of each record.
fn said(space: &Space) -> BTreeMap<Kind, Vec<RecordId>> {
    let kinds = [
        Kind::MilestoneReached,
        Kind::RewardUnlocked,
        Kind::Celebration,
    ];
    let plan = space.plan();
    let of = |content: Content| match content {
        Content::AMilestoneReached(reached) => reached.milestone,
        Content::ARewardUnlocked(unlocked) => unlocked.reward,
        Content::ACelebration(celebration) => celebration.of,
        other => panic!("{other:?}"),
    };
    let about = |kind| {
        let items = plan.items(kind).into_iter();
        items.map(|item| of(item.content)).collect()
    };
    kinds.map(|kind| (kind, about(kind))).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In some order of check-ins and meetings a milestone would be reached twice, or on one device
    /// only, or be taken away again.
    #[test]
    fn in_any_order_everything_is_found_at_most_once_stays_and_is_the_same_everywhere(
        deeds in vec(deed(), 0..30),
        order in Just(vec![0, 1, 2, 3_usize]).prop_shuffle(),
    ) {
        let mut world = World::new();
        for (n, deed) in deeds.iter().enumerate() {
            world.act(deed, 1_000 + i64::try_from(n).unwrap());
        }
        let known = world.devices.clone();
        for device in &mut world.devices {
            for other in &order {
                device.merge(&known[*other]);
            }
        }
        // The therapist's device writes nothing, the client's write the same.
        for device in &mut world.devices[..3] {
            find(device);
        }
        let first = world.devices[0].clone();
        world.devices[3].merge(&first);
        let said = said(&world.devices[0]);
        for (kind, about) in &said {
            let distinct: BTreeSet<_> = about.iter().collect();
            prop_assert_eq!(distinct.len(), about.len(), "{:?} twice", kind);
        }
        let all: BTreeSet<RecordId> = said.values().flatten().copied().collect();
        prop_assert!(world.found.is_subset(&all), "something was taken away");
        prop_assert_eq!(&said[&Kind::Celebration].len(), &said[&Kind::MilestoneReached].len());

        // Counted another way.
        let (plan, month) = (world.devices[0].plan(), world.devices[0].log());
        let days = day_results(&plan, &[month], world.goal, may(1)..=may(12), may(31)).unwrap();
        let done = days.iter().filter(|day| day.result == DayResult::Done).count();
        for seen in plan.milestones(world.goal) {
            let days = seen.milestone.done_days.unwrap();
            prop_assert!(seen.reached || done < usize::try_from(days).unwrap());
        }
        for seen in plan.rewards(world.goal) {
            let days = usize::try_from(seen.reward.done_days).unwrap();
            prop_assert!(seen.state == RewardState::Unlocked || done < days);
        }
        for device in &world.devices {
            prop_assert_eq!(hash(device), hash(&world.devices[0]));
        }
    }
}

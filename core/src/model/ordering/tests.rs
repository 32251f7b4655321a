use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::Kind;
use crate::model::testing::{Space, client, day, revision};

fn key(bytes: &[u8]) -> OrderKey {
    OrderKey::read(bytes).unwrap()
}

fn order(space: &Space) -> Vec<GoalId> {
    let goals = space.plan().goals(day(20)).into_iter();
    goals.map(|goal| goal.id).collect()
}

fn reorder(space: &mut Space, goal: GoalId, after: Option<GoalId>) -> usize {
    space.clock += 1;
    let stamp = Space::stamp(client(), space.clock);
    let records = space.plan().reorder(goal, after, day(20), &stamp).unwrap();
    let count = records.len();
    for record in records {
        space.store(record, client());
    }
    count
}

/// A space with so many goals, made one after another.
fn space_with(goals: usize) -> (Space, Vec<GoalId>) {
    let mut space = Space::default();
    let made = (0..goals).map(|_| {
        space.clock += 1;
        space.goal(client())
    });
    let made = made.collect();
    (space, made)
}

/// By hand: 0x80 halves everything; between 0x05 and 0x06 one more digit is needed.
#[test]
fn a_key_lies_halfway_between_two() {
    let between = |low: &[u8], high: &[u8]| {
        let (low, high) = (OrderKey::read(low), OrderKey::read(high));
        OrderKey::between(low.as_ref(), high.as_ref())
    };
    assert_eq!(between(&[], &[]), Some(key(&[0x80])));
    assert_eq!(between(&[], &[0x80]), Some(key(&[0x40])));
    assert_eq!(between(&[0x80], &[]), Some(key(&[0xc0])));
    assert_eq!(between(&[5], &[6]), Some(key(&[5, 0x80])));
    assert_eq!(between(&[5], &[5, 0, 1]), Some(key(&[5, 0, 0, 0x80])));
    assert_eq!(between(&[0xff], &[]), Some(key(&[0xff, 0x80])));
    assert_eq!(between(&[], &[1]), Some(key(&[0, 0x80])));
    assert_eq!(between(&[6], &[6]), None);
    assert_eq!(between(&[7], &[6]), None);
    assert_eq!(
        between(&[0xff; 16], &[]),
        None,
        "it would be longer than 16"
    );
}

/// Somebody who moves goals every day for years would carry keys that grow with every day.
#[test]
fn keys_stay_short_however_often_goals_are_moved() {
    let (_, goals) = space_with(6);
    let mut order: Vec<Placed> = goals.iter().map(|goal| (*goal, None)).collect();
    let mut written = 0;
    for n in 0..3_000 {
        // Always the last one, right behind the first: the place where room runs out soonest.
        let (goal, after) = (order[5].0, order[0].0);
        let keys = moved(&order, goal, Some(after)).unwrap();
        written += keys.len();
        for (goal, key) in keys {
            let placed = order.iter_mut().find(|(id, _)| *id == goal).unwrap();
            placed.1 = Some(key);
        }
        order.sort_by_key(|(id, key)| (key.is_none(), key.clone(), *id));
        assert_eq!((order[0].0, order[1].0), (after, goal), "move {n}");
        assert!(
            order
                .iter()
                .flat_map(|(_, key)| key)
                .all(|key| key.0.len() <= KEY_LIMIT)
        );
    }
    // All keys anew at most every hundred moves.
    assert!(written < 3_000 + 6 * 30 + 6, "{written}");
}

/// What two devices put at one place at once would stick together for ever.
#[test]
fn between_two_that_share_a_key_there_is_room_again() {
    let (mut phone, goals) = space_with(4);
    let [a, b, c, d] = goals[..] else { panic!() };
    for (goal, after) in [(a, None), (d, Some(a))] {
        reorder(&mut phone, goal, after);
    }
    let mut tablet = phone.clone();
    reorder(&mut phone, b, Some(a));
    reorder(&mut tablet, c, Some(a));
    phone.merge(&tablet);
    let both = order(&phone);
    let place = |goal| phone.plan().goal_state(goal).unwrap().place.clone();
    assert_eq!(place(b), place(c), "they share one");
    assert_eq!((both[0], both[3]), (a, d));
    assert_eq!(both[1], b.min(c), "the lower id comes first");

    assert_eq!(
        reorder(&mut phone, d, Some(both[1])),
        2,
        "and its neighbour"
    );
    assert_eq!(order(&phone), [a, both[1], d, both[2]]);
}

/// The first thing that a person puts on top would sink again.
#[test]
fn goals_that_nobody_moved_come_behind_by_due_date_and_age() {
    let (mut space, goals) = space_with(4);
    let [a, b, c, d] = goals[..] else { panic!() };
    let due = |space: &mut Space, goal, on| {
        let target = crate::model::Target {
            measure: None,
            comparison: crate::model::Comparison::AtLeast,
            value: None,
            unit: None,
            period: crate::model::Period::Day,
            due: Some(day(on)),
        };
        let wording = crate::model::NewRevision {
            target: Some(target),
            ..revision(goal)
        };
        space.propose(client(), wording, 1);
    };
    assert_eq!(order(&space), [a, b, c, d]);
    due(&mut space, d, 25);
    due(&mut space, c, 28);
    assert_eq!(order(&space), [d, c, a, b]);
    reorder(&mut space, b, None);
    assert_eq!(order(&space), [b, d, c, a]);
    assert_eq!(
        reorder(&mut space, a, Some(d)),
        2,
        "d gets a place of its own"
    );
    assert_eq!(order(&space), [b, d, a, c]);
    reorder(&mut space, d, Some(d));
    assert_eq!(order(&space), [b, d, a, c], "behind itself it stays");
}

/// Whoever is not the client would say what matters most.
#[test]
fn a_therapist_does_not_put_goals_in_order() {
    let (space, goals) = space_with(2);
    let stamp = Space::stamp(crate::model::testing::therapist(), 9);
    let refused = space.plan().reorder(goals[1], None, day(20), &stamp);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "a therapist may not put goals in order"
    );
    let unknown = GoalId([9; 16]);
    let stamp = Space::stamp(client(), 9);
    let refused = space
        .plan()
        .reorder(goals[1], Some(unknown), day(20), &stamp);
    assert_eq!(refused, Err(InputError::UnknownGoal(unknown)));
}

fn any_key() -> impl Strategy<Value = OrderKey> {
    let digits = vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..5);
    (digits, 1_u8..).prop_map(|(mut bytes, last)| {
        bytes.push(last);
        OrderKey(bytes)
    })
}

#[derive(Clone, Debug)]
struct Move {
    device: usize,
    goal: usize,
    after: Option<usize>,
    hears: Option<usize>,
}

fn a_move() -> impl Strategy<Value = Move> {
    let after = proptest::option::of(0..5_usize);
    let hears = proptest::option::weighted(0.3, 0..4_usize);
    (0..4_usize, 0..5_usize, after, hears).prop_map(|(device, goal, after, hears)| Move {
        device,
        goal,
        after,
        hears,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A goal would land beside the place where it was put.
    #[test]
    fn between_any_two_keys_lies_another(a in any_key(), b in any_key()) {
        prop_assume!(a != b);
        let (low, high) = (a.clone().min(b.clone()), a.max(b));
        let key = OrderKey::between(Some(&low), Some(&high)).unwrap();
        prop_assert!(low < key && key < high, "{low:?} {key:?} {high:?}");
        prop_assert_eq!(OrderKey::read(&key.0), Some(key.clone()));
        let below = OrderKey::between(None, Some(&low)).unwrap();
        let above = OrderKey::between(Some(&high), None).unwrap();
        prop_assert!(below < low && high < above);
    }

    /// Two devices would show two lists, or a goal elsewhere than where it was put.
    #[test]
    fn devices_that_put_goals_in_order_offline_end_with_one_list(
        replicas in 2..=4_usize,
        moves in vec(a_move(), 1..24),
    ) {
        let (space, goals) = space_with(5);
        let mut devices: Vec<_> = (0..replicas).map(|_| space.clone()).collect();
        for next in moves {
            let device = next.device % replicas;
            if let Some(other) = next.hears {
                let other = devices[other % replicas].clone();
                devices[device].merge(&other);
            }
            let (goal, after) = (goals[next.goal], next.after.map(|after| goals[after]));
            let space = &mut devices[device];
            let before = order(space);
            reorder(space, goal, after);
            let mut expected: Vec<_> = before.iter().filter(|id| **id != goal).copied().collect();
            let place = match after {
                None => 0,
                Some(after) if after == goal => before.iter().position(|id| *id == goal).unwrap(),
                Some(after) => expected.iter().position(|id| *id == after).unwrap() + 1,
            };
            expected.insert(place, goal);
            prop_assert_eq!(order(space), expected);
        }
        let lists: BTreeSet<_> = (0..replicas).map(|first| {
            let mut device = devices[first].clone();
            (0..replicas).for_each(|n| device.merge(&devices[(first + n) % replicas]));
            order(&device)
        }).collect();
        prop_assert_eq!(lists.len(), 1);
        let mut all = devices[0].clone();
        devices.iter().for_each(|device| all.merge(device));
        prop_assert!(all.plan().left_out().is_empty());
        prop_assert!(all.plan().items(Kind::GoalOrder).len() <= goals.len());
    }
}

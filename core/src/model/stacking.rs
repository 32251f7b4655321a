//! The routine of a day: habits in the order in which they hang on each other.
//!
//! ```text
//!  "getting up" ◄── water ◄── three things        stack: stretch, water, three things
//!                     ▲
//!                     └─(before)── stretch
//! ```
//!
//! Each habit hangs on one thing at most, so habits make trees. Two devices that work apart can close
//! a ring: one hangs tea on the walk, the other the walk on tea. Both are kept, and the ring is shown
//! for people to open. Until they do, the order begins at its lowest id as if that hung on nothing:
//! the same on every device, and each habit once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::item::Thing;
use crate::model::kinds::habit::{Habit, HabitPlace};
use crate::model::plan::Plan;

/// The habits of a plan in the order of a day.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RoutineView {
    /// The stacks, in the order in which the habits that carry them began. Each habit is in exactly
    /// one, once.
    pub stacks: Vec<HabitStack>,
    /// The rings, by their first ids.
    pub cycles: Vec<HabitCycle>,
}

/// Habits that follow each other.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HabitStack {
    /// The habit that carries the others: it hangs on a moment, or on nothing that is there.
    pub carried_by: RecordId,
    /// What is done, one after the other.
    pub steps: Vec<RoutineStep>,
    /// How long it takes together, in minutes, as far as the habits say.
    pub minutes: u32,
}

/// A habit in a routine.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RoutineStep {
    /// The habit's id.
    pub id: RecordId,
    /// What it says.
    pub habit: Habit,
    /// Whether it is part of a ring.
    pub in_cycle: bool,
}

/// Habits that hang on each other in a ring: each on the next, and the last on the first. It is
/// opened by hanging one of them on something else.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HabitCycle {
    /// Their ids, the lowest first. The order of the day begins with that one.
    pub habits: Vec<RecordId>,
}

impl Plan {
    /// The habits in the order of a day, with the rings among them.
    pub fn routine(&self) -> RoutineView {
        let forest = Forest::of(self.things());
        let in_cycle: BTreeSet<_> = forest.cycles.iter().flatten().copied().collect();
        let step = |place: usize| RoutineStep {
            id: forest.habits[place].id,
            habit: forest.habits[place].fields.clone(),
            in_cycle: in_cycle.contains(&place),
        };
        let stack = |carrier: usize| {
            let steps: Vec<_> = forest.order_from(carrier).into_iter().map(step).collect();
            let minutes = steps.iter().filter_map(|step| step.habit.minutes);
            HabitStack {
                carried_by: forest.habits[carrier].id,
                minutes: minutes.map(u32::from).sum(),
                steps,
            }
        };
        let cycle = |cycle: &Vec<usize>| HabitCycle {
            habits: cycle.iter().map(|place| forest.habits[*place].id).collect(),
        };
        RoutineView {
            stacks: forest.carriers().map(stack).collect(),
            cycles: forest.cycles.iter().map(cycle).collect(),
        }
    }
}

/// Habits by their places in a list, what each hangs on, and what hangs on each.
struct Forest {
    habits: Vec<Thing<Habit>>,
    /// The rings, each along its anchors from its lowest id, by that id.
    cycles: Vec<Vec<usize>>,
    /// Whether each hangs on nothing, or on nothing that the order goes by.
    carries: Vec<bool>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Forest {
    fn of(habits: Vec<Thing<Habit>>) -> Self {
        let places = habits.iter().enumerate();
        let places: BTreeMap<_, _> = places.map(|(place, habit)| (habit.id, place)).collect();
        // An anchor that was removed carries nothing any more.
        let anchor = |habit: &Thing<Habit>| places.get(&habit.fields.anchor?).copied();
        let mut anchors: Vec<_> = habits.iter().map(anchor).collect();
        let mut cycles = cycles(&anchors);
        for cycle in &mut cycles {
            let ids = cycle.iter().map(|place| habits[*place].id).enumerate();
            let lowest = ids.min_by_key(|(_, id)| *id);
            cycle.rotate_left(lowest.map_or(0, |(at, _)| at));
        }
        cycles.sort_by_key(|cycle| habits[cycle[0]].id);
        for cycle in &cycles {
            anchors[cycle[0]] = None;
        }
        let none = vec![Vec::new(); habits.len()];
        let (mut before, mut after) = (none.clone(), none);
        for (place, anchor) in anchors.iter().enumerate() {
            let Some(anchor) = *anchor else { continue };
            match habits[place].fields.place {
                HabitPlace::After => after[anchor].push(place),
                HabitPlace::Before => before[anchor].push(place),
            }
        }
        Self {
            carries: anchors.iter().map(Option::is_none).collect(),
            habits,
            cycles,
            before,
            after,
        }
    }

    /// Those that carry the others.
    fn carriers(&self) -> impl Iterator<Item = usize> {
        let all = self.carries.iter().enumerate();
        all.filter_map(|(place, carries)| carries.then_some(place))
    }

    /// What hangs on one, directly or not, in the order of the day. Not recursive: a stack may be
    /// high.
    fn order_from(&self, carrier: usize) -> Vec<usize> {
        let (mut order, mut waiting) = (Vec::new(), vec![Turn::Whole(carrier)]);
        while let Some(turn) = waiting.pop() {
            match turn {
                Turn::Itself(place) => order.push(place),
                Turn::Whole(place) => {
                    let whole = |places: &[usize]| {
                        let last_first = places.iter().rev();
                        last_first.copied().map(Turn::Whole).collect::<Vec<_>>()
                    };
                    waiting.extend(whole(&self.after[place]));
                    waiting.push(Turn::Itself(place));
                    waiting.extend(whole(&self.before[place]));
                }
            }
        }
        order
    }
}

/// What comes next in an order.
enum Turn {
    /// A habit alone.
    Itself(usize),
    /// A habit with all that hangs on it.
    Whole(usize),
}

/// The rings among places of which each leads to one other at most.
fn cycles(next: &[Option<usize>]) -> Vec<Vec<usize>> {
    // The walk on which each was seen first. A walk that meets itself has closed a ring.
    let mut seen_on = vec![None; next.len()];
    let mut cycles = Vec::new();
    for start in 0..next.len() {
        let (mut walk, mut here) = (Vec::new(), Some(start));
        while let Some(place) = here.filter(|place| seen_on[*place].is_none()) {
            seen_on[place] = Some(start);
            walk.push(place);
            here = next[place];
        }
        let met = here.filter(|place| seen_on[*place] == Some(start));
        let from = met.and_then(|met| walk.iter().position(|place| *place == met));
        cycles.extend(from.map(|from| walk.split_off(from)));
    }
    cycles
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::model::testing::{Space, client, therapist};
    use crate::model::{Author, Kind};

    fn add(space: &mut Space, habit: &Habit) -> RecordId {
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.add(habit, None, stamp))
    }

    fn of(space: &Space, id: RecordId) -> Habit {
        let mut things = space.plan().things::<Habit>().into_iter();
        things.find(|thing| thing.id == id).unwrap().fields
    }

    fn hang(space: &mut Space, by: Author, id: RecordId, on: RecordId, place: HabitPlace) {
        space.clock += 1;
        let habit = of(space, id);
        let habit = Habit {
            anchor: Some(on),
            cue: None,
            place,
            ..habit
        };
        space.put(by, |plan, stamp| plan.change(None, id, &habit, stamp));
    }

    fn ids(stack: &HabitStack) -> Vec<RecordId> {
        stack.steps.iter().map(|step| step.id).collect()
    }

    /// A space with so many habits that hang on moments.
    fn with_habits(count: usize) -> (Space, Vec<RecordId>) {
        let mut space = Space::default();
        let habit = |n| Habit {
            minutes: Some(5),
            ..Habit::on_cue(&format!("Habit {n}"), "getting up")
        };
        let habits = (0..count).map(|n| add(&mut space, &habit(n))).collect();
        (space, habits)
    }

    /// Somebody would stretch after breakfast who wanted to before.
    #[test]
    fn habits_stand_before_and_after_what_they_hang_on() {
        let (mut space, h) = with_habits(6);
        hang(&mut space, client(), h[1], h[0], HabitPlace::After);
        hang(&mut space, client(), h[2], h[0], HabitPlace::After);
        hang(&mut space, client(), h[3], h[0], HabitPlace::Before);
        hang(&mut space, client(), h[4], h[1], HabitPlace::Before);
        let routine = space.plan().routine();
        let stacks: Vec<_> = routine.stacks.iter().map(ids).collect();
        assert_eq!(stacks, [vec![h[3], h[0], h[4], h[1], h[2]], vec![h[5]]]);
        assert_eq!(routine.stacks[0].carried_by, h[0]);
        assert_eq!(routine.stacks[0].minutes, 25);
        assert_eq!(routine.cycles, []);
    }

    /// Removing one habit would take those along that hang on it.
    #[test]
    fn what_hung_on_a_removed_habit_carries_itself() {
        let (mut space, h) = with_habits(2);
        hang(&mut space, client(), h[1], h[0], HabitPlace::After);
        space.clock += 1;
        space.put(client(), |plan, stamp| {
            plan.remove::<Habit>(None, h[0], stamp)
        });
        let routine = space.plan().routine();
        assert_eq!(routine.stacks.iter().map(ids).collect::<Vec<_>>(), [[h[1]]]);
    }

    /// Two people who stacked habits on two trains would see two routines, lose one's wish, or be
    /// reminded without end.
    #[test]
    fn a_ring_of_two_devices_is_shown_alike_and_nothing_of_it_is_deleted() {
        let (mut phone, h) = with_habits(2);
        let mut tablet = phone.clone();
        tablet.device = 1;
        hang(&mut phone, client(), h[0], h[1], HabitPlace::After);
        hang(&mut tablet, therapist(), h[1], h[0], HabitPlace::After);
        let mut merged = tablet.clone();
        merged.merge(&phone);
        phone.merge(&tablet);
        let routine = phone.plan().routine();
        assert_eq!(routine, merged.plan().routine());

        let mut ring = h.clone();
        ring.sort();
        assert_eq!(
            routine.cycles,
            [HabitCycle {
                habits: ring.clone()
            }]
        );
        assert_eq!(routine.stacks.iter().map(ids).collect::<Vec<_>>(), [ring]);
        assert!(routine.stacks[0].steps.iter().all(|step| step.in_cycle));
        let anchor = |id| of(&phone, id).anchor;
        assert_eq!((anchor(h[0]), anchor(h[1])), (Some(h[1]), Some(h[0])));

        // Whoever hangs one of them on a moment opens it.
        phone.clock += 1;
        let free = Habit::on_cue("Tea", "coming home");
        phone.put(client(), |plan, s| plan.change(None, h[0], &free, s));
        let routine = phone.plan().routine();
        assert_eq!(routine.cycles, []);
        assert_eq!(ids(&routine.stacks[0]), h);
    }

    /// An app would end on a habit that somebody hung on itself, or on a very high stack.
    #[test]
    fn the_smallest_ring_and_a_high_stack_are_walked_to_their_end() {
        let (mut space, h) = with_habits(1);
        hang(&mut space, client(), h[0], h[0], HabitPlace::Before);
        let routine = space.plan().routine();
        assert_eq!(routine.cycles, [HabitCycle { habits: h.clone() }]);
        assert_eq!(ids(&routine.stacks[0]), h);

        let mut above: Vec<_> = (1..100_000).map(Some).collect();
        above.push(None);
        assert!(cycles(&above).is_empty());
        above.pop();
        above.push(Some(99_997));
        assert_eq!(cycles(&above), [[99_997, 99_998, 99_999]]);
    }

    /// What somebody does with habits on one of three devices.
    #[derive(Clone, Debug)]
    struct Deed {
        device: usize,
        habit: usize,
        /// What it is hung on; beyond the habits, a moment.
        on: usize,
        is_before: bool,
        hears: Option<usize>,
    }

    const HABITS: usize = 7;

    fn deed() -> impl Strategy<Value = Deed> {
        let hears = proptest::option::weighted(0.3, 0..3_usize);
        let whom = (0..3_usize, 0..HABITS, 0..HABITS + 2);
        (whom, any::<bool>(), hears).prop_map(|((device, habit, on), is_before, hears)| Deed {
            device,
            habit,
            on,
            is_before,
            hears,
        })
    }

    /// The devices after all that, and the habits.
    fn play(deeds: &[Deed]) -> (Vec<Space>, Vec<RecordId>) {
        let (space, habits) = with_habits(HABITS);
        let mut devices = vec![space; 3];
        for (clock, deed) in (100..).zip(deeds) {
            if let Some(other) = deed.hears {
                let other = devices[other].clone();
                devices[deed.device].merge(&other);
            }
            let space = &mut devices[deed.device];
            (space.device, space.clock) = (u8::try_from(deed.device).unwrap(), clock);
            let anchor = habits.get(deed.on).copied();
            let habit = Habit {
                anchor,
                cue: anchor.is_none().then(|| "the evening".to_owned()),
                place: match deed.is_before {
                    true => HabitPlace::Before,
                    false => HabitPlace::After,
                },
                ..Habit::on_cue("Habit", "")
            };
            let by = if deed.device == 2 {
                therapist()
            } else {
                client()
            };
            let id = habits[deed.habit];
            space.put(by, |plan, stamp| plan.change(None, id, &habit, stamp));
        }
        (devices, habits)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Whatever hangs on what, all devices show one finite routine, and all that was wished.
        #[test]
        fn a_routine_is_finite_whole_and_the_same_everywhere(deeds in vec(deed(), 0..25)) {
            let (devices, habits) = play(&deeds);
            let merged = |first: usize| {
                let mut device = devices[first].clone();
                (1..3).for_each(|n| device.merge(&devices[(first + n) % 3]));
                if first == 1 {
                    device.records.reverse();
                }
                device
            };
            let (space, routine) = (merged(0), merged(0).plan().routine());
            prop_assert_eq!(&routine, &merged(1).plan().routine());
            prop_assert_eq!(&routine, &merged(2).plan().routine());

            // Each habit once.
            let mut shown: Vec<_> = routine.stacks.iter().flat_map(ids).collect();
            shown.sort();
            let mut all = habits.clone();
            all.sort();
            prop_assert_eq!(shown, all);

            // No edit is deleted: the habits as added, and each deed.
            let plan = space.plan();
            let kept = plan.records().items(Kind::Habit).count();
            prop_assert_eq!(kept, HABITS + deeds.len());
            let left_out = plan.left_out();
            let habit = Some(Kind::Habit.number());
            prop_assert!(left_out.iter().all(|left| left.kind != habit));

            // The rings are those that a slow walk finds.
            let things = plan.things::<Habit>();
            let fields = |id| &things.iter().find(|thing| thing.id == id).unwrap().fields;
            let comes_back = |id: &RecordId| {
                let next = |id: &RecordId| fields(*id).anchor;
                let walk = std::iter::successors(next(id), next).take(HABITS);
                walk.into_iter().any(|met| met == *id)
            };
            let in_ring: BTreeSet<_> = habits.iter().copied().filter(comes_back).collect();
            let told = routine.cycles.iter().flat_map(|cycle| &cycle.habits);
            prop_assert_eq!(told.clone().count(), in_ring.len());
            prop_assert_eq!(told.copied().collect::<BTreeSet<_>>(), in_ring.clone());
            for HabitCycle { habits } in &routine.cycles {
                prop_assert_eq!(habits.first(), habits.iter().min());
                let next = habits.iter().cycle().skip(1);
                for (id, next) in habits.iter().zip(next) {
                    prop_assert_eq!(fields(*id).anchor, Some(*next));
                }
            }

            // But for the first of each ring, every habit is where it was hung.
            let opened: BTreeSet<_> =
                routine.cycles.iter().filter_map(|cycle| cycle.habits.first()).collect();
            for stack in &routine.stacks {
                let order = ids(stack);
                for (place, step) in stack.steps.iter().enumerate() {
                    prop_assert_eq!(step.in_cycle, in_ring.contains(&step.id));
                    let anchor = step.habit.anchor.filter(|_| !opened.contains(&step.id));
                    prop_assert_eq!(anchor.is_none(), step.id == stack.carried_by);
                    if let Some(anchor) = anchor {
                        let of_anchor = order.iter().position(|id| *id == anchor);
                        let is_before = of_anchor.is_some_and(|of_anchor| place < of_anchor);
                        prop_assert!(of_anchor.is_some());
                        prop_assert_eq!(is_before, step.habit.place == HabitPlace::Before);
                    }
                }
            }
        }
    }
}

//! What must hold of items whatever people do with them on two to four devices, in whatever order it
//! arrives.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::published::{WAYS, with_value};
use crate::model::kinds::reading::every_type;
use crate::model::kinds::{Content, Kind, RULES, samples};
use crate::model::left_out::Reason;
use crate::model::record;
use crate::model::testing::{Space, actor, client, day, therapist};
use crate::model::{
    Author, DocumentKey, ItemView, LeftOut, NewCheckIn, NewRecord, NewVoid, Outcome, RecordId,
    coping, practice_days, projection_json, readings, values_report,
};

/// Something that somebody does on one of the devices. Numbers are taken as far as they fit; what the
/// facade refuses is not done.
#[derive(Clone, Debug)]
struct Deed {
    device: Index,
    what: u8,
    which: Index,
    other: Index,
    date: u32,
    /// Hears what another device knows before.
    hears: Option<Index>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let hears = proptest::option::weighted(0.3, any::<Index>());
    (
        any::<Index>(),
        0..16_u8,
        any::<Index>(),
        any::<Index>(),
        1..=10_u32,
        hears,
    )
        .prop_map(|(device, what, which, other, date, hears)| Deed {
            device,
            what,
            which,
            other,
            date,
            hears,
        })
}

impl Deed {
    fn undoes(&self) -> bool {
        [13, 14].contains(&self.what)
    }
}

/// People's devices, by turns the client's and the therapist's.
struct World {
    devices: Vec<Space>,
    /// Contents of every kind that name what all devices have.
    contents: Vec<Content>,
    /// What no check has seen, and why it does not count by itself.
    smuggled: BTreeMap<RecordId, Option<Reason>>,
}

impl World {
    fn of(devices: usize) -> Self {
        let mut space = Space::default();
        let mut contents = Vec::new();
        for _ in 0..2 {
            space.clock += 1;
            contents.extend(samples(&mut space).into_iter().map(|(content, _)| content));
        }
        space.clock += 1;
        contents.extend(every_type(&mut space).into_iter().map(Content::from));
        let device = |device| Space {
            device,
            ..space.clone()
        };
        Self {
            devices: (0..).take(devices).map(device).collect(),
            contents,
            smuggled: BTreeMap::new(),
        }
    }

    fn play(devices: usize, deeds: &[Deed]) -> Self {
        let mut world = Self::of(devices);
        for (deed, clock) in deeds.iter().zip(1_000..) {
            world.act(deed, clock);
        }
        world
    }

    fn author(device: usize) -> Author {
        match device % 2 {
            0 => client(),
            _ => therapist(),
        }
    }

    fn act(&mut self, deed: &Deed, clock: i64) {
        let count = self.devices.len();
        let number = deed.device.index(count);
        if let Some(other) = deed.hears {
            let other = self.devices[other.index(count)].clone();
            self.devices[number].merge(&other);
        }
        let author = Self::author(number);
        let undone = deed.other.index(count);
        let undone = actor(Self::author(undone), u8::try_from(undone).unwrap());
        let space = &mut self.devices[number];
        space.clock = clock;
        let (plan, log, stamp) = (space.plan(), space.log(), Space::stamp(author, clock));
        let of_month = |kind: Kind| kind.is_of_a_day().then_some(&log);
        let content = deed.which.get(&self.contents);
        let date = content.kind().is_of_a_day().then(|| day(deed.date));
        let known = items(space);
        let made = match deed.what {
            0..=4 => content.add(&plan, date, &stamp),
            5..=8 if !known.is_empty() => {
                let item = deed.which.get(&known);
                let kind = item.content.kind();
                let same = self.contents.iter().filter(|one| one.kind() == kind);
                let same: Vec<_> = same.collect();
                let to = deed.other.get(&same);
                to.change(&plan, of_month(kind), item.id, &stamp)
            }
            9 | 10 if !known.is_empty() => {
                let item = deed.which.get(&known);
                let kind = item.content.kind();
                kind.remove(&plan, of_month(kind), item.id, &stamp)
            }
            11 => {
                let Ok(record) = content.add(&plan, date, &Space::stamp(client(), clock)) else {
                    return;
                };
                self.smuggle(number, damaged(record, deed));
                return;
            }
            12 => {
                self.smuggle(number, of_tomorrow(clock));
                return;
            }
            13 => NewVoid {
                actor: undone,
                from: [(DocumentKey::PLAN, deed.date * 3)].into(),
                since: None,
            }
            .record(&plan, &stamp),
            14 => NewVoid::restored(undone, &plan, &stamp),
            _ => match plan.goals(day(31)).first() {
                Some(goal) => NewCheckIn {
                    date: Some(day(deed.date)),
                    ..NewCheckIn::new(goal.id, Outcome::Done)
                }
                .record(&plan, None, &stamp),
                None => return,
            },
        };
        if let Ok(record) = made {
            self.devices[number].store(record, author);
        }
    }

    /// Puts a record that no check has seen.
    fn smuggle(&mut self, device: usize, record: NewRecord) {
        let author = Self::author(device);
        let read = record::read(&record.bytes);
        let reason = match &read {
            Err(reason) => Some(*reason),
            Ok(read) if !read.may_write(author.role) => Some(Reason::OutOfRole),
            Ok(_) => None,
        };
        let id = self.devices[device].store(record, author);
        self.smuggled.insert(id, reason);
    }

    /// Everything that anybody wrote, heard from one device after the other.
    fn merged(&self, first: usize, backwards: bool) -> Space {
        let count = self.devices.len();
        let mut all = self.devices[first % count].clone();
        for n in 0..count {
            let next = if backwards { count - n } else { n };
            all.merge(&self.devices[(first + next) % count]);
        }
        if backwards {
            all.records.reverse();
            all.records
                .iter_mut()
                .for_each(|stored| stored.puts.reverse());
        }
        all
    }
}

/// An item with a field that does not fit, where one can be found.
fn damaged(mut record: NewRecord, deed: &Deed) -> NewRecord {
    let kind = record::kind_number(&record.bytes).and_then(Kind::of_number);
    let rule = RULES.iter().find(|rule| Some(rule.kind) == kind).unwrap();
    let key = deed.other.index(usize::try_from(rule.keys).unwrap()) as u64;
    let (_, way) = WAYS[(deed.date as usize) % WAYS.len()];
    record.bytes = with_value(&record.bytes, key, way);
    record.id = RecordId::of(&record.bytes);
    record
}

/// A record of a kind that no version knows yet.
fn of_tomorrow(clock: i64) -> NewRecord {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let map = encoder.map(2).unwrap();
    map.u8(0).unwrap().u16(60_000).unwrap();
    map.u8(1).unwrap().i64(1_777_629_600_000 + clock).unwrap();
    let bytes = encoder.into_writer();
    NewRecord {
        id: RecordId::of(&bytes),
        document: DocumentKey::PLAN,
        bytes,
    }
}

/// The items of every kind that a device shows.
fn items(space: &Space) -> Vec<ItemView> {
    let (plan, log) = (space.plan(), space.log());
    let of_kind = |kind: &Kind| match kind.is_of_a_day() {
        true => log.items(*kind, &plan),
        false => plan.items(*kind),
    };
    Kind::ALL.iter().flat_map(of_kind).collect()
}

/// What a device shows, with what it computes from that.
fn shown(space: &Space) -> (Value, Value) {
    let (plan, logs) = (space.plan(), [space.log()]);
    let may = day(1)..=day(31);
    let derived = serde_json::json!({
        "routine": plan.routine(),
        "readings": readings(&plan, &logs, &may),
        "practice": practice_days(&plan, &logs, None, &may),
        "coping": coping(&plan, &logs, &may),
        "values": values_report(&plan, &logs, &may),
    });
    (projection_json(&plan, &logs), derived)
}

fn left_out(space: &Space) -> BTreeMap<RecordId, Reason> {
    let (plan, log) = (space.plan(), space.log());
    let all: Vec<LeftOut> = [plan.left_out(), log.view(&plan).left_out].concat();
    all.into_iter().map(|left| (left.id, left.reason)).collect()
}

/// What an item's record says of its chain.
struct Said {
    first: RecordId,
    replaces: Vec<RecordId>,
    removes: bool,
}

/// The records of items that count.
fn counted(space: &Space) -> BTreeMap<RecordId, Said> {
    let left_out = left_out(space);
    let counted = space.records.iter().filter_map(|stored| {
        let id = stored.record.id;
        let record = record::read(&stored.record.bytes).ok()?;
        record.kind().place()?;
        let said = said(&stored.record)?;
        (!left_out.contains_key(&id)).then_some((id, said))
    });
    counted.collect()
}

/// Read from the bytes alone, as the protocol has them.
fn said(record: &NewRecord) -> Option<Said> {
    let mut said = Said {
        first: record.id,
        replaces: Vec::new(),
        removes: true,
    };
    let mut decoder = minicbor::Decoder::new(&record.bytes);
    for _ in 0..decoder.map().ok()?? {
        match decoder.u8().ok()? {
            2 => {
                said.removes = false;
                decoder.skip().ok()?;
            }
            3 => said.first = decoder.decode().ok()?,
            4 => said.replaces = decoder.decode().ok()?,
            _ => decoder.skip().ok()?,
        }
    }
    Some(said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Two people with the same records would see two plans, or two devices of one person.
    #[test]
    fn devices_that_exchanged_everything_show_the_same(
        devices in 2..=4_usize,
        deeds in vec(deed(), 0..40),
    ) {
        let world = World::play(devices, &deeds);
        let first = shown(&world.merged(0, false));
        for device in 0..devices {
            prop_assert_eq!(&shown(&world.merged(device, false)), &first);
            prop_assert_eq!(&shown(&world.merged(device, true)), &first);
        }
    }

    /// What somebody wrote would be gone: neither shown, nor listed with a reason, nor replaced or
    /// removed by somebody who knew of it.
    #[test]
    fn nothing_that_anybody_wrote_disappears(
        devices in 2..=4_usize,
        deeds in vec(deed(), 0..40),
    ) {
        // Nothing is undone here: what then counts in the place of what has tests of its own.
        let deeds: Vec<_> = deeds.into_iter().filter(|deed| !deed.undoes()).collect();
        let all = World::play(devices, &deeds).merged(0, false);
        let counted = counted(&all);
        let replaced: BTreeSet<_> = counted.values().flat_map(|said| &said.replaces).collect();
        let items = items(&all);
        for (id, said) in counted.iter().filter(|(id, _)| !replaced.contains(id)) {
            let item = items.iter().find(|item| item.id == said.first);
            if said.removes {
                prop_assert!(item.is_none_or(|item| item.was_removed));
                continue;
            }
            prop_assert!(item.is_some(), "{} of {}", id, said.first);
        }
        // And nothing is shown that nobody says.
        for item in &items {
            let heads = counted.iter().filter(|(id, said)| {
                said.first == item.id && !said.removes && !replaced.contains(id)
            });
            let heads = heads.count();
            prop_assert!(heads > item.others.len(), "{:?}", item);
        }
    }

    /// What another app wrote beyond a range, a role or this version would be taken for something that
    /// somebody said, on one device and not on the other.
    #[test]
    fn what_does_not_count_is_listed_with_its_reason_and_what_is_shown_fits(
        devices in 2..=4_usize,
        deeds in vec(deed(), 0..40),
    ) {
        let deeds: Vec<_> = deeds.into_iter().filter(|deed| !deed.undoes()).collect();
        let world = World::play(devices, &deeds);
        let all = world.merged(0, false);
        let left_out = left_out(&all);
        for (id, reason) in &world.smuggled {
            if let Some(reason) = reason {
                prop_assert_eq!(left_out.get(id), Some(reason));
            }
        }
        let plan = all.plan();
        for item in items(&all) {
            let is_client = item.authors.contains(&client().person);
            let author = if is_client { client() } else { therapist() };
            prop_assert!(item.content.kind().writers().contains(&author.role));
            // What is shown could be written anew as it is.
            let anew = item.content.add(&plan, item.date, &Space::stamp(author, 9_999));
            prop_assert!(anew.is_ok(), "{:?}: {:?}", item.content, anew);
        }
    }
}

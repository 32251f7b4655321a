//! The end that every flow has in every order.

use std::collections::BTreeSet;

use waymark_core::client::{KeyHolder, PlanId};
use waymark_core::model::PersonTag;
use waymark_tests::keys::{batches, epoch_keys, opened};
use waymark_wire::ids::SpaceId;

use super::flows::Expected;
use super::stage::{ALL, Stage, Who};

/// Fails unless everybody who is to read a space is listed there, on all devices alike, opens what is
/// written now, and has nothing left to do; and unless nobody else opens it.
pub(super) async fn check(stage: &mut Stage, expected: &Expected, what: &str) {
    for (space, who) in expected {
        stage.write(who[0], *space, "the newest word");
    }
    for _ in 0..3 {
        for who in ALL {
            stage.turn(who).await;
        }
    }
    for (space, who) in expected {
        same_members(stage, *space, who, what);
        for member in who {
            nothing_is_pending(stage, *space, *member, what);
        }
        only_they_open_it(stage, *space, who, what);
    }
}

fn same_members(stage: &Stage, space: PlanId, who: &[Who], what: &str) {
    let listed = |on: Who| -> BTreeSet<(u16, PersonTag, String)> {
        let members = stage.device(on).client().people().members(space).unwrap();
        let members = members.into_iter();
        members.map(|m| (m.number, m.person, m.rights)).collect()
    };
    let devices = |on: Who| -> BTreeSet<u16> {
        let members = stage.device(on).client().people().members(space).unwrap();
        let devices = members.iter().filter(|m| m.holder == KeyHolder::Device);
        devices.map(|m| m.number).collect()
    };
    let numbers: BTreeSet<u16> = who
        .iter()
        .map(|member| stage.number(*member, space).unwrap())
        .collect();
    assert_eq!(
        numbers.len(),
        who.len(),
        "{what}: two devices have one number"
    );
    for on in who {
        assert_eq!(listed(*on), listed(who[0]), "{what}: on {on:?}");
        assert_eq!(devices(*on), numbers, "{what}: on {on:?}");
        let safety_number = |on: Who| {
            let people = stage.device(on).client().people();
            people.safety_number(space).unwrap()
        };
        assert_eq!(
            safety_number(*on),
            safety_number(who[0]),
            "{what}: on {on:?}"
        );
    }
}

fn nothing_is_pending(stage: &Stage, space: PlanId, who: Who, what: &str) {
    let status = stage.device(who).client().status().unwrap();
    let known = status.iter().find(|known| known.space == Some(space));
    let known = known.unwrap_or_else(|| panic!("{what}: {who:?} does not know the space"));
    let left = (known.unsent, known.on_the_way, known.waiting, known.held);
    assert_eq!(left, (0, 0, 0, 0), "{what}: {who:?}: {known:?}");
    assert_eq!(known.problem, None, "{what}: {who:?}: {known:?}");
    assert_eq!(known.not_done, [], "{what}: {who:?}");
    assert!(
        known.ready && !known.ended && !known.closed,
        "{what}: {who:?}: {known:?}"
    );
}

fn only_they_open_it(stage: &mut Stage, space: PlanId, who: &[Who], what: &str) {
    let id = SpaceId(space.0);
    let lead = stage.device_mut(who[0]);
    let newest = lead.inside(|engine| batches(engine, id)).pop().unwrap();
    for device in ALL {
        let mut keys = Vec::new();
        stage
            .device_mut(device)
            .with_store(|store| keys = epoch_keys(store));
        let opens = opened(std::slice::from_ref(&newest), id, &keys) == 1;
        assert_eq!(opens, who.contains(&device), "{what}: {device:?}");
        let has = stage.has(device, space, "the newest word");
        assert_eq!(has, who.contains(&device), "{what}: {device:?}");
    }
}

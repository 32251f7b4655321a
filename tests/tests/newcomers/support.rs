//! Checkpoints that people's devices bring into the log, and a relay that lets go of what they cover.

use waymark_core::client::PlanId;
use waymark_core::space::Published;
use waymark_tests::story::{goal, log};
use waymark_tests::{Device, TestRelay, begin};
use waymark_wire::ids::SpaceId;

/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A client alone, with a diary over three months.
pub(super) async fn diary(relay: &TestRelay) -> (Device, PlanId) {
    let (phone, plan) = begin(relay);
    let walk = goal(&phone, plan, "walk");
    for day in 0..9 {
        log(&phone, plan, walk, &format!("day {day}"));
        phone.client().sync().now().await.unwrap();
        phone.clock().advance(10 * DAY);
    }
    (phone, plan)
}

/// Has a device bring a checkpoint of a space into the log. Says where it stands.
pub(super) async fn publish(device: &mut Device, space: SpaceId) -> u64 {
    for _ in 0..100 {
        let step = device.inside(|engine| {
            let (space, store, entropy) = engine.space_mut(&space).unwrap();
            space.publish_checkpoint(store, entropy).unwrap()
        });
        device.client().sync().now().await.unwrap();
        match step {
            Published::Checkpoint(_) => {
                return device.inside(|engine| engine.space(&space).unwrap().cursor().seq);
            }
            Published::Nothing => panic!("it cannot publish"),
            Published::Snapshots | Published::Waits => {}
        }
    }
    panic!("it never comes to an end");
}

/// The same for every space that the device is in.
pub(super) async fn publish_all(device: &mut Device) {
    let spaces: Vec<SpaceId> =
        device.inside(|engine| engine.spaces().iter().map(|space| space.id()).collect());
    for space in spaces {
        publish(device, space).await;
    }
}

/// The place of the first entry that a device keeps of a plan.
pub(super) fn oldest(device: &mut Device, plan: PlanId) -> u64 {
    device.inside(|engine| {
        let (space, store, _) = engine.space_mut(&SpaceId(plan.0)).unwrap();
        let entries = space.entries(store).unwrap().len() as u64;
        space.cursor().seq - entries + 1
    })
}

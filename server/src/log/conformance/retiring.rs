//! Spaces that nobody uses.

use waymark_wire::message::RefusalCode;

use super::{append, create, ok, request};
use crate::log::{Append, Day, Log, Terms};
use crate::testing::Space;

async fn retire(log: &impl Log, today: u32, since: u32) {
    while log.retire(Day(today), Day(since)).await.unwrap() {}
}

/// A space with some batches in it.
async fn filled(log: &impl Log, seed: u64, batches: usize) -> Space {
    let mut space = Space::found(seed);
    create(log, &space).await;
    let entries: Vec<_> = (0..batches).map(|_| space.batch(0)).collect();
    for some in entries.chunks(60) {
        ok(log, &space, some.to_vec()).await;
    }
    space
}

async fn head(log: &impl Log, space: &Space) -> Option<u64> {
    log.usage(space.id)
        .await
        .unwrap()
        .map(|usage| usage.head.seq)
}

/// An operator who keeps for ever what nobody will ever read pays for it; and one who lets go of what
/// somebody uses has lost a therapy.
pub(crate) async fn what_nobody_uses_goes_and_nothing_else(log: impl Log) {
    let mut idle = filled(&log, 1, 3).await;
    let (read, written) = (filled(&log, 2, 3).await, filled(&log, 3, 3).await);
    // Since when they are not used nobody knows: from now on it is counted.
    retire(&log, 100, 70).await;
    assert_eq!(head(&log, &idle).await, Some(4));
    log.touch(read.id, Day(130)).await.unwrap();
    // A day is never taken back.
    log.touch(read.id, Day(120)).await.unwrap();
    let mut written = written;
    let batch = written.batch(0);
    let noted = Append {
        terms: Terms {
            day: Some(Day(131)),
            ..Terms::default()
        },
        ..request(&written, vec![batch], &[])
    };
    assert_eq!(log.append(noted).await.unwrap().seqs, [5]);
    retire(&log, 130, 100).await;
    assert_eq!(
        head(&log, &idle).await,
        Some(4),
        "on the last day it is still there"
    );
    retire(&log, 160, 130).await;
    assert_eq!(head(&log, &idle).await, None);
    assert_eq!(head(&log, &read).await, Some(4));
    assert_eq!(head(&log, &written).await, Some(5));
    assert_eq!(log.membership(idle.id).await.unwrap(), None);
    // It is as if it had never been here,
    let batch = idle.batch(0);
    let refused = append(&log, &idle, vec![batch], &[]).await.refused.unwrap();
    assert_eq!(refused.code, RefusalCode::NotFound);
    // and whoever has it can bring it back.
    assert_eq!(create(&log, &idle).await.seqs, [1]);
    idle.devices[0].counter = 1;
    let batch = idle.batch(0);
    assert_eq!(ok(&log, &idle, vec![batch]).await.seqs, [2]);
    retire(&log, 162, 132).await;
    assert_eq!(head(&log, &idle).await, Some(2));
    assert_eq!(
        [head(&log, &read).await, head(&log, &written).await],
        [None, None]
    );
}

/// A relay that ends while a space goes, or is asked for it meanwhile, must neither show what is left
/// of it nor take that for damage; and it must not keep everybody waiting until it is gone.
pub(crate) async fn a_space_goes_a_little_at_a_time(log: impl Log) {
    let large = filled(&log, 1, 1_500).await;
    let other = filled(&log, 2, 3).await;
    retire(&log, 100, 70).await;
    log.touch(other.id, Day(150)).await.unwrap();
    let mut steps = 0;
    while log.retire(Day(160), Day(130)).await.unwrap() {
        steps += 1;
        assert_eq!(head(&log, &large).await, None);
        assert_eq!(head(&log, &other).await, Some(4));
    }
    assert!(steps >= 3, "{steps}");
    // Of this one something is left when the operator looks.
    assert!(log.retire(Day(200), Day(170)).await.unwrap());
    assert_eq!(head(&log, &other).await, None);
    let new = filled(&log, 3, 1).await;
    assert_eq!(head(&log, &new).await, Some(2));
}

/// A relay that was switched off over the summer must not let go of everything on its first day: nobody
/// could have used it.
pub(crate) async fn days_on_which_the_relay_did_not_run_are_not_counted(log: impl Log) {
    let space = filled(&log, 1, 1).await;
    log.runs(Day(100)).await.unwrap();
    retire(&log, 100, 70).await;
    for day in 101..=110 {
        log.runs(Day(day)).await.unwrap();
    }
    // Off on 89 days: until 220 it has run for 31 days since the first.
    for day in 200..=219 {
        log.runs(Day(day)).await.unwrap();
        // A second node, or a look an hour later.
        log.runs(Day(day)).await.unwrap();
        retire(&log, day, day - 30).await;
        assert_eq!(head(&log, &space).await, Some(2), "{day}");
    }
    log.runs(Day(220)).await.unwrap();
    retire(&log, 220, 190).await;
    assert_eq!(head(&log, &space).await, None);
}

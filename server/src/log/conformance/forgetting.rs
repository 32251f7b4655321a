//! Something is forgotten: what stands before goes as soon as something else holds the rest, and no
//! earlier.

use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::checkpoint::{Checkpoint, Kept};
use waymark_wire::ids::{AttachmentHash, EntryId};
use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::RefusalCode;

use super::checkpoints::{NOW, at, checkpoint, drop_all, oldest, read, say, sealed, taken};
use super::{grown, make};
use crate::log::checkpoints::{REST, SILENCE};
use crate::log::{Log, LogError};
use crate::testing::{Change, Space};

/// An entry by the first that forgets: its sealed keys, by member.
async fn forget(log: &impl Log, space: &mut Space) -> Change {
    let change = space.act(0, vec![Op::Forget, Op::Rotate(None)], vec![]);
    assert_eq!(make(log, space, &change).await.refused, None);
    space.take(0, &change);
    change
}

/// A space of two people with some entries, of which something is forgotten at the eighth place, and
/// the snapshot of what is left at the ninth.
async fn forgotten(log: &impl Log) -> (Space, usize) {
    let (mut space, second, _) = grown(log).await;
    for by in [0, second, 0, second] {
        let batch = space.batch(by);
        taken(log, &space, NOW, batch).await;
    }
    let snapshot = space.snapshot(0);
    taken(log, &space, NOW, snapshot).await;
    forget(log, &mut space).await;
    let snapshot = space.snapshot(0);
    assert_eq!(taken(log, &space, NOW, snapshot).await, 9);
    (space, second)
}

/// A checkpoint at the eighth place that names the snapshot at the ninth.
async fn behind(log: &impl Log, space: &Space) -> Checkpoint {
    let entries = read(log, space, 0).await;
    let mut public = checkpoint(log, space, 8).await;
    public.snapshots = vec![entries[8].id];
    public
}

async fn publish(log: &impl Log, space: &mut Space, by: usize, public: &Checkpoint) -> EntryId {
    let entry = sealed(space, by, public);
    let id = space.id_of(&entry);
    taken(log, space, NOW, entry).await;
    id
}

/// Somebody's secret would lie with the relay for another month.
pub(crate) async fn what_stood_before_goes_at_quorum(log: impl Log) {
    let (mut space, second) = forgotten(&log).await;
    let public = behind(&log, &space).await;
    let id = publish(&log, &mut space, 0, &public).await;
    let before = read(&log, &space, 0).await;
    drop_all(&log, NOW + REST - 1).await;
    assert_eq!(oldest(&log, &space).await, 1);
    let ok = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW + 5, ok).await;
    drop_all(&log, NOW + 4).await;
    assert_eq!(oldest(&log, &space).await, 1);
    drop_all(&log, NOW + 5).await;
    assert_eq!(oldest(&log, &space).await, 9);
    assert_eq!(log.page(space.id, 0).await, Err(LogError::Dropped));
    assert_eq!(read(&log, &space, 8).await[..2], before[8..]);
    let start = log.start(space.id).await.unwrap().unwrap();
    assert_eq!(start.checkpoint.id, id);
    let old = before[6].id;
    let found = log.entries(space.id, vec![old, public.snapshots[0]]).await;
    assert_eq!(found.unwrap().entries, before[8..9]);
    // Nothing is in a hurry any more.
    let snapshot = space.snapshot(0);
    taken(&log, &space, NOW + 6, snapshot).await;
    let end = read(&log, &space, 8).await.len() as u64 + 8;
    let mut later = Checkpoint {
        snapshots: Vec::new(),
        ..public
    };
    let mut all: Vec<_> = before.iter().map(|stored| stored.bytes.clone()).collect();
    all.extend(read(&log, &space, 10).await.into_iter().map(|s| s.bytes));
    let fresh = space.checkpoint(&all, end);
    later.seq = fresh.seq;
    later.chain = fresh.chain;
    later.counters = fresh.counters;
    let id = publish(&log, &mut space, 0, &later).await;
    let ok = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW + 7, ok).await;
    drop_all(&log, NOW + 6 + REST).await;
    assert_eq!(oldest(&log, &space).await, 9);
    drop_all(&log, NOW + 7 + REST).await;
    assert_eq!(oldest(&log, &space).await, end + 1);
}

/// Somebody invited between the forgetting and what is left would be told that the relay lies.
pub(crate) async fn newcomers_are_not_sent_to_before_it(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let batch = space.batch(0);
    taken(&log, &space, NOW, batch).await;
    let end = read(&log, &space, 0).await.len() as u64;
    let public = checkpoint(&log, &space, end).await;
    let id = publish(&log, &mut space, 0, &public).await;
    let ok = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, ok).await;
    assert!(log.start(space.id).await.unwrap().is_some());
    forget(&log, &mut space).await;
    assert_eq!(log.start(space.id).await.unwrap(), None);
}

/// One who never looks would keep it there for ever.
pub(crate) async fn whoever_is_silent_keeps_it_for_thirty_days(log: impl Log) {
    let (mut space, _) = forgotten(&log).await;
    let public = behind(&log, &space).await;
    publish(&log, &mut space, 0, &public).await;
    drop_all(&log, NOW + REST - 1).await;
    assert_eq!(oldest(&log, &space).await, 1);
    drop_all(&log, NOW + REST).await;
    assert_eq!(oldest(&log, &space).await, 9);
}

/// What was to be gone would lie with the relay for ever where the plan was closed after it, and whoever
/// comes later would be sent to a place from which nobody can go on.
pub(crate) async fn a_closed_space_lets_go_of_that_and_of_nothing_else(log: impl Log) {
    let (mut space, _) = forgotten(&log).await;
    let public = behind(&log, &space).await;
    let id = publish(&log, &mut space, 0, &public).await;
    let later = space.snapshot(0);
    taken(&log, &space, NOW, later).await;
    let end = read(&log, &space, 0).await.len() as u64;
    let mut later = checkpoint(&log, &space, end).await;
    later.snapshots = public.snapshots.clone();
    publish(&log, &mut space, 0, &later).await;
    let close = space.act(0, vec![Op::Close(None)], vec![]);
    assert_eq!(make(&log, &space, &close).await.refused, None);
    drop_all(&log, NOW + REST - 1).await;
    assert_eq!(oldest(&log, &space).await, 1);
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 9);
    let start = log.start(space.id).await.unwrap().unwrap();
    assert_eq!(start.checkpoint.id, id);
}

/// Where somebody has found that something is missing, nothing may go for it.
pub(crate) async fn a_bad_stops_that_too(log: impl Log) {
    let (mut space, second) = forgotten(&log).await;
    let public = behind(&log, &space).await;
    let id = publish(&log, &mut space, 0, &public).await;
    let bad = Ack::CheckpointBad(id, CheckpointFault::Missing);
    let bad = say(&mut space, second, bad);
    taken(&log, &space, NOW + 1, bad).await;
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 1);
    // Alone, nobody has to be asked.
    let mut alone = Space::found(77);
    super::create(&log, &alone).await;
    forget(&log, &mut alone).await;
    let public = checkpoint(&log, &alone, 2).await;
    publish(&log, &mut alone, 0, &public).await;
    drop_all(&log, NOW).await;
    assert_eq!(oldest(&log, &alone).await, 3);
}

/// What nobody holds any more would be gone for ever.
pub(crate) async fn nothing_goes_where_nothing_holds_the_rest(log: impl Log) {
    let (mut space, second) = forgotten(&log).await;
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 1);
    // A second time, before anything was done for the first.
    forget(&log, &mut space).await;
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 1);
    let public = behind(&log, &space).await;
    let refused = sealed(&mut space, 0, &public);
    space.devices[0].counter -= 1;
    let refused = at(&log, &space, NOW, refused).await.refused.unwrap();
    assert_eq!(refused.code, RefusalCode::Forbidden);
    let snapshot = space.snapshot(0);
    let place = taken(&log, &space, NOW, snapshot).await;
    let mut public = checkpoint(&log, &space, place - 1).await;
    public.snapshots = vec![read(&log, &space, place - 1).await[0].id];
    let id = publish(&log, &mut space, 0, &public).await;
    let ok = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, ok).await;
    drop_all(&log, NOW).await;
    assert_eq!(oldest(&log, &space).await, place);
}

/// The relay would otherwise keep for newcomers what was to be forgotten.
pub(crate) async fn a_checkpoint_behind_it_names_nothing_of_before(log: impl Log) {
    let (mut space, _) = forgotten(&log).await;
    let entries = read(&log, &space, 0).await;
    let public = behind(&log, &space).await;
    let early = checkpoint(&log, &space, 7).await;
    let kept = |seq: u64| Kept {
        seq,
        id: entries[usize::try_from(seq - 1).unwrap()].id,
    };
    let old = vec![entries[6].id, entries[8].id];
    let cases = [
        (early, "ends before"),
        (
            Checkpoint {
                snapshots: old,
                ..public.clone()
            },
            "names what stands before",
        ),
        (
            Checkpoint {
                kept: vec![kept(3)],
                ..public.clone()
            },
            "names what stands before",
        ),
    ];
    for (wrong, what) in cases {
        let entry = sealed(&mut space, 0, &wrong);
        space.devices[0].counter -= 1;
        let refused = at(&log, &space, NOW, entry).await.refused.unwrap();
        assert_eq!(refused.code, RefusalCode::Forbidden);
        assert!(refused.detail.contains(what), "{}", refused.detail);
    }
    let right = Checkpoint {
        kept: vec![kept(8)],
        ..public
    };
    publish(&log, &mut space, 0, &right).await;
}

/// Whoever was away could not read what was forgotten, and would have to throw away what it has; or a
/// relay could hand out for ever the key to what should be gone.
pub(crate) async fn keys_of_before_stay_as_long_as_what_they_open(log: impl Log) {
    let (mut space, second, added) = grown(&log).await;
    let [_, first]: [Vec<u8>; 2] = added.attachments.try_into().unwrap();
    let rotate = async |space: &mut Space| {
        let change = space.act(0, vec![Op::Rotate(None)], vec![]);
        assert_eq!(make(&log, space, &change).await.refused, None);
        space.take(0, &change);
        change.attachments[second].clone()
    };
    let mut keys = vec![first];
    keys.push(rotate(&mut space).await);
    keys.push(forget(&log, &mut space).await.attachments[second].clone());
    keys.push(rotate(&mut space).await);
    keys.push(rotate(&mut space).await);
    keys.push(forget(&log, &mut space).await.attachments[second].clone());
    keys.push(rotate(&mut space).await);
    keys.push(rotate(&mut space).await);
    let kept = async |space: &Space| {
        let hashes = keys.iter().map(|key| AttachmentHash::of(key)).collect();
        let kept = log.attachments(space.id, hashes).await.unwrap();
        let number = |key: &Vec<u8>| keys.iter().position(|other| other == key).unwrap();
        kept.iter().map(number).collect::<Vec<_>>()
    };
    // The last before each entry that forgets, which leads to those before; and the last two.
    assert_eq!(kept(&space).await, [1, 4, 6, 7]);
    let snapshot = space.snapshot(0);
    let place = taken(&log, &space, NOW, snapshot).await;
    let mut public = checkpoint(&log, &space, place - 1).await;
    public.snapshots = vec![read(&log, &space, place - 1).await[0].id];
    let before = log.usage(space.id).await.unwrap().unwrap().bytes;
    let id = publish(&log, &mut space, 0, &public).await;
    let ok = say(&mut space, second, Ack::CheckpointOk(id));
    let ok_size = ok.len();
    taken(&log, &space, NOW, ok).await;
    drop_all(&log, NOW).await;
    assert_eq!(kept(&space).await, [6, 7]);
    let after = log.usage(space.id).await.unwrap().unwrap().bytes;
    assert!(after < before + u64::try_from(ok_size).unwrap() + 2_048);
    // And a newcomer's is kept like any other's.
    let (change, _) = space.add(0, 9, Rights::READ);
    assert_eq!(make(&log, &space, &change).await.refused, None);
    assert_eq!(kept(&space).await, [6, 7]);
}

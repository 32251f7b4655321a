//! Checkpoints: which are taken, what goes for them and when, and who starts there.

use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody, Kept};
use waymark_wire::entry::{Kind, TAG};
use waymark_wire::ids::{EntryId, Height};
use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::RefusalCode;

use super::{append, create, grown, make, ok};
use crate::log::checkpoints::{REST, SILENCE};
use crate::log::{Append, AppendOutcome, Log, LogError, Stored};
use crate::testing::{Space, noise};

/// A moment by the relay's clock.
pub(super) const NOW: i64 = 1_800_000_000_000;

/// Appends at a moment.
pub(super) async fn at(log: &impl Log, space: &Space, now: i64, entry: Vec<u8>) -> AppendOutcome {
    let entries = vec![entry];
    let append = Append {
        heals: false,
        space: space.id,
        entries,
        attachments: Vec::new(),
        may_create: false,
        terms: crate::log::Terms::default(),
        now,
    };
    log.append(append).await.unwrap()
}

pub(super) async fn taken(log: &impl Log, space: &Space, now: i64, entry: Vec<u8>) -> u64 {
    let outcome = at(log, space, now, entry).await;
    assert_eq!(outcome.refused, None);
    outcome.seqs[0]
}

/// Everything after a place.
pub(super) async fn read(log: &impl Log, space: &Space, mut after: u64) -> Vec<Stored> {
    let mut all = Vec::new();
    loop {
        let page = log.page(space.id, after).await.unwrap();
        after = page.end.seq;
        all.extend(page.entries);
        if after >= page.head {
            return all;
        }
    }
}

pub(super) async fn drop_all(log: &impl Log, now: i64) {
    while log.drop_due(now).await.unwrap() {}
}

pub(super) async fn oldest(log: &impl Log, space: &Space) -> u64 {
    log.usage(space.id).await.unwrap().unwrap().oldest
}

/// A checkpoint at place `seq` of what is on the log, with all its snapshots.
pub(super) async fn checkpoint(log: &impl Log, space: &Space, seq: u64) -> Checkpoint {
    let entries = read(log, space, 0).await;
    let entries: Vec<_> = entries.into_iter().map(|stored| stored.bytes).collect();
    space.checkpoint(&entries, seq)
}

pub(super) fn sealed(space: &mut Space, by: usize, public: &Checkpoint) -> Vec<u8> {
    let body = CheckpointBody::assemble(public, &[7; 256 + TAG]).unwrap();
    space.with_body(by, Kind::Checkpoint, &body)
}

pub(super) fn say(space: &mut Space, by: usize, ack: Ack) -> Vec<u8> {
    space.with_body(by, Kind::Ack, &ack.to_body())
}

/// A space of two people with some entries, a snapshot, and a checkpoint by the first that covers
/// the first eight and keeps the fifth: it, its id, and its place.
async fn published(log: &impl Log) -> (Space, usize, Checkpoint, EntryId) {
    let (mut space, second, _) = grown(log).await;
    for by in [0, second, 0, second, 0, second] {
        let batch = space.batch(by);
        taken(log, &space, NOW, batch).await;
    }
    let snapshot = space.snapshot(0);
    taken(log, &space, NOW, snapshot).await;
    let mut public = checkpoint(log, &space, 8).await;
    let fifth = read(log, &space, 4).await.remove(0);
    public.kept = vec![Kept {
        seq: 5,
        id: fifth.id,
    }];
    let entry = sealed(&mut space, 0, &public);
    let id = space.id_of(&entry);
    assert_eq!(taken(log, &space, NOW, entry).await, 10);
    let after = space.batch(second);
    taken(log, &space, NOW, after).await;
    (space, second, public, id)
}

/// One person's word, or somebody in a hurry, could otherwise destroy a year of another's work.
pub(crate) async fn nothing_goes_without_quorum_and_rest(log: impl Log) {
    let (mut space, second, public, id) = published(&log).await;
    let before = read(&log, &space, 0).await;
    let own = say(&mut space, 0, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, own).await;
    drop_all(&log, NOW + REST).await;
    assert_eq!(oldest(&log, &space).await, 1);
    assert_eq!(log.start(space.id).await.unwrap(), None);
    let confirmed = say(&mut space, second, Ack::CheckpointOk(id));
    let ack = taken(&log, &space, NOW + 5, confirmed.clone()).await;
    drop_all(&log, NOW + 4 + REST).await;
    assert_eq!(oldest(&log, &space).await, 1);
    let bytes = log.usage(space.id).await.unwrap().unwrap().bytes;

    drop_all(&log, NOW + 5 + REST).await;
    assert_eq!(oldest(&log, &space).await, 9);
    assert_eq!(log.page(space.id, 7).await, Err(LogError::Dropped));
    assert_eq!(read(&log, &space, 8).await[..3], before[8..]);
    let usage = log.usage(space.id).await.unwrap().unwrap();
    // Two membership entries and the kept one stay.
    assert_eq!(usage.bytes, bytes - 5 * 388);
    assert_eq!(usage.head.seq, ack);
    // Places before are not agreed on, since nobody could read on from there.
    let place = |seq| {
        let ids = before.iter().take(seq).map(|stored| stored.id);
        let start = Cursor::start(&space.id);
        ids.fold(start, |cursor, id| cursor.after(&id)).position()
    };
    let agreed = async |seqs: &[usize]| {
        let places = seqs.iter().map(|seq| place(*seq)).collect();
        log.agreed(space.id, places).await.unwrap()
    };
    assert_eq!(agreed(&[0, 3, 7, 8]).await, Some(place(8)));
    assert_eq!(agreed(&[10]).await, Some(place(10)));
    assert_eq!(agreed(&[7, 0]).await, None);

    // A newcomer starts there.
    let start = log.start(space.id).await.unwrap().unwrap();
    assert_eq!(start.end, public.cursor().position());
    assert_eq!((start.checkpoint.seq, start.checkpoint.id), (10, id));
    let acks: Vec<_> = start.acks.iter().map(|ack| (ack.seq, &ack.bytes)).collect();
    assert_eq!(acks, [(ack, &confirmed)]);
    let members = log.members(space.id, 0, 8).await.unwrap();
    assert_eq!(members.entries, before[..2]);
    assert_eq!((members.end, members.head), (start.end, ack));
    let ids = [9, 3, 5, 10].map(|seq: usize| before[seq - 1].id);
    let fetched = log.entries(space.id, ids.to_vec()).await.unwrap();
    let found = [9, 5, 10].map(|seq: usize| before[seq - 1].clone());
    assert_eq!((fetched.entries, fetched.looked_at), (found.to_vec(), 4));
}

/// A healer that still has what is gone would otherwise be refused, or write it twice.
pub(crate) async fn what_was_dropped_still_has_its_place(log: impl Log) {
    let (mut space, second, _, id) = published(&log).await;
    let before = read(&log, &space, 0).await;
    let confirmed = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, confirmed).await;
    drop_all(&log, NOW + REST).await;
    for stored in &before {
        let again = at(&log, &space, NOW, stored.bytes.clone()).await;
        assert_eq!((again.seqs, again.is_new), (vec![stored.seq], false));
    }
    assert_eq!(oldest(&log, &space).await, 9);
    // Its signer goes on counting.
    let next = space.batch(second);
    assert_eq!(taken(&log, &space, NOW, next).await, 13);
}

/// A checkpoint that leaves something out destroys it, unless one who notices can stop it.
pub(crate) async fn a_bad_by_anybody_stops_it(log: impl Log) {
    let (mut space, second, _, id) = published(&log).await;
    let (change, key) = space.add(0, 9, Rights::READ);
    assert_eq!(make(&log, &space, &change).await.refused, None);
    let reader = space.accept(0, &change, key);
    let confirmed = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, confirmed).await;
    assert!(log.start(space.id).await.unwrap().is_some());
    let bad = Ack::CheckpointBad(id, CheckpointFault::Missing);
    let bad = say(&mut space, reader, bad);
    taken(&log, &space, NOW + REST - 1, bad).await;
    // Nothing that is said later changes that.
    let again = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW + REST - 1, again).await;
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 1);
    assert_eq!(log.start(space.id).await.unwrap(), None);
}

/// A person alone has nobody to ask; one whose helper never looks waits longer.
pub(crate) async fn alone_or_unanswered_it_goes_too(log: impl Log) {
    let mut space = Space::found(7);
    create(&log, &space).await;
    let batch = space.batch(0);
    ok(&log, &space, vec![batch]).await;
    let public = checkpoint(&log, &space, 2).await;
    let entry = sealed(&mut space, 0, &public);
    taken(&log, &space, NOW, entry).await;
    assert!(log.start(space.id).await.unwrap().is_some());
    drop_all(&log, NOW + REST - 1).await;
    assert_eq!(oldest(&log, &space).await, 1);
    drop_all(&log, NOW + REST).await;
    assert_eq!(oldest(&log, &space).await, 3);

    let (unanswered, ..) = published(&log).await;
    drop_all(&log, NOW + SILENCE + REST - 1).await;
    assert_eq!(oldest(&log, &unanswered).await, 1);
    drop_all(&log, NOW + SILENCE + REST).await;
    assert_eq!(oldest(&log, &unanswered).await, 9);
    assert!(log.start(unanswered.id).await.unwrap().is_some());
}

/// What was frozen is to be read as it was, for ever.
pub(crate) async fn a_closed_space_keeps_everything(log: impl Log) {
    let (mut space, second, _, id) = published(&log).await;
    let confirmed = say(&mut space, second, Ack::CheckpointOk(id));
    taken(&log, &space, NOW, confirmed).await;
    let close = space.act(0, vec![Op::Close(None)], vec![]);
    assert_eq!(make(&log, &space, &close).await.refused, None);
    drop_all(&log, NOW + 10 * SILENCE).await;
    assert_eq!(oldest(&log, &space).await, 1);
    assert_eq!(read(&log, &space, 0).await.len(), 13);
}

/// A checkpoint that does not fit its log would leave newcomers with another history.
pub(crate) async fn a_checkpoint_that_does_not_fit_is_refused(log: impl Log) {
    let (mut space, second, public, _) = published(&log).await;
    let counter = space.devices[second].counter;
    let mut refused = async |alter: &dyn Fn(&mut Checkpoint), what: &str| {
        let mut altered = public.clone();
        alter(&mut altered);
        let entry = sealed(&mut space, second, &altered);
        space.devices[second].counter = counter;
        let outcome = append(&log, &space, vec![entry], &[]).await;
        let refused = outcome.refused.unwrap();
        assert_eq!(refused.code, RefusalCode::Forbidden, "{what}");
        assert!(refused.detail.contains(what), "{}", refused.detail);
        assert_eq!(refused.head.map(|head| head.seq), Some(11));
    };
    refused(&|c| c.chain = Chain([1; 32]), "place is not").await;
    refused(&|c| c.seq = 7, "place is not").await;
    refused(&|c| c.seq = 12, "place is not").await;
    refused(&|c| c.seq = u64::MAX, "place is not").await;
    refused(&|c| c.height = Height(0), "height").await;
    refused(&|c| c.counters[1] += 1, "counter of device 1").await;
    refused(&|c| c.counters[0] -= 1, "counter of device 0").await;
    refused(&|c| c.counters.push(0), "a counter for each").await;
    refused(&|c| c.counters.truncate(1), "a counter for each").await;
    refused(&|c| c.snapshots.push(EntryId([9; 32])), "snapshot").await;
    // A batch is no snapshot.
    refused(&|c| c.snapshots.push(c.kept[0].id), "snapshot").await;
    refused(&|c| c.kept[0].seq = 4, "keeps").await;
    refused(&|c| c.kept[0].id = EntryId([9; 32]), "keeps").await;
    let noise = space.entry(second, Kind::Checkpoint, counter, Height(1), 256);
    let outcome = append(&log, &space, vec![noise], &[]).await;
    assert_eq!(outcome.refused.unwrap().code, RefusalCode::BadRequest);
    let fitting = sealed(&mut space, second, &public);
    taken(&log, &space, NOW, fitting).await;
}

/// Old snapshots would pile up otherwise; those of documents at rest are still needed.
pub(crate) async fn old_snapshots_go_with_a_newer_checkpoint(log: impl Log) {
    let mut space = Space::found(3);
    create(&log, &space).await;
    let snapshots = [space.snapshot(0), space.snapshot(0)];
    let [old, unchanged] = snapshots.clone().map(|entry| space.id_of(&entry));
    ok(&log, &space, snapshots.to_vec()).await;
    let first = checkpoint(&log, &space, 1).await;
    let first = sealed(&mut space, 0, &first);
    taken(&log, &space, NOW, first).await;
    drop_all(&log, NOW + REST).await;
    assert_eq!(oldest(&log, &space).await, 2);
    let tail: Vec<_> = read(&log, &space, 1).await;
    let renewed = space.snapshot(0);
    let fresh = space.id_of(&renewed);
    taken(&log, &space, NOW, renewed).await;
    let entries = [space.founding.entry.clone()].into_iter();
    let entries: Vec<_> = entries.chain(tail.into_iter().map(|s| s.bytes)).collect();
    let mut second = space.checkpoint(&entries, 4);
    second.snapshots = vec![unchanged, fresh];
    let second = sealed(&mut space, 0, &second);
    let id = space.id_of(&second);
    taken(&log, &space, NOW, second).await;
    let fetch = async || {
        let fetched = log.entries(space.id, vec![old, unchanged, fresh]).await;
        let entries = fetched.unwrap().entries.into_iter();
        entries.map(|stored| stored.id).collect::<Vec<_>>()
    };
    drop_all(&log, NOW + REST - 1).await;
    assert_eq!(fetch().await, [old, unchanged, fresh]);
    drop_all(&log, NOW + REST).await;
    assert_eq!(fetch().await, [unchanged, fresh]);
    assert_eq!(oldest(&log, &space).await, 5);
    let start = log.start(space.id).await.unwrap().unwrap();
    assert_eq!(start.checkpoint.id, id);
}

/// Whatever comes in whatever order: what stands above the places of all checkpoints that had their
/// quorum and their rest is there, to the byte.
pub(crate) async fn nothing_above_a_rested_checkpoint_ever_goes(log: impl Log) {
    let mut has_dropped = 0;
    for seed in 0..8 {
        let mut random = seed;
        let mut space = Space::found(100 + seed);
        create(&log, &space).await;
        let (change, key) = space.add(0, 1, Rights::WRITE);
        assert_eq!(make(&log, &space, &change).await.refused, None);
        let second = space.accept(0, &change, key);
        let mut mirror = vec![space.founding.entry.clone(), change.entry];
        // Of each checkpoint: its id, its place, who published it, since when it may go, if ever.
        let mut published: Vec<(EntryId, u64, usize, Option<i64>)> = Vec::new();
        let mut now = NOW;
        for _ in 0..120 {
            let by = if noise(&mut random).is_multiple_of(2) {
                0
            } else {
                second
            };
            let of = usize::from(noise(&mut random)) % published.len().max(1);
            let entry = match noise(&mut random) % 16 {
                0..6 => space.batch(by),
                6 => space.snapshot(by),
                7 => {
                    let floor = oldest(&log, &space).await - 1;
                    let span = u64::try_from(mirror.len()).unwrap() - floor;
                    let seq = (floor + u64::from(noise(&mut random)) % span).max(1);
                    let public = space.checkpoint(&mirror, seq);
                    let entry = sealed(&mut space, by, &public);
                    let id = space.id_of(&entry);
                    published.push((id, seq, by, Some(now + SILENCE + REST)));
                    entry
                }
                8..11 if of < published.len() => {
                    let (id, _, publisher, due) = &mut published[of];
                    if by != *publisher {
                        *due = due.map(|due| due.min(now + REST));
                    }
                    say(&mut space, by, Ack::CheckpointOk(*id))
                }
                11 if of < published.len() && noise(&mut random) < 64 => {
                    let (id, .., due) = &mut published[of];
                    // What has gone does not come back.
                    *due = due.filter(|due| *due <= now);
                    let bad = Ack::CheckpointBad(*id, CheckpointFault::Altered);
                    say(&mut space, by, bad)
                }
                _ => {
                    now += i64::from(noise(&mut random)) * (REST / 128);
                    drop_all(&log, now).await;
                    let may_go = published
                        .iter()
                        .filter(|p| p.3.is_some_and(|due| due <= now));
                    let may_go = may_go.map(|p| p.1).max().unwrap_or(0);
                    let oldest = oldest(&log, &space).await;
                    assert_eq!(oldest, may_go + 1, "{seed}");
                    has_dropped += u32::from(oldest > 1);
                    let kept = read(&log, &space, may_go).await;
                    let kept: Vec<_> = kept.into_iter().map(|stored| stored.bytes).collect();
                    assert_eq!(kept, mirror[usize::try_from(may_go).unwrap()..], "{seed}");
                    continue;
                }
            };
            taken(&log, &space, now, entry.clone()).await;
            mirror.push(entry);
        }
    }
    assert!(has_dropped > 20, "{has_dropped}");
}

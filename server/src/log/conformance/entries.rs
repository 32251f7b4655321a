//! Which entries are taken, once each and in one order.

use waymark_wire::chain::Cursor;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::Height;
use waymark_wire::limits;
use waymark_wire::membership::{Core, Op, Rights};
use waymark_wire::message::RefusalCode;

use super::{append, create, make, ok, refused, request};
use crate::log::{Append, Log, LogError, Refused};
use crate::testing::Space;

/// Otherwise a device could not show that the relay holds what it sent.
pub(crate) async fn entries_come_back_in_order_with_their_chain(log: impl Log) {
    let mut space = Space::found(1);
    let mut entries = vec![space.founding.entry.clone()];
    assert_eq!(create(&log, &space).await.seqs, [1]);
    for _ in 0..3 {
        entries.push(space.batch(0));
    }
    let taken = ok(&log, &space, entries[1..].to_vec()).await;
    assert_eq!(taken.seqs, [2, 3, 4]);
    let page = log.page(space.id, 0).await.unwrap();
    let got: Vec<_> = page.entries.iter().map(|e| e.bytes.clone()).collect();
    assert_eq!(got, entries);
    let mut cursor = Cursor::start(&space.id);
    for entry in &page.entries {
        cursor = cursor.after(&space.id_of(&entry.bytes));
        assert_eq!(
            (entry.seq, entry.id),
            (cursor.seq, space.id_of(&entry.bytes))
        );
    }
    assert_eq!((page.end, page.head), (cursor.position(), 4));
    assert_eq!(taken.head, Some(cursor.position()));
    let rest = log.page(space.id, 4).await.unwrap();
    assert_eq!((rest.entries.len(), rest.end), (0, cursor.position()));
    let usage = log.usage(space.id).await.unwrap().unwrap();
    let sent = entries.iter().chain(&space.founding.attachments);
    let sent: usize = sent.map(Vec::len).sum();
    assert_eq!(usage.bytes, u64::try_from(sent).unwrap());
    assert_eq!((usage.oldest, usage.head), (1, cursor.position()));
}

/// Otherwise a check-in is doubled whenever an answer is lost.
pub(crate) async fn the_same_entry_has_one_place(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let again = create(&log, &space).await;
    assert_eq!((again.seqs, again.is_new), (vec![1], false));
    let (one, two, three) = (space.batch(0), space.batch(0), space.batch(0));
    ok(&log, &space, vec![one.clone(), two.clone()]).await;
    let mixed = ok(&log, &space, vec![two, three, one]).await;
    assert_eq!((mixed.seqs, mixed.is_new), (vec![3, 4, 2], true));
    assert_eq!(log.page(space.id, 0).await.unwrap().head, 4);
}

/// Otherwise a relay could lose an entry unseen, or a cloned device write beside its twin.
pub(crate) async fn a_counter_counts_once_and_without_holes(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let first = space.batch(0);
    ok(&log, &space, vec![first]).await;
    for wrong in [0, 1, 3, u32::MAX] {
        let entry = space.entry(0, Kind::Batch, wrong, Height(0), 256);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::Counter, "{wrong}");
        assert_eq!(refused.head.map(|head| head.seq), Some(2));
    }
    let right = space.entry(0, Kind::Batch, 2, Height(0), 256);
    ok(&log, &space, vec![right]).await;
}

/// Otherwise one device's mistake holds up everybody's entries.
pub(crate) async fn a_bad_entry_stops_its_request_and_no_other(log: impl Log) {
    let mut space = Space::found(1);
    let mut other = Space::found(2);
    create(&log, &space).await;
    create(&log, &other).await;
    let (good, mut bad, after) = (space.batch(0), space.batch(0), space.batch(0));
    bad[100] ^= 1;
    let one = append(&log, &space, vec![good, bad, after], &[]);
    let entry = other.batch(0);
    let two = append(&log, &other, vec![entry], &[]);
    let (one, two) = tokio::join!(one, two);
    assert_eq!((one.seqs, one.head.unwrap().seq), (vec![2], 2));
    assert_eq!(one.refused.unwrap().code, RefusalCode::NotFound);
    assert_eq!((two.seqs, two.refused), (vec![2], None));
    for cut in [0, 10, 115, 387] {
        let mut entry = space.entry(0, Kind::Batch, 2, Height(0), 256);
        entry.truncate(cut);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::BadRequest, "{cut}");
    }
    let mut long = space.entry(0, Kind::Batch, 2, Height(0), limits::BATCH);
    long.push(0);
    assert_eq!(
        refused(&log, &space, vec![long]).await.code,
        RefusalCode::TooLarge
    );
    let mut newer = space.entry(0, Kind::Batch, 2, Height(0), 256);
    newer[0] = 2;
    assert_eq!(
        refused(&log, &space, vec![newer]).await.code,
        RefusalCode::Unsupported
    );
    assert_eq!(
        refused(&log, &space, vec![]).await.code,
        RefusalCode::BadRequest
    );
}

/// Otherwise anybody could find out which spaces there are, and who is in them.
pub(crate) async fn strangers_learn_nothing(log: impl Log) {
    let space = Space::found(1);
    let mut stranger = Space::found(2);
    create(&log, &space).await;
    create(&log, &stranger).await;
    let not_found = Refused {
        code: RefusalCode::NotFound,
        detail: "not found".into(),
        head: None,
        membership: Vec::new(),
        after: None,
    };
    let foreign = stranger.batch(0);
    let mut unknown = Space::found(3);
    let nowhere = unknown.batch(0);
    let mut twin = Space::found(1);
    let mut altered = twin.batch(0);
    *altered.last_mut().unwrap() ^= 1;
    let mut numbered = twin.entry(0, Kind::Batch, 1, Height(0), 256);
    numbered[3] = 7;
    assert_eq!(refused(&log, &space, vec![foreign]).await, not_found);
    assert_eq!(refused(&log, &unknown, vec![nowhere]).await, not_found);
    assert_eq!(refused(&log, &space, vec![altered]).await, not_found);
    assert_eq!(refused(&log, &space, vec![numbered]).await, not_found);
    // Not even whether an entry is there already.
    let mut founding = space.founding.entry.clone();
    *founding.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&log, &space, vec![founding]).await, not_found);
    assert!(log.membership(unknown.id).await.unwrap().is_none());
    assert!(log.usage(unknown.id).await.unwrap().is_none());
}

/// Otherwise a relay would keep what its rules cannot judge.
pub(crate) async fn kinds_and_ops_of_later_versions_are_refused(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    for kind in [Kind::Unknown(0), Kind::Unknown(77)] {
        let entry = space.entry(0, kind, 1, Height(0), 256);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::Unsupported, "{kind:?}");
    }
    for number in 8..=9 {
        let core = Core {
            previous: space.membership.head(),
            ops: vec![Op::Reserved(number)],
            keys: Vec::new(),
        };
        let entry = space.change(0, &core);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::Unsupported, "{number}");
    }
}

/// Otherwise a supporter who may look could change a plan.
pub(crate) async fn readers_may_not_write(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let (change, key) = space.add(0, 1, Rights::READ);
    make(&log, &space, &change).await;
    let reader = space.accept(0, &change, key);
    let batch = space.batch(reader);
    let batch = refused(&log, &space, vec![batch]).await;
    assert_eq!(batch.code, RefusalCode::Forbidden);
    assert_eq!(batch.head.map(|head| head.seq), Some(2));
    space.devices[reader].counter = 0;
    let (invitation, _) = space.add(reader, 2, Rights::READ);
    let invitation = make(&log, &space, &invitation).await.refused.unwrap();
    assert_eq!(invitation.code, RefusalCode::Forbidden);
}

/// Otherwise a member that was left without a key could not say so, or could say it without end.
pub(crate) async fn whoever_is_a_member_may_say_what_it_lacks(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let (change, key) = space.add(0, 1, Rights::READ);
    make(&log, &space, &change).await;
    let reader = space.accept(0, &change, key);
    let ack = |space: &mut Space, counter, height, bytes| {
        space.entry(reader, Kind::Ack, counter, Height(height), bytes)
    };
    let first = ack(&mut space, 0, 1, 256);
    assert_eq!(ok(&log, &space, vec![first.clone()]).await.seqs, [3]);
    let again = ok(&log, &space, vec![first]).await;
    assert_eq!((again.seqs, again.is_new), (vec![3], false));
    let longest = ack(&mut space, 1, 1, limits::ACK);
    ok(&log, &space, vec![longest]).await;

    for (counter, height, bytes, why) in [
        (1, 1, 256, RefusalCode::Counter),
        (3, 1, 256, RefusalCode::Counter),
        (2, 2, 256, RefusalCode::NotFound),
        (2, 1, 257, RefusalCode::BadRequest),
        (2, 1, limits::ACK + 64, RefusalCode::TooLarge),
    ] {
        let entry = ack(&mut space, counter, height, bytes);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, why, "{counter} {height} {bytes}");
    }
    let mut altered = ack(&mut space, 2, 1, 256);
    altered[60] ^= 1;
    let altered = refused(&log, &space, vec![altered]).await;
    assert_eq!(altered.code, RefusalCode::NotFound);

    // Of an epoch that is over.
    let rotation = space.act(0, vec![Op::Rotate(None)], Vec::new());
    make(&log, &space, &rotation).await;
    space.take(0, &rotation);
    let late = ack(&mut space, 2, 1, 256);
    let late = refused(&log, &space, vec![late]).await;
    assert_eq!(late.code, RefusalCode::StaleMembership);
    let now = ack(&mut space, 2, 2, 256);
    ok(&log, &space, vec![now]).await;

    // Where the key has to change, everybody gets the new one.
    let (change, key) = space.add(0, 2, Rights::WRITE);
    make(&log, &space, &change).await;
    let leaver = space.accept(0, &change, key);
    let leave = space.act(leaver, vec![Op::Leave], Vec::new());
    make(&log, &space, &leave).await;
    space.take(leaver, &leave);
    let due = ack(&mut space, 3, 4, 256);
    let due = refused(&log, &space, vec![due]).await;
    assert_eq!(due.code, RefusalCode::StaleMembership);
    let gone = space.entry(leaver, Kind::Ack, 1, Height(3), 256);
    let gone = refused(&log, &space, vec![gone]).await;
    assert_eq!(gone.code, RefusalCode::NotFound);

    let close = space.act(0, vec![Op::Close(None)], Vec::new());
    make(&log, &space, &close).await;
    space.take(0, &close);
    let closed = ack(&mut space, 3, 5, 256);
    let closed = refused(&log, &space, vec![closed]).await;
    assert_eq!(closed.code, RefusalCode::Closed);
}

/// Otherwise entries are lost to readers that follow a cursor.
pub(crate) async fn many_devices_at_once_leave_no_hole(log: impl Log) {
    const DEVICES: usize = 8;
    const EACH: usize = 12;
    let log = std::sync::Arc::new(log);
    let mut tasks = tokio::task::JoinSet::new();
    let mut ids = Vec::new();
    for seed in 0..3 {
        let mut space = Space::found(seed);
        create(&*log, &space).await;
        for _ in 1..DEVICES {
            let (change, key) = space.add(0, 1, Rights::WRITE);
            make(&*log, &space, &change).await;
            space.accept(0, &change, key);
        }
        ids.push(space.id);
        for device in 0..DEVICES {
            let entries: Vec<_> = (0..EACH).map(|_| space.batch(device)).collect();
            let (log, id) = (log.clone(), space.id);
            tasks.spawn(async move {
                let mut seqs = Vec::new();
                for entry in entries {
                    let append = Append {
                        heals: false,
                        space: id,
                        entries: vec![entry],
                        attachments: Vec::new(),
                        may_create: false,
                        terms: crate::log::Terms::default(),
                        now: 0,
                    };
                    let taken = log.append(append).await.unwrap();
                    assert_eq!(taken.refused, None);
                    seqs.extend(taken.seqs);
                }
                assert!(seqs.is_sorted());
            });
        }
    }
    tasks.join_all().await;
    for id in ids {
        let page = log.page(id, 0).await.unwrap();
        let seqs: Vec<_> = page.entries.iter().map(|entry| entry.seq).collect();
        let expected: Vec<_> = (1..).take(DEVICES + DEVICES * EACH).collect();
        assert_eq!(seqs, expected);
        let mut cursor = Cursor::start(&id);
        for stored in &page.entries[1..] {
            let entry = Entry::parse(stored.bytes.clone()).unwrap();
            assert_eq!(stored.id, entry.id(&id));
        }
        for stored in &page.entries {
            cursor = cursor.after(&stored.id);
        }
        assert_eq!(page.end, cursor.position());
    }
}

/// Otherwise a stop could take an entry and lose it.
pub(crate) async fn a_closed_log_takes_nothing(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    log.health().await.unwrap();
    log.close().await;
    let batch = space.batch(0);
    let late = log.append(request(&space, vec![batch], &[])).await;
    assert_eq!(late, Err(LogError::Busy));
    assert_eq!(log.health().await, Err(LogError::Busy));
    assert_eq!(log.page(space.id, 0).await.unwrap().head, 1);
}

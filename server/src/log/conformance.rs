//! What every [`Log`] has to hold. A backend's tests call [`log_conformance`] with a function that
//! makes an empty log (and whatever has to live as long).

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{AttachmentHash, Height, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::RefusalCode;

use super::{Append, AppendOutcome, Log, Refused};
use crate::testing::{Change, Space};

/// Makes one test of each function below for the logs that `$make` makes.
macro_rules! log_conformance {
    ($make:expr) => {
        crate::log::conformance::log_conformance! { $make;
            entries_come_back_in_order_with_their_chain
            the_same_entry_has_one_place
            a_counter_counts_once_and_without_holes
            a_bad_entry_stops_its_request_and_no_other
            strangers_learn_nothing
            a_space_needs_its_first_entry
            membership_entries_take_turns
            kinds_and_ops_of_later_versions_are_refused
            attachments_come_with_what_names_them
            readers_may_not_write
            pages_end_at_their_limits
            places_are_found_on_the_log
            many_devices_at_once_leave_no_hole
            a_closed_log_takes_nothing
        }
    };
    ($make:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (log, _keep) = ($make)();
                crate::log::conformance::$name(log).await;
            }
        )*
    };
}
pub(crate) use log_conformance;

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

/// Otherwise a relay could be made to swap a space for another.
pub(crate) async fn a_space_needs_its_first_entry(log: impl Log) {
    let mut space = Space::found(1);
    let batch = space.batch(0);
    let early = refused(&log, &space, vec![batch.clone()]).await;
    assert_eq!(early.code, RefusalCode::NotFound);
    let other = Space::found(2);
    let swapped = append(
        &log,
        &space,
        vec![other.founding.entry.clone()],
        &other.founding.attachments,
    );
    assert_eq!(swapped.await.refused.unwrap().code, RefusalCode::NotFound);
    let closed = Append {
        may_create: false,
        ..request(
            &space,
            vec![space.founding.entry.clone()],
            &space.founding.attachments,
        )
    };
    let closed = log.append(closed).await.unwrap();
    assert_eq!(closed.refused.unwrap().code, RefusalCode::Admission);
    // All at once, in one request.
    let both = vec![space.founding.entry.clone(), batch];
    let both = append(&log, &space, both, &space.founding.attachments).await;
    assert_eq!((both.seqs, both.refused), (vec![1, 2], None));
    assert_eq!(
        log.membership(space.id).await.unwrap().as_deref(),
        Some(&space.membership)
    );
}

/// Otherwise two changes of a membership could both count, and devices disagree who is in.
pub(crate) async fn membership_entries_take_turns(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let (mine, key) = space.add(0, 0, Rights::WRITE);
    let (theirs, _) = space.add(0, 1, Rights::WRITE);
    assert_eq!(add(&log, &space, &mine).await.seqs, [2]);
    let moved = add(&log, &space, &theirs).await.refused.unwrap();
    assert_eq!(moved.code, RefusalCode::MembershipMoved);
    assert_eq!(moved.head.map(|head| head.seq), Some(2));
    assert_eq!(moved.membership, vec![mine.entry.clone()]);
    // The winner may come again.
    assert_eq!(add(&log, &space, &mine).await.seqs, [2]);
    let second = space.accept(0, &mine, key);
    // A membership entry counts among its signer's entries.
    let reused = space.entry(0, Kind::Batch, 1, Height(1), 256);
    let reused = refused(&log, &space, vec![reused]).await;
    assert_eq!(reused.code, RefusalCode::Counter);
    let (own, others) = (space.batch(second), space.batch(0));
    assert_eq!(ok(&log, &space, vec![own, others]).await.seqs, [3, 4]);
    assert_eq!(
        log.membership(space.id).await.unwrap().as_deref(),
        Some(&space.membership)
    );
    // A height that the relay does not know yet: nobody is proven, so nothing is told.
    let ahead = space.entry(0, Kind::Batch, 3, Height(2), 256);
    let ahead = refused(&log, &space, vec![ahead]).await;
    assert_eq!(
        (ahead.code, ahead.head),
        (RefusalCode::StaleMembership, None)
    );
    // A device is no member at a height before it was added.
    let before = space.entry(second, Kind::Batch, 1, Height(0), 256);
    let before = refused(&log, &space, vec![before]).await;
    assert_eq!(before.code, RefusalCode::NotFound);
}

/// Otherwise a relay would keep what its rules cannot judge.
pub(crate) async fn kinds_and_ops_of_later_versions_are_refused(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let kinds = [
        Kind::Ack,
        Kind::Carry,
        Kind::Checkpoint,
        Kind::Snapshot,
        Kind::Unknown(77),
    ];
    for kind in kinds {
        let entry = space.entry(0, kind, 1, Height(0), 256);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::Unsupported, "{kind:?}");
    }
    for number in 2..=8 {
        let core = waymark_wire::membership::Core {
            previous: space.membership.head(),
            ops: vec![waymark_wire::membership::Op::Reserved(number)],
            keys: Vec::new(),
        };
        let entry = space.change(0, &core);
        let refused = refused(&log, &space, vec![entry]).await;
        assert_eq!(refused.code, RefusalCode::Unsupported, "{number}");
    }
}

/// Otherwise a member would be added who can never open anything.
pub(crate) async fn attachments_come_with_what_names_them(log: impl Log) {
    let mut space = Space::found(1);
    let bare = append(&log, &space, vec![space.founding.entry.clone()], &[]).await;
    assert_eq!(bare.refused.unwrap().code, RefusalCode::Attachment);
    assert!(log.membership(space.id).await.unwrap().is_none());
    create(&log, &space).await;
    let (change, _) = space.add(0, 1, Rights::WRITE);
    let with = |attachments: Vec<Vec<u8>>| Change {
        attachments,
        ..change.clone()
    };
    let [key, sealed] = <[Vec<u8>; 2]>::try_from(change.attachments.clone()).unwrap();
    let wrong = [
        with(vec![key.clone()]),
        with(vec![sealed.clone()]),
        with(vec![key.clone(), sealed.clone(), vec![1; 1_216]]),
        with(vec![key.clone(), sealed[1..].to_vec()]),
    ];
    for wrong in wrong {
        let refused = add(&log, &space, &wrong).await.refused.unwrap();
        assert_eq!(refused.code, RefusalCode::Attachment);
    }
    let unnamed = append(&log, &space, vec![], std::slice::from_ref(&key)).await;
    assert_eq!(unnamed.refused.unwrap().code, RefusalCode::BadRequest);
    let large = with(vec![key.clone(), sealed.clone(), vec![0; 3_000]]);
    assert_eq!(
        add(&log, &space, &large).await.refused.unwrap().code,
        RefusalCode::TooLarge
    );
    assert_eq!(add(&log, &space, &change).await.refused, None);
    // Its entry may come again alone.
    assert_eq!(add(&log, &space, &with(vec![])).await.seqs, [2]);
    let hashes = [&sealed, &key].map(|bytes| AttachmentHash::of(bytes));
    let missing = AttachmentHash([0; 32]);
    let kept = log.attachments(space.id, vec![hashes[0], missing, hashes[1]]);
    assert_eq!(kept.await.unwrap(), [sealed, key]);
    let other = Space::found(2);
    create(&log, &other).await;
    let elsewhere = log.attachments(other.id, hashes.to_vec());
    assert!(elsewhere.await.unwrap().is_empty());
}

/// Otherwise a supporter who may look could change a plan.
pub(crate) async fn readers_may_not_write(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let (change, key) = space.add(0, 1, Rights::READ);
    add(&log, &space, &change).await;
    let reader = space.accept(0, &change, key);
    let batch = space.batch(reader);
    let batch = refused(&log, &space, vec![batch]).await;
    assert_eq!(batch.code, RefusalCode::Forbidden);
    assert_eq!(batch.head.map(|head| head.seq), Some(2));
    space.devices[reader].counter = 0;
    let (invitation, _) = space.add(reader, 2, Rights::READ);
    let invitation = add(&log, &space, &invitation).await.refused.unwrap();
    assert_eq!(invitation.code, RefusalCode::Forbidden);
}

/// Otherwise one answer could fill a phone's memory.
pub(crate) async fn pages_end_at_their_limits(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    for _ in 0..5 {
        let entries = (0..60).map(|_| space.batch(0)).collect();
        ok(&log, &space, entries).await;
    }
    let page = log.page(space.id, 0).await.unwrap();
    assert_eq!(page.entries.len(), limits::PAGE_ENTRIES);
    assert_eq!((page.end.seq, page.head), (256, 301));
    let page = log.page(space.id, page.end.seq).await.unwrap();
    assert_eq!((page.entries.len(), page.end.seq), (45, 301));
    for _ in 0..5 {
        let large = space.batch_of(0, limits::BATCH);
        ok(&log, &space, vec![large]).await;
    }
    let page = log.page(space.id, 301).await.unwrap();
    let bytes: usize = page.entries.iter().map(|entry| entry.bytes.len()).sum();
    assert_eq!(page.entries.len(), 3);
    assert!(bytes <= limits::PAGE_BYTES);
}

/// Otherwise a device could not heal a relay that lost entries.
pub(crate) async fn places_are_found_on_the_log(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let mut places = vec![Cursor::start(&space.id).position()];
    for _ in 0..3 {
        let batch = space.batch(0);
        places.extend(ok(&log, &space, vec![batch]).await.head);
    }
    let mut wrong = places[3];
    wrong.chain.0[0] ^= 1;
    let beyond = Position {
        seq: 99,
        ..places[3]
    };
    let far = Position {
        seq: u64::MAX,
        ..places[3]
    };
    let agreed = async |asked: &[Position]| log.agreed(space.id, asked.to_vec()).await.unwrap();
    for place in &places {
        assert_eq!(agreed(&[*place]).await, Some(*place));
    }
    assert_eq!(
        agreed(&[far, beyond, wrong, places[2], places[1]]).await,
        Some(places[2])
    );
    assert_eq!(agreed(&[wrong, places[0]]).await, Some(places[0]));
    assert_eq!(agreed(&[wrong, beyond]).await, None);
    assert_eq!(agreed(&[]).await, None);
    let start = Cursor::start(&SpaceId([1; 32])).position();
    assert_eq!(agreed(&[start]).await, None);
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
            add(&*log, &space, &change).await;
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
                        space: id,
                        entries: vec![entry],
                        attachments: Vec::new(),
                        may_create: false,
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
    assert_eq!(late, Err(super::LogError::Busy));
    assert_eq!(log.health().await, Err(super::LogError::Busy));
    assert_eq!(log.page(space.id, 0).await.unwrap().head, 1);
}

fn request(space: &Space, entries: Vec<Vec<u8>>, attachments: &[Vec<u8>]) -> Append {
    Append {
        space: space.id,
        entries,
        attachments: attachments.to_vec(),
        may_create: true,
    }
}

async fn append(
    log: &impl Log,
    space: &Space,
    entries: Vec<Vec<u8>>,
    attachments: &[Vec<u8>],
) -> AppendOutcome {
    log.append(request(space, entries, attachments))
        .await
        .unwrap()
}

async fn create(log: &impl Log, space: &Space) -> AppendOutcome {
    let outcome = add(log, space, &space.founding).await;
    assert_eq!(outcome.refused, None);
    outcome
}

async fn add(log: &impl Log, space: &Space, change: &Change) -> AppendOutcome {
    append(log, space, vec![change.entry.clone()], &change.attachments).await
}

async fn ok(log: &impl Log, space: &Space, entries: Vec<Vec<u8>>) -> AppendOutcome {
    let outcome = append(log, space, entries, &[]).await;
    assert_eq!(outcome.refused, None);
    outcome
}

async fn refused(log: &impl Log, space: &Space, entries: Vec<Vec<u8>>) -> Refused {
    let outcome = append(log, space, entries, &[]).await;
    assert!(outcome.seqs.is_empty());
    outcome.refused.unwrap()
}

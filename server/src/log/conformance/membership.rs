//! Who may do what, from the entry on that says so.

use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, Height, SpaceId};
use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::RefusalCode;

use super::{append, create, grown, make, ok, refused, request};
use crate::log::{Append, Log, Refused};
use crate::testing::Space;

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
    assert_eq!(make(&log, &space, &mine).await.seqs, [2]);
    let moved = make(&log, &space, &theirs).await.refused.unwrap();
    assert_eq!(moved.code, RefusalCode::MembershipMoved);
    assert_eq!(moved.head.map(|head| head.seq), Some(2));
    assert_eq!(moved.membership, vec![mine.entry.clone()]);
    // The winner may come again.
    assert_eq!(make(&log, &space, &mine).await.seqs, [2]);
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
    assert_eq!((ahead.code, ahead.head), (RefusalCode::NotFound, None));
    // A device is no member at a height before it was added.
    let before = space.entry(second, Kind::Batch, 1, Height(0), 256);
    let before = refused(&log, &space, vec![before]).await;
    assert_eq!(before.code, RefusalCode::NotFound);
}

/// Otherwise somebody who was removed goes on writing, or learns that and by whom.
pub(crate) async fn who_is_removed_is_a_stranger(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let (sent, unsent) = (space.batch(second), space.batch(second));
    ok(&log, &space, vec![sent.clone()]).await;
    let removal = space.remove(0, second);
    assert_eq!(make(&log, &space, &removal).await.refused, None);
    let height = space.membership.height();
    let rotate = space.act(second, vec![Op::Rotate(None)], vec![]);
    let leave = space.act(second, vec![Op::Leave], vec![]);
    space.take(0, &removal);
    let not_found = Refused {
        code: RefusalCode::NotFound,
        detail: "not found".into(),
        head: None,
        membership: Vec::new(),
        after: None,
    };
    let counter = space.devices[second].counter;
    let late = [
        unsent,
        // Taken before: that is told to members alone.
        sent,
        space.entry(second, Kind::Batch, counter, height, 256),
        space.entry(second, Kind::Batch, 1, Height(height.0 + 1), 256),
        rotate.entry,
        leave.entry,
    ];
    for entry in late {
        assert_eq!(refused(&log, &space, vec![entry]).await, not_found);
    }
    // Its entries from before stay where they are, and whoever stayed goes on.
    let batch = space.batch(0);
    assert_eq!(ok(&log, &space, vec![batch]).await.seqs, [5]);
    let kept = log.membership(space.id).await.unwrap().unwrap();
    assert_eq!(*kept, space.membership);
    assert!(kept.member(DeviceNumber(1)).is_none());
    // A batch from before that was on its way: the epoch is over, and its signer is told.
    let old = space.entry(0, Kind::Batch, 3, height, 256);
    let stale = refused(&log, &space, vec![old]).await;
    assert_eq!(stale.code, RefusalCode::StaleMembership);
    assert_eq!(stale.membership, [removal.entry]);
}

/// Otherwise who left would never know whether it was done, and try for ever.
pub(crate) async fn who_has_left_may_ask_again_for_what_was_taken(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let (change, key) = space.add(second, 1, Rights::WRITE);
    assert_eq!(make(&log, &space, &change).await.refused, None);
    let third = space.accept(second, &change, key);
    let others = space.batch(second);
    ok(&log, &space, vec![others.clone()]).await;
    let batch = space.batch(third);
    let leave = space.act(third, vec![Op::Leave], vec![]);
    let both = vec![batch, leave.entry.clone()];
    for _ in 0..2 {
        assert_eq!(ok(&log, &space, both.clone()).await.seqs, [5, 6]);
    }
    let before = space.membership.height();
    space.take(third, &leave);
    for height in [before, space.membership.height()] {
        let more = space.entry(third, Kind::Batch, 2, height, 256);
        let more = refused(&log, &space, vec![more]).await;
        assert_eq!((more.code, more.head), (RefusalCode::NotFound, None));
    }
    // It took its person's other device along, which did not say so itself.
    let others = refused(&log, &space, vec![others]).await;
    assert_eq!((others.code, others.head), (RefusalCode::NotFound, None));
}

/// Otherwise somebody who has left could read what is written after that.
pub(crate) async fn what_a_leaver_knew_is_replaced_first(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let old = space.membership.height();
    let leave = space.act(second, vec![Op::Leave], vec![]);
    assert_eq!(make(&log, &space, &leave).await.refused, None);
    space.take(second, &leave);
    let due = space.membership.height();
    for height in [old, due] {
        let batch = space.entry(0, Kind::Batch, 2, height, 256);
        let batch = refused(&log, &space, vec![batch]).await;
        assert_eq!(batch.code, RefusalCode::StaleMembership, "{height:?}");
        let news = if height == old {
            vec![leave.entry.clone()]
        } else {
            vec![]
        };
        assert_eq!(batch.membership, news);
    }
    let (addition, _) = space.add(0, 2, Rights::WRITE);
    let addition = make(&log, &space, &addition).await.refused.unwrap();
    assert_eq!(addition.code, RefusalCode::Forbidden);
    let rotate = space.act(0, vec![Op::Rotate(None)], vec![]);
    assert_eq!(make(&log, &space, &rotate).await.refused, None);
    space.take(0, &rotate);
    for height in [old, due] {
        let batch = space.entry(0, Kind::Batch, 3, height, 256);
        let batch = refused(&log, &space, vec![batch]).await;
        assert_eq!(batch.code, RefusalCode::StaleMembership, "{height:?}");
    }
    let batch = space.batch(0);
    assert_eq!(ok(&log, &space, vec![batch]).await.seqs, [5]);
}

/// Otherwise a plan that was ended, or goes on elsewhere, would grow in two places.
pub(crate) async fn a_closed_space_takes_nothing_and_is_read(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let successor = Some(SpaceId([5; 32]));
    let close = space.act(0, vec![Op::Close(successor)], vec![]);
    assert_eq!(make(&log, &space, &close).await.refused, None);
    // Sent before it was known: the entry that closes is the reason.
    let (early, _) = space.add(0, 2, Rights::WRITE);
    let early = make(&log, &space, &early).await.refused.unwrap();
    assert_eq!(early.code, RefusalCode::MembershipMoved);
    assert_eq!(early.membership, vec![close.entry.clone()]);
    space.take(0, &close);
    for (by, height) in [(0, 1), (0, 2), (second, 1), (second, 2)] {
        let counter = space.devices[by].counter;
        let batch = space.entry(by, Kind::Batch, counter, Height(height), 256);
        let batch = refused(&log, &space, vec![batch]).await;
        assert_eq!(batch.code, RefusalCode::Closed);
        assert_eq!(batch.head.map(|head| head.seq), Some(3));
    }
    for op in [Op::Rotate(None), Op::Leave, Op::Close(None)] {
        let change = space.act(0, vec![op], vec![]);
        let change = make(&log, &space, &change).await.refused.unwrap();
        assert_eq!(change.code, RefusalCode::Closed);
    }
    assert_eq!(make(&log, &space, &close).await.seqs, [3]);
    assert_eq!(log.page(space.id, 0).await.unwrap().head, 3);
    let kept = log.membership(space.id).await.unwrap().unwrap();
    assert_eq!((kept.successor(), kept.members().count()), (successor, 2));
}

/// Otherwise two admins who fall out could both be gone, and nobody be left to decide.
pub(crate) async fn of_two_who_remove_each_other_one_stays(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let (change, key) = space.add(0, 1, Rights::ADMIN);
    make(&log, &space, &change).await;
    let second = space.accept(0, &change, key);
    let (one, two) = (space.remove(0, second), space.remove(second, 0));
    let outcomes = tokio::join!(make(&log, &space, &one), make(&log, &space, &two));
    let refused = match (outcomes.0.refused, outcomes.1.refused) {
        (None, Some(refused)) | (Some(refused), None) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!((refused.code, refused.head), (RefusalCode::NotFound, None));
    let kept = log.membership(space.id).await.unwrap().unwrap();
    assert_eq!(kept.members().count(), 1);
    let alone = kept.members().next().unwrap().device;
    space.take(usize::from(alone.0), if alone.0 == 0 { &one } else { &two });
    let alone = usize::from(alone.0);
    for op in [Op::Leave, Op::Remove(space.devices[alone].number)] {
        let last = space.act(alone, vec![op], vec![]);
        let last = make(&log, &space, &last).await.refused.unwrap();
        assert_eq!(last.code, RefusalCode::Forbidden);
    }
}

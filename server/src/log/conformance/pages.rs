//! Reading: pages, places, and who may get them.

use std::sync::Arc;

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::membership::Op;

use super::{create, make, ok};
use crate::log::Log;
use crate::testing::Space;

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

/// Otherwise whoever is being removed could get the entry that says so, and what follows.
pub(crate) async fn a_page_is_never_ahead_of_the_membership(log: impl Log) {
    const ENTRIES: u64 = 100;
    let mut space = Space::found(1);
    create(&log, &space).await;
    let log = Arc::new(log);
    let (writer, id) = (log.clone(), space.id);
    let writing = tokio::spawn(async move {
        for _ in 0..ENTRIES {
            let change = space.act(0, vec![Op::Rotate(None)], vec![]);
            assert_eq!(make(&*writer, &space, &change).await.refused, None);
            space.take(0, &change);
        }
    });
    let (mut after, mut head) = (0, 1);
    while after < head || !writing.is_finished() {
        let page = log.page(id, after).await.unwrap();
        let membership = log.membership(id).await.unwrap().unwrap();
        for stored in &page.entries {
            // All are membership entries.
            let height = u32::try_from(stored.seq - 1).unwrap();
            assert!(membership.height().0 >= height, "{height}");
        }
        (after, head) = (page.end.seq, page.head);
    }
    writing.await.unwrap();
    assert_eq!(log.page(id, 0).await.unwrap().head, ENTRIES + 1);
}

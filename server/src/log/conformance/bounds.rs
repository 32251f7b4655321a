//! How much is taken of anybody.

use std::sync::Arc;

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::membership::Rights;
use waymark_wire::message::RefusalCode;

use super::{create, grown, ok, request};
use crate::log::{Append, AppendOutcome, Log, Quota, Terms};
use crate::rates::{RateLimits, Rates};
use crate::testing::Space;

async fn under(
    log: &impl Log,
    space: &Space,
    terms: &Terms,
    entries: Vec<Vec<u8>>,
    attachments: &[Vec<u8>],
) -> AppendOutcome {
    let append = Append {
        terms: terms.clone(),
        ..request(space, entries, attachments)
    };
    log.append(append).await.unwrap()
}

fn within(bytes: Option<u64>, entries: Option<u64>) -> Terms {
    Terms {
        quota: Quota { bytes, entries },
        ..Terms::default()
    }
}

/// One space could otherwise fill the disk of all. But a full one must not be stuck: whoever is not to
/// read it any more is removed, and what is in it can become less.
pub(crate) async fn a_full_space_takes_only_what_a_full_one_needs(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let usage = async || log.usage(space.id).await.unwrap().unwrap();
    let before = usage().await;
    let (one, two) = (space.batch(0), space.batch(0));
    let size = u64::try_from(one.len()).unwrap();
    // Room for one of the two, however they come.
    let terms = within(Some(before.bytes + size + size / 2), None);
    let both = under(&log, &space, &terms, vec![one.clone(), two.clone()], &[]).await;
    assert_eq!((both.seqs, both.is_new), (vec![3], true));
    let refused = both.refused.unwrap();
    assert_eq!(refused.code, RefusalCode::Quota);
    assert_eq!(refused.head, both.head);
    let alone = under(&log, &space, &terms, vec![two.clone()], &[]).await;
    assert_eq!(alone.refused.unwrap().code, RefusalCode::Quota);
    assert_eq!(
        log.usage(space.id).await.unwrap().unwrap().bytes,
        before.bytes + size
    );
    // What was taken is still known.
    let again = under(&log, &space, &terms, vec![one], &[]).await;
    assert_eq!((again.seqs, again.refused), (vec![3], None));
    space.devices[0].counter -= 1;
    let removal = space.remove(0, second);
    let kind = Entry::parse(removal.entry.clone()).unwrap().header().kind;
    assert_eq!(kind, Kind::Membership);
    let entries = vec![removal.entry.clone()];
    let taken = under(&log, &space, &terms, entries, &removal.attachments).await;
    assert_eq!(taken.refused, None);
}

/// Small entries fill a relay too: each has its row for ever.
pub(crate) async fn a_space_has_room_for_so_many_entries(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    let entries: Vec<_> = (0..4).map(|_| space.batch(0)).collect();
    let taken = under(&log, &space, &within(None, Some(4)), entries.clone(), &[]).await;
    assert_eq!(taken.seqs, [2, 3, 4]);
    assert_eq!(taken.refused.unwrap().code, RefusalCode::Quota);
    // A bound that is lifted is one no more.
    ok(&log, &space, entries[3..].to_vec()).await;
}

/// One phone that has gone wild must not use up what the others of its space need; and a stranger must
/// neither use up what a member may, nor learn how much that is.
pub(crate) async fn who_writes_too_often_is_told_when_to_come_back(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let rates = Rates::new(RateLimits {
        key: Some(1),
        ..RateLimits::default()
    });
    let terms = Terms {
        rates: Some(Arc::new(rates)),
        ..Terms::default()
    };
    // With a signature that is another's.
    let mut forged = space.batch(0);
    space.devices[0].counter -= 1;
    *forged.last_mut().unwrap() ^= 1;
    let is_stranger = async || {
        let refused = under(&log, &space, &terms, vec![forged.clone()], &[])
            .await
            .refused;
        let refused = refused.unwrap();
        assert_eq!((refused.code, refused.after), (RefusalCode::NotFound, None));
    };
    for _ in 0..20 {
        is_stranger().await;
    }
    let burst: Vec<_> = (0..16).map(|_| space.batch(0)).collect();
    assert_eq!(under(&log, &space, &terms, burst, &[]).await.refused, None);
    let next = vec![space.batch(0)];
    let refused = under(&log, &space, &terms, next.clone(), &[]).await.refused;
    let refused = refused.unwrap();
    assert_eq!(refused.code, RefusalCode::TooOften);
    assert!((1..=7).contains(&refused.after.unwrap()), "{refused:?}");
    let refused = under(&log, &space, &terms, vec![forged.clone()], &[])
        .await
        .refused;
    assert_eq!(refused.unwrap().code, RefusalCode::NotFound);
    // Nothing came of it, and the other goes on.
    let other = vec![space.batch(second)];
    assert_eq!(under(&log, &space, &terms, other, &[]).await.refused, None);
    assert_eq!(ok(&log, &space, next).await.seqs, [20]);
    let (change, _) = space.add(0, 2, Rights::READ);
    let entries = vec![change.entry.clone()];
    let refused = under(&log, &space, &terms, entries, &change.attachments)
        .await
        .refused;
    assert_eq!(refused.unwrap().code, RefusalCode::TooOften);
}

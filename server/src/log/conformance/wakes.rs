//! Tokens by which members are woken: one for each, as long as the membership.

use waymark_wire::ids::DeviceNumber;

use super::{create, grown, make};
use crate::log::Log;
use crate::testing::Space;

/// A phone would be woken under a token that its maker's service has long replaced, or never.
pub(crate) async fn a_member_has_the_token_that_it_left_last(log: impl Log) {
    let (space, second, _) = grown(&log).await;
    let other = Space::found(2);
    create(&log, &other).await;
    let [first, second] = [0, second].map(|by| space.devices[by].number);
    assert_eq!(log.wakes(space.id).await.unwrap(), []);
    for token in [b"one".to_vec(), b"two".to_vec()] {
        log.set_wake(space.id, first, Some(token)).await.unwrap();
    }
    let theirs = log.set_wake(space.id, second, Some(b"theirs".to_vec()));
    theirs.await.unwrap();
    let mut all = log.wakes(space.id).await.unwrap();
    all.sort();
    assert_eq!(
        all,
        [(first, b"two".to_vec()), (second, b"theirs".to_vec())]
    );
    assert_eq!(log.wakes(other.id).await.unwrap(), []);
    log.set_wake(space.id, first, None).await.unwrap();
    let left = log.wakes(space.id).await.unwrap();
    assert_eq!(left, [(second, b"theirs".to_vec())]);
}

/// Who was removed would be told for ever that something happens in what is no more theirs.
pub(crate) async fn a_token_goes_with_its_membership(log: impl Log) {
    let (mut space, second, _) = grown(&log).await;
    let removed = space.devices[second].number;
    for device in [space.devices[0].number, removed] {
        log.set_wake(space.id, device, Some(b"token".to_vec()))
            .await
            .unwrap();
    }
    let removal = space.remove(0, second);
    assert_eq!(make(&log, &space, &removal).await.refused, None);
    // Nor is one kept that comes too late, or of nobody.
    for nobody in [removed, DeviceNumber(9)] {
        log.set_wake(space.id, nobody, Some(b"late".to_vec()))
            .await
            .unwrap();
    }
    let unknown = Space::found(3);
    log.set_wake(unknown.id, DeviceNumber(0), Some(b"lost".to_vec()))
        .await
        .unwrap();
    assert_eq!(log.wakes(unknown.id).await.unwrap(), []);
    let left = log.wakes(space.id).await.unwrap();
    assert_eq!(left, [(space.devices[0].number, b"token".to_vec())]);
}

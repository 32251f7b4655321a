//! How much a relay takes of anybody, as it is told over HTTP.

use std::time::Duration;

use waymark_server::{Config, RateLimits};
use waymark_wire::message::{PULL_PATH, PullRequest, RefusalCode, StatusAnswer};

use crate::client::{TestRelay, frames, header, refused_code};
use crate::testing::{Space, start};

/// Whoever looks after a space has to learn that it is full, and before that how full it is.
#[tokio::test]
async fn a_full_space_is_told_so_and_how_much_it_may_hold() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    config.limits.quota.bytes = Some(8_000);
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let mut taken = 1;
    let refused = loop {
        let batch = space.batch(0);
        let answer = client.append(&space.request(vec![batch], &[])).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(refused.status, 507);
    let refusal = refused.refusal();
    assert_eq!(refusal.code, RefusalCode::Quota);
    assert_eq!(refusal.head.unwrap().seq, taken);
    // Nobody knows when there will be room.
    assert_eq!(header(&refused.head, "retry-after"), None);
    let status: StatusAnswer = client.status(&space, 0).await.read();
    assert_eq!(status.quota, Some(8_000));
    assert!(status.bytes <= 8_000 && status.bytes > 7_000, "{status:?}");
    assert_eq!(status.receipt.position.seq, taken);
}

/// A device that does as it is told gets in.
#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back_and_is_served_then() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::new(directory.path());
    config.limits.rates = RateLimits {
        key: Some(4),
        ..RateLimits::default()
    };
    let relay = TestRelay::with(config).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let batches: Vec<_> = (0..43).map(|_| space.batch(0)).collect();
    client.taken(&space.request(batches, &[])).await;
    let batch = space.batch(0);
    let request = space.request(vec![batch], &[]);
    let refused = client.append(&request).await;
    assert_eq!(refused.refusal().code, RefusalCode::TooOften);
    assert_eq!(refused.status, 429);
    let after: u64 = header(&refused.head, "retry-after")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&after), "{after}");
    // Readings are counted with what is written.
    let status = client.status(&space, 0).await;
    assert_eq!(status.status, 429);
    assert!(header(&status.head, "retry-after").is_some());
    let spaces = vec![client.ask(&space, 0, start(&space.id)).await];
    let answer = client
        .post(PULL_PATH, &PullRequest { spaces, live: None })
        .await;
    assert_eq!(refused_code(&frames(&answer)[1..]), RefusalCode::TooOften);
    tokio::time::sleep(Duration::from_secs(after)).await;
    assert_eq!(client.taken(&request).await.seqs, [45]);
}

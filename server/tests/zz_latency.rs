#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]
#[path = "relay/client.rs"]
mod client;
#[path = "../src/testing.rs"]
mod testing;
use client::*;
use testing::*;
use waymark_wire::codec;
use waymark_wire::membership::Rights;
use waymark_wire::message::*;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    let mut live = relay.client().await;
    let asked = live.ask(&space, 0, start(&space.id)).await;
    live.send(
        PULL_PATH,
        &codec::encode(&PullRequest {
            spaces: vec![asked],
            live: Some(60),
        }),
    )
    .await;
    live.head().await;
    live.chunk().await;
    live.chunk().await;
    let (mut a, mut b) = (vec![], vec![]);
    for _ in 0..500 {
        let batch = space.batch(second);
        let request = codec::encode(&space.request(vec![batch], &[]));
        let t = std::time::Instant::now();
        client.send(APPEND_PATH, &request).await;
        live.chunk().await;
        a.push(t.elapsed());
        let (_, head) = client.head().await;
        let n: usize = header(&head, "content-length").unwrap().parse().unwrap();
        client.drop_bytes(n).await;
        b.push(t.elapsed());
    }
    a.sort();
    b.sort();
    println!(
        "live median {:?} p90 {:?}; answer median {:?}",
        a[250], a[450], b[250]
    );
    let mut handles = vec![];
    let t = std::time::Instant::now();
    for s in 100..108 {
        let mut c = relay.client().await;
        handles.push(tokio::spawn(async move {
            let mut space = Space::found(s);
            c.taken(&space.create()).await;
            for _ in 0..40 {
                let entries = (0..50).map(|_| space.batch(0)).collect();
                c.taken(&space.request(entries, &[])).await;
            }
        }));
    }
    for h in handles {
        h.await.unwrap();
    }
    println!("16000 entries in {:?}", t.elapsed());
}

//! Devices that push without a pause, and everything again until they are told that it is kept; and
//! what has to hold afterwards, whatever happened meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use waymark_wire::message::{AppendAnswer, AppendRequest, RefusalCode};
use waymark_wire::signature::VerifyingKey;

use crate::client::Client;
use crate::process::check;
use crate::testing::Space;

/// How long a device waits for an answer before it asks elsewhere.
const PATIENCE: Duration = Duration::from_secs(3);
/// After how long without a place for an entry the test gives up.
const LONG: Duration = Duration::from_secs(60);

/// Devices that push, each into a space of its own.
pub(crate) struct Writers {
    running: JoinSet<Written>,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

/// A space, and what was acknowledged behind its first entry, in this order.
pub(crate) struct Written {
    pub(crate) space: Space,
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Writers {
    /// Has `count` devices push to the nodes at these addresses.
    pub(crate) fn start(nodes: &[String], key: VerifyingKey, count: u64) -> Self {
        let mut writers = Self {
            running: JoinSet::new(),
            is_over: Arc::default(),
            acknowledged: Arc::default(),
            refused: Arc::default(),
        };
        for seed in 0..count {
            let mut device = Device {
                nodes: nodes.to_vec(),
                at: usize::try_from(seed).unwrap(),
                key,
                client: None,
                refused: writers.refused.clone(),
            };
            let (is_over, acknowledged) = (writers.is_over.clone(), writers.acknowledged.clone());
            writers.running.spawn(async move {
                let mut space = Space::found(seed);
                device.push(&space.create()).await;
                let mut sent = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let batch = space.batch(0);
                    let taken = device.push(&space.request(vec![batch.clone()], &[])).await;
                    sent.push(batch);
                    // Its place, and no other: also of one that was taken before and not heard of.
                    assert_eq!(taken.seqs, [u64::try_from(sent.len()).unwrap() + 1]);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Written { space, sent }
            });
        }
        writers
    }

    /// Waits until so many more were acknowledged.
    pub(crate) async fn more(&self, count: usize) {
        let wanted = self.acknowledged.load(Ordering::Relaxed) + count;
        let come = timeout(LONG, async {
            while self.acknowledged.load(Ordering::Relaxed) < wanted {
                sleep(Duration::from_millis(1)).await;
            }
        });
        come.await.expect("what is pushed is taken");
    }

    /// How often a device was told that nothing can be taken now.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Ends when each has what it is pushing acknowledged.
    pub(crate) async fn end(self) -> Vec<Written> {
        self.is_over.store(true, Ordering::Relaxed);
        self.running.join_all().await
    }
}

/// One device on its way from node to node.
struct Device {
    nodes: Vec<String>,
    at: usize,
    key: VerifyingKey,
    client: Option<Client>,
    refused: Arc<AtomicUsize>,
}

impl Device {
    /// Sends the same bytes until somebody has taken them.
    async fn push(&mut self, request: &AppendRequest) -> AppendAnswer {
        let taken = timeout(LONG, async {
            loop {
                match timeout(PATIENCE, self.try_push(request)).await {
                    Ok(Some(answer)) => break answer,
                    Ok(None) | Err(_) => {
                        self.client = None;
                        self.at += 1;
                        sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
        taken.await.expect("somebody takes it in the end")
    }

    async fn try_push(&mut self, request: &AppendRequest) -> Option<AppendAnswer> {
        let client = match &mut self.client {
            Some(client) => client,
            none => {
                let node = &self.nodes[self.at % self.nodes.len()];
                none.insert(Client::try_connect(node, self.key).await?)
            }
        };
        let answer = client.try_post(request).await?;
        if answer.status == 200 {
            return Some(answer.read());
        }
        let refusal = answer.refusal();
        assert_eq!(refusal.code, RefusalCode::Unavailable, "{refusal:?}");
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Fails unless the relay shows each log whole: what was acknowledged at its place, once, with the
/// chain that a device computes, and nothing else. Says how many entries there are.
pub(crate) async fn all_is_there(reader: &mut Client, all: &[Written]) -> usize {
    let mut count = 0;
    for Written { space, sent } in all {
        let log = check(space, &reader.read(space, 0).await);
        let expected: Vec<_> = sent.iter().map(|batch| space.id_of(batch)).collect();
        assert_eq!(log[0], space.id.into());
        assert!(
            log[1..] == expected,
            "{} of {}",
            log.len() - 1,
            expected.len()
        );
        count += log.len();
    }
    count
}

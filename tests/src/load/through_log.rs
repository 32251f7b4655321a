//! What a relay's log takes, without HTTP: many spaces append at once, one entry each time, and the
//! writers commit together what has queued. Beside it bare rows of the same table in the same engine,
//! committed in the same groups, with one signature check by ring for each.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use waymark_server::bus::{Bus, LocalBus};
use waymark_server::log::{Append, Log, Terms};
use waymark_server::mailbox::Mailboxes;
use waymark_server::{Config, Relay, Shards};
use waymark_wire::ids::SpaceId;

use super::bare::{Bare, Row as BareRow};
use super::engines::Engine;
use crate::report::{Row, as_f64};
use crate::rounds::in_turn;
use crate::testing::Space;

/// Spaces, each with one device that waits for its answer before it appends again.
const SPACES: usize = 512;
/// What a relay may be slower by.
const TARGET: f64 = 0.8;
/// How often a reader of a shared database looks; nobody reads here.
const POLL: Duration = Duration::from_secs(15);

/// What is appended: for each space its first entry, and then one after another.
struct Work {
    spaces: Vec<(Append, Vec<Vec<u8>>)>,
}

/// Appends through [`Log`] over an engine, `each` entries a space, in so many rounds.
#[must_use]
pub fn appends(runtime: &Runtime, engine: &Engine, rounds: usize, each: usize) -> Row {
    let work = Work::of(each);
    let pair = in_turn(
        rounds,
        || runtime.block_on(ours(engine, &work)),
        || runtime.block_on(bare(engine, &work)),
    );
    let count = as_f64(u64::try_from(SPACES * each).unwrap_or(u64::MAX));
    let rate = |time: Duration| count / time.as_secs_f64();
    let ratio = rate(pair.ours) / rate(pair.baseline);
    Row {
        measure: format!(
            "appends through Log, {}, {SPACES} spaces at once",
            engine.name()
        ),
        ours: format!("{:.0}/s", rate(pair.ours)),
        baseline: format!("{:.0}/s", rate(pair.baseline)),
        ratio: format!("{ratio:.2}×"),
        target: format!("≥ {TARGET:.2}×"),
        met: Some(ratio >= TARGET),
    }
}

impl Work {
    fn of(each: usize) -> Self {
        let space = |seed| {
            let mut space = Space::found(seed);
            let founding = Append {
                heals: false,
                now: 0,
                space: space.id,
                entries: vec![space.founding.entry.clone()],
                attachments: space.founding.attachments.clone(),
                may_create: true,
                terms: Terms::default(),
            };
            let entries = (0..each).map(|_| space.batch(0)).collect();
            (founding, entries)
        };
        Self {
            spaces: (0..).map(space).take(SPACES).collect(),
        }
    }
}

async fn ours(engine: &Engine, work: &Work) -> Duration {
    let directory = TempDir::new().expect("a directory");
    let config = Config::new(directory.path());
    match engine.database() {
        None => through(Relay::open(config).expect("a relay opens"), work).await,
        Some(address) => {
            let shards = Shards::one(address.parse().expect("an address"));
            let relay = Relay::shared(config, &shards, LocalBus::rechecking(POLL)).await;
            through(relay.expect("a relay opens"), work).await
        }
    }
}

async fn through<L: Log + Mailboxes, B: Bus>(relay: Relay<L, B>, work: &Work) -> Duration {
    let relay = Arc::new(relay);
    for (founding, _) in &work.spaces {
        let outcome = relay.log().append(founding.clone()).await;
        assert_eq!(outcome.expect("appended").seqs, [1]);
    }
    let appenders: Vec<_> = work
        .spaces
        .iter()
        .map(|(founding, entries)| (founding.space, entries.clone()))
        .collect();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (space, entries) in appenders {
        let relay = Arc::clone(&relay);
        tasks.spawn(async move {
            for entry in entries {
                append(relay.log(), space, entry).await;
            }
        });
    }
    tasks.join_all().await;
    let took = start.elapsed();
    relay.log().close().await;
    took
}

async fn append(log: &impl Log, space: SpaceId, entry: Vec<u8>) {
    let append = Append {
        heals: false,
        now: 0,
        space,
        entries: vec![entry],
        attachments: Vec::new(),
        may_create: false,
        terms: Terms::default(),
    };
    let outcome = log.append(append).await.expect("appended");
    assert_eq!(outcome.refused, None);
}

async fn bare(engine: &Engine, work: &Work) -> Duration {
    let directory = TempDir::new().expect("a directory");
    let bare = Arc::new(open(engine, directory.path()).await);
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key");
    let text = [7; 79];
    let signature = pair.sign(&text);
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());
    let appenders: Vec<_> = work
        .spaces
        .iter()
        .map(|(_, entries)| entries.clone())
        .collect();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (space, entries) in (1..).zip(appenders) {
        let (bare, public) = (Arc::clone(&bare), public.clone());
        tasks.spawn(async move {
            for (counter, bytes) in (1..).zip(entries) {
                public.verify(&text, signature.as_ref()).expect("signed");
                let row = BareRow {
                    space,
                    seq: counter + 1,
                    counter,
                    id: [1; 32],
                    chain: [2; 32],
                    bytes,
                };
                bare.append(row).await;
            }
        });
    }
    tasks.join_all().await;
    let took = start.elapsed();
    let bare = Arc::into_inner(bare).expect("all have ended");
    tokio::task::block_in_place(|| bare.close());
    took
}

async fn open(engine: &Engine, directory: &Path) -> Bare {
    // It waits for its database.
    tokio::task::block_in_place(|| engine.bare(directory))
}
